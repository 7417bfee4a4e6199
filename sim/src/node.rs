//! A node: the decisions are the server's own ([`Rooms`], [`CatchingUp`]), the hands that carry them out do what
//! `join.rs`, `publish.rs`, `deliver.rs` and `follow.rs` of the server do, step by step, so that everything else can happen between two steps.

use std::collections::{BTreeMap, BTreeSet};

use charla_core::changes::Change;
use charla_core::rooms::{self, Published, Rooms, Seat};
use charla_core::{CatchingUp, Millis, RoomKey, Seq};
use charla_wire::Cause;
use charla_wire::cause::close_reason;

use crate::bus::Session;
use crate::faults::NodeId;
use crate::packet::{Answer, Ask, JoinId, LinkId, Purpose, ToBus, ToClient, ToNode};
use crate::sabotage::Sabotage;
use crate::store::{Appended, Said};
use crate::world::{Event, World};

mod join;

use self::join::Join;

/// Messages read at once while catching up: few, so that it takes several.
pub(crate) const PAGE: usize = 8;
/// Listeners up to which a node delivers on the spot, and in slices of how many beyond.
const INLINE_MAX: usize = 2;

impl rooms::Event for Said {
    fn seq(&self) -> Option<Seq> {
        Some(self.seq)
    }

    fn change(&self) -> Option<Change> {
        None
    }

    fn disturbs(&self) -> bool {
        false
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

/// A topic that somebody here listens to.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    listeners: usize,
    /// The bus has confirmed it.
    pub(crate) heard: bool,
    waiting: Vec<JoinId>,
}

/// One process, and whatever it forgets when it dies.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Another number after each start: what was meant for the one before is not for this one.
    pub(crate) life: u64,
    pub(crate) up: bool,
    pub(crate) leaving: bool,
    pub(crate) frozen_until: Millis,
    pub(crate) links: BTreeSet<LinkId>,
    pub(crate) wanted: BTreeMap<RoomKey, Wanted>,
    pub(crate) following: crate::follow::Following,
    pub(crate) to_store_at: Millis,
    pub(crate) from_store_at: Millis,
    rooms: Rooms<LinkId, Said>,
    catching_up: CatchingUp,
    seats: BTreeMap<(LinkId, RoomKey), Seat>,
    joins: BTreeMap<JoinId, Join>,
    joined: JoinId,
    rounds: BTreeMap<RoomKey, (Vec<Said>, usize)>,
}

impl Node {
    /// The process is gone, with all that it knew.
    pub(crate) fn die(&mut self) {
        *self = Self {
            life: self.life + 1,
            following: self.following.next(),
            ..Self::default()
        };
    }

    /// The rooms with somebody in them.
    pub(crate) fn room_keys(&self) -> Vec<RoomKey> {
        let mut keys: Vec<RoomKey> = self.rooms.keys().cloned().collect();
        keys.sort();
        keys
    }

    /// Every topic is heard.
    pub(crate) fn is_whole(&self) -> bool {
        self.wanted.values().all(|wanted| wanted.heard)
    }
}

impl World {
    /// A packet reached its node.
    pub(crate) fn node_hears(&mut self, node: NodeId, link: LinkId, packet: ToNode) {
        match packet {
            ToNode::Hello => {
                if self.node(node).leaving {
                    self.close(node, link, Cause::Restarting);
                } else {
                    self.node(node).links.insert(link);
                    self.tell_client(link, ToClient::Welcome);
                }
            }
            ToNode::Subscribe { room, after } => self.join(node, link, room, after),
            ToNode::Send { room, id, words } => {
                if !self.node(node).seats.contains_key(&(link, room.clone())) {
                    return self.tell_client(link, ToClient::Refused { id });
                }
                if self.sabotage == Sabotage::AckBeforeCommit {
                    let seq = self.store.last(&room) + 1;
                    self.tell_client(link, ToClient::Ack { id, seq });
                }
                let ask = Ask::Append {
                    room,
                    id,
                    words,
                    link,
                };
                self.ask_store(node, ask);
            }
            ToNode::History { room, before, limit } => {
                let ask = Ask::Before {
                    room,
                    seq: before,
                    limit,
                    link,
                };
                self.ask_store(node, ask);
            }
            ToNode::Ping => self.tell_client(link, ToClient::Pong),
            ToNode::End => self.part(node, link),
        }
    }

