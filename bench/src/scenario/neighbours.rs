//! A chat of two beside a chat of thousands: whether the large one's messages hold up the small one's.

use std::time::Duration;

use super::Bench;
use crate::failure::{Failure, Outcome};
use crate::load::Crowd;
use crate::report::{Bar, Row};
use crate::server::Server;
use crate::stats::{Spread, percentile};

/// Between two messages of the small chat.
const SMALL_INTERVAL: Duration = Duration::from_millis(10);
/// Between two messages of the large chat.
const LARGE_INTERVAL: Duration = Duration::from_millis(100);
/// Bytes of text.
const LENGTH: usize = 200;

pub(super) fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let size = bench.pick(100, 10_000);
    let span = bench.pick(Duration::from_millis(500), Duration::from_secs(5));
    let server = bench.start_with_key()?;
    let chats = server.chats(1)?;
    let chat = chats.first().map_or("", String::as_str);
    let mut large = Crowd::gather(&server, size)?;
    large.flood(2, LENGTH, 1)?;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        alone.push(with_small(&server, chat, span, || large.rest(span))?);
        beside.push(with_small(&server, chat, span, || {
            large.paced(LARGE_INTERVAL, span, LENGTH).map(drop)
        })?);
    }
    Ok(vec![Row {
        scenario: "neighbours",
        what: format!("p99 in a chat of 2 while one of {size} gets 10 messages a second"),
        unit: "ms",
        charla: Spread::of(beside),
        reference: Some(("alone".into(), Spread::of(alone))),
        bar: Bar::AtMostTimes(3.0),
    }])
}

/// The small chat's p99 in ms, on a thread of its own, while `meanwhile` runs on this one.
fn with_small(
    server: &Server,
    chat: &str,
    span: Duration,
    meanwhile: impl FnOnce() -> Outcome<()>,
) -> Outcome<f64> {
    let handshake = server.handshake("sofia", &format!("/ws/chat/{chat}/"));
    std::thread::scope(|scope| {
        let times = scope
            .spawn(|| Crowd::gather_in(server, chat, &handshake, 2)?.paced(SMALL_INTERVAL, span, LENGTH));
        meanwhile()?;
        let mut times = times
            .join()
            .map_err(|_| Failure::Server("the small chat's thread panicked".into()))??;
        Ok(percentile(&mut times, 0.99))
    })
}
