//! The application's database in MySQL or MariaDB.
//!
//! These compare numbers with text by reading as much of a number as the text begins with: `WHERE id = '5 OR 1=1'` finds
//! row 5, and says so in a warning. A warning that names one of our values makes the answer empty.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::consts::ColumnType;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Opts, OptsBuilder, Params, SslOpts};
use secrecy::ExposeSecret as _;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{ApplicationError, Ask, Fault, POURED, Row, Value, pool};
use crate::settings::{ApplicationSettings, DatabaseTls, MysqlUrl};

/// Statements that a connection keeps prepared.
const PREPARED_MAX: usize = 32;
/// How much longer than the server we wait, so that its own reason comes first.
const GRACE: Duration = Duration::from_millis(250);
/// "Truncated incorrect DOUBLE value" and its like.
const TRUNCATED: u16 = 1292;

/// Where to connect to, and how long a statement may take.
pub(super) struct Config {
    opts: Opts,
    within: Duration,
}

/// The address with its password.
pub(super) fn config(
    url: &MysqlUrl,
    password: Option<String>,
    settings: &ApplicationSettings,
) -> Result<Config, ApplicationError> {
    let opts = Opts::from_url(url.text().expose_secret()).map_err(|_| {
        ApplicationError::Settings("`application.database_url` is no address of MySQL".into())
    })?;
    let socket = opts.socket().is_some();
    let known = password.or_else(|| opts.pass().map(str::to_owned));
    let tls = match settings.tls {
        None => opts.ssl_opts().cloned(),
        Some(DatabaseTls::Off) => None,
        Some(DatabaseTls::Require) => Some(SslOpts::default().with_danger_accept_invalid_certs(true)),
        Some(DatabaseTls::VerifyFull) => {
            let own = settings.ca_file.iter().cloned().map(Into::into).collect();
            Some(SslOpts::default().with_root_certs(own))
        }
    };
    let opts = OptsBuilder::from_opts(opts)
        .ssl_opts(tls)
        .pass(known)
        // Only where the address names one: a server on another port of this machine is another server.
        .prefer_socket(socket)
        .stmt_cache_size(PREPARED_MAX);
    Ok(Config {
        opts: opts.into(),
        within: settings.timeout,
    })
}

/// A connection.
pub(super) struct Session {
    /// `None` while a question is under way.
    conn: Option<Conn>,
}

impl pool::Session for Session {
    type Config = Config;

    async fn open(config: &Config) -> Result<Self, ApplicationError> {
        let opened = async {
            let mut conn = Conn::new(config.opts.clone()).await?;
            let version: Option<String> = conn.query_first("SELECT VERSION()").await?;
            let limit = if version.is_some_and(|version| version.contains("MariaDB")) {
                format!("SET SESSION max_statement_time = {}", config.within.as_secs_f64())
            } else {
                format!("SET SESSION max_execution_time = {}", config.within.as_millis())
            };
            conn.query_drop(limit).await?;
            conn.query_drop("SET SESSION TRANSACTION READ ONLY").await?;
            conn.query_drop("SET SESSION time_zone = '+00:00'").await?;
            Ok(Self { conn: Some(conn) })
        };
        opened
            .await
            .map_err(|error: Error| ApplicationError::Unavailable(error.to_string()))
    }

    fn is_usable(&self) -> bool {
        self.conn.as_ref().is_some_and(|conn| !conn.is_disconnected())
    }

    async fn pour(&mut self, ask: &Ask<'_>, sink: &mpsc::Sender<Vec<Row>>) -> Result<(), Fault> {
        let Some(mut conn) = self.conn.take() else {
            return Err(Fault::Lost("the connection is in use".into()));
        };
        // MariaDB's and MySQL's own; each does not know the other's.
        let unlimited = [
            "SET SESSION max_statement_time = 0",
            "SET SESSION max_execution_time = 0",
        ];
        for unlimited in unlimited {
            let _ = conn.query_drop(unlimited).await;
        }
        if !values_fit(&mut conn, ask).await? {
            return Ok(());
        }
        let params = params(&ask.bound()?);
        let mut found = conn
            .exec_iter(ask.query.sql(), params)
            .await
            .map_err(|error| told(&error))?;
        let columns: Arc<[String]> = found
            .columns_ref()
            .iter()
            .map(|column| column.name_str().into_owned())
            .collect();
        let mut batch = Vec::with_capacity(POURED);
        while let Some(row) = found.next().await.map_err(|error| told(&error))? {
            batch.push(read(row, &columns)?);
            if batch.len() == POURED && sink.send(std::mem::take(&mut batch)).await.is_err() {
                return Ok(());
            }
        }
        if !batch.is_empty() {
            // Whoever is gone wants no more.
            let _ = sink.send(batch).await;
        }
        Ok(())
    }

    async fn ask(&mut self, ask: &Ask<'_>) -> Result<Vec<Row>, Fault> {
        let Some(mut conn) = self.conn.take() else {
            return Err(Fault::Lost("the connection is in use".into()));
        };
        let Ok(answer) = timeout(ask.within + GRACE, asked(&mut conn, ask)).await else {
            let within = ask.within.as_millis();
            let what = format!("MySQL did not answer within {within} ms");
            return Err(Fault::Told(ApplicationError::Unavailable(what)));
        };
        if !matches!(answer, Err(Fault::Lost(_))) {
            self.conn = Some(conn);
        }
        answer
    }
}

