//! One, two and three nodes with one PostgreSQL and, where there is more than one, Redis: what a delivery costs all of them
//! together, and how long it takes to the last listener of any node.

use std::net::SocketAddr;
use std::time::Duration;

use super::Bench;
use crate::cluster::Cluster;
use crate::failure::Outcome;
use crate::load::Crowd;
use crate::report::{Bar, Row};
use crate::stats::{Spread, percentile};

/// Bytes of text.
const LENGTH: usize = 200;
/// Deliveries of a round.
const DELIVERIES: u64 = 200_000;
/// Messages under way while CPU is counted.
const WINDOW: u64 = 4;
/// Ten messages a second while time is taken.
const INTERVAL: Duration = Duration::from_millis(100);

/// What a round came to.
struct Round {
    cpu: f64,
    p50: f64,
    p99: f64,
}

/// What is measured, its unit, and where a round has it.
type Measure = (&'static str, &'static str, fn(&Round) -> f64);

pub(super) fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let size = bench.pick(24, 1_000);
    let mut rounds: Vec<(usize, Vec<Round>)> = [1, 2, 3].map(|nodes| (nodes, Vec::new())).into();
    for _ in 0..bench.rounds {
        for (nodes, rounds) in &mut rounds {
            rounds.push(round(bench, *nodes, size)?);
        }
    }
    let mut rows = Vec::new();
    let measures: [Measure; 3] = [
        (
            "CPU per delivery of all nodes, 4 messages under way",
            "us",
            |round| round.cpu,
        ),
        ("send to the last listener, p50", "ms", |round| round.p50),
        ("send to the last listener, p99", "ms", |round| round.p99),
    ];
    for (what, unit, pick) in measures {
        let of = |rounds: &[Round]| Spread::of(rounds.iter().map(pick).collect());
        let alone = rounds.first().map(|(_, rounds)| of(rounds));
        for (nodes, rounds) in &rounds {
            rows.push(Row {
                scenario: "nodes",
                what: format!("{what}, {size} listeners over {nodes} node(s), PostgreSQL"),
                unit,
                charla: of(rounds),
                reference: alone
                    .clone()
                    .filter(|_| *nodes > 1)
                    .map(|alone| ("one node".into(), alone)),
                bar: Bar::Told,
            });
        }
    }
    Ok(rows)
}

fn round(bench: &Bench, nodes: usize, size: usize) -> Outcome<Round> {
    let cluster = Cluster::start(&bench.charla, bench.store(), nodes)?;
    let first = cluster.first()?;
    let addresses: Vec<SocketAddr> = cluster.nodes().iter().map(|node| node.address()).collect();
    let mut crowd = Crowd::gather_over(first, &addresses, first.chat(), &first.listener(), size)?;
    let count = bench.pick(400, DELIVERIES) / size as u64;
    let cpu = || -> Outcome<Duration> {
        let mut all = Duration::ZERO;
        for node in cluster.nodes() {
            all += node.cpu()?;
        }
        Ok(all)
    };
    crowd.flood(count.div_ceil(10), LENGTH, WINDOW)?;
    let before = cpu()?;
    let delivered = crowd.flood(count, LENGTH, WINDOW)?;
    let cpu = (cpu()? - before).as_secs_f64() * 1e6 / delivered as f64;
    let span = bench.pick(Duration::from_millis(500), Duration::from_secs(3));
    let mut times = crowd.paced(INTERVAL, span, LENGTH)?;
    Ok(Round {
        cpu,
        p50: percentile(&mut times, 0.5),
        p99: percentile(&mut times, 0.99),
    })
}
