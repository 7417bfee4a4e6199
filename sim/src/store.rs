//! The store as the nodes see it: numbers without gaps, given in the order of the commits; a repeat gets the number of the first.

use std::collections::BTreeMap;

use charla_core::{RoomKey, Seq};

/// A message as everybody tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// Its number in its chat.
    pub(crate) seq: Seq,
    /// The id that its sender sent it under.
    pub(crate) id: u128,
    /// What it says: another number for everything that anybody ever says, so that the same words twice are a fault.
    pub(crate) words: u64,
}

/// What became of an append.
#[derive(Debug, Clone)]
pub(crate) enum Appended {
    /// It is new.
    New(Said),
    /// It was there.
    Repeated(Said),
}

/// What is committed.
#[derive(Debug, Default)]
pub(crate) struct Store {
    rooms: BTreeMap<RoomKey, Vec<Said>>,
    numbers: BTreeMap<(RoomKey, u128), Seq>,
}

impl Store {
    /// Commits a message.
    pub(crate) fn append(&mut self, room: &RoomKey, id: u128, words: u64) -> Appended {
        if let Some(said) = self.find(room, id) {
            return Appended::Repeated(said);
        }
        let messages = self.rooms.entry(room.clone()).or_default();
        let seq = messages.len() as Seq + 1;
        let said = Said { seq, id, words };
        messages.push(said.clone());
        self.numbers.insert((room.clone(), id), seq);
        Appended::New(said)
    }

    /// The message of an id.
    #[must_use]
    pub(crate) fn find(&self, room: &RoomKey, id: u128) -> Option<Said> {
        let seq = *self.numbers.get(&(room.clone(), id))?;
        self.after(room, seq - 1, 1).pop()
    }

    /// The last number.
    #[must_use]
    pub(crate) fn last(&self, room: &RoomKey) -> Seq {
        self.rooms.get(room).map_or(0, |messages| messages.len() as Seq)
    }

    /// Messages after a number, the oldest first.
    #[must_use]
    pub(crate) fn after(&self, room: &RoomKey, seq: Seq, limit: usize) -> Vec<Said> {
        let messages = self.rooms.get(room).into_iter().flatten();
        messages
            .filter(|said| said.seq > seq)
            .take(limit)
            .cloned()
            .collect()
    }

    /// The messages right before a number, the oldest first.
    #[must_use]
    pub(crate) fn before(&self, room: &RoomKey, seq: Seq, limit: usize) -> Vec<Said> {
        let first = seq.saturating_sub(limit as Seq).max(1);
        self.after(room, first - 1, limit)
            .into_iter()
            .filter(|said| said.seq < seq)
            .collect()
    }

    /// Everything, chat by chat.
    pub(crate) fn rooms(&self) -> impl Iterator<Item = (&RoomKey, &[Said])> {
        self.rooms
            .iter()
            .map(|(room, messages)| (room, messages.as_slice()))
    }
}
