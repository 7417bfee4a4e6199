//! Whether a load still gets on: what stands still for too long is a failure with its figures, not a run that never ends.

use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};

/// Nothing at all for so long is a failure. Longer than a kernel's retry of a dropped SYN.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What is waited for, how much of it was seen, and when it was last more.
pub(crate) struct Progress {
    what: &'static str,
    seen: u64,
    at: Instant,
}

impl Progress {
    /// None of it was seen yet.
    pub(crate) fn of(what: &'static str) -> Self {
        Self {
            what,
            seen: 0,
            at: Instant::now(),
        }
    }

    /// So much of it is here now.
    pub(crate) fn see(&mut self, seen: u64, expected: u64) -> Outcome<()> {
        if seen != self.seen {
            (self.seen, self.at) = (seen, Instant::now());
        } else if self.at.elapsed() > PATIENCE {
            return Err(Failure::Stalled {
                what: self.what.into(),
                after: PATIENCE,
                expected,
                seen,
            });
        }
        Ok(())
    }
}
