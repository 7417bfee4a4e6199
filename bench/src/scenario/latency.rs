//! From a send to the last of its listeners, at a rate that keeps nobody busy.

use std::time::Duration;

use super::Bench;
use crate::failure::Outcome;
use crate::load::Crowd;
use crate::report::{Bar, Row};
use crate::server::Kind;
use crate::stats::{Spread, percentile};

/// Twenty messages a second.
const INTERVAL: Duration = Duration::from_millis(50);
/// Bytes of text.
const LENGTH: usize = 200;

pub(super) fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let size = bench.pick(50, 1_000);
    let span = bench.pick(Duration::from_millis(500), Duration::from_secs(5));
    let [floor, charla] = bench.alternate([Kind::Floor, Kind::Charla], |kind| {
        let server = bench.start(kind)?;
        let mut crowd = Crowd::gather(&server, size)?;
        crowd.flood(20, LENGTH, 1)?;
        crowd.paced(INTERVAL, span, LENGTH)
    })?;
    let row = |share: f64, times: f64| {
        let of = |rounds: &[Vec<f64>]| {
            Spread::of(
                rounds
                    .iter()
                    .map(|round| percentile(&mut round.clone(), share))
                    .collect(),
            )
        };
        Row {
            scenario: "latency",
            what: format!("send to the last of {size} listeners, p{:.0}", share * 100.0),
            unit: "ms",
            charla: of(&charla),
            reference: Some(("floor".into(), of(&floor))),
            bar: Bar::AtMostTimes(times),
        }
    };
    Ok(vec![row(0.5, 2.0), row(0.99, 3.0)])
}
