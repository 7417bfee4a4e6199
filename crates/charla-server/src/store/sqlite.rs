//! SQLite.

/// SQLite.
#[derive(Debug)]
pub struct Sqlite;
