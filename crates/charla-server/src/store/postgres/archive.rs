//! The whole database as records, and records into it.
//!
//! Records go in as one JSON text a statement, so that a batch costs two round trips whatever it is made of.

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio_postgres::Row;
use uuid::Uuid;

use super::Postgres;
use super::fault::Fault;
use super::rows::{escaped, words_or_none};
use super::session::Session;
use crate::store::StoreFuture;
use crate::store::archive::{Archive, BATCH, Column, Holds, Loaded, Record, Table};

/// How long a dump waits for one batch: whoever takes it may have been slow.
const BATCH_WITHIN: Duration = Duration::from_secs(600);

impl Archive for Postgres {
    fn dump(&self, sink: mpsc::Sender<Vec<Record>>) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let mut session = self.pool.connect().await?;
            dump(&mut session, &sink).await.map_err(Fault::told)
        })
    }

    fn load(&self, records: Vec<Record>) -> StoreFuture<'_, Loaded> {
        self.change(move |session, _| Box::pin(async move { load(session, &records).await }))
    }
}

/// A table's statements.
struct Statements {
    open: String,
    fetch: String,
    close: String,
    insert: String,
    differs: String,
}

static STATEMENTS: LazyLock<Vec<Statements>> =
    LazyLock::new(|| Table::ALL.into_iter().map(Statements::of).collect());

const fn sql_type(holds: Holds) -> &'static str {
    match holds {
        Holds::Tenant | Holds::Chat | Holds::User | Holds::Text | Holds::Word(_) => "text",
        Holds::Number => "bigint",
        Holds::Flag => "boolean",
        Holds::Uuid => "uuid",
    }
}

fn listed(columns: &[Column], each: impl Fn(usize, &Column) -> String, between: &str) -> String {
    let each: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| each(at, column))
        .collect();
    each.join(between)
}

impl Statements {
    fn of(table: Table) -> Self {
        let (name, columns) = (table.name(), table.columns());
        // In a table of a chat, tenant and chat are those of the chat's own row.
        let of_chat = if table.of_a_chat() { 2 } else { 0 };
        let place = |at: usize, column: &Column| {
            format!(
                "{}.{}",
                if at < of_chat { "c" } else { "t" },
                column.in_postgres()
            )
        };
        let (keys, own) = (
            columns.get(..table.key()).unwrap_or_default(),
            columns.get(of_chat..).unwrap_or_default(),
        );
        let all = listed(columns, place, ", ");
        let order = listed(keys, place, ", ");
        // OFFSET has each chat's rows found by its number, one chat after the other, however many there are.
        let from = if table.of_a_chat() {
            format!("chats c CROSS JOIN LATERAL (SELECT * FROM {name} WHERE chat = c.id OFFSET 0) t")
        } else {
            format!("{name} t")
        };
        let given = format!(
            "json_to_recordset($1::text::json) AS r (place bigint, {})",
            listed(
                columns,
                |_, column| format!("{} {}", column.in_postgres(), sql_type(column.holds)),
                ", "
            )
        );
        let names = listed(own, |_, column| column.in_postgres().to_owned(), ", ");
        let values = listed(own, |_, column| format!("r.{}", column.in_postgres()), ", ");
        let with_chat = "JOIN chats c ON c.tenant = r.tenant AND c.chat = r.chat";
        let insert = match (table.of_a_chat(), table.has_tenant()) {
            (false, _) => format!("INSERT INTO {name} ({names}) SELECT {values} FROM {given}"),
            (true, true) => format!(
                "INSERT INTO {name} (chat, tenant, {names}) SELECT c.id, c.tenant, {values} FROM {given} {with_chat}"
            ),
            (true, false) => {
                format!("INSERT INTO {name} (chat, {names}) SELECT c.id, {values} FROM {given} {with_chat}")
            }
        };
        let same = listed(
            own,
            |at, column| {
                let name = column.in_postgres();
                let how = if at + of_chat < table.key() {
                    "="
                } else {
                    "IS NOT DISTINCT FROM"
                };
                format!("t.{name} {how} r.{name}")
            },
            " AND ",
        );
        let there = if table.of_a_chat() {
            format!(
                "SELECT FROM chats c JOIN {name} t ON t.chat = c.id WHERE c.tenant = r.tenant AND c.chat = r.chat AND {same}"
            )
        } else {
            format!("SELECT FROM {name} t WHERE {same}")
        };
        Self {
            open: format!(
                "DECLARE dump_{name} NO SCROLL CURSOR FOR SELECT {all} FROM {from} ORDER BY {order}"
            ),
            fetch: format!("FETCH {BATCH} FROM dump_{name}"),
            close: format!("CLOSE dump_{name}"),
            insert: format!("{insert} ORDER BY r.place ON CONFLICT DO NOTHING"),
            differs: format!("SELECT min(r.place) FROM {given} WHERE NOT EXISTS ({there})"),
        }
    }

