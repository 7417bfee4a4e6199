//! The schema's way from an empty database to today: numbered files, under a lock that one node holds at a time.
//!
//! The table `charla_schema` has a row for each one applied. They are applied in one transaction, so that two nodes
//! that start at once find either nothing done or everything.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::address;
use super::fault::Fault;
use super::pool::Pool;
use super::session::Session;
use crate::settings::{StoreSettings, StoreUrl};
use crate::store::{Schema, StoreError};

/// All migrations in order; the first one leads to schema 1.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/postgres/0001_start.sql"),
    include_str!("../../../migrations/postgres/0002_search.sql"),
    include_str!("../../../migrations/postgres/0003_webhooks.sql"),
    include_str!("../../../migrations/postgres/0004_traces.sql"),
    include_str!("../../../migrations/postgres/0005_attachments.sql"),
];

/// What all of them may take, the wait for another node's included.
const WITHIN: Duration = Duration::from_secs(600);

/// "charla" as the lock's name in the database; the second half says what for. Held by the connection and not by the
/// transaction, which must begin after the lock was had to see what another node did meanwhile.
const LOCK: &str = "SET lock_timeout = 0; SET statement_timeout = 0; SELECT pg_advisory_lock(1667785068, 1)";

/// Where the schema of the database stands.
///
/// # Errors
/// When it cannot be reached, or was written by a newer program.
pub(in crate::store) async fn schema(url: &StoreUrl, settings: &StoreSettings) -> Result<Schema, StoreError> {
    let pool = Pool::new(address::way(url, settings)?, 1);
    let mut session = pool.connect().await?;
    look(&mut session).await.map_err(Fault::told)
}

/// Brings the schema up to date; where it stood before.
///
/// # Errors
/// When the database cannot be reached, was written by a newer program, or a migration fails.
pub(in crate::store) async fn migrate(
    url: &StoreUrl,
    settings: &StoreSettings,
) -> Result<Schema, StoreError> {
    let pool = Pool::new(address::way(url, settings)?, 1);
    apply(pool.connect().await?).await.map_err(Fault::told)
}

async fn look(session: &mut Session) -> Result<Schema, Fault> {
    let table = session
        .one("SELECT to_regclass('charla_schema') IS NOT NULL", &[])
        .await?;
    let found: i64 = if table.try_get(0)? {
        let row = session
            .one("SELECT coalesce(max(version), 0)::bigint FROM charla_schema", &[])
            .await?;
        row.try_get(0)?
    } else {
        0
    };
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if found > MIGRATIONS.len() {
        return Err(Fault::Refused(StoreError::Internal(format!(
            "the database was written by a newer charla (schema {found}, this one knows up to {}); start that one, or restore a backup",
            MIGRATIONS.len()
        ))));
    }
    Ok(Schema {
        found,
        newest: MIGRATIONS.len(),
    })
}

/// Brings the database up to date; where it stood before. The connection is of no other use afterwards: closing it
/// gives the lock back.
///
/// # Errors
/// When it was written by a newer program, or a migration fails; then it is as it was.
pub(super) async fn apply(mut session: Session) -> Result<Schema, Fault> {
    let before = look(&mut session).await?;
    if before.found == before.newest {
        return Ok(before);
    }
    session.batch(LOCK, WITHIN).await?;
    session.begin().await?;
    let applied = apply_locked(&mut session).await.map_err(explained)?;
    session.batch("COMMIT", WITHIN).await?;
    Ok(applied)
}

async fn apply_locked(session: &mut Session) -> Result<Schema, Fault> {
    // Another node may have done it while this one waited.
    let before = look(session).await?;
    if before.found == 0 {
        session
            .batch(
                "CREATE TABLE IF NOT EXISTS charla_schema (version INTEGER PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())",
                WITHIN,
            )
            .await?;
    }
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(before.found) {
        session.batch(sql, WITHIN).await?;
        let version = i32::try_from(step + 1).unwrap_or(i32::MAX);
        session
            .execute("INSERT INTO charla_schema (version) VALUES ($1)", &[&version])
            .await?;
    }
    Ok(before)
}

/// Says what to do about the one thing that commonly goes wrong: since version 15, not everybody makes tables.
fn explained(fault: Fault) -> Fault {
    let Fault::Postgres(error) = &fault else {
        return fault;
    };
    if error.code() != Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        return fault;
    }
    Fault::Refused(StoreError::Unavailable(format!(
        "{}; make the database its own (`ALTER DATABASE ... OWNER TO ...`) or GRANT CREATE ON SCHEMA public",
        super::fault::words(error)
    )))
}
