//! Charla's decisions, free of I/O, clock and randomness.
//!
//! Nothing here touches a socket, a store or a clock: callers pass what arrived and the time, and
//! carry out what comes back.

pub mod key;
pub mod message;

pub use key::{RoomKey, UserKey};
pub use message::{Author, Draft, Seq, Stored};
