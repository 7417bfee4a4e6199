//! The database's folder: who may open it, and connections that keep the promises.
//!
//! A writing connection has WAL and `synchronous=FULL`, set and read back: a build or file system on which
//! they do not hold is refused, because an acknowledgement would mean nothing there.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{backup, checkpoint, fault, migrations};
use crate::store::StoreError;

/// The database itself; `-wal` and `-shm` stand beside it.
pub(super) const DATABASE: &str = "charla.db";
/// Held by whoever has the folder open.
const LOCK: &str = "charla.lock";
/// Somebody's backup may hold the file for a moment.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Page cache of the writing connection in KiB: the hot pages of some thousand chats.
const WRITER_CACHE_KIB: i64 = 16 * 1024;
/// Page cache of each reading connection in KiB.
const READER_CACHE_KIB: i64 = 4 * 1024;
/// What a burst of writes may leave of the write-ahead log's file after it was carried over.
const WAL_KEPT_BYTES: i64 = 64 * 1024 * 1024;
/// More statements than the store has, so that each is prepared once.
const STATEMENTS: usize = 128;
/// SQLite's number for `synchronous=FULL`.
const FULL: i64 = 2;

/// Whether a folder has a database in it.
pub(super) fn is_there(path: &Path) -> bool {
    path.join(DATABASE).exists()
}

/// The folder, ours as long as this lives.
#[derive(Debug)]
pub(super) struct Folder {
    database: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes the folder, making it if need be (for this user only).
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let failed = |what: &str, error: std::io::Error| {
            StoreError::Unavailable(format!("{what} {}: {error}", path.display()))
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| failed("cannot make the folder", error))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join(LOCK))
            .map_err(|error| failed("cannot open the lock file in", error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                database: path.join(DATABASE),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Unavailable(format!(
                "another charla has the store in {} open",
                path.display()
            ))),
            Err(TryLockError::Error(error)) => Err(failed("cannot lock", error)),
        }
    }

    /// The one connection that writes, its schema up to date.
    pub(super) fn writer(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = self.open(flags, WRITER_CACHE_KIB)?;
        durable(&conn).map_err(|error| fault::told(&error))??;
        checkpoint::start_over(&conn).map_err(|error| fault::told(&error))?;
        migrations::apply(&mut conn)?;
        backup::begin_anew(&conn).map_err(|error| fault::told(&error))?;
        Ok(conn)
    }

    /// A connection for [`super::checkpoint`]: as durable as the one that writes, which must have been opened before.
    pub(super) fn checkpointer(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = self.open(flags, READER_CACHE_KIB)?;
        durable(&conn).map_err(|error| fault::told(&error))??;
        Ok(conn)
    }

    /// A connection that only reads. The writer must have been opened before.
    pub(super) fn reader(&self) -> Result<Connection, StoreError> {
        self.open(
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            READER_CACHE_KIB,
        )
    }

    fn open(&self, flags: OpenFlags, cache_kib: i64) -> Result<Connection, StoreError> {
        let opened = || {
            let conn = Connection::open_with_flags(&self.database, flags)?;
            conn.busy_timeout(BUSY_TIMEOUT)?;
            conn.set_prepared_statement_cache_capacity(STATEMENTS);
            conn.pragma_update(None, "cache_size", -cache_kib)?;
            conn.pragma_update(None, "mmap_size", 0)?;
            conn.pragma_update(None, "foreign_keys", true)?;
            // Plans do not look at bound values: with partial indexes around, a cached statement would
            // otherwise be planned anew whenever a value is bound.
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
            Ok(conn)
        };
        opened().map_err(|error: rusqlite::Error| {
            StoreError::Unavailable(format!("cannot open {}: {error}", self.database.display()))
        })
    }
}

/// Sets what durability stands on, and reads it back.
fn durable(conn: &Connection) -> rusqlite::Result<Result<(), StoreError>> {
    let journal: String = conn.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    conn.pragma_update(None, "synchronous", FULL)?;
    let synchronous: i64 = conn.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    // macOS flushes the drive's own cache only when asked so; elsewhere these do nothing.
    conn.pragma_update(None, "fullfsync", true)?;
    conn.pragma_update(None, "checkpoint_fullfsync", true)?;
    // Checkpoints are made by hand.
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    conn.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)?;
    if journal.eq_ignore_ascii_case("wal") && synchronous == FULL {
        return Ok(Ok(()));
    }
    Ok(Err(StoreError::Internal(format!(
        "durable commits are not to be had here: journal_mode is {journal}, synchronous is {synchronous}"
    ))))
}
