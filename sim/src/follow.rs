//! A node's way to the bus, proven by canaries, and its looks into the store: `broker/redis` and `follow.rs` of the server.

use charla_core::{Millis, RoomKey};

use crate::bus::Session;
use crate::faults::NodeId;
use crate::packet::{Ask, FromBus, Purpose, ToBus};
use crate::sabotage::Sabotage;
use crate::world::{Event, World};

/// A canary is sent this often.
const CANARY_EVERY: Millis = 500;
/// Without a canary for so long the store is looked at.
const DOUBT_AFTER: Millis = 1_500;
/// Without one for so long the connection is left.
const CANARY_WITHIN: Millis = 5_000;
/// The first and the longest wait before another try.
const RETRY_FIRST: Millis = 100;
const RETRY_MAX: Millis = 2_000;
/// Looks while the bus is alive.
const LOOK_EVERY: Millis = 5_000;
/// Looks while it is away.
const LOOK_EVERY_AWAY: Millis = 200;
/// For so long after it came back as if it were away.
const OTHERS_BACK_WITHIN: Millis = 5_000;

/// One node's view of the bus.
#[derive(Debug, Default)]
pub(crate) struct Following {
    /// Which connection, the present or the next.
    pub(crate) session: Session,
    /// Whether there is one.
    pub(crate) connected: bool,
    /// Whether it is proven.
    pub(crate) alive: bool,
    canary_at: Millis,
    away_at: Millis,
    retry: Millis,
    /// Which series of looks counts.
    looks: u64,
}

impl Following {
    /// Of the process after this one: what is still said to this one is not for it.
    pub(crate) fn next(&self) -> Self {
        Self {
            session: self.session + 1,
            ..Self::default()
        }
    }
}

impl World {
    /// The process begins.
    pub(crate) fn begin_following(&mut self, node: NodeId) {
        self.reconnect_later(node, 0);
        self.look_now(node);
    }

    fn reconnect_later(&mut self, node: NodeId, wait: Millis) {
        let life = self.node(node).life;
        self.calendar
            .put(self.now + wait, Event::Reconnects { node, life });
    }

    /// Another try to reach the bus.
    pub(crate) fn reconnect(&mut self, node: NodeId) {
        let now = self.now;
        if self.bus.down || self.bus.cut.contains(&node) || self.bus.frozen_until > now {
            let retry = (self.node(node).following.retry * 2).clamp(RETRY_FIRST, RETRY_MAX);
            self.node(node).following.retry = retry;
            let wait = self.random.between(retry / 2, retry);
            return self.reconnect_later(node, wait);
        }
        let following = &mut self.node(node).following;
        following.retry = 0;
        following.connected = true;
        following.canary_at = now;
        let topics: Vec<RoomKey> = self.node(node).wanted.keys().cloned().collect();
        for room in topics {
            self.tell_bus(node, ToBus::Subscribe(room));
        }
        self.beat(node);
    }

    /// A canary goes out, and those that did not come back are counted.
    pub(crate) fn beat(&mut self, node: NodeId) {
        let silence = self.now - self.node(node).following.canary_at;
        if silence >= CANARY_WITHIN {
            return self.lose_bus(node);
        }
        if silence >= DOUBT_AFTER {
            self.set_alive(node, false);
        }
        self.tell_bus(node, ToBus::Canary);
        let at = self.node(node);
        let (life, session) = (at.life, at.following.session);
        self.calendar
            .put(self.now + CANARY_EVERY, Event::Beats { node, life, session });
    }

    /// The bus spoke.
    pub(crate) fn bus_said(&mut self, node: NodeId, said: FromBus) {
        match said {
            FromBus::Subscribed(room) => {
                if let Some(wanted) = self.node(node).wanted.get_mut(&room) {
                    wanted.heard = true;
                    self.followed(node, &room);
                }
            }
            FromBus::Published(room, said) => self.node_hears_of(node, &room, said),
            FromBus::Canary => {
                self.node(node).following.canary_at = self.now;
                if self.node(node).is_whole() {
                    self.set_alive(node, true);
                }
            }
            FromBus::Broken => self.lose_bus(node),
        }
    }

    fn lose_bus(&mut self, node: NodeId) {
        let following = &mut self.node(node).following;
        following.connected = false;
        following.session += 1;
        self.set_alive(node, false);
        self.forget_topics(node);
        self.reconnect_later(node, RETRY_FIRST);
    }

    fn set_alive(&mut self, node: NodeId, alive: bool) {
        let following = &mut self.node(node).following;
        if following.alive != alive {
            following.alive = alive;
            self.look_now(node);
        }
    }

    fn look_now(&mut self, node: NodeId) {
        let at = self.node(node);
        at.following.looks += 1;
        let (life, series) = (at.life, at.following.looks);
        self.calendar.put(self.now, Event::Looks { node, life, series });
    }

    /// Looks in the store for news of every room with a listener.
    pub(crate) fn look(&mut self, node: NodeId, series: u64) {
        let now = self.now;
        let at = self.node(node);
        if at.following.looks != series {
            return;
        }
        if !at.following.alive {
            at.following.away_at = now;
        }
        let every = if now - at.following.away_at < OTHERS_BACK_WITHIN {
            LOOK_EVERY_AWAY
        } else {
            LOOK_EVERY
        };
        let life = at.life;
        if self.sabotage != Sabotage::NeverLooks {
            for room in self.node(node).room_keys() {
                let purpose = Purpose::Look;
                self.ask_store(node, Ask::Last { room, purpose });
            }
        }
        self.calendar
            .put(now + every, Event::Looks { node, life, series });
    }
}
