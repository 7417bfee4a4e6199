//! A piece of work that is recorded: [`Span`] ends, and is on its way to the collector, when it is dropped.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use charla_wire::Cause;

use super::{Recorder, TraceContext};

/// Links of one span; more are counted and left out.
const LINKS_MAX: usize = 128;

/// A span's part in a conversation between programs (OTLP's `SpanKind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Within this node.
    Internal = 1,
    /// It answers somebody.
    Server = 2,
    /// It asks somebody.
    Client = 3,
    /// It tells whoever listens.
    Producer = 4,
    /// It heard what was told.
    Consumer = 5,
}

/// What an attribute says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

/// A span as it goes to the collector.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) context: TraceContext,
    pub(super) parent: Option<TraceContext>,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) began: SystemTime,
    pub(super) lasted: Duration,
    pub(super) attributes: Vec<(&'static str, Value)>,
    pub(super) links: Vec<TraceContext>,
    pub(super) links_left_out: u32,
    /// Why it went wrong by a fault of this side.
    pub(super) failed: Option<&'static str>,
}

/// A span under way.
pub struct Span {
    recorder: Arc<Recorder>,
    began: Instant,
    // Away once it has ended.
    record: Option<Box<Record>>,
    context: TraceContext,
    // Where it is known better than by when it is dropped.
    lasted: Option<Duration>,
}

impl fmt::Debug for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Span")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

impl Span {
    pub(super) fn begin(
        recorder: &Arc<Recorder>,
        name: &'static str,
        kind: Kind,
        context: TraceContext,
        parent: Option<TraceContext>,
    ) -> Self {
        let record = Record {
            context,
            parent,
            name,
            kind,
            began: SystemTime::now(),
            lasted: Duration::ZERO,
            attributes: Vec::new(),
            links: Vec::new(),
            links_left_out: 0,
            failed: None,
        };
        Self {
            recorder: Arc::clone(recorder),
            began: Instant::now(),
            record: Some(Box::new(record)),
            context,
            lasted: None,
        }
    }

    /// What others of the same trace name as their parent.
    pub(crate) const fn context(&self) -> TraceContext {
        self.context
    }

    /// Where it stands, for [`super::within`].
    pub(super) fn place(&self) -> (Arc<Recorder>, TraceContext) {
        (Arc::clone(&self.recorder), self.context)
    }

    /// A piece of this piece of work.
    pub(crate) fn child(&self, name: &'static str, kind: Kind) -> Self {
        self.recorder.child(name, kind, self.context)
    }

    /// Says something of it.
    pub(crate) fn set(&mut self, name: &'static str, value: impl fmt::Display) {
        self.put(name, Value::Text(value.to_string()));
    }

    /// Says how many.
    pub(crate) fn count(&mut self, name: &'static str, value: u64) {
        self.put(name, Value::Number(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn put(&mut self, name: &'static str, value: Value) {
        if let Some(record) = &mut self.record {
            record.attributes.push((name, value));
        }
    }

    /// It has to do with another span, of another trace perhaps.
    pub(crate) fn link(&mut self, to: TraceContext) {
        let Some(record) = &mut self.record else { return };
        if record.links.len() < LINKS_MAX {
            record.links.push(to);
        } else {
            record.links_left_out += 1;
        }
    }

    /// It came to nothing, for a cause. Only what is not the client's own doing is an error.
    pub(crate) fn refused(&mut self, cause: Cause) {
        self.set("charla.cause", cause);
        if cause.http_status() >= 500 {
            self.fails(cause.id());
        }
    }

    /// It went wrong, by a fault of this side.
    pub(crate) fn fails(&mut self, why: &'static str) {
        if let Some(record) = &mut self.record {
            record.failed = Some(why);
        }
    }

    /// It took place before: it ended `ended` and had lasted so long.
    pub(super) fn took_place(&mut self, ended: SystemTime, lasted: Duration) {
        if let Some(record) = &mut self.record {
            record.began = ended.checked_sub(lasted).unwrap_or(ended);
        }
        self.lasted = Some(lasted);
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(mut record) = self.record.take() {
            record.lasted = self.lasted.unwrap_or_else(|| self.began.elapsed());
            self.recorder.take(*record);
        }
    }
}
