//! A server's start: store, node and listener set up in order. How it ends stands in `drain`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::application::{Application, ApplicationError};
use crate::attachments::{self, AttachmentSetupError, Attachments};
use crate::auth::{Auth, AuthSetupError};
use crate::authority::{self, Authority, AuthoritySetupError};
use crate::bridge::{Bridge, BridgeSetupError};
use crate::broker::{Broker, BrokerSetupError, Local, Remote};
use crate::clock::Clock;
use crate::listen::{self, HttpFace, Tls, TlsError};
use crate::metrics::Metrics;
use crate::node::Node;
use crate::settings::Settings;
use crate::store::{self, Store, StoreError};
use crate::telemetry::{Telemetry, TelemetryError};
use crate::{
    clock, console, follow, inbox, limits, loops, outage, peers, publish, retention, timers, webhooks,
};

/// Groups of commits that may wait to be published.
const GROUPS_WAITING: usize = 64;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The way to the application's own database.
    #[error(transparent)]
    Application(#[from] ApplicationError),
    /// Who says who may enter.
    #[error(transparent)]
    Authority(#[from] AuthoritySetupError),
    /// Keys and secrets.
    #[error(transparent)]
    Auth(#[from] AuthSetupError),
    /// The broker.
    #[error(transparent)]
    Broker(#[from] BrokerSetupError),
    /// The bridge to Django Channels.
    #[error(transparent)]
    Bridge(#[from] BridgeSetupError),
    /// Files of messages.
    #[error(transparent)]
    Attachments(#[from] AttachmentSetupError),
    /// Traces.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The certificate and its key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The listening address.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
}

/// A running server. Dropping it leaves its tasks to the runtime; call [`Server::drain`].
pub struct Server {
    pub(crate) node: Arc<Node>,
    pub(crate) store: Arc<dyn Store>,
    address: SocketAddr,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) accepting: JoinHandle<()>,
    pub(crate) tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Opens the store, binds the address and serves.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        Self::start_by(settings, clock::system()).await
    }

    /// As [`Server::start`], by another clock: for tokens, tickets and dates, never for time-outs or order.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub async fn start_by(settings: Settings, clock: Clock) -> Result<Self, StartError> {
        let listener = listen::bind(settings.server.listen);
        Self::start_at(settings, clock, listener).await
    }

    /// As [`Server::start`], on a socket that listens already: a supervisor's, who keeps it open over restarts.
    /// `server.listen` is not used then.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub async fn start_on(settings: Settings, socket: std::net::TcpListener) -> Result<Self, StartError> {
        Self::start_at(settings, clock::system(), listen::take(socket)).await
    }

    async fn start_at(
        settings: Settings,
        clock: Clock,
        listener: io::Result<TcpListener>,
    ) -> Result<Self, StartError> {
        let listener = listener.map_err(|error| StartError::Listen {
            address: settings.server.listen,
            error,
        })?;
        let address = listener.local_addr().unwrap_or(settings.server.listen);
        let tls = settings.server.tls_files().map(Tls::open).transpose()?;
        let metrics = Arc::new(Metrics::default());
        let (committed, groups) = mpsc::channel(GROUPS_WAITING);
        let store = store::open(&settings.store, Arc::clone(&clock), committed).await?;
        let commits = Arc::clone(&metrics);
        store.on_commit(Box::new(move |jobs, took| {
            commits.commit_batch.observe(jobs as f64);
            commits.commit_seconds.observe(took.as_secs_f64());
        }));
        let application = Application::open(&settings.application)?.map(Arc::new);
        let auth = Auth::start(&settings.auth, Arc::clone(&store), Arc::clone(&clock)).await?;
        auth.ask_django(&settings.auth, application.as_ref())?;
        let authority = Authority::open(&settings, application.as_ref(), Arc::clone(&metrics))?;
        let telemetry = Telemetry::start(
            &settings.telemetry,
            &name(address),
            Arc::clone(&metrics.telemetry),
        )?;
        let attachments = Attachments::open(&settings.attachments, &*store).await?;
        let mut node = Node::new(settings, Arc::clone(&store), auth, authority, metrics, clock);
        node.application = application;
        node.epoch = node.store.epoch().await?;
        node.telemetry = telemetry;
        node.tls = tls;
        node.attachments = attachments;
        let node = Arc::new(node);
        node.read_limits().await?;
        node.join(broker(&node)?);
        let bridging = Bridge::start(&node).await?.map(|(bridge, tasks)| {
            // Nobody has set another one.
            let _ = node.bridge.set(bridge);
            tasks
        });
        let telling = webhooks::start(&node).await?;
        let (stop, stopped) = watch::channel(false);
        let face = HttpFace::new(crate::api::router(&node));
        let mut tasks = vec![
            tokio::spawn(publish::publish_committed(Arc::clone(&node), groups)),
            tokio::spawn(inbox::tell_inboxes(Arc::clone(&node))),
            tokio::spawn(inbox::show_moved_chats(Arc::clone(&node))),
            tokio::spawn(follow::watch_store(Arc::clone(&node))),
            tokio::spawn(outage::send_away_after_outages(Arc::clone(&node))),
            tokio::spawn(peers::keep_company(Arc::clone(&node), name(address))),
            tokio::spawn(keep_time(Arc::clone(&node))),
            tokio::spawn(loops::tell_loops(Arc::clone(&node))),
            tokio::spawn(authority::ask_again(Arc::clone(&node))),
            tokio::spawn(limits::follow_limits(Arc::clone(&node))),
            tokio::spawn(console::keep_figures(Arc::clone(&node))),
            tokio::spawn(attachments::keep_attachments(Arc::clone(&node))),
            tokio::spawn(retention::keep_to_retention(Arc::clone(&node))),
            tokio::spawn(listen::follow_certificates(Arc::clone(&node))),
        ];
        tasks.extend(bridging.into_iter().flatten());
        tasks.extend(telling);
        let accepting = tokio::spawn(listen::accept(Arc::clone(&node), listener, face, stopped));
        tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
        Ok(Self {
            node,
            store,
            address,
            stop,
            accepting,
            tasks,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What its connections share.
    #[must_use]
    pub const fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Comes back when an operator wants this server to drain.
    pub async fn drain_asked(&self) {
        self.node.console.drain_asked.notified().await;
    }

    /// Comes back once the store writes nothing any more, after an `fsync` that failed, say: only a new process may
    /// go on then. The store has logged why.
    pub async fn store_ended(&self) {
        self.store.ended().await;
    }
}

/// How people tell a node from the others: by its machine and its port.
fn name(address: SocketAddr) -> Arc<str> {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let machine = machine.unwrap_or_else(|_| address.ip().to_string());
    format!("{}:{}", machine.trim(), address.port()).into()
}

/// The broker that the settings name.
fn broker(node: &Arc<Node>) -> Result<Box<dyn Broker>, BrokerSetupError> {
    let hears = Arc::downgrade(node);
    let settings = &node.settings.broker;
    let Some(url) = &settings.url else {
        node.metrics.broker_up.set(1);
        return Ok(Box::new(Local::new(move |happening| {
            if let Some(node) = hears.upgrade() {
                node.hear(happening);
            }
        })));
    };
    let remote = Remote::start(url, settings, Arc::clone(&node.metrics), move |heard| {
        if let Some(node) = hears.upgrade() {
            node.hear_of(heard);
        }
    })?;
    Ok(Box::new(remote))
}

/// Turns the wheel, and looks at what only time changes.
async fn keep_time(node: Arc<Node>) {
    let mut ticks = tokio::time::interval(timers::TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut turned = 0;
    let mut revocations = 0;
    loop {
        ticks.tick().await;
        node.progress.time.notify_waiters();
        let now = node.uptime.now();
        // Every slot up to now, also after a pause.
        while turned <= now {
            node.timers.turn(turned);
            turned += u64::try_from(timers::TICK.as_millis()).unwrap_or(500);
        }
        let known = node.auth.revoked.changes();
        if std::mem::replace(&mut revocations, known) != known {
            node.cut_revoked();
        }
        node.tell_departures();
        node.metrics.accept_rate.set(node.accept_rate());
        node.metrics
            .peers
            .set(i64::try_from(node.peers().len()).unwrap_or(i64::MAX));
        node.metrics
            .rooms
            .set(i64::try_from(node.rooms.count()).unwrap_or(i64::MAX));
    }
}
