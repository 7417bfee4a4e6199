//! What this node has to ask the others, and who has not answered yet: [`Asks`].

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use charla_core::{Millis, NodeId, RoomKey, UserKey};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::happening::Ask;

/// Rooms of one question. Its answer names 200 people of each at most.
const ROOMS_AT_ONCE: usize = 64;
/// People of one question.
const USERS_AT_ONCE: usize = 256;
/// How long whoever enters a chat waits to know who is in it on other nodes.
pub(super) const ANSWERED_WITHIN: Duration = Duration::from_millis(500);
const ANSWERED_WITHIN_MILLIS: Millis = 500;
/// Answers later than this are not waited for by anybody, but believed.
const ANSWER_TOO_LATE: Millis = 5_000;

/// A question under way.
#[derive(Debug)]
struct Asked {
    of: Arc<Ask>,
    at: Millis,
    missing: HashSet<NodeId>,
}

/// A room that somebody has begun to listen to, before the others have said who is in it.
#[derive(Debug)]
struct Unheard {
    since: Millis,
    asked_in: Option<u64>,
    waiting: Vec<oneshot::Sender<()>>,
}

#[derive(Debug, Default)]
struct State {
    number: u64,
    rooms: BTreeSet<RoomKey>,
    users: BTreeSet<UserKey>,
    asked: HashMap<u64, Asked>,
    unheard: HashMap<RoomKey, Unheard>,
}

/// The questions of a node.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    state: Mutex<State>,
    wake: Notify,
}

impl Asks {
    /// Comes back when there is something to ask.
    pub(super) async fn called(&self) {
        self.wake.notified().await;
    }

    /// A room has its first listener: whoever enters waits for the answers.
    pub(super) fn expect(&self, room: &RoomKey, now: Millis) {
        let unheard = Unheard {
            since: now,
            asked_in: None,
            waiting: Vec::new(),
        };
        self.state.lock().unheard.insert(room.clone(), unheard);
    }

    /// A room has no listener any more.
    pub(super) fn forget(&self, room: &RoomKey) {
        let mut state = self.state.lock();
        state.unheard.remove(room);
        state.rooms.remove(room);
    }

    /// Has the others asked about a room that waits for it; ends, or is dropped, when they have answered. `None` when
    /// there is nothing to wait for.
    pub(super) fn answered(&self, room: &RoomKey, now: Millis) -> Option<oneshot::Receiver<()>> {
        let mut state = self.state.lock();
        let unheard = state.unheard.get_mut(room)?;
        if unheard.since + ANSWERED_WITHIN_MILLIS <= now {
            state.unheard.remove(room);
            return None;
        }
        let (tell, told) = oneshot::channel();
        unheard.waiting.push(tell);
        let is_asked = unheard.asked_in.is_some();
        if !is_asked && state.rooms.insert(room.clone()) {
            self.wake.notify_one();
        }
        Some(told)
    }

    /// Has the others asked about rooms and people.
    pub(super) fn ask(
        &self,
        rooms: impl IntoIterator<Item = RoomKey>,
        users: impl IntoIterator<Item = UserKey>,
    ) {
        let mut state = self.state.lock();
        state.rooms.extend(rooms);
        state.users.extend(users);
        if !state.rooms.is_empty() || !state.users.is_empty() {
            self.wake.notify_one();
        }
    }

    /// The next question to those who are there.
    pub(super) fn next(&self, peers: &[NodeId], now: Millis) -> Option<Arc<Ask>> {
        let mut state = self.state.lock();
        state.asked.retain(|_, asked| now < asked.at + ANSWER_TOO_LATE);
        if peers.is_empty() {
            state.give_up();
            return None;
        }
        let rooms = take(&mut state.rooms, ROOMS_AT_ONCE);
        let users = take(&mut state.users, USERS_AT_ONCE);
        if rooms.is_empty() && users.is_empty() {
            return None;
        }
        state.number += 1;
        let number = state.number;
        for room in &rooms {
            if let Some(unheard) = state.unheard.get_mut(room) {
                unheard.asked_in = Some(number);
            }
        }
        let of = Arc::new(Ask { number, rooms, users });
        let asked = Asked {
            of: Arc::clone(&of),
            at: now,
            missing: peers.iter().copied().collect(),
        };
        state.asked.insert(number, asked);
        Some(of)
    }

    /// A node answers this question: what it was, if it was one.
    pub(super) fn question(&self, from: NodeId, number: u64) -> Option<Arc<Ask>> {
        let state = self.state.lock();
        let asked = state.asked.get(&number)?;
        asked.missing.contains(&from).then(|| Arc::clone(&asked.of))
    }

