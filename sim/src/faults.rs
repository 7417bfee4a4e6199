//! What goes wrong in a world, drawn from its seed: which fault, to whom, from when to when.

use charla_core::Millis;

use crate::random::Random;

/// A node's place in the world.
pub(crate) type NodeId = usize;
/// A client's place in the world.
pub(crate) type ClientId = usize;

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A node's process dies, and is started again at the end.
    NodeKilled(NodeId),
    /// Its machine loses power: nobody is told that the connections are gone.
    NodeVanishes(NodeId),
    /// It stands still, and goes on as if nothing had been.
    NodeFrozen(NodeId),
    /// It is told to leave, and started again at the end.
    NodeDrained(NodeId),
    /// The bus dies, and comes back empty.
    BusKilled,
    /// The bus stands still; what it was told meanwhile it does afterwards.
    BusFrozen,
    /// One node has no way to the bus.
    BusCut(NodeId),
    /// Hints get lost, come twice, overtake each other.
    BusCarriesBadly {
        /// Of a thousand.
        loses: u64,
        /// Of a thousand.
        repeats: u64,
        /// Of a thousand.
        shuffles: u64,
    },
    /// The store answers nobody.
    StoreDown,
    /// Every other answer of the store gets lost on its way.
    StoreAnswersLost,
    /// The store takes half a second more for everything.
    StoreSlow,
    /// A client's connection is reset.
    ClientReset(ClientId),
    /// A client's network swallows everything, without a word.
    ClientSilent(ClientId),
    /// Everybody's connection is reset: the proxy was restarted.
    EverybodyReset,
    /// A client goes away on purpose, and comes back at the end.
    ClientAway(ClientId),
}

/// One fault.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// From when.
    pub from: Millis,
    /// To when.
    pub to: Millis,
}

/// From when to when faults begin.
const BEGIN: (Millis, Millis) = (1_000, 30_000);
/// The shortest and the longest.
const LAST: (Millis, Millis) = (50, 12_000);

/// The faults of a world.
#[must_use]
pub(crate) fn draw(random: &mut Random, nodes: usize, clients: usize) -> Vec<Fault> {
    let count = random.between(1, 6);
    (0..count)
        .map(|_| {
            let from = random.between(BEGIN.0, BEGIN.1);
            Fault {
                kind: kind(random, nodes, clients),
                from,
                to: from + random.between(LAST.0, LAST.1),
            }
        })
        .collect()
}

fn kind(random: &mut Random, nodes: usize, clients: usize) -> Kind {
    let one_of = |random: &mut Random, many: usize| usize::try_from(random.below(many as u64)).unwrap_or(0);
    let node = one_of(random, nodes);
    let client = one_of(random, clients);
    match random.below(15) {
        0 => Kind::NodeKilled(node),
        1 => Kind::NodeVanishes(node),
        2 => Kind::NodeFrozen(node),
        3 => Kind::NodeDrained(node),
        4 => Kind::BusKilled,
        5 => Kind::BusFrozen,
        6 => Kind::BusCut(node),
        7 => Kind::StoreDown,
        8 => Kind::StoreAnswersLost,
        9 => Kind::StoreSlow,
        10 => Kind::ClientReset(client),
        11 => Kind::ClientSilent(client),
        12 => Kind::EverybodyReset,
        13 => Kind::ClientAway(client),
        _ => Kind::BusCarriesBadly {
            loses: random.below(600),
            repeats: random.below(300),
            shuffles: random.below(300),
        },
    }
}
