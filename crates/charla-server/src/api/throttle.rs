//! How often somebody may ask, counted by whoever it is: an address that signs in, a person with a token.
//!
//! For each only the time until which it has used up its share is kept, and forgotten once that is past.

use std::collections::HashMap;
use std::hash::Hash;

use charla_core::{Millis, Rate};
use parking_lot::Mutex;

/// Keys kept at once. Beyond it newcomers are not counted: those who could fill it have proved who they are,
/// or spent a password's hash on each.
const KEYS_MAX: usize = 65_536;

/// A share a key.
#[derive(Debug)]
pub(super) struct Throttle<K> {
    /// Microseconds that one request uses up; 0 for no limit.
    each: u64,
    /// Microseconds that may be used up in advance.
    ahead: u64,
    used_until: Mutex<HashMap<K, u64>>,
}

impl<K: Hash + Eq> Throttle<K> {
    /// So many a second, and a burst after a rest.
    pub(super) fn per_second(rate: Rate) -> Self {
        Self::new(1_000_000, rate.per_second, rate.burst)
    }

    /// So many a minute, in any rhythm.
    pub(super) fn per_minute(count: u32) -> Self {
        Self::new(60_000_000, count, count)
    }

    fn new(span: u64, count: u32, burst: u32) -> Self {
        let each = span.checked_div(u64::from(count)).unwrap_or(0);
        Self {
            each,
            ahead: each * u64::from(burst.max(1)),
            used_until: Mutex::default(),
        }
    }

    /// Uses up one.
    ///
    /// # Errors
    /// The milliseconds until there is one again.
    pub(super) fn take(&self, key: K, now: Millis) -> Result<(), Millis> {
        if self.each == 0 {
            return Ok(());
        }
        let now = now.saturating_mul(1_000);
        let mut used_until = self.used_until.lock();
        if used_until.len() >= KEYS_MAX {
            used_until.retain(|_, until| *until > now);
        }
        if used_until.len() >= KEYS_MAX && !used_until.contains_key(&key) {
            return Ok(());
        }
        let until = used_until.entry(key).or_insert(now);
        let next = now.max(*until) + self.each;
        let over = next.saturating_sub(now + self.ahead);
        if over > 0 {
            return Err(over.div_ceil(1_000));
        }
        *until = next;
        Ok(())
    }

    /// Takes one back: it is not to be counted after all.
    pub(super) fn give_back(&self, key: &K) {
        if let Some(until) = self.used_until.lock().get_mut(key) {
            *until = until.saturating_sub(self.each);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_fills_again_with_time() {
        let throttle = Throttle::per_minute(3);
        for _ in 0..3 {
            assert_eq!(throttle.take("a", 0), Ok(()));
        }
        assert_eq!(throttle.take("a", 0), Err(20_000));
        assert_eq!(throttle.take("b", 0), Ok(()), "shares are apart");
        assert_eq!(throttle.take("a", 20_000), Ok(()));
        throttle.give_back(&"a");
        assert_eq!(throttle.take("a", 20_000), Ok(()));
        assert_eq!(throttle.take("a", 20_000), Err(20_000));
    }

    #[test]
    fn nothing_is_counted_without_a_limit() {
        let throttle = Throttle::per_minute(0);
        for _ in 0..1_000 {
            assert_eq!(throttle.take(1, 0), Ok(()));
        }
        assert!(throttle.used_until.lock().is_empty());
    }
}
