//! What the lab and the faults stand on: real programs, each ended by its own id, on a machine of their own where the
//! kernel lets them have one, and the names of what may go wrong with either.
//!
//! Nothing here knows Charla.

pub mod failure;
pub mod machine;
pub mod process;

pub use failure::{Failure, Outcome};
