//! How often in the last minute, in six slots of ten seconds: the oldest is forgotten as a whole.

use crate::Millis;

const SLOT: Millis = 10_000;
const SLOTS: usize = 6;

/// Counts of the last minute, the newest slot first.
#[derive(Debug, Default)]
pub(super) struct Minute {
    counts: [u32; SLOTS],
    newest: u64,
}

impl Minute {
    /// Counts so many now.
    pub(super) fn add(&mut self, count: u32, now: Millis) {
        let slot = now / SLOT;
        let passed = self.passed(now);
        self.counts.rotate_right(passed % SLOTS);
        for count in self.counts.iter_mut().take(passed) {
            *count = 0;
        }
        self.newest = slot.max(self.newest);
        if let Some(newest) = self.counts.first_mut() {
            *newest = newest.saturating_add(count);
        }
    }

    /// How many.
    pub(super) fn count(&self, now: Millis) -> u32 {
        let young = self.counts.iter().take(SLOTS - self.passed(now));
        young.fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Slots that began since the newest, no more than there are.
    fn passed(&self, now: Millis) -> usize {
        let passed = (now / SLOT).saturating_sub(self.newest);
        usize::try_from(passed).map_or(SLOTS, |passed| passed.min(SLOTS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_a_minute_does_not_count() {
        let mut minute = Minute::default();
        for second in 0..120 {
            minute.add(1, second * 1_000);
        }
        assert_eq!(minute.count(119_999), 60);
        assert_eq!(minute.count(120_000), 50, "a slot goes as a whole");
        assert_eq!(minute.count(169_999), 10);
        assert_eq!(minute.count(170_000), 0);
        minute.add(3, 1_000_000);
        assert_eq!(minute.count(1_000_000), 3);
    }
}
