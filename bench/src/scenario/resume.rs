//! Everybody returns at once with messages missed: all must be back, nothing lost or out of order.

use std::time::{Duration, Instant};

use super::Bench;
use crate::failure::{Failure, Outcome};
use crate::load::{Crowd, Event, Pool, Progress, message};
use crate::process;
use crate::report::{Bar, Row};
use crate::server::Server;
use crate::stats::Spread;

/// Messages missed by each.
const MISSED: u64 = 100;
/// Messages before the break.
const BEFORE: u64 = 10;

pub(super) fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let size = bench.pick(100, 5_000);
    let (mut seconds, mut peaks, mut idles) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let server = bench.start_settled()?;
        let mut crowd = Crowd::gather(&server, size)?;
        crowd.flood(BEFORE, 200, 1)?;
        crowd.rest(bench.pick(Duration::from_millis(100), Duration::from_secs(3)))?;
        idles.push(process::resident(server.pid())? as f64 / f64::from(1 << 20));
        drop(crowd);
        miss(&server)?;
        process::forget_peak(server.pid())?;
        let start = Instant::now();
        come_back(&server, size)?;
        seconds.push(start.elapsed().as_secs_f64());
        peaks.push(process::peak(server.pid())? as f64 / f64::from(1 << 20));
    }
    Ok(vec![
        Row {
            scenario: "resume",
            what: format!("{size} clients back with {MISSED} missed messages each, nothing lost"),
            unit: "s",
            charla: Spread::of(seconds),
            reference: None,
            bar: Bar::Told,
        },
        Row {
            scenario: "resume",
            what: "peak memory meanwhile".into(),
            unit: "MiB",
            charla: Spread::of(peaks),
            reference: Some(("idle".into(), Spread::of(idles))),
            bar: Bar::AtMostTimes(2.0),
        },
    ])
}

/// Says what the others miss, in a new crowd, so that its numbers begin at 0.
fn miss(server: &Server) -> Outcome<()> {
    let path = format!("/ws/chat/{}/", server.chat());
    let handshake = server.handshake("luis", &path);
    Crowd::gather_in(server, server.chat(), &handshake, 1)?.flood(MISSED, 200, 8)?;
    Ok(())
}

/// All connect at once and each counts what it is sent.
fn come_back(server: &Server, size: usize) -> Outcome<()> {
    let handshake = server.handshake("ana", &format!("/ws/chat/{}/?after={BEFORE}", server.chat()));
    let mut pool = Pool::new()?;
    for _ in 0..size {
        pool.connect(server.address(), &handshake, None)?;
    }
    let mut next = vec![0; size];
    let (mut back, mut broken) = (0, None);
    let mut progress = Progress::of("returns");
    while back < size {
        pool.turn(Duration::from_millis(100), &mut |connection, event| match event {
            Event::Open => {}
            Event::Closed(reason) => broken = Some(Failure::Closed { connection, reason }),
            Event::Text(payload) => {
                let Some(next) = next.get_mut(connection) else {
                    return;
                };
                for seen in message::numbers(payload) {
                    if seen != *next {
                        broken = Some(Failure::Lost {
                            what: "message by number".into(),
                            expected: *next,
                            seen,
                        });
                    }
                    *next += 1;
                    if *next == MISSED {
                        back += 1;
                    }
                }
            }
        })?;
        if let Some(failure) = broken {
            return Err(failure);
        }
        progress.see(back as u64, size as u64)?;
    }
    Ok(())
}
