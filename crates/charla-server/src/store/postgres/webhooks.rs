//! What the application is told over HTTP: written with what it tells of, given out lane by lane, to one node each.
//!
//! Times of leases and retries are the database's own: nodes' clocks may differ.

use std::sync::Arc;
use std::time::Duration;

use charla_core::UserKey;
use charla_wire::{TenantId, Timestamp, UserId};
use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::Row;

use super::Postgres;
use super::fault::Fault;
use super::rows::{id, limit, time, unsigned};
use super::session::{Param, Session};
use crate::store::StoreFuture;
use crate::store::care::Words;
use crate::store::webhooks::{
    Backlog, DEAD_MAX, DeadLetter, Delivery, ERASED_AT_ONCE, Event, Hooks, Kinds, LETTERS_MAX, Letters,
    Outcome, Row as Queued, Settled, Taken, Turn, WebhookEndpoint, WebhookStore, without, written,
};

/// The condition of [`Letters`] as the first three parameters.
macro_rules! which {
    () => {
        "dead_at IS NOT NULL AND ($1::text IS NULL OR tenant = $1) AND ($2::text IS NULL OR endpoint = $2)
         AND ($3::bigint IS NULL OR id = $3)"
    };
}

impl WebhookStore for Postgres {
    fn hooks(&self) -> &Arc<Hooks> {
        &self.hooks
    }

    fn webhook_endpoints(&self) -> StoreFuture<'_, Vec<WebhookEndpoint>> {
        Box::pin(async move {
            let mut lease = self.pool.take().await?;
            endpoints(lease.session()?).await.map_err(Fault::told)
        })
    }

    fn put_webhook_endpoint(&self, endpoint: WebhookEndpoint) -> StoreFuture<'_, bool> {
        self.change(move |s, _| Box::pin(async move { put_endpoint(s, &endpoint).await }))
    }

    fn remove_webhook_endpoint<'a>(&'a self, tenant: &'a TenantId, id: &'a str) -> StoreFuture<'a, bool> {
        let (tenant, id) = (tenant.clone(), id.to_owned());
        self.change(move |s, _| Box::pin(async move { remove_endpoint(s, &tenant, &id).await }))
    }

    fn disabled_webhooks(&self) -> StoreFuture<'_, Vec<(String, Timestamp)>> {
        Box::pin(async move {
            let mut lease = self.pool.take().await?;
            let found = lease
                .session()?
                .rows("SELECT endpoint, at FROM webhook_disabled ORDER BY endpoint", &[])
                .await
                .map_err(Fault::told)?;
            let disabled = found.iter().map(|row| Ok((row.try_get(0)?, time(row, 1)?)));
            disabled.collect::<Result<_, Fault>>().map_err(Fault::told)
        })
    }

    fn disable_webhook<'a>(&'a self, id: &'a str, disabled: bool) -> StoreFuture<'a, ()> {
        let id = id.to_owned();
        self.change(move |s, now| {
            Box::pin(async move {
                if disabled {
                    let sql =
                        "INSERT INTO webhook_disabled (endpoint, at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
                    s.execute(sql, &[&id, &now.as_millis()]).await?;
                } else {
                    s.execute("DELETE FROM webhook_disabled WHERE endpoint = $1", &[&id])
                        .await?;
                }
                Ok(())
            })
        })
    }

    fn queue_webhooks(&self, events: Vec<Event>) -> StoreFuture<'_, ()> {
        let hooks = Arc::clone(&self.hooks);
        self.tell(move |s, now| {
            Box::pin(async move {
                for event in &events {
                    queue(s, &hooks, now, event).await?;
                }
                Ok(())
            })
        })
    }

    fn webhook_turn(&self, turn: Turn) -> StoreFuture<'_, Taken> {
        self.change(move |s, _| Box::pin(async move { take(s, &turn).await }))
    }

    /// Other nodes may live: what a dead one held is due again when its lease is over.
    fn release_webhooks(&self) -> StoreFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn webhook_backlog(&self) -> StoreFuture<'_, Vec<Backlog>> {
        Box::pin(async move {
            let mut lease = self.pool.take().await?;
            backlog(lease.session()?).await.map_err(Fault::told)
        })
    }

    fn dead_letters(
        &self,
        which: Letters,
        before: Option<i64>,
        most: usize,
    ) -> StoreFuture<'_, Vec<DeadLetter>> {
        Box::pin(async move {
            let mut lease = self.pool.take().await?;
            letters(lease.session()?, &which, before, most)
                .await
                .map_err(Fault::told)
        })
    }

    fn revive_letters(&self, which: Letters) -> StoreFuture<'_, u64> {
        let hooks = Arc::clone(&self.hooks);
        let revived = self.change(move |s, _| {
            Box::pin(async move {
                let sql = concat!(
                    "UPDATE webhook_outbox SET dead_at = NULL, due_at = 0, held = false, attempts = 0 WHERE ",
                    which!()
                );
                changed(s, sql, &which).await
            })
        });
        Box::pin(async move {
            let count = revived.await?;
            hooks.look();
            Ok(count)
        })
    }

    fn remove_letters(&self, which: Letters) -> StoreFuture<'_, u64> {
        self.change(move |s, _| {
            Box::pin(async move {
                changed(s, concat!("DELETE FROM webhook_outbox WHERE ", which!()), &which).await
            })
        })
    }
}

