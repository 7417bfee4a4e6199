//! The bus: who hears which topic over which connection, and how badly it carries.

use std::collections::{BTreeMap, BTreeSet};

use charla_core::{Millis, RoomKey};

use crate::faults::NodeId;

/// One connection of a node; another one after each loss.
pub(crate) type Session = u64;

/// A server for publish and subscribe that keeps nothing.
#[derive(Debug, Default)]
pub(crate) struct Bus {
    /// Nobody connects, nothing is carried.
    pub(crate) down: bool,
    /// It does nothing until then, and everything that came meanwhile after it.
    pub(crate) frozen_until: Millis,
    /// Hints lost, of a thousand.
    pub(crate) loses: u64,
    /// Hints carried twice, of a thousand.
    pub(crate) repeats: u64,
    /// Hints that later ones may overtake, of a thousand.
    pub(crate) shuffles: u64,
    /// Nodes with no way to it: nothing arrives and nothing is refused.
    pub(crate) cut: BTreeSet<NodeId>,
    hears: BTreeMap<RoomKey, BTreeSet<(NodeId, Session)>>,
}

impl Bus {
    /// A connection hears a topic.
    pub(crate) fn subscribe(&mut self, room: &RoomKey, node: NodeId, session: Session) {
        let hears = self.hears.entry(room.clone()).or_default();
        hears.insert((node, session));
    }

    /// No more.
    pub(crate) fn unsubscribe(&mut self, room: &RoomKey, node: NodeId, session: Session) {
        if let Some(hears) = self.hears.get_mut(room) {
            hears.remove(&(node, session));
        }
    }

    /// Who hears a topic.
    #[must_use]
    pub(crate) fn who_hears(&self, room: &RoomKey) -> Vec<(NodeId, Session)> {
        self.hears.get(room).into_iter().flatten().copied().collect()
    }

    /// Everybody is cut off, and their topics are forgotten.
    pub(crate) fn forget_all(&mut self) {
        self.hears.clear();
    }
}
