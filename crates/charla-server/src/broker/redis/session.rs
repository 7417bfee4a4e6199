//! One connection to Redis from its beginning to its end: what is published goes out, what was subscribed to comes in.
//!
//! RESP3 lets one connection do both, in order: when a canary published after a subscription comes back, the
//! subscription stands. A connection that only looks alive brings no canary back, and is left.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::resp::{self, Value};
use super::{Bus, Outgoing};
use crate::broker::envelope::{self, Opened};
use crate::broker::{Health, Heard, Topic};

/// From the address to the answer to `HELLO`.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A canary is sent this often.
const CANARY_EVERY: Duration = Duration::from_millis(500);
/// After this long without a canary the store is looked at, in case.
const DOUBT_AFTER: Duration = Duration::from_millis(1500);
/// After this long without one the connection is left.
const CANARY_WITHIN: Duration = Duration::from_secs(5);
/// Topics in one command.
const TOPICS_AT_ONCE: usize = 256;
/// Bytes gathered for one write.
const WRITE_BYTES: usize = 64 * 1024;
/// Read at once.
const READ_BYTES: usize = 16 * 1024;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("no answer within {0:?}")]
    Slow(Duration),
    #[error("Redis refuses: {0}")]
    Refused(String),
    #[error("no canary came back within {0:?}, though the connection looks open")]
    Silent(Duration),
    #[error("this is no Redis 6 or newer")]
    Garbled,
}

/// Runs until the connection is of no use any more.
pub(super) async fn run(bus: &Bus, outgoing: &mut Outgoing) -> Ended {
    let connected = timeout(CONNECT_WITHIN, connect(bus)).await;
    let (input, output) = match connected {
        Ok(Ok(halves)) => halves,
        Ok(Err(ended)) => return ended,
        Err(_) => return Ended::Slow(CONNECT_WITHIN),
    };
    bus.wanted.lock().connect();
    let (back, canaries) = watch::channel(Instant::now());
    tokio::select! {
        ended = hear(bus, input, back) => ended,
        ended = say(bus, output, outgoing) => ended,
        ended = judge(bus, canaries) => ended,
    }
}

async fn connect(bus: &Bus) -> Result<(Input, OwnedWriteHalf), Ended> {
    let (host, port) = bus.url.address();
    let socket = TcpStream::connect((host, port)).await?;
    socket.set_nodelay(true)?;
    let (read, mut write) = socket.into_split();
    let mut hello = Vec::new();
    match &bus.password {
        Some(password) => {
            let (user, password) = (bus.url.user().unwrap_or("default"), password.expose_secret());
            resp::put(
                &mut hello,
                &[
                    b"HELLO",
                    b"3",
                    b"AUTH",
                    user.as_bytes(),
                    password.as_bytes(),
                    b"SETNAME",
                    b"charla",
                ],
            );
        }
        None => resp::put(&mut hello, &[b"HELLO", b"3", b"SETNAME", b"charla"]),
    }
    write.write_all(&hello).await?;
    let mut input = Input {
        read,
        buffer: BytesMut::new(),
    };
    match input.next().await? {
        Value::Several(_) => Ok((input, write)),
        Value::Error(text) => Err(refused(&text)),
        Value::Text(_) | Value::Push(_) | Value::Null => Err(Ended::Garbled),
    }
}

fn refused(text: &[u8]) -> Ended {
    Ended::Refused(String::from_utf8_lossy(text).into_owned())
}

struct Input {
    read: OwnedReadHalf,
    buffer: BytesMut,
}

