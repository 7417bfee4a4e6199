//! Who is here: one person, however many connections, and no flicker when one of them is made anew.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use charla_wire::UserId;

use crate::Millis;
use crate::key::RoomKey;
use crate::message::Author;

/// Beyond this many people a room no longer says who comes and goes: the news would grow with the square.
pub const PRESENCE_MAX: usize = 200;

#[derive(Debug)]
struct Present {
    name: Arc<str>,
    connections: usize,
    leaves_at: Option<Millis>,
}

/// The people in the rooms of a node.
#[derive(Debug, Default)]
pub struct Presence {
    rooms: HashMap<RoomKey, HashMap<UserId, Present>>,
    leaving: BTreeSet<(Millis, RoomKey, UserId)>,
}

/// Somebody came or went, to be told to the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Which room.
    pub room: RoomKey,
    /// Who.
    pub who: Author,
    /// Came; otherwise went.
    pub joined: bool,
}

impl Presence {
    /// A connection of `who` entered `room`; news if the person was not here.
    pub fn enter(&mut self, room: &RoomKey, who: &Author) -> Option<Moved> {
        let people = self.rooms.entry(room.clone()).or_default();
        let present = people.entry(who.id.clone()).or_insert_with(|| Present {
            name: Arc::clone(&who.name),
            connections: 0,
            leaves_at: None,
        });
        present.connections += 1;
        let is_back = present.leaves_at.take();
        let was_here = present.connections > 1 || is_back.is_some();
        let crowded = people.len() > PRESENCE_MAX;
        if let Some(at) = is_back {
            self.leaving.remove(&(at, room.clone(), who.id.clone()));
        }
        (!was_here && !crowded).then(|| Moved {
            room: room.clone(),
            who: who.clone(),
            joined: true,
        })
    }

    /// A connection of `user` left `room`; the person counts as present until `leaves_at`, unless it comes back.
    pub fn leave(&mut self, room: &RoomKey, user: &UserId, leaves_at: Millis) {
        let Some(present) = self.rooms.get_mut(room).and_then(|people| people.get_mut(user)) else {
            return;
        };
        present.connections = present.connections.saturating_sub(1);
        if present.connections == 0 {
            present.leaves_at = Some(leaves_at);
            self.leaving.insert((leaves_at, room.clone(), user.clone()));
        }
    }

    /// Who is in `room` now, [`PRESENCE_MAX`] at most.
    #[must_use]
    pub fn people(&self, room: &RoomKey) -> Vec<Author> {
        let people = self.rooms.get(room).into_iter().flatten().take(PRESENCE_MAX);
        people
            .map(|(id, present)| Author {
                id: id.clone(),
                name: Arc::clone(&present.name),
            })
            .collect()
    }

    /// When somebody's time is over next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Millis> {
        self.leaving.first().map(|(at, ..)| *at)
    }

    /// Those whose time is over: they are gone now.
    pub fn handle_timeout(&mut self, now: Millis) -> Vec<Moved> {
        let mut gone = Vec::new();
        while let Some((at, ..)) = self.leaving.first()
            && *at <= now
        {
            let Some((_, room, user)) = self.leaving.pop_first() else {
                break;
            };
            let Some(people) = self.rooms.get_mut(&room) else {
                continue;
            };
            let crowded = people.len() > PRESENCE_MAX;
            let Some(present) = people.remove(&user) else {
                continue;
            };
            if people.is_empty() {
                self.rooms.remove(&room);
            }
            if !crowded {
                gone.push(Moved {
                    room,
                    who: Author {
                        id: user,
                        name: present.name,
                    },
                    joined: false,
                });
            }
        }
        gone
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

    fn ana() -> Author {
        Author {
            id: UserId::parse("ana").unwrap(),
            name: "Ana".into(),
        }
    }

    fn moved(joined: bool) -> Moved {
        Moved {
            room: room(),
            who: ana(),
            joined,
        }
    }

    #[test]
    fn one_person_many_connections() {
        let mut presence = Presence::default();
        assert_eq!(presence.enter(&room(), &ana()), Some(moved(true)));
        assert_eq!(presence.enter(&room(), &ana()), None);
        presence.leave(&room(), &ana().id, 15);
        assert_eq!(presence.next_timeout(), None, "one connection is left");
        presence.leave(&room(), &ana().id, 20);
        assert_eq!(presence.handle_timeout(19), []);
        assert_eq!(presence.handle_timeout(20), [moved(false)]);
        assert_eq!(presence.people(&room()), []);
    }

    #[test]
    fn coming_back_in_time_is_no_news() {
        let mut presence = Presence::default();
        presence.enter(&room(), &ana());
        presence.leave(&room(), &ana().id, 15);
        assert_eq!(presence.people(&room()), [ana()]);
        assert_eq!(presence.enter(&room(), &ana()), None);
        assert_eq!(presence.handle_timeout(100), []);
        assert_eq!(presence.people(&room()), [ana()]);
    }

    #[test]
    fn a_crowd_is_not_told_of_each_other() {
        let mut presence = Presence::default();
        let news = (0..PRESENCE_MAX + 50).filter(|n| {
            let who = Author {
                id: UserId::parse(&n.to_string()).unwrap(),
                name: "x".into(),
            };
            presence.enter(&room(), &who).is_some()
        });
        assert_eq!(news.count(), PRESENCE_MAX);
        assert_eq!(presence.people(&room()).len(), PRESENCE_MAX);
    }
}
