//! The application's own table of messages, written in the transaction that stores them here: both have a message, or
//! neither.
//!
//! What the application's table refuses (a foreign key, a check, a trigger's exception) fails that message alone. A group
//! is first written at once ([`History::lines`]); only when something in it is refused is it written again, message by
//! message between savepoints ([`History::line`]), so that whoever is refused costs others no more than a second try.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::Arc;

use charla_core::Stored;
use charla_wire::TenantId;
use tokio::time::timeout;
use tokio_postgres::error::{DbError, ErrorPosition};
use tokio_postgres::{Client, Error, Statement};

use self::bound::{Bound, Misfit};
use super::fault::{self, Fault};
use super::session::{ANSWER_WITHIN, Session};
use crate::application::{Query, TENANT_SCHEMA};
use crate::settings::{DatabaseKind, HISTORY_NAMES, HistorySettings};
use crate::store::StoreError;

mod bound;

/// Tenants whose tables are looked at when the server starts.
const LOOKED_AT: i64 = 16;

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Insert,
    Update,
    Delete,
}

/// Why the application's table does not have a message.
#[derive(Debug)]
pub(super) enum Unwritten {
    /// It refuses this one; the reason is logged.
    Refused,
    /// It cannot be written at present, whatever the message.
    Away(String),
    /// The connection is of no use any more.
    Lost(Fault),
}

/// The statements of the settings.
#[derive(Debug)]
pub(super) struct History {
    insert: Option<Query>,
    update: Option<Query>,
    delete: Option<Query>,
    schema: Option<String>,
    /// Whether what came over the bridge is written too.
    pub(super) bridged: bool,
}

/// A statement on its way, in the order in which they were asked.
type Asked<'a> = Pin<Box<dyn Future<Output = Result<u64, Error>> + Send + 'a>>;

const TURN: &str = "SELECT set_config('search_path', $1, true)";
/// Django's foreign keys are looked at when the transaction ends, unless told otherwise; then nobody could say whose it was.
const AT_ONCE: &str = "SET CONSTRAINTS ALL IMMEDIATE";

impl History {
    /// The statements of the settings; `None` where there are none.
    ///
    /// # Errors
    /// A statement that is not understood.
    pub(super) fn of(settings: &HistorySettings) -> Result<Option<Arc<Self>>, StoreError> {
        if !settings.writes() {
            return Ok(None);
        }
        let query = |key: &str, text: &Option<String>| {
            let query = |text: &String| Query::parse(text, DatabaseKind::Postgres, &HISTORY_NAMES);
            let parsed = text.as_ref().map(query).transpose();
            parsed.map_err(|error| StoreError::Internal(format!("`{key}`: {error}")))
        };
        Ok(Some(Arc::new(Self {
            insert: query("history.insert", &settings.insert)?,
            update: query("history.update", &settings.update)?,
            delete: query("history.delete", &settings.delete)?,
            schema: settings.schema.clone(),
            bridged: settings.bridged,
        })))
    }

    /// Whether there is a statement that deletes.
    pub(super) const fn deletes(&self) -> bool {
        self.delete.is_some()
    }

    const fn query(&self, what: What) -> Option<&Query> {
        match what {
            What::Insert => self.insert.as_ref(),
            What::Update => self.update.as_ref(),
            What::Delete => self.delete.as_ref(),
        }
    }

    /// Where a tenant's table is looked for; `None`: where the role looks.
    fn path(&self, tenant: &TenantId) -> Option<String> {
        // Quotes cannot stand in a tenant's id; in a name of the settings they can.
        let schema = match self.schema.as_deref()? {
            TENANT_SCHEMA => tenant.as_str().to_owned(),
            fixed => fixed.replace('"', "\"\""),
        };
        Some(format!("\"{schema}\", public"))
    }

    /// Prepares every statement, in the schemas of some tenants where the tenants have their own.
    ///
    /// # Errors
    /// With the key, what PostgreSQL says, and where.
    pub(super) async fn check(&self, session: &mut Session) -> Result<(), Fault> {
        const TENANTS: &str =
            "SELECT t.id FROM tenants t JOIN pg_namespace n ON n.nspname = t.id ORDER BY t.id LIMIT $1";
        let mut tenants = Vec::new();
        if self.schema.as_deref() == Some(TENANT_SCHEMA) {
            for row in session.rows(TENANTS, &[&LOOKED_AT]).await? {
                tenants.push(super::rows::id(&row, 0)?);
            }
            if tenants.is_empty() {
                tracing::info!(
                    "no tenant with a schema yet: `history` is looked at when the first one speaks"
                );
            }
        } else {
            // Any will do: it changes nothing.
            tenants.extend(TenantId::parse("any"));
        }
        for tenant in &tenants {
            for (key, what) in [
                ("history.insert", What::Insert),
                ("history.update", What::Update),
                ("history.delete", What::Delete),
            ] {
                let Some(query) = self.query(what) else { continue };
                let place = match self.schema.as_deref() {
                    Some(TENANT_SCHEMA) => format!("`{key}`, in the schema {tenant}"),
                    Some(_) | None => format!("`{key}`"),
                };
                let refused = |why: String| Fault::Refused(StoreError::Internal(format!("{place}: {why}")));
                let statement = match self.statement(session, query, tenant).await {
                    Err(Fault::Postgres(error)) => return Err(refused(told(&error, query.sql()))),
                    other => other?,
                };
                for (name, of) in query.placeholders().iter().zip(statement.params()) {
                    if !bound::fits(name, of) {
                        return Err(refused(format!(
                            "`:{name}` goes into a {of} there, which it cannot be; write `:{name}::text::{of}`"
                        )));
                    }
                }
            }
        }
        Ok(())
    }

