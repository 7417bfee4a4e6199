//! A copy of the file while it is used, and the file written anew.
//!
//! A copy is made on one snapshot: the write-ahead log cannot start over meanwhile and grows by what is written.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::file::{self, BUSY_TIMEOUT, DATABASE, Folder};
use super::{care, checkpoint, fault};
use crate::store::StoreError;
use crate::store::backup::Copied;

/// Pages (of 4 KiB) that are copied before progress is told.
const PAGES_A_STEP: i32 = 2_000;
/// After SQLite found the copy locked, which nobody else has.
const AGAIN_AFTER: Duration = Duration::from_millis(50);
/// In a copy's table `kept`: whoever opens it is the first to do so.
const MARK: &str = "INSERT INTO kept (name, value) VALUES ('restored', 'yes') ON CONFLICT (name) DO NOTHING";

/// As [`crate::store::backup::backup`].
pub(in crate::store) fn backup(
    folder: &Path,
    target: &Path,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<Copied, StoreError> {
    if !file::is_there(folder) {
        let what = format!("there is no store in {}", folder.display());
        return Err(StoreError::Unavailable(what));
    }
    let unwritable = |error: io::Error| {
        StoreError::Unavailable(format!("{} cannot be written: {error}", target.display()))
    };
    if target.exists() {
        return Err(unwritable(io::ErrorKind::AlreadyExists.into()));
    }
    let mut part = target.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    // Passwords' hashes and the signing secret are in it.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)
        .map_err(unwritable)?;
    copy(&folder.join(DATABASE), &part, tell).map_err(|error| fault::told(&error))?;
    let (chats, messages) = checked(&part).map_err(|error| fault::told(&error))??;
    let copied = File::open(&part).map_err(unwritable)?;
    copied.sync_all().map_err(unwritable)?;
    let bytes = copied.metadata().map_err(unwritable)?.len();
    fs::rename(&part, target).map_err(unwritable)?;
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = File::open(parent.unwrap_or_else(|| Path::new("."))).map_err(unwritable)?;
    parent.sync_all().map_err(unwritable)?;
    Ok(Copied {
        bytes,
        chats,
        messages,
    })
}

fn copy(from: &Path, to: &Path, tell: &mut dyn FnMut(u64, u64)) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags)?;
    source.busy_timeout(BUSY_TIMEOUT)?;
    // One snapshot for all steps: without it every commit of the server would make the copy begin again.
    let snapshot = source.unchecked_transaction()?;
    snapshot.query_row("SELECT count(*) FROM kept", [], |_| Ok(()))?;
    let mut copy = Connection::open(to)?;
    {
        let backup = Backup::new(&source, &mut copy)?;
        loop {
            let step = backup.step(PAGES_A_STEP)?;
            let count = |pages: i32| u64::try_from(pages).unwrap_or_default();
            tell(
                count(backup.progress().remaining),
                count(backup.progress().pagecount),
            );
            if step == StepResult::Done {
                break;
            }
            if matches!(step, StepResult::Busy | StepResult::Locked) {
                std::thread::sleep(AGAIN_AFTER);
            }
        }
    }
    snapshot.finish()
}

/// Whether the copy is whole; its chats and messages. It is one file afterwards, without a log beside it.
fn checked(copy: &Path) -> rusqlite::Result<Result<(u64, u64), StoreError>> {
    let conn = Connection::open(copy)?;
    let found: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Ok(Err(StoreError::Internal(format!("the copy is damaged: {found}"))));
    }
    let ahead: Option<String> = conn
        .query_row(
            "SELECT c.chat FROM chats c WHERE c.last_seq < (SELECT max(seq) FROM messages WHERE chat = c.id)",
            [],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(chat) = ahead {
        let what = format!("the copy is not of one moment: chat {chat} has messages beyond its last number");
        return Ok(Err(StoreError::Internal(what)));
    }
    conn.execute(MARK, [])?;
    let count = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
    let chats = count("SELECT count(*) FROM chats")?;
    let messages = count("SELECT count(*) FROM messages")?;
    conn.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get::<_, String>(0))?;
    conn.close().map_err(|(_, error)| error)?;
    let unsigned = |count: i64| u64::try_from(count).unwrap_or_default();
    Ok(Ok((unsigned(chats), unsigned(messages))))
}

/// Begins another epoch if this file is a copy that is opened for the first time.
pub(super) fn begin_anew(conn: &Connection) -> rusqlite::Result<()> {
    let taken = conn.unchecked_transaction()?;
    let restored = taken.execute("DELETE FROM kept WHERE name = 'restored'", [])?;
    if restored == 1 {
        let now = taken.query_row("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)", [], |row| {
            super::rows::time(row, 0)
        })?;
        care::begin_epoch(&taken, now)?;
        tracing::warn!(
            "the store was put back from a backup: clients that know more than it does begin anew"
        );
    }
    taken.commit()
}

/// As [`crate::store::backup::compact`].
pub(in crate::store) fn compact(folder: &Path) -> Result<(u64, u64), StoreError> {
    if !file::is_there(folder) {
        let what = format!("there is no store in {}", folder.display());
        return Err(StoreError::Unavailable(what));
    }
    let size = || fs::metadata(folder.join(DATABASE)).map_or(0, |found| found.len());
    let before = size();
    let conn = Folder::take(folder)?;
    let conn = conn.writer()?;
    // Words that were taken out stand in the search's own pages until these are merged.
    conn.execute_batch("INSERT INTO search_words (search_words) VALUES ('optimize'); VACUUM")
        .map_err(|error| fault::told(&error))?;
    checkpoint::start_over(&conn).map_err(|error| fault::told(&error))?;
    Ok((before, size()))
}
