//! What is asked of the authority, in figures.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::metrics::OutcomeLabel;

/// Figures about the authority.
#[derive(Debug)]
pub struct AuthorityFigures {
    /// Questions by outcome: `allowed`, `denied`, `no_chat`, `no_tenant`; `cached` and `shared`, which cost nothing; `failed`,
    /// `wrong`, and `spared` and `too_many`, which were not asked.
    pub questions: Family<OutcomeLabel, Counter>,
    /// 1 while the last question had an answer.
    pub up: Gauge,
    /// 0 while questions are asked, 1 while one is asked for all, 2 while none is.
    pub breaker: Gauge,
    /// How long an answer took, or its absence.
    pub seconds: Histogram,
}

impl Default for AuthorityFigures {
    fn default() -> Self {
        Self {
            questions: Family::default(),
            up: Gauge::default(),
            breaker: Gauge::default(),
            seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 16)),
        }
    }
}

impl AuthorityFigures {
    /// Enters them.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "authority_questions",
            "Questions of who may enter, by outcome",
            self.questions.clone(),
        );
        registry.register(
            "authority_up",
            "1 while the authority answers, or Charla decides itself",
            self.up.clone(),
        );
        registry.register(
            "authority_breaker",
            "0 while the authority is asked, 1 while one question is asked for all, 2 while it is left alone",
            self.breaker.clone(),
        );
        let seconds = "How long the authority took to answer, or not to";
        registry.register_with_unit("authority", seconds, Unit::Seconds, self.seconds.clone());
    }

    pub(super) fn count(&self, outcome: &'static str) {
        self.questions.get_or_create(&OutcomeLabel { outcome }).inc();
    }
}
