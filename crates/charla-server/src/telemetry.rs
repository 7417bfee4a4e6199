//! What happened to a handshake and to a message, for the operator's tracing: spans over OTLP to a collector.
//!
//! Off unless `telemetry.endpoint` is set; then a span is made only for what is sampled, and [`Span`]s end on a bounded queue
//! that nobody waits for. Tenants, chats and connections are named as the log names them; people, their words and their
//! addresses are not.

mod context;
mod export;
mod figures;
mod otlp;
mod span;

use std::io;
use std::num::{NonZeroU64, NonZeroU128};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use charla_core::Draft;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::connection::Opening;
use crate::settings::TelemetrySettings;
use export::{Collector, Exporter, SPANS_WAITING};
use span::Record;

pub(crate) use context::TRACEPARENT;
pub use context::{TraceContext, TraceId};
pub use figures::TelemetryFigures;
pub(crate) use span::Kind;
pub use span::Span;

/// Sends of a connection that belong to its handshake's trace. A connection may last for days: what comes later begins
/// traces of its own, with a link.
const SENDS_IN_TRACE: u32 = 32;
/// The longest `X-Request-Id` that is taken over, in bytes.
const REQUEST_ID_MAX: usize = 128;
/// What the address of a collector ends with where it names none of its paths (OTLP/HTTP, "Request").
const TRACES: &str = "/v1/traces";

tokio::task_local! {
    /// The span that the current task works for.
    static CURRENT: Option<(Arc<Recorder>, TraceContext)>;
}

/// Why telemetry cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The endpoint is no address; settings that were loaded have one.
    #[error("`telemetry.endpoint` is no address")]
    NoAddress,
    /// The file with the headers.
    #[error("`telemetry.headers_file` {path}: {error}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A line of that file; what it says is not shown.
    #[error("`telemetry.headers_file` {path}: line {line} is no `name: value`")]
    NoHeader {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
}

/// What takes ended spans.
#[derive(Debug)]
pub struct Recorder {
    /// Traces whose random half is below are sampled.
    below: u64,
    queue: mpsc::Sender<Record>,
    figures: Arc<TelemetryFigures>,
}

/// The operator's tracing, on or off.
#[derive(Debug, Default)]
pub struct Telemetry {
    on: Option<On>,
}

#[derive(Debug)]
struct On {
    recorder: Arc<Recorder>,
    stop: watch::Sender<bool>,
    exporter: Mutex<Option<JoinHandle<()>>>,
}

/// The trace of a connection.
#[derive(Debug)]
pub struct ConnectionTrace {
    handshake: TraceContext,
    sends: AtomicU32,
}

impl ConnectionTrace {
    /// After a handshake that was recorded.
    #[must_use]
    pub const fn new(handshake: TraceContext) -> Self {
        Self {
            handshake,
            sends: AtomicU32::new(0),
        }
    }

    /// The handshake's span.
    #[must_use]
    pub const fn handshake(&self) -> TraceContext {
        self.handshake
    }
}

impl Telemetry {
    /// Begins where the settings name a collector; `instance` tells this node from the others.
    ///
    /// # Errors
    /// [`TelemetryError`]: the file with the headers, mostly.
    pub fn start(
        settings: &TelemetrySettings,
        instance: &str,
        figures: Arc<TelemetryFigures>,
    ) -> Result<Self, TelemetryError> {
        let Some(endpoint) = &settings.endpoint else {
            return Ok(Self::default());
        };
        let headers = match &settings.headers_file {
            Some(path) => headers(path)?,
            None => Vec::new(),
        };
        let collector = Collector {
            address: address(endpoint).ok_or(TelemetryError::NoAddress)?,
            headers,
            service: settings.service_name.clone(),
            instance: instance.to_owned(),
            figures: Arc::clone(&figures),
        };
        let (queue, spans) = mpsc::channel(SPANS_WAITING);
        let (stop, stopped) = watch::channel(false);
        let exporter = tokio::spawn(Exporter::new(collector, spans, stopped).run());
        let recorder = Recorder {
            below: below(settings.sample_ratio),
            queue,
            figures,
        };
        Ok(Self {
            on: Some(On {
                recorder: Arc::new(recorder),
                stop,
                exporter: Mutex::new(Some(exporter)),
            }),
        })
    }