async fn changed(s: &mut Session, sql: &'static str, which: &Letters) -> Result<u64, Fault> {
    let tenant = which.tenant.as_ref().map(TenantId::as_str);
    s.execute(sql, &[&tenant, &which.endpoint, &which.row]).await
}

async fn letters(
    s: &mut Session,
    which: &Letters,
    before: Option<i64>,
    most: usize,
) -> Result<Vec<DeadLetter>, Fault> {
    const SQL: &str = concat!(
        "SELECT id, tenant, endpoint, event, webhook_id, created_at, dead_at, attempts, last_answer, body
         FROM webhook_outbox WHERE ",
        which!(),
        " AND id < $4 ORDER BY id DESC LIMIT $5"
    );
    let tenant = which.tenant.as_ref().map(TenantId::as_str);
    let (before, most) = (before.unwrap_or(i64::MAX), limit(most.min(LETTERS_MAX)));
    let found = s
        .rows(SQL, &[&tenant, &which.endpoint, &which.row, &before, &most])
        .await?;
    let letters = found.iter().map(|row| {
        Ok(DeadLetter {
            row: row.try_get(0)?,
            tenant: id(row, 1)?,
            endpoint: row.try_get(2)?,
            event: row.try_get(3)?,
            webhook_id: row.try_get(4)?,
            created_at: time(row, 5)?,
            dead_at: time(row, 6)?,
            attempts: attempts(row, 7)?,
            last_answer: row.try_get(8)?,
            body: row.try_get(9)?,
        })
    });
    letters.collect()
}

fn attempts(row: &Row, at: usize) -> Result<u32, Fault> {
    let value: i32 = row.try_get(at)?;
    u32::try_from(value).map_err(|_| Fault::Contradiction(format!("a negative number: {value}")))
}

/// The statement that writes [`Columns`].
pub(super) const INSERT: &str =
    "INSERT INTO webhook_outbox (tenant, endpoint, lane, event, webhook_id, body, trace, created_at)
    SELECT w.*, $8::bigint
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS w";

/// Rows as the arrays that one statement takes.
#[derive(Default)]
pub(super) struct Columns<'a> {
    tenants: Vec<&'a str>,
    endpoints: Vec<&'a str>,
    lanes: Vec<&'a str>,
    events: Vec<&'a str>,
    ids: Vec<&'a str>,
    bodies: Vec<&'a str>,
    traces: Vec<Option<&'a str>>,
    at: i64,
}

impl<'a> Columns<'a> {
    /// JSON has no U+0000 in it but escaped: nothing has to be done about it.
    pub(super) fn of(rows: &'a [Queued], now: Timestamp) -> Self {
        Self {
            tenants: rows.iter().map(|row| row.tenant.as_str()).collect(),
            endpoints: rows.iter().map(|row| &*row.endpoint).collect(),
            lanes: rows.iter().map(|row| &*row.lane).collect(),
            events: rows.iter().map(|row| row.event).collect(),
            ids: rows.iter().map(|row| &*row.webhook_id).collect(),
            bodies: rows.iter().map(|row| &*row.body).collect(),
            traces: rows.iter().map(|row| row.trace.as_deref()).collect(),
            at: now.as_millis(),
        }
    }

    pub(super) fn params(&self) -> [Param<'_>; 8] {
        [
            &self.tenants,
            &self.endpoints,
            &self.lanes,
            &self.events,
            &self.ids,
            &self.bodies,
            &self.traces,
            &self.at,
        ]
    }
}

