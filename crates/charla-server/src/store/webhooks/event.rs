//! Events as the application is told of them: their names, and what stands in each body.
//!
//! The fields are a promise (docs/webhooks.md): they are added to, never renamed.

use std::sync::Arc;

use charla_core::{Author, RoomKey, Seq, Stored};
use charla_wire::{TenantId, Timestamp, UserId};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::store::Chat;

/// What kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Somebody said something.
    MessageCreated,
    /// A message has other words.
    MessageEdited,
    /// A message was taken back.
    MessageDeleted,
    /// Somebody belongs to a chat.
    MemberJoined,
    /// Somebody does not any more.
    MemberLeft,
    /// Nobody can say anything in a chat.
    ChatClosed,
    /// A closed chat is open again.
    ChatReopened,
    /// A connection has ended.
    ConnectionClosed,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::MessageCreated,
        Self::MessageEdited,
        Self::MessageDeleted,
        Self::MemberJoined,
        Self::MemberLeft,
        Self::ChatClosed,
        Self::ChatReopened,
        Self::ConnectionClosed,
    ];

    /// Its name, as in `type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MessageCreated => "message.created",
            Self::MessageEdited => "message.edited",
            Self::MessageDeleted => "message.deleted",
            Self::MemberJoined => "member.joined",
            Self::MemberLeft => "member.left",
            Self::ChatClosed => "chat.closed",
            Self::ChatReopened => "chat.reopened",
            Self::ConnectionClosed => "connection.closed",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kinds(u8);

impl Kinds {
    /// These.
    #[must_use]
    pub fn of(kinds: &[EventKind]) -> Self {
        Self(kinds.iter().fold(0, |bits, kind| bits | 1 << (*kind as u8)))
    }

    /// Every kind there is.
    #[must_use]
    pub fn all() -> Self {
        Self::of(&EventKind::ALL)
    }

    /// Whether this kind is among them.
    #[must_use]
    pub const fn has(self, kind: EventKind) -> bool {
        self.0 & 1 << (kind as u8) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Their names.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let all = EventKind::ALL.into_iter();
        all.filter(|kind| self.has(*kind)).map(EventKind::name).collect()
    }

    /// The kinds of these names, those that there are no more left out: a store may know what an older program does not.
    #[must_use]
    pub fn named(names: &str) -> Self {
        let kinds: Vec<_> = names.split(' ').filter_map(EventKind::named).collect();
        Self::of(&kinds)
    }
}

/// Something that an application may want to be told.
#[derive(Debug, Clone)]
pub enum Event {
    /// `message.created`
    MessageCreated(Stored),
    /// `message.edited`
    MessageEdited {
        /// As it is now.
        message: Stored,
        /// The chat's revision after it.
        rev: u64,
        /// Who did it.
        by: UserId,
    },
    /// `message.deleted`
    MessageDeleted {
        /// As it is now: without its words.
        message: Stored,
        /// The chat's revision after it.
        rev: u64,
        /// Who did it.
        by: UserId,
        /// When.
        at: Timestamp,
    },
    /// `member.joined`
    MemberJoined {
        /// Where.
        room: RoomKey,
        /// Who.
        user: UserId,
        /// When.
        at: Timestamp,
    },
    /// `member.left`
    MemberLeft {
        /// Where.
        room: RoomKey,
        /// Who.
        user: UserId,
        /// When.
        at: Timestamp,
    },
    /// `chat.closed`
    ChatClosed {
        /// Which.
        room: RoomKey,
        /// Who closed it.
        by: Author,
        /// Why.
        reason: Option<String>,
        /// The number of its last message.
        last_seq: Seq,
        /// When.
        at: Timestamp,
    },
    /// `chat.reopened`
    ChatReopened {
        /// Which.
        room: RoomKey,
        /// The number of its last message.
        last_seq: Seq,
        /// When.
        at: Timestamp,
    },
    /// `connection.closed`
    ConnectionClosed(Box<Ended>),
}

/// A connection that has ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Whose.
    pub tenant: TenantId,
    /// Who.
    pub user: UserId,
    /// Its id.
    pub connection: Uuid,
    /// The chat of its address.
    pub chat: Option<charla_wire::ChatId>,
    /// A cause's id, or `none` where the client just left.
    pub cause: &'static str,
    /// `server`, `client` or `network`.
    pub initiator: &'static str,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ended.
    pub closed_at: Timestamp,
    /// Milliseconds that it lasted, by a clock that does not step.
    pub lasted_ms: u64,
}

impl Event {
    /// A message that is not what it was.
    pub(in crate::store) const fn changed(message: Stored, rev: u64, by: UserId, at: Timestamp) -> Self {
        if message.deleted {
            Self::MessageDeleted { message, rev, by, at }
        } else {
            Self::MessageEdited { message, rev, by }
        }
    }

    /// A chat that was closed or opened just now, if it was.
    pub(in crate::store) fn moved(chat: Option<&(Chat, bool)>, at: Timestamp) -> Option<Self> {
        let (chat, true) = chat? else { return None };
        let (room, last_seq) = (chat.key.clone(), chat.last_seq);
        Some(match &chat.closed {
            Some(closed) => Self::ChatClosed {
                room,
                by: closed.by.clone(),
                reason: closed.reason.clone(),
                last_seq,
                at: closed.at,
            },
            None => Self::ChatReopened { room, last_seq, at },
        })
    }

