//! Listeners of one chat: gathered, spoken to, counted.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::progress::{PATIENCE, Progress};
use super::{Event, Pool, Publisher, message};
use crate::dialect::Dialect;
use crate::failure::{Failure, Outcome};
use crate::server::Server;

/// Handshakes under way at once: enough to keep the server busy, fewer than any backlog.
const GATHERING: usize = 128;

/// Listeners of one chat of one server.
pub(crate) struct Crowd<'a> {
    server: &'a Server,
    chat: String,
    pub(crate) pool: Pool,
    /// Messages that each connection has got.
    received: Vec<u64>,
    /// Deliveries in all.
    delivered: u64,
    /// Messages sent; the next one's number.
    sent: u64,
    /// What ended a connection.
    ended: Option<Failure>,
    /// Connections that owe the server a word, and the word.
    owed: Vec<(usize, &'static str)>,
    /// Who speaks, where no listener can.
    publisher: Option<Publisher>,
}

impl<'a> Crowd<'a> {
    /// Connects `size` listeners and waits until the last of them is subscribed.
    pub(crate) fn gather(server: &'a Server, size: usize) -> Outcome<Self> {
        Self::gather_in(server, server.chat(), &server.listener(), size)
    }

    /// The same for any chat and handshake.
    pub(crate) fn gather_in(server: &'a Server, chat: &str, handshake: &[u8], size: usize) -> Outcome<Self> {
        Self::gather_over(server, &[server.address()], chat, handshake, size)
    }

    /// The same over several nodes by turns; `server` is the first of them.
    pub(crate) fn gather_over(
        server: &'a Server,
        nodes: &[SocketAddr],
        chat: &str,
        handshake: &[u8],
        size: usize,
    ) -> Outcome<Self> {
        let mut turns = nodes.iter().cycle();
        let mut crowd = Self {
            server,
            chat: chat.into(),
            pool: Pool::new()?,
            received: vec![0; size],
            delivered: 0,
            sent: 0,
            ended: None,
            owed: Vec::new(),
            publisher: None,
        };
        let dialect = crowd.dialect();
        if dialect.is_published_to() {
            crowd.publisher = Some(Publisher::new(server.address()));
        }
        let mut ready = 0;
        let mut progress = Progress::of("handshakes");
        while ready < size {
            while crowd.pool.len() < size.min(ready + GATHERING) {
                let node = turns.next().copied().unwrap_or(server.address());
                crowd.pool.connect(node, handshake, None)?;
            }
            crowd
                .pool
                .turn(Duration::from_millis(100), &mut |connection, event| {
                    crowd
                        .owed
                        .extend(dialect.answer(&event).map(|word| (connection, word)));
                    if dialect.is_ready(&event) {
                        ready += 1;
                    } else if let Event::Closed(reason) = event {
                        crowd.ended = Some(Failure::Closed { connection, reason });
                    }
                })?;
            crowd.unbroken()?;
            crowd.answer()?;
            progress.see(ready as u64, size as u64)?;
        }
        Ok(crowd)
    }

    /// How many they are.
    pub(crate) fn size(&self) -> usize {
        self.received.len()
    }

    /// Sends `count` messages of `length` bytes of text by the first connection, at most `window` of them not yet
    /// delivered to all; how many deliveries that made.
    pub(crate) fn flood(&mut self, count: u64, length: usize, window: u64) -> Outcome<u64> {
        let (size, first, before) = (self.size() as u64, self.sent, self.delivered);
        let goal = before + count * size;
        let mut progress = Progress::of("deliveries");
        while self.delivered < goal {
            while self.sent < first + count && (self.sent - first) < window + (self.delivered - before) / size
            {
                self.say(length)?;
            }
            self.turn(Duration::from_millis(100), |_, _| {})?;
            progress.see(self.delivered - before, goal - before)?;
        }
        self.complete()?;
        Ok(self.delivered - before)
    }

