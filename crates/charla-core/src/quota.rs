//! How often: a bucket that fills steadily and holds a burst.

use crate::Millis;

/// A rate with a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Sustained, a second. 0 means without limit.
    pub per_second: u32,
    /// At once, after a rest.
    pub burst: u32,
}

/// One bucket, kept in thousandths of a token so that a millisecond counts.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    thousandths: u32,
    at: Millis,
}

impl Quota {
    /// A full bucket.
    #[must_use]
    pub const fn new(rate: Rate, now: Millis) -> Self {
        Self {
            thousandths: rate.burst.saturating_mul(1_000),
            at: now,
        }
    }

    /// Takes one.
    ///
    /// # Errors
    /// The milliseconds until there is one again.
    pub fn take(&mut self, rate: Rate, now: Millis) -> Result<(), Millis> {
        if rate.per_second == 0 {
            return Ok(());
        }
        // A token a second is a thousandth a millisecond.
        let gained = now
            .saturating_sub(self.at)
            .saturating_mul(u64::from(rate.per_second));
        let full = u64::from(rate.burst.max(1)) * 1_000;
        let filled = gained.saturating_add(u64::from(self.thousandths)).min(full);
        self.at = now;
        self.thousandths = u32::try_from(filled).unwrap_or(u32::MAX);
        match self.thousandths.checked_sub(1_000) {
            Some(left) => {
                self.thousandths = left;
                Ok(())
            }
            None => Err(u64::from(1_000 - self.thousandths).div_ceil(u64::from(rate.per_second))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let rate = Rate {
            per_second: 10,
            burst: 3,
        };
        let mut quota = Quota::new(rate, 0);
        for _ in 0..3 {
            assert_eq!(quota.take(rate, 0), Ok(()));
        }
        assert_eq!(quota.take(rate, 0), Err(100));
        assert_eq!(quota.take(rate, 40), Err(60));
        assert_eq!(quota.take(rate, 100), Ok(()));
        assert_eq!(
            quota.take(rate, 3_600_000),
            Ok(()),
            "a long rest fills no more than the burst"
        );
        assert_eq!(
            (quota.take(rate, 3_600_000), quota.take(rate, 3_600_000)),
            (Ok(()), Ok(()))
        );
        assert_eq!(quota.take(rate, 3_600_000), Err(100));
    }

    #[test]
    fn a_rate_of_zero_is_none() {
        let rate = Rate {
            per_second: 0,
            burst: 0,
        };
        assert_eq!(Quota::new(rate, 0).take(rate, 0), Ok(()));
    }
}
