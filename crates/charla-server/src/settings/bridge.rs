//! `[bridge]`: which Redis Django Channels speaks over, how its groups are called, and what its events mean.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use charla_wire::TenantId;

use super::{BrokerUrl, BusKind};

mod entries;
mod group_name;

pub(super) use entries::{EVENT_FIELDS, Entries, EntryFault, GROUP_FIELDS};
pub use group_name::{GroupName, GroupNameError, Named};

/// Which of the two layers of `channels_redis` the application uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelLayer {
    /// `RedisChannelLayer`: a queue for each process.
    Core,
    /// `RedisPubSubChannelLayer`: Redis' own publishing.
    PubSub,
}

/// How its messages are written (`serializer_format`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Serializer {
    /// `MessagePack`, its default.
    #[default]
    Msgpack,
    /// JSON.
    Json,
}

/// One of the servers: an address as of `broker.url`, and the number of a database.
#[derive(Clone)]
pub struct BridgeHost {
    /// Where, and as whom.
    pub url: BrokerUrl,
    /// The number of the database.
    pub database: u32,
}

impl BridgeHost {
    /// Reads `redis://[user[:password]@]host[:port][/database]`, or `rediss://` for TLS; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (server, database) = rest.rsplit_once('/').unwrap_or((rest, ""));
        let database = if database.is_empty() {
            0
        } else {
            database.parse().ok()?
        };
        let url = BrokerUrl::parse(&format!("{scheme}://{server}"))?;
        (*url.kind() == BusKind::Redis).then_some(Self { url, database })
    }

    /// The address as people may see it.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{}/{}", self.url.shown(), self.database)
    }
}

impl fmt::Debug for BridgeHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

/// `[[bridge.groups]]`: how the group of a chat or of a person is called, and whose it is.
#[derive(Debug, Clone)]
pub struct GroupSettings {
    /// The name.
    pub name: GroupName,
    /// Whose all groups of this name are; `None`: the name or the event says.
    pub tenant: Option<TenantId>,
    /// The key of an event that says whose it is.
    pub tenant_field: Option<String>,
}

/// What an event of Channels is to Charla.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A message, stored and numbered.
    Message,
    /// A person's own note.
    Notification,
    /// The chat's end.
    ChatClosed,
    /// Nothing that Charla has a word for: shown to plain clients as it is, and not kept.
    Event,
    /// A message has other words; told to Channels only.
    Edited,
    /// A message was taken back; told to Channels only.
    Deleted,
}

/// The words for [`EventKind`].
pub(super) const EVENT_KINDS: [(&str, EventKind); 6] = [
    ("message", EventKind::Message),
    ("notification", EventKind::Notification),
    ("chat_closed", EventKind::ChatClosed),
    ("event", EventKind::Event),
    ("edited", EventKind::Edited),
    ("deleted", EventKind::Deleted),
];

/// `[[bridge.events]]`: one type of event. A field that is not set is called as the plain dialect calls it, or left out.
#[derive(Debug, Clone)]
pub struct EventSettings {
    /// The event's `type`.
    pub name: String,
    /// What it is.
    pub kind: EventKind,
    /// The names of its fields, by what they are.
    pub fields: Vec<(&'static str, String)>,
    /// Of an [`EventKind::Event`], the fields that are shown; `None`: all but `type`.
    pub kept: Option<Vec<String>>,
}

impl EventSettings {
    /// The name of a field, if it was given.
    #[must_use]
    pub fn field(&self, what: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| *field == what);
        found.map(|(_, name)| name.as_str())
    }
}

/// `[bridge]`
#[derive(Debug, Clone)]
pub struct BridgeSettings {
    /// The layer; `None`: no bridge.
    pub layer: Option<ChannelLayer>,
    /// Its servers, in the order of the application's own list.
    pub hosts: Vec<BridgeHost>,
    /// The file with the password for them, read at the start.
    pub password_file: Option<PathBuf>,
    /// Authorities in PEM that may have signed their certificates, besides those that browsers believe.
    pub ca_file: Option<PathBuf>,
    /// The certificate chain in PEM that is shown to servers that ask for one, and its key.
    pub cert_file: Option<PathBuf>,
    /// The key of `cert_file`, in PEM.
    pub key_file: Option<PathBuf>,
    /// What the names of its keys begin with.
    pub prefix: String,
    /// How messages are written.
    pub serializer: Serializer,
    /// Messages that may wait for one process of the application.
    pub capacity: usize,
    /// How long a message waits for a process.
    pub expiry: Duration,
    /// How long a process stays in a group that it does not join anew.
    pub group_expiry: Duration,
    /// The file with the keys that messages are encrypted with, one a line, read at the start.
    pub keys_file: Option<PathBuf>,
    /// How long a chat's group is listened to after the last one left it.
    pub linger: Duration,
    /// Whether a chat that the application speaks in, and that Charla does not know, is made.
    pub create_chats: bool,
    /// The groups.
    pub groups: Vec<GroupSettings>,
    /// The events.
    pub events: Vec<EventSettings>,
}

impl Default for BridgeSettings {
    /// The defaults of `channels_redis`.
    fn default() -> Self {
        Self {
            layer: None,
            hosts: Vec::new(),
            password_file: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            prefix: "asgi".into(),
            serializer: Serializer::Msgpack,
            capacity: 100,
            expiry: Duration::from_secs(60),
            group_expiry: Duration::from_secs(24 * 3600),
            keys_file: None,
            linger: Duration::from_secs(600),
            create_chats: false,
            groups: Vec::new(),
            events: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_host_has_a_database_and_hides_its_password() {
        let host = BridgeHost::parse("redis://:s3cret@127.0.0.1:6380/3").unwrap();
        assert_eq!((host.url.first().port, host.database), (6380, 3));
        assert_eq!(host.url.password().unwrap().expose_secret(), "s3cret");
        assert!(!format!("{host:?}").contains("s3cret"));
        assert_eq!(BridgeHost::parse("rediss://cache/").unwrap().database, 0);
        for bad in [
            "cache:6379",
            "redis://cache/x",
            "redis://a,b/0",
            "nats://cache",
            "redis+cluster://cache",
            "redis://cache/0?ssl=1",
        ] {
            assert!(BridgeHost::parse(bad).is_none(), "{bad}");
        }
    }
}
