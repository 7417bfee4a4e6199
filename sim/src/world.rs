//! One world: nodes, bus, store and clients, what travels between them, and what goes wrong, all from one seed.

use std::collections::BTreeMap;

use charla_client::machine::{Event as Change, Name};
use charla_core::{Millis, RoomKey};
use charla_wire::{Cause, ChatId, TenantId};

use crate::bus::{Bus, Session};
use crate::calendar::Calendar;
use crate::client::Client;
use crate::faults::{self, ClientId, Fault, Kind, NodeId};
use crate::node::{Node, PAGE};
use crate::packet::{Answer, Ask, FromBus, JoinId, LinkId, ToBus, ToClient, ToNode};
use crate::random::Random;
use crate::sabotage::Sabotage;
use crate::store::{Said, Store};

/// When the last word is said. Faults begin before it, and may last beyond.
const SPEAK_UNTIL: Millis = 36_000;
/// When a world that has not come to rest counts as stuck. Its faults are over after 42 s, and whoever gave up begins anew after 5 s.
const STUCK_AFTER: Millis = 5 * 60_000;
/// How often the application of a world that has come to rest is looked for.
const REST_LOOKED_FOR: Millis = 500;

/// What happens next.
#[derive(Debug)]
pub(crate) enum Event {
    Begins(usize),
    Ends(usize),
    Rests,
    Starts(NodeId),
    Wakes(ClientId),
    Speaks(ClientId),
    AsksAnew(ClientId),
    TokenThere(ClientId),
    PreflightAnswered(ClientId),
    AtNode {
        link: LinkId,
        packet: ToNode,
    },
    AtClient {
        link: LinkId,
        packet: ToClient,
    },
    AtStore {
        node: NodeId,
        life: u64,
        ask: Ask,
    },
    FromStore {
        node: NodeId,
        life: u64,
        ask: Ask,
        answer: Answer,
    },
    AsksStore {
        node: NodeId,
        life: u64,
        ask: Ask,
    },
    AtBus {
        node: NodeId,
        session: Session,
        said: ToBus,
    },
    FromBus {
        node: NodeId,
        session: Session,
        said: FromBus,
    },
    Reconnects {
        node: NodeId,
        life: u64,
    },
    Beats {
        node: NodeId,
        life: u64,
        session: Session,
    },
    Looks {
        node: NodeId,
        life: u64,
        series: u64,
    },
    Delivers {
        node: NodeId,
        life: u64,
        room: RoomKey,
    },
    StopsWaiting {
        node: NodeId,
        life: u64,
        join: JoinId,
    },
}

/// A connection between a client and a node, each end for itself.
#[derive(Debug)]
struct Link {
    client: ClientId,
    node: NodeId,
    life: u64,
    open_for_client: bool,
    silent: bool,
    to_node_at: Millis,
    to_client_at: Millis,
}

/// How the store does.
#[derive(Debug, Default)]
struct StoreHealth {
    down: bool,
    loses_answers: bool,
    slow: bool,
}

/// What a world went through.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Events that happened.
    pub events: u64,
    /// Messages that nodes found missing and read from the store.
    pub repaired: u64,
    /// Looks into the store that had to be done again, because the chat moved.
    pub looks_again: u64,
    /// Gaps that clients saw: a node should leave none.
    pub client_gaps: u64,
    /// Connections that were lost.
    pub connections_lost: u64,
}

/// A world under way.
#[derive(Debug)]
pub struct World {
    pub(crate) now: Millis,
    pub(crate) calendar: Calendar<Event>,
    pub(crate) random: Random,
    pub(crate) store: Store,
    pub(crate) bus: Bus,
    pub(crate) sabotage: Sabotage,
    pub(crate) figures: Figures,
    /// The last words that were said.
    pub(crate) words: u64,
    nodes: Vec<Node>,
    clients: Vec<Client>,
    links: BTreeMap<LinkId, Link>,
    faults: Vec<Fault>,
    store_health: StoreHealth,
    at_rest: bool,
    trace: Option<Vec<String>>,
}

