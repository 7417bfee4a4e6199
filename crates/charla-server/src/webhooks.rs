//! What the application is told over HTTP: who is told, and who sends what waits in the store.
//!
//! Each endpoint has a sender of its own ([`sender`]), so that a slow one keeps nobody waiting. Endpoints stand in the file or were
//! made over the API; what another node did is seen within [`LOOK_EVERY`].

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use charla_core::UserKey;
use charla_wire::TenantId;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::connection::{Connection, Ending};
use crate::console::minutes::Why;
use crate::node::Node;
use crate::store::StoreError;
use crate::store::webhooks::{Backlog, Ended, Event, EventKind, Wanted};

mod figures;
mod post;
mod retry;
mod sender;

pub(crate) use figures::WebhookFigures;
pub(crate) use post::Endpoint;

/// How often a node looks for endpoints that others made, and counts what waits.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long whoever changed an endpoint waits for it to be looked up.
const LOOKED_WITHIN: Duration = Duration::from_secs(5);
/// Ends of connections that may wait to be written: beyond, they are lost and counted.
const CLOSES_WAITING: usize = 4096;
/// Of those, how many are written at once.
const CLOSES_AT_ONCE: usize = 256;

enum Close {
    Ended(Box<Ended>),
    /// Say when all before is written.
    Flush(oneshot::Sender<()>),
}

/// A node's endpoints, and what it is about to tell them.
pub(crate) struct Webhooks {
    endpoints: ArcSwap<HashMap<Arc<str>, Arc<Endpoint>>>,
    backlog: ArcSwap<Vec<Backlog>>,
    changed: Notify,
    // How often somebody asked for a look, and up to which of them somebody has looked.
    asked: AtomicU64,
    looked: watch::Sender<u64>,
    is_full: AtomicBool,
    closes: mpsc::Sender<Close>,
    closes_in: Mutex<Option<mpsc::Receiver<Close>>>,
}

impl Default for Webhooks {
    fn default() -> Self {
        let (closes, closes_in) = mpsc::channel(CLOSES_WAITING);
        Self {
            endpoints: ArcSwap::default(),
            backlog: ArcSwap::default(),
            changed: Notify::new(),
            asked: AtomicU64::new(0),
            looked: watch::Sender::new(0),
            is_full: AtomicBool::new(false),
            closes,
            closes_in: Mutex::new(Some(closes_in)),
        }
    }
}

impl Webhooks {
    /// All endpoints by id.
    pub(crate) fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        let mut all: Vec<_> = self.endpoints.load().values().cloned().collect();
        all.sort_by(|a, b| (&a.tenant, &a.id).cmp(&(&b.tenant, &b.id)));
        all
    }

    /// What waited when it was counted last.
    pub(crate) fn backlog(&self) -> Arc<Vec<Backlog>> {
        self.backlog.load_full()
    }

    /// Whether events of a tenant are lost because as many wait as may.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    fn find(&self, id: &str) -> Option<Arc<Endpoint>> {
        self.endpoints.load().get(id).cloned()
    }
}

/// Sees to it that everybody who should be told is known before anything happens, and starts telling.
///
/// # Errors
/// When the store fails.
pub(crate) async fn start(node: &Arc<Node>) -> Result<Vec<JoinHandle<()>>, StoreError> {
    node.store.release_webhooks().await?;
    let mut keeper = Keeper {
        node: Arc::clone(node),
        senders: HashMap::new(),
        lost: 0,
    };
    keeper.look().await?;
    let mut tasks = vec![tokio::spawn(keeper.keep())];
    if let Some(closes) = node.webhooks.closes_in.lock().take() {
        tasks.push(tokio::spawn(write_closes(Arc::clone(node), closes)));
    }
    Ok(tasks)
}

