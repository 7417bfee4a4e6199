//! The application's database in PostgreSQL.
//!
//! Each question is a read-only transaction of its own with the time and the `search_path` set for that transaction
//! alone, so that no connection keeps one tenant's schema for the next. Once a statement is prepared it takes one round trip.

use std::collections::HashMap;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, GenericClient, Statement};

use super::{ApplicationError, Ask, Fault, POURED, Row, Schema, pool};
use crate::outgoing;
use crate::settings::{ApplicationSettings, StoreUrl};
use crate::to_postgres::{Way, drive};

mod value;

use value::{Bound, bind};

/// Statements that a connection keeps prepared; each tenant's schema has its own.
const PREPARED_MAX: usize = 128;
/// A network that swallows what is sent is noticed after this long.
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);
/// How much longer than the server we wait, so that its own reason comes first.
const GRACE: Duration = Duration::from_millis(250);

/// The address with its password.
pub(super) fn config(
    url: &StoreUrl,
    password: Option<&str>,
    settings: &ApplicationSettings,
) -> Result<Way, ApplicationError> {
    let refused = |what: &str| ApplicationError::Settings(format!("`application.database_url` {what}"));
    let config = url.text().expose_secret().parse::<Config>();
    let mut config = config.map_err(|_| refused("is no address of PostgreSQL"))?;
    if let Some(password) = password {
        config.password(password);
    }
    config.tcp_user_timeout(UNACKNOWLEDGED);
    if config.get_application_name().is_none() {
        config.application_name("charla authority");
    }
    Way::new(config, settings.tls, settings.ca_file.as_deref())
        .map_err(|said| ApplicationError::Settings(format!("`application.ca_file` cannot be used: {said}")))
}

/// A connection.
pub(super) struct Session {
    client: Client,
    /// By schema and text: a plan belongs to the tables that it was made for.
    prepared: HashMap<(String, String), Statement>,
    look: Statement,
    spoiled: bool,
}

/// As the protocol counts rows.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "some hundreds"
)]
const POURED_AT_ONCE: i32 = POURED as i32;

/// Sets the path, and tells whether the schema is there (no row: no) and may be used.
const LOOK: &str = "SELECT has_schema_privilege(oid, 'USAGE'), set_config('search_path', $2, true)
    FROM pg_catalog.pg_namespace WHERE nspname = $1";

impl pool::Session for Session {
    type Config = Way;

    async fn open(way: &Way) -> Result<Self, ApplicationError> {
        let connected = async {
            let (client, driver) = way.open().await?;
            tokio::spawn(async move {
                if let Err(error) = drive(driver).await {
                    tracing::debug!(error = %words(&error), "a connection to the application's database broke");
                }
            });
            let look = client.prepare(LOOK).await?;
            Ok(Self {
                client,
                prepared: HashMap::new(),
                look,
                spoiled: false,
            })
        };
        connected
            .await
            .map_err(|error: Error| ApplicationError::Unavailable(words(&error)))
    }

    fn is_usable(&self) -> bool {
        !self.spoiled && !self.client.is_closed()
    }

    async fn pour(&mut self, ask: &Ask<'_>, sink: &mpsc::Sender<Vec<Row>>) -> Result<(), Fault> {
        self.spoiled = true;
        let look_first = self.look.clone();
        let reading = self.client.build_transaction().read_only(true).start().await;
        let reading = reading.map_err(|error| told(&error))?;
        let unlimited = reading.batch_execute("SET LOCAL statement_timeout = 0").await;
        unlimited.map_err(|error| told(&error))?;
        look(&reading, &look_first, ask.schema).await?;
        let statement = reading.prepare(ask.query.sql()).await;
        let statement = statement.map_err(|error| told(&error))?;
        let Some(bound) = bound(&statement, ask)? else {
            return Ok(());
        };
        let portal = reading.bind(&statement, &params(&bound)).await;
        let portal = portal.map_err(|error| told(&error))?;
        loop {
            let rows = reading.query_portal(&portal, POURED_AT_ONCE).await;
            let rows = rows.map_err(|error| told(&error))?;
            let refused = |what| Fault::Told(ApplicationError::Refused(what));
            let rows = value::rows(&rows).map_err(refused)?;
            if rows.is_empty() || sink.send(rows).await.is_err() {
                return Ok(());
            }
        }
    }

    async fn ask(&mut self, ask: &Ask<'_>) -> Result<Vec<Row>, Fault> {
        // Until it is answered: whoever leaves in between leaves a transaction open.
        self.spoiled = true;
        let asked = timeout(ask.within + GRACE, self.transaction(ask)).await;
        let Ok(answer) = asked else {
            let within = ask.within.as_millis();
            let what = format!("PostgreSQL did not answer within {within} ms");
            return Err(Fault::Told(ApplicationError::Unavailable(what)));
        };
        self.spoiled = matches!(answer, Err(Fault::Lost(_)));
        answer
    }
}

