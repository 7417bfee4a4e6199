//! How much in how long, for many at once: [`Paces`] keeps one number for each that has something left to wait for.
//!
//! For each only the time until which its share is used up is kept. Once that is past it is as if nothing had been, so it
//! is forgotten.

use std::collections::HashMap;
use std::hash::Hash;

use crate::Millis;

const NANOS_A_MILLI: u64 = 1_000_000;
/// Keys after which those that are idle are looked for.
const SWEEP_FROM: usize = 1_024;

/// An amount in a time, and as much at once after a rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How much. 0: no limit.
    pub amount: u64,
    /// In how long.
    pub per: Millis,
    /// How much at once after a rest.
    pub burst: u64,
}

impl Pace {
    /// So much a second, and `burst` at once.
    #[must_use]
    pub const fn per_second(amount: u64, burst: u64) -> Self {
        Self {
            amount,
            per: 1_000,
            burst,
        }
    }

    /// How much there is of it at most; 0: no limit.
    #[must_use]
    pub const fn most(self) -> u64 {
        if self.amount == 0 { 0 } else { self.burst }
    }

    /// The nanoseconds in which `amount` of it come in.
    fn lasts(self, amount: u64) -> u64 {
        let nanos = u128::from(amount) * u128::from(self.per) * u128::from(NANOS_A_MILLI);
        let lasts = nanos.checked_div(u128::from(self.amount)).unwrap_or(0);
        u64::try_from(lasts).unwrap_or(u64::MAX)
    }
}

/// How long one share is used up, in nanoseconds of the caller's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    until: u64,
}

impl Spent {
    /// Uses up `wanted`. More than a whole burst is had after a rest alone, and is waited for afterwards.
    ///
    /// # Errors
    /// The milliseconds until there is as much again; nothing is used up then.
    pub fn take(&mut self, pace: Pace, wanted: u64, now: Millis) -> Result<(), Millis> {
        if pace.amount == 0 {
            return Ok(());
        }
        let now = now.saturating_mul(NANOS_A_MILLI);
        let ahead = pace.lasts(pace.burst.max(1));
        // Whoever waits for more than was ever allowed, because the limit was lowered, waits no longer than for all of it.
        let from = self.until.clamp(now, now.saturating_add(ahead));
        let cost = pace.lasts(wanted);
        let over = from
            .saturating_add(cost.min(ahead))
            .saturating_sub(now.saturating_add(ahead));
        if over > 0 {
            return Err(over.div_ceil(NANOS_A_MILLI));
        }
        self.until = from.saturating_add(cost);
        Ok(())
    }

    /// Gives back what was taken: it is not to be counted after all.
    pub fn give_back(&mut self, pace: Pace, amount: u64) {
        self.until = self.until.saturating_sub(pace.lasts(amount));
    }

    /// How much of `pace` is used up now: never more than a burst.
    #[must_use]
    pub fn used(self, pace: Pace, now: Millis) -> u64 {
        let left = self.until.saturating_sub(now.saturating_mul(NANOS_A_MILLI));
        let per = u128::from(pace.per) * u128::from(NANOS_A_MILLI);
        let used = (u128::from(left) * u128::from(pace.amount)).div_ceil(per.max(1));
        u64::try_from(used).unwrap_or(u64::MAX).min(pace.burst)
    }

    const fn is_idle(self, now: Millis) -> bool {
        self.until <= now.saturating_mul(NANOS_A_MILLI)
    }
}

/// A share for each of many.
#[derive(Debug)]
pub struct Paces<K> {
    spent: HashMap<K, Spent>,
    most: usize,
    // How many there may be before the idle ones are looked for, and when that was done.
    sweep_at: usize,
    swept_at: Millis,
}

