//! What happens when: events in the order of their times, those of the same time in the order in which they were written down.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use charla_core::Millis;

/// Events to come.
#[derive(Debug)]
pub(crate) struct Calendar<E> {
    times: BinaryHeap<Reverse<(Millis, u64)>>,
    events: BTreeMap<u64, E>,
    written: u64,
}

impl<E> Default for Calendar<E> {
    fn default() -> Self {
        Self {
            times: BinaryHeap::new(),
            events: BTreeMap::new(),
            written: 0,
        }
    }
}

impl<E> Calendar<E> {
    /// Writes an event down.
    pub(crate) fn put(&mut self, at: Millis, event: E) {
        self.written += 1;
        self.times.push(Reverse((at, self.written)));
        self.events.insert(self.written, event);
    }

    /// The next event and its time.
    pub(crate) fn next(&mut self) -> Option<(Millis, E)> {
        let Reverse((at, number)) = self.times.pop()?;
        Some((at, self.events.remove(&number)?))
    }
}
