//! What the application is told over HTTP: written with what it tells of, given out lane by lane.

use std::sync::Arc;
use std::time::Duration;

use charla_core::UserKey;
use charla_wire::{TenantId, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};
use secrecy::{ExposeSecret as _, SecretString};

use super::Sqlite;
use super::rows::{id, limit, time, unsigned};
use super::writer::Writing;
use crate::store::StoreFuture;
use crate::store::care::Words;
use crate::store::webhooks::{
    Backlog, DEAD_MAX, DeadLetter, Delivery, ERASED_AT_ONCE, Event, Hooks, Kinds, LETTERS_MAX, Letters,
    Outcome, Row as Queued, Settled, Taken, Turn, WebhookEndpoint, WebhookStore, without, written,
};

/// The condition of [`Letters`] as the first three parameters.
macro_rules! which {
    () => {
        "dead_at IS NOT NULL AND (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR endpoint = ?2) AND (?3 IS NULL OR id = ?3)"
    };
}

impl WebhookStore for Sqlite {
    fn hooks(&self) -> &Arc<Hooks> {
        &self.hooks
    }

    fn webhook_endpoints(&self) -> StoreFuture<'_, Vec<WebhookEndpoint>> {
        self.readers.read(endpoints)
    }

    fn put_webhook_endpoint(&self, endpoint: WebhookEndpoint) -> StoreFuture<'_, bool> {
        self.write(move |w| put_endpoint(w, &endpoint))
    }

    fn remove_webhook_endpoint<'a>(&'a self, tenant: &'a TenantId, id: &'a str) -> StoreFuture<'a, bool> {
        let (tenant, id) = (tenant.clone(), id.to_owned());
        self.write(move |w| remove_endpoint(w, &tenant, &id))
    }

    fn disabled_webhooks(&self) -> StoreFuture<'_, Vec<(String, Timestamp)>> {
        self.readers.read(|conn| {
            conn.prepare_cached("SELECT endpoint, at FROM webhook_disabled ORDER BY endpoint")?
                .query_map([], |row| Ok((row.get(0)?, time(row, 1)?)))?
                .collect()
        })
    }

    fn disable_webhook<'a>(&'a self, id: &'a str, disabled: bool) -> StoreFuture<'a, ()> {
        let id = id.to_owned();
        self.write(move |w| {
            if disabled {
                w.conn
                    .prepare_cached(
                        "INSERT INTO webhook_disabled (endpoint, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                    )?
                    .execute(params![id, w.now.as_millis()])?;
            } else {
                w.conn
                    .prepare_cached("DELETE FROM webhook_disabled WHERE endpoint = ?1")?
                    .execute([id])?;
            }
            Ok(())
        })
    }

    fn queue_webhooks(&self, events: Vec<Event>) -> StoreFuture<'_, ()> {
        self.write(move |w| {
            events
                .iter()
                .try_for_each(|event| queue(w.conn, w.hooks, w.now, event))
        })
    }

    fn webhook_turn(&self, turn: Turn) -> StoreFuture<'_, Taken> {
        Box::pin(async move {
            if turn.settled.is_empty() {
                // Whoever finds nothing to do has not written.
                let (endpoint, now, free) = (Arc::clone(&turn.endpoint), (self.clock)(), turn.free);
                let heads = self
                    .readers
                    .read(move |conn| heads(conn, &endpoint, free))
                    .await?;
                let (due, next_in) = due(&heads, now);
                if due.is_empty() {
                    return Ok(Taken {
                        deliveries: Vec::new(),
                        next_in,
                    });
                }
            }
            self.write(move |w| take(w, &turn)).await
        })
    }

    fn release_webhooks(&self) -> StoreFuture<'_, ()> {
        self.write(|w| {
            w.conn.execute(
                "UPDATE webhook_outbox SET held = 0, due_at = 0 WHERE held = 1",
                [],
            )?;
            Ok(())
        })
    }

    fn webhook_backlog(&self) -> StoreFuture<'_, Vec<Backlog>> {
        self.readers.read(|conn| {
            conn.prepare_cached(
                "SELECT tenant, endpoint, count(*), min(created_at) FROM webhook_outbox
                 WHERE dead_at IS NULL GROUP BY tenant, endpoint",
            )?
            .query_map([], |row| {
                Ok(Backlog {
                    tenant: id(row, 0)?,
                    endpoint: row.get(1)?,
                    waiting: unsigned(row, 2)?,
                    since: time(row, 3)?,
                })
            })?
            .collect()
        })
    }

    fn dead_letters(
        &self,
        which: Letters,
        before: Option<i64>,
        most: usize,
    ) -> StoreFuture<'_, Vec<DeadLetter>> {
        self.readers.read(move |conn| {
            conn.prepare_cached(concat!(
                "SELECT id, tenant, endpoint, event, webhook_id, created_at, dead_at, attempts, last_answer, body
                 FROM webhook_outbox WHERE ",
                which!(),
                " AND id < ?4 ORDER BY id DESC LIMIT ?5"
            ))?
            .query_map(
                params![
                    which.tenant.as_ref().map(TenantId::as_str),
                    which.endpoint,
                    which.row,
                    before.unwrap_or(i64::MAX),
                    limit(most.min(LETTERS_MAX))
                ],
                letter,
            )?
            .collect()
        })
    }

    fn revive_letters(&self, which: Letters) -> StoreFuture<'_, u64> {
        let hooks = Arc::clone(&self.hooks);
        let revived = self.write(move |w| {
            let change = concat!(
                "UPDATE webhook_outbox SET dead_at = NULL, due_at = 0, held = 0, attempts = 0 WHERE ",
                which!()
            );
            changed(w, change, &which)
        });
        Box::pin(async move {
            let count = revived.await?;
            hooks.look();
            Ok(count)
        })
    }

    fn remove_letters(&self, which: Letters) -> StoreFuture<'_, u64> {
        self.write(move |w| changed(w, concat!("DELETE FROM webhook_outbox WHERE ", which!()), &which))
    }
}

