//! Durable sends at rising load until no more get through: the rate that each load reaches, and the p99 that it costs.

use std::time::Duration;

use super::Bench;
use super::durable::{Load, send};
use crate::cluster::Cluster;
use crate::failure::Outcome;
use crate::plot::{Point, Series};
use crate::report::{Bar, Row};
use crate::server::Server;
use crate::stats::{Spread, percentile};

/// Clients, and sends of each that are under way.
const LOADS: &[(usize, usize)] = &[(1, 1), (4, 1), (16, 1), (64, 1), (100, 2), (100, 8), (100, 32)];
/// Chats that they speak in: a client has its own.
const CHATS: usize = 100;
/// A store's name for programs, and for people.
const STORES: [(&str, &str); 2] = [("curve-sqlite", "SQLite"), ("curve-postgres", "PostgreSQL")];

pub(super) fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let [sqlite, postgres] = STORES;
    let mut rows = Vec::new();
    let server = bench.start_with_key()?;
    rise(bench, &server, sqlite, &mut rows)?;
    drop(server);
    let cluster = Cluster::start(&bench.charla, bench.store(), 1)?;
    rise(bench, cluster.first()?, postgres, &mut rows)?;
    Ok(rows)
}

fn rise(bench: &Bench, server: &Server, store: (&'static str, &str), rows: &mut Vec<Row>) -> Outcome<()> {
    let chats = server.chats(bench.pick(10, CHATS))?;
    let span = bench.pick(Duration::from_millis(200), Duration::from_secs(2));
    for &(clients, pipelined) in LOADS.iter().take(bench.pick(2, LOADS.len())) {
        let load = Load {
            clients,
            pipelined,
            ..Load::default()
        };
        let (mut rates, mut worst) = (Vec::new(), Vec::new());
        for _ in 0..bench.rounds.min(3) {
            let (rate, mut times) = send(server, &chats, load, span)?;
            rates.push(rate);
            worst.push(percentile(&mut times, 0.99));
        }
        let mut row = |what: &str, unit, rounds| {
            rows.push(Row {
                scenario: store.0,
                what: format!("{what} on {}, {} under way", store.1, clients * pipelined),
                unit,
                charla: Spread::of(rounds),
                reference: None,
                bar: Bar::Told,
            });
        };
        row("durable sends", "1/s", rates);
        row("p99 from send to ack", "ms", worst);
    }
    Ok(())
}

/// The lines of a run, if it had them: across the rate, upwards the p99.
pub(crate) fn series(rows: &[Row]) -> Vec<Series> {
    let line = |(class, (id, name)): (usize, (&str, &str))| {
        let of = |unit| {
            rows.iter()
                .filter(move |row| row.scenario == id && row.unit == unit)
        };
        let point = |(rate, p99): (&Row, &Row)| Point {
            x: rate.charla.median,
            y: p99.charla.median,
            low: p99.charla.min,
            high: p99.charla.max,
        };
        Series {
            name: name.into(),
            class: class + 1,
            points: of("1/s").zip(of("ms")).map(point).collect(),
        }
    };
    let all = STORES.into_iter().enumerate().map(line);
    all.filter(|one| !one.points.is_empty()).collect()
}
