//! The binary's size, and how soon it answers and serves.

use std::process::{Command, Stdio};
use std::time::Instant;

use super::Bench;
use crate::failure::{Failure, Outcome};
use crate::report::{Bar, Row};
use crate::server::Kind;
use crate::stats::Spread;

pub(super) fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let size = std::fs::metadata(&bench.charla)?.len() as f64 / f64::from(1 << 20);
    let mut answered = Vec::new();
    let mut ready = Vec::new();
    for _ in 0..bench.rounds {
        let start = Instant::now();
        let status = Command::new(&bench.charla)
            .arg("--version")
            .stdout(Stdio::null())
            .status()?;
        answered.push(start.elapsed().as_secs_f64() * 1e3);
        if !status.success() {
            return Err(Failure::Server(format!("charla --version: {status}")));
        }
        ready.push(bench.start(Kind::Charla)?.started_in().as_secs_f64() * 1e3);
    }
    let row = |what: &str, unit, charla, most| Row {
        scenario: "binary",
        what: what.into(),
        unit,
        charla,
        reference: None,
        bar: Bar::AtMost(most),
    };
    Ok(vec![
        row("size of the release binary", "MiB", Spread::of(vec![size]), 25.0),
        row("`charla --version`", "ms", Spread::of(answered), 20.0),
        row("start to serving, new store", "ms", Spread::of(ready), 300.0),
    ])
}