/// Writes down what tells of an event, inside whatever transaction is open. The chat has to be held, so that the rows of a chat
/// become visible in their order.
pub(super) async fn queue(
    s: &mut Session,
    hooks: &Hooks,
    now: Timestamp,
    event: &Event,
) -> Result<(), Fault> {
    let rows = hooks.rows(event);
    if rows.is_empty() {
        return Ok(());
    }
    s.execute(INSERT, &Columns::of(&rows, now).params()).await?;
    Ok(())
}

/// Takes a person out of what waits and what was given up.
pub(super) async fn erase(
    s: &mut Session,
    person: &UserKey,
    alias: &UserId,
    words: Words,
) -> Result<(), Fault> {
    const TOLD: &str = "SELECT id, body FROM webhook_outbox
        WHERE tenant = $1 AND strpos(body, $2) > 0 AND id > $3 ORDER BY id LIMIT $4 FOR UPDATE";
    const CHANGE: &str = "UPDATE webhook_outbox SET body = $2 WHERE id = $1";
    let (tenant, user) = (person.tenant.as_str(), written(&person.user));
    let mut after = 0_i64;
    loop {
        let told = s
            .rows(TOLD, &[&tenant, &user, &after, &limit(ERASED_AT_ONCE)])
            .await?;
        let Some(last) = told.last() else {
            return Ok(());
        };
        after = last.try_get(0)?;
        for row in &told {
            let (row, body): (i64, &str) = (row.try_get(0)?, row.try_get(1)?);
            if let Some(body) = without(body, &person.user, alias, words) {
                s.execute(CHANGE, &[&row, &body]).await?;
            }
        }
    }
}

async fn endpoints(s: &mut Session) -> Result<Vec<WebhookEndpoint>, Fault> {
    let found = s
        .rows(
            "SELECT id, tenant, url, events, secret, old_secret, old_until, created_at FROM webhook_endpoints ORDER BY id",
            &[],
        )
        .await?;
    let endpoints = found.iter().map(|row| {
        let secret = |at| {
            row.try_get::<_, Option<String>>(at)
                .map(|text| text.map(SecretString::from))
        };
        let until: Option<i64> = row.try_get(6)?;
        let name: &str = row.try_get(0)?;
        Ok(WebhookEndpoint {
            id: name.into(),
            tenant: id(row, 1)?,
            url: row.try_get(2)?,
            events: Kinds::named(row.try_get(3)?),
            secret: secret(4)?.unwrap_or_default(),
            old_secret: secret(5)?.zip(until.map(Timestamp::from_millis)),
            created_at: time(row, 7)?,
        })
    });
    endpoints.collect()
}

async fn put_endpoint(s: &mut Session, endpoint: &WebhookEndpoint) -> Result<bool, Fault> {
    if super::directory::tenant(s, &endpoint.tenant).await?.is_none() {
        return Ok(false);
    }
    let old = endpoint.old_secret.as_ref();
    s.execute(
        "INSERT INTO webhook_endpoints (id, tenant, url, events, secret, old_secret, old_until, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (id) DO UPDATE SET url = excluded.url, events = excluded.events, secret = excluded.secret,
           old_secret = excluded.old_secret, old_until = excluded.old_until",
        &[
            &&*endpoint.id,
            &endpoint.tenant.as_str(),
            &endpoint.url,
            &endpoint.events.names().join(" "),
            &endpoint.secret.expose_secret(),
            &old.map(|(secret, _)| secret.expose_secret()),
            &old.map(|(_, until)| until.as_millis()),
            &endpoint.created_at.as_millis(),
        ],
    )
    .await?;
    Ok(true)
}

async fn remove_endpoint(s: &mut Session, tenant: &TenantId, id: &str) -> Result<bool, Fault> {
    let removed = s
        .execute(
            "DELETE FROM webhook_endpoints WHERE tenant = $1 AND id = $2",
            &[&tenant.as_str(), &id],
        )
        .await?;
    let left = s
        .execute(
            "DELETE FROM webhook_outbox WHERE tenant = $1 AND endpoint = $2",
            &[&tenant.as_str(), &id],
        )
        .await?;
    if removed + left > 0 {
        s.execute("DELETE FROM webhook_disabled WHERE endpoint = $1", &[&id])
            .await?;
    }
    Ok(removed == 1)
}

async fn backlog(s: &mut Session) -> Result<Vec<Backlog>, Fault> {
    let found = s
        .rows(
            "SELECT tenant, endpoint, count(*), min(created_at) FROM webhook_outbox
             WHERE dead_at IS NULL GROUP BY tenant, endpoint",
            &[],
        )
        .await?;
    let backlog = found.iter().map(|row| {
        let endpoint: &str = row.try_get(1)?;
        Ok(Backlog {
            tenant: id(row, 0)?,
            endpoint: endpoint.into(),
            waiting: unsigned(row, 2)?,
            since: time(row, 3)?,
        })
    });
    backlog.collect()
}

