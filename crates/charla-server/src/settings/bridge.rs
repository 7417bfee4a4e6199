//! `[bridge]`: which Redis Django Channels speaks over, how its groups are called, and what its events mean.

use std::path::PathBuf;
use std::time::Duration;

use charla_wire::TenantId;

use super::RedisUrl;

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
    pub hosts: Vec<RedisUrl>,
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
