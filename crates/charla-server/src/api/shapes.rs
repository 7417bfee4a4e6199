//! What the REST interface shows of people, chats and messages; each is also its part of the OpenAPI document.

use std::sync::Arc;

use charla_core::{Author, Role, Stored};
use charla_wire::{ChatId, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store;

/// Somebody, as shown to others.
#[derive(Serialize, ToSchema)]
pub(super) struct Person {
    /// The id within the tenant.
    #[schema(value_type = String, example = "42")]
    id: UserId,
    /// The name for people.
    #[schema(value_type = String, example = "Ana")]
    name: Arc<str>,
}

impl From<Author> for Person {
    fn from(author: Author) -> Self {
        Self {
            id: author.id,
            name: author.name,
        }
    }
}

/// What somebody may do beyond its own chats.
#[derive(Serialize, Deserialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
#[schema(as = Role)]
pub(super) enum RoleWord {
    /// Enters the chats it is a member of.
    Member,
    /// Enters every chat of the tenant, edits and deletes any message, closes chats.
    Agent,
}

impl From<Role> for RoleWord {
    fn from(role: Role) -> Self {
        match role {
            Role::Member => Self::Member,
            Role::Agent => Self::Agent,
        }
    }
}

impl From<RoleWord> for Role {
    fn from(role: RoleWord) -> Self {
        match role {
            RoleWord::Member => Self::Member,
            RoleWord::Agent => Self::Agent,
        }
    }
}

/// Who a token names.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    /// The id within the tenant.
    #[schema(value_type = String, example = "42")]
    pub id: UserId,
    /// The name for people.
    #[schema(value_type = String, example = "Ana")]
    pub name: Arc<str>,
    /// What it may do.
    pub role: RoleWord,
}

/// A tenant.
#[derive(Serialize, ToSchema)]
pub(super) struct Tenant {
    /// Its id.
    #[schema(value_type = String, example = "demo")]
    id: TenantId,
    /// Its name for people.
    name: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<store::Tenant> for Tenant {
    fn from(tenant: store::Tenant) -> Self {
        Self {
            id: tenant.id,
            name: tenant.name,
            created_at: tenant.created_at,
        }
    }
}

/// Whether a user is let in.
#[derive(Serialize, Deserialize, ToSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum UserState {
    /// Yes.
    Active,
    /// No, until unblocked.
    Blocked,
    /// No, for good.
    Deleted,
}

impl From<store::UserState> for UserState {
    fn from(state: store::UserState) -> Self {
        match state {
            store::UserState::Active => Self::Active,
            store::UserState::Blocked => Self::Blocked,
            store::UserState::Deleted => Self::Deleted,
        }
    }
}

/// A user of a tenant.
#[derive(Serialize, ToSchema)]
pub(super) struct User {
    /// The id within the tenant.
    #[schema(value_type = String, example = "42")]
    id: UserId,
    /// The name for people.
    #[schema(value_type = String, example = "Ana")]
    name: Arc<str>,
    /// What it may do.
    role: RoleWord,
    /// Whether it is let in.
    state: UserState,
    /// Whether it can sign in at `/api/token/`.
    has_password: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<store::User> for User {
    fn from(user: store::User) -> Self {
        Self {
            id: user.key.user,
            name: user.name,
            role: user.role.into(),
            state: user.state.into(),
            has_password: user.password.is_some(),
            created_at: user.created_at,
        }
    }
}

/// Whether a chat takes messages.
#[derive(Serialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChatState {
    /// Yes.
    Open,
    /// No, until it is opened again.
    Closed,
}

impl ChatState {
    /// The state of a stored chat.
    pub(super) const fn of(chat: &store::Chat) -> Self {
        if chat.closed.is_some() {
            Self::Closed
        } else {
            Self::Open
        }
    }
}

/// Who closed a chat, when and why.
#[derive(Serialize, ToSchema)]
pub(super) struct Closed {
    /// Who.
    by: Person,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Why, in that person's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A chat.
#[derive(Serialize, ToSchema)]
pub(super) struct Chat {
    /// Its id.
    #[schema(value_type = String, example = "5")]
    chat: ChatId,
    /// Its title for people.
    #[schema(value_type = String)]
    title: Arc<str>,
    /// Whether it takes messages.
    state: ChatState,
    /// While it is closed: by whom, when and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed: Option<Closed>,
    /// The customer whose support chat it is, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    customer: Option<UserId>,
    /// The number of its last message, 0 before the first.
    seq: u64,
    /// Its revision: each edit or deletion adds one.
    rev: u64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<store::Chat> for Chat {
    fn from(chat: store::Chat) -> Self {
        Self {
            state: ChatState::of(&chat),
            chat: chat.key.chat,
            title: chat.title,
            closed: chat.closed.map(|closed| Closed {
                by: closed.by.into(),
                at: closed.at,
                reason: closed.reason,
            }),
            customer: chat.customer,
            seq: chat.last_seq,
            rev: chat.rev,
            created_at: chat.created_at,
        }
    }
}

/// A file that belongs to a message.
#[derive(Serialize, ToSchema)]
pub(super) struct Attachment {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
    /// What it is called.
    #[schema(value_type = String, example = "factura.pdf")]
    name: Arc<str>,
    /// Its media type.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "application/pdf")]
    media_type: Arc<str>,
    /// How long it is.
    bytes: u64,
}

impl From<charla_wire::Attachment> for Attachment {
    fn from(attachment: charla_wire::Attachment) -> Self {
        Self {
            id: attachment.id,
            name: attachment.name,
            media_type: attachment.media_type,
            bytes: attachment.bytes,
        }
    }
}

/// A message.
#[derive(Serialize, ToSchema)]
pub(super) struct Message {
    /// Its place in the chat.
    seq: u64,
    /// The sender's id of it.
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
    /// Who wrote it.
    author: Person,
    /// The words; empty once deleted.
    #[schema(value_type = String)]
    text: Arc<str>,
    /// The application's own JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    data: Option<Box<RawValue>>,
    /// The files that belong to it; not there where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    attachments: Vec<Attachment>,
    /// When it was stored.
    #[schema(value_type = String, format = DateTime)]
    sent_at: Timestamp,
    /// When it was last edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    edited_at: Option<Timestamp>,
    /// There and true once its words were taken back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    deleted: bool,
}

impl From<Stored> for Message {
    fn from(message: Stored) -> Self {
        let draft = message.draft;
        Self {
            seq: message.seq,
            id: draft.id,
            author: draft.author.into(),
            text: draft.text,
            data: draft.data.as_deref().and_then(raw),
            attachments: draft.attachments.into_iter().map(Into::into).collect(),
            sent_at: message.sent_at,
            edited_at: message.edited_at,
            deleted: message.deleted,
        }
    }
}

/// Stored JSON, which was checked when it came in.
pub(super) fn raw(json: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(json.to_owned()).ok()
}
