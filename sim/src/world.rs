//! One world: nodes, bus, store and clients, what travels between them, and what goes wrong, all from one seed.

use std::collections::BTreeMap;

use charla_client::machine::{Event as Change, Name};
use charla_core::{Millis, RoomKey};
use charla_wire::{ChatId, TenantId};

use crate::bus::{Bus, Session};
use crate::calendar::Calendar;
use crate::client::Client;
use crate::faults::{self, ClientId, Fault, NodeId};
use crate::node::Node;
use crate::packet::{Answer, Ask, FromBus, JoinId, LinkId, ToBus, ToClient, ToNode};
use crate::random::Random;
use crate::sabotage::Sabotage;
use crate::store::Store;

mod breaking;
mod ways;

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

impl Figures {
    /// Adds another world's.
    pub const fn add(&mut self, other: Self) {
        self.events += other.events;
        self.repaired += other.repaired;
        self.looks_again += other.looks_again;
        self.client_gaps += other.client_gaps;
        self.connections_lost += other.connections_lost;
    }
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
