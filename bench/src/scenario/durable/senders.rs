//! Clients that send as fast as they are acknowledged.

use std::time::{Duration, Instant};

use super::LENGTH;
use crate::failure::{Failure, Outcome};
use crate::load::message::{self, Ids};
use crate::load::{Event, Pool, Progress, frame};
use crate::server::Server;

/// How many there are.
pub(in crate::scenario) const CLIENTS: usize = 100;
/// Sends of a client that are not yet acknowledged.
const PIPELINED: usize = 2;

/// How many send, and how.
#[derive(Clone, Copy)]
pub(in crate::scenario) struct Load {
    /// How their messages' ids are made.
    pub(in crate::scenario) ids: Ids,
    /// Who sends.
    pub(in crate::scenario) clients: usize,
    /// Sends of each that are not yet acknowledged.
    pub(in crate::scenario) pipelined: usize,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            ids: Ids::TimeOrdered,
            clients: CLIENTS,
            pipelined: PIPELINED,
        }
    }
}

/// What they have done and are to do.
struct Senders<'a> {
    /// The chats of each client.
    shares: Vec<&'a [String]>,
    /// Subscriptions granted, over all.
    subscribed: usize,
    /// When each message was sent, by its number.
    sent_at: Vec<Instant>,
    /// From send to acknowledgement, in ms.
    times: Vec<f64>,
    /// Clients just welcomed.
    welcomed: Vec<usize>,
    /// Clients that may send one more.
    due: Vec<usize>,
    broken: Option<Failure>,
}

impl Senders<'_> {
    fn hear(&mut self, connection: usize, event: Event<'_>) {
        match event {
            Event::Open => {}
            Event::Closed(reason) => self.broken = Some(Failure::Closed { connection, reason }),
            Event::Text(payload) => match message::kind(payload) {
                b"welcome" => self.welcomed.push(connection),
                b"subscribed" => self.subscribed += 1,
                b"ack" => {
                    let sent = message::number_field(payload, "ref")
                        .and_then(|number| self.sent_at.get(usize::try_from(number).ok()?));
                    self.times
                        .extend(sent.map(|sent| sent.elapsed().as_secs_f64() * 1e3));
                    self.due.push(connection);
                }
                b"error" => {
                    self.broken = Some(Failure::Server(String::from_utf8_lossy(payload).into_owned()));
                }
                _ => {}
            },
        }
    }

    /// Asks for a client's chats.
    fn subscribe(&mut self, pool: &mut Pool) -> Outcome<()> {
        for connection in std::mem::take(&mut self.welcomed) {
            let mut bytes = Vec::new();
            for chat in self.shares.get(connection).copied().unwrap_or_default() {
                let ask = format!(r#"{{"type":"subscribe","chat":"{chat}"}}"#);
                frame::write_client(frame::TEXT, ask.as_bytes(), &mut bytes);
            }
            pool.send(connection, &bytes)?;
        }
        Ok(())
    }

    fn send(&mut self, pool: &mut Pool, ids: Ids) -> Outcome<()> {
        for connection in std::mem::take(&mut self.due) {
            let place = self.sent_at.len();
            let share = self.shares.get(connection).copied().unwrap_or_default();
            let chat = share
                .get(place / self.shares.len().max(1) % share.len().max(1))
                .map_or("", String::as_str);
            self.sent_at.push(Instant::now());
            pool.send(connection, &message::send(chat, ids, place as u64, LENGTH))?;
        }
        Ok(())
    }
}

/// All clients send for as long as `span`; acknowledged a second, and the times from send to ack in ms.
pub(in crate::scenario) fn send(
    server: &Server,
    chats: &[String],
    load: Load,
    span: Duration,
) -> Outcome<(f64, Vec<f64>)> {
    let Load {
        ids,
        clients,
        pipelined,
    } = load;
    let share = chats.len().div_ceil(clients);
    let shares: Vec<&[String]> = chats.chunks(share).cycle().take(clients).collect();
    let wanted: usize = shares.iter().map(|share| share.len()).sum();
    let mut pool = Pool::new()?;
    for _ in 0..clients {
        pool.connect(server.address(), &server.handshake("sofia", "/ws/"), None)?;
    }
    let mut senders = Senders {
        shares,
        subscribed: 0,
        sent_at: Vec::new(),
        times: Vec::new(),
        welcomed: Vec::new(),
        due: Vec::new(),
        broken: None,
    };
    let (mut begun, mut progress) = (None, Progress::of("acks"));
    loop {
        pool.turn(Duration::from_millis(100), &mut |connection, event| {
            senders.hear(connection, event)
        })?;
        if let Some(failure) = senders.broken {
            return Err(failure);
        }
        let seen = senders.subscribed + senders.times.len();
        progress.see(seen as u64, (wanted + senders.sent_at.len()) as u64)?;
        senders.subscribe(&mut pool)?;
        if senders.subscribed == wanted && begun.is_none() {
            begun = Some(Instant::now());
            senders.due = (0..clients * pipelined).map(|place| place % clients).collect();
        }
        let Some(begun) = begun else { continue };
        if begun.elapsed() < span {
            senders.send(&mut pool, ids)?;
        } else if senders.times.len() == senders.sent_at.len() {
            return Ok((
                senders.times.len() as f64 / begun.elapsed().as_secs_f64(),
                senders.times,
            ));
        }
    }
}
