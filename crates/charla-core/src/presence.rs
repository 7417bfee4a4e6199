//! Who is here: one person, however many connections on however many nodes, and no flicker when one of them is made anew.
//!
//! A person is in a room while a connection of this node says so, while it may come back, or while another node says
//! so. What other nodes say is kept for the rooms that somebody here listens to; a [`Statement`] of a node replaces
//! what it said of that room before, so that lost words heal.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use charla_wire::UserId;

use crate::Millis;
use crate::key::RoomKey;
use crate::message::Author;
use crate::peers::NodeId;

#[cfg(test)]
mod tests;

/// Beyond this many people a room no longer says who comes and goes: the news would grow with the square.
pub const PRESENCE_MAX: usize = 200;

#[derive(Debug)]
struct Lingers {
    until: Millis,
    // It was connected here: other nodes wait for our word.
    ours: bool,
}

#[derive(Debug)]
struct Present {
    name: Arc<str>,
    connections: usize,
    lingers: Option<Lingers>,
    // The other nodes that say so.
    nodes: Vec<NodeId>,
}

impl Present {
    fn is_here(&self) -> bool {
        self.is_ours() || self.lingers.is_some() || !self.nodes.is_empty()
    }

    fn is_ours(&self) -> bool {
        self.connections > 0 || self.lingers.as_ref().is_some_and(|lingers| lingers.ours)
    }
}

#[derive(Debug, Default)]
struct Room {
    // Connections of this node that hear the room, in which case its other nodes are heard too.
    listeners: usize,
    people: HashMap<UserId, Present>,
    // Those of `people` that are ours.
    ours: usize,
    // Nodes that have more people here than they name.
    crowds: Vec<NodeId>,
}

impl Room {
    fn is_crowded(&self) -> bool {
        self.people.len() > PRESENCE_MAX || !self.crowds.is_empty()
    }
}

/// The people in the rooms of a node.
#[derive(Debug, Default)]
pub struct Presence {
    rooms: HashMap<RoomKey, Room>,
    leaving: BTreeSet<(Millis, RoomKey, UserId)>,
}

/// Somebody came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Which room.
    pub room: RoomKey,
    /// Who.
    pub who: Author,
    /// Came; otherwise went.
    pub joined: bool,
}

/// Somebody came or went here, and who should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What.
    pub moved: Moved,
    /// Those who listen to the room on this node: the person was nowhere before, or is nowhere now.
    pub to_room: bool,
    /// The other nodes: the person was not here before, or is not here any more.
    pub to_nodes: bool,
}

/// All that a node has in a room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statement {
    /// Its people, [`PRESENCE_MAX`] at most.
    pub people: Vec<Author>,
    /// Whether there are more.
    pub crowd: bool,
}

impl Presence {
    /// One more connection hears `room`; whether it is the first, so that other nodes have to be asked who is there.
    pub fn listen(&mut self, room: &RoomKey) -> bool {
        let room = self.rooms.entry(room.clone()).or_default();
        room.listeners += 1;
        room.listeners == 1
    }

    /// One less; whether it was the last one, which takes along what other nodes said.
    pub fn cease(&mut self, key: &RoomKey) -> bool {
        let Some(room) = self.rooms.get_mut(key) else {
            return false;
        };
        room.listeners = room.listeners.saturating_sub(1);
        if room.listeners > 0 {
            return false;
        }
        room.crowds.clear();
        let leaving = &mut self.leaving;
        room.people.retain(|user, present| {
            present.nodes.clear();
            if let Some(lingers) = present.lingers.take_if(|lingers| !lingers.ours) {
                leaving.remove(&(lingers.until, key.clone(), user.clone()));
            }
            present.is_here()
        });
        self.tidy(key);
        true
    }

