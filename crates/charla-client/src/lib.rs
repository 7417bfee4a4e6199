//! Charla's Rust client: connects, gives up sensibly, says why, and loses nothing.
//!
//! [`Charla`] is what an application holds. It connects again by itself, within a budget: 5 attempts to a cycle, a new token
//! between cycles, 3 cycles, and no more (the rules stand in `docs/reconnect.md`, the decisions in [`machine`]). A send
//! waits in a bounded queue until it is acknowledged and goes out again under the same id; messages arrive once and in
//! order, whatever the connections go through. Every state has its cause.
//!
//! ```no_run
//! use charla_client::{Charla, ChatId, Event, Place, TokenError};
//!
//! # async fn fetch_token() -> Result<String, std::io::Error> { Ok(String::new()) }
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let (charla, mut events) = Charla::builder("wss://chat.example.org/ws/")
//!     .token(|why| async move {
//!         if why.refused.is_some_and(|cause| cause.as_str() == "token_revoked") {
//!             return Err(TokenError::stop("signed out"));
//!         }
//!         fetch_token().await.map_err(|error| TokenError::later(error.to_string()))
//!     })
//!     .connect()?;
//! let chat = ChatId::parse("5")?;
//! charla.subscribe(&chat, Place::default()).await?;
//! let ack = charla.send(&chat, "hola").await?;
//! println!("stored as number {}", ack.seq);
//! while let Some(event) = events.recv().await {
//!     match event {
//!         Event::Message(message) => println!("{}: {}", message.author().1, message.text()),
//!         Event::State(state) if state.will_retry() => println!("{}, because of {:?}", state.name, state.cause()),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Below it: [`Address`] understands what people paste, a [`Dialer`] knows proxies and authorities, a [`Connection`] is one
//! WebSocket without any will to come back, and [`http`] asks the preflight.

pub mod address;
mod attach;
mod charla;
mod chats;
pub mod closes;
pub mod connection;
pub mod cursor;
pub mod diagnose;
pub mod dial;
mod driver;
mod frame;
pub mod http;
mod link;
pub mod machine;
pub mod outbox;
pub mod proxy;
pub mod redact;
mod requests;
mod tls;
mod token;
mod trace;
pub mod transport;

pub use address::{Address, AddressError};
pub use attach::{Attached, Located};
pub use bytes::Bytes;
pub use charla::{Builder, Charla, Events, Place};
pub use charla_wire::ChatId;
pub use closes::{CauseName, Problem};
pub use connection::Connection;
pub use dial::Dialer;
pub use frame::{Ack, Event, Frame, Refusal};
pub use machine::{Machine, Policy, State};
pub use outbox::{Bounds, Entry};
pub use proxy::{Proxies, Proxy, ProxyError};
pub use tls::AuthorityError;
pub use token::{TokenError, TokenRequest};
pub use transport::{Closing, ConnectError, Dialect};

/// The id of a message.
pub use uuid::Uuid;
