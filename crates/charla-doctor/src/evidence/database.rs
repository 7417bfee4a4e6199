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
    /// Of what kind that is.
    pub fault: Option<DatabaseFault>,
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
    /// Nothing else can be meant: the one table of chats by its key, the store of Charla, or the query that was given.
    pub chat_sure: bool,
    /// The chat is closed, where its row says so.
    pub chat_closed: Option<bool>,
    /// The user.
    pub user: Lookup,
    /// `is_active`, and its like.
    pub user_active: Option<bool>,
    /// The user's state in the store of Charla: `active`, `blocked`, `deleted`.
    pub user_state: Option<String>,
    /// The query or table that answered.
    pub user_by: String,
    /// May this user enter this chat?
    pub membership: Membership,
    /// The query, table or column that answered.
    pub membership_by: String,
    /// That is the application's own rule: the query that was given, or the store of Charla.
    pub membership_sure: bool,
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

/// Why a database could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseFault {
    /// Nobody listens, or no such host or socket.
    Unreachable,
    /// Connected, and no answer within the time.
    Silent,
    /// It starts or stops just now.
    Starting,
    /// Every connection is taken.
    Full,
    /// The password or the user is wrong, or it lets nobody in from here.
    Password,
    /// There is no such database.
    NoDatabase,
    /// There is no such file.
    NoFile,
    /// The file may not be read by whoever runs the doctor.
    Forbidden,
    /// Something else.
    Other,
}