/// Whoever knows the endpoints, and has a sender at work for each.
struct Keeper {
    node: Arc<Node>,
    senders: HashMap<Arc<str>, AbortOnDrop>,
    lost: u64,
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Keeper {
    async fn keep(mut self) {
        let mut failed = false;
        loop {
            let changed = self.node.webhooks.changed.notified();
            // Nobody changed anything: it is time to look all the same.
            let _ = tokio::time::timeout(LOOK_EVERY, changed).await;
            let looked = self.look().await;
            if let Err(error) = &looked
                && !failed
                && !self.node.is_draining()
            {
                tracing::warn!(%error, "the endpoints of webhooks cannot be looked up");
            }
            failed = looked.is_err();
        }
    }

    /// Finds out who is told what, and how much waits.
    async fn look(&mut self) -> Result<(), StoreError> {
        let asked = self.node.webhooks.asked.load(Ordering::SeqCst);
        let store = &self.node.store;
        let made = store.webhook_endpoints().await?;
        let disabled: HashMap<_, _> = store.disabled_webhooks().await?.into_iter().collect();
        let backlog = store.webhook_backlog().await?;
        let file = self.node.settings.webhooks.endpoints.iter();
        let endpoints = file
            .filter_map(Endpoint::of_file)
            .chain(
                made.iter()
                    .filter_map(|made| Endpoint::made(made, (self.node.clock)())),
            )
            .map(|mut endpoint| {
                endpoint.disabled_at = disabled.get(&*endpoint.id).copied();
                (Arc::clone(&endpoint.id), Arc::new(endpoint))
            });
        let endpoints: HashMap<Arc<str>, Arc<Endpoint>> = endpoints.collect();
        self.listen(&endpoints, &backlog);
        self.count(&backlog);
        let webhooks = &self.node.webhooks;
        webhooks.endpoints.store(Arc::new(endpoints));
        webhooks.backlog.store(Arc::new(backlog));
        self.send();
        self.node.webhooks.looked.send_replace(asked);
        Ok(())
    }

    /// Has the store write down what is wanted, as far as there is room.
    fn listen(&self, endpoints: &HashMap<Arc<str>, Arc<Endpoint>>, backlog: &[Backlog]) {
        let most = i64::try_from(self.node.settings.webhooks.outbox_max).unwrap_or(i64::MAX);
        let mut wanted: HashMap<TenantId, Wanted> = HashMap::new();
        for endpoint in endpoints
            .values()
            .filter(|endpoint| endpoint.disabled_at.is_none())
        {
            let wants = wanted.entry(endpoint.tenant.clone()).or_default();
            wants.endpoints.push((Arc::clone(&endpoint.id), endpoint.events));
        }
        for (tenant, wants) in &mut wanted {
            let waiting = backlog.iter().filter(|line| line.tenant == *tenant);
            let waiting: u64 = waiting.map(|line| line.waiting).sum();
            wants.room = most - i64::try_from(waiting).unwrap_or(i64::MAX);
        }
        let is_full = wanted.values().any(|wants| wants.room <= 0);
        if is_full && !self.node.webhooks.is_full.swap(is_full, Ordering::Relaxed) {
            tracing::error!(
                outbox_max = most,
                cause = "webhooks_full",
                "as many webhooks of a tenant wait as may: further events are lost"
            );
        }
        self.node.webhooks.is_full.store(is_full, Ordering::Relaxed);
        self.node.store.hooks().listen(wanted);
    }

    fn count(&mut self, backlog: &[Backlog]) {
        let figures = &self.node.metrics.webhooks;
        let waiting: u64 = backlog.iter().map(|line| line.waiting).sum();
        figures.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        let oldest = backlog.iter().map(|line| line.since).min();
        let now = (self.node.clock)().as_millis();
        let age = oldest.map_or(0, |since| now.saturating_sub(since.as_millis()).max(0) / 1000);
        figures.oldest.set(age);
        let lost = self.node.store.hooks().lost();
        figures.lost.inc_by(lost - self.lost);
        self.lost = lost;
        figures.full.set(self.node.webhooks.is_full().into());
    }

    /// One sender for each endpoint that is not disabled; those of others end by themselves.
    fn send(&mut self) {
        self.senders.retain(|_, sender| !sender.0.is_finished());
        let sending: BTreeSet<Arc<str>> = self.senders.keys().cloned().collect();
        for endpoint in self.node.webhooks.endpoints() {
            if endpoint.disabled_at.is_none() && !sending.contains(&endpoint.id) {
                let id = Arc::clone(&endpoint.id);
                let sender = tokio::spawn(sender::send(Arc::clone(&self.node), Arc::clone(&id)));
                self.senders.insert(id, AbortOnDrop(sender));
            }
        }
    }
}

/// Writes down how connections ended.
async fn write_closes(node: Arc<Node>, mut closes: mpsc::Receiver<Close>) {
    let mut batch = Vec::with_capacity(CLOSES_AT_ONCE);
    while closes.recv_many(&mut batch, CLOSES_AT_ONCE).await > 0 {
        let mut events = Vec::new();
        let mut waiters = Vec::new();
        for close in batch.drain(..) {
            match close {
                Close::Ended(ended) => events.push(Event::ConnectionClosed(ended)),
                Close::Flush(waiter) => waiters.push(waiter),
            }
        }
        let count = events.len();
        if count > 0
            && let Err(error) = node.store.queue_webhooks(events).await
        {
            tracing::warn!(%error, count, "ends of connections could not be written down for webhooks");
            node.store.hooks().lose(count as u64);
        }
        for waiter in waiters {
            // Whoever asked may be in a hurry.
            let _ = waiter.send(());
        }
    }
}

impl Node {
    /// A connection has ended: whoever wants to hear of it will.
    pub(crate) fn tell_closed(&self, connection: &Connection, ending: Ending) {
        let hooks = self.store.hooks();
        let UserKey { tenant, user } = &connection.opening.visitor.key;
        if !hooks.wants(tenant, EventKind::ConnectionClosed) {
            return;
        }
        let opening = &connection.opening;
        let ended = Ended {
            tenant: tenant.clone(),
            user: user.clone(),
            connection: opening.id,
            chat: opening.home.clone(),
            cause: Why(ending.cause).id(),
            initiator: ending.initiator.as_str(),
            opened_at: opening.since,
            closed_at: (self.clock)(),
            lasted_ms: self.uptime.now().saturating_sub(opening.opened_at),
        };
        if self
            .webhooks
            .closes
            .try_send(Close::Ended(Box::new(ended)))
            .is_err()
        {
            hooks.lose(1);
        }
    }

    /// Comes back when the ends of connections so far are written down.
    pub(crate) async fn write_last_closes(&self) {
        let (waiter, written) = oneshot::channel();
        if self.webhooks.closes.send(Close::Flush(waiter)).await.is_ok() {
            let _ = written.await;
        }
    }

    /// Has the endpoints looked up again at once: they were changed here.
    pub(crate) fn look_at_webhooks(&self) {
        self.webhooks.changed.notify_one();
    }

    /// The same, and comes back when that is done, or the store does not answer.
    pub(crate) async fn webhooks_looked_up(&self) {
        let asked = self.webhooks.asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.look_at_webhooks();
        let mut looked = self.webhooks.looked.subscribe();
        let done = looked.wait_for(|looked| *looked >= asked);
        let _ = tokio::time::timeout(LOOKED_WITHIN, done).await;
    }
}
