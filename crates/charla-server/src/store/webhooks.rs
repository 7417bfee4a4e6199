//! What the application is told over HTTP, as it waits in the store: the contract of [`WebhookStore`], and [`Hooks`], which
//! knows what is to be written there.
//!
//! What tells of something stored is written in the same transaction: a message that is acknowledged is a webhook that will be
//! sent. Where no endpoint wants an event, nothing is written and nothing is asked.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use charla_wire::{TenantId, Timestamp};
use secrecy::SecretString;
use tokio::sync::watch;
use uuid::Uuid;

use super::StoreFuture;
use crate::telemetry::TraceContext;

mod erased;
mod event;

pub(in crate::store) use erased::{ERASED_AT_ONCE, without, written};
pub use event::{Ended, Event, EventKind, Kinds};

/// Dead letters that are kept for a tenant: beyond, the oldest goes.
pub const DEAD_MAX: usize = 10_000;
/// The most dead letters that one call gives.
pub const LETTERS_MAX: usize = 200;

/// An endpoint that was made over the API. Those of the file are not in the store.
#[derive(Debug, Clone)]
pub struct WebhookEndpoint {
    /// Its id.
    pub id: Arc<str>,
    /// Whose events it gets.
    pub tenant: TenantId,
    /// Where they go.
    pub url: String,
    /// Which.
    pub events: Kinds,
    /// What they are signed with: `whsec_` and base64.
    pub secret: SecretString,
    /// What they are signed with too, until that time.
    pub old_secret: Option<(SecretString, Timestamp)>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One row to be written.
#[derive(Debug, Clone)]
pub(in crate::store) struct Row {
    pub(in crate::store) tenant: TenantId,
    pub(in crate::store) endpoint: Arc<str>,
    pub(in crate::store) lane: Arc<str>,
    pub(in crate::store) event: &'static str,
    pub(in crate::store) webhook_id: Arc<str>,
    pub(in crate::store) body: Arc<str>,
    pub(in crate::store) trace: Option<Arc<str>>,
}

/// Something to be sent, and held for whoever got it until the lease is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its row.
    pub row: i64,
    /// How often it was tried, this time included. With the row it names this lease.
    pub attempt: u32,
    /// The id that receivers know repeats by.
    pub webhook_id: String,
    /// What is sent.
    pub body: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// The trace of what it tells of, as a `traceparent`, where that is recorded.
    pub trace: Option<String>,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Delivered,
    /// It is tried again after that time.
    Again(Duration, String),
    /// It is given up.
    Dead(String),
}

/// A delivery's end.
#[derive(Debug, Clone)]
pub struct Settled {
    /// Its row.
    pub row: i64,
    /// Its attempt.
    pub attempt: u32,
    /// What became of it. The words say what the endpoint answered.
    pub outcome: Outcome,
}

/// What an endpoint's sender tells and wants.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Whose turn it is.
    pub endpoint: Arc<str>,
    /// What became of what was sent.
    pub settled: Vec<Settled>,
    /// How many more may be sent.
    pub free: usize,
    /// For how long they are held.
    pub lease: Duration,
}

/// What a sender gets: the first of each lane that is due, in no lane more than one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// To be sent.
    pub deliveries: Vec<Delivery>,
    /// When the next one is due, if there is one.
    pub next_in: Option<Duration>,
}

/// What waits for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// Whose.
    pub tenant: TenantId,
    /// For which.
    pub endpoint: Arc<str>,
    /// How many.
    pub waiting: u64,
    /// The oldest.
    pub since: Timestamp,
}

/// Something that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its row.
    pub row: i64,
    /// Whose.
    pub tenant: TenantId,
    /// For which endpoint.
    pub endpoint: String,
    /// Which event.
    pub event: String,
    /// The id that receivers know repeats by.
    pub webhook_id: String,
    /// When it happened.
    pub created_at: Timestamp,
    /// When it was given up.
    pub dead_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// What the endpoint said last.
    pub last_answer: Option<String>,
    /// What was sent.
    pub body: String,
}

/// Which dead letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Letters {
    /// Of one tenant.
    pub tenant: Option<TenantId>,
    /// For one endpoint.
    pub endpoint: Option<String>,
    /// This one.
    pub row: Option<i64>,
}

