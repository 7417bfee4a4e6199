//! What both databases write alike: lists of columns, words of closed lists, numbers.

use charla_core::Role;
use charla_wire::Attachment;

use super::UserState;

/// Columns of a tenant `t`.
macro_rules! tenant_columns {
    () => {
        "t.id, t.name, t.created_at"
    };
}
/// Columns of a user `u`.
macro_rules! user_columns {
    () => {
        "u.tenant, u.id, u.name, u.role, u.state, u.password, u.tokens_valid_from, u.created_at"
    };
}
/// Columns of a chat `c`.
macro_rules! chat_columns {
    () => {
        "c.tenant, c.chat, c.title, c.customer, c.last_seq, c.rev, \
         c.closed_by, c.closed_by_name, c.closed_at, c.closed_reason, c.created_at"
    };
}
/// Columns of a message `m`.
macro_rules! message_columns {
    () => {
        "m.seq, m.id, m.author, m.author_name, m.text, m.data, m.sent_at, m.edited_at, m.deleted, m.attachments"
    };
}
pub(super) use {chat_columns, message_columns, tenant_columns, user_columns};

/// How many columns `tenant_columns` has.
pub(super) const TENANT_WIDTH: usize = 3;
/// How many columns `user_columns` has.
pub(super) const USER_WIDTH: usize = 8;
/// How many columns `message_columns` has.
pub(super) const MESSAGE_WIDTH: usize = 10;
/// How many columns `chat_columns` has.
pub(super) const CHAT_WIDTH: usize = 11;

/// A message's attachments as a database keeps them: JSON, or nothing where there are none.
pub(super) fn attachments_text(attachments: &[Attachment]) -> Option<String> {
    // Writing names and numbers to memory does not fail.
    (!attachments.is_empty()).then(|| serde_json::to_string(attachments).unwrap_or_default())
}

/// What [`attachments_text`] wrote.
pub(super) fn attachments_of(text: Option<&str>) -> Result<Vec<Attachment>, serde_json::Error> {
    text.map_or_else(|| Ok(Vec::new()), serde_json::from_str)
}

/// A number as a database keeps it. What is larger than any number ever given means "beyond all".
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A limit as a database keeps it.
pub(super) fn limit(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The role behind [`Role::as_str`].
pub(super) fn role_of(word: &str) -> Option<Role> {
    [Role::Member, Role::Agent]
        .into_iter()
        .find(|role| role.as_str() == word)
}

/// The state behind [`UserState::as_str`].
pub(super) fn state_of(word: &str) -> Option<UserState> {
    [UserState::Active, UserState::Blocked, UserState::Deleted]
        .into_iter()
        .find(|state| state.as_str() == word)
}