impl Session {
    async fn transaction(&mut self, ask: &Ask<'_>) -> Result<Vec<Row>, Fault> {
        let key = (schema_key(ask.schema), ask.query.sql().to_owned());
        let known = self.prepared.get(&key).cloned();
        let begin = format!(
            "BEGIN READ ONLY; SET LOCAL statement_timeout = {}",
            ask.within.as_millis()
        );
        let answer = match known {
            Some(statement) => {
                let bound = bound(&statement, ask)?;
                let Some(bound) = bound else { return Ok(Vec::new()) };
                let params = params(&bound);
                // The driver sends each as it is polled first: all of them go out before the first answer comes.
                let (begun, looked, rows, ended) = tokio::join!(
                    biased;
                    self.client.batch_execute(&begin),
                    look(&self.client, &self.look, ask.schema),
                    self.client.query(&statement, &params),
                    self.client.batch_execute("COMMIT"),
                );
                begun.map_err(|error| told(&error))?;
                ended.map_err(|error| told(&error))?;
                looked?;
                rows.map_err(|error| told(&error))
            }
            None => self.first_time(&begin, key, ask).await,
        };
        answer
            .and_then(|rows| value::rows(&rows).map_err(|what| Fault::Told(ApplicationError::Refused(what))))
    }

    /// Prepares on the way.
    async fn first_time(
        &mut self,
        begin: &str,
        key: (String, String),
        ask: &Ask<'_>,
    ) -> Result<Vec<tokio_postgres::Row>, Fault> {
        self.client
            .batch_execute(begin)
            .await
            .map_err(|error| told(&error))?;
        let answer = async {
            look(&self.client, &self.look, ask.schema).await?;
            let statement = self
                .client
                .prepare(ask.query.sql())
                .await
                .map_err(|error| told(&error))?;
            let Some(bound) = bound(&statement, ask)? else {
                return Ok((statement, Vec::new()));
            };
            let rows = self
                .client
                .query(&statement, &params(&bound))
                .await
                .map_err(|error| told(&error))?;
            Ok((statement, rows))
        }
        .await;
        self.client
            .batch_execute("COMMIT")
            .await
            .map_err(|error| told(&error))?;
        let (statement, rows) = answer?;
        if self.prepared.len() >= PREPARED_MAX {
            self.prepared.clear();
        }
        self.prepared.insert(key, statement);
        Ok(rows)
    }
}

/// Turns to the schema, if there is one to turn to.
async fn look(
    client: &(impl GenericClient + Sync),
    statement: &Statement,
    schema: Option<Schema<'_>>,
) -> Result<(), Fault> {
    let (Some(Schema::Tenant(name) | Schema::Fixed(name)), Some(schema)) = (schema, schema) else {
        return Ok(());
    };
    let path = format!("{}, public", identifier(name));
    let row = client
        .query_opt(statement, &[&name, &path])
        .await
        .map_err(|error| told(&error))?;
    let refused = |what: String| Err(Fault::Told(ApplicationError::Refused(what)));
    match (row.map(|row| row.try_get::<_, bool>(0)), schema) {
        (Some(Ok(true)), _) => Ok(()),
        (Some(Ok(false)), _) => refused(format!(
            "the schema {name} may not be read: GRANT USAGE ON SCHEMA"
        )),
        (Some(Err(error)), _) => Err(told(&error)),
        (None, Schema::Tenant(_)) => Err(Fault::Told(ApplicationError::NoSchema)),
        (None, Schema::Fixed(_)) => refused(format!("there is no schema {name} (`application.schema`)")),
    }
}

fn schema_key(schema: Option<Schema<'_>>) -> String {
    match schema {
        Some(Schema::Tenant(name) | Schema::Fixed(name)) => name.to_owned(),
        None => String::new(),
    }
}

/// The values as the statement's types take them; `None` when one of them fits in no column of its type.
fn bound(statement: &Statement, ask: &Ask<'_>) -> Result<Option<Vec<Bound>>, Fault> {
    let values = ask.bound()?;
    Ok(statement
        .params()
        .iter()
        .zip(values)
        .map(|(ty, value)| bind(ty, value))
        .collect())
}

fn params(bound: &[Bound]) -> Vec<&(dyn ToSql + Sync)> {
    bound.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// A name in quotes, whatever is in it (PostgreSQL, 4.1.1).
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What an error comes to: broken, away, or a query that cannot be.
fn told(error: &Error) -> Fault {
    let text = words(error);
    let Some(code) = error.code().map(tokio_postgres::error::SqlState::code) else {
        return Fault::Lost(text);
    };
    match code.get(..2) {
        // Ended by an administrator, a crash or a shutdown; a statement of a pooler that does not know it.
        Some("57") if code.starts_with("57P") => Fault::Lost(text),
        Some("08" | "26") => Fault::Lost(text),
        // Cancelled (the time of a statement is over), out of memory, disk or connections, too many locks.
        Some("57" | "53" | "55" | "58" | "40" | "XX") => Fault::Told(ApplicationError::Unavailable(text)),
        _ => Fault::Told(ApplicationError::Refused(text)),
    }
}

/// The server's own words and code, or the driver's with what is below them.
fn words(error: &Error) -> String {
    if let Some(told) = error.as_db_error() {
        return format!("PostgreSQL says: {} ({})", told.message(), told.code().code());
    }
    outgoing::told(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_its_quotes() {
        assert_eq!(identifier("acme"), "\"acme\"");
        assert_eq!(identifier("x\", public"), "\"x\"\", public\"");
        assert_eq!(identifier("\"\""), "\"\"\"\"\"\"");
    }
}