impl World {
    /// The world of a seed, before anything happens.
    #[must_use]
    pub fn new(seed: u64, sabotage: Sabotage, traced: bool) -> Self {
        let mut random = Random::new(seed);
        let nodes = usize::try_from(random.between(1, 3)).unwrap_or(1);
        let clients = usize::try_from(random.between(2, 7)).unwrap_or(2);
        let faults = faults::draw(&mut random, nodes, clients);
        let mut world = Self {
            now: 0,
            calendar: Calendar::default(),
            store: Store::default(),
            bus: Bus::default(),
            sabotage,
            figures: Figures::default(),
            words: 0,
            nodes: (0..nodes).map(|_| Node::default()).collect(),
            clients: (0..clients).map(|_| new_client(&mut random)).collect(),
            links: BTreeMap::new(),
            faults,
            store_health: StoreHealth::default(),
            at_rest: false,
            trace: traced.then(Vec::new),
            random,
        };
        for node in 0..nodes {
            world.calendar.put(0, Event::Starts(node));
        }
        for client in 0..clients {
            let at = world.random.below(1_000);
            world.calendar.put(at, Event::AsksAnew(client));
            world.calendar.put(at + 500, Event::Speaks(client));
        }
        for (place, fault) in world.faults.iter().enumerate() {
            world.calendar.put(fault.from, Event::Begins(place));
            world.calendar.put(fault.to, Event::Ends(place));
        }
        world.calendar.put(SPEAK_UNTIL, Event::Rests);
        world
    }

    /// Lets everything happen, until nothing is left to do.
    pub fn run(&mut self) {
        while !self.at_rest && self.now < STUCK_AFTER {
            let Some((at, event)) = self.calendar.next() else {
                return;
            };
            self.now = at;
            if let Some(node) = self.frozen(&event) {
                let until = self.node(node).frozen_until;
                self.calendar.put(until, event);
                continue;
            }
            self.figures.events += 1;
            if let Some(trace) = &mut self.trace {
                trace.push(format!("{at:>7} {event:?}"));
            }
            self.happen(event);
        }
    }

    /// What happened, a line an event, if it was to be written down.
    #[must_use]
    pub fn trace(&self) -> &[String] {
        self.trace.as_deref().unwrap_or_default()
    }

    /// What went wrong, and when.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// What it went through.
    #[must_use]
    pub const fn figures(&self) -> Figures {
        self.figures
    }

    /// Whether everything came to rest.
    #[must_use]
    pub const fn is_at_rest(&self) -> bool {
        self.at_rest
    }