/// The first row of each lane and in how many milliseconds it is due, the earliest first: as many as are asked for, and one more.
/// Goes from lane to lane by the index, so that what waits behind costs nothing.
const HEADS: &str = "WITH RECURSIVE lanes AS (
      (SELECT lane FROM webhook_outbox WHERE endpoint = $1 AND dead_at IS NULL ORDER BY lane LIMIT 1)
      UNION ALL
      SELECT n.lane FROM lanes CROSS JOIN LATERAL (
        SELECT o.lane FROM webhook_outbox o
        WHERE o.endpoint = $1 AND o.dead_at IS NULL AND o.lane > lanes.lane ORDER BY o.lane LIMIT 1) n)
    SELECT h.id, h.due_at - (extract(epoch FROM clock_timestamp()) * 1000)::bigint
    FROM lanes CROSS JOIN LATERAL (
      SELECT o.id, o.due_at FROM webhook_outbox o
      WHERE o.endpoint = $1 AND o.dead_at IS NULL AND o.lane = lanes.lane ORDER BY o.id LIMIT 1) h
    ORDER BY h.due_at, h.id LIMIT $2";

/// Whoever comes second finds the row held and passes it by, or finds it due later.
const HOLD: &str = "UPDATE webhook_outbox SET held = true, attempts = attempts + 1,
      due_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + $2
    WHERE id IN (SELECT id FROM webhook_outbox
      WHERE id = ANY($1::bigint[]) AND dead_at IS NULL
        AND due_at <= (extract(epoch FROM clock_timestamp()) * 1000)::bigint
      ORDER BY id FOR UPDATE SKIP LOCKED)
    RETURNING id, attempts, webhook_id, body, created_at, trace";

async fn take(s: &mut Session, turn: &Turn) -> Result<Taken, Fault> {
    for settled in &turn.settled {
        settle(s, settled).await?;
    }
    let mut taken = Taken::default();
    let mut due = Vec::new();
    for head in s.rows(HEADS, &[&&*turn.endpoint, &limit(turn.free + 1)]).await? {
        let (row, wait): (i64, i64) = (head.try_get(0)?, head.try_get(1)?);
        if wait > 0 {
            taken.next_in = Some(Duration::from_millis(u64::try_from(wait).unwrap_or(0)));
            break;
        }
        due.push(row);
    }
    due.truncate(turn.free);
    if due.is_empty() {
        return Ok(taken);
    }
    let held = s.rows(HOLD, &[&due, &millis(turn.lease)]).await?;
    for row in &held {
        taken.deliveries.push(Delivery {
            row: row.try_get(0)?,
            attempt: attempts(row, 1)?,
            webhook_id: row.try_get(2)?,
            body: row.try_get(3)?,
            created_at: time(row, 4)?,
            trace: row.try_get(5)?,
        });
    }
    Ok(taken)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Settles a delivery, unless its lease was over and another node has it.
async fn settle(s: &mut Session, settled: &Settled) -> Result<(), Fault> {
    let row = settled.row;
    let attempt = i32::try_from(settled.attempt).unwrap_or(i32::MAX);
    match &settled.outcome {
        Outcome::Delivered => {
            s.execute(
                "DELETE FROM webhook_outbox WHERE id = $1 AND attempts = $2",
                &[&row, &attempt],
            )
            .await?;
        }
        Outcome::Again(wait, answer) => {
            s.execute(
                "UPDATE webhook_outbox SET held = false, last_answer = $4,
                   due_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + $3
                 WHERE id = $1 AND attempts = $2",
                &[&row, &attempt, &millis(*wait), answer],
            )
            .await?;
        }
        Outcome::Dead(answer) => {
            let died = s
                .first(
                    "UPDATE webhook_outbox SET held = false, last_answer = $3,
                       dead_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint
                     WHERE id = $1 AND attempts = $2 RETURNING tenant",
                    &[&row, &attempt, answer],
                )
                .await?;
            if let Some(died) = died {
                let tenant: &str = died.try_get(0)?;
                s.execute(
                    "DELETE FROM webhook_outbox WHERE id IN (SELECT id FROM webhook_outbox
                     WHERE tenant = $1 AND dead_at IS NOT NULL ORDER BY id DESC OFFSET $2)",
                    &[&tenant, &limit(DEAD_MAX)],
                )
                .await?;
            }
        }
    }
    Ok(())
}