fn changed(w: &Writing<'_>, sql: &str, which: &Letters) -> Result<u64> {
    let tenant = which.tenant.as_ref().map(TenantId::as_str);
    let count = w
        .conn
        .prepare_cached(sql)?
        .execute(params![tenant, which.endpoint, which.row])?;
    Ok(count as u64)
}

fn letter(row: &Row<'_>) -> Result<DeadLetter> {
    Ok(DeadLetter {
        row: row.get(0)?,
        tenant: id(row, 1)?,
        endpoint: row.get(2)?,
        event: row.get(3)?,
        webhook_id: row.get(4)?,
        created_at: time(row, 5)?,
        dead_at: time(row, 6)?,
        attempts: row.get(7)?,
        last_answer: row.get(8)?,
        body: row.get(9)?,
    })
}

/// Writes down what tells of an event, inside whatever transaction is open.
pub(super) fn queue(conn: &Connection, hooks: &Hooks, now: Timestamp, event: &Event) -> Result<()> {
    write(conn, now, hooks.rows(event))
}

/// Writes rows down, inside whatever transaction is open.
pub(super) fn write(conn: &Connection, now: Timestamp, rows: Vec<Queued>) -> Result<()> {
    for row in rows {
        conn.prepare_cached(
            "INSERT INTO webhook_outbox (tenant, endpoint, lane, event, webhook_id, body, created_at, trace)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            row.tenant.as_str(),
            row.endpoint,
            row.lane,
            row.event,
            row.webhook_id,
            row.body,
            now.as_millis(),
            row.trace,
        ])?;
    }
    Ok(())
}

