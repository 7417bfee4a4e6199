//! What happened in each of the last minutes on each node: [`Minutes`].
//!
//! A minute belongs to the node that counted it and is only ever replaced by a later count of its own, so nodes may tell each
//! other the same minute as often as they like, and a node that is gone keeps its past. Minutes are those of the nodes' own
//! clocks. Time is an argument here.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use charla_core::NodeId;
use charla_wire::Cause;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::connection::Initiator;

/// Minutes that are kept: twelve hours.
pub const MINUTES_MAX: i64 = 720;
/// Minutes of all nodes together: twelve hours of sixteen nodes, less of more. Some 300 bytes each, 2 KiB
/// at worst: 4 MiB, and never more than 24 MiB.
pub const NODE_MINUTES_MAX: usize = 11_520;
/// Causes that a minute tells apart; what else happens in it is counted as [`Why::NONE`].
pub const KINDS_MAX: usize = 32;
/// A node whose clock is further ahead than this many minutes is not believed.
const AHEAD_MAX: i64 = 5;

/// A cause, or none: a client that just left, or a word of a newer program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Why(pub Option<Cause>);

impl Why {
    /// No cause.
    pub const NONE: Self = Self(None);

    /// The cause's id, or `none`.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.0.map_or("none", Cause::id)
    }
}

impl Serialize for Why {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl<'de> Deserialize<'de> for Why {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = Cow::<str>::deserialize(deserializer)?;
        Ok(Self(Cause::from_id(&id)))
    }
}

/// One minute of one node, or of several together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Minute {
    /// Which: minutes since 1970-01-01 UTC.
    pub at: i64,
    /// Clients that were connected when it was counted last: at its end.
    pub connections: u64,
    /// Handshakes that were let in.
    pub accepted: u64,
    /// Messages stored.
    pub messages: u64,
    /// Handshakes that were refused, by cause.
    pub refused: Vec<(Why, u64)>,
    /// Connections that ended, by cause and by who ended them.
    pub closed: Vec<(Why, Initiator, u64)>,
}

impl Minute {
    /// Of this time, empty.
    #[must_use]
    pub fn new(at: i64) -> Self {
        Self {
            at,
            ..Self::default()
        }
    }

    /// Counts refusals.
    pub fn add_refused(&mut self, why: Why, count: u64) {
        let full = self.refused.len() >= KINDS_MAX;
        match self.refused.iter_mut().find(|(known, _)| *known == why) {
            Some((_, known)) => *known = known.saturating_add(count),
            None if full && why != Why::NONE => self.add_refused(Why::NONE, count),
            None => self.refused.push((why, count)),
        }
    }

    /// Counts ends.
    pub fn add_closed(&mut self, why: Why, by: Initiator, count: u64) {
        let full = self.closed.len() >= KINDS_MAX;
        let known = |one: &&mut (Why, Initiator, u64)| one.0 == why && one.1 == by;
        match self.closed.iter_mut().find(known) {
            Some((_, _, known)) => *known = known.saturating_add(count),
            None if full && why != Why::NONE => self.add_closed(Why::NONE, by, count),
            None => self.closed.push((why, by, count)),
        }
    }

    /// Adds what another node counted in the same minute.
    pub fn add(&mut self, other: &Self) {
        self.connections = self.connections.saturating_add(other.connections);
        self.accepted = self.accepted.saturating_add(other.accepted);
        self.messages = self.messages.saturating_add(other.messages);
        for (why, count) in &other.refused {
            self.add_refused(*why, *count);
        }
        for (why, by, count) in &other.closed {
            self.add_closed(*why, *by, *count);
        }
    }

    /// All that is counted in it: grows while the minute lasts.
    fn events(&self) -> u64 {
        let refused = self.refused.iter().map(|(_, count)| *count);
        let closed = self.closed.iter().map(|(_, _, count)| *count);
        let counts = refused.chain(closed).chain([self.accepted, self.messages]);
        counts.fold(0, u64::saturating_add)
    }

    /// As told by another node, which may not take more room than our own.
    fn bounded(self) -> Self {
        let mut own = Self {
            refused: Vec::new(),
            closed: Vec::new(),
            ..self
        };
        for (why, count) in self.refused {
            own.add_refused(why, count);
        }
        for (why, by, count) in self.closed {
            own.add_closed(why, by, count);
        }
        own
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        size_of::<(i64, NodeId, Self)>()
            + self.refused.capacity() * size_of::<(Why, u64)>()
            + self.closed.capacity() * size_of::<(Why, Initiator, u64)>()
    }
}

/// The last minutes of all nodes.
#[derive(Debug, Default)]
pub struct Minutes {
    by_node: BTreeMap<(i64, NodeId), Minute>,
    changed: BTreeSet<i64>,
}

impl Minutes {
    /// A minute of a node, to be counted in.
    pub fn count(&mut self, at: i64, node: NodeId) -> &mut Minute {
        self.changed.insert(at);
        self.by_node.entry((at, node)).or_insert_with(|| Minute::new(at))
    }

    /// What a node counted, as it says or as another remembers it.
    pub fn hear(&mut self, node: NodeId, minute: Minute, now: i64) {
        if minute.at <= now - MINUTES_MAX || minute.at > now + AHEAD_MAX {
            return;
        }
        let minute = minute.bounded();
        let key = (minute.at, node);
        let is_older = |known: &Minute| known.events() > minute.events() || *known == minute;
        if !self.by_node.get(&key).is_some_and(is_older) {
            self.changed.insert(minute.at);
            self.by_node.insert(key, minute);
        }
    }

    /// Forgets what is too old, or too much.
    pub fn forget(&mut self, now: i64) {
        while let Some(oldest) = self.by_node.first_entry() {
            let is_old = oldest.key().0 <= now - MINUTES_MAX;
            if !is_old && self.by_node.len() <= NODE_MINUTES_MAX {
                return;
            }
            self.by_node.pop_first();
        }
    }

