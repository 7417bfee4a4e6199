//! Everything that a store keeps, as records that any other store can take: the way from one database to another.
//!
//! A [`Record`] is a row in words that no database owns: JSON values in the order of its [`Table`]'s columns. Each
//! database says its own SQL below its own folder; [`lines`] is the file that carries them. Tickets are left out: they
//! are over within seconds.

use charla_wire::{ChatId, TenantId, UserId};
use serde_json::Value;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::StoreFuture;

pub mod lines;

/// Records that travel together: what is held in memory is a few of these.
pub const BATCH: usize = 500;

/// A store as a whole.
pub trait Archive {
    /// Gives everything as it is at one moment, table by table in the order of [`Table::ALL`], by key. Ends early when
    /// nobody takes it any more.
    fn dump(&self, sink: mpsc::Sender<Vec<Record>>) -> StoreFuture<'_, ()>;

    /// Takes records in one commit, in the order of [`Archive::dump`]. What is there already and the same is left, so
    /// that an interrupted load can be begun again. A chat's row may come before its messages.
    fn load(&self, records: Vec<Record>) -> StoreFuture<'_, Loaded>;
}

/// What became of the records of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// All of them are in the store; so many are new.
    All {
        /// How many were not there before.
        new: usize,
    },
    /// The record at this place is there with other words, or belongs to nothing that is there. Nothing of its table
    /// behind it was taken.
    Differs {
        /// Its place in what was given.
        place: usize,
    },
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Of which table.
    pub table: Table,
    /// Its values, one for each of [`Table::columns`].
    pub values: Vec<Value>,
}

impl Record {
    /// The text in a column; empty where there is none.
    #[must_use]
    pub fn text(&self, at: usize) -> &str {
        self.values.get(at).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The tables, in an order in which nothing refers to what comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Tenants.
    Tenants,
    /// Users with their passwords' hashes, deleted ones too.
    Users,
    /// Chats.
    Chats,
    /// Who belongs to which chat.
    Members,
    /// Read markers.
    Reads,
    /// Messages.
    Messages,
    /// Files of messages; the bytes are elsewhere.
    Attachments,
    /// Notes to one person.
    Notifications,
    /// Hashes of back ends' keys.
    ApiKeys,
    /// Records of refresh tokens.
    RefreshTokens,
    /// Access tokens that are refused.
    RevokedTokens,
    /// The server's own values: its signing secret.
    Kept,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A tenant's id.
    Tenant,
    /// A chat's id.
    Chat,
    /// A user's id.
    User,
    /// Words.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A number or a time in ms since 1970 UTC.
    Number,
    /// Yes or no.
    Flag,
    /// A UUID.
    Uuid,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name in the file, and in both databases unless [`Column::in_postgres`] says otherwise.
    pub name: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// Whether it may be empty.
    pub optional: bool,
    /// Whether it is left out where it is empty: files of before do not have it.
    pub added: bool,
}

impl Column {
    /// Its name in PostgreSQL, where `user` is a word of the language.
    #[must_use]
    pub fn in_postgres(&self) -> &'static str {
        if self.name == "user" { "person" } else { self.name }
    }

    /// Whether a value may stand here.
    #[must_use]
    pub fn takes(&self, value: &Value) -> bool {
        let text = value.as_str();
        if value.is_null() {
            return self.optional;
        }
        match self.holds {
            Tenant => text.is_some_and(|text| TenantId::parse(text).is_ok()),
            Chat => text.is_some_and(|text| ChatId::parse(text).is_ok()),
            User => text.is_some_and(|text| UserId::parse(text).is_ok()),
            Text => text.is_some(),
            Word(words) => text.is_some_and(|text| words.contains(&text)),
            Number => value.is_i64(),
            Flag => value.is_boolean(),
            Unique => text.is_some_and(|text| {
                Uuid::parse_str(text).is_ok_and(|uuid| uuid.hyphenated().to_string() == text)
            }),
        }
    }
}

const fn must(name: &'static str, holds: Holds) -> Column {
    Column {
        name,
        holds,
        optional: false,
        added: false,
    }
}

const fn may(name: &'static str, holds: Holds) -> Column {
    Column {
        name,
        holds,
        optional: true,
        added: false,
    }
}

const fn added(name: &'static str, holds: Holds) -> Column {
    Column {
        added: true,
        ..may(name, holds)
    }
}

use Holds::{Chat, Flag, Number, Tenant, Text, User, Uuid as Unique, Word};