async fn asked(conn: &mut Conn, ask: &Ask<'_>) -> Result<Vec<Row>, Fault> {
    let values = ask.bound()?;
    let rows: Vec<mysql_async::Row> = conn
        .exec(ask.query.sql(), params(&values))
        .await
        .map_err(|error| told(&error))?;
    if is_cut(conn, &values).await? {
        return Ok(Vec::new());
    }
    let Some(first) = rows.first() else {
        return Ok(Vec::new());
    };
    let columns: Arc<[String]> = first
        .columns_ref()
        .iter()
        .map(|column| column.name_str().into_owned())
        .collect();
    rows.into_iter().map(|row| read(row, &columns)).collect()
}

/// Whether the columns hold our values: looks through all rows first, as warnings come only behind them.
async fn values_fit(conn: &mut Conn, ask: &Ask<'_>) -> Result<bool, Fault> {
    let values = ask.bound()?;
    if values.is_empty() {
        return Ok(true);
    }
    let counting = format!("SELECT COUNT(*) FROM ({}) AS past", ask.query.sql());
    conn.exec_drop(counting, params(&values))
        .await
        .map_err(|error| told(&error))?;
    Ok(!is_cut(conn, &values).await?)
}

fn params(values: &[&Value]) -> Params {
    let params = values.iter().map(|value| match value {
        Value::Text(text) => mysql_async::Value::from(text.as_str()),
        Value::Integer(number) => mysql_async::Value::from(*number),
        Value::Boolean(truth) => mysql_async::Value::from(*truth),
        Value::Null => mysql_async::Value::NULL,
    });
    let params: Vec<_> = params.collect();
    if params.is_empty() {
        Params::Empty
    } else {
        Params::Positional(params)
    }
}

/// Whether the server read a number out of the beginning of one of our values.
async fn is_cut(conn: &mut Conn, values: &[&Value]) -> Result<bool, Fault> {
    if conn.get_warnings() == 0 {
        return Ok(false);
    }
    let warnings: Vec<(String, u16, String)> =
        conn.query("SHOW WARNINGS").await.map_err(|error| told(&error))?;
    Ok(warnings.iter().any(|(_, code, words)| {
        *code == TRUNCATED
            && values.iter().any(|value| match value {
                Value::Text(text) => words.contains(&format!("'{text}'")),
                Value::Integer(_) | Value::Boolean(_) | Value::Null => false,
            })
    }))
}

fn read(row: mysql_async::Row, columns: &Arc<[String]>) -> Result<Row, Fault> {
    let types = row.columns();
    let cells = row.unwrap().into_iter().zip(types.iter());
    let values = cells.zip(columns.iter()).map(|((cell, column), name)| {
        value(cell, column.column_type()).ok_or_else(|| {
            let what =
                format!("the column `{name}` is neither text nor a number; write CAST({name} AS CHAR)");
            Fault::Told(ApplicationError::Refused(what))
        })
    });
    Ok(Row {
        columns: Arc::clone(columns),
        values: values.collect::<Result<_, _>>()?,
    })
}

/// `None` for bytes that are no text.
fn value(cell: mysql_async::Value, column: ColumnType) -> Option<Value> {
    Some(match cell {
        mysql_async::Value::NULL => Value::Null,
        mysql_async::Value::Bytes(bytes) if column == ColumnType::MYSQL_TYPE_BIT => {
            Value::Boolean(bytes.iter().any(|byte| *byte != 0))
        }
        mysql_async::Value::Bytes(bytes) => Value::Text(String::from_utf8(bytes).ok()?),
        mysql_async::Value::Int(number) => Value::Integer(number),
        mysql_async::Value::UInt(number) => {
            i64::try_from(number).map_or_else(|_| Value::Text(number.to_string()), Value::Integer)
        }
        mysql_async::Value::Float(number) => Value::Text(number.to_string()),
        mysql_async::Value::Double(number) => Value::Text(number.to_string()),
        mysql_async::Value::Date(year, month, day, hour, minute, second, micros) => Value::Text(format!(
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}"
        )),
        mysql_async::Value::Time(negative, days, hours, minutes, seconds, micros) => Value::Text(format!(
            "{}{days} {hours:02}:{minutes:02}:{seconds:02}.{micros:06}",
            if negative { "-" } else { "" }
        )),
    })
}

/// What an error comes to: broken, away, or a query that cannot be.
fn told(error: &Error) -> Fault {
    match error {
        Error::Server(server) => {
            let text = format!("MySQL says: {} ({})", server.message, server.code);
            Fault::Told(match server.code {
                // Too many connections, out of memory or disk, lock waits and deadlocks, a query that was ended or ran out
                // of time (the last two: MySQL's own and MariaDB's).
                1021 | 1037..=1041 | 1053 | 1203 | 1205 | 1213 | 1317 | 1969 | 3024 => {
                    ApplicationError::Unavailable(text)
                }
                _ => ApplicationError::Refused(text),
            })
        }
        Error::Driver(_) | Error::Io(_) | Error::Other(_) | Error::Url(_) => Fault::Lost(error.to_string()),
    }
}