    /// A connection of `who` entered `room`.
    pub fn enter(&mut self, key: &RoomKey, who: &Author) -> Option<News> {
        let room = self.rooms.entry(key.clone()).or_default();
        let present = room
            .people
            .entry(who.id.clone())
            .or_insert_with(|| Present::named(&who.name));
        let (was_here, was_ours) = (present.is_here(), present.is_ours());
        present.connections += 1;
        if let Some(lingers) = present.lingers.take() {
            self.leaving.remove(&(lingers.until, key.clone(), who.id.clone()));
        }
        room.ours += usize::from(!was_ours);
        let news = News {
            to_room: !was_here && !room.is_crowded(),
            to_nodes: !was_ours && room.ours <= PRESENCE_MAX,
            moved: moved(key, who.clone(), true),
        };
        news.is_any().then_some(news)
    }

    /// A connection of `user` left `room`; the person counts as present until `leaves_at`, unless it comes back.
    pub fn leave(&mut self, key: &RoomKey, user: &UserId, leaves_at: Millis) {
        let Some(present) = self.rooms.get_mut(key).and_then(|room| room.people.get_mut(user)) else {
            return;
        };
        let was_connected = present.connections > 0;
        present.connections = present.connections.saturating_sub(1);
        if was_connected && present.connections == 0 {
            present.lingers = Some(Lingers {
                until: leaves_at,
                ours: true,
            });
            self.leaving.insert((leaves_at, key.clone(), user.clone()));
        }
    }

    /// Who is in `room` now, [`PRESENCE_MAX`] at most.
    #[must_use]
    pub fn people(&self, room: &RoomKey) -> Vec<Author> {
        let people = self.rooms.get(room).into_iter().flat_map(|room| &room.people);
        people.take(PRESENCE_MAX).map(author).collect()
    }

    /// What this node has in `room`, as it tells other nodes.
    #[must_use]
    pub fn statement(&self, room: &RoomKey) -> Statement {
        let Some(room) = self.rooms.get(room) else {
            return Statement::default();
        };
        let ours = room.people.iter().filter(|(_, present)| present.is_ours());
        Statement {
            people: ours.take(PRESENCE_MAX).map(author).collect(),
            crowd: room.ours > PRESENCE_MAX,
        }
    }

    /// The rooms that somebody here listens to.
    #[must_use]
    pub fn heard_rooms(&self) -> Vec<RoomKey> {
        let heard = self.rooms.iter().filter(|(_, room)| room.listeners > 0);
        heard.map(|(key, _)| key.clone()).collect()
    }

    /// Another node says that `who` came to `room`, or went.
    pub fn hear(&mut self, node: NodeId, key: &RoomKey, who: &Author, joined: bool) -> Option<Moved> {
        let room = self.rooms.get_mut(key).filter(|room| room.listeners > 0)?;
        if joined {
            enter_elsewhere(&mut self.leaving, room, node, key, who)
        } else {
            leave_elsewhere(room, node, key, &who.id)
        }
    }

    /// Another node says all that it has in `room`.
    pub fn hear_all(&mut self, node: NodeId, key: &RoomKey, said: &Statement) -> Vec<Moved> {
        let Some(room) = self.rooms.get_mut(key).filter(|room| room.listeners > 0) else {
            return Vec::new();
        };
        let was_crowded = room.is_crowded();
        room.crowds.retain(|other| *other != node);
        let is_named = |user: &UserId| said.people.iter().any(|who| who.id == *user);
        let went: Vec<UserId> = room
            .people
            .iter()
            .filter(|(user, present)| present.nodes.contains(&node) && !is_named(user))
            .map(|(user, _)| user.clone())
            .collect();
        let went = went
            .iter()
            .filter_map(|user| leave_elsewhere(room, node, key, user));
        let mut all: Vec<Moved> = went.collect();
        let came = said.people.iter().take(PRESENCE_MAX);
        all.extend(came.filter_map(|who| enter_elsewhere(&mut self.leaving, room, node, key, who)));
        if said.crowd {
            room.crowds.push(node);
        }
        if was_crowded || room.is_crowded() {
            all.clear();
        }
        all
    }