/// The part of a store that webhooks stand on.
///
/// Rows of one endpoint and lane are given out in the order they were committed, the next one only when the one before is
/// settled as delivered or dead. A row that was given out and not settled within its lease is given out again.
pub trait WebhookStore {
    /// Who wants what: what tells of something stored is written by it.
    fn hooks(&self) -> &Arc<Hooks>;
    /// The endpoints that were made over the API, by id.
    fn webhook_endpoints(&self) -> StoreFuture<'_, Vec<WebhookEndpoint>>;
    /// Makes or replaces one. The tenant must exist (`false` otherwise).
    fn put_webhook_endpoint(&self, endpoint: WebhookEndpoint) -> StoreFuture<'_, bool>;
    /// Forgets an endpoint, with all that waits for it and all that was given up; says whether it was one of the API's.
    fn remove_webhook_endpoint<'a>(&'a self, tenant: &'a TenantId, id: &'a str) -> StoreFuture<'a, bool>;
    /// Those that get nothing until somebody enables them, and since when.
    fn disabled_webhooks(&self) -> StoreFuture<'_, Vec<(String, Timestamp)>>;
    /// Disables an endpoint, or enables it again.
    fn disable_webhook<'a>(&'a self, id: &'a str, disabled: bool) -> StoreFuture<'a, ()>;
    /// Writes events down that tell of nothing stored.
    fn queue_webhooks(&self, events: Vec<Event>) -> StoreFuture<'_, ()>;
    /// Settles what was sent, and gives out what is due.
    fn webhook_turn(&self, turn: Turn) -> StoreFuture<'_, Taken>;
    /// Lets go what a process held that is no more, where only one can have the store.
    fn release_webhooks(&self) -> StoreFuture<'_, ()>;
    /// What waits, by endpoint.
    fn webhook_backlog(&self) -> StoreFuture<'_, Vec<Backlog>>;
    /// Dead letters, the newest first, below the row `before`.
    fn dead_letters(
        &self,
        which: Letters,
        before: Option<i64>,
        limit: usize,
    ) -> StoreFuture<'_, Vec<DeadLetter>>;
    /// Has dead letters sent again, as if they were new; how many.
    fn revive_letters(&self, which: Letters) -> StoreFuture<'_, u64>;
    /// Throws dead letters away; how many.
    fn remove_letters(&self, which: Letters) -> StoreFuture<'_, u64>;
}

/// What one tenant's endpoints want.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Each endpoint with its events.
    pub endpoints: Vec<(Arc<str>, Kinds)>,
    /// How many rows may be written before somebody counts again.
    pub room: i64,
}

#[derive(Debug, Default)]
struct Heard {
    endpoints: Vec<(Arc<str>, Kinds)>,
    room: AtomicI64,
}

/// Who wants to be told of what: the one thing that a store asks on its way to a commit.
#[derive(Debug)]
pub struct Hooks {
    tenants: ArcSwap<HashMap<TenantId, Heard>>,
    // Something was written since the last call of `wake`.
    fresh: AtomicBool,
    lost: AtomicU64,
    queued: watch::Sender<u64>,
}

impl Default for Hooks {
    fn default() -> Self {
        Self {
            tenants: ArcSwap::default(),
            fresh: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            queued: watch::Sender::new(0),
        }
    }
}

impl Hooks {
    /// From now on this is wanted.
    pub fn listen(&self, wanted: HashMap<TenantId, Wanted>) {
        let heard = wanted.into_iter().map(|(tenant, wanted)| {
            let heard = Heard {
                endpoints: wanted.endpoints,
                room: AtomicI64::new(wanted.room),
            };
            (tenant, heard)
        });
        self.tenants.store(Arc::new(heard.collect()));
    }

    /// Whether anybody wants to hear of such events of a tenant.
    #[must_use]
    pub fn wants(&self, tenant: &TenantId, kind: EventKind) -> bool {
        let tenants = self.tenants.load();
        let heard = tenants.get(tenant);
        heard.is_some_and(|heard| heard.endpoints.iter().any(|(_, kinds)| kinds.has(kind)))
    }