    fn for_table(table: Table) -> &'static Self {
        let place = Table::ALL.iter().position(|other| *other == table);
        #[expect(clippy::indexing_slicing, reason = "one for each of them")]
        &STATEMENTS[place.unwrap_or_default()]
    }
}

/// Hands over everything, batch by batch, from one snapshot.
async fn dump(session: &mut Session, sink: &mpsc::Sender<Vec<Record>>) -> Result<(), Fault> {
    session
        .batch(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
             SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
            super::session::ANSWER_WITHIN,
        )
        .await?;
    'tables: for table in Table::ALL {
        let statements = Statements::for_table(table);
        session.batch(&statements.open, BATCH_WITHIN).await?;
        loop {
            // Not prepared: what a cursor gives is known only while it is open.
            let fetched = tokio::time::timeout(BATCH_WITHIN, session.client().query(&statements.fetch, &[]));
            let rows = fetched.await;
            let rows = session.judged(rows)?;
            if rows.is_empty() {
                break;
            }
            let batch = rows
                .iter()
                .map(|row| record(table, row))
                .collect::<Result<_, _>>()?;
            if sink.send(batch).await.is_err() {
                break 'tables;
            }
        }
        session.batch(&statements.close, BATCH_WITHIN).await?;
    }
    session.roll_back().await;
    Ok(())
}

fn record(table: Table, row: &Row) -> Result<Record, Fault> {
    let value = |(at, column): (usize, &Column)| {
        Ok(match column.holds {
            Holds::Tenant | Holds::Chat | Holds::User | Holds::Text | Holds::Word(_) => {
                json!(words_or_none::<String>(row, at)?)
            }
            Holds::Number => json!(row.try_get::<_, Option<i64>>(at)?),
            Holds::Flag => json!(row.try_get::<_, Option<bool>>(at)?),
            Holds::Uuid => {
                let uuid: Uuid = row.try_get(at)?;
                json!(uuid.hyphenated().to_string())
            }
        })
    };
    let values = table
        .columns()
        .iter()
        .enumerate()
        .map(value)
        .collect::<Result<_, Fault>>()?;
    Ok(Record { table, values })
}

/// Takes records into the open transaction.
async fn load(session: &mut Session, records: &[Record]) -> Result<Loaded, Fault> {
    let (mut new, mut before) = (0, 0);
    for run in records.chunk_by(|one, other| one.table == other.table) {
        let Some(table) = run.first().map(|record| record.table) else {
            continue;
        };
        let statements = Statements::for_table(table);
        let given = as_json(run);
        new += session.execute(&statements.insert, &[&given]).await?;
        let row = session.one(&statements.differs, &[&given]).await?;
        if let Some(place) = row.try_get::<_, Option<i64>>(0)? {
            let place = before + usize::try_from(place).unwrap_or_default();
            return Ok(Loaded::Differs { place });
        }
        if table == Table::Chats {
            // The next step is beyond whatever came from elsewhere.
            let moved = run
                .iter()
                .filter_map(|record| record.values.get(6)?.as_i64())
                .max();
            session
                .rows(
                    "SELECT setval('chats_moved', greatest((SELECT last_value FROM chats_moved), $1))",
                    &[&moved.unwrap_or(1).max(1)],
                )
                .await?;
        }
        before += run.len();
    }
    let new = usize::try_from(new).unwrap_or(usize::MAX);
    Ok(Loaded::All { new })
}

fn as_json(run: &[Record]) -> String {
    let mut text = String::from("[");
    for (place, record) in run.iter().enumerate() {
        let mut row = Map::new();
        row.insert("place".into(), json!(place));
        for (column, value) in record.table.columns().iter().zip(&record.values) {
            let value = match value.as_str() {
                Some(text) => Value::String(escaped(text).into_owned()),
                None => value.clone(),
            };
            row.insert(column.in_postgres().into(), value);
        }
        let between = if place == 0 { "" } else { "," };
        // Nothing can go wrong with a text in memory.
        let _ = write!(text, "{between}{}", Value::Object(row));
    }
    text.push(']');
    text
}
