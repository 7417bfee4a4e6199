//! What a store keeps and gives back, and what becomes of what it is asked.

use std::sync::Arc;

use charla_core::{Author, RoomKey, Seq, Stored, UserKey};
use charla_wire::{TenantId, Timestamp, UserId};

use super::Role;
use crate::publish::Receipt;

/// A tenant as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name for people.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Whether a user is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserState {
    /// Yes.
    Active,
    /// No, until unblocked: `user_blocked`.
    Blocked,
    /// No, for good; kept so that old messages keep their author and old tokens are refused.
    Deleted,
}

impl UserState {
    /// `active`, `blocked` or `deleted`: in databases, exports and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Blocked => "blocked",
            Self::Deleted => "deleted",
        }
    }
}

/// A user as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its key.
    pub key: UserKey,
    /// Its name for people.
    pub name: Arc<str>,
    /// What it may do beyond its own chats.
    pub role: Role,
    /// Whether it is let in.
    pub state: UserState,
    /// The argon2id hash (PHC text) of a built-in account's password.
    pub password: Option<String>,
    /// Tokens issued before this time are refused (log-out everywhere, password change).
    pub tokens_valid_from: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What to change of a user, or to give a new one. `None` leaves as it is (new: name = id, member, active).
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// The name for people.
    pub name: Option<String>,
    /// The role.
    pub role: Option<Role>,
    /// The state.
    pub state: Option<UserState>,
    /// The password's hash.
    pub password: Option<String>,
    /// Refuse tokens issued before.
    pub tokens_valid_from: Option<Timestamp>,
}

/// A chat's end, until somebody opens it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Who closed it.
    pub by: Author,
    /// When.
    pub at: Timestamp,
    /// Why, in that person's words.
    pub reason: Option<String>,
}

/// A chat as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    /// Its key.
    pub key: RoomKey,
    /// Its title for people.
    pub title: Arc<str>,
    /// The customer whose support chat it is, if it is one.
    pub customer: Option<UserId>,
    /// The number of its last message, 0 before the first.
    pub last_seq: Seq,
    /// Its revision: each edit or deletion adds one.
    pub rev: u64,
    /// Set while it is closed.
    pub closed: Option<Closed>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Someone's place in a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// The user's name now.
    pub name: Arc<str>,
    /// The last message that it has read.
    pub read_seq: Seq,
    /// Since when it belongs to the chat.
    pub joined_at: Timestamp,
}

/// All that the handshake asks of the store, in one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The tenant, if there is one.
    pub tenant: Option<Tenant>,
    /// The user, if the store knows it.
    pub user: Option<User>,
    /// The chat, if asked for and there.
    pub chat: Option<Chat>,
    /// Whether the user is a member of that chat.
    pub member: bool,
}

/// One line of a person's list of chats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxLine {
    /// The chat.
    pub chat: Chat,
    /// How far this person has read; `chat.last_seq - read_seq` is unread.
    pub read_seq: Seq,
    /// The last message, if there is any.
    pub last: Option<Stored>,
}

/// Which messages of a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The newest.
    Latest,
    /// Those right before a number, not itself.
    Before(Seq),
    /// Those right after a number, not itself.
    After(Seq),
}

/// What became of a message appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// Stored now: to be published.
    New(Stored),
    /// It was stored before, under this number: acknowledged again, not published.
    Repeated(Stored),
}

/// Why a draft was not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The same author used the same id in the chat for other words; the first are kept.
    #[error("this id was used for another message")]
    IdConflict,
    /// There is no such chat (any more).
    #[error("there is no such chat")]
    NoChat,
    /// The chat is closed.
    #[error("the chat is closed")]
    Closed,
    /// A file that it names is not there, belongs to somebody else or was sent before.
    #[error("an attachment is not there to be sent")]
    AttachmentMissing,
    /// The application's own table of messages refuses it.
    #[error("the application's own table refuses this message")]
    HistoryRefused,
    /// The group could not be committed: nothing of it is stored.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

/// An append's outcome on its way to whoever waits for it.
#[derive(Debug)]
pub struct Committed {
    /// What became of it.
    pub outcome: Result<Appended, AppendError>,
    /// Who waits.
    pub receipt: Receipt,
}

/// What became of an edit or a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// Done; the chat's new revision, and the message as it is now.
    Done {
        /// The chat's revision after the change.
        rev: u64,
        /// The message after the change.
        message: Stored,
    },
    /// The chat has no such message, or it was deleted.
    NotFound,
    /// It is somebody else's.
    Forbidden,
    /// The application's own table of messages refuses the change.
    HistoryRefused,
}

/// A person's own note from the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its number, growing within the tenant.
    pub id: u64,
    /// The application's word for what kind it is.
    pub kind: String,
    /// The words.
    pub text: String,
    /// Where it leads.
    pub url: Option<String>,
    /// The application's own JSON, verbatim.
    pub data: Option<Arc<str>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether the person has seen it.
    pub read: bool,
}

/// A key of an application's back end. The secret itself is not kept: only its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// SHA-256 of the secret, in hex.
    pub hash: String,
    /// The tenant that it acts for; `None` may act for all and make tenants.
    pub tenant: Option<TenantId>,
    /// What people call it.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A refresh token's record; the token itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its `jti`.
    pub jti: String,
    /// The log-in it descends from: reuse of a spent token ends the whole family.
    pub family: String,
    /// Whose it is.
    pub user: UserKey,
    /// After this it may be forgotten.
    pub expires_at: Timestamp,
}

/// What became of a refresh token handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// It was the family's newest: spent now, and the next one recorded.
    Next,
    /// It had been spent before: somebody has a copy. The family is revoked.
    Reused,
    /// Unknown, expired or revoked.
    Refused,
}