const TENANTS: &[Column] = &[
    must("id", Tenant),
    must("name", Text),
    must("created_at", Number),
    must("last_notification", Number),
];
const USERS: &[Column] = &[
    must("tenant", Tenant),
    must("id", User),
    must("name", Text),
    must("role", Word(&["member", "agent"])),
    must("state", Word(&["active", "blocked", "deleted"])),
    may("password", Text),
    must("tokens_valid_from", Number),
    must("created_at", Number),
];
const CHATS: &[Column] = &[
    must("tenant", Tenant),
    must("chat", Chat),
    must("title", Text),
    may("customer", User),
    must("last_seq", Number),
    must("rev", Number),
    must("moved", Number),
    may("closed_by", User),
    may("closed_by_name", Text),
    may("closed_at", Number),
    may("closed_reason", Text),
    must("created_at", Number),
];
const MEMBERS: &[Column] = &[
    must("tenant", Tenant),
    must("chat", Chat),
    must("user", User),
    must("joined_at", Number),
];
const READS: &[Column] = &[
    must("tenant", Tenant),
    must("chat", Chat),
    must("user", User),
    must("seq", Number),
];
const MESSAGES: &[Column] = &[
    must("tenant", Tenant),
    must("chat", Chat),
    must("seq", Number),
    must("id", Unique),
    must("author", User),
    must("author_name", Text),
    must("text", Text),
    may("data", Text),
    must("sent_at", Number),
    may("edited_at", Number),
    must("deleted", Flag),
    must("rev", Number),
    added("attachments", Text),
];
const ATTACHMENTS: &[Column] = &[
    must("tenant", Tenant),
    must("chat", Chat),
    must("id", Unique),
    must("user", User),
    must("name", Text),
    must("type", Text),
    must("bytes", Number),
    must("created_at", Number),
    must("uploaded", Flag),
    may("seq", Number),
    must("gone", Flag),
];
const NOTIFICATIONS: &[Column] = &[
    must("tenant", Tenant),
    must("user", User),
    must("id", Number),
    must("kind", Text),
    must("text", Text),
    may("url", Text),
    may("data", Text),
    must("created_at", Number),
    must("read", Flag),
];
const API_KEYS: &[Column] = &[
    must("hash", Text),
    may("tenant", Tenant),
    must("label", Text),
    must("created_at", Number),
];
const REFRESH_TOKENS: &[Column] = &[
    must("jti", Text),
    must("family", Text),
    must("tenant", Tenant),
    must("user", User),
    must("state", Word(&["fresh", "spent", "revoked"])),
    must("expires_at", Number),
];
const REVOKED_TOKENS: &[Column] = &[
    must("tenant", Tenant),
    must("jti", Text),
    must("expires_at", Number),
];
const KEPT: &[Column] = &[must("name", Text), must("value", Text)];

impl Table {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Tenants,
        Self::Users,
        Self::Chats,
        Self::Members,
        Self::Reads,
        Self::Messages,
        Self::Attachments,
        Self::Notifications,
        Self::ApiKeys,
        Self::RefreshTokens,
        Self::RevokedTokens,
        Self::Kept,
    ];

    /// Its name, in the file and in every database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tenants => "tenants",
            Self::Users => "users",
            Self::Chats => "chats",
            Self::Members => "members",
            Self::Reads => "reads",
            Self::Messages => "messages",
            Self::Attachments => "attachments",
            Self::Notifications => "notifications",
            Self::ApiKeys => "api_keys",
            Self::RefreshTokens => "refresh_tokens",
            Self::RevokedTokens => "revoked_tokens",
            Self::Kept => "kept",
        }
    }

    /// Its columns. In a table that is [`Table::of_a_chat`] the first two name the chat.
    #[must_use]
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::Tenants => TENANTS,
            Self::Users => USERS,
            Self::Chats => CHATS,
            Self::Members => MEMBERS,
            Self::Reads => READS,
            Self::Messages => MESSAGES,
            Self::Attachments => ATTACHMENTS,
            Self::Notifications => NOTIFICATIONS,
            Self::ApiKeys => API_KEYS,
            Self::RefreshTokens => REFRESH_TOKENS,
            Self::RevokedTokens => REVOKED_TOKENS,
            Self::Kept => KEPT,
        }
    }

    /// How many columns, from the first, make its key.
    #[must_use]
    pub const fn key(self) -> usize {
        match self {
            Self::Tenants | Self::ApiKeys | Self::RefreshTokens | Self::Kept => 1,
            Self::Users | Self::Chats | Self::RevokedTokens => 2,
            Self::Members | Self::Reads | Self::Messages | Self::Attachments | Self::Notifications => 3,
        }
    }

    /// Whether its rows hang on a chat's own short number in the database.
    #[must_use]
    pub const fn of_a_chat(self) -> bool {
        matches!(
            self,
            Self::Members | Self::Reads | Self::Messages | Self::Attachments
        )
    }

    /// Whether the rows know their chat's tenant as well as the chat.
    #[must_use]
    pub const fn has_tenant(self) -> bool {
        matches!(self, Self::Members | Self::Attachments)
    }
}
