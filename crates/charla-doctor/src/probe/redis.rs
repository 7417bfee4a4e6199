//! Asks Redis with the application's own address: whether it lets the application in, answers, takes writes, passes
//! messages on, and what of a channel layer is in it.
//!
//! No key is made, changed or removed, nothing is configured, and no message reaches anybody: what is published goes to a
//! channel with a random name. Whatever Redis does, a call ends within its time.

mod address;
mod connection;
mod info;
mod keys;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use self::address::Address;
use self::connection::{Connection, Reply};
use crate::evidence::{RedisAnswer, RedisSeen, Skipped};
use crate::text::{Text, both};

/// PINGs whose median is told.
const PINGS: usize = 7;
/// Scanning the keys of all databases may take so long.
const SCAN_WITHIN: Duration = Duration::from_millis(200);
/// Clients up to which `CLIENT LIST` is asked for: it costs Redis time for each of them.
const LISTED_CLIENTS: u64 = 2_000;

/// Looks at the Redis of an application whose channel layer has the usual prefix. `within` is for all of it.
pub async fn look(url: &str, within: Duration) -> RedisSeen {
    look_as(url, "asgi", within).await
}

/// The same with the prefix of the channel layer: what is tried then stays within what an access list allows it.
pub async fn look_as(url: &str, prefix: &str, within: Duration) -> RedisSeen {
    let deadline = Instant::now() + within;
    let address = match Address::parse(url) {
        Ok(address) => address,
        Err(why) => {
            return RedisSeen {
                answer: RedisAnswer::BadAddress(why.to_owned()),
                ..RedisSeen::default()
            };
        }
    };
    let mut look = Look {
        seen: RedisSeen {
            url: address.shown(),
            has_password: address.password.is_some(),
            answer: RedisAnswer::NoConnection,
            ..RedisSeen::default()
        },
        address,
        prefix,
        asking: String::new(),
    };
    let finished = timeout_at(deadline, look.all()).await;
    if finished.is_err() && look.seen.answer == RedisAnswer::Pong {
        look.seen.no_answer_to = Some(look.asking);
    }
    look.seen
}

/// Looks at the groups and subscribers once more, while the doctor's own WebSocket is open. Within 400 ms.
pub async fn during(seen: &mut RedisSeen, url: &str) {
    let Ok(address) = Address::parse(url) else { return };
    if seen.answer != RedisAnswer::Pong {
        return;
    }
    // Too slow is not looked at: `looked_during` says so.
    let _ = timeout(SCAN_WITHIN * 2, keys::again(seen, &address)).await;
}

/// Whether a Redis answers at an address (`127.0.0.1:6379`), without any password: PONG, or that it wants one.
pub async fn speaks(address: &str, within: Duration) -> bool {
    let Ok(address) = Address::parse(&format!("redis://{address}")) else {
        return false;
    };
    let asked = async {
        let mut connection = Connection::open(&address).await?;
        let reply = connection.ask(&["PING"]).await?;
        connection.close().await;
        Ok::<bool, RedisAnswer>(match reply {
            Reply::Status(text) => text == "PONG",
            Reply::Error(words) => [
                "NOAUTH",
                "LOADING",
                "MISCONF",
                "MASTERDOWN",
                "DENIED",
                "ERR max number",
            ]
            .iter()
            .any(|known| words.starts_with(known)),
            Reply::Integer(_) | Reply::Bulk(_) | Reply::Array(_) => false,
        })
    };
    matches!(timeout(within, asked).await, Ok(Ok(true)))
}

/// What could not be looked at, and what would show it.
#[must_use]
pub fn skipped(seen: &RedisSeen) -> Vec<Skipped> {
    let url = &seen.url;
    let rows = seen.forbidden.iter().map(|row| {
        let command = row.split(':').next().unwrap_or_default();
        Skipped {
            what: both!("Redis: what {command} says", "Redis: lo que dice {command}"),
            why: Text::same(row.clone()),
            try_this: Some(format!(
                "charla doctor --redis {url}    # as a Redis user that may run {command}"
            )),
        }
    });
    rows.collect()
}

struct Look<'a> {
    seen: RedisSeen,
    address: Address,
    prefix: &'a str,
    /// The command whose answer is waited for.
    asking: String,
}

