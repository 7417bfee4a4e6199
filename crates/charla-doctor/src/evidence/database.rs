//! Chat, user and membership, looked up where the application keeps them.

use serde::{Deserialize, Serialize};

/// What the database says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSeen {
    /// Where, without password.
    pub url: String,
    /// How that became known.
    pub from: String,
    /// Why it could not be opened: the driver's words.
    pub error: Option<String>,
    /// Whether that is about reaching it (as against a password, or a missing database).
    pub unreachable: bool,
    /// Tables in the schema that was looked at; none when they could not be listed.
    pub tables: Option<u64>,
    /// The schema (tenant) that was looked at.
    pub schema: Option<String>,
    /// Whether that schema is there.
    pub schema_exists: Option<bool>,
    /// The application's tables that are missing: `auth_user`.
    pub missing_tables: Vec<String>,
    /// The chat.
    pub chat: Lookup,
    /// The query or table that answered.
    pub chat_by: String,
    /// The user.
    pub user: Lookup,
    /// `is_active`, and its like.
    pub user_active: Option<bool>,
    /// The query or table that answered.
    pub user_by: String,
    /// May this user enter this chat?
    pub membership: Membership,
    /// The query, table or column that answered.
    pub membership_by: String,
    /// Connections open and allowed (PostgreSQL).
    pub connections: Option<(u64, u64)>,
}

/// A row that is there, or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lookup {
    /// Could not be told.
    #[default]
    Unknown,
    /// There.
    There,
    /// Not there.
    Missing,
}

/// Whether somebody may enter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Membership {
    /// Could not be told.
    #[default]
    Unknown,
    /// A member, by a row or a column.
    Member,
    /// Not a member, but staff: a support employee may enter every chat.
    Staff,
    /// Neither.
    Neither,
}
