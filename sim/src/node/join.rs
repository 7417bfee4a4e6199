//! Into a chat: seat first, store last, as `join.rs` of the server does it, each step an event of its own.

use charla_core::rooms::{self, Seat};
use charla_core::{Millis, RoomKey, Seq};

use crate::faults::NodeId;
use crate::packet::{Ask, JoinId, LinkId, Purpose, ToBus, ToClient};
use crate::sabotage::Sabotage;
use crate::store::Said;
use crate::world::{Event, World};

/// Messages that a client may miss and still resume: few, so that some worlds go beyond.
const RESUME_MAX: Seq = 60;
/// Looks into the store before a chat counts as too lively to join.
const LOOKS: usize = 64;
/// How long a subscription waits for its topic.
const FOLLOWED_WITHIN: Millis = 2_000;

/// A subscription under way.
#[derive(Debug, Clone)]
pub(super) struct Join {
    pub(super) link: LinkId,
    pub(super) room: RoomKey,
    pub(super) seat: Seat,
    after: Option<Seq>,
    last: Seq,
    looks: usize,
}

impl World {
    // Seat first, store last: `join.rs`.
    pub(super) fn join(&mut self, node: NodeId, link: LinkId, room: RoomKey, after: Option<Seq>) {
        let alive = self.node(node).following.alive;
        let at = self.node(node);
        let seat = at.rooms.enter(&room, link);
        at.joined += 1;
        let id = at.joined;
        let join = Join {
            link,
            room: room.clone(),
            seat,
            after,
            last: 0,
            looks: 0,
        };
        at.joins.insert(id, join);
        let wanted = at.wanted.entry(room.clone()).or_default();
        wanted.listeners += 1;
        let is_first = wanted.listeners == 1;
        let waits = alive && !wanted.heard;
        if waits {
            wanted.waiting.push(id);
        }
        if is_first {
            self.tell_bus(node, ToBus::Subscribe(room));
        }
        if waits {
            let life = self.node(node).life;
            let event = Event::StopsWaiting { node, life, join: id };
            self.calendar.put(self.now + FOLLOWED_WITHIN, event);
        } else {
            self.look_for(node, id);
        }
    }

    /// The topic of these joins is heard, or not to be had.
    pub(crate) fn followed(&mut self, node: NodeId, room: &RoomKey) {
        let Some(wanted) = self.node(node).wanted.get_mut(room) else {
            return;
        };
        for join in std::mem::take(&mut wanted.waiting) {
            self.look_for(node, join);
        }
    }

    /// A join has waited for its topic long enough.
    pub(crate) fn stop_waiting(&mut self, node: NodeId, join: JoinId) {
        let mut waited = false;
        for wanted in self.node(node).wanted.values_mut() {
            let before = wanted.waiting.len();
            wanted.waiting.retain(|waiting| *waiting != join);
            waited |= wanted.waiting.len() < before;
        }
        if waited {
            self.look_for(node, join);
        }
    }

    fn look_for(&mut self, node: NodeId, id: JoinId) {
        if let Some(join) = self.node(node).joins.get(&id) {
            let room = join.room.clone();
            let purpose = Purpose::Join(id);
            self.ask_store(node, Ask::Last { room, purpose });
        }
    }

    pub(super) fn looked(&mut self, node: NodeId, id: JoinId, last: Seq) {
        let at = self.node(node);
        let Some(join) = at.joins.get_mut(&id) else {
            return;
        };
        join.last = last;
        let room = join.room.clone();
        match join.after {
            None => self.go_live(node, id, last, false, Vec::new()),
            Some(after) if after >= last || at.rooms.remembers(&room, after, last) => {
                self.go_live(node, id, after, true, Vec::new());
            }
            Some(seq) if last - seq <= RESUME_MAX => {
                let purpose = Purpose::Join(id);
                self.ask_store(node, Ask::After { room, seq, purpose });
            }
            Some(_) => self.go_live(node, id, last, false, Vec::new()),
        }
    }

    pub(super) fn go_live(
        &mut self,
        node: NodeId,
        id: JoinId,
        have: Seq,
        resumed: bool,
        messages: Vec<Said>,
    ) {
        let sabotage = self.sabotage;
        let at = self.node(node);
        let Some(join) = at.joins.get_mut(&id) else {
            return;
        };
        let (link, room) = (join.link, join.room.clone());
        match at.rooms.go_live(&room, &mut join.seat, have) {
            Ok(missed) => {
                let missed = if sabotage == Sabotage::ForgetsTheGap {
                    Vec::new()
                } else {
                    missed
                };
                at.seats.insert((link, room.clone()), join.seat);
                at.joins.remove(&id);
                let seq = have + missed.len() as Seq;
                let messages = messages.into_iter().chain(missed).collect();
                self.tell_client(
                    link,
                    ToClient::Subscribed {
                        room,
                        resumed,
                        seq,
                        messages,
                    },
                );
            }
            Err(rooms::Behind) if join.looks < LOOKS => {
                join.looks += 1;
                self.figures.looks_again += 1;
                self.look_for(node, id);
            }
            Err(rooms::Behind) => self.refuse_join(node, id),
        }
    }

    pub(super) fn refuse_join(&mut self, node: NodeId, id: JoinId) {
        let Some(join) = self.node(node).joins.remove(&id) else {
            return;
        };
        let room = join.room.clone();
        self.tell_client(join.link, ToClient::NotLetIn { room });
        self.leave(node, &join.room, join.seat);
    }

    pub(super) fn leave(&mut self, node: NodeId, room: &RoomKey, seat: Seat) {
        let at = self.node(node);
        at.rooms.leave(room, seat);
        let Some(wanted) = at.wanted.get_mut(room) else {
            return;
        };
        wanted.listeners -= 1;
        if wanted.listeners == 0 {
            at.wanted.remove(room);
            self.tell_bus(node, ToBus::Unsubscribe(room.clone()));
        }
    }
}
