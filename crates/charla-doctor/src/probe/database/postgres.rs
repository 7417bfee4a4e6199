//! PostgreSQL, asked in one read-only transaction.

use std::time::Duration;

use charla_trust::postgres::Tls;
use charla_trust::tls;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type};
use tokio_postgres::{Client, Config, Error, NoTls, Row};

use super::layout::{Layout, Table};
use super::lookup::{self, NotTaken, Reads, Taken, quoted};
use super::{Failed, Sought};
use crate::evidence::{DatabaseFault, DatabaseSeen};

/// Tables that the role can see by their bare names; columns and single-column keys of those.
const TABLES: &str = "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL)::text \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND pg_table_is_visible(c.oid) \
    ORDER BY c.relname, a.attnum LIMIT 20000";
const KEYS: &str = "SELECT k.contype::text, c.relname::text, a.attname::text, f.relname::text \
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid \
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1] \
    LEFT JOIN pg_class f ON f.oid = k.confrelid \
    WHERE k.contype IN ('p', 'f') AND cardinality(k.conkey) = 1 AND pg_table_is_visible(c.oid) LIMIT 20000";
/// django-tenants: the schema behind a host name; the tables' names are the application's.
const DOMAINS: &str = "SELECT d.relname::text, t.relname::text FROM pg_class d \
    JOIN pg_constraint k ON k.conrelid = d.oid AND k.contype = 'f' JOIN pg_class t ON t.oid = k.confrelid \
    WHERE pg_table_is_visible(d.oid) \
    AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = d.oid AND a.attname = 'domain') \
    AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = 'schema_name') LIMIT 1";

/// The address as people may see it.
pub(super) fn shown(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(at, host)| {
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) if name.contains(':') => format!("[{name}]:{port}"),
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(folder) => format!("{}/.s.PGSQL.{port}", folder.display()),
            }
        })
        .collect();
    let user = config
        .get_user()
        .map(|user| format!("{user}@"))
        .unwrap_or_default();
    let name = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("postgres://{user}{}/{name}", hosts.join(","))
}

pub(super) async fn look(
    config: &Config,
    sought: &Sought,
    mut seen: DatabaseSeen,
    within: Duration,
) -> Result<DatabaseSeen, Failed> {
    let mut config = config.clone();
    if config.get_hosts().is_empty() {
        config.host("127.0.0.1");
    }
    config.application_name("charla doctor");
    config.connect_timeout(within);
    let client = connect(&mut config).await.map_err(|error| failed(&error))?;
    let millis = within.as_millis();
    let begin = format!(
        "BEGIN READ ONLY; SET LOCAL statement_timeout = {millis}; SET LOCAL lock_timeout = {millis}; \
         SET LOCAL idle_in_transaction_session_timeout = 10000"
    );
    client
        .batch_execute(&begin)
        .await
        .map_err(|error| failed(&error))?;
    let mut db = Postgres { client };
    seen.connections = db.connections().await?;
    db.enter_schema(sought, &mut seen).await?;
    lookup::fill(&mut db, sought, &mut seen).await?;
    // Closing the connection would do the same.
    let _ = db.client.batch_execute("ROLLBACK").await;
    Ok(seen)
}

/// By TLS where the address asks for it, or the server lets nobody in without.
async fn connect(config: &mut Config) -> Result<Client, Error> {
    if config.get_ssl_mode() != SslMode::Require {
        match config.ssl_mode(SslMode::Disable).connect(NoTls).await {
            Ok((client, driver)) => {
                // Ends with the client.
                tokio::spawn(driver);
                return Ok(client);
            }
            Err(error) if !wants_tls(&error) => return Err(error),
            Err(_) => {}
        }
    }
    let (client, driver) = config
        .ssl_mode(SslMode::Require)
        .connect(Tls::new(tls::anybody()))
        .await?;
    tokio::spawn(driver);
    Ok(client)
}

/// `no pg_hba.conf entry for host "127.0.0.1", user "chat", database "chat", no encryption`; `SSL off` before PostgreSQL 14.
fn wants_tls(error: &Error) -> bool {
    error.as_db_error().is_some_and(|said| {
        *said.code() == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
            && ["no encryption", "SSL off"]
                .iter()
                .any(|words| said.message().ends_with(words))
    })
}

struct Postgres {
    client: Client,
}

impl Postgres {
    async fn rows(&self, sql: &str, values: &[&str]) -> Result<Vec<Row>, Error> {
        let kind = Type::new("unspecified".into(), 0, Kind::Simple, String::new());
        let values: Vec<AsText<'_>> = values.iter().map(|value| AsText(value)).collect();
        let typed: Vec<(&(dyn ToSql + Sync), Type)> = values
            .iter()
            .map(|value| (value as &(dyn ToSql + Sync), kind.clone()))
            .collect();
        self.client.query_typed(sql, &typed).await
    }

    /// Connections open, and allowed.
    async fn connections(&mut self) -> Result<Option<(u64, u64)>, Failed> {
        let sql = "SELECT count(*)::text, current_setting('max_connections') FROM pg_stat_activity WHERE backend_type = 'client backend'";
        let row = self.first(sql, &[]).await?.ok().flatten().unwrap_or_default();
        let number = |at: usize| row.get(at).cloned().flatten()?.parse().ok();
        Ok(number(0).zip(number(1)))
    }

