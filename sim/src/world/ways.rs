//! The ways between clients, nodes, store and bus: how long each takes, what stays in order, what gets lost.

use charla_core::{Millis, RoomKey};

use super::{Event, Link, World};
use crate::bus::Session;
use crate::faults::{ClientId, NodeId};
use crate::node::PAGE;
use crate::packet::{Answer, Ask, FromBus, LinkId, Purpose, ToBus, ToClient, ToNode};
use crate::store::Said;

impl World {
    pub(super) fn arrive_at_node(&mut self, link: LinkId, packet: ToNode) {
        let Some(way) = self.links.get(&link) else {
            return;
        };
        let (node, life) = (way.node, way.life);
        if self.lives(node, life) {
            return self.node_hears(node, link, packet);
        }
        // Nobody listens there.
        self.tell_client(link, ToClient::Broken);
    }

    pub(super) fn arrive_at_client(&mut self, link: LinkId, packet: ToClient) {
        let Some(way) = self.links.get_mut(&link) else {
            return;
        };
        let ends = matches!(packet, ToClient::Close { .. } | ToClient::Broken);
        if way.silent || !way.open_for_client {
            return;
        }
        let client = way.client;
        if ends {
            way.open_for_client = false;
        }
        if self.client(client).link == Some(link) {
            self.client_hears(client, packet);
        }
    }

    /// A client sends something to its node.
    pub(crate) fn tell_node(&mut self, link: LinkId, packet: ToNode) {
        let latency = self.random.between(2, 60);
        let Some(way) = self.links.get_mut(&link) else {
            return;
        };
        if way.silent || !way.open_for_client {
            return;
        }
        way.to_node_at = way.to_node_at.max(self.now + latency);
        self.calendar.put(way.to_node_at, Event::AtNode { link, packet });
    }

    /// A node sends something to a client.
    pub(crate) fn tell_client(&mut self, link: LinkId, packet: ToClient) {
        let latency = self.random.between(2, 60);
        let Some(way) = self.links.get_mut(&link) else {
            return;
        };
        if way.silent {
            return;
        }
        way.to_client_at = way.to_client_at.max(self.now + latency);
        self.calendar
            .put(way.to_client_at, Event::AtClient { link, packet });
    }

    /// The client's end is closed: what still comes is for nobody.
    pub(crate) fn close_client_end(&mut self, link: LinkId) {
        if let Some(way) = self.links.get_mut(&link) {
            way.open_for_client = false;
        }
    }

    /// A client opens a connection; the balancer picks a node that listens.
    pub(crate) fn dial(&mut self, client: ClientId) {
        let listening: Vec<NodeId> = self
            .nodes
            .iter()
            .enumerate()
            .filter_map(|(place, node)| (node.up && !node.leaving).then_some(place))
            .collect();
        let nth = self.random.below(listening.len() as u64);
        // Where nobody listens the answer comes from the balancer.
        let node = listening.get(usize::try_from(nth).unwrap_or(0)).copied();
        let link = self.links.len() as LinkId;
        let way = Link {
            client,
            node: node.unwrap_or(0),
            life: self.nodes.get(node.unwrap_or(0)).map_or(0, |node| node.life),
            open_for_client: true,
            silent: false,
            to_node_at: 0,
            to_client_at: 0,
        };
        self.links.insert(link, way);
        self.client(client).link = Some(link);
        match node {
            Some(_) => self.tell_node(link, ToNode::Hello),
            None => self.tell_client(link, ToClient::Broken),
        }
    }

    /// A node asks the store, in order.
    pub(crate) fn ask_store(&mut self, node: NodeId, ask: Ask) {
        let latency = self.random.between(1, 5) + if self.store_health.slow { 500 } else { 0 };
        let at = self.now + latency;
        let asks = self.node(node);
        let life = asks.life;
        // Writes go over one connection, reads over several.
        let at = if matches!(ask, Ask::Append { .. } | Ask::LookUp { .. }) {
            asks.to_store_at = asks.to_store_at.max(at);
            asks.to_store_at
        } else {
            at
        };
        self.calendar.put(at, Event::AtStore { node, life, ask });
    }