    /// Tries to hand over what waits, for no longer than `within`.
    pub(crate) async fn end(&self, within: Duration) {
        let Some(on) = &self.on else { return };
        // An exporter that is gone has nothing left.
        let _ = on.stop.send(true);
        let exporter = on.exporter.lock().take();
        if let Some(exporter) = exporter
            && tokio::time::timeout(within, exporter).await.is_err()
        {
            tracing::warn!("the collector did not take the last spans in time");
        }
    }

    /// A piece of work that somebody asked for by these headers. Only those of a proxy or back end of the operator's own
    /// are `believed`: their trace goes on, recorded or not as they say.
    pub(crate) fn asked(&self, name: &'static str, headers: &HeaderMap, believed: bool) -> Option<Span> {
        let recorder = &self.on.as_ref()?.recorder;
        let told = believed.then(|| TraceContext::of_headers(headers)).flatten();
        let mut span = match told {
            Some((_, false)) => return None,
            Some((parent, true)) => recorder.child(name, Kind::Server, parent),
            None => recorder.root(name, Kind::Server, true)?,
        };
        let request_id = headers.get("x-request-id").and_then(|value| value.to_str().ok());
        if let Some(id) = request_id.filter(|id| believed && id.len() <= REQUEST_ID_MAX) {
            span.set("http.request.header.x-request-id", id);
        }
        Some(span)
    }

    /// A message that came over a connection whose handshake was recorded.
    pub(crate) fn send(&self, opening: &Opening, draft: &Draft) -> Option<Span> {
        let trace = opening.trace.as_deref()?;
        let recorder = &self.on.as_ref()?.recorder;
        let mut span = if trace.sends.fetch_add(1, Ordering::Relaxed) < SENDS_IN_TRACE {
            recorder.child("send", Kind::Server, trace.handshake)
        } else {
            let mut span = recorder.root("send", Kind::Server, false)?;
            span.link(trace.handshake);
            span
        };
        span.set("charla.connection", opening.id);
        describe(&mut span, draft);
        Some(span)
    }

    /// The work on something that another node told of, in its trace.
    pub(crate) fn heard(&self, name: &'static str, from: TraceContext) -> Option<Span> {
        let recorder = &self.on.as_ref()?.recorder;
        Some(recorder.child(name, Kind::Consumer, from))
    }

    /// A webhook that tells of what a trace was about, as its `traceparent` says.
    pub(crate) fn webhook(&self, traceparent: &str) -> Option<Span> {
        let recorder = &self.on.as_ref()?.recorder;
        let (cause, _) = TraceContext::parse(traceparent)?;
        Some(recorder.child("webhook", Kind::Client, cause))
    }

    /// Whether anything is recorded.
    pub(crate) const fn is_on(&self) -> bool {
        self.on.is_some()
    }
}

/// Says which message it is.
pub(crate) fn describe(span: &mut Span, draft: &Draft) {
    span.set("charla.tenant", &draft.room.tenant);
    span.set("charla.chat", &draft.room.chat);
    span.set("charla.message.id", draft.id);
}

/// Does work for a span: what it asks of others says so, by [`child`] and [`tell_trace`].
// Not `async`: that would hold the work twice, as it came and as it is awaited.
pub(crate) fn within<F: Future>(span: Option<&Span>, work: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(span.map(Span::place), work)
}

/// Hands the current span on to a task that goes on with its work.
pub(crate) fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let current = CURRENT.try_with(Clone::clone).ok().flatten();
    CURRENT.scope(current, work)
}

/// A piece of the current span.
pub(crate) fn child(name: &'static str, kind: Kind) -> Option<Span> {
    let of = |current: &Option<(Arc<Recorder>, TraceContext)>| {
        let (recorder, context) = current.as_ref()?;
        Some(recorder.child(name, kind, *context))
    };
    CURRENT.try_with(of).ok().flatten()
}

/// Names the current span to whoever is asked by these headers.
pub(crate) fn tell_trace(headers: &mut HeaderMap) {
    let current = CURRENT.try_with(|current| current.as_ref().map(|(_, context)| *context));
    let value = current.ok().flatten().map(TraceContext::traceparent);
    if let Some(value) = value.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(TRACEPARENT, value);
    }
}

