//! Who types, until it says that it stopped or says nothing more: [`Typing`].

use std::collections::{BTreeSet, HashMap};

use charla_wire::UserId;
use uuid::Uuid;

use crate::Millis;
use crate::key::RoomKey;
use crate::message::Author;

/// How long somebody counts as typing without saying so again. Clients say it every 3 s, and end it by themselves after 6 s.
pub const TYPING_LASTS: Millis = 10_000;

/// Typists kept; the words of more are passed on, and their end is left to the clients.
pub const TYPISTS_MAX: usize = 10_000;

#[derive(Debug)]
struct Typist {
    who: Author,
    by: Option<Uuid>,
    until: Millis,
}

/// The people who type in the rooms of a node.
#[derive(Debug, Default)]
pub struct Typing {
    typists: HashMap<(RoomKey, UserId), Typist>,
    ends: BTreeSet<(Millis, RoomKey, UserId)>,
}

/// Somebody has stopped without saying so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Where.
    pub room: RoomKey,
    /// Who.
    pub who: Author,
    /// By which connection it had said that it types.
    pub by: Option<Uuid>,
}

impl Typing {
    /// Somebody said, by a connection, that it types or has stopped.
    pub fn says(&mut self, room: &RoomKey, who: &Author, on: bool, by: Option<Uuid>, now: Millis) {
        let key = (room.clone(), who.id.clone());
        if let Some(before) = self.typists.remove(&key) {
            self.ends.remove(&(before.until, key.0.clone(), key.1.clone()));
        }
        if on && self.typists.len() < TYPISTS_MAX {
            let until = now + TYPING_LASTS;
            self.ends.insert((until, key.0.clone(), key.1.clone()));
            let who = who.clone();
            self.typists.insert(key, Typist { who, by, until });
        }
    }

    /// Those whose time is over.
    pub fn handle_timeout(&mut self, now: Millis) -> Vec<Stopped> {
        let mut stopped = Vec::new();
        while self.ends.first().is_some_and(|(until, ..)| *until <= now)
            && let Some((_, room, user)) = self.ends.pop_first()
        {
            let key = (room, user);
            if let Some(typist) = self.typists.remove(&key) {
                stopped.push(Stopped {
                    room: key.0,
                    who: typist.who,
                    by: typist.by,
                });
            }
        }
        stopped
    }
}

#[cfg(test)]
mod tests {
    use charla_wire::{ChatId, TenantId};

    use super::*;

    fn room() -> RoomKey {
        RoomKey {
            tenant: TenantId::parse("demo").unwrap(),
            chat: ChatId::parse("5").unwrap(),
        }
    }

    fn person(id: &str) -> Author {
        Author {
            id: UserId::parse(id).unwrap(),
            name: "Ana".into(),
        }
    }

    #[test]
    fn who_says_nothing_more_has_stopped() {
        let mut typing = Typing::default();
        let by = Some(Uuid::from_u128(7));
        typing.says(&room(), &person("ana"), true, by, 0);
        typing.says(&room(), &person("ana"), true, by, 3_000);
        assert_eq!(typing.handle_timeout(TYPING_LASTS), []);
        let stopped = Stopped {
            room: room(),
            who: person("ana"),
            by,
        };
        assert_eq!(typing.handle_timeout(3_000 + TYPING_LASTS), [stopped]);
        assert_eq!(typing.handle_timeout(100_000), []);
    }

    #[test]
    fn who_says_that_it_stopped_has_no_end_to_come() {
        let mut typing = Typing::default();
        typing.says(&room(), &person("ana"), true, None, 0);
        typing.says(&room(), &person("ana"), false, None, 1);
        assert_eq!(typing.handle_timeout(100_000), []);
        assert!(typing.ends.is_empty());
    }

    #[test]
    fn there_is_an_end_to_how_many_are_kept() {
        let mut typing = Typing::default();
        for n in 0..TYPISTS_MAX + 10 {
            typing.says(&room(), &person(&n.to_string()), true, None, 0);
        }
        assert_eq!(typing.handle_timeout(TYPING_LASTS).len(), TYPISTS_MAX);
    }
}
