//! What a connection that says nothing keeps of the server's memory, and after a burst.

use std::time::Duration;

use super::Bench;
use crate::failure::Outcome;
use crate::load::Crowd;
use crate::process;
use crate::report::{Bar, Row};
use crate::stats::Spread;

/// Connections, and the seconds that they are idle: the bar is held with most of them, over two pings and more.
const SIZES: &[(usize, u64)] = &[(1_000, 10), (5_000, 10), (15_000, 60)];
/// Messages of the burst.
pub(crate) const BURST: u64 = 200;
/// Connections that come and go first, so that code and tables are there before the count begins.
const WARM: usize = 50;

pub(super) fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for &(size, seconds) in bench.pick(&[(100, 1)][..], SIZES) {
        let idle = Duration::from_secs(seconds);
        let server = bench.start_settled()?;
        let resident = || process::resident(server.pid());
        let mut warm = Crowd::gather(&server, WARM)?;
        warm.flood(10, 200, 1)?;
        drop(warm);
        let before = resident()?;
        let mut crowd = Crowd::gather(&server, size)?;
        let cpu = server.cpu()?;
        crowd.rest(idle)?;
        let cpu = (server.cpu()? - cpu).as_secs_f64() / idle.as_secs_f64();
        let after = resident()?;
        crowd.flood(BURST, 200, 4)?;
        crowd.rest(idle)?;
        let rested = resident()?;
        let each = |now: u64| Spread::of(vec![process::kib_each(before, now, size)]);
        let row = |what: String, unit, charla, bar| Row {
            scenario: "idle",
            what,
            unit,
            charla,
            reference: None,
            bar,
        };
        rows.push(row(
            format!("idle memory of {size} connections after {seconds} s"),
            "KiB each",
            each(after),
            Bar::AtMost(4.0),
        ));
        rows.push(row(
            format!("the same, a burst of {BURST} messages later"),
            "KiB each",
            each(rested),
            Bar::AtMost(5.0),
        ));
        let share = Spread::of(vec![cpu * 100.0]);
        rows.push(row(
            format!("CPU of {size} idle connections"),
            "% of a core",
            share,
            Bar::Told,
        ));
    }
    Ok(rows)
}
