//! The whole file as records, and records into it.

use std::sync::LazyLock;

use rusqlite::types::{ToSqlOutput, Type, Value as Held, ValueRef};
use rusqlite::{Connection, Error, OptionalExtension as _, Result, Row, ToSql, params_from_iter};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Sqlite;
use super::writer::Writing;
use crate::store::StoreFuture;
use crate::store::archive::{Archive, BATCH, Holds, Loaded, Record, Table};

impl Archive for Sqlite {
    fn dump(&self, sink: mpsc::Sender<Vec<Record>>) -> StoreFuture<'_, ()> {
        self.readers.read(move |conn| dump(conn, &sink))
    }

    fn load(&self, records: Vec<Record>) -> StoreFuture<'_, Loaded> {
        self.write(move |writing| load(writing, &records))
    }
}

/// A table's statements.
struct Statements {
    all: String,
    insert: String,
    one: String,
}

static STATEMENTS: LazyLock<Vec<Statements>> =
    LazyLock::new(|| Table::ALL.into_iter().map(Statements::of).collect());

impl Statements {
    fn of(table: Table) -> Self {
        let (name, columns) = (table.name(), table.columns());
        // In a table of a chat, tenant and chat are those of the chat's own row.
        let of_chat = if table.of_a_chat() { 2 } else { 0 };
        let full: Vec<String> = columns
            .iter()
            .enumerate()
            .map(|(at, column)| format!("{}.{}", if at < of_chat { "c" } else { "t" }, column.name))
            .collect();
        let (listed, from) = (
            full.join(", "),
            if table.of_a_chat() {
                format!("{name} t JOIN chats c ON c.id = t.chat")
            } else {
                format!("{name} t")
            },
        );
        let key: Vec<&String> = full.iter().take(table.key()).collect();
        let order: Vec<&str> = key.iter().map(|name| name.as_str()).collect();
        let matched: Vec<String> = key
            .iter()
            .enumerate()
            .map(|(at, name)| format!("{name} = ?{}", at + 1))
            .collect();
        let names: Vec<&str> = columns.iter().skip(of_chat).map(|column| column.name).collect();
        let marks: Vec<String> = (of_chat + 1..=columns.len()).map(|n| format!("?{n}")).collect();
        let (names, marks) = (names.join(", "), marks.join(", "));
        let insert = match (table.of_a_chat(), table.has_tenant()) {
            (false, _) => {
                format!("INSERT INTO {name} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING")
            }
            (true, true) => format!(
                "INSERT INTO {name} (chat, tenant, {names}) SELECT c.id, c.tenant, {marks} FROM chats c
                 WHERE c.tenant = ?1 AND c.chat = ?2 ON CONFLICT DO NOTHING"
            ),
            (true, false) => format!(
                "INSERT INTO {name} (chat, {names}) SELECT c.id, {marks} FROM chats c
                 WHERE c.tenant = ?1 AND c.chat = ?2 ON CONFLICT DO NOTHING"
            ),
        };
        Self {
            all: format!("SELECT {listed} FROM {from} ORDER BY {}", order.join(", ")),
            insert,
            one: format!("SELECT {listed} FROM {from} WHERE {}", matched.join(" AND ")),
        }
    }

    fn for_table(table: Table) -> &'static Self {
        let place = Table::ALL.iter().position(|other| *other == table);
        #[expect(clippy::indexing_slicing, reason = "one for each of them")]
        &STATEMENTS[place.unwrap_or_default()]
    }
}

/// Hands over everything, batch by batch, from one snapshot.
fn dump(conn: &Connection, sink: &mpsc::Sender<Vec<Record>>) -> Result<()> {
    let snapshot = conn.unchecked_transaction()?;
    for table in Table::ALL {
        let mut statement = snapshot.prepare(&Statements::for_table(table).all)?;
        let mut rows = statement.query([])?;
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(row) = rows.next()? {
            batch.push(row_of(table, row)?);
            if batch.len() == BATCH && sink.blocking_send(std::mem::take(&mut batch)).is_err() {
                return Ok(());
            }
        }
        if !batch.is_empty() && sink.blocking_send(batch).is_err() {
            return Ok(());
        }
    }
    snapshot.finish()
}

fn row_of(table: Table, row: &Row<'_>) -> Result<Record> {
    let columns = table.columns().iter().enumerate();
    let values = columns
        .map(|(at, column)| {
            Ok(match (row.get_ref(at)?, column.holds) {
                (ValueRef::Null, _) => Value::Null,
                (ValueRef::Integer(number), Holds::Flag) => json!(number != 0),
                (ValueRef::Integer(number), _) => json!(number),
                (ValueRef::Text(_), _) => json!(row.get_ref(at)?.as_str()?),
                (ValueRef::Blob(_), Holds::Uuid) => {
                    json!(Uuid::from_bytes(row.get(at)?).hyphenated().to_string())
                }
                (ValueRef::Blob(_) | ValueRef::Real(_), _) => {
                    return Err(Error::InvalidColumnType(at, column.name.into(), Type::Blob));
                }
            })
        })
        .collect::<Result<_>>()?;
    Ok(Record { table, values })
}

/// A value on its way into a column.
struct Given<'v>(&'v Value, Holds);

impl ToSql for Given<'_> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(match (self.0, self.1) {
            (Value::Bool(flag), _) => ToSqlOutput::Owned(Held::Integer(i64::from(*flag))),
            (Value::Number(number), _) => {
                ToSqlOutput::Owned(Held::Integer(number.as_i64().unwrap_or(i64::MAX)))
            }
            (Value::String(text), Holds::Uuid) => match Uuid::parse_str(text) {
                Ok(uuid) => ToSqlOutput::Owned(Held::Blob(uuid.as_bytes().to_vec())),
                Err(error) => return Err(Error::ToSqlConversionFailure(Box::new(error))),
            },
            (Value::String(text), _) => ToSqlOutput::from(text.as_str()),
            (Value::Null | Value::Array(_) | Value::Object(_), _) => ToSqlOutput::Owned(Held::Null),
        })
    }
}

/// Takes records into the group's transaction.
fn load(writing: &mut Writing<'_>, records: &[Record]) -> Result<Loaded> {
    let mut new = 0;
    for (place, record) in records.iter().enumerate() {
        let statements = Statements::for_table(record.table);
        let columns = record.table.columns().iter();
        let given: Vec<Given<'_>> = record
            .values
            .iter()
            .zip(columns)
            .map(|(value, column)| Given(value, column.holds))
            .collect();
        let inserted = writing
            .conn
            .prepare_cached(&statements.insert)?
            .execute(params_from_iter(&given))?;
        if record.table == Table::Chats {
            writing
                .chats
                .moved_to(record.values.get(6).and_then(Value::as_i64).unwrap_or_default());
        }
        new += inserted;
        if inserted == 1 {
            continue;
        }
        let there = writing
            .conn
            .prepare_cached(&statements.one)?
            .query_row(params_from_iter(given.iter().take(record.table.key())), |row| {
                row_of(record.table, row)
            })
            .optional()?;
        if there.as_ref() != Some(record) {
            return Ok(Loaded::Differs { place });
        }
    }
    Ok(Loaded::All { new })
}