    /// Events that were not written down because the tenant's outbox was full, each as often as endpoints wanted it.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// As many more are lost.
    pub fn lose(&self, events: u64) {
        self.lost.fetch_add(events, Ordering::Relaxed);
    }

    /// Hears of each commit that had something to send.
    #[must_use]
    pub fn queued(&self) -> watch::Receiver<u64> {
        self.queued.subscribe()
    }

    /// The rows that tell of an event that belongs to no trace.
    pub(in crate::store) fn rows(&self, event: &Event) -> Vec<Row> {
        self.rows_of(event, None)
    }

    /// The rows that tell of an event; none where nobody wants it. What does not fit any more is lost, and counted: a message is
    /// never refused for it.
    pub(in crate::store) fn rows_of(&self, event: &Event, trace: Option<TraceContext>) -> Vec<Row> {
        let tenants = self.tenants.load();
        let Some(heard) = tenants.get(event.tenant()) else {
            return Vec::new();
        };
        let kind = event.kind();
        let mut wanting = heard
            .endpoints
            .iter()
            .filter(|(_, kinds)| kinds.has(kind))
            .peekable();
        if wanting.peek().is_none() {
            return Vec::new();
        }
        let (webhook_id, body, lane) = (fresh_id(), event.body(), event.lane());
        let trace: Option<Arc<str>> = trace.map(|trace| trace.traceparent().into());
        let mut rows = Vec::new();
        for (endpoint, _) in wanting {
            if heard.room.fetch_sub(1, Ordering::Relaxed) <= 0 {
                self.lose(1);
                continue;
            }
            rows.push(Row {
                tenant: event.tenant().clone(),
                endpoint: Arc::clone(endpoint),
                lane: Arc::clone(&lane),
                event: kind.name(),
                webhook_id: Arc::clone(&webhook_id),
                body: Arc::clone(&body),
                trace: trace.as_ref().map(Arc::clone),
            });
        }
        if !rows.is_empty() {
            self.fresh.store(true, Ordering::Relaxed);
        }
        rows
    }

    /// A transaction was committed: whoever sends looks, if anything was written.
    pub(in crate::store) fn wake(&self) {
        if self.fresh.swap(false, Ordering::Relaxed) {
            self.look();
        }
    }

    /// Whoever sends looks, if anybody wants anything.
    pub(in crate::store) fn look_if_heard(&self) {
        if !self.tenants.load().is_empty() {
            self.look();
        }
    }

    /// Whoever sends looks.
    pub fn look(&self) {
        self.queued.send_modify(|count| *count = count.wrapping_add(1));
    }
}

fn fresh_id() -> Arc<str> {
    format!("msg_{}", Uuid::now_v7().simple()).into()
}

#[cfg(test)]
mod tests {
    use charla_core::RoomKey;
    use charla_wire::{ChatId, UserId};

    use super::*;

    fn joined(tenant: &str) -> Event {
        Event::MemberJoined {
            room: RoomKey {
                tenant: TenantId::parse(tenant).unwrap(),
                chat: ChatId::parse("5").unwrap(),
            },
            user: UserId::parse("ana").unwrap(),
            at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn only_what_is_wanted_is_written_and_only_as_far_as_there_is_room() {
        let hooks = Hooks::default();
        assert!(hooks.rows(&joined("acme")).is_empty());
        let kinds = Kinds::of(&[EventKind::MemberJoined]);
        let wanted = Wanted {
            endpoints: vec![
                ("a".into(), kinds),
                ("b".into(), Kinds::of(&[EventKind::ChatClosed])),
                ("c".into(), kinds),
            ],
            room: 3,
        };
        hooks.listen([(TenantId::parse("acme").unwrap(), wanted)].into());
        assert!(hooks.rows(&joined("other")).is_empty());
        let rows = hooks.rows(&joined("acme"));
        let endpoints: Vec<&str> = rows.iter().map(|row| &*row.endpoint).collect();
        assert_eq!(endpoints, ["a", "c"]);
        assert_eq!(rows[0].webhook_id, rows[1].webhook_id);
        assert_eq!((hooks.rows(&joined("acme")).len(), hooks.lost()), (1, 1));
        assert_eq!((hooks.rows(&joined("acme")).len(), hooks.lost()), (0, 3));
    }
}
