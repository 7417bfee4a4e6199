//! Charla's Rust client: one connection over [`tokio_tungstenite`], frames as JSON, every end with its cause.
//!
//! [`Address`] understands what people paste, [`Client`] speaks charla.v1, and [`Closing`] says why it ended.
//! Nothing reconnects here: who uses the client decides.

pub mod address;
pub mod client;
pub mod http;
pub mod transport;

pub use address::{Address, AddressError};
pub use client::{Client, Event};
pub use transport::{Closing, ConnectError, Dialect};

/// The id of a message.
pub use uuid::Uuid;