    /// Everything that a connection had ends with it.
    pub(crate) fn part(&mut self, node: NodeId, link: LinkId) {
        let at = self.node(node);
        at.links.remove(&link);
        let mut rooms = Vec::new();
        at.seats.retain(|(seated, room), seat| {
            let leaves = *seated == link;
            if leaves {
                rooms.push((room.clone(), *seat));
            }
            !leaves
        });
        at.joins.retain(|_, join| {
            let leaves = join.link == link;
            if leaves {
                rooms.push((join.room.clone(), join.seat));
            }
            !leaves
        });
        for (room, seat) in rooms {
            self.leave(node, &room, seat);
        }
    }

    /// Says why, and ends the connection.
    pub(crate) fn close(&mut self, node: NodeId, link: LinkId, cause: Cause) {
        let detail = format!("retry in {} ms", self.random.between(10, 1_500));
        self.tell_client(
            link,
            ToClient::Close {
                code: cause.close_code(),
                reason: close_reason(cause, &detail),
            },
        );
        self.part(node, link);
    }

    /// The store answered.
    pub(crate) fn store_answered(&mut self, node: NodeId, ask: Ask, answer: Answer) {
        match (ask, answer) {
            (Ask::Append { room, link, .. }, Answer::Appended(appended)) => {
                self.appended(node, &room, link, appended);
            }
            (Ask::Append { link, id, .. }, Answer::Unavailable) => {
                self.tell_client(link, ToClient::Refused { id });
            }
            (Ask::Append { room, link, id, .. }, _) => {
                // Told as refused, then looked up: what was stored all the same is published.
                self.tell_client(link, ToClient::Refused { id });
                self.ask_store(node, Ask::LookUp { room, id });
            }
            (Ask::LookUp { room, .. }, Answer::Found(found)) => {
                if let Some(said) = found {
                    self.publish(node, &room, said);
                }
            }
            (ask @ Ask::LookUp { .. }, _) => self.ask_store_later(node, ask),
            (
                Ask::Last {
                    purpose: Purpose::Join(id),
                    ..
                },
                Answer::Last(last),
            ) => self.looked(node, id, last),
            (Ask::Last { room, .. }, Answer::Last(last)) => {
                if self
                    .node(node)
                    .rooms
                    .delivered(&room)
                    .is_some_and(|delivered| last > delivered)
                {
                    self.catch_up(node, &room, last);
                }
            }
            (
                Ask::After {
                    seq,
                    purpose: Purpose::Join(id),
                    ..
                },
                Answer::Messages(messages),
            ) => {
                let have = messages.last().map_or(seq, |said| said.seq);
                self.go_live(node, id, have, true, messages);
            }
            (Ask::After { room, .. }, Answer::Messages(messages)) => self.caught_up(node, &room, messages),
            (
                Ask::Last {
                    purpose: Purpose::Join(id),
                    ..
                }
                | Ask::After {
                    purpose: Purpose::Join(id),
                    ..
                },
                _,
            ) => {
                self.refuse_join(node, id);
            }
            (Ask::After { room, .. }, _) => self.node(node).catching_up.give_up(&room),
            (Ask::Before { room, link, .. }, Answer::Messages(messages)) => {
                self.tell_client(link, ToClient::History { room, messages });
            }
            (Ask::Before { room, link, .. }, _) => {
                let messages = Vec::new();
                self.tell_client(link, ToClient::History { room, messages });
            }
            (Ask::Last { .. }, _) => {}
        }
    }

    // Store first, publish second, acknowledge third: `publish.rs`.
    fn appended(&mut self, node: NodeId, room: &RoomKey, link: LinkId, appended: Appended) {
        let said = match appended {
            Appended::New(said) => {
                self.publish(node, room, said.clone());
                said
            }
            Appended::Repeated(said) => said,
        };
        if self.sabotage != Sabotage::AckBeforeCommit {
            let (id, seq) = (said.id, said.seq);
            self.tell_client(link, ToClient::Ack { id, seq });
        }
    }