    /// The statement as prepared for the tenant's schema. Opens a transaction the first time: to be called outside of one.
    async fn statement(
        &self,
        session: &mut Session,
        query: &Query,
        tenant: &TenantId,
    ) -> Result<Statement, Fault> {
        let path = self.path(tenant);
        let name = statement_name(path.as_deref(), query);
        if let Some(statement) = session.remembered(&name) {
            return Ok(statement);
        }
        session.begin().await?;
        let prepared = async {
            if let Some(path) = &path {
                session.rows(TURN, &[path]).await?;
            }
            session.remember(name, query.sql()).await
        }
        .await;
        session.roll_back().await;
        prepared
    }

    /// Prepares what a group needs. Tenants whose statement cannot be had, with the reason.
    ///
    /// # Errors
    /// When the connection is of no use any more.
    pub(super) async fn ready<'t>(
        &self,
        session: &mut Session,
        tenants: impl Iterator<Item = &'t TenantId>,
    ) -> Result<HashMap<TenantId, String>, Fault> {
        let mut without = HashMap::new();
        let Some(query) = &self.insert else {
            return Ok(without);
        };
        for tenant in tenants {
            if without.contains_key(tenant) {
                continue;
            }
            match self.statement(session, query, tenant).await {
                Ok(_) => {}
                Err(Fault::Postgres(error)) if error.as_db_error().is_some() && session.is_usable() => {
                    let why = told(&error, query.sql());
                    tracing::error!(%tenant, error = why, "`history.insert` cannot be used for this tenant");
                    without.insert(tenant.clone(), why);
                }
                Err(fault) => return Err(fault),
            }
        }
        if !without.is_empty() || self.schema.is_some() {
            session.statement(TURN).await?;
        }
        Ok(without)
    }

    /// What writes these messages, to be asked one behind the other. Those of a tenant stand together, in their order.
    /// `None` when one of them cannot be written so.
    pub(super) fn lines<'a>(
        &self,
        session: &Session,
        client: &'a Client,
        messages: &[&'a Stored],
    ) -> Option<Vec<Asked<'a>>> {
        let Some(query) = self.insert.as_ref().filter(|_| !messages.is_empty()) else {
            return Some(Vec::new());
        };
        let mut asked: Vec<Asked<'a>> = vec![Box::pin(async move {
            client.batch_execute(AT_ONCE).await.map(|()| 1)
        })];
        let mut tenants: BTreeMap<&TenantId, Vec<&'a Stored>> = BTreeMap::new();
        for message in messages {
            tenants
                .entry(&message.draft.room.tenant)
                .or_default()
                .push(message);
        }
        for (tenant, messages) in tenants {
            let path = self.path(tenant);
            let statement = session.remembered(&statement_name(path.as_deref(), query))?;
            if let Some(path) = path {
                let turn = session.prepared(TURN)?;
                asked.push(Box::pin(async move { client.execute(&turn, &[&path]).await }));
            }
            for message in messages {
                let values = values(query, &statement, message).ok()?;
                let statement = statement.clone();
                asked.push(Box::pin(
                    async move { client.execute_raw(&statement, values).await },
                ));
            }
        }
        Some(asked)
    }

    /// Writes one message between savepoints, in the open transaction; what is refused leaves it as it was. Ours is found again
    /// behind it.
    pub(super) async fn line(
        &self,
        session: &mut Session,
        what: What,
        message: &Stored,
    ) -> Result<(), Unwritten> {
        let Some(query) = self.query(what) else {
            return Ok(());
        };
        let lost = Unwritten::Lost;
        session
            .batch("SAVEPOINT line", ANSWER_WITHIN)
            .await
            .map_err(lost)?;
        let written = self.written(session, query, what, message).await;
        match written {
            Ok(()) => session
                .batch(
                    "RELEASE SAVEPOINT line; SET LOCAL search_path TO DEFAULT",
                    ANSWER_WITHIN,
                )
                .await
                .map_err(lost),
            Err(Unwritten::Lost(fault)) => Err(Unwritten::Lost(fault)),
            Err(unwritten @ (Unwritten::Refused | Unwritten::Away(_))) => {
                session
                    .batch("ROLLBACK TO SAVEPOINT line", ANSWER_WITHIN)
                    .await
                    .map_err(lost)?;
                Err(unwritten)
            }
        }
    }

    async fn written(
        &self,
        session: &mut Session,
        query: &Query,
        what: What,
        message: &Stored,
    ) -> Result<(), Unwritten> {
        let tenant = &message.draft.room.tenant;
        let path = self.path(tenant);
        let judged = |fault: Fault| judged(fault, query, tenant);
        session.batch(AT_ONCE, ANSWER_WITHIN).await.map_err(judged)?;
        if let Some(path) = &path {
            session.rows(TURN, &[path]).await.map_err(judged)?;
        }
        let name = statement_name(path.as_deref(), query);
        let statement = match session.remembered(&name) {
            Some(statement) => statement,
            None => session.remember(name, query.sql()).await.map_err(judged)?,
        };
        let Ok(values) = values(query, &statement, message) else {
            tracing::warn!(%tenant, chat = %message.draft.room.chat, "the application's table cannot hold a message: an id is not of its column's type");
            return Err(Unwritten::Refused);
        };
        let written = timeout(ANSWER_WITHIN, session.client().execute_raw(&statement, values)).await;
        let rows = session.judged(written).map_err(judged)?;
        if rows == 0 && what == What::Insert {
            tracing::warn!(%tenant, chat = %message.draft.room.chat, "`history.insert` wrote no row");
            return Err(Unwritten::Refused);
        }
        Ok(())
    }
}

