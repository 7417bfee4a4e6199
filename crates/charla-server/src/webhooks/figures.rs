//! What is told over HTTP, in figures.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::metrics::OutcomeLabel;

/// Figures about webhooks. What waits is the store's: the same on every node that shares it.
#[derive(Debug)]
pub struct WebhookFigures {
    /// Webhooks that wait.
    pub waiting: Gauge,
    /// Whole seconds since the oldest of them was written.
    pub oldest: Gauge,
    /// 1 while as many of a tenant's wait as may.
    pub full: Gauge,
    /// Events that were not written down, each as often as endpoints wanted it.
    pub lost: Counter,
    /// Requests of this node by what became of them: `delivered`, `failed` (to be tried again) or `dead`.
    pub sent: Family<OutcomeLabel, Counter>,
    /// How long an endpoint took to answer, or not to.
    pub seconds: Histogram,
}

impl Default for WebhookFigures {
    fn default() -> Self {
        Self {
            waiting: Gauge::default(),
            oldest: Gauge::default(),
            full: Gauge::default(),
            lost: Counter::default(),
            sent: Family::default(),
            seconds: Histogram::new(exponential_buckets(0.001, 2.0, 15)),
        }
    }
}

impl WebhookFigures {
    /// Enters them.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "webhooks_waiting",
            "Webhooks that wait to be delivered, of all nodes on this store",
            self.waiting.clone(),
        );
        let oldest = "Since when the oldest of them waits";
        registry.register_with_unit("webhooks_oldest", oldest, Unit::Seconds, self.oldest.clone());
        registry.register(
            "webhooks_full",
            "1 while as many webhooks of a tenant wait as may, and further events are lost",
            self.full.clone(),
        );
        registry.register(
            "webhooks_lost",
            "Events that no webhook tells of, because as many waited as may",
            self.lost.clone(),
        );
        registry.register(
            "webhooks_sent",
            "Requests to endpoints, by what became of them",
            self.sent.clone(),
        );
        let seconds = "How long endpoints took to answer, or not to";
        registry.register_with_unit("webhooks", seconds, Unit::Seconds, self.seconds.clone());
    }

    pub(super) fn count(&self, outcome: &'static str) {
        self.sent.get_or_create(&OutcomeLabel { outcome }).inc();
    }
}
