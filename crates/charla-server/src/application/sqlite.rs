//! The application's database in a file of SQLite, opened to read only.
//!
//! Questions run on threads that may block. One that takes too long is interrupted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{ApplicationError, Ask, Fault, POURED, Row, Value, pool};
use crate::application::Query;

/// The file, and how long to wait while somebody else holds it.
pub(super) struct Config {
    path: PathBuf,
    within: Duration,
}

pub(super) fn config(path: &Path, within: Duration) -> Config {
    Config {
        path: path.to_owned(),
        within,
    }
}

/// An open file.
pub(super) struct Session {
    /// `None` while a question is under way.
    conn: Option<Connection>,
}

impl pool::Session for Session {
    type Config = Config;

    async fn open(config: &Config) -> Result<Self, ApplicationError> {
        let (path, within) = (config.path.clone(), config.within);
        let opened = tokio::task::spawn_blocking(move || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let conn = Connection::open_with_flags(&path, flags)
                .map_err(|error| format!("cannot open {}: {error}", path.display()))?;
            conn.busy_timeout(within).map_err(|error| error.to_string())?;
            Ok(conn)
        });
        match opened.await {
            Ok(Ok(conn)) => Ok(Self { conn: Some(conn) }),
            Ok(Err(what)) => Err(ApplicationError::Unavailable(what)),
            Err(error) => Err(ApplicationError::Unavailable(error.to_string())),
        }
    }

    fn is_usable(&self) -> bool {
        self.conn.is_some()
    }

    async fn pour(&mut self, ask: &Ask<'_>, sink: &mpsc::Sender<Vec<Row>>) -> Result<(), Fault> {
        let Some(conn) = self.conn.take() else {
            return Err(Fault::Lost("the connection is in use".into()));
        };
        let values: Vec<Value> = ask.bound()?.into_iter().cloned().collect();
        let (query, sink) = (ask.query.clone(), sink.clone());
        let poured = tokio::task::spawn_blocking(move || {
            let mut batch = Vec::with_capacity(POURED);
            each_row(&conn, &query, &values, |row| {
                batch.push(row);
                batch.len() < POURED || sink.blocking_send(std::mem::take(&mut batch)).is_ok()
            })?;
            if !batch.is_empty() {
                // Whoever is gone wants no more.
                let _ = sink.blocking_send(batch);
            }
            Ok(())
        });
        match poured.await {
            Ok(outcome) => outcome.map_err(|error| told(&error)),
            Err(_) => Err(Fault::Lost("the thread that read it is gone".into())),
        }
    }

    async fn ask(&mut self, ask: &Ask<'_>) -> Result<Vec<Row>, Fault> {
        let Some(conn) = self.conn.take() else {
            return Err(Fault::Lost("the connection is in use".into()));
        };
        let values: Vec<Value> = ask.bound()?.into_iter().cloned().collect();
        let query = ask.query.clone();
        let interrupt = conn.get_interrupt_handle();
        let mut asking = tokio::task::spawn_blocking(move || {
            let answer = rows(&conn, &query, &values);
            (conn, answer)
        });
        let Ok(answered) = timeout(ask.within, &mut asking).await else {
            interrupt.interrupt();
            let within = ask.within.as_millis();
            let what = format!("SQLite did not answer within {within} ms");
            return Err(Fault::Told(ApplicationError::Unavailable(what)));
        };
        let Ok((conn, answer)) = answered else {
            return Err(Fault::Lost("the thread that read it is gone".into()));
        };
        let answer = answer.map_err(|error| told(&error));
        if !matches!(answer, Err(Fault::Lost(_))) {
            self.conn = Some(conn);
        }
        answer
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Boolean(truth) => ValueRef::Integer((*truth).into()),
            Self::Null => ValueRef::Null,
        }))
    }
}

fn rows(conn: &Connection, query: &Query, values: &[Value]) -> rusqlite::Result<Vec<Row>> {
    let mut rows = Vec::new();
    each_row(conn, query, values, |row| {
        rows.push(row);
        true
    })?;
    Ok(rows)
}

/// Hands each row to `take`, until it wants no more.
fn each_row(
    conn: &Connection,
    query: &Query,
    values: &[Value],
    mut take: impl FnMut(Row) -> bool,
) -> rusqlite::Result<()> {
    let mut statement = conn.prepare_cached(query.sql())?;
    let columns: Arc<[String]> = statement.column_names().map(str::to_owned).collect();
    let mut found = statement.query(rusqlite::params_from_iter(values))?;
    while let Some(row) = found.next()? {
        let value = |at: usize| {
            Ok(match row.get_ref(at)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => Value::Integer(number),
                ValueRef::Real(number) => Value::Text(number.to_string()),
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Value::Text(
                    std::str::from_utf8(bytes)
                        .map_err(|error| {
                            rusqlite::Error::FromSqlConversionFailure(
                                at,
                                rusqlite::types::Type::Blob,
                                error.into(),
                            )
                        })?
                        .to_owned(),
                ),
            })
        };
        let row = Row {
            columns: Arc::clone(&columns),
            values: (0..columns.len()).map(value).collect::<rusqlite::Result<_>>()?,
        };
        if !take(row) {
            break;
        }
    }
    Ok(())
}

/// What an error comes to: a file that was taken away, one that is held, or a query that cannot be.
fn told(error: &rusqlite::Error) -> Fault {
    let text = format!("SQLite says: {error}");
    match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::NotADatabase | ErrorCode::SystemIoFailure) => {
            Fault::Lost(text)
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted) => {
            Fault::Told(ApplicationError::Unavailable(text))
        }
        _ => Fault::Told(ApplicationError::Refused(text)),
    }
}
