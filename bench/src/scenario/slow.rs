//! Some listeners stop reading: what they cost in memory, and whether the others notice.

use std::time::{Duration, Instant};

use super::Bench;
use crate::failure::Outcome;
use crate::load::{Crowd, Pool};
use crate::process;
use crate::report::{Bar, Row};
use crate::server::{Kind, Server};
use crate::stats::{Spread, percentile};

/// Bytes of text: long, so that the kernel's buffers fill soon.
const LENGTH: usize = 4_000;
/// Their receive buffer in the kernel, as small as it gets.
const RECEIVE_BUFFER: usize = 4_096;

pub(super) fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let (fast, stopped) = bench.pick((45, 5), (900, 100));
    let count = bench.pick(20, 500);
    let (mut alone, mut beside, mut grown) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let server = bench.start(Kind::Charla)?;
        let mut crowd = Crowd::gather(&server, fast)?;
        crowd.flood(10, LENGTH, 1)?;
        alone.push(times(&mut crowd, count)?);
        let _stopped = stop(&server, stopped)?;
        let before = process::resident(server.pid())?;
        process::forget_peak(server.pid())?;
        beside.push(times(&mut crowd, count)?);
        grown.push(process::kib_each(before, process::peak(server.pid())?, stopped));
    }
    Ok(vec![
        Row {
            scenario: "slow",
            what: format!("p99 to the last of {fast} fast listeners beside {stopped} that stop reading"),
            unit: "ms",
            charla: Spread::of(beside),
            reference: Some(("without them".into(), Spread::of(alone))),
            bar: Bar::Told,
        },
        Row {
            scenario: "slow",
            what: "memory at its peak for each that stops reading".into(),
            unit: "KiB each",
            charla: Spread::of(grown),
            reference: None,
            bar: Bar::Told,
        },
    ])
}

/// One message after the other; the 99th percentile of the times to the last listener in ms.
fn times(crowd: &mut Crowd<'_>, count: u64) -> Outcome<f64> {
    let mut times = Vec::new();
    for _ in 0..count {
        let start = Instant::now();
        crowd.flood(1, LENGTH, 1)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(percentile(&mut times, 0.99))
}

/// Listeners that subscribe and then read no more.
fn stop(server: &Server, size: usize) -> Outcome<Pool> {
    let mut pool = Pool::new()?;
    for _ in 0..size {
        pool.connect(server.address(), &server.listener(), Some(RECEIVE_BUFFER))?;
    }
    let mut ready = Vec::new();
    let start = Instant::now();
    while ready.len() < size && start.elapsed() < crate::load::PATIENCE {
        pool.turn(Duration::from_millis(100), &mut |connection, event| {
            if server.dialect().is_ready(&event) {
                ready.push(connection);
            }
        })?;
    }
    for connection in ready {
        pool.stop_reading(connection)?;
    }
    Ok(pool)
}