    /// The same in a moment: the store was away.
    pub(crate) fn ask_store_later(&mut self, node: NodeId, ask: Ask) {
        let life = self.node(node).life;
        self.calendar
            .put(self.now + 100, Event::AsksStore { node, life, ask });
    }

    pub(super) fn arrive_at_store(&mut self, node: NodeId, life: u64, ask: Ask) {
        let answer = if self.store_health.down {
            Answer::Unavailable
        } else {
            let answer = match &ask {
                Ask::Append { room, id, words, .. } => Answer::Appended(self.store.append(room, *id, *words)),
                Ask::LookUp { room, id } => Answer::Found(self.store.find(room, *id)),
                Ask::Last { room, .. } => Answer::Last(self.store.last(room)),
                Ask::After { room, seq, purpose } => {
                    let limit = match purpose {
                        Purpose::Join(_) => usize::MAX,
                        Purpose::Look | Purpose::CatchUp => PAGE,
                    };
                    Answer::Messages(self.store.after(room, *seq, limit))
                }
                Ask::Before { room, seq, limit, .. } => {
                    Answer::Messages(self.store.before(room, *seq, *limit))
                }
            };
            if self.store_health.loses_answers && self.random.permille(500) {
                Answer::Lost
            } else {
                answer
            }
        };
        let at = self.now + self.random.between(1, 5);
        let writes = matches!(ask, Ask::Append { .. } | Ask::LookUp { .. });
        let asked = self.node(node);
        let at = if writes {
            asked.from_store_at = asked.from_store_at.max(at);
            asked.from_store_at
        } else {
            at
        };
        self.calendar.put(
            at,
            Event::FromStore {
                node,
                life,
                ask,
                answer,
            },
        );
    }

    /// A node tells the bus, if it has a connection.
    pub(crate) fn tell_bus(&mut self, node: NodeId, said: ToBus) {
        if let Some(session) = self.session(node) {
            // One connection: what is said over it stays in order.
            self.calendar
                .put(self.now + 1, Event::AtBus { node, session, said });
        }
    }

    pub(super) fn arrive_at_bus(&mut self, node: NodeId, session: Session, said: ToBus) {
        if self.bus.frozen_until > self.now {
            let event = Event::AtBus { node, session, said };
            return self.calendar.put(self.bus.frozen_until, event);
        }
        if self.bus.down || self.bus.cut.contains(&node) {
            return;
        }
        match said {
            ToBus::Subscribe(room) => {
                self.bus.subscribe(&room, node, session);
                self.bus_tells(node, session, FromBus::Subscribed(room), 1);
            }
            ToBus::Unsubscribe(room) => self.bus.unsubscribe(&room, node, session),
            ToBus::Canary => self.bus_tells(node, session, FromBus::Canary, 1),
            ToBus::Publish(room, said) => {
                for (other, session) in self.bus.who_hears(&room) {
                    if other != node {
                        self.carry(other, session, &room, &said);
                    }
                }
            }
        }
    }

    fn carry(&mut self, node: NodeId, session: Session, room: &RoomKey, said: &Said) {
        if self.random.permille(self.bus.loses) {
            return;
        }
        let times = if self.random.permille(self.bus.repeats) {
            2
        } else {
            1
        };
        for _ in 0..times {
            let latency = if self.random.permille(self.bus.shuffles) {
                self.random.between(1, 400)
            } else {
                1
            };
            let published = FromBus::Published(room.clone(), said.clone());
            self.bus_tells(node, session, published, latency);
        }
    }

    pub(super) fn bus_tells(&mut self, node: NodeId, session: Session, said: FromBus, latency: Millis) {
        let at = self.now + latency;
        self.calendar.put(at, Event::FromBus { node, session, said });
    }
}