/// Takes a person out of what waits and what was given up.
pub(super) fn erase(conn: &Connection, person: &UserKey, alias: &UserId, words: Words) -> Result<()> {
    let (tenant, user) = (person.tenant.as_str(), written(&person.user));
    let mut after = 0;
    loop {
        let told: Vec<(i64, String)> = conn
            .prepare_cached(
                "SELECT id, body FROM webhook_outbox
                 WHERE tenant = ?1 AND instr(body, ?2) > 0 AND id > ?3 ORDER BY id LIMIT ?4",
            )?
            .query_map(params![tenant, user, after, limit(ERASED_AT_ONCE)], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .collect::<Result<_>>()?;
        let Some((last, _)) = told.last() else {
            return Ok(());
        };
        after = *last;
        for (row, body) in told {
            if let Some(body) = without(&body, &person.user, alias, words) {
                conn.prepare_cached("UPDATE webhook_outbox SET body = ?2 WHERE id = ?1")?
                    .execute(params![row, body])?;
            }
        }
    }
}

fn endpoints(conn: &Connection) -> Result<Vec<WebhookEndpoint>> {
    conn.prepare_cached(
        "SELECT id, tenant, url, events, secret, old_secret, old_until, created_at FROM webhook_endpoints ORDER BY id",
    )?
    .query_map([], |row| {
        let events: String = row.get(3)?;
        let secret: String = row.get(4)?;
        let old: Option<String> = row.get(5)?;
        let until: Option<i64> = row.get(6)?;
        Ok(WebhookEndpoint {
            id: row.get(0)?,
            tenant: id(row, 1)?,
            url: row.get(2)?,
            events: Kinds::named(&events),
            secret: SecretString::from(secret),
            old_secret: old
                .zip(until)
                .map(|(old, until)| (SecretString::from(old), Timestamp::from_millis(until))),
            created_at: time(row, 7)?,
        })
    })?
    .collect()
}

fn put_endpoint(w: &Writing<'_>, endpoint: &WebhookEndpoint) -> Result<bool> {
    if super::directory::tenant(w.conn, &endpoint.tenant)?.is_none() {
        return Ok(false);
    }
    let old = endpoint.old_secret.as_ref();
    w.conn
        .prepare_cached(
            "INSERT INTO webhook_endpoints (id, tenant, url, events, secret, old_secret, old_until, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (id) DO UPDATE SET url = excluded.url, events = excluded.events, secret = excluded.secret,
               old_secret = excluded.old_secret, old_until = excluded.old_until",
        )?
        .execute(params![
            endpoint.id,
            endpoint.tenant.as_str(),
            endpoint.url,
            endpoint.events.names().join(" "),
            endpoint.secret.expose_secret(),
            old.map(|(secret, _)| secret.expose_secret()),
            old.map(|(_, until)| until.as_millis()),
            endpoint.created_at.as_millis(),
        ])?;
    Ok(true)
}

fn remove_endpoint(w: &Writing<'_>, tenant: &TenantId, id: &str) -> Result<bool> {
    let key = [tenant.as_str(), id];
    let removed = w
        .conn
        .prepare_cached("DELETE FROM webhook_endpoints WHERE tenant = ?1 AND id = ?2")?
        .execute(key)?;
    let left = w
        .conn
        .prepare_cached("DELETE FROM webhook_outbox WHERE tenant = ?1 AND endpoint = ?2")?
        .execute(key)?;
    if removed + left > 0 {
        w.conn
            .prepare_cached("DELETE FROM webhook_disabled WHERE endpoint = ?1")?
            .execute([id])?;
    }
    Ok(removed == 1)
}

/// The first row of each lane, the one that is due first before the others: as many as are asked for, and one more. Goes from lane
/// to lane by the index, so that what waits behind costs nothing.
const HEADS: &str = "WITH RECURSIVE lanes (lane) AS (
       SELECT min(lane) FROM webhook_outbox WHERE endpoint = ?1 AND dead_at IS NULL
       UNION ALL
       SELECT (SELECT min(o.lane) FROM webhook_outbox o
               WHERE o.endpoint = ?1 AND o.dead_at IS NULL AND o.lane > lanes.lane)
       FROM lanes WHERE lanes.lane IS NOT NULL)
     SELECT h.id, h.due_at FROM lanes
     JOIN webhook_outbox h ON h.id = (
       SELECT min(o.id) FROM webhook_outbox o WHERE o.endpoint = ?1 AND o.dead_at IS NULL AND o.lane = lanes.lane)
     WHERE lanes.lane IS NOT NULL ORDER BY h.due_at, h.id LIMIT ?2";