    /// Sends a message every `interval` for as long as `span`; the time from each to its last listener, in ms.
    pub(crate) fn paced(&mut self, interval: Duration, span: Duration, length: usize) -> Outcome<Vec<f64>> {
        let first = self.sent;
        let size = self.size() as u64;
        let start = Instant::now();
        let mut sent_at = Vec::new();
        let mut arrived: Vec<(u64, Duration)> = Vec::new();
        let mut due = start;
        while start.elapsed() < span || self.delivered < self.sent * size {
            let now = Instant::now();
            if now >= due && start.elapsed() < span {
                sent_at.push(now);
                arrived.push((0, Duration::ZERO));
                self.say(length)?;
                due += interval;
            }
            if start.elapsed() > span + PATIENCE {
                let expected = self.sent * size;
                return Err(Failure::Stalled {
                    what: "deliveries".into(),
                    after: PATIENCE,
                    expected,
                    seen: self.delivered,
                });
            }
            let wait = due
                .saturating_duration_since(Instant::now())
                .min(Duration::from_millis(50));
            self.turn(wait, |_, number| {
                let place = usize::try_from(number - first).unwrap_or(usize::MAX);
                if let (Some(arrival), Some(sent)) = (arrived.get_mut(place), sent_at.get(place)) {
                    *arrival = (arrival.0 + 1, sent.elapsed());
                }
            })?;
        }
        self.complete()?;
        Ok(arrived
            .iter()
            .map(|(_, after)| after.as_secs_f64() * 1e3)
            .collect())
    }

    /// Sends one message by the first connection, or has it published.
    pub(crate) fn say(&mut self, length: usize) -> Outcome<()> {
        match &mut self.publisher {
            Some(publisher) => publisher.publish(&self.chat, self.sent, length)?,
            None => {
                let message = self.dialect().message(&self.chat, self.sent, length);
                self.pool.send(0, &message)?;
            }
        }
        self.sent += 1;
        Ok(())
    }

    /// Lives on for `span`, answering pings.
    pub(crate) fn rest(&mut self, span: Duration) -> Outcome<()> {
        let start = Instant::now();
        while start.elapsed() < span {
            self.turn(Duration::from_millis(200), |_, _| {})?;
        }
        Ok(())
    }

    /// One turn of the pool; `on` gets connection and number of each message that arrives.
    pub(crate) fn turn(&mut self, wait: Duration, mut on: impl FnMut(usize, u64)) -> Outcome<()> {
        let dialect = self.dialect();
        let Self {
            pool,
            received,
            delivered,
            ended,
            owed,
            ..
        } = self;
        pool.turn(wait, &mut |connection, event| match event {
            Event::Text(payload) if dialect.is_delivery(payload) => {
                if let Some(count) = received.get_mut(connection) {
                    *count += 1;
                }
                *delivered += 1;
                on(connection, message::numbers(payload).next().unwrap_or(u64::MAX));
            }
            Event::Text(payload) if message::kind(payload) == b"error" => {
                let reason = String::from_utf8_lossy(payload).into_owned();
                *ended = Some(Failure::Closed { connection, reason });
            }
            Event::Text(_) | Event::Open => {
                owed.extend(dialect.answer(&event).map(|word| (connection, word)));
            }
            Event::Closed(reason) => *ended = Some(Failure::Closed { connection, reason }),
        })?;
        self.unbroken()?;
        self.answer()
    }

    fn dialect(&self) -> Dialect {
        self.server.dialect()
    }

    /// Says what connections owe.
    fn answer(&mut self) -> Outcome<()> {
        for (connection, word) in std::mem::take(&mut self.owed) {
            self.pool.send(connection, &message::framed(word))?;
        }
        Ok(())
    }

    /// Whether everybody has got everything, once.
    fn complete(&self) -> Outcome<()> {
        match self.received.iter().find(|count| **count != self.sent) {
            None => Ok(()),
            Some(count) => Err(Failure::Lost {
                what: "messages of a listener".into(),
                expected: self.sent,
                seen: *count,
            }),
        }
    }

    fn unbroken(&mut self) -> Outcome<()> {
        self.ended.take().map_or(Ok(()), Err)
    }
}
