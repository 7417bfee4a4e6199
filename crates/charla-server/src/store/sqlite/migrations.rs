//! The schema's way from an empty file to today: numbered files, each applied in a transaction of its own.
//!
//! `PRAGMA user_version` holds the number of the last one applied.

use rusqlite::{Connection, TransactionBehavior};

use super::fault;
use crate::store::{Schema, StoreError};

/// All migrations in order; the first one leads to schema 1.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/sqlite/0001_start.sql"),
    include_str!("../../../migrations/sqlite/0002_search.sql"),
    include_str!("../../../migrations/sqlite/0003_webhooks.sql"),
    include_str!("../../../migrations/sqlite/0004_traces.sql"),
    include_str!("../../../migrations/sqlite/0005_attachments.sql"),
];

/// Where a file stands that is not there yet.
pub(super) const fn nothing() -> Schema {
    Schema {
        found: 0,
        newest: MIGRATIONS.len(),
    }
}

/// Where the file stands.
///
/// # Errors
/// When it was written by a newer program.
pub(super) fn look(conn: &Connection) -> Result<Schema, StoreError> {
    let found = version(conn).map_err(|error| fault::told(&error))?;
    if found > MIGRATIONS.len() {
        return Err(StoreError::Internal(format!(
            "the database was written by a newer charla (schema {found}, this one knows up to {}); start that one, or restore a backup",
            MIGRATIONS.len()
        )));
    }
    Ok(Schema { found, ..nothing() })
}

/// Brings the file up to date.
///
/// # Errors
/// When the file was written by a newer program, or a migration fails; then the file is as it was.
pub(super) fn apply(conn: &mut Connection) -> Result<(), StoreError> {
    let found = look(conn)?.found;
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(found) {
        apply_one(conn, step + 1, sql)
            .map_err(|error| StoreError::Internal(format!("migration {} failed: {error}", step + 1)))?;
    }
    Ok(())
}

fn version(conn: &Connection) -> rusqlite::Result<usize> {
    let found: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(found).unwrap_or(usize::MAX))
}

fn apply_one(conn: &mut Connection, number: usize, sql: &str) -> rusqlite::Result<()> {
    let change = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    change.execute_batch(sql)?;
    change.pragma_update(None, "user_version", i64::try_from(number).unwrap_or(i64::MAX))?;
    change.commit()
}