    fn publish(&mut self, node: NodeId, room: &RoomKey, said: Said) {
        self.tell_bus(node, ToBus::Publish(room.clone(), said.clone()));
        self.node_hears_of(node, room, said);
    }

    /// Something happened in a room, here or elsewhere: `deliver.rs`.
    pub(crate) fn node_hears_of(&mut self, node: NodeId, room: &RoomKey, said: Said) {
        let seq = said.seq;
        if self.sabotage == Sabotage::DeliversAsItComes {
            let at = self.node(node);
            let listeners: Vec<LinkId> = at
                .seats
                .keys()
                .filter_map(|(link, seated)| (seated == room).then_some(*link))
                .collect();
            for link in listeners {
                let (room, said) = (room.clone(), said.clone());
                self.tell_client(link, ToClient::Message { room, said });
            }
        }
        match self.node(node).rooms.publish(room, said) {
            Published::Settled => {}
            Published::Deliver { listeners } if listeners <= INLINE_MAX => {
                while self.deliver_slice(node, room) {}
            }
            Published::Deliver { .. } => self.deliver_later(node, room),
            Published::Gap { .. } => self.catch_up(node, room, seq),
        }
    }

    fn deliver_later(&mut self, node: NodeId, room: &RoomKey) {
        let life = self.node(node).life;
        let at = self.now + self.random.below(3);
        let room = room.clone();
        self.calendar.put(at, Event::Delivers { node, life, room });
    }

    /// The next slice of a delivery that others run in between of.
    pub(crate) fn deliver_further(&mut self, node: NodeId, room: &RoomKey) {
        if self.deliver_slice(node, room) {
            self.deliver_later(node, room);
        }
    }

    /// One slice; whether there is another.
    fn deliver_slice(&mut self, node: NodeId, room: &RoomKey) -> bool {
        let at = self.node(node);
        let (events, from) = match at.rounds.remove(room) {
            Some(round) => round,
            None => match at.rooms.begin_round(room) {
                Some(events) => (events, 0),
                None => return false,
            },
        };
        let mut listeners = Vec::new();
        let next = at.rooms.slice(room, from, INLINE_MAX, &mut listeners);
        if let Some(next) = next {
            at.rounds.insert(room.clone(), (events.clone(), next));
        }
        for (link, has) in listeners {
            for said in events.iter().filter(|said| said.seq > has) {
                let (room, said) = (room.clone(), said.clone());
                self.tell_client(link, ToClient::Message { room, said });
            }
        }
        true
    }

    // A gap is repaired from the store: `follow.rs`.
    fn catch_up(&mut self, node: NodeId, room: &RoomKey, upto: Seq) {
        if self.sabotage == Sabotage::RepairsNoGap {
            return;
        }
        if self.node(node).catching_up.begin(room, upto) {
            self.read_missed(node, room);
        }
    }

    fn read_missed(&mut self, node: NodeId, room: &RoomKey) {
        let at = self.node(node);
        let Some(seq) = at.rooms.delivered(room) else {
            return at.catching_up.give_up(room);
        };
        if !at.catching_up.is_done(room, seq) {
            let (room, purpose) = (room.clone(), Purpose::CatchUp);
            self.ask_store(node, Ask::After { room, seq, purpose });
        }
    }

    fn caught_up(&mut self, node: NodeId, room: &RoomKey, messages: Vec<Said>) {
        if messages.is_empty() {
            return self.node(node).catching_up.give_up(room);
        }
        self.figures.repaired += messages.len() as u64;
        for said in messages {
            self.node_hears_of(node, room, said);
        }
        self.read_missed(node, room);
    }

    /// What waits for an answer over a session of the bus that has ended waits no more.
    pub(crate) fn forget_topics(&mut self, node: NodeId) {
        for wanted in self.node(node).wanted.values_mut() {
            wanted.heard = false;
        }
        let rooms: Vec<RoomKey> = self.node(node).wanted.keys().cloned().collect();
        for room in rooms {
            self.followed(node, &room);
        }
    }

    /// The session over which a node speaks to the bus.
    pub(crate) fn session(&mut self, node: NodeId) -> Option<Session> {
        let following = &self.node(node).following;
        following.connected.then_some(following.session)
    }
}