    /// Looks at the tenant's schema first, where there is one.
    async fn enter_schema(&mut self, sought: &Sought, seen: &mut DatabaseSeen) -> Result<(), Failed> {
        let tenants = sought.django.as_ref().is_some_and(|django| django.tenants);
        let mut schema = sought.tenant.clone();
        if schema.is_none()
            && tenants
            && let Some(host) = &sought.host
        {
            schema = self.schema_of(host).await?;
        }
        let Some(schema) = schema else {
            return Ok(());
        };
        let found = self
            .first("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&schema])
            .await?;
        let there = matches!(found, Ok(Some(_)));
        if there {
            let sql = "SELECT set_config('search_path', quote_ident($1) || ', public', true)";
            // Refused only where the server refuses everything.
            let _ = self.first(sql, &[&schema]).await?;
        } else if !tenants {
            // `tenant=` means something else here.
            return Ok(());
        }
        seen.schema = Some(schema);
        seen.schema_exists = Some(there);
        Ok(())
    }

    async fn schema_of(&mut self, host: &str) -> Result<Option<String>, Failed> {
        let Ok(Some(tables)) = self.first(DOMAINS, &[]).await? else {
            return Ok(None);
        };
        let [Some(domains), Some(tenants)] = tables.as_slice() else {
            return Ok(None);
        };
        let sql = format!(
            "SELECT t.schema_name::text FROM {} d JOIN {} t ON t.id = d.tenant_id WHERE d.domain = $1",
            quoted(domains),
            quoted(tenants)
        );
        let row = self.first(&sql, &[host]).await?.ok().flatten();
        Ok(row.and_then(|row| row.into_iter().next().flatten()))
    }
}

impl Reads for Postgres {
    async fn layout(&mut self) -> Result<Layout, Failed> {
        let mut layout = Layout::default();
        let columns = self.rows(TABLES, &[]).await.map_err(|error| failed(&error))?;
        for row in &columns {
            let Ok([Some(table), Some(column), Some(kind)]) = <[_; 3]>::try_from(texts(row, 3)) else {
                continue;
            };
            let table: &mut Table = layout.tables.entry(table).or_default();
            table.columns.push((column, kind));
        }
        let keys = self.rows(KEYS, &[]).await.map_err(|error| failed(&error))?;
        for row in &keys {
            let Ok([Some(kind), Some(name), Some(column), to]) = <[_; 4]>::try_from(texts(row, 4)) else {
                continue;
            };
            let Some(table) = layout.tables.get_mut(&name) else {
                continue;
            };
            match to {
                Some(to) if kind == "f" => table.references.push((column, to)),
                Some(_) | None => table.key = Some(column),
            }
        }
        Ok(layout)
    }

    async fn first(&mut self, sql: &str, values: &[&str]) -> Result<Taken, Failed> {
        // An error would end the whole transaction.
        let save = self.client.batch_execute("SAVEPOINT asked").await;
        save.map_err(|error| failed(&error))?;
        match self.rows(sql, values).await {
            Ok(rows) => Ok(Ok(rows.first().map(|row| texts(row, row.len())))),
            Err(error) => {
                let Some(told) = error.as_db_error() else {
                    return Err(failed(&error));
                };
                let value = *told.code() == SqlState::INVALID_TEXT_REPRESENTATION
                    || *told.code() == SqlState::NUMERIC_VALUE_OUT_OF_RANGE;
                let words = told.message().to_owned();
                let back = self.client.batch_execute("ROLLBACK TO asked").await;
                back.map_err(|error| failed(&error))?;
                Ok(Err(NotTaken { words, value }))
            }
        }
    }
}

/// The first columns that are texts.
fn texts(row: &Row, width: usize) -> Vec<Option<String>> {
    (0..width)
        .map(|at| row.try_get::<_, Option<String>>(at).ok().flatten())
        .collect()
}

/// A value as a person writes it, for a parameter of whatever type the query makes it.
#[derive(Debug)]
struct AsText<'a>(&'a str);

impl ToSql for AsText<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    tokio_postgres::types::to_sql_checked!();
}

/// What an error is about, in kind and in the server's words.
fn failed(error: &Error) -> Failed {
    if let Some(told) = error.as_db_error() {
        let code = told.code();
        let fault = if *code == SqlState::TOO_MANY_CONNECTIONS {
            DatabaseFault::Full
        } else if *code == SqlState::INVALID_PASSWORD
            || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
        {
            DatabaseFault::Password
        } else if *code == SqlState::INVALID_CATALOG_NAME {
            DatabaseFault::NoDatabase
        } else if *code == SqlState::CANNOT_CONNECT_NOW || *code == SqlState::ADMIN_SHUTDOWN {
            DatabaseFault::Starting
        } else if *code == SqlState::QUERY_CANCELED {
            DatabaseFault::Silent
        } else {
            DatabaseFault::Other
        };
        return (fault, format!("{}: {}", told.severity(), told.message()));
    }
    let mut words = error.to_string();
    let mut fault = DatabaseFault::Other;
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            fault = if io.kind() == std::io::ErrorKind::TimedOut {
                DatabaseFault::Silent
            } else {
                DatabaseFault::Unreachable
            };
        }
        let inner_words = inner.to_string();
        if !words.contains(&inner_words) {
            words = format!("{words}: {inner_words}");
        }
        source = inner.source();
    }
    if words.contains("password missing") || words.contains("authentication") {
        fault = DatabaseFault::Password;
    }
    (fault, words)
}