/// Plans belong to the tables that they were made for: each schema has its own.
fn statement_name(path: Option<&str>, query: &Query) -> String {
    format!("{}\0{}", path.unwrap_or_default(), query.sql())
}

fn values<'a>(query: &Query, statement: &Statement, message: &'a Stored) -> Result<Vec<Bound<'a>>, Misfit> {
    let each = query.placeholders().iter().zip(statement.params());
    each.map(|(name, of)| bound::bind(name, message, of)).collect()
}

/// Whose fault it is that a message was not written.
fn judged(fault: Fault, query: &Query, tenant: &TenantId) -> Unwritten {
    let Fault::Postgres(error) = fault else {
        return Unwritten::Lost(fault);
    };
    let Some(said) = error.as_db_error().filter(|_| !fault::spoils(&error)) else {
        return Unwritten::Lost(Fault::Postgres(error));
    };
    if is_refusal(said) {
        log_refusal(said, tenant);
        return Unwritten::Refused;
    }
    let why = told(&error, query.sql());
    tracing::error!(%tenant, error = why, "the application's table of messages cannot be written");
    Unwritten::Away(why)
}

/// Whether the message itself is at fault: its values, a constraint, a trigger that raises.
fn is_refusal(said: &DbError) -> bool {
    matches!(
        said.code().code().get(..2),
        Some("21" | "22" | "23" | "27" | "44" | "P0")
    )
}

/// Names, no words of people: PostgreSQL's own sentence may quote what was written.
fn log_refusal(said: &DbError, tenant: &TenantId) {
    let raised = said.where_().and_then(|context| {
        context
            .lines()
            .find(|line| line.starts_with("PL/pgSQL function "))
    });
    tracing::warn!(
        %tenant,
        code = said.code().code(),
        constraint = said.constraint(),
        table = said.table(),
        column = said.column(),
        raised,
        "the application's table refused a message"
    );
}

/// What PostgreSQL says of a statement, and where in it.
fn told(error: &Error, sql: &str) -> String {
    let words = fault::words(error);
    let Some(ErrorPosition::Original(position)) = error.as_db_error().and_then(DbError::position) else {
        return words;
    };
    let before = usize::try_from(*position).unwrap_or(1).saturating_sub(1);
    let line = 1 + sql.chars().take(before).filter(|c| *c == '\n').count();
    let there: String = sql
        .chars()
        .skip(before)
        .take_while(|c| c.is_alphanumeric() || "_.\"$".contains(*c))
        .take(40)
        .collect();
    format!("{words}, line {line}, at `{there}`")
}

/// Asks all in their order without waiting in between; what each came to, in the same order.
pub(super) async fn in_order(asked: Vec<Asked<'_>>) -> Vec<Result<u64, Error>> {
    let mut asked = asked;
    let first: Vec<Option<Result<u64, Error>>> = std::future::poll_fn(|context| {
        let begun = asked.iter_mut().map(|one| match one.as_mut().poll(context) {
            std::task::Poll::Ready(answer) => Some(answer),
            std::task::Poll::Pending => None,
        });
        std::task::Poll::Ready(begun.collect())
    })
    .await;
    let mut answers = Vec::with_capacity(asked.len());
    for (one, answer) in asked.into_iter().zip(first) {
        answers.push(match answer {
            Some(answer) => answer,
            None => one.await,
        });
    }
    answers
}
