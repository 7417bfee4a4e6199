//! One person's connections on all nodes, and which of them are too many: [`Connections`].
//!
//! Every node orders what it knows in the same way and ends only its own, so that nodes which know the same agree
//! without asking each other.

use std::collections::HashMap;

use charla_wire::Timestamp;
use uuid::Uuid;

use crate::key::UserKey;
use crate::peers::NodeId;

/// A connection, in the order in which they count as opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Opened {
    /// When, by the time of day of its node.
    pub at: Timestamp,
    /// Which.
    pub id: Uuid,
}

/// Whose connection gives way when there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivesWay {
    /// The one that was opened first.
    Oldest,
    /// The one that was opened last.
    Newest,
}

/// What other nodes said of the people who are connected here too.
#[derive(Debug, Default)]
pub struct Connections {
    elsewhere: HashMap<UserKey, HashMap<NodeId, Vec<Opened>>>,
}

impl Connections {
    /// A node has exactly these connections of a person.
    pub fn exactly(&mut self, node: NodeId, user: &UserKey, connections: Vec<Opened>) {
        if connections.is_empty() {
            if let Some(nodes) = self.elsewhere.get_mut(user) {
                nodes.remove(&node);
                if nodes.is_empty() {
                    self.elsewhere.remove(user);
                }
            }
            return;
        }
        let nodes = self.elsewhere.entry(user.clone()).or_default();
        nodes.insert(node, connections);
    }

    /// Nobody here is this person any more: what others have of it is none of our business.
    pub fn forget(&mut self, user: &UserKey) {
        self.elsewhere.remove(user);
    }

    /// A node is gone, and its connections with it.
    pub fn node_gone(&mut self, node: NodeId) {
        self.elsewhere.retain(|_, nodes| {
            nodes.remove(&node);
            !nodes.is_empty()
        });
    }

    /// Which of this node's `own` connections of a person are too many when all may be `max`.
    #[must_use]
    pub fn surplus(&self, user: &UserKey, own: &[Opened], max: usize, gives_way: GivesWay) -> Vec<Opened> {
        let elsewhere = self.elsewhere.get(user).into_iter().flat_map(HashMap::values);
        let mut all: Vec<Opened> = elsewhere.flatten().chain(own).copied().collect();
        if all.len() <= max {
            return Vec::new();
        }
        all.sort_unstable();
        match gives_way {
            GivesWay::Oldest => all.truncate(all.len().saturating_sub(max)),
            GivesWay::Newest => drop(all.drain(..max.min(all.len()))),
        }
        all.retain(|one| own.contains(one));
        all
    }
}

#[cfg(test)]
mod tests {
    use charla_wire::{TenantId, UserId};

    use super::*;

    const A: NodeId = Uuid::from_u128(1);
    const B: NodeId = Uuid::from_u128(2);

    fn user(tenant: &str) -> UserKey {
        UserKey {
            tenant: TenantId::parse(tenant).unwrap(),
            user: UserId::parse("ana").unwrap(),
        }
    }

    fn opened(at: i64) -> Opened {
        Opened {
            at: Timestamp::from_millis(at),
            id: Uuid::from_u128(u128::try_from(at).unwrap()),
        }
    }

    /// What each of two nodes ends, when each knows what the other has.
    fn ended(a: &[i64], b: &[i64], max: usize, gives_way: GivesWay) -> [Vec<Opened>; 2] {
        let (a, b): (Vec<_>, Vec<_>) = (
            a.iter().copied().map(opened).collect(),
            b.iter().copied().map(opened).collect(),
        );
        let ana = user("demo");
        let (mut at_a, mut at_b) = (Connections::default(), Connections::default());
        at_a.exactly(B, &ana, b.clone());
        at_b.exactly(A, &ana, a.clone());
        [
            at_a.surplus(&ana, &a, max, gives_way),
            at_b.surplus(&ana, &b, max, gives_way),
        ]
    }

    #[test]
    fn nodes_agree_on_who_gives_way() {
        let oldest = ended(&[1, 4], &[2, 3], 2, GivesWay::Oldest);
        assert_eq!(oldest, [vec![opened(1)], vec![opened(2)]]);
        let newest = ended(&[1, 4], &[2, 3], 2, GivesWay::Newest);
        assert_eq!(newest, [vec![opened(4)], vec![opened(3)]]);
        for gives_way in [GivesWay::Oldest, GivesWay::Newest] {
            assert_eq!(ended(&[1, 4], &[2, 3], 4, gives_way), [vec![], vec![]]);
        }
    }

    #[test]
    fn the_same_moment_is_ordered_by_id() {
        let twin = |id| Opened {
            at: Timestamp::from_millis(5),
            id: Uuid::from_u128(id),
        };
        let ana = user("demo");
        let mut here = Connections::default();
        here.exactly(A, &ana, vec![twin(1)]);
        assert_eq!(here.surplus(&ana, &[twin(2)], 1, GivesWay::Oldest), []);
        assert_eq!(here.surplus(&ana, &[twin(2)], 1, GivesWay::Newest), [twin(2)]);
    }

    #[test]
    fn a_statement_replaces_and_an_end_takes_back() {
        let ana = user("demo");
        let mut here = Connections::default();
        let surplus = |here: &Connections| here.surplus(&ana, &[opened(1)], 1, GivesWay::Oldest).len();
        here.exactly(A, &ana, vec![opened(2), opened(3)]);
        assert_eq!(surplus(&here), 1);
        assert_eq!(here.surplus(&user("acme"), &[opened(1)], 1, GivesWay::Oldest), []);
        here.exactly(A, &ana, Vec::new());
        assert_eq!(surplus(&here), 0);
        here.exactly(A, &ana, vec![opened(2)]);
        here.node_gone(A);
        assert_eq!(surplus(&here), 0);
        here.exactly(A, &ana, vec![opened(2)]);
        here.forget(&ana);
        assert_eq!(surplus(&here), 0);
    }
}
