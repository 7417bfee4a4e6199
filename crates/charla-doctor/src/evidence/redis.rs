//! The Redis that the application uses.

use serde::{Deserialize, Serialize};

/// What Redis did when it was asked with the application's own URL.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisSeen {
    /// Where, without password: `redis://127.0.0.1:6379/0`.
    pub url: String,
    /// How that became known.
    pub from: String,
    /// How far it went.
    pub answer: RedisAnswer,
    /// Whether the URL has a password, and a user's name.
    pub has_password: bool,
    /// PING took so long, in milliseconds, the median of some.
    pub ping_ms: Option<f64>,
    /// The slowest of them.
    pub ping_max_ms: Option<f64>,
    /// A message published came back to a subscriber: how long it took; none when it did not come.
    pub round_trip_ms: Option<f64>,
    /// It was tried.
    pub round_trip_tried: bool,
    /// `redis_version` (or `valkey_version`).
    pub version: Option<String>,
    /// `role`.
    pub role: Option<String>,
    /// `uptime_in_seconds`.
    pub uptime_s: Option<u64>,
    /// `connected_clients`.
    pub clients: Option<u64>,
    /// `maxclients`.
    pub max_clients: Option<u64>,
    /// `blocked_clients`: one a living process of the core layer.
    pub blocked_clients: Option<u64>,
    /// `rejected_connections`.
    pub rejected: Option<u64>,
    /// `used_memory`.
    pub memory: Option<u64>,
    /// `maxmemory`; 0 is without limit.
    pub max_memory: Option<u64>,
    /// `maxmemory_policy`.
    pub eviction: Option<String>,
    /// `evicted_keys`.
    pub evicted: Option<u64>,
    /// `client_output_buffer_limit_disconnections`.
    pub output_buffer_cuts: Option<u64>,
    /// `loading`.
    pub loading: Option<bool>,
    /// `rdb_last_bgsave_status` is ok.
    pub last_save_ok: Option<bool>,
    /// Address of a replica's primary.
    pub primary: Option<String>,
    /// Loading will take so much longer, by Redis' own estimate, in seconds.
    pub loading_eta_s: Option<u64>,
    /// `master_link_status` of a replica.
    pub master_link: Option<String>,
    /// `cmdstat_flushall` and `cmdstat_flushdb`: calls.
    pub flushes: Option<u64>,
    /// `CONFIG GET timeout`: idle clients are cut after so many seconds; 0 is never.
    pub idle_timeout_s: Option<u64>,
    /// What a harmless write was answered, where it failed: `READONLY ...`, `MISCONF ...`, `OOM ...`, `NOPERM ...`. The write is
    /// a `ZADD key XX` to a key that does not exist: refused like any other, and nothing at all where it is not.
    pub write_error: Option<String>,
    /// `BZPOPMIN` is known to it.
    pub has_bzpopmin: Option<bool>,
    /// Keys a database, from `INFO keyspace`: (index, keys).
    pub databases: Vec<(u32, u64)>,
    /// Groups of the core layer in this database, whatever their prefix.
    pub groups: Vec<GroupSeen>,
    /// Groups in other databases, with the database's number.
    pub groups_elsewhere: Vec<(u32, GroupSeen)>,
    /// Every key of this database was looked at, so that what is not listed is not there.
    pub scanned_all: Option<bool>,
    /// Clients that wait in `BZPOPMIN`, as a process of the core layer with open sockets does.
    pub readers: Option<u64>,
    /// Mailboxes of processes in this database: (key, messages).
    pub mailboxes: Vec<(String, u64)>,
    /// Prefixes of channel-layer keys that were seen, this database's first: (database, prefix, keys).
    pub prefixes: Vec<(u32, String, u64)>,
    /// Channels of the pub/sub layer with subscribers: (channel, subscribers).
    pub channels: Vec<(String, u64)>,
    /// The same while the probe's own WebSocket was open.
    pub channels_during: Vec<(String, u64)>,
    /// It was looked again while the probe's own WebSocket was open.
    pub looked_during: bool,
    /// Commands that this user may not run, each with Redis' words: what they would show was not seen.
    pub forbidden: Vec<String>,
    /// The command that was not answered within the time, where some were before it.
    pub no_answer_to: Option<String>,
    /// Other Redis servers that listen on this machine, without password tried: addresses.
    pub elsewhere: Vec<String>,
}

/// How far talking to Redis went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedisAnswer {
    /// It answers PING.
    #[default]
    Pong,
    /// The host's name leads nowhere.
    NoName(String),
    /// Nobody listens, no socket, no route: the system's words.
    Unreachable(String),
    /// No TCP connection within the time.
    NoConnection,
    /// Connected, and no answer within the time.
    Silent,
    /// An error instead of an answer, word for word: `NOAUTH ...`, `WRONGPASS ...`, `ERR max number of clients reached`,
    /// `LOADING ...`, `DENIED ...`.
    Error(String),
    /// It hung up.
    HungUp,
    /// Not a Redis: the first bytes.
    NotRedis(String),
    /// TLS failed: the library's words.
    Tls(String),
    /// The address cannot be read as one; the words say why, without the address.
    BadAddress(String),
}

/// One group of the core layer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupSeen {
    /// The key: `asgi:group:chat_5`.
    pub key: String,
    /// Its type: `zset`.
    pub kind: String,
    /// Members before the probe's own handshake.
    pub members: u64,
    /// Members while the probe's own connection was open.
    pub members_during: Option<u64>,
}
