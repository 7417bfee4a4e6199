//! Traces, as a collector receives them: what belongs together, and that nobody waits for it.
//!
//! What arrives is read by OpenTelemetry's own package for Python, which knows nothing of what wrote it.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use charla_server::settings::{Settings, TelemetrySettings};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::broker_redis::Shared;
use crate::python;
use crate::serving::{Client, Serving, until, with_parameter};

mod webhooks;

/// A trace that a proxy began.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

/// Who takes spans: keeps what came, and answers as told.
struct Collector {
    address: SocketAddr,
    came: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    status: Arc<Mutex<u16>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let collector = Self {
            address: listener.local_addr().unwrap(),
            came: Arc::default(),
            status: Arc::new(Mutex::new(200)),
        };
        let (came, status) = (Arc::clone(&collector.came), Arc::clone(&collector.status));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (came, status) = (Arc::clone(&came), Arc::clone(&status));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (came, status) = (Arc::clone(&came), Arc::clone(&status));
                    async move {
                        assert_eq!(request.uri().path(), "/v1/traces");
                        let headers = request.headers().clone();
                        let body = request.into_body().collect().await.unwrap().to_bytes();
                        came.lock().push((headers, body));
                        let answer = Response::builder().status(*status.lock());
                        Ok::<_, Infallible>(answer.body(Full::new(Bytes::new())).unwrap())
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), service),
                );
            }
        });
        collector
    }

    /// Sends everything here.
    fn set(&self, settings: &mut Settings) {
        settings.telemetry = TelemetrySettings {
            endpoint: Some(format!("http://{}", self.address)),
            sample_ratio: 1.0,
            ..TelemetrySettings::default()
        };
    }

    /// The spans that came, each as the package read it.
    fn spans(&self) -> Vec<Value> {
        let came = self.came.lock();
        let lines: String = came.iter().map(|(_, body)| hex(body) + "\n").collect();
        read(&lines)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(lines: &str) -> Vec<Value> {
    let mut reader = python::start("telemetry/read.py");
    let mut input = reader.stdin.take().unwrap();
    let lines = lines.to_owned();
    let writes = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let read = reader.wait_with_output().unwrap();
    writes.join().unwrap();
    assert!(read.status.success(), "the package does not read what was sent");
    let text = String::from_utf8(read.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The spans of a name.
fn called<'a>(spans: &'a [Value], name: &str) -> Vec<&'a Value> {
    spans.iter().filter(|span| span["name"] == name).collect()
}

/// The one span of a name.
fn the<'a>(spans: &'a [Value], name: &str) -> &'a Value {
    let called = called(spans, name);
    assert_eq!(called.len(), 1, "{name}: {called:#?}");
    called[0]
}

fn send(text: &str) -> Value {
    json!({"type": "send", "chat": "5", "id": Uuid::now_v7(), "text": text})
}

