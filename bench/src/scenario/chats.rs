//! Many small chats at once: ten people in each of a thousand, and somebody speaks in every one.

use std::time::{Duration, Instant};

use super::Bench;
use crate::failure::{Failure, Outcome};
use crate::load::{Crowd, Event, PATIENCE, Pool, Progress, message};
use crate::report::{Bar, Row};
use crate::server::{Kind, Server};
use crate::stats::Spread;

/// People in a chat.
const PEOPLE: usize = 10;
/// Bytes of text.
const LENGTH: usize = 200;
/// Handshakes under way at once.
const GATHERING: usize = 128;
/// Messages of each chat in a round.
const MESSAGES: u64 = 20;

pub(super) fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let chats = bench.pick(5, 1_000);
    let (mut many, mut one) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        many.push(spread_out(bench, chats)?);
        one.push(together(bench, chats * PEOPLE)?);
    }
    let same = format!("one chat of {}", chats * PEOPLE);
    Ok(vec![Row {
        scenario: "chats",
        what: format!("CPU per delivery, {chats} chats of {PEOPLE}, all speaking at once"),
        unit: "us",
        charla: Spread::of(many),
        reference: Some((same, Spread::of(one))),
        bar: Bar::Told,
    }])
}

/// As many people in a single chat, four messages under way.
fn together(bench: &Bench, people: usize) -> Outcome<f64> {
    let server = bench.start(Kind::Charla)?;
    let mut crowd = Crowd::gather(&server, people)?;
    crowd.flood(2, LENGTH, 1)?;
    let before = server.cpu()?;
    let delivered = crowd.flood(MESSAGES, LENGTH, 4)?;
    Ok((server.cpu()? - before).as_secs_f64() * 1e6 / delivered as f64)
}

/// CPU of a delivery, in us; a chat's first person speaks again once all ten have heard the last message.
fn spread_out(bench: &Bench, chats: usize) -> Outcome<f64> {
    let server = bench.start_with_key()?;
    let ids = server.chats(chats)?;
    let mut pool = gather(&server, &ids)?;
    // Messages that each chat was sent, and deliveries of the last one that are still to come.
    let mut sent = vec![1_u64; chats];
    let mut missing = vec![PEOPLE; chats];
    for (place, chat) in ids.iter().enumerate() {
        pool.send(place * PEOPLE, &server.dialect().message(chat, 0, LENGTH))?;
    }
    let before = server.cpu()?;
    let (mut left, mut last, mut due, mut broken) = (chats, Instant::now(), Vec::new(), None);
    while left > 0 {
        pool.turn(Duration::from_millis(100), &mut |connection, event| match event {
            Event::Text(payload) if message::is_delivery(payload) => {
                let place = connection / PEOPLE;
                if let Some(missing) = missing.get_mut(place) {
                    *missing = missing.saturating_sub(1);
                    if *missing == 0 {
                        due.push(place);
                    }
                }
            }
            Event::Closed(reason) => broken = Some(Failure::Closed { connection, reason }),
            Event::Text(_) | Event::Open => {}
        })?;
        if let Some(failure) = broken {
            return Err(failure);
        }
        if due.is_empty() && last.elapsed() > PATIENCE {
            return Err(Failure::Stalled {
                what: "chats".into(),
                after: PATIENCE,
                expected: chats as u64,
                seen: (chats - left) as u64,
            });
        }
        for place in due.drain(..) {
            last = Instant::now();
            let (Some(sent), Some(missing), Some(chat)) =
                (sent.get_mut(place), missing.get_mut(place), ids.get(place))
            else {
                continue;
            };
            if *sent == MESSAGES {
                left -= 1;
                continue;
            }
            *missing = PEOPLE;
            pool.send(place * PEOPLE, &server.dialect().message(chat, *sent, LENGTH))?;
            *sent += 1;
        }
    }
    let delivered = (chats * PEOPLE) as f64 * MESSAGES as f64;
    Ok((server.cpu()? - before).as_secs_f64() * 1e6 / delivered)
}

/// Ten connections of each chat, in the chats' order, all of them subscribed.
fn gather(server: &Server, ids: &[String]) -> Outcome<Pool> {
    let mut pool = Pool::new()?;
    let handshakes: Vec<Vec<u8>> = ids
        .iter()
        .map(|chat| server.handshake("sofia", &format!("/ws/chat/{chat}/")))
        .collect();
    let mut next = handshakes.iter().flat_map(|one| std::iter::repeat_n(one, PEOPLE));
    let size = ids.len() * PEOPLE;
    let (mut ready, mut progress, mut broken) = (0, Progress::of("handshakes"), None);
    while ready < size {
        while pool.len() < size.min(ready + GATHERING) {
            let Some(handshake) = next.next() else { break };
            pool.connect(server.address(), handshake, None)?;
        }
        pool.turn(Duration::from_millis(100), &mut |connection, event| {
            if server.dialect().is_ready(&event) {
                ready += 1;
            } else if let Event::Closed(reason) = event {
                broken = Some(Failure::Closed { connection, reason });
            }
        })?;
        if let Some(failure) = broken {
            return Err(failure);
        }
        progress.see(ready as u64, size as u64)?;
    }
    Ok(pool)
}
