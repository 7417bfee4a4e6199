//! What must hold in every world that has come to rest, whatever went wrong in it.

use std::collections::BTreeSet;
use std::fmt;

use charla_core::{RoomKey, Seq};

use crate::client::Heard;
use crate::faults::ClientId;
use crate::world::World;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// It did not come to rest.
    Stuck {
        /// A client that still waits.
        client: ClientId,
    },
    /// An acknowledged message is not in the store under the number that its sender was told.
    Lost {
        /// Where.
        room: RoomKey,
        /// The number.
        seq: Seq,
    },
    /// The same words are stored twice.
    StoredTwice {
        /// Where.
        room: RoomKey,
        /// The second of them.
        seq: Seq,
    },
    /// A client was handed something else than the next message.
    OutOfOrder {
        /// Who.
        client: ClientId,
        /// Where.
        room: RoomKey,
        /// The message that it had.
        after: Seq,
        /// The message that it got.
        got: Seq,
    },
    /// A client was handed other words than are stored.
    OtherWords {
        /// Who.
        client: ClientId,
        /// Where.
        room: RoomKey,
        /// Which message.
        seq: Seq,
    },
    /// A client's chat ends before the store's.
    NotHeard {
        /// Who.
        client: ClientId,
        /// Where.
        room: RoomKey,
        /// The last that it has.
        has: Seq,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stuck { client } => write!(f, "client {client} never came to rest"),
            Self::Lost { room, seq } => {
                write!(f, "{room}: message {seq} was acknowledged, and is not stored so")
            }
            Self::StoredTwice { room, seq } => {
                write!(f, "{room}: message {seq} says what another said before")
            }
            Self::OutOfOrder {
                client,
                room,
                after,
                got,
            } => write!(f, "client {client} in {room}: {got} came after {after}"),
            Self::OtherWords { client, room, seq } => {
                write!(
                    f,
                    "client {client} in {room}: message {seq} has other words than the store's"
                )
            }
            Self::NotHeard { client, room, has } => {
                write!(f, "client {client} in {room}: nothing after {has}")
            }
        }
    }
}

/// The promises that a world broke.
#[must_use]
pub fn check(world: &World) -> Vec<Violation> {
    let mut broken = Vec::new();
    check_store(world, &mut broken);
    for (client, what) in world.clients().iter().enumerate() {
        for acknowledged in &what.acknowledged {
            let (room, seq) = (&acknowledged.room, acknowledged.seq);
            let stored = world.store().after(room, seq - 1, 1).pop();
            if stored.is_none_or(|said| said.seq != seq || said.words != acknowledged.words) {
                let room = room.clone();
                broken.push(Violation::Lost { room, seq });
            }
        }
        for (room, chat) in &what.chats {
            check_heard(world, client, room, &chat.heard, &mut broken);
        }
    }
    if !world.is_at_rest() && broken.is_empty() {
        let waits = |client: &crate::client::Client| !client.outbox.is_empty();
        let client = world.clients().iter().position(waits).unwrap_or(0);
        broken.push(Violation::Stuck { client });
    }
    broken
}

fn check_store(world: &World, broken: &mut Vec<Violation>) {
    for (room, messages) in world.store().rooms() {
        let mut words = BTreeSet::new();
        for said in messages {
            if !words.insert(said.words) {
                let (room, seq) = (room.clone(), said.seq);
                broken.push(Violation::StoredTwice { room, seq });
            }
        }
    }
}

fn check_heard(
    world: &World,
    client: ClientId,
    room: &RoomKey,
    heard: &[Heard],
    broken: &mut Vec<Violation>,
) {
    let stored = world.store().after(room, 0, usize::MAX);
    let mut has: Option<Seq> = None;
    for each in heard {
        match each {
            Heard::From(seq) => has = Some(*seq),
            Heard::Message(said) => {
                let (room, after, got) = (room.clone(), has.unwrap_or(0), said.seq);
                let place = usize::try_from(got.saturating_sub(1)).unwrap_or(usize::MAX);
                if got != after + 1 {
                    broken.push(Violation::OutOfOrder {
                        client,
                        room,
                        after,
                        got,
                    });
                    return;
                } else if stored.get(place) != Some(said) {
                    let seq = got;
                    broken.push(Violation::OtherWords { client, room, seq });
                }
                has = Some(got);
            }
        }
    }
    let has = has.unwrap_or(0);
    if has != stored.len() as Seq {
        let room = room.clone();
        broken.push(Violation::NotHeard { client, room, has });
    }
}
