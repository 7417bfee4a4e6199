//! Figures for Prometheus. Labels are causes and outcomes: never a tenant's or a person's name.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use charla_core::Limit;
use charla_wire::Cause;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::authority::AuthorityFigures;
use crate::telemetry::TelemetryFigures;

/// One label: a cause's id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CauseLabel {
    cause: &'static str,
}

impl From<Cause> for CauseLabel {
    fn from(cause: Cause) -> Self {
        Self { cause: cause.id() }
    }
}

impl CauseLabel {
    /// The label of an id that came from outside: `unknown` unless the table has it, so that nobody can make labels up.
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        Self {
            cause: Cause::from_id(id).map_or("unknown", Cause::id),
        }
    }
}

/// One label: a limit's name in `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LimitLabel {
    limit: &'static str,
}

impl From<Limit> for LimitLabel {
    fn from(limit: Limit) -> Self {
        Self { limit: limit.key() }
    }
}

/// How a handshake went: `accepted`, or the cause that refused it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabel {
    /// `accepted` or a cause's id.
    pub outcome: &'static str,
}

/// How a connection ended, and who ended it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CloseLabels {
    /// A cause's id, or `none` where the client just left.
    pub cause: &'static str,
    /// `server`, `client` or `network`.
    pub initiator: &'static str,
}

/// Why a connection to the broker ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WhyLabel {
    /// A word: `unreachable`, `auth`, `permission`, `silent` ...
    pub why: &'static str,
}

/// Which certificate: the one that is shown to clients.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CertificateLabel {
    certificate: &'static str,
}

/// All figures of a node.
pub struct Metrics {
    registry: Registry,
    /// Connections now.
    pub connections: Gauge,
    /// Handshakes by outcome.
    pub handshakes: Family<OutcomeLabel, Counter>,
    /// Preflights by outcome.
    pub preflights: Family<OutcomeLabel, Counter>,
    /// Ended connections.
    pub closes: Family<CloseLabels, Counter>,
    /// Requests refused, connection kept.
    pub refusals: Family<CauseLabel, Counter>,
    /// Handshakes and requests refused because a limit was reached, by limit.
    pub limits_reached: Family<LimitLabel, Counter>,
    /// What clients say kept them away, by cause.
    pub client_failures: Family<CauseLabel, Counter>,
    /// Clients that repeat themselves and wait.
    pub loops_active: Gauge,
    /// Handshakes that were answered by that wait alone.
    pub refusals_saved: Counter,
    /// Handshakes a second that the node is counted on to complete.
    pub accept_rate: Gauge<f64, AtomicU64>,
    /// Messages stored.
    pub messages: Counter,
    /// Events handed to a socket.
    pub deliveries: Counter,
    /// Bytes that wait in outboxes.
    pub outbox_bytes: Gauge,
    /// Rooms with a listener.
    pub rooms: Gauge,
    /// Other nodes that are heard.
    pub peers: Gauge,
    /// 1 while happenings get through to other nodes and back.
    pub broker_up: Gauge,
    /// Happenings that other nodes were not told of: the broker was away, or too slow.
    pub broker_dropped: Counter,
    /// Connections to the broker that were not to be had, or ended.
    pub broker_failures: Family<WhyLabel, Counter>,
    /// The bridge to Django Channels.
    pub bridge: crate::bridge::BridgeFigures,
    /// The operator's tracing.
    pub telemetry: Arc<TelemetryFigures>,
    /// What is told over HTTP.
    pub webhooks: crate::webhooks::WebhookFigures,
    /// Messages that the store had and nobody had told this node of.
    pub gaps_repaired: Counter,
    /// Messages that were older, or more, than is kept.
    pub swept: Counter,
    /// Jobs that shared a commit.
    pub commit_batch: Histogram,
    /// What the authority is asked.
    pub authority: AuthorityFigures,
    /// Days until the certificate of `server.tls_cert_file` ends; nothing without one.
    pub tls_days_left: Family<CertificateLabel, Gauge<f64, AtomicU64>>,
    /// How long a commit took.
    pub commit_seconds: Histogram,
    /// From a handshake's head to its answer.
    pub handshake_seconds: Histogram,
    /// From a client's send to its acknowledgement.
    pub send_seconds: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("charla"),
            connections: Gauge::default(),
            handshakes: Family::default(),
            preflights: Family::default(),
            closes: Family::default(),
            refusals: Family::default(),
            limits_reached: Family::default(),
            client_failures: Family::default(),
            loops_active: Gauge::default(),
            refusals_saved: Counter::default(),
            accept_rate: Gauge::default(),
            messages: Counter::default(),
            deliveries: Counter::default(),
            outbox_bytes: Gauge::default(),
            rooms: Gauge::default(),
            peers: Gauge::default(),
            broker_up: Gauge::default(),
            broker_dropped: Counter::default(),
            broker_failures: Family::default(),
            bridge: crate::bridge::BridgeFigures::default(),
            telemetry: Arc::default(),
            webhooks: crate::webhooks::WebhookFigures::default(),
            gaps_repaired: Counter::default(),
            swept: Counter::default(),
            authority: AuthorityFigures::default(),
            tls_days_left: Family::default(),
            commit_batch: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
            commit_seconds: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            handshake_seconds: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            send_seconds: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
        };
        metrics.register_clients();
        metrics.register_nodes();
        metrics.register_times();
        metrics.authority.register(&mut metrics.registry);
        metrics.bridge.register(&mut metrics.registry);
        metrics.telemetry.register(&mut metrics.registry);
        metrics.webhooks.register(&mut metrics.registry);
        metrics
    }
}