    /// Its store.
    #[must_use]
    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// Its clients.
    #[must_use]
    pub(crate) fn clients(&self) -> &[Client] {
        &self.clients
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "nodes are never taken away, and only the world hands out their places"
    )]
    pub(crate) fn node(&mut self, node: NodeId) -> &mut Node {
        &mut self.nodes[node]
    }

    pub(crate) fn client(&mut self, client: ClientId) -> &mut Client {
        self.client_and_random(client).0
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "clients are never taken away, and only the world hands out their places"
    )]
    pub(crate) fn client_and_random(&mut self, client: ClientId) -> (&mut Client, &mut Random) {
        (&mut self.clients[client], &mut self.random)
    }

    /// The node that stands still and would have to do this.
    fn frozen(&self, event: &Event) -> Option<NodeId> {
        let node = match event {
            Event::AtNode { link, .. } => self.links.get(link)?.node,
            Event::FromStore { node, .. }
            | Event::AsksStore { node, .. }
            | Event::FromBus { node, .. }
            | Event::Reconnects { node, .. }
            | Event::Beats { node, .. }
            | Event::Looks { node, .. }
            | Event::Delivers { node, .. }
            | Event::StopsWaiting { node, .. } => *node,
            Event::Begins(_)
            | Event::Ends(_)
            | Event::Rests
            | Event::Starts(_)
            | Event::Wakes(_)
            | Event::Speaks(_)
            | Event::AsksAnew(_)
            | Event::TokenThere(_)
            | Event::PreflightAnswered(_)
            | Event::AtClient { .. }
            | Event::AtStore { .. }
            | Event::AtBus { .. } => return None,
        };
        let frozen = self.nodes.get(node)?.frozen_until > self.now;
        frozen.then_some(node)
    }

    fn lives(&self, node: NodeId, life: u64) -> bool {
        self.nodes
            .get(node)
            .is_some_and(|node| node.up && node.life == life)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Begins(place) => self.begin(place),
            Event::Ends(place) => self.end(place),
            Event::Rests => self.look_for_rest(),
            Event::Starts(node) => self.start(node),
            Event::Wakes(client) => self.wake(client),
            Event::Speaks(client) => self.speak_on(client),
            Event::AsksAnew(client) => self.change(client, Change::Connect { carried: 0 }),
            Event::TokenThere(client) => self.change(client, Change::Token),
            Event::PreflightAnswered(client) => self.change(client, Change::Named(None)),
            Event::AtNode { link, packet } => self.arrive_at_node(link, packet),
            Event::AtClient { link, packet } => self.arrive_at_client(link, packet),
            Event::AtStore { node, life, ask } => self.arrive_at_store(node, life, ask),
            Event::AtBus { node, session, said } => self.arrive_at_bus(node, session, said),
            Event::FromBus { node, session, said } => {
                if self.session(node) == Some(session) && !self.bus.cut.contains(&node) {
                    self.bus_said(node, said);
                }
            }
            Event::FromStore { node, life, .. }
            | Event::AsksStore { node, life, .. }
            | Event::Reconnects { node, life }
            | Event::Beats { node, life, .. }
            | Event::Looks { node, life, .. }
            | Event::Delivers { node, life, .. }
            | Event::StopsWaiting { node, life, .. }
                if !self.lives(node, life) => {}
            Event::FromStore {
                node, ask, answer, ..
            } => self.store_answered(node, ask, answer),
            Event::AsksStore { node, ask, .. } => self.ask_store(node, ask),
            Event::Reconnects { node, .. } => self.reconnect(node),
            Event::Beats { node, session, .. } => {
                if self.session(node) == Some(session) {
                    self.beat(node);
                }
            }
            Event::Looks { node, series, .. } => self.look(node, series),
            Event::Delivers { node, room, .. } => self.deliver_further(node, &room),
            Event::StopsWaiting { node, join, .. } => self.stop_waiting(node, join),
        }
    }

    fn start(&mut self, node: NodeId) {
        if !self.node(node).up {
            self.node(node).up = true;
            self.begin_following(node);
        }
    }

    fn speak_on(&mut self, client: ClientId) {
        if self.now >= SPEAK_UNTIL {
            return;
        }
        self.speak(client);
        let pause = self.random.between(50, 1_500);
        self.calendar.put(self.now + pause, Event::Speaks(client));
    }

    /// Everybody is connected, has said what it wanted, and has heard all there is.
    fn look_for_rest(&mut self) {
        let faults_over = self.faults.iter().all(|fault| fault.to <= self.now);
        let store = &self.store;
        self.at_rest = faults_over
            && self.clients.iter().all(|client| {
                client.machine.name() == Name::Connected
                    && client.outbox.is_empty()
                    && client
                        .chats
                        .iter()
                        .all(|(room, chat)| chat.entered && chat.cursor.seq() == Some(store.last(room)))
            });
        self.calendar.put(self.now + REST_LOOKED_FOR, Event::Rests);
    }
}

