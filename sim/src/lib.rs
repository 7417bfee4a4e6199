//! Nodes, bus, store and clients in virtual time, by seed: the same seed, the same world, to the last event.
//!
//! What decides is the real thing: the server's rooms and its catching up (`charla-core`), the client's machine, queue and cursor
//! (`charla-client`). What carries their decisions out, and the store, the bus and the networks, are played. A world goes through some
//! faults, comes to rest, and is checked: nothing acknowledged lost, nothing twice, one order, everybody has all.
//! [`Sabotage`] breaks one rule on purpose, so that the checker itself is checked.

mod bus;
mod calendar;
mod checker;
mod client;
mod faults;
mod follow;
mod node;
mod packet;
mod random;
mod sabotage;
mod store;
mod world;

pub use checker::{Violation, check};
pub use faults::{Fault, Kind};
pub use sabotage::Sabotage;
pub use world::{Figures, World};

/// What became of a seed's world.
#[derive(Debug)]
pub struct Outcome {
    /// The promises that it broke: none, if all is well.
    pub broken: Vec<Violation>,
    /// What it went through.
    pub figures: Figures,
    /// Messages that were stored.
    pub stored: u64,
    /// Messages that were acknowledged.
    pub acknowledged: u64,
}

/// Lets a seed's world happen.
#[must_use]
pub fn run(seed: u64, sabotage: Sabotage) -> Outcome {
    let mut world = World::new(seed, sabotage, false);
    world.run();
    Outcome::of(&world)
}

impl Outcome {
    /// What became of a world that has happened.
    #[must_use]
    pub fn of(world: &World) -> Self {
        Self {
            broken: check(world),
            figures: world.figures(),
            stored: world
                .store()
                .rooms()
                .map(|(_, messages)| messages.len() as u64)
                .sum(),
            acknowledged: world
                .clients()
                .iter()
                .map(|client| client.acknowledged.len() as u64)
                .sum(),
        }
    }
}
