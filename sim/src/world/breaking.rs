//! What goes wrong in a world, and right again: each fault done, and undone.

use charla_client::machine::Event as Change;
use charla_wire::Cause;

use super::{Event, Link, World};
use crate::faults::{ClientId, Kind, NodeId};
use crate::packet::{FromBus, LinkId, ToClient, ToNode};

impl World {
    pub(super) fn begin(&mut self, place: usize) {
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

    pub(super) fn end(&mut self, place: usize) {
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
