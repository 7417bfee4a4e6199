//! One connection: set up so that a commit means what it says, its statements prepared once, no wait without an end.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::fault::{self, Fault};
use crate::store::StoreError;
use crate::to_postgres::{Way, drive};

/// From the first packet to a connection that is set up.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long the server works on one statement before it gives up.
const STATEMENT_WITHIN: Duration = Duration::from_secs(10);
/// How long a statement waits for another transaction's rows.
const LOCK_WITHIN: Duration = Duration::from_secs(5);
/// How long the server keeps the rows of a transaction whose node says nothing: one that was stopped or cut off.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(10);
/// How long we wait for an answer: longer than the server works, so that its own reason comes first.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// The oldest server that is spoken to, as it counts its versions.
const OLDEST: i32 = 140_000;

/// Statements of the application's that a connection keeps prepared; beyond, all are forgotten and prepared anew.
const REMEMBERED: usize = 512;

/// A value for a statement.
pub(super) type Param<'a> = &'a (dyn ToSql + Sync);

/// A connection to the database.
pub(super) struct Session {
    client: Client,
    prepared: HashMap<&'static str, Statement>,
    /// The application's own, by schema and text.
    foreign: HashMap<String, Statement>,
    spoiled: bool,
}

impl Session {
    /// Connects and sets up.
    pub(super) async fn open(way: &Way) -> Result<Self, Fault> {
        timeout(CONNECT_WITHIN, Self::opened(way))
            .await
            .unwrap_or_else(|_| {
                Err(Fault::Refused(StoreError::Unavailable(format!(
                    "PostgreSQL did not take a connection within {} s",
                    CONNECT_WITHIN.as_secs()
                ))))
            })
    }

    async fn opened(way: &Way) -> Result<Self, Fault> {
        let (client, driver) = way.open().await?;
        tokio::spawn(async move {
            if let Err(error) = drive(driver).await {
                tracing::debug!(error = %fault::words(&error), "a connection to the database broke");
            }
        });
        let mut session = Self {
            client,
            prepared: HashMap::new(),
            foreign: HashMap::new(),
            spoiled: false,
        };
        session.client.batch_execute(&setup()).await?;
        let row = session.one(AS_SET_UP, &[]).await?;
        as_needed(&row)?;
        Ok(session)
    }

    /// Whether more may be asked over it.
    pub(super) fn is_usable(&self) -> bool {
        !self.spoiled && !self.client.is_closed()
    }

    /// Has nothing more asked over it.
    pub(super) fn spoil(&mut self) {
        self.spoiled = true;
    }

    /// The driver's own handle, for statements that share a round trip.
    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// A statement, prepared the first time.
    pub(super) async fn statement(&mut self, sql: &'static str) -> Result<Statement, Fault> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let prepared = timeout(ANSWER_WITHIN, self.client.prepare(sql)).await;
        let statement = self.judged(prepared)?;
        self.prepared.insert(sql, statement.clone());
        Ok(statement)
    }

    /// A statement of ours that was prepared before.
    pub(super) fn prepared(&self, sql: &str) -> Option<Statement> {
        self.prepared.get(sql).cloned()
    }

    /// A statement of the application's that was prepared before.
    pub(super) fn remembered(&self, name: &str) -> Option<Statement> {
        self.foreign.get(name).cloned()
    }

    /// Prepares a statement of the application's, under a name to find it by.
    pub(super) async fn remember(&mut self, name: String, sql: &str) -> Result<Statement, Fault> {
        if self.foreign.len() >= REMEMBERED {
            self.foreign.clear();
        }
        let prepared = timeout(ANSWER_WITHIN, self.client.prepare(sql)).await;
        let statement = self.judged(prepared)?;
        self.foreign.insert(name, statement.clone());
        Ok(statement)
    }

