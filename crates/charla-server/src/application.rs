//! The application's own database, which Charla reads and never writes: who may enter, which tokens and sessions hold.
//!
//! [`Application::ask`] takes a [`Query`] with values for its names and gives rows of plain [`Value`]s, the same from
//! PostgreSQL, MySQL and SQLite. Values are bound, never written into the text. An id that a column cannot hold (the
//! chat `abc` where ids are numbers) is in no row, which is an answer and no error. Every wait has an end; a database
//! that is away is [`ApplicationError::Unavailable`] and is found again by itself.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use charla_wire::{TenantId, Timestamp};
use tokio::sync::mpsc;

use crate::settings::{ApplicationSettings, ApplicationUrl, DatabaseKind};

mod mysql;
mod pool;
mod postgres;
mod query;
mod sqlite;

pub use query::{Query, QueryError};

use pool::Pool;

/// What stands for the tenant in `application.schema`.
pub const TENANT_SCHEMA: &str = "{tenant}";

/// Why the application's database did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplicationError {
    /// It is away, too slow, or every connection is busy. Asking again later is right.
    #[error("the application's database is unavailable: {0}")]
    Unavailable(String),
    /// It answers, and refuses this query: syntax, a missing table, missing rights, a type that cannot be read.
    #[error("the application's database refuses the query: {0}")]
    Refused(String),
    /// The tenant has no schema there: the application does not know it.
    #[error("the application's database has no schema of this tenant")]
    NoSchema,
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(String),
}

/// A value of a parameter or of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text; times, numbers with decimals, UUIDs and JSON too, as the database writes them (PostgreSQL's times: RFC 3339 in UTC).
    Text(String),
    /// A whole number.
    Integer(i64),
    /// True or false, where the database knows that from numbers.
    Boolean(bool),
    /// Nothing.
    Null,
}

impl Value {
    /// The text, or the number as text; `None` for nothing, true and false.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Integer(number) => Some(number.to_string()),
            Self::Boolean(_) | Self::Null => None,
        }
    }

    /// Yes or no: a boolean, or 1 and 0 where booleans are numbers. Nothing is no; anything else is neither.
    #[must_use]
    pub fn truth(&self) -> Option<bool> {
        match self {
            Self::Boolean(truth) => Some(*truth),
            Self::Integer(0) | Self::Null => Some(false),
            Self::Integer(1) => Some(true),
            Self::Integer(_) | Self::Text(_) => None,
        }
    }

    /// A point in time, with `T` or a space between date and time; UTC where no zone is written, as Django stores it.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        let Self::Text(text) = self else { return None };
        let zoned = text.parse::<jiff::Timestamp>().ok();
        let time = zoned.or_else(|| {
            let civil = text.parse::<jiff::civil::DateTime>().ok()?;
            Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        })?;
        Some(Timestamp::from_millis(time.as_millisecond()))
    }
}

/// One row of an answer.
#[derive(Debug, Clone)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    /// The value of a column; `None` when the query has no column of that name.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&Value> {
        let at = self.columns.iter().position(|name| name == column)?;
        self.values.get(at)
    }

    /// One for a test.
    #[cfg(test)]
    pub(crate) fn of(cells: &[(&str, Value)]) -> Self {
        Self {
            columns: cells.iter().map(|(name, _)| (*name).to_owned()).collect(),
            values: cells.iter().map(|(_, value)| value.clone()).collect(),
        }
    }

    /// The names of the columns, in their order.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The values in the order of the columns.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }
}

/// What one connection is asked.
struct Ask<'a> {
    query: &'a Query,
    /// Every name of the query is among them.
    values: &'a [(&'a str, Value)],
    /// The schema to look in, where that is set.
    schema: Option<Schema<'a>>,
    within: Duration,
}

impl Ask<'_> {
    /// The values in the order of the placeholders.
    fn bound(&self) -> Result<Vec<&Value>, Fault> {
        let value = |name: &String| {
            let known = self.values.iter().find(|(known, _)| known == name);
            known.map(|(_, value)| value).ok_or_else(|| {
                Fault::Told(ApplicationError::Refused(format!(
                    "there is no value for `:{name}`"
                )))
            })
        };
        self.query.placeholders().iter().map(value).collect()
    }
}

