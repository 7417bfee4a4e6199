//! SQLite files, opened for reading and never made.
//!
//! A file in write-ahead mode that nobody has open is read as it lies (`immutable`): opening it otherwise would put a `-shm`
//! file beside it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, InterruptHandle, OpenFlags};

use super::layout::{Layout, Table};
use super::lookup::{self, NotTaken, Reads, Taken};
use super::{Failed, Sought};
use crate::evidence::{DatabaseFault, DatabaseSeen};

/// What must be written otherwise in the path of SQLite's `file:` addresses (<https://sqlite.org/uri.html>).
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_');
/// How long a lock of the application's own is waited for.
const LOCKED_FOR: Duration = Duration::from_millis(300);

pub(super) async fn look(
    path: PathBuf,
    sought: Sought,
    mut seen: DatabaseSeen,
) -> Result<DatabaseSeen, Failed> {
    let fell = |error: tokio::task::JoinError| (DatabaseFault::Other, error.to_string());
    let opening = tokio::task::spawn_blocking(move || open(&path));
    let mut db = opening.await.map_err(fell)??;
    let _stop = StopOnDrop(db.connection.get_interrupt_handle());
    let runtime = tokio::runtime::Handle::current();
    let looking = tokio::task::spawn_blocking(move || {
        runtime.block_on(lookup::fill(&mut db, &sought, &mut seen))?;
        Ok(seen)
    });
    looking.await.map_err(fell)?
}

/// Ends what runs in the file when nobody waits for it any more.
struct StopOnDrop(InterruptHandle);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.interrupt();
    }
}

struct Sqlite {
    connection: Connection,
}

fn open(path: &Path) -> Result<Sqlite, Failed> {
    let io = |error: std::io::Error| {
        let is = |kind| error.kind() == kind;
        let fault = if is(std::io::ErrorKind::NotFound) {
            DatabaseFault::NoFile
        } else if is(std::io::ErrorKind::PermissionDenied) {
            DatabaseFault::Forbidden
        } else {
            DatabaseFault::Other
        };
        (fault, error.to_string())
    };
    let mut head = [0_u8; 20];
    let about = fs::metadata(path).map_err(io)?;
    if !about.is_file() {
        return Err((DatabaseFault::Other, "not a file".into()));
    }
    let read = fs::File::open(path)
        .and_then(|mut file| file.read(&mut head))
        .map_err(io)?;
    // Byte 19 is 2 in write-ahead mode (<https://sqlite.org/fileformat.html>, 1.3.3).
    let ahead = read == head.len() && head.get(19) == Some(&2);
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let shared = beside("-shm").exists();
    if ahead && !shared && fs::metadata(beside("-wal")).is_ok_and(|wal| wal.len() > 0) {
        return Err((
            DatabaseFault::Other,
            "its last changes lie in a -wal file that nobody has open; reading them would write beside it"
                .into(),
        ));
    }
    let mode = if ahead && !shared {
        "immutable=1"
    } else {
        "mode=ro"
    };
    let absolute = std::path::absolute(path).map_err(io)?;
    let address = format!(
        "file:{}?{mode}",
        utf8_percent_encode(&absolute.to_string_lossy(), IN_PATH)
    );
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(address, flags).map_err(|error| failed(&error))?;
    connection
        .busy_timeout(LOCKED_FOR)
        .map_err(|error| failed(&error))?;
    Ok(Sqlite { connection })
}

impl Sqlite {
    fn rows(&self, sql: &str, values: &[&str], most: usize) -> rusqlite::Result<Vec<Vec<Option<String>>>> {
        let mut statement = self.connection.prepare(&sql.replace('$', "?"))?;
        let width = statement.column_count();
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let texts = (0..width).map(|at| Ok(text(row.get_ref(at)?)));
            found.push(texts.collect::<rusqlite::Result<Vec<_>>>()?);
            if found.len() == most {
                break;
            }
        }
        Ok(found)
    }
}

fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null | ValueRef::Blob(_) => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}

impl Reads for Sqlite {
    async fn layout(&mut self) -> Result<Layout, Failed> {
        const COLUMNS: &str = "SELECT m.name, c.name, c.type, c.pk FROM sqlite_master m, pragma_table_info(m.name) c \
            WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid";
        const REFERENCES: &str = "SELECT m.name, f.\"from\", f.\"table\" FROM sqlite_master m, pragma_foreign_key_list(m.name) f \
            WHERE m.type = 'table' GROUP BY m.name, f.id HAVING count(*) = 1";
        let mut layout = Layout::default();
        let mut keys: Vec<(String, String)> = Vec::new();
        let columns = self.rows(COLUMNS, &[], 20_000).map_err(|error| failed(&error))?;
        for row in columns {
            let Ok([Some(name), Some(column), kind, key]) = <[_; 4]>::try_from(row) else {
                continue;
            };
            if key.is_some_and(|key| key != "0") {
                keys.push((name.clone(), column.clone()));
            }
            let table: &mut Table = layout.tables.entry(name).or_default();
            table.columns.push((column, kind.unwrap_or_default()));
        }
        for (name, column) in &keys {
            let single = keys.iter().filter(|(other, _)| other == name).count() == 1;
            if let (true, Some(table)) = (single, layout.tables.get_mut(name)) {
                table.key = Some(column.clone());
            }
        }
        let references = self
            .rows(REFERENCES, &[], 20_000)
            .map_err(|error| failed(&error))?;
        for row in references {
            if let Ok([Some(name), Some(column), Some(to)]) = <[_; 3]>::try_from(row)
                && let Some(table) = layout.tables.get_mut(&name)
            {
                table.references.push((column, to));
            }
        }
        Ok(layout)
    }

    async fn first(&mut self, sql: &str, values: &[&str]) -> Result<Taken, Failed> {
        match self.rows(sql, values, 1) {
            Ok(rows) => Ok(Ok(rows.into_iter().next())),
            Err(error) if is_about_the_query(&error) => Ok(Err(NotTaken {
                words: error.to_string(),
                value: false,
            })),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// As against the file.
fn is_about_the_query(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::SqlInputError { .. } | rusqlite::Error::InvalidParameterCount(..)
    ) || error.sqlite_error_code() == Some(ErrorCode::Unknown)
}

fn failed(error: &rusqlite::Error) -> Failed {
    let fault = match error.sqlite_error_code() {
        Some(ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            DatabaseFault::Forbidden
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted) => {
            DatabaseFault::Silent
        }
        Some(_) | None => DatabaseFault::Other,
    };
    (fault, error.to_string())
}
