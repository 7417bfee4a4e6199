//! `charla-sim`: as many worlds as wanted, each from its seed; or one seed's world, event by event.
#![allow(clippy::print_stdout, reason = "a program that answers whoever runs it")]

use std::process::ExitCode;
use std::time::Instant;

use charla_sim::{Figures, Outcome, Sabotage, World, run};
use clap::Parser;
use serde_json::json;

/// Worlds of nodes, bus, store and clients in virtual time, each with faults of its own.
#[derive(Parser)]
#[command(name = "charla-sim", version)]
struct Arguments {
    /// So many worlds.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// From this seed on.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Only this seed's world, with every event.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "from"])]
    trace: Option<u64>,
    /// One line of JSON at the end.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(seed) = arguments.trace {
        return trace(seed);
    }
    let began = Instant::now();
    let mut failed = Vec::new();
    let (mut acked, mut stored) = (0, 0);
    let mut all = Figures::default();
    for seed in arguments.from..arguments.from + arguments.seeds {
        let outcome = run(seed, Sabotage::None);
        acked += outcome.acknowledged;
        stored += outcome.stored;
        all.add(outcome.figures);
        if !outcome.broken.is_empty() {
            show(seed, &outcome);
            failed.push(seed);
        }
    }
    let (seeds, broken) = (arguments.seeds, failed.len());
    if arguments.json {
        let line = json!({
            "seeds": seeds, "failed": failed, "acked": acked, "stored": stored, "gaps_repaired": all.repaired,
            "looked_again": all.looks_again, "client_gaps": all.client_gaps,
            "connections_lost": all.connections_lost, "events": all.events,
        });
        println!("{line}");
    } else {
        println!(
            "{seeds} worlds, {broken} broken: {acked} messages acknowledged, {stored} stored, {} repaired from the store, \
             {} connections lost, {} events in {:.1} s",
            all.repaired,
            all.connections_lost,
            all.events,
            began.elapsed().as_secs_f64()
        );
    }
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn show(seed: u64, outcome: &Outcome) {
    println!("seed {seed}:");
    for violation in &outcome.broken {
        println!("  {violation}");
    }
    println!("  again, with every event: cargo xtask sim --trace {seed}");
}

fn trace(seed: u64) -> ExitCode {
    let mut world = World::new(seed, Sabotage::None, true);
    world.run();
    for line in world.trace() {
        println!("{line}");
    }
    for fault in world.faults() {
        println!("{:>7} to {:>7} {:?}", fault.from, fault.to, fault.kind);
    }
    let outcome = Outcome::of(&world);
    show(seed, &outcome);
    if outcome.broken.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
