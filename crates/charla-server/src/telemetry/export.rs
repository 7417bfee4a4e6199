//! To the collector: spans in batches over OTLP/HTTP, each batch until it is taken or refused.
//!
//! Nobody waits for this. While the collector is away its batch is kept and tried again; the queue behind it fills to
//! [`SPANS_WAITING`], and what finds it full is counted and forgotten.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::TelemetryFigures;
use super::otlp::{self, Resource};
use super::span::Record;
use crate::outgoing::{self, HttpClient};

/// Spans that may wait for the collector.
pub(super) const SPANS_WAITING: usize = 8192;
/// Spans of one request.
const BATCH: usize = 512;
/// How long the first span of a batch waits for others.
const GATHER: Duration = Duration::from_secs(1);
/// How long the collector may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long a batch that was not taken waits, at first and at most.
const TRY_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Where spans go, and under whose name.
pub(super) struct Collector {
    pub(super) address: Uri,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) service: String,
    pub(super) instance: String,
    pub(super) figures: Arc<TelemetryFigures>,
}

/// The task that carries spans away.
pub(super) struct Exporter {
    collector: Collector,
    client: HttpClient<Full<Bytes>>,
    queue: mpsc::Receiver<Record>,
    stop: watch::Receiver<bool>,
    failing: bool,
}

/// What became of a batch.
enum Sent {
    Taken,
    /// Nobody is there, or it has no room: the same again later.
    Later(String),
    /// It never will be.
    Refused(StatusCode),
}

impl Exporter {
    pub(super) fn new(
        collector: Collector,
        queue: mpsc::Receiver<Record>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            collector,
            client: outgoing::client(),
            queue,
            stop,
            failing: false,
        }
    }

    /// Works until it is told to stop; what waits then is tried once.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.gather(&mut batch).await {
            self.deliver(&mut batch).await;
        }
    }

    /// Waits for spans; false when there will be no more.
    async fn gather(&mut self, batch: &mut Vec<Record>) -> bool {
        let mut stop = self.stop.clone();
        let mut full_at = None;
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            let until = full_at.unwrap_or_else(|| Instant::now() + ANSWER_WITHIN);
            tokio::select! {
                biased;
                () = async { drop(stop.wait_for(|stop| *stop).await) } => {
                    self.queue.close();
                    // Closed: this takes what waits, and comes back with nothing in the end.
                    return self.queue.recv_many(batch, room).await > 0 || !batch.is_empty();
                }
                taken = timeout_at(until, self.queue.recv_many(batch, room)) => match taken {
                    Ok(0) => return !batch.is_empty(),
                    Ok(_) => { full_at.get_or_insert_with(|| Instant::now() + GATHER); }
                    Err(_) if batch.is_empty() => {}
                    Err(_) => return true,
                },
            }
        }
        true
    }

    /// Hands a batch over, however long that takes; once only when it is told to stop.
    async fn deliver(&mut self, batch: &mut Vec<Record>) {
        let resource = Resource {
            service: &self.collector.service,
            instance: &self.collector.instance,
        };
        let body = Bytes::from(otlp::request(&resource, batch));
        let count = batch.len() as u64;
        batch.clear();
        let mut wait = TRY_AGAIN.0;
        let outcome = loop {
            match self.send(body.clone()).await {
                Sent::Taken => {
                    if std::mem::take(&mut self.failing) {
                        tracing::info!("the collector takes spans again");
                    }
                    break "exported";
                }
                Sent::Refused(status) => {
                    self.lament(&format!("it answered {status}"));
                    break "refused";
                }
                Sent::Later(why) => self.lament(&why),
            }
            if self.stops_within(wait).await {
                break "unsent";
            }
            wait = (wait * 2).min(TRY_AGAIN.1);
        };
        self.collector.figures.count(outcome, count);
    }

    async fn stops_within(&mut self, wait: Duration) -> bool {
        timeout(wait, self.stop.wait_for(|stop| *stop)).await.is_ok()
    }

    async fn send(&self, body: Bytes) -> Sent {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.collector.address.clone();
        let headers = request.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-protobuf"),
        );
        headers.insert(
            header::USER_AGENT,
            HeaderValue::from_static(concat!("charla/", env!("CARGO_PKG_VERSION"))),
        );
        headers.extend(self.collector.headers.iter().cloned());
        let answer = match timeout(ANSWER_WITHIN, self.client.request(request)).await {
            Ok(Ok(answer)) => answer.status(),
            Ok(Err(error)) => return Sent::Later(error.to_string()),
            Err(_) => return Sent::Later(format!("no answer within {ANSWER_WITHIN:?}")),
        };
        // OTLP/HTTP, "Failures": these may be tried again, all others may not.
        match answer {
            status if status.is_success() => Sent::Taken,
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Sent::Later(format!("it answered {answer}")),
            status => Sent::Refused(status),
        }
    }

    /// Says once that it does not work, until it does.
    fn lament(&mut self, why: &str) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(error = why, "the collector does not take spans");
        }
    }
}
