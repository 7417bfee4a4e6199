//! The way to one server of the bus: [`Lane`]; and which topic goes which way: [`Lanes`].
//!
//! Most buses have one lane for everything. A Redis Cluster has one for each shard, and a place for topics that no shard
//! serves at the moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use super::wanted::Wanted;
use crate::broker::Topic;
use crate::broker::redis::slots;

/// Happenings that may wait for one connection; more are dropped, and found in the store by who misses them.
const OUTGOING_MAX: usize = 16 * 1024;

/// A happening on its way out.
pub(in crate::broker) struct Said {
    /// The topic's name.
    pub(in crate::broker) name: String,
    pub(in crate::broker) payload: Vec<u8>,
}

/// What waits for a connection.
pub(in crate::broker) type Outgoing = mpsc::Receiver<Said>;

/// The node's end of a connection.
pub(in crate::broker) struct Lane {
    /// The topics that are heard over it, or should be.
    pub(in crate::broker) wanted: Mutex<Wanted>,
    /// The topics have changed.
    pub(in crate::broker) errand: Notify,
    alive: AtomicBool,
    outgoing: mpsc::Sender<Said>,
}

impl Lane {
    /// A lane, and what comes out at its far end.
    pub(in crate::broker) fn open() -> (Arc<Self>, Outgoing) {
        let (outgoing, said) = mpsc::channel(OUTGOING_MAX);
        let lane = Self {
            wanted: Mutex::default(),
            errand: Notify::new(),
            alive: AtomicBool::new(false),
            outgoing,
        };
        (Arc::new(lane), said)
    }

    /// Whether there was room.
    pub(super) fn say(&self, said: Said) -> bool {
        self.outgoing.try_send(said).is_ok()
    }

    /// Whether canaries come back and everything wanted is heard.
    pub(in crate::broker) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::SeqCst)
    }

    /// Whoever sets it has every lane judged afterwards.
    pub(in crate::broker) fn set_alive(&self, alive: bool) {
        self.alive.store(alive, Ordering::SeqCst);
    }
}

/// All lanes.
pub(in crate::broker) struct Lanes {
    // With slots: nowhere, the home of topics without a shard. It never connects.
    first: Arc<Lane>,
    shards: Vec<Arc<Lane>>,
    // For each slot the place of its shard, from 1; 0 without one. Empty: everything goes by the first.
    slots: Vec<u16>,
}

impl Lanes {
    /// One for everything.
    pub(super) const fn one(lane: Arc<Lane>) -> Self {
        Self {
            first: lane,
            shards: Vec::new(),
            slots: Vec::new(),
        }
    }

    /// The lane for a name.
    pub(super) fn of(&self, name: &str) -> &Arc<Lane> {
        if self.slots.is_empty() {
            return &self.first;
        }
        let shard = self.slots.get(slots::of(name)).copied().unwrap_or(0);
        usize::from(shard)
            .checked_sub(1)
            .and_then(|at| self.shards.get(at))
            .unwrap_or(&self.first)
    }

    /// One more listener; whether no shard serves the topic.
    pub(super) fn follow(&self, topic: &Topic, prefix: &str) -> bool {
        let lane = self.of(&topic.name(prefix));
        if lane.wanted.lock().follow(topic) {
            lane.errand.notify_one();
        }
        !self.slots.is_empty() && Arc::ptr_eq(lane, &self.first)
    }

    /// One less.
    pub(super) fn leave(&self, topic: &Topic, prefix: &str) {
        let lane = self.of(&topic.name(prefix));
        if lane.wanted.lock().leave(topic) {
            lane.errand.notify_one();
        }
    }

    /// Whether all of them are, and every topic has one.
    pub(super) fn are_alive(&self) -> bool {
        if self.slots.is_empty() {
            return self.first.is_alive();
        }
        !self.shards.is_empty()
            && self.shards.iter().all(|lane| lane.is_alive())
            && self.first.wanted.lock().is_idle()
    }

    /// Has the slots served by other lanes from now on; the topics go along, and those that went are asked for anew.
    ///
    /// `slots` has the place in `shards` of each slot's lane, from 1, and 0 where there is none.
    pub(in crate::broker) fn rearrange(&mut self, shards: Vec<Arc<Lane>>, slots: Vec<u16>, prefix: &str) {
        let before = std::mem::replace(&mut self.shards, shards);
        self.slots = slots;
        let all = before.iter().chain([&self.first]).cloned().collect::<Vec<_>>();
        for lane in all {
            let moved = lane
                .wanted
                .lock()
                .give_up(|topic| !Arc::ptr_eq(self.of(&topic.name(prefix)), &lane));
            for (topic, listeners) in moved {
                let to = self.of(&topic.name(prefix));
                let mut wanted = to.wanted.lock();
                wanted.take_over(topic, listeners);
                to.set_alive(false);
                drop(wanted);
                to.errand.notify_one();
            }
        }
    }
}
