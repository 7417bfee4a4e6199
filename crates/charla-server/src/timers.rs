//! One wheel instead of a timer a connection: slots of half a second, each with those to be looked at then.

use std::sync::{Arc, Weak};
use std::time::Duration;

use charla_core::Millis;
use parking_lot::Mutex;

use crate::connection::Connection;

/// How far apart two slots are; a heartbeat is early or late by no more.
pub(crate) const TICK: Duration = Duration::from_millis(500);
const TICK_MILLIS: Millis = 500;
/// Slots of the wheel: 32 s around. What is due later is looked at early and put back.
const SLOTS: usize = 64;

/// Connections by when they want to be woken.
pub(crate) struct Timers {
    slots: Vec<Mutex<Vec<Weak<Connection>>>>,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl Timers {
    fn slot(&self, tick: Millis) -> Option<&Mutex<Vec<Weak<Connection>>>> {
        self.slots
            .get(usize::try_from(tick % SLOTS as Millis).unwrap_or(0))
    }

    /// Wakes a connection's task at `at`, or up to a turn of the wheel earlier.
    pub(crate) fn wake_at(&self, connection: &Arc<Connection>, at: Millis, now: Millis) {
        let current = now / TICK_MILLIS;
        let tick = at
            .div_ceil(TICK_MILLIS)
            .clamp(current + 1, current + SLOTS as Millis - 1);
        if let Some(slot) = self.slot(tick) {
            slot.lock().push(Arc::downgrade(connection));
        }
    }

    /// Wakes those whose slot is `now`'s.
    pub(crate) fn turn(&self, now: Millis) {
        let Some(slot) = self.slot(now / TICK_MILLIS) else {
            return;
        };
        let due = std::mem::take(&mut *slot.lock());
        for connection in due.iter().filter_map(Weak::upgrade) {
            connection.wake_for_time();
        }
    }
}