impl<K: Hash + Eq + Clone> Paces<K> {
    /// Nobody; at most `most` are told apart at once, and those beyond are not counted.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            spent: HashMap::new(),
            most,
            sweep_at: SWEEP_FROM.min(most),
            swept_at: 0,
        }
    }

    /// Uses up `wanted` of one's share, as [`Spent::take`].
    ///
    /// # Errors
    /// The milliseconds until there is as much again.
    pub fn take(&mut self, key: &K, pace: Pace, wanted: u64, now: Millis) -> Result<(), Millis> {
        if pace.amount == 0 {
            return Ok(());
        }
        if let Some(spent) = self.spent.get_mut(key) {
            return spent.take(pace, wanted, now);
        }
        if self.spent.len() >= self.sweep_at {
            self.sweep(now);
        }
        if self.spent.len() < self.most {
            let mut spent = Spent::default();
            spent.take(pace, wanted, now)?;
            self.spent.insert(key.clone(), spent);
        }
        Ok(())
    }

    /// Gives back what was taken.
    pub fn give_back(&mut self, key: &K, pace: Pace, amount: u64) {
        if let Some(spent) = self.spent.get_mut(key) {
            spent.give_back(pace, amount);
        }
    }

    /// How much of one's share is used up now.
    #[must_use]
    pub fn used(&self, key: &K, pace: Pace, now: Millis) -> u64 {
        self.spent.get(key).map_or(0, |spent| spent.used(pace, now))
    }

    /// Those who have used up some of theirs.
    pub fn in_use(&self, now: Millis) -> impl Iterator<Item = &K> {
        let used = self.spent.iter().filter(move |(_, spent)| !spent.is_idle(now));
        used.map(|(key, _)| key)
    }

    /// How many are told apart now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spent.len()
    }

    /// Whether nobody is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spent.is_empty()
    }

    /// Forgets the idle ones, once a second at most: a full table must not be walked for each that comes.
    fn sweep(&mut self, now: Millis) {
        if self.swept_at > 0 && now < self.swept_at.saturating_add(1_000) {
            return;
        }
        self.swept_at = now.max(1);
        self.spent.retain(|_, spent| !spent.is_idle(now));
        self.sweep_at = (self.spent.len() * 2).clamp(SWEEP_FROM.min(self.most), self.most);
        self.spent.shrink_to(self.sweep_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Millis = 86_400_000;

    #[test]
    fn a_share_fills_again_with_time() {
        let mut paces = Paces::new(10);
        let pace = Pace::per_second(10, 3);
        for _ in 0..3 {
            assert_eq!(paces.take(&"a", pace, 1, 0), Ok(()));
        }
        assert_eq!(paces.take(&"a", pace, 1, 0), Err(100));
        assert_eq!(paces.take(&"b", pace, 1, 0), Ok(()), "shares are apart");
        assert_eq!(paces.take(&"a", pace, 1, 40), Err(60));
        assert_eq!(paces.take(&"a", pace, 1, 100), Ok(()));
        paces.give_back(&"a", pace, 1);
        assert_eq!(paces.take(&"a", pace, 1, 100), Ok(()));
        assert_eq!(paces.take(&"a", pace, 1, 100), Err(100));
    }

    #[test]
    fn more_than_a_burst_is_had_after_a_rest_and_waited_for() {
        let pace = Pace::per_second(1_000, 2_000);
        let mut spent = Spent::default();
        assert_eq!(spent.take(pace, 5_000, 10_000), Ok(()));
        assert_eq!(
            spent.take(pace, 1, 10_000),
            Err(1),
            "what was owed is forgiven beyond a burst"
        );
        let mut spent = Spent::default();
        spent.take(pace, 1_500, 0).unwrap();
        assert_eq!(spent.take(pace, 5_000, 0), Err(1_500));
        assert_eq!(spent.take(pace, 5_000, 1_500), Ok(()));
    }

    #[test]
    fn a_day_is_a_day() {
        let pace = Pace {
            amount: 10 << 30,
            per: DAY,
            burst: 10 << 30,
        };
        let mut spent = Spent::default();
        assert_eq!(spent.take(pace, 10 << 30, 0), Ok(()));
        assert_eq!(spent.take(pace, 5 << 30, 0), Err(DAY / 2));
        assert_eq!(spent.take(pace, 5 << 30, DAY / 2), Ok(()));
    }

    #[test]
    fn what_is_used_up_is_seen_and_comes_in_again() {
        let mut paces = Paces::new(10);
        let pace = Pace::per_second(10, 20);
        paces.take(&"a", pace, 12, 500).unwrap();
        paces.take(&"a", pace, 100, 500).unwrap_err();
        let seen: Vec<u64> = [500, 600, 1_690, 1_700]
            .map(|now| paces.used(&"a", pace, now))
            .into();
        assert_eq!(seen, [12, 11, 1, 0]);
        assert_eq!(paces.used(&"b", pace, 500), 0);
        assert_eq!(
            paces.used(&"a", Pace::per_second(0, 0), 500),
            0,
            "no limit any more"
        );
        let lowered = Pace::per_second(5, 3);
        assert_eq!(paces.used(&"a", lowered, 500), 3);
        assert_eq!(paces.in_use(600).count(), 1);
        assert_eq!(paces.in_use(1_700).count(), 0);
    }

    #[test]
    fn a_lowered_limit_makes_nobody_wait_for_what_was_allowed_before() {
        let mut spent = Spent::default();
        spent.take(Pace::per_second(1, 3_600), 3_600, 0).unwrap();
        let lowered = Pace::per_second(1, 2);
        assert_eq!(spent.take(lowered, 1, 0), Err(1_000));
    }

    #[test]
    fn the_idle_are_forgotten_and_the_many_have_a_bound() {
        let (most, pace) = (2_000, Pace::per_second(1, 1));
        let mut paces = Paces::new(most);
        for key in 0..most + 5 {
            assert_eq!(paces.take(&key, pace, 1, 10), Ok(()));
        }
        assert_eq!(paces.len(), most);
        assert_eq!(
            paces.take(&(most + 1), pace, 1, 10),
            Ok(()),
            "beyond the bound nobody is counted"
        );
        assert_eq!(paces.take(&0, pace, 1, 10), Err(1_000));
        assert_eq!(paces.take(&(most + 1), pace, 1, 1_010), Ok(()));
        assert_eq!(paces.len(), 1, "the idle ones are gone");
    }

    #[test]
    fn nothing_is_kept_without_a_limit() {
        let mut paces = Paces::new(10);
        assert_eq!(paces.take(&1, Pace::per_second(0, 0), 1_000_000, 0), Ok(()));
        assert!(paces.is_empty());
    }
}