impl Recorder {
    /// Goes on with a trace.
    fn child(self: &Arc<Self>, name: &'static str, kind: Kind, parent: TraceContext) -> Span {
        let context = parent.with_span(span_id());
        Span::begin(self, name, kind, context, Some(parent))
    }

    /// Begins a trace; `None` when this one is not `sampled`.
    fn root(self: &Arc<Self>, name: &'static str, kind: Kind, sampled: bool) -> Option<Span> {
        // Of a version 4 the last 62 bits are random: more than samplers look at.
        let trace = NonZeroU128::new(uuid::Uuid::new_v4().as_u128())?;
        let [_, random] = halves(trace.get());
        if sampled && random & RANDOM >= self.below {
            return None;
        }
        let context = TraceContext::new(trace, span_id());
        Some(Span::begin(self, name, kind, context, None))
    }

    /// Takes an ended span, unless there is no room.
    fn take(&self, record: Record) {
        if self.queue.try_send(record).is_err() {
            self.figures.count("queue_full", 1);
        }
    }
}

/// The bits of a trace's id that are random for certain (Trace Context, level 2).
const RANDOM: u64 = (1 << 56) - 1;

fn halves(id: u128) -> [u64; 2] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = id.to_be_bytes();
    [
        u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        u64::from_be_bytes([i, j, k, l, m, n, o, p]),
    ]
}

/// The share of all random halves that a ratio from 0 to 1 means.
fn below(ratio: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a ratio between 0 and 1 of a number below 2^57"
    )]
    let share = (ratio.clamp(0.0, 1.0) * (RANDOM + 1) as f64) as u64;
    share
}

fn span_id() -> NonZeroU64 {
    let [random, _] = halves(uuid::Uuid::new_v4().as_u128());
    // Its version is not 0, so neither is the whole.
    NonZeroU64::new(random).unwrap_or(NonZeroU64::MIN)
}

fn address(endpoint: &str) -> Option<Uri> {
    let given: Uri = endpoint.parse().ok()?;
    if given.path() != "/" {
        return Some(given);
    }
    format!("{}{TRACES}", endpoint.trim_end_matches('/')).parse().ok()
}

/// The lines of a file as headers; empty ones and those that begin with `#` are passed over.
fn headers(path: &Path) -> Result<Vec<(HeaderName, HeaderValue)>, TelemetryError> {
    let text = std::fs::read_to_string(path).map_err(|error| TelemetryError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let header = |(place, line): (usize, &str)| {
        let parsed = line.split_once(':').and_then(|(name, value)| {
            let mut value = HeaderValue::from_str(value.trim()).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::from_bytes(name.trim().as_bytes()).ok()?, value))
        });
        parsed.ok_or_else(|| TelemetryError::NoHeader {
            path: path.to_owned(),
            line: place + 1,
        })
    };
    lines.map(header).collect()
}

/// When a group of writes was committed, and how long that took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Commit {
    /// When it was done.
    pub(crate) ended: SystemTime,
    /// From its first statement.
    pub(crate) lasted: Duration,
}

impl Span {
    /// The commit that this span's work shared with others.
    pub(crate) fn commit(&self, commit: Commit) -> Self {
        let mut span = self.child("commit", Kind::Internal);
        span.took_place(commit.ended, commit.lasted);
        span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_found_by_its_base_address() {
        for (given, expected) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
            (
                "https://otlp.example.org/in/traces",
                "https://otlp.example.org/in/traces",
            ),
        ] {
            assert_eq!(address(given).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn a_ratio_is_a_share_of_the_random_bits() {
        assert_eq!(below(0.0), 0);
        assert_eq!(below(1.0), 1 << 56);
        assert_eq!(below(0.5), 1 << 55);
        assert_eq!(below(7.0), 1 << 56);
    }

    #[test]
    fn headers_stand_in_lines_and_errors_name_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("headers");
        std::fs::write(
            &path,
            "# to the collector\nAuthorization: Bearer s3cret\n\nx-tenant: a\n",
        )
        .unwrap();
        let read = headers(&path).unwrap();
        assert_eq!(read.len(), 2);
        assert!(!format!("{read:?}").contains("s3cret"));
        std::fs::write(&path, "\ns3cret").unwrap();
        let error = headers(&path).unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("s3cret"), "{error}");
    }
}