/// Whose schema.
#[derive(Clone, Copy)]
enum Schema<'a> {
    /// The tenant's own: the application does not know the tenant when it is not there.
    Tenant(&'a str),
    /// One for all: the settings are wrong when it is not there.
    Fixed(&'a str),
}

/// What went wrong on one connection.
enum Fault {
    /// The connection broke: another may do.
    Lost(String),
    /// For whoever asked.
    Told(ApplicationError),
}

enum Database {
    Postgres(Box<Pool<postgres::Session>>),
    Mysql(Box<Pool<mysql::Session>>),
    Sqlite(Box<Pool<sqlite::Session>>),
}

/// The way to the application's database. Connections are made when they are needed.
pub struct Application {
    database: Database,
    kind: DatabaseKind,
    schema: Option<String>,
    timeout: Duration,
}

impl Application {
    /// Reads the password; connects to nothing yet. `None` when no database is set.
    ///
    /// # Errors
    /// [`ApplicationError::Settings`] when the password's file cannot be read or the address asks for what cannot be done.
    pub fn open(settings: &ApplicationSettings) -> Result<Option<Self>, ApplicationError> {
        let Some(url) = &settings.database_url else {
            return Ok(None);
        };
        let password = settings.password_file.as_ref().map(|path| {
            let text = fs::read_to_string(path).map_err(|error| {
                let path = path.display();
                ApplicationError::Settings(format!(
                    "`application.password_file`: {path} cannot be read: {error}"
                ))
            })?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        });
        let password = password.transpose()?;
        let (size, within) = (settings.connections, settings.timeout);
        let database = match url {
            ApplicationUrl::Postgres(url) => {
                let config = postgres::config(url, password.as_deref(), settings)?;
                Database::Postgres(Box::new(Pool::new(config, size, within)))
            }
            ApplicationUrl::Mysql(url) => Database::Mysql(Box::new(Pool::new(
                mysql::config(url, password, settings)?,
                size,
                within,
            ))),
            ApplicationUrl::Sqlite(path) => {
                Database::Sqlite(Box::new(Pool::new(sqlite::config(path, within), size, within)))
            }
        };
        Ok(Some(Self {
            database,
            kind: url.kind(),
            schema: settings.schema.clone(),
            timeout: within,
        }))
    }

    /// What kind of database it is, which says how its SQL is written.
    #[must_use]
    pub const fn kind(&self) -> DatabaseKind {
        self.kind
    }

    /// Asks, in the tenant's schema where schemas are the tenants'. Each name of the query must have a value. Takes at most two
    /// of `application.timeout`: one for a connection, one for the answer.
    ///
    /// # Errors
    /// [`ApplicationError`].
    pub async fn ask(
        &self,
        tenant: Option<&TenantId>,
        query: &Query,
        values: &[(&str, Value)],
    ) -> Result<Vec<Row>, ApplicationError> {
        let ask = Ask {
            query,
            values,
            schema: self.schema_of(tenant)?,
            within: self.timeout,
        };
        match &self.database {
            Database::Postgres(pool) => pool.ask(&ask).await,
            Database::Mysql(pool) => pool.ask(&ask).await,
            Database::Sqlite(pool) => pool.ask(&ask).await,
        }
    }

    /// Asks for much: rows come in the order of the query, some at a time, over a connection of its own and without a limit of
    /// time, all as they stood at one moment. Ends early when nobody takes them any more.
    ///
    /// # Errors
    /// [`ApplicationError`]; what was handed over before stays so.
    pub async fn pour(
        &self,
        tenant: Option<&TenantId>,
        query: &Query,
        values: &[(&str, Value)],
        sink: &mpsc::Sender<Vec<Row>>,
    ) -> Result<(), ApplicationError> {
        let ask = Ask {
            query,
            values,
            schema: self.schema_of(tenant)?,
            within: self.timeout,
        };
        match &self.database {
            Database::Postgres(pool) => pool.pour(&ask, sink).await,
            Database::Mysql(pool) => pool.pour(&ask, sink).await,
            Database::Sqlite(pool) => pool.pour(&ask, sink).await,
        }
    }

    /// Whether each tenant has a schema of its own there.
    #[must_use]
    pub fn has_schemas(&self) -> bool {
        self.schema.as_deref() == Some(TENANT_SCHEMA)
    }

    fn schema_of<'a>(&'a self, tenant: Option<&'a TenantId>) -> Result<Option<Schema<'a>>, ApplicationError> {
        match (self.schema.as_deref(), tenant) {
            (Some(TENANT_SCHEMA), Some(tenant)) if is_reserved(tenant.as_str()) => {
                Err(ApplicationError::NoSchema)
            }
            (Some(TENANT_SCHEMA), tenant) => Ok(tenant.map(|tenant| Schema::Tenant(tenant.as_str()))),
            (Some(fixed), _) => Ok(Some(Schema::Fixed(fixed))),
            (None, _) => Ok(None),
        }
    }
}

/// Rows that are handed over together.
pub(crate) const POURED: usize = 500;

/// Schemas that are there in every database and are no tenant's: what is shared must not answer for one.
fn is_reserved(schema: &str) -> bool {
    matches!(schema, "public" | "information_schema") || schema.starts_with("pg_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_each_database_writes_them() {
        let at = Some(Timestamp::from_millis(1_795_852_800_500));
        for text in [
            "2026-11-28T08:00:00.5Z",
            "2026-11-28T10:00:00.500000+02:00",
            "2026-11-28 08:00:00.500000",
            "2026-11-28T08:00:00.5",
        ] {
            assert_eq!(Value::Text(text.into()).timestamp(), at, "{text}");
        }
        assert_eq!(Value::Text("tomorrow".into()).timestamp(), None);
        assert_eq!(Value::Integer(5).timestamp(), None);
    }

    #[test]
    fn a_number_is_a_truth_only_where_it_can_be_meant() {
        for (value, truth) in [
            (Value::Boolean(true), Some(true)),
            (Value::Integer(1), Some(true)),
            (Value::Integer(0), Some(false)),
            (Value::Null, Some(false)),
            (Value::Integer(7), None),
            (Value::Text("t".into()), None),
        ] {
            assert_eq!(value.truth(), truth, "{value:?}");
        }
    }
}
