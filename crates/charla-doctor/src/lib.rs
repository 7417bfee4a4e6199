//! The doctor: names the cause behind a failing WebSocket.
//!
//! So far it asks one question: the server's own preflight, which runs every gate of the handshake over
//! plain HTTP ([`probe`]). What the answer means is decided without any I/O ([`verdict`]).

pub mod probe;
pub mod verdict;

pub use probe::preflight;
pub use verdict::{Evidence, Verdict, judge};
