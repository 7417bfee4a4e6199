//! Which rooms are read from the store because a message is missing, and how far at least: one reader a room, however many
//! hints show the same gap.

use std::collections::HashMap;

use crate::key::RoomKey;
use crate::message::Seq;

/// The rooms that are being caught up with, each with its goal. No more of them than rooms with a listener.
#[derive(Debug, Default)]
pub struct CatchingUp {
    goals: HashMap<RoomKey, Seq>,
}

impl CatchingUp {
    /// Whether the caller is to begin reading up to `upto`; if not, whoever reads already goes as far.
    pub fn begin(&mut self, room: &RoomKey, upto: Seq) -> bool {
        if let Some(goal) = self.goals.get_mut(room) {
            *goal = upto.max(*goal);
            return false;
        }
        self.goals.insert(room.clone(), upto);
        true
    }

    /// Whether nothing is left to read once the room has reached `reached`; then the reader is free.
    pub fn is_done(&mut self, room: &RoomKey, reached: Seq) -> bool {
        let done = self.goals.get(room).is_none_or(|goal| *goal <= reached);
        if done {
            self.goals.remove(room);
        }
        done
    }

    /// The reader stops short of its goal: the next hint begins anew.
    pub fn give_up(&mut self, room: &RoomKey) {
        self.goals.remove(room);
    }
}

#[cfg(test)]
mod tests {
    use charla_wire::{ChatId, TenantId};

    use super::*;

    #[test]
    fn one_reader_goes_as_far_as_anybody_asks() {
        let room = RoomKey {
            tenant: TenantId::parse("demo").unwrap(),
            chat: ChatId::parse("5").unwrap(),
        };
        let mut catching_up = CatchingUp::default();
        assert!(catching_up.begin(&room, 7));
        assert!(!catching_up.begin(&room, 9), "somebody reads already");
        assert!(!catching_up.begin(&room, 8), "and goes further than that");
        assert!(!catching_up.is_done(&room, 7));
        assert!(catching_up.is_done(&room, 9));
        assert!(catching_up.begin(&room, 10));
        catching_up.give_up(&room);
        assert!(catching_up.begin(&room, 10), "whoever gave up holds up nobody");
    }
}