impl Input {
    async fn next(&mut self) -> Result<Value, Ended> {
        loop {
            if let Some(value) = resp::take(&mut self.buffer).map_err(|_| Ended::Garbled)? {
                return Ok(value);
            }
            self.buffer.reserve(READ_BYTES);
            if self.read.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
}

async fn hear(bus: &Bus, mut input: Input, back: watch::Sender<Instant>) -> Ended {
    let canary = bus.canary();
    loop {
        let pushed = match input.next().await {
            Ok(Value::Push(pushed)) => pushed,
            Ok(Value::Error(text)) => return refused(&text),
            // How many heard what was published.
            Ok(Value::Text(_) | Value::Null | Value::Several(_)) => continue,
            Err(ended) => return ended,
        };
        let [Value::Text(kind), Value::Text(channel), rest] = pushed.as_slice() else {
            continue;
        };
        let name = std::str::from_utf8(channel).unwrap_or_default();
        match (kind.as_ref(), rest) {
            (b"message", Value::Text(_)) if name == canary => {
                back.send_replace(Instant::now());
            }
            (b"message", Value::Text(payload)) => {
                if let Some(topic) = Topic::parse(name, &bus.prefix) {
                    hand_over(bus, &topic, payload);
                }
            }
            (b"subscribe", _) => {
                if let Some(topic) = Topic::parse(name, &bus.prefix) {
                    bus.wanted.lock().confirmed(&topic);
                }
            }
            _ => {}
        }
    }
}

fn hand_over(bus: &Bus, topic: &Topic, payload: &[u8]) {
    match envelope::open(bus.node, topic, payload) {
        Opened::Own => {}
        Opened::Happening(happening) => (bus.hear)(Heard::Happening(happening)),
        Opened::Unreadable => (bus.hear)(Heard::Unreadable(topic.clone())),
    }
}

async fn say(bus: &Bus, mut output: OwnedWriteHalf, outgoing: &mut Outgoing) -> Ended {
    let canary = bus.canary();
    let mut canaries = interval(CANARY_EVERY);
    canaries.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut bytes = Vec::new();
    resp::put(&mut bytes, &[b"SUBSCRIBE", canary.as_bytes()]);
    loop {
        put_errands(bus, &mut bytes);
        if bytes.is_empty() {
            tokio::select! {
                () = bus.errand.notified() => {}
                _ = canaries.tick() => resp::put(&mut bytes, &[b"PUBLISH", canary.as_bytes(), b"1"]),
                said = outgoing.recv() => match said {
                    Some((channel, payload)) => {
                        resp::put(&mut bytes, &[b"PUBLISH", channel.as_bytes(), &payload]);
                    }
                    // The node is gone.
                    None => std::future::pending().await,
                },
            }
            while bytes.len() < WRITE_BYTES
                && let Ok((channel, payload)) = outgoing.try_recv()
            {
                resp::put(&mut bytes, &[b"PUBLISH", channel.as_bytes(), &payload]);
            }
        }
        if let Err(error) = output.write_all(&bytes).await {
            return error.into();
        }
        bytes.clear();
    }
}

fn put_errands(bus: &Bus, bytes: &mut Vec<u8>) {
    let errands = bus.wanted.lock().errands(TOPICS_AT_ONCE);
    for (command, topics) in [
        ("SUBSCRIBE", errands.subscribe),
        ("UNSUBSCRIBE", errands.unsubscribe),
    ] {
        if topics.is_empty() {
            continue;
        }
        let names: Vec<String> = topics.iter().map(|topic| topic.name(&bus.prefix)).collect();
        let words: Vec<&[u8]> = std::iter::once(command.as_bytes())
            .chain(names.iter().map(String::as_bytes))
            .collect();
        resp::put(bytes, &words);
    }
}

/// Says whether the bus is alive by its canaries, and when there is no hope any more.
async fn judge(bus: &Bus, mut canaries: watch::Receiver<Instant>) -> Ended {
    let began = Instant::now();
    let mut last = None;
    loop {
        match timeout(DOUBT_AFTER, canaries.changed()).await {
            Ok(Ok(())) => {
                last = Some(*canaries.borrow_and_update());
                if bus.health.borrow().ne(&Health::Alive) && bus.wanted.lock().is_whole() {
                    bus.set_health(Health::Alive);
                }
            }
            Ok(Err(_)) => std::future::pending().await,
            Err(_) => {
                bus.set_health(Health::Away);
                if last.unwrap_or(began).elapsed() >= CANARY_WITHIN {
                    return Ended::Silent(CANARY_WITHIN);
                }
            }
        }
    }
}