    /// The sums over all nodes of the minutes from this one on, in order.
    #[must_use]
    pub fn sums(&self, from: i64) -> Vec<Minute> {
        let mut sums: Vec<Minute> = Vec::new();
        for ((at, _), minute) in self.by_node.range((from, NodeId::nil())..) {
            match sums.last_mut() {
                Some(last) if last.at == *at => last.add(minute),
                Some(_) | None => sums.push(minute.clone()),
            }
        }
        sums
    }

    /// The sum of one minute.
    #[must_use]
    pub fn sum(&self, at: i64) -> Option<Minute> {
        let of_all = self.by_node.range((at, NodeId::nil())..=(at, NodeId::max()));
        of_all
            .map(|(_, minute)| minute)
            .fold(None, |sum: Option<Minute>, minute| match sum {
                Some(mut sum) => {
                    sum.add(minute);
                    Some(sum)
                }
                None => Some(minute.clone()),
            })
    }

    /// The minutes that changed since this was asked last.
    pub fn take_changed(&mut self) -> Vec<Minute> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().filter_map(|at| self.sum(at)).collect()
    }

    /// What is known of the nodes that `wanted` picks.
    #[must_use]
    pub fn of(&self, wanted: impl Fn(NodeId) -> bool) -> Vec<(NodeId, Minute)> {
        let wanted = self.by_node.iter().filter(|((_, node), _)| wanted(*node));
        wanted
            .map(|((_, node), minute)| (*node, minute.clone()))
            .collect()
    }

    /// A node's own minutes from this one on.
    #[must_use]
    pub fn own(&self, node: NodeId, from: i64) -> Vec<Minute> {
        let later = self.by_node.range((from, NodeId::nil())..);
        later
            .filter(|((_, of), _)| *of == node)
            .map(|(_, minute)| minute.clone())
            .collect()
    }

    /// The first minute that is known of a node.
    #[must_use]
    pub fn since(&self, node: NodeId) -> Option<i64> {
        self.by_node.keys().find(|(_, of)| *of == node).map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId::from_u128(1);
    const B: NodeId = NodeId::from_u128(2);
    const EXPIRED: Why = Why(Some(Cause::TokenExpired));

    #[test]
    fn nodes_add_up_and_telling_twice_changes_nothing() {
        let mut minutes = Minutes::default();
        let own = minutes.count(100, A);
        own.accepted += 2;
        own.connections = 2;
        own.add_refused(EXPIRED, 1);
        let mut theirs = Minute::new(100);
        theirs.accepted = 3;
        theirs.connections = 1;
        theirs.add_refused(EXPIRED, 4);
        theirs.add_closed(Why::NONE, Initiator::Client, 2);
        for _ in 0..2 {
            minutes.hear(B, theirs.clone(), 100);
        }
        let [sum] = minutes.sums(0).try_into().unwrap();
        assert_eq!((sum.accepted, sum.connections), (5, 3));
        assert_eq!(sum.refused, [(EXPIRED, 5)]);
        assert_eq!(sum.closed, [(Why::NONE, Initiator::Client, 2)]);
        assert_eq!(minutes.take_changed(), [sum]);
        assert_eq!(minutes.take_changed(), []);
        minutes.hear(B, theirs.clone(), 100);
        assert_eq!(minutes.take_changed(), [], "no news");
        // A third node remembers less of it than B itself said.
        theirs.accepted = 1;
        minutes.hear(B, theirs, 100);
        assert_eq!(minutes.sum(100).unwrap().accepted, 5);
        assert_eq!(minutes.since(B), Some(100));
        assert_eq!(minutes.of(|node| node == B).len(), 1);
    }

    #[test]
    fn what_is_old_or_of_the_future_is_not_kept() {
        let mut minutes = Minutes::default();
        for at in [0, 1_000 - MINUTES_MAX, 1_001 + AHEAD_MAX] {
            minutes.hear(A, Minute::new(at), 1_000);
        }
        assert_eq!(minutes.sums(0), []);
        minutes.hear(A, Minute::new(1_000), 1_000);
        minutes.forget(1_000 + MINUTES_MAX - 1);
        assert_eq!(minutes.sums(0).len(), 1);
        minutes.forget(1_000 + MINUTES_MAX);
        assert_eq!(minutes.sums(0), []);
    }

    #[test]
    fn memory_has_a_bound() {
        // One more than fit.
        const NODES: u128 = 17;
        let mut minutes = Minutes::default();
        let mut worst = Minute::default();
        for cause in Cause::ALL {
            worst.refused.push((Why(Some(*cause)), 1));
            worst.closed.push((Why(Some(*cause)), Initiator::Server, 1));
        }
        for node in 0..NODES {
            for at in 1..=MINUTES_MAX {
                let minute = Minute { at, ..worst.clone() };
                minutes.hear(NodeId::from_u128(node), minute, MINUTES_MAX);
            }
        }
        minutes.forget(MINUTES_MAX);
        assert_eq!(minutes.by_node.len(), NODE_MINUTES_MAX);
        let sum = minutes.sum(MINUTES_MAX).unwrap();
        assert!(sum.refused.len() <= KINDS_MAX + 1);
        let told = Cause::ALL.len() as u64 * u64::try_from(NODES).unwrap();
        assert_eq!(
            sum.refused.iter().map(|(_, n)| n).sum::<u64>(),
            told,
            "none is lost"
        );
        let bytes: usize = minutes.by_node.values().map(Minute::bytes).sum();
        assert!(bytes <= 24 * 1024 * 1024, "{bytes} bytes at worst");
    }
}
