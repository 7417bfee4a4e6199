//! Charla's decisions, free of I/O, clock and randomness.
//!
//! Nothing here touches a socket, a store or a clock: callers pass what arrived and the time, and
//! carry out what comes back.

pub mod catch_up;
pub mod changes;
pub mod connections;
pub mod grant;
pub mod key;
pub mod limit;
pub mod loops;
pub mod message;
pub mod outbox;
pub mod pace;
pub mod peers;
pub mod presence;
pub mod quota;
pub mod rooms;
pub mod session;
pub mod typing;

pub use catch_up::CatchingUp;
pub use grant::{CanEnter, Role};
pub use key::{RoomKey, UserKey};
pub use limit::Limit;
pub use loops::Loops;
pub use message::{Author, Draft, Seq, Stored};
pub use outbox::{Outbox, OutboxLimits};
pub use pace::{Pace, Paces};
pub use peers::NodeId;
pub use quota::{Quota, Rate};

/// Milliseconds on a clock that never steps, from a start of the caller's choosing.
pub type Millis = u64;