type Head = (i64, Timestamp);

fn heads(conn: &Connection, endpoint: &str, free: usize) -> Result<Vec<Head>> {
    conn.prepare_cached(HEADS)?
        .query_map(params![endpoint, limit(free + 1)], |row| {
            Ok((row.get(0)?, time(row, 1)?))
        })?
        .collect()
}

/// Those that are due, and when the first of the others is.
fn due(heads: &[Head], now: Timestamp) -> (Vec<i64>, Option<Duration>) {
    let (due, later): (Vec<&Head>, Vec<&Head>) = heads.iter().partition(|(_, at)| *at <= now);
    let next = later.first().map(|(_, at)| {
        let wait = at.as_millis().saturating_sub(now.as_millis());
        Duration::from_millis(u64::try_from(wait).unwrap_or(0))
    });
    (due.into_iter().map(|(row, _)| *row).collect(), next)
}

fn take(w: &Writing<'_>, turn: &Turn) -> Result<Taken> {
    for settled in &turn.settled {
        settle(w, settled)?;
    }
    let heads = heads(w.conn, &turn.endpoint, turn.free)?;
    let (mut rows, next_in) = due(&heads, w.now);
    rows.truncate(turn.free);
    let until = w
        .now
        .plus_millis(i64::try_from(turn.lease.as_millis()).unwrap_or(i64::MAX));
    let mut deliveries = Vec::new();
    for row in rows {
        deliveries.push(
            w.conn
                .prepare_cached(
                    "UPDATE webhook_outbox SET due_at = ?2, held = 1, attempts = attempts + 1 WHERE id = ?1
                     RETURNING id, attempts, webhook_id, body, created_at, trace",
                )?
                .query_row(params![row, until.as_millis()], delivery)?,
        );
    }
    Ok(Taken { deliveries, next_in })
}

fn delivery(row: &Row<'_>) -> Result<Delivery> {
    Ok(Delivery {
        row: row.get(0)?,
        attempt: row.get(1)?,
        webhook_id: row.get(2)?,
        body: row.get(3)?,
        created_at: time(row, 4)?,
        trace: row.get(5)?,
    })
}

/// Settles a delivery, unless its lease was over and somebody else has it.
fn settle(w: &Writing<'_>, settled: &Settled) -> Result<()> {
    let (row, attempt) = (settled.row, settled.attempt);
    match &settled.outcome {
        Outcome::Delivered => {
            w.conn
                .prepare_cached("DELETE FROM webhook_outbox WHERE id = ?1 AND attempts = ?2")?
                .execute(params![row, attempt])?;
        }
        Outcome::Again(wait, answer) => {
            let due = w
                .now
                .plus_millis(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
            w.conn
                .prepare_cached(
                    "UPDATE webhook_outbox SET due_at = ?3, held = 0, last_answer = ?4 WHERE id = ?1 AND attempts = ?2",
                )?
                .execute(params![row, attempt, due.as_millis(), answer])?;
        }
        Outcome::Dead(answer) => {
            let tenant: Option<String> = w
                .conn
                .prepare_cached(
                    "UPDATE webhook_outbox SET dead_at = ?3, held = 0, last_answer = ?4 WHERE id = ?1 AND attempts = ?2
                     RETURNING tenant",
                )?
                .query_row(params![row, attempt, w.now.as_millis(), answer], |row| row.get(0))
                .optional()?;
            if let Some(tenant) = tenant {
                w.conn
                    .prepare_cached(
                        "DELETE FROM webhook_outbox WHERE id IN (SELECT id FROM webhook_outbox
                         WHERE tenant = ?1 AND dead_at IS NOT NULL ORDER BY id DESC LIMIT -1 OFFSET ?2)",
                    )?
                    .execute(params![tenant, limit(DEAD_MAX)])?;
            }
        }
    }
    Ok(())
}