async fn enter(serving: &Serving, user: &str, headers: &[(&'static str, &str)]) -> Client {
    let path = with_parameter("/ws/chat/5/", "token", &serving.token(user).await);
    let mut client = Client::open_with(serving.address, &path, headers).await;
    client.next_of("subscribed").await;
    client
}

fn behind_a_proxy(settings: &mut Settings) {
    settings.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
}

/// And none of them tells what was said, who said it, or from where.
fn assert_all_are_of_one_trace(spans: &[Value]) {
    for span in spans {
        assert_eq!(span["trace"], TRACE, "luis was not sampled: {span}");
        assert_eq!(span["resource"]["service.name"], "chat");
        assert!(span["ended"].as_u64() >= span["began"].as_u64(), "{span}");
        assert_eq!(
            (&span["status"], &span["sampled"]),
            (&json!("STATUS_CODE_UNSET"), &json!(true))
        );
        let text = span.to_string();
        assert!(
            !text.contains("hola") && !text.contains("ana") && !text.contains("127.0.0.1"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_followed_from_its_handshake_to_its_delivery_on_another_node() {
    let (collector, shared) = (Collector::start().await, Shared::start().await);
    let folder = tempfile::tempdir().unwrap();
    let headers_file = folder.path().join("headers");
    std::fs::write(&headers_file, "authorization: Bearer for the collector\n").unwrap();
    let [here, there] = shared
        .nodes(|settings| {
            collector.set(settings);
            behind_a_proxy(settings);
            settings.telemetry.headers_file = Some(headers_file.clone());
            settings.telemetry.service_name = "chat".into();
        })
        .await;
    let proxied = [("traceparent", &*traceparent("01")), ("x-request-id", "r-77")];
    let mut luis = enter(&there, "luis", &[("traceparent", &traceparent("00"))]).await;
    let mut ana = enter(&here, "ana", &proxied).await;
    ana.ask(&send("hola"), "ack").await;
    assert_eq!(luis.next_of("message").await["text"], "hola");
    drop((ana, luis));
    here.drain().await;
    there.drain().await;

    let spans = collector.spans();
    let handshake = the(&spans, "handshake");
    assert_eq!(handshake["parent"], PARENT);
    assert_eq!(handshake["kind"], "SPAN_KIND_SERVER");
    assert_eq!(handshake["said"]["http.request.header.x-request-id"], "r-77");
    assert_eq!(handshake["said"]["charla.tenant"], "demo");
    assert_eq!(handshake["said"]["charla.chat"], "5");
    let sent = the(&spans, "send");
    assert_eq!(sent["parent"], handshake["span"]);
    assert_eq!(
        sent["said"]["charla.connection"],
        handshake["said"]["charla.connection"]
    );
    assert_eq!(sent["said"]["charla.message.seq"], 1);
    let commit = the(&spans, "commit");
    assert_eq!(commit["parent"], sent["span"]);
    assert_eq!(commit["links"], json!([{"trace": TRACE, "span": sent["span"]}]));
    let publish = the(&spans, "publish");
    assert_eq!(publish["parent"], sent["span"]);
    assert_eq!(publish["kind"], "SPAN_KIND_PRODUCER");
    let delivered = called(&spans, "deliver");
    let node = |span: &Value| {
        span["resource"]["service.instance.id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(delivered.len(), 2);
    assert_ne!(node(delivered[0]), node(delivered[1]), "on each node once");
    for span in delivered {
        assert_eq!(span["parent"], publish["span"]);
        assert_eq!(span["kind"], "SPAN_KIND_CONSUMER");
        assert_eq!(span["said"]["charla.listeners"], 1);
    }
    assert_all_are_of_one_trace(&spans);
    for (headers, _) in &*collector.came.lock() {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        assert_eq!(headers["authorization"], "Bearer for the collector");
    }
}

#[tokio::test]
async fn a_stranger_neither_names_a_trace_nor_decides_that_it_is_recorded() {
    let collector = Collector::start().await;
    let serving = Serving::start_with(|settings| collector.set(settings)).await;
    let theirs = [("traceparent", &*traceparent("01")), ("x-request-id", "made up")];
    drop(enter(&serving, "ana", &theirs).await);
    let refused = with_parameter("/ws/chat/77/", "token", &serving.token("ana").await);
    let mut client = Client::open(serving.address, &refused, &["charla.v1"]).await;
    client.end().await;
    serving.drain().await;
    let spans = collector.spans();
    let handshakes = called(&spans, "handshake");
    assert_eq!(handshakes.len(), 2);
    for handshake in &handshakes {
        assert_ne!(handshake["trace"], TRACE);
        assert_eq!(handshake["parent"], "");
        assert_eq!(handshake["said"]["http.request.header.x-request-id"], Value::Null);
    }
    let causes: Vec<_> = handshakes
        .iter()
        .filter_map(|span| span["said"]["charla.cause"].as_str())
        .collect();
    assert_eq!(
        causes,
        ["chat_not_found"],
        "and that is nobody's error: {handshakes:#?}"
    );

    let collector = Collector::start().await;
    let serving = Serving::start_with(|settings| {
        collector.set(settings);
        settings.telemetry.sample_ratio = 0.0;
    })
    .await;
    let mut ana = enter(&serving, "ana", &theirs).await;
    ana.ask(&send("hola"), "ack").await;
    drop(ana);
    serving.drain().await;
    assert!(collector.came.lock().is_empty());
}

/// Sends so many without waiting between them, and awaits that all are acknowledged.
async fn flood(client: &mut Client, messages: usize) {
    for batch in 0..messages.div_ceil(50) {
        for number in 0..50 {
            client.say(&send(&format!("{batch} {number}"))).await;
        }
        for _ in 0..50 {
            client.next_of("ack").await;
        }
    }
}

fn hurried(settings: &mut Settings) {
    settings.limits.sends_per_second = 1_000_000;
    settings.limits.send_burst = 1_000_000;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_links_to_the_sends_that_shared_it() {
    let collector = Collector::start().await;
    let serving = Serving::start_with(|settings| {
        collector.set(settings);
        hurried(settings);
    })
    .await;
    let mut ana = enter(&serving, "ana", &[]).await;
    flood(&mut ana, 100).await;
    drop(ana);
    serving.drain().await;
    let spans = collector.spans();
    let (sends, commits) = (called(&spans, "send"), called(&spans, "commit"));
    assert_eq!(sends.len(), 100);
    assert_eq!(called(&spans, "publish").len(), 100);
    assert_eq!(called(&spans, "deliver").len(), 100);
    let place = |span: &Value| (span["trace"].clone(), span["span"].clone());
    let mut linked: Vec<_> = commits
        .iter()
        .flat_map(|commit| commit["links"].as_array().unwrap())
        .map(place)
        .collect();
    for send in &sends {
        let at = linked
            .iter()
            .position(|other| *other == place(send))
            .expect("in one commit, once");
        linked.swap_remove(at);
    }
    assert!(linked.is_empty());
    // The connection may last for days: its trace has an end, and what comes later points to it.
    let handshake = the(&spans, "handshake");
    let of_its_own = sends.iter().filter(|send| send["trace"] != handshake["trace"]);
    let link = json!({"trace": handshake["trace"], "span": handshake["span"]});
    assert_eq!(of_its_own.clone().count(), 68);
    for send in of_its_own {
        assert!(send["links"].as_array().unwrap().contains(&link), "{send}");
    }
}

/// What became of spans, by `/metrics`.
async fn figure(serving: &Serving, outcome: &str) -> u64 {
    let text = String::from_utf8(serving.http("GET", "/metrics", &[], b"").await.body).unwrap();
    let name = format!("charla_spans_total{{outcome=\"{outcome}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&*name));
    line.map_or(0, |number| number.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_holds_nobody_up_and_what_is_left_out_is_counted() {
    let collector = Collector::start().await;
    *collector.status.lock() = 503;
    let serving = Serving::start_with(|settings| {
        collector.set(settings);
        hurried(settings);
    })
    .await;
    let mut ana = enter(&serving, "ana", &[]).await;
    // Three spans a message at least: more than wait for the collector.
    flood(&mut ana, 3_500).await;
    assert!(figure(&serving, "queue_full").await > 0);
    assert_eq!(figure(&serving, "exported").await, 0);
    *collector.status.lock() = 200;
    until("the collector takes what waited", || async {
        figure(&serving, "exported").await > 8_000
    })
    .await;
    *collector.status.lock() = 400;
    ana.ask(&send("and one more"), "ack").await;
    until("it wants no more", || async {
        figure(&serving, "refused").await > 0
    })
    .await;
    drop(ana);
    serving.drain().await;
}

#[tokio::test]
async fn a_back_end_goes_on_with_its_own_trace() {
    let collector = Collector::start().await;
    let serving = Serving::start_with(|settings| collector.set(settings)).await;
    let auth = &serving.node().auth;
    let (key, _) = auth.api_keys.create(None, "back end", auth.now()).await.unwrap();
    let headers = [
        &*format!("Authorization: Bearer {}", key.expose_secret()),
        "Charla-Tenant: demo",
        "Content-Type: application/json",
        &format!("traceparent: {}", traceparent("01")),
    ];
    let reply = serving
        .http(
            "POST",
            "/api/v1/chats/5/messages",
            &headers,
            br#"{"text":"hola"}"#,
        )
        .await;
    assert_eq!(reply.status, 201, "{}", reply.json());
    serving.drain().await;
    let spans = collector.spans();
    let sent = the(&spans, "send");
    assert_eq!((&sent["trace"], &sent["parent"]), (&json!(TRACE), &json!(PARENT)));
    assert_eq!(the(&spans, "publish")["parent"], sent["span"]);
}
