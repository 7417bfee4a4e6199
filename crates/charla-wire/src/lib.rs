//! What goes over a Charla socket: ids, causes, frames and the codec. No runtime, no I/O.

pub mod cause;
pub mod ids;

pub use cause::{Cause, Lang, Retry};
pub use ids::{ChatId, IdError, TenantId, Timestamp, UserId};
