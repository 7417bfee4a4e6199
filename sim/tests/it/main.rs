//! Worlds that keep the promises, worlds broken on purpose that do not, and a seed that gives the same world twice.

use charla_sim::{Kind, Outcome, Sabotage, Violation, World, run};

/// Worlds of a test run; `cargo xtask sim` runs ten thousand.
const WORLDS: u64 = 200;

#[test]
fn no_promise_is_broken() {
    for seed in 1..=WORLDS {
        let outcome = run(seed, Sabotage::None);
        assert_eq!(outcome.broken, [], "cargo xtask sim --trace {seed}");
        assert!(outcome.acknowledged > 0, "seed {seed} did nothing");
    }
}

#[test]
fn every_sabotage_is_found() {
    for sabotage in Sabotage::ALL {
        let found = (1..=WORLDS).any(|seed| !run(seed, *sabotage).broken.is_empty());
        assert!(found, "{sabotage:?} goes unnoticed");
    }
}

#[test]
fn a_sabotage_is_found_for_what_it_is() {
    let breaks = |sabotage, is_it: fn(&Violation) -> bool| {
        (1..=WORLDS).any(|seed| run(seed, sabotage).broken.iter().any(is_it))
    };
    assert!(breaks(Sabotage::AckBeforeCommit, |violation| matches!(
        violation,
        Violation::Lost { .. }
    )));
    assert!(breaks(Sabotage::FreshIds, |violation| matches!(
        violation,
        Violation::StoredTwice { .. }
    )));
    assert!(breaks(Sabotage::RepairsNoGap, |violation| matches!(
        violation,
        Violation::NotHeard { .. } | Violation::Stuck { .. }
    )));
}

#[test]
fn nodes_alone_keep_the_order() {
    for seed in 1..=WORLDS {
        assert_eq!(run(seed, Sabotage::NoCursor).broken, [], "seed {seed}");
    }
}

#[test]
fn a_seed_is_a_world() {
    for seed in [3, 77, 4_711] {
        let [first, second] = [(); 2].map(|()| {
            let mut world = World::new(seed, Sabotage::None, true);
            world.run();
            (world.trace().to_vec(), Outcome::of(&world).figures)
        });
        assert!(first.0.len() > 1_000);
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn every_kind_of_fault_happens() {
    let mut kinds: Vec<std::mem::Discriminant<Kind>> = Vec::new();
    for seed in 1..=WORLDS {
        for fault in World::new(seed, Sabotage::None, false).faults() {
            let kind = std::mem::discriminant(&fault.kind);
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
    }
    assert_eq!(kinds.len(), 15);
}
