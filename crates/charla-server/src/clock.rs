//! What time it is: passed around as a value, so that a test can say so.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use charla_core::Millis;
use charla_wire::Timestamp;

/// Tells the time of day. For expiry and display, never for order: it may jump.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The machine's clock.
#[must_use]
pub fn system() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    })
}

/// A clock that never steps, from the node's start: for time-outs and pings.
#[derive(Debug, Clone, Copy)]
pub struct Uptime {
    started: Instant,
}

impl Uptime {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// Since the start, as exact as the machine tells: for measuring.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.started.elapsed()
    }

    /// Milliseconds since the start.
    #[must_use]
    pub fn now(self) -> Millis {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