    /// Another node is gone. With `leaves_at` it said good-bye, and its people count as present until then.
    pub fn node_gone(&mut self, node: NodeId, leaves_at: Option<Millis>) -> Vec<Moved> {
        let mut all = Vec::new();
        for (key, room) in &mut self.rooms {
            let users: Vec<UserId> = room
                .people
                .iter()
                .filter(|(_, present)| present.nodes.contains(&node))
                .map(|(user, _)| user.clone())
                .collect();
            if let Some(until) = leaves_at {
                for user in &users {
                    let Some(present) = room.people.get_mut(user) else {
                        continue;
                    };
                    present.nodes.retain(|other| *other != node);
                    if !present.is_here() {
                        present.lingers = Some(Lingers { until, ours: false });
                        self.leaving.insert((until, key.clone(), user.clone()));
                    }
                }
            } else {
                let went = users
                    .iter()
                    .filter_map(|user| leave_elsewhere(room, node, key, user));
                all.extend(went);
            }
            room.crowds.retain(|other| *other != node);
        }
        all
    }

    /// Those whose time to come back is over.
    pub fn handle_timeout(&mut self, now: Millis) -> Vec<News> {
        let mut all = Vec::new();
        while self.leaving.first().is_some_and(|(at, ..)| *at <= now)
            && let Some((_, key, user)) = self.leaving.pop_first()
        {
            let Some(room) = self.rooms.get_mut(&key) else {
                continue;
            };
            let (crowded, told) = (room.is_crowded(), room.ours <= PRESENCE_MAX);
            let Some(present) = room.people.get_mut(&user) else {
                continue;
            };
            let was_ours = present.is_ours();
            present.lingers = None;
            room.ours -= usize::from(was_ours);
            let (name, stays) = (Arc::clone(&present.name), present.is_here());
            if !stays {
                room.people.remove(&user);
            }
            let news = News {
                to_room: !stays && !crowded,
                to_nodes: was_ours && told,
                moved: moved(&key, Author { id: user, name }, false),
            };
            self.tidy(&key);
            if news.is_any() {
                all.push(news);
            }
        }
        all
    }

    /// When somebody's time is over next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Millis> {
        self.leaving.first().map(|(at, ..)| *at)
    }

    fn tidy(&mut self, key: &RoomKey) {
        let is_empty = |room: &Room| room.listeners == 0 && room.people.is_empty();
        if self.rooms.get(key).is_some_and(is_empty) {
            self.rooms.remove(key);
        }
    }
}

impl Present {
    fn named(name: &Arc<str>) -> Self {
        Self {
            name: Arc::clone(name),
            connections: 0,
            lingers: None,
            nodes: Vec::new(),
        }
    }
}

impl News {
    fn is_any(&self) -> bool {
        self.to_room || self.to_nodes
    }
}

fn moved(room: &RoomKey, who: Author, joined: bool) -> Moved {
    Moved {
        room: room.clone(),
        who,
        joined,
    }
}

fn author((id, present): (&UserId, &Present)) -> Author {
    Author {
        id: id.clone(),
        name: Arc::clone(&present.name),
    }
}

fn enter_elsewhere(
    leaving: &mut BTreeSet<(Millis, RoomKey, UserId)>,
    room: &mut Room,
    node: NodeId,
    key: &RoomKey,
    who: &Author,
) -> Option<Moved> {
    let present = room
        .people
        .entry(who.id.clone())
        .or_insert_with(|| Present::named(&who.name));
    let was_here = present.is_here();
    if !present.nodes.contains(&node) {
        present.nodes.push(node);
    }
    if let Some(lingers) = present.lingers.take_if(|lingers| !lingers.ours) {
        leaving.remove(&(lingers.until, key.clone(), who.id.clone()));
    }
    (!was_here && !room.is_crowded()).then(|| moved(key, who.clone(), true))
}

fn leave_elsewhere(room: &mut Room, node: NodeId, key: &RoomKey, user: &UserId) -> Option<Moved> {
    let crowded = room.is_crowded();
    let present = room.people.get_mut(user)?;
    let said = present.nodes.len();
    present.nodes.retain(|other| *other != node);
    if present.nodes.len() == said || present.is_here() {
        return None;
    }
    let name = Arc::clone(&present.name);
    room.people.remove(user);
    let id = user.clone();
    (!crowded).then(|| moved(key, Author { id, name }, false))
}
