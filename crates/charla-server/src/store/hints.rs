//! Which chats have moved, said from node to node by way of the database they share while there is no other: [`Hints`].
//!
//! A hint may be lost, and says nothing but a chat's name: whoever hears it looks in the store.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use charla_core::RoomKey;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

/// Chats that may wait to be told, or to be looked at; more are all of them.
const WAITING_MAX: usize = 4096;

/// Chats that moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// These.
    These(Vec<RoomKey>),
    /// Nobody knows which.
    Any,
}

/// Chats that moved and were not taken yet, each once.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    rooms: Mutex<(HashSet<RoomKey>, bool)>,
    more: Notify,
}

impl Waiting {
    pub(super) fn add(&self, room: &RoomKey) {
        let mut waiting = self.rooms.lock();
        let (rooms, any) = &mut *waiting;
        if !*any && !rooms.contains(room) {
            if rooms.len() < WAITING_MAX {
                rooms.insert(room.clone());
            } else {
                rooms.clear();
                *any = true;
            }
        }
        drop(waiting);
        self.more.notify_one();
    }

    pub(super) fn add_any(&self) {
        self.rooms.lock().1 = true;
        self.more.notify_one();
    }

    /// Waits until there are some. One takes at a time.
    pub(super) async fn take(&self) -> Moved {
        loop {
            let (rooms, any) = std::mem::take(&mut *self.rooms.lock());
            if any {
                return Moved::Any;
            }
            if !rooms.is_empty() {
                return Moved::These(rooms.into_iter().collect());
            }
            self.more.notified().await;
        }
    }
}

/// What a node has to do with hints.
///
/// - **Loss**: allowed. While [`Hints::proven`] is false nothing may come; whoever listens looks in the store by itself.
/// - **Bound**: more than 4,096 chats at once are said as all of them.
/// - **Cost**: nothing is said while all nodes have their bus.
#[derive(Debug)]
pub struct Hints {
    pub(super) outgoing: Waiting,
    pub(super) incoming: Waiting,
    proven: watch::Sender<bool>,
    asks: AtomicBool,
    tells: AtomicBool,
    others: AtomicBool,
}

impl Default for Hints {
    fn default() -> Self {
        Self {
            outgoing: Waiting::default(),
            incoming: Waiting::default(),
            proven: watch::Sender::new(false),
            asks: AtomicBool::new(false),
            tells: AtomicBool::new(false),
            others: AtomicBool::new(false),
        }
    }
}

impl Hints {
    /// What this node needs from now on: to hear hints, and let others know (`asks`); to say what moves here although
    /// nobody asks for it (`tells`): others may not know that they miss anything.
    pub fn need(&self, asks: bool, tells: bool) {
        self.tells.store(tells, Ordering::Relaxed);
        self.asks.store(asks, Ordering::Relaxed);
        if !asks {
            self.prove(false);
        }
    }

    /// Says that a chat moved, if anybody needs to know. Does not wait.
    pub fn tell(&self, room: &RoomKey) {
        if self.tells.load(Ordering::Relaxed) || self.others.load(Ordering::Relaxed) {
            self.outgoing.add(room);
        }
    }

    /// Waits for what others say. One hears at a time.
    pub async fn heard(&self) -> Moved {
        self.incoming.take().await
    }

    /// Whether what is said is heard: shown by what this node says to itself, while it asks.
    #[must_use]
    pub fn proven(&self) -> watch::Receiver<bool> {
        self.proven.subscribe()
    }

    /// Whether another node asks for hints.
    #[must_use]
    pub fn has_others(&self) -> bool {
        self.others.load(Ordering::Relaxed)
    }

    pub(super) fn is_asking(&self) -> bool {
        self.asks.load(Ordering::Relaxed)
    }

    pub(super) fn prove(&self, proven: bool) {
        self.proven
            .send_if_modified(|now| std::mem::replace(now, proven) != proven);
    }

    pub(super) fn note_others(&self, others: bool) {
        self.others.store(others, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use charla_wire::{ChatId, TenantId};

    use super::*;

    fn room(number: usize) -> RoomKey {
        RoomKey {
            tenant: TenantId::parse("demo").unwrap(),
            chat: ChatId::parse(&number.to_string()).unwrap(),
        }
    }

    #[tokio::test]
    async fn each_chat_waits_once_and_too_many_are_all() {
        let waiting = Waiting::default();
        for number in [1, 2, 1, 1, 2] {
            waiting.add(&room(number));
        }
        let Moved::These(mut rooms) = waiting.take().await else {
            panic!("two chats are not all");
        };
        rooms.sort();
        assert_eq!(rooms, [room(1), room(2)]);
        for number in 0..=WAITING_MAX {
            waiting.add(&room(number));
        }
        assert_eq!(waiting.take().await, Moved::Any);
        waiting.add(&room(1));
        assert_eq!(
            waiting.take().await,
            Moved::These(vec![room(1)]),
            "and on from there"
        );
    }

    #[tokio::test]
    async fn nothing_is_said_that_nobody_needs() {
        let hints = Hints::default();
        hints.tell(&room(1));
        hints.note_others(true);
        hints.tell(&room(2));
        hints.note_others(false);
        hints.need(true, true);
        hints.tell(&room(3));
        hints.need(true, false);
        hints.tell(&room(4));
        let Moved::These(mut rooms) = hints.outgoing.take().await else {
            panic!("not all");
        };
        rooms.sort();
        assert_eq!(rooms, [room(2), room(3)]);
    }
}