/// The ways between them.
impl World {
    fn arrive_at_node(&mut self, link: LinkId, packet: ToNode) {
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

    fn arrive_at_client(&mut self, link: LinkId, packet: ToClient) {
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

    fn arrive_at_store(&mut self, node: NodeId, life: u64, ask: Ask) {
        let answer = if self.store_health.down {
            Answer::Unavailable
        } else {
            let answer = match &ask {
                Ask::Append { room, id, words, .. } => Answer::Appended(self.store.append(room, *id, *words)),
                Ask::LookUp { room, id } => Answer::Found(self.store.find(room, *id)),
                Ask::Last { room, .. } => Answer::Last(self.store.last(room)),
                Ask::After { room, seq, purpose } => {
                    let limit = match purpose {
                        crate::packet::Purpose::Join(_) => usize::MAX,
                        crate::packet::Purpose::Look | crate::packet::Purpose::CatchUp => PAGE,
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

    fn arrive_at_bus(&mut self, node: NodeId, session: Session, said: ToBus) {
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

    fn bus_tells(&mut self, node: NodeId, session: Session, said: FromBus, latency: Millis) {
        let at = self.now + latency;
        self.calendar.put(at, Event::FromBus { node, session, said });
    }
}

/// What goes wrong, and right again.
impl World {
    fn begin(&mut self, place: usize) {
        let Some(fault) = self.faults.get(place).copied() else {
            return;
        };
        match fault.kind {
            Kind::NodeKilled(node) => self.kill(node, false),
            Kind::NodeVanishes(node) => self.kill(node, true),
            Kind::NodeFrozen(node) => self.node(node).frozen_until = fault.to,
            Kind::NodeDrained(node) => {
                self.node(node).leaving = true;
                for link in self.node(node).links.clone() {
                    self.close(node, link, Cause::Restarting);
                }
            }
            Kind::BusKilled => {
                self.bus.down = true;
                self.bus.forget_all();
                for node in 0..self.nodes.len() {
                    if let Some(session) = self.session(node) {
                        self.bus_tells(node, session, FromBus::Broken, 1);
                    }
                }
            }
            Kind::BusFrozen => self.bus.frozen_until = fault.to,
            Kind::BusCut(node) => {
                self.bus.cut.insert(node);
            }
            Kind::BusCarriesBadly {
                loses,
                repeats,
                shuffles,
            } => self.set_carriage(loses, repeats, shuffles),
            Kind::StoreDown => self.store_health.down = true,
            Kind::StoreAnswersLost => self.store_health.loses_answers = true,
            Kind::StoreSlow => self.store_health.slow = true,
            Kind::ClientReset(client) => self.reset(|link| link.client == client),
            Kind::ClientSilent(client) => self.silence(client),
            Kind::EverybodyReset => self.reset(|_| true),
            Kind::ClientAway(client) => self.change(client, Change::Close),
        }
    }

    fn end(&mut self, place: usize) {
        let Some(fault) = self.faults.get(place).copied() else {
            return;
        };
        match fault.kind {
            Kind::NodeKilled(node) | Kind::NodeVanishes(node) => self.start(node),
            Kind::NodeDrained(node) => {
                self.kill(node, false);
                self.start(node);
            }
            Kind::BusKilled => self.bus.down = false,
            Kind::BusCut(node) => {
                self.bus.cut.remove(&node);
            }
            Kind::BusCarriesBadly { .. } => self.set_carriage(0, 0, 0),
            Kind::StoreDown => self.store_health.down = false,
            Kind::StoreAnswersLost => self.store_health.loses_answers = false,
            Kind::StoreSlow => self.store_health.slow = false,
            Kind::ClientAway(client) => self.change(client, Change::Connect { carried: 0 }),
            Kind::NodeFrozen(_)
            | Kind::BusFrozen
            | Kind::ClientReset(_)
            | Kind::ClientSilent(_)
            | Kind::EverybodyReset => {}
        }
    }

    fn set_carriage(&mut self, loses: u64, repeats: u64, shuffles: u64) {
        self.bus.loses = loses;
        self.bus.repeats = repeats;
        self.bus.shuffles = shuffles;
    }

    /// A process is gone; without a word if its machine is gone too.
    fn kill(&mut self, node: NodeId, silently: bool) {
        let links = std::mem::take(&mut self.node(node).links);
        self.node(node).die();
        for link in links {
            self.tell_client(link, ToClient::Broken);
            if silently && let Some(way) = self.links.get_mut(&link) {
                way.silent = true;
            }
        }
    }

    /// Both ends of some connections hear that they are broken; what was under way is lost.
    fn reset(&mut self, which: impl Fn(&Link) -> bool) {
        let broken: Vec<(LinkId, NodeId, ClientId)> = self
            .links
            .iter()
            .filter(|(_, link)| link.open_for_client && which(link))
            .map(|(id, link)| (*id, link.node, link.client))
            .collect();
        for (link, node, client) in broken {
            self.close_client_end(link);
            if self.node(node).links.contains(&link) {
                self.calendar.put(
                    self.now + 1,
                    Event::AtNode {
                        link,
                        packet: ToNode::End,
                    },
                );
            }
            if self.client(client).link == Some(link) {
                self.client_hears(client, ToClient::Broken);
            }
        }
    }

    fn silence(&mut self, client: ClientId) {
        if let Some(link) = self.client(client).link
            && let Some(way) = self.links.get_mut(&link)
        {
            way.silent = true;
        }
    }
}

/// A client of one of two tenants, which have chats of the same names.
fn new_client(random: &mut Random) -> Client {
    let tenant = if random.permille(250) { "other" } else { "demo" };
    let chats = random.between(1, 2);
    let tenant = TenantId::parse(tenant).unwrap_or_else(|_| unreachable!("a tenant's name"));
    let rooms = (1..=chats)
        .map(|chat| RoomKey {
            tenant: tenant.clone(),
            chat: ChatId::parse(&chat.to_string()).unwrap_or_else(|_| unreachable!("a chat's name")),
        })
        .collect();
    Client::new(rooms, tenant)
}