    /// All rows.
    pub(super) async fn rows(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, Fault> {
        let statement = self.statement(sql).await?;
        let rows = timeout(ANSWER_WITHIN, self.client.query(&statement, params)).await;
        self.judged(rows)
    }

    /// The first row, if there is one.
    pub(super) async fn first(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
    ) -> Result<Option<Row>, Fault> {
        Ok(self.rows(sql, params).await?.into_iter().next())
    }

    /// The one row that there must be.
    pub(super) async fn one(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Row, Fault> {
        self.first(sql, params)
            .await?
            .ok_or_else(|| Fault::Contradiction("a row that must be there is not".into()))
    }

    /// How many rows it touched.
    pub(super) async fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64, Fault> {
        let statement = self.statement(sql).await?;
        let count = timeout(ANSWER_WITHIN, self.client.execute(&statement, params)).await;
        self.judged(count)
    }

    /// Statements without values or rows.
    pub(super) async fn batch(&mut self, sql: &str, within: Duration) -> Result<(), Fault> {
        let done = timeout(within, self.client.batch_execute(sql)).await;
        self.judged(done)
    }

    /// Opens a transaction.
    pub(super) async fn begin(&mut self) -> Result<(), Fault> {
        self.batch("BEGIN", ANSWER_WITHIN).await
    }

    /// Commits it. An error leaves open whether it is committed.
    pub(super) async fn commit(&mut self) -> Result<(), Fault> {
        self.batch(COMMIT, ANSWER_WITHIN).await
    }

    /// Undoes what is open; a session that cannot is used no more.
    pub(super) async fn roll_back(&mut self) {
        if self.is_usable() && self.batch("ROLLBACK", ANSWER_WITHIN).await.is_err() {
            self.spoil();
        }
    }

    /// Takes an answer, and notes when no other is to be expected from this connection.
    pub(super) fn judged<T>(
        &mut self,
        answer: Result<Result<T, tokio_postgres::Error>, Elapsed>,
    ) -> Result<T, Fault> {
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                self.spoiled |= fault::spoils(&error);
                Err(error.into())
            }
            Err(_) => {
                self.spoiled = true;
                Err(Fault::Silent)
            }
        }
    }
}

/// A commit that waits for a standby is never cut short by the time of a statement: the server would say that it
/// is done, and the standby would not have it.
pub(super) const COMMIT: &str = "SET LOCAL statement_timeout = 0; COMMIT";

/// `remote_apply` promises more than `on` and is left; whatever promises less is not. Every statement here has an index
/// to go by, and tables that grow from nothing would be walked until somebody counts them.
fn setup() -> String {
    format!(
        "SELECT set_config('synchronous_commit',
             CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false);
         SET enable_seqscan = off;
         SET default_transaction_isolation = 'read committed';
         SET statement_timeout = {};
         SET lock_timeout = {};
         SET idle_in_transaction_session_timeout = {}",
        STATEMENT_WITHIN.as_millis(),
        LOCK_WITHIN.as_millis(),
        IDLE_IN_TRANSACTION.as_millis(),
    )
}

const AS_SET_UP: &str =
    "SELECT current_setting('server_version_num')::integer, current_setting('server_version'),
    current_setting('synchronous_commit'), current_setting('fsync'), current_setting('server_encoding')";

/// Refuses a server on which an acknowledgement would mean nothing, or that is not understood.
fn as_needed(row: &Row) -> Result<(), Fault> {
    let version: i32 = row.try_get(0)?;
    let text = |at| row.try_get::<_, &str>(at);
    let refused = |what: String| Err(Fault::Refused(StoreError::Internal(what)));
    if version < OLDEST {
        return refused(format!(
            "PostgreSQL {} is too old: 14 is the oldest that charla works with",
            text(1)?
        ));
    }
    if !matches!(text(2)?, "on" | "remote_apply") || text(3)? != "on" {
        return refused(format!(
            "durable commits are not to be had here: synchronous_commit is {}, fsync is {}; set `fsync = on` in postgresql.conf",
            text(2)?,
            text(3)?
        ));
    }
    if text(4)? != "UTF8" {
        return refused(format!(
            "the database's encoding is {}; make one with `createdb --encoding=UTF8 --template=template0`",
            text(4)?
        ));
    }
    Ok(())
}
