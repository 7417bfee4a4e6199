//! What became of spans.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// One label: what became of a span.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// Counts what became of spans.
#[derive(Debug, Default)]
pub struct TelemetryFigures {
    spans: Family<OutcomeLabel, Counter>,
}

impl TelemetryFigures {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "spans",
            "Spans by what became of them: exported, refused by the collector, queue_full, or unsent at the end",
            self.spans.clone(),
        );
    }

    pub(super) fn count(&self, outcome: &'static str, spans: u64) {
        self.spans.get_or_create(&OutcomeLabel { outcome }).inc_by(spans);
    }
}