impl Metrics {
    fn register_clients(&mut self) {
        let registry = &mut self.registry;
        registry.register("connections", "Connections now", self.connections.clone());
        registry.register("handshakes", "Handshakes by outcome", self.handshakes.clone());
        registry.register("preflights", "Preflights by outcome", self.preflights.clone());
        registry.register(
            "closes",
            "Ended connections by cause and initiator",
            self.closes.clone(),
        );
        registry.register(
            "refusals",
            "Requests refused over a live connection, by cause",
            self.refusals.clone(),
        );
        registry.register(
            "client_failures",
            "What clients report to have kept them away, by cause",
            self.client_failures.clone(),
        );
        registry.register(
            "loops_active",
            "Clients that were refused the same too often and wait",
            self.loops_active.clone(),
        );
        registry.register(
            "refusals_saved",
            "Handshakes and preflights answered loop_detected without being judged",
            self.refusals_saved.clone(),
        );
        registry.register(
            "accept_rate",
            "Handshakes a second that returning clients are spread over",
            self.accept_rate.clone(),
        );
        registry.register(
            "limits_reached",
            "Handshakes and requests refused because a limit was reached, by its name in [limits]",
            self.limits_reached.clone(),
        );
        registry.register("messages", "Messages stored", self.messages.clone());
        registry.register("deliveries", "Events handed to a socket", self.deliveries.clone());
        registry.register("rooms", "Rooms with a listener", self.rooms.clone());
        let swept = "Messages taken away because they were older, or more, than is kept";
        registry.register("swept", swept, self.swept.clone());
    }

    fn register_nodes(&mut self) {
        let registry = &mut self.registry;
        registry.register("peers", "Other nodes that are heard", self.peers.clone());
        registry.register(
            "broker_up",
            "1 while happenings get through to other nodes and back, or there are none",
            self.broker_up.clone(),
        );
        registry.register(
            "broker_dropped",
            "Happenings that other nodes were not told of: they look in the store",
            self.broker_dropped.clone(),
        );
        registry.register(
            "broker_failures",
            "Connections to the broker that were not to be had, or ended, by why",
            self.broker_failures.clone(),
        );
        registry.register(
            "gaps_repaired",
            "Messages that were found in the store because nobody had told of them",
            self.gaps_repaired.clone(),
        );
    }

    fn register_times(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "tls_certificate_days_left",
            "Days until the certificate that clients are shown ends",
            self.tls_days_left.clone(),
        );
        registry.register(
            "commit_batch_jobs",
            "Jobs that shared a commit",
            self.commit_batch.clone(),
        );
        let bytes = "Bytes that wait for slow sockets";
        registry.register_with_unit("outbox", bytes, Unit::Bytes, self.outbox_bytes.clone());
        let commit = "How long a commit took";
        registry.register_with_unit("commit", commit, Unit::Seconds, self.commit_seconds.clone());
        let handshake = "From a handshake's head to its answer";
        registry.register_with_unit(
            "handshake",
            handshake,
            Unit::Seconds,
            self.handshake_seconds.clone(),
        );
        let send = "From a client's send to its acknowledgement";
        registry.register_with_unit("send", send, Unit::Seconds, self.send_seconds.clone());
    }

    /// How long the certificate holds.
    pub(crate) fn certificate_days_left(&self, days: f64) {
        let label = CertificateLabel {
            certificate: "server",
        };
        self.tls_days_left.get_or_create(&label).set(days);
    }

    /// All figures in Prometheus' text form.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let written = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        debug_assert!(written.is_ok(), "{written:?}");
        text
    }
}