    /// What a node answered is known now: who waited for the last answer goes on.
    pub(super) fn settle(&self, from: NodeId, number: u64) {
        let mut state = self.state.lock();
        let Some(asked) = state.asked.get_mut(&number) else {
            return;
        };
        asked.missing.remove(&from);
        if !asked.missing.is_empty() {
            return;
        }
        if let Some(asked) = state.asked.remove(&number) {
            state.tell(&asked.of);
        }
    }

    /// A node is gone: nobody waits for it.
    pub(super) fn node_gone(&self, node: NodeId) {
        let numbers: Vec<u64> = self.state.lock().asked.keys().copied().collect();
        for number in numbers {
            self.settle(node, number);
        }
    }

    /// Nobody can be asked: nobody waits.
    pub(super) fn give_up(&self) {
        self.state.lock().give_up();
    }
}

impl State {
    fn give_up(&mut self) {
        self.rooms.clear();
        self.users.clear();
        self.asked.clear();
        // Dropping tells whoever waits.
        self.unheard.clear();
    }

    fn tell(&mut self, ask: &Ask) {
        for room in &ask.rooms {
            let is_of_this = |unheard: &Unheard| unheard.asked_in == Some(ask.number);
            if self.unheard.get(room).is_some_and(is_of_this) {
                self.unheard.remove(room);
            }
        }
    }
}

fn take<K: Ord>(from: &mut BTreeSet<K>, max: usize) -> Vec<K> {
    std::iter::from_fn(|| from.pop_first()).take(max).collect()
}

#[cfg(test)]
mod tests {
    use charla_wire::{ChatId, TenantId};
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    const A: NodeId = NodeId::from_u128(1);
    const B: NodeId = NodeId::from_u128(2);

    fn room(chat: &str) -> RoomKey {
        RoomKey {
            tenant: TenantId::parse("demo").unwrap(),
            chat: ChatId::parse(chat).unwrap(),
        }
    }

    #[test]
    fn who_enters_waits_for_every_node() {
        let asks = Asks::default();
        asks.expect(&room("5"), 0);
        let mut waits = [asks.answered(&room("5"), 1), asks.answered(&room("5"), 2)].map(Option::unwrap);
        let ask = asks.next(&[A, B], 5).unwrap();
        assert_eq!((&ask.rooms, ask.users.len()), (&vec![room("5")], 0));
        assert!(asks.next(&[A, B], 5).is_none(), "asked once");
        assert!(asks.question(A, ask.number).is_some() && asks.question(A, 99).is_none());
        asks.settle(A, ask.number);
        assert!(asks.question(A, ask.number).is_none(), "answered already");
        assert_eq!(waits[0].try_recv(), Err(TryRecvError::Empty));
        asks.settle(B, ask.number);
        for told in &mut waits {
            assert_eq!(told.try_recv(), Err(TryRecvError::Closed));
        }
        assert!(asks.answered(&room("5"), 9).is_none());
    }

    #[test]
    fn nobody_waits_for_those_who_are_not_there_nor_for_long() {
        let asks = Asks::default();
        asks.expect(&room("5"), 0);
        let mut told = asks.answered(&room("5"), 0).unwrap();
        assert!(asks.next(&[], 5).is_none());
        assert_eq!(told.try_recv(), Err(TryRecvError::Closed));
        asks.expect(&room("5"), 0);
        let mut told = asks.answered(&room("5"), 0).unwrap();
        asks.next(&[A], 5).unwrap();
        asks.node_gone(A);
        assert_eq!(told.try_recv(), Err(TryRecvError::Closed));
        asks.expect(&room("5"), 0);
        assert!(asks.answered(&room("5"), ANSWERED_WITHIN_MILLIS).is_none());
    }

    #[test]
    fn an_answer_to_an_earlier_stay_is_not_the_one_waited_for() {
        let asks = Asks::default();
        asks.expect(&room("5"), 0);
        let _former = asks.answered(&room("5"), 0);
        let first = asks.next(&[A], 5).unwrap();
        asks.forget(&room("5"));
        asks.expect(&room("5"), 10);
        let mut told = asks.answered(&room("5"), 10).unwrap();
        let second = asks.next(&[A], 15).unwrap();
        asks.settle(A, first.number);
        assert_eq!(told.try_recv(), Err(TryRecvError::Empty));
        asks.settle(A, second.number);
        assert_eq!(told.try_recv(), Err(TryRecvError::Closed));
    }

    #[test]
    fn a_question_has_a_bound() {
        let asks = Asks::default();
        asks.ask((0..ROOMS_AT_ONCE + 1).map(|n| room(&n.to_string())), []);
        assert_eq!(asks.next(&[A], 0).unwrap().rooms.len(), ROOMS_AT_ONCE);
        assert_eq!(asks.next(&[A], 0).unwrap().rooms.len(), 1);
        assert!(asks.next(&[A], 0).is_none());
    }
}
