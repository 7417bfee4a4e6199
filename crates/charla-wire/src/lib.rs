//! What goes over a Charla socket: ids, causes, frames and the codec. No runtime, no I/O.

pub mod ids;

pub use ids::{ChatId, IdError, TenantId, Timestamp, UserId};
