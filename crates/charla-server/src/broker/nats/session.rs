//! One connection to NATS from its beginning to its end.
//!
//! A server confirms no subscription; but it does what it is told in order, so that the answer to a ping confirms every
//! subscription before the ping. A refusal ends the connection whatever was refused: nothing is left half subscribed.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::door::{Info, Input, Open};
use super::said::Heard;
use super::subject;
use crate::broker::remote;
use crate::broker::remote::canary;
use crate::broker::remote::ended::Ended;
use crate::broker::remote::lane::{Outgoing, Said};
use crate::broker::remote::link::Link;
use crate::broker::remote::wire::{Reading, Writing};

/// Topics taken up at once.
const TOPICS_AT_ONCE: usize = 256;
/// Pings that may wait for their answer; more topics are taken up when one is there.
const PINGS_MAX: usize = 64;
/// Bytes gathered for one write.
const WRITE_BYTES: usize = 64 * 1024;
/// The number of the subscription to the canary.
const CANARY: u64 = 0;

/// Between what comes in and what goes out.
#[derive(Default)]
struct Between {
    // The names that each ping confirms.
    pings: Mutex<VecDeque<Vec<String>>>,
    // The server wants an answer.
    pinged: Notify,
}

/// Runs until the connection is of no use any more.
pub(super) async fn run(link: &Link, open: Open, said: &mut Outgoing) -> Ended {
    link.begin();
    let between = Between::default();
    let canary = link.shared.canary();
    let (back, canaries) = watch::channel(Instant::now());
    let mouth = Mouth {
        link,
        between: &between,
        output: open.output,
        payload_max: open.payload_max,
        canary: subject::of(&canary, &link.shared.prefix),
        numbers: HashMap::new(),
        last: CANARY,
    };
    tokio::select! {
        ended = hear(link, &between, open.input, back) => ended,
        ended = mouth.say(said) => ended,
        ended = canary::judge(link, canaries) => ended,
    }
}

async fn hear(
    link: &Link,
    between: &Between,
    mut input: Input<Reading>,
    back: watch::Sender<Instant>,
) -> Ended {
    let canary = link.shared.canary();
    loop {
        match input.next().await {
            Ok(Heard::Message { subject, payload }) => {
                let name = subject::name(&subject).unwrap_or_default();
                if name == canary {
                    back.send_replace(Instant::now());
                } else {
                    link.shared.heard(&name, &payload);
                }
            }
            Ok(Heard::Pong) => {
                let confirmed = between.pings.lock().pop_front().unwrap_or_default();
                for name in confirmed {
                    link.confirmed(&name);
                }
                // There may have been no room for another ping.
                link.lane.errand.notify_one();
            }
            Ok(Heard::Ping) => between.pinged.notify_one(),
            Ok(Heard::Info(text)) => {
                if serde_json::from_str::<Info>(&text).is_ok_and(|info| info.ldm) {
                    return Ended::Leaving;
                }
            }
            Ok(Heard::Fine) => {}
            Ok(Heard::Refused(text)) => return Ended::Refused(text),
            Err(ended) => return ended,
        }
    }
}

/// What goes out.
struct Mouth<'a> {
    link: &'a Link,
    between: &'a Between,
    output: Writing,
    payload_max: usize,
    canary: String,
    // The numbers of the subscriptions, by the topics' names.
    numbers: HashMap<String, u64>,
    last: u64,
}

impl Mouth<'_> {
    async fn say(mut self, said: &mut Outgoing) -> Ended {
        let mut canaries = canary::times();
        let mut bytes = format!("SUB {} {CANARY}\r\n", self.canary).into_bytes();
        loop {
            self.put_errands(&mut bytes);
            if bytes.is_empty() {
                tokio::select! {
                    () = self.link.lane.errand.notified() => {}
                    () = self.between.pinged.notified() => bytes.extend_from_slice(b"PONG\r\n"),
                    _ = canaries.tick() => put(&mut bytes, &self.canary, b"1"),
                    next = said.recv() => match next {
                        Some(next) => self.put_said(&mut bytes, next),
                        // The node is gone.
                        None => std::future::pending().await,
                    },
                }
                while bytes.len() < WRITE_BYTES
                    && let Ok(next) = said.try_recv()
                {
                    self.put_said(&mut bytes, next);
                }
            }
            if let Err(error) = self.output.write_all(&bytes).await {
                return error.into();
            }
            if let Err(error) = self.output.flush().await {
                return error.into();
            }
            bytes.clear();
        }
    }

    /// Of what is larger than the server takes the others are told to look in the store.
    fn put_said(&self, bytes: &mut Vec<u8>, Said { name, payload }: Said) {
        let subject = subject::of(&name, &self.link.shared.prefix);
        if payload.len() > self.payload_max {
            put(bytes, &subject, &remote::look(self.link.shared.node));
        } else {
            put(bytes, &subject, &payload);
        }
    }

    fn put_errands(&mut self, bytes: &mut Vec<u8>) {
        let mut pings = self.between.pings.lock();
        if pings.len() >= PINGS_MAX {
            return;
        }
        let errands = self.link.lane.wanted.lock().errands(TOPICS_AT_ONCE);
        let prefix = &self.link.shared.prefix;
        for topic in errands.unsubscribe {
            if let Some(number) = self.numbers.remove(&topic.name(prefix)) {
                bytes.extend_from_slice(format!("UNSUB {number}\r\n").as_bytes());
            }
        }
        let mut confirmed = Vec::new();
        for topic in errands.subscribe {
            let name = topic.name(prefix);
            // Whatever stood under this name has gone before.
            self.last += 1;
            if let Some(number) = self.numbers.insert(name.clone(), self.last) {
                bytes.extend_from_slice(format!("UNSUB {number}\r\n").as_bytes());
            }
            let subject = subject::of(&name, prefix);
            bytes.extend_from_slice(format!("SUB {subject} {}\r\n", self.last).as_bytes());
            confirmed.push(name);
        }
        if !confirmed.is_empty() {
            pings.push_back(confirmed);
            bytes.extend_from_slice(b"PING\r\n");
        }
    }
}

fn put(bytes: &mut Vec<u8>, subject: &str, payload: &[u8]) {
    bytes.extend_from_slice(format!("PUB {subject} {}\r\n", payload.len()).as_bytes());
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(b"\r\n");
}