impl Look<'_> {
    async fn all(&mut self) {
        let mut connection = match self.enter().await {
            Ok(connection) => connection,
            Err(answer) => {
                self.seen.answer = answer;
                return;
            }
        };
        let done = self.ask_around(&mut connection).await;
        if done.is_ok() {
            connection.close().await;
        } else {
            self.seen.no_answer_to = Some(std::mem::take(&mut self.asking));
        }
    }

    /// Connects, is let in, and hears PONG, or an error that leaves more to be asked.
    async fn enter(&mut self) -> Result<Connection, RedisAnswer> {
        let address = self.address.clone();
        let reached = AtomicBool::new(false);
        let mut opening = std::pin::pin!(Connection::open_noting(&address, &reached));
        // Given up while it waits for TLS, it is silent; before that, it was not even reached.
        let opened = std::future::poll_fn(|context| {
            let polled = opening.as_mut().poll(context);
            if reached.load(Ordering::Relaxed) {
                self.seen.answer = RedisAnswer::Silent;
            }
            polled
        });
        let mut connection = opened.await?;
        self.seen.answer = RedisAnswer::Silent;
        for words in entrance(&address) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            if let Reply::Error(words) = connection.ask(&words).await? {
                return Err(RedisAnswer::Error(words));
            }
        }
        match connection.ask(&["PING"]).await? {
            Reply::Status(text) if text == "PONG" => self.seen.answer = RedisAnswer::Pong,
            Reply::Error(words) if is_shut(&words) => return Err(RedisAnswer::Error(words)),
            // Loading, cut off from its primary, unable to save: the rest of its answers says more.
            Reply::Error(words) => self.seen.answer = RedisAnswer::Error(words),
            other @ (Reply::Status(_) | Reply::Integer(_) | Reply::Bulk(_) | Reply::Array(_)) => {
                return Err(RedisAnswer::NotRedis(
                    format!("{other:?}").chars().take(60).collect(),
                ));
            }
        }
        Ok(connection)
    }

    async fn ask_around(&mut self, connection: &mut Connection) -> Result<(), RedisAnswer> {
        if let Some(reply) = self.ask(connection, &["INFO", "all"]).await? {
            info::read(&mut self.seen, reply.text().unwrap_or_default());
        }
        if self.seen.answer == RedisAnswer::Pong {
            self.latency(connection).await?;
        }
        self.settings(connection).await?;
        self.harmless_write(connection).await?;
        if self.seen.loading == Some(true) {
            return Ok(());
        }
        if let Some(reply) = self.ask(connection, &["COMMAND", "INFO", "BZPOPMIN"]).await? {
            let known = reply
                .elements()
                .first()
                .is_some_and(|row| !row.elements().is_empty());
            self.seen.has_bzpopmin = Some(known);
        }
        self.round_trip(connection).await?;
        self.asking = "PUBSUB".into();
        self.seen.channels = keys::channels(connection, &mut self.seen.forbidden).await?;
        if self.seen.clients.is_some_and(|clients| clients <= LISTED_CLIENTS)
            && let Some(reply) = self.ask(connection, &["CLIENT", "LIST"]).await?
        {
            let list = reply.text().unwrap_or_default();
            let database = format!("db={}", self.address.database);
            let waits =
                |line: &&str| line.contains("cmd=bzpopmin") && line.split(' ').any(|field| field == database);
            self.seen.readers = Some(list.lines().filter(waits).count() as u64);
        }
        self.asking = "SCAN".into();
        keys::scan(
            &mut self.seen,
            connection,
            self.address.database,
            Instant::now() + SCAN_WITHIN,
        )
        .await
    }

    /// Asks; none when this user may not, which is remembered.
    async fn ask(
        &mut self,
        connection: &mut Connection,
        words: &[&str],
    ) -> Result<Option<Reply>, RedisAnswer> {
        self.asking = words.iter().take(2).copied().collect::<Vec<_>>().join(" ");
        match connection.ask(words).await? {
            Reply::Error(said) => {
                self.seen.forbidden.push(format!("{}: {said}", self.asking));
                Ok(None)
            }
            reply @ (Reply::Status(_) | Reply::Integer(_) | Reply::Bulk(_) | Reply::Array(_)) => {
                Ok(Some(reply))
            }
        }
    }

    async fn latency(&mut self, connection: &mut Connection) -> Result<(), RedisAnswer> {
        self.asking = "PING".into();
        let mut took = Vec::with_capacity(PINGS);
        for _ in 0..PINGS {
            let asked = Instant::now();
            connection.ask(&["PING"]).await?;
            took.push(asked.elapsed().as_secs_f64() * 1e3);
        }
        took.sort_by(f64::total_cmp);
        self.seen.ping_ms = took.get(PINGS / 2).copied();
        self.seen.ping_max_ms = took.last().copied();
        Ok(())
    }

    async fn settings(&mut self, connection: &mut Connection) -> Result<(), RedisAnswer> {
        let mut value = async |look: &mut Self, name| {
            let reply = look.ask(connection, &["CONFIG", "GET", name]).await?;
            let value = reply
                .as_ref()
                .and_then(|reply| reply.elements().get(1)?.text()?.parse::<u64>().ok());
            Ok::<Option<u64>, RedisAnswer>(value)
        };
        // INFO of Redis 7 has the first two as well, for whoever may not ask for the configuration.
        self.seen.idle_timeout_s = value(self, "timeout").await?;
        if self.seen.max_clients.is_none() {
            self.seen.max_clients = value(self, "maxclients").await?;
        }
        if self.seen.max_memory.is_none() {
            self.seen.max_memory = value(self, "maxmemory").await?;
        }
        Ok(())
    }

    /// `ZADD key XX` to a key that does not exist changes nothing and says nothing to anybody, yet Redis refuses it
    /// before it runs exactly where it refuses the application's own `ZADD`. Measured on Redis 7.0.15: READONLY on a
    /// replica, OOM over maxmemory, MISCONF after a failed snapshot, NOREPLICAS, NOPERM. (`DEL` and `ZREM` are let
    /// through over maxmemory, a plain `EVAL` everywhere, and `APPEND key ""` makes a key.)
    async fn harmless_write(&mut self, connection: &mut Connection) -> Result<(), RedisAnswer> {
        let key = format!("{}:group:charla-doctor-{}", self.prefix, random());
        self.asking = "ZADD".into();
        if let Reply::Error(words) = connection.ask(&["ZADD", &key, "XX", "1", "nobody"]).await? {
            self.seen.write_error = Some(words);
        }
        Ok(())
    }

    /// Publishes to itself, over two connections as an application's processes do.
    async fn round_trip(&mut self, connection: &mut Connection) -> Result<(), RedisAnswer> {
        self.asking = "SUBSCRIBE".into();
        let channel = format!("{}__group__charla-doctor-{}", self.prefix, random());
        let Ok(mut subscriber) = Connection::open(&self.address).await else {
            return Ok(());
        };
        for words in entrance(&self.address) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            subscriber.ask(&words).await?;
        }
        match subscriber.ask(&["SUBSCRIBE", &channel]).await? {
            Reply::Error(said) => {
                self.seen.forbidden.push(format!("SUBSCRIBE: {said}"));
                return Ok(());
            }
            Reply::Status(_) | Reply::Integer(_) | Reply::Bulk(_) | Reply::Array(_) => {}
        }
        let asked = Instant::now();
        let Some(_) = self
            .ask(connection, &["PUBLISH", &channel, "charla-doctor"])
            .await?
        else {
            return Ok(());
        };
        self.seen.round_trip_tried = true;
        self.asking = "SUBSCRIBE".into();
        if let Ok(Ok(_)) = timeout(Duration::from_millis(500), subscriber.answer()).await {
            self.seen.round_trip_ms = Some(asked.elapsed().as_secs_f64() * 1e3);
        }
        subscriber.close().await;
        Ok(())
    }
}

/// What a client of this address says first.
fn entrance(address: &Address) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    if let Some(password) = &address.password {
        let mut words = vec!["AUTH".to_owned()];
        words.extend(address.user.clone());
        words.push(password.clone());
        commands.push(words);
    }
    if address.database != 0 {
        commands.push(vec!["SELECT".into(), address.database.to_string()]);
    }
    commands
}

/// Nothing more can be asked after this.
fn is_shut(words: &str) -> bool {
    [
        "NOAUTH",
        "WRONGPASS",
        "DENIED",
        "ERR max number of clients",
        "NOPERM",
    ]
    .iter()
    .any(|known| words.starts_with(known))
}

fn random() -> String {
    let mut bytes = [0; 8];
    // Without it the name is only less surely new.
    let _ = getrandom::fill(&mut bytes);
    format!("{:016x}", u64::from_ne_bytes(bytes))
}

/// An address without its user and password, as it may be shown; the part before it when it cannot be read.
#[must_use]
pub fn shown(url: &str) -> String {
    match Address::parse(url) {
        Ok(address) => address.shown(),
        Err(why) => format!("({why})"),
    }
}