    /// Whose it is.
    pub(in crate::store) const fn tenant(&self) -> &TenantId {
        match self {
            Self::MessageCreated(message)
            | Self::MessageEdited { message, .. }
            | Self::MessageDeleted { message, .. } => &message.draft.room.tenant,
            Self::MemberJoined { room, .. }
            | Self::MemberLeft { room, .. }
            | Self::ChatClosed { room, .. }
            | Self::ChatReopened { room, .. } => &room.tenant,
            Self::ConnectionClosed(ended) => &ended.tenant,
        }
    }

    /// What it is.
    pub(in crate::store) const fn kind(&self) -> EventKind {
        match self {
            Self::MessageCreated(_) => EventKind::MessageCreated,
            Self::MessageEdited { .. } => EventKind::MessageEdited,
            Self::MessageDeleted { .. } => EventKind::MessageDeleted,
            Self::MemberJoined { .. } => EventKind::MemberJoined,
            Self::MemberLeft { .. } => EventKind::MemberLeft,
            Self::ChatClosed { .. } => EventKind::ChatClosed,
            Self::ChatReopened { .. } => EventKind::ChatReopened,
            Self::ConnectionClosed(_) => EventKind::ConnectionClosed,
        }
    }

    /// What it waits behind: the events of a chat keep their order, a connection's end waits for nothing.
    pub(in crate::store) fn lane(&self) -> Arc<str> {
        let chat = match self {
            Self::MessageCreated(message)
            | Self::MessageEdited { message, .. }
            | Self::MessageDeleted { message, .. } => &message.draft.room.chat,
            Self::MemberJoined { room, .. }
            | Self::MemberLeft { room, .. }
            | Self::ChatClosed { room, .. }
            | Self::ChatReopened { room, .. } => &room.chat,
            Self::ConnectionClosed(ended) => return format!("connection {}", ended.connection).into(),
        };
        format!("chat {chat}").into()
    }

    /// When it happened.
    const fn at(&self) -> Timestamp {
        match self {
            Self::MessageCreated(message) => message.sent_at,
            Self::MessageEdited { message, .. } => match message.edited_at {
                Some(at) => at,
                None => message.sent_at,
            },
            Self::MessageDeleted { at, .. }
            | Self::MemberJoined { at, .. }
            | Self::MemberLeft { at, .. }
            | Self::ChatClosed { at, .. }
            | Self::ChatReopened { at, .. } => *at,
            Self::ConnectionClosed(ended) => ended.closed_at,
        }
    }

    /// What is sent: `{type, timestamp, data}`.
    pub(in crate::store) fn body(&self) -> Arc<str> {
        let (kind, at) = (self.kind().name(), self.at());
        let body = json!({"type": kind, "timestamp": at, "data": self.data()});
        body.to_string().into()
    }

    fn data(&self) -> Value {
        match self {
            Self::MessageCreated(message) => told(message),
            Self::MessageEdited { message, rev, by } => {
                let more = json!({"edited_at": message.edited_at, "rev": rev, "by": by});
                with(told(message), more)
            }
            Self::MessageDeleted { message, rev, by, at } => {
                let mut data = told(message);
                if let Some(fields) = data.as_object_mut() {
                    fields.remove("text");
                    fields.remove("data");
                }
                with(data, json!({"deleted_at": at, "rev": rev, "by": by}))
            }
            Self::MemberJoined { room, user, at } => {
                json!({"tenant": room.tenant, "chat": room.chat, "user": user, "joined_at": at})
            }
            Self::MemberLeft { room, user, at } => {
                json!({"tenant": room.tenant, "chat": room.chat, "user": user, "left_at": at})
            }
            Self::ChatClosed {
                room,
                by,
                reason,
                last_seq,
                at,
            } => json!({
                "tenant": room.tenant, "chat": room.chat, "by": {"id": by.id, "name": by.name},
                "reason": reason, "last_seq": last_seq, "closed_at": at,
            }),
            Self::ChatReopened { room, last_seq, at } => {
                json!({"tenant": room.tenant, "chat": room.chat, "last_seq": last_seq, "reopened_at": at})
            }
            Self::ConnectionClosed(ended) => json!({
                "tenant": ended.tenant, "user": ended.user, "connection": ended.connection, "chat": ended.chat,
                "cause": ended.cause, "initiator": ended.initiator, "opened_at": ended.opened_at,
                "closed_at": ended.closed_at, "lasted_ms": ended.lasted_ms,
            }),
        }
    }
}

fn told(message: &Stored) -> Value {
    let draft = &message.draft;
    // The application's own JSON; it was checked when it came.
    let data = draft
        .data
        .as_deref()
        .and_then(|data| serde_json::from_str::<&RawValue>(data).ok());
    let mut told = json!({
        "tenant": draft.room.tenant, "chat": draft.room.chat, "seq": message.seq, "id": draft.id,
        "author": {"id": draft.author.id, "name": draft.author.name},
        "text": draft.text, "data": data, "sent_at": message.sent_at,
    });
    if !draft.attachments.is_empty() {
        told = with(told, json!({"attachments": draft.attachments}));
    }
    told
}

fn with(mut data: Value, more: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (data.as_object_mut(), more) {
        fields.extend(more);
    }
    data
}
