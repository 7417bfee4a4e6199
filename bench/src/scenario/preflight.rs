//! Preflights over connections kept alive, beside a bare axum route that answers JSON and checks nothing.

use std::time::Duration;

use super::Bench;
use crate::failure::Outcome;
use crate::load::http;
use crate::report::{Bar, Row};
use crate::server::Kind;
use crate::stats::Spread;

/// Connections, each with one request under way.
const CONNECTIONS: usize = 32;

pub(super) fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let span = bench.pick(Duration::from_millis(300), Duration::from_secs(3));
    let [plain, charla] = bench.alternate([Kind::Plain, Kind::Charla], |kind| {
        let server = bench.start(kind)?;
        let ask = |span| {
            http::requests(
                server.address(),
                &server.preflight("ana"),
                CONNECTIONS,
                span,
                "HTTP/1.1 200 ",
            )
        };
        ask(span / 10)?;
        let before = server.cpu()?;
        let answered = ask(span)? as f64;
        let cpu = (server.cpu()? - before).as_secs_f64();
        Ok((answered / span.as_secs_f64(), cpu * 1e6 / answered))
    })?;
    let row = |what: &str, unit, pick: fn(&(f64, f64)) -> f64, bar| Row {
        scenario: "preflight",
        what: what.into(),
        unit,
        charla: Spread::of(charla.iter().map(pick).collect()),
        reference: Some(("axum".into(), Spread::of(plain.iter().map(pick).collect()))),
        bar,
    };
    Ok(vec![
        row("preflights", "1/s", |(rate, _)| *rate, Bar::AtLeastTimes(0.5)),
        row("CPU per preflight", "us", |(_, cpu)| *cpu, Bar::Told),
    ])
}
