//! Charla's Rust client: one connection over [`tokio_tungstenite`], frames as JSON, every end with its cause.
//!
//! [`Address`] understands what people paste, [`Client`] speaks charla.v1, and [`Closing`] says why it ended.
//! [`Machine`] decides when to come back; nothing here carries that out yet.

pub mod address;
pub mod client;
pub mod closes;
pub mod cursor;
pub mod diagnose;
pub mod dial;
pub mod http;
pub mod machine;
pub mod outbox;
pub mod proxy;
pub mod redact;
mod tls;
pub mod transport;

pub use address::{Address, AddressError};
pub use client::{Client, Event};
pub use closes::{CauseName, Problem};
pub use dial::Dialer;
pub use machine::{Machine, Policy};
pub use proxy::{Proxies, Proxy, ProxyError};
pub use tls::AuthorityError;
pub use transport::{Closing, ConnectError, Dialect};

/// The id of a message.
pub use uuid::Uuid;
