//! The load: thousands of WebSocket clients on one thread.
//!
//! Own framing, own `epoll`, headers parsed and payloads looked at only where a scenario asks, so that the load
//! generator is not what is measured. It trusts nothing: what was delivered is counted by what arrived.

mod crowd;
pub(crate) mod frame;
pub(crate) mod http;
pub(crate) mod message;
mod pool;
mod progress;
mod publisher;

pub(crate) use crowd::Crowd;
pub(crate) use pool::{Event, Pool};
pub(crate) use progress::{PATIENCE, Progress};
pub(crate) use publisher::APPLICATION;
use publisher::Publisher;
