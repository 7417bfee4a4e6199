//! A connection's beginning: token verified, membership looked up warm, welcomed and subscribed, then gone.

use std::time::{Duration, Instant};

use super::Bench;
use crate::failure::{Failure, Outcome};
use crate::load::{Event, Pool, Progress, message};
use crate::report::{Bar, Row};
use crate::server::{Kind, Server};
use crate::stats::Spread;

/// Handshakes under way at once.
const AT_ONCE: usize = 64;

pub(super) fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let count = bench.pick(200, 6_000);
    let [floor, charla] = bench.alternate([Kind::Floor, Kind::Charla], |kind| {
        cost(&bench.start(kind)?, count)
    })?;
    let row = |what: &str, unit, pick: fn(&(f64, f64)) -> f64, bar| Row {
        scenario: "handshakes",
        what: what.into(),
        unit,
        charla: Spread::of(charla.iter().map(pick).collect()),
        reference: Some(("floor".into(), Spread::of(floor.iter().map(pick).collect()))),
        bar,
    };
    Ok(vec![
        row(
            "CPU per handshake, subscribed and closed",
            "us",
            |(cpu, _)| *cpu,
            Bar::AtMostTimes(6.0),
        ),
        row("handshakes", "1/s", |(_, rate)| *rate, Bar::Told),
    ])
}

/// CPU of a handshake in us, and how many there are a second.
pub(crate) fn cost(server: &Server, count: usize) -> Outcome<(f64, f64)> {
    shake(server, count / 10)?;
    let (cpu, start) = (server.cpu()?, Instant::now());
    shake(server, count)?;
    let rate = count as f64 / start.elapsed().as_secs_f64();
    // The last connections' ends belong to the bill.
    std::thread::sleep(Duration::from_millis(100));
    Ok(((server.cpu()? - cpu).as_secs_f64() * 1e6 / count as f64, rate))
}

/// Opens `count` connections, each closed as soon as it is ready.
fn shake(server: &Server, count: usize) -> Outcome<()> {
    let handshake = server.listener();
    let mut pool = Pool::new()?;
    let dialect = server.dialect();
    let (mut done, mut ready, mut refused) = (0, Vec::new(), None);
    let mut owed = Vec::new();
    let mut progress = Progress::of("handshakes");
    while done < count {
        while pool.len() < count.min(done + AT_ONCE) {
            pool.connect(server.address(), &handshake, None)?;
        }
        pool.turn(Duration::from_millis(100), &mut |connection, event| {
            owed.extend(dialect.answer(&event).map(|word| (connection, word)));
            if dialect.is_ready(&event) {
                ready.push(connection);
            } else if let Event::Closed(reason) = event {
                refused = Some(Failure::Closed { connection, reason });
            }
        })?;
        if let Some(failure) = refused {
            return Err(failure);
        }
        progress.see((done + ready.len()) as u64, count as u64)?;
        for (connection, word) in owed.drain(..) {
            pool.send(connection, &message::framed(word))?;
        }
        for connection in ready.drain(..) {
            pool.close(connection);
            done += 1;
        }
    }
    Ok(())
}
