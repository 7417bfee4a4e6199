//! The client's integration tests, one binary: real sockets, real TLS, real proxies.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails loudly"
)]

mod clock;
mod closes;
mod endurance;
mod limits;
mod listening;
mod properties;
mod proxy;
mod reconnect;
mod refusals;
mod scripted;
mod talking;
mod tls;
