//! The operator's overview of one node: each figure against what was done, the ledger, the live lines, and who may see any of it.

use charla_wire::TenantId;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::loops::expired;
use crate::serving::{Raw, Reply, Serving, soon, until};

/// A node whose console is on.
async fn start() -> Serving {
    Serving::start_with(|settings| settings.console.enabled = true).await
}

/// The line with a key: the operator's, or one of a tenant.
async fn key(node: &Serving, tenant: Option<&str>) -> String {
    let auth = &node.node().auth;
    let tenant = tenant.map(|tenant| TenantId::parse(tenant).unwrap());
    let (key, _) = auth
        .api_keys
        .create(tenant, "night watch", auth.now())
        .await
        .unwrap();
    format!("Authorization: Bearer {}", key.expose_secret())
}

async fn get(node: &Serving, path: &str) -> Reply {
    let key = key(node, None).await;
    node.http("GET", &format!("/api/v1/console/{path}"), &[&key], b"")
        .await
}

/// What the overview says.
pub(crate) async fn overview(node: &Serving) -> Value {
    let reply = get(node, "overview").await;
    assert_eq!(reply.status, 200);
    reply.json()
}

/// What the ledgers say.
pub(crate) async fn ledger(node: &Serving, query: &str) -> Value {
    let reply = get(node, &format!("ledger?{query}")).await;
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    reply.json()
}

/// Of all minutes together: a plain figure, the refusals of a cause, the ends for a cause by somebody.
pub(crate) fn sum(overview: &Value, figure: &[&str]) -> u64 {
    let minutes = overview["minutes"].as_array().unwrap();
    let of = |minute: &Value| {
        figure
            .iter()
            .fold(minute.clone(), |value, name| value[*name].clone())
    };
    minutes
        .iter()
        .map(|minute| of(minute).as_u64().unwrap_or(0))
        .sum()
}

/// A handshake that is refused; the code of the close frame.
pub(crate) async fn refused(node: &Serving, token: &str, chat: &str) -> u16 {
    let mut raw = Raw::open(node.address).await;
    raw.upgrade(&format!("/ws/chat/{chat}/?tenant=demo&token={token}"), &[])
        .await;
    raw.end().await.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_figure_is_what_was_done() {
    let node = start().await;
    let stale = expired(&node, "ana").await;
    let good = node.token("ana").await;
    for _ in 0..3 {
        assert_eq!(refused(&node, &stale, "5").await, 4401);
    }
    for _ in 0..2 {
        assert_eq!(refused(&node, &good, "nowhere").await, 4404);
    }
    let mut ana = node.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    let mut luis = node.connect("luis", "/ws/chat/5/").await;
    luis.next_of("subscribed").await;
    for n in 0..4 {
        let id = uuid::Uuid::from_u128(n);
        let send = json!({"type": "send", "ref": 1, "chat": "5", "id": id, "text": "hola"});
        ana.ask(&send, "ack").await;
    }
    luis.leave().await;
    until("luis is gone", || async {
        overview(&node).await["now"]["connections"] == 1
    })
    .await;
    let seen = overview(&node).await;
    assert_eq!(sum(&seen, &["accepted"]), 2);
    assert_eq!(sum(&seen, &["messages"]), 4);
    assert_eq!(sum(&seen, &["refused", "token_expired"]), 3);
    assert_eq!(sum(&seen, &["refused", "chat_not_found"]), 2);
    assert_eq!(sum(&seen, &["closed", "none", "client"]), 1);
    assert_eq!(seen["now"]["messages"], 4);
    let tenant = json!([{"tenant": "demo", "connections": 1, "messages": 4, "own_limits": 0, "limits": {}, "refused": {}}]);
    assert_eq!(seen["now"]["tenants"], tenant);
    let ranked: Vec<_> = seen["causes"].as_array().unwrap().iter().collect();
    assert_eq!(
        (&ranked[0]["cause"], &ranked[0]["refused"]),
        (&"token_expired".into(), &3.into())
    );
    assert!(ranked[0]["fix"][0].is_string() && ranked[0]["title"].is_string());
    let key = key(&node, None).await;
    let spanish = ["Accept-Language: es", &*key];
    let reply = node.http("GET", "/api/v1/console/overview", &spanish, b"").await;
    assert_ne!(reply.json()["causes"][0]["title"], ranked[0]["title"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_finds_by_all_that_is_known_and_holds_no_token() {
    let node = start().await;
    let stale = expired(&node, "ana").await;
    refused(&node, &stale, "5").await;
    let mut ana = node.connect("ana", "/ws/chat/5/?attempt=first-try").await;
    let id = ana.next_of("welcome").await["session"]
        .as_str()
        .unwrap()
        .to_owned();
    ana.next_of("subscribed").await;
    let open = ledger(&node, "user=ana&kind=open").await;
    assert_eq!(open["entries"][0]["connection"], *id);
    assert_eq!(open["entries"][0]["queued_bytes"], 0);
    // Two frames at least: `welcome` and `subscribed`.
    assert!(open["entries"][0]["sent_bytes"].as_u64().unwrap() > 200, "{open}");
    ana.leave().await;
    until("ana is gone", || async {
        ledger(&node, "kind=open").await["entries"] == json!([])
    })
    .await;
    for query in [
        &format!("connection={id}"),
        &format!("q={}", &id[..13]),
        "q=first-try",
        "q=ana&kind=ended",
        "user=ana&tenant=demo&cause=none",
        "address=127.0.0.1&kind=ended",
    ] {
        let found = ledger(&node, query).await;
        let [one] = found["entries"].as_array().unwrap().as_slice() else {
            panic!("{query}: {found}");
        };
        assert_eq!(
            (&one["connection"], &one["cause"], &one["initiator"]),
            (&id.clone().into(), &"none".into(), &"client".into())
        );
        assert!(one["lasted_ms"].is_u64() && one["opened_at"].is_string(), "{one}");
        assert_eq!(one["node"], found["nodes"][0]["id"]);
    }
    let all = ledger(&node, "tenant=demo").await;
    assert_eq!(all["entries"].as_array().unwrap().len(), 2, "{all}");
    assert_eq!(all["entries"][1]["cause"], "token_expired");
    assert_eq!(all["entries"][1]["user"], "ana", "its signature is good");
    for secret in [&stale, &node.token("ana").await] {
        let signature = secret.rsplit('.').next().unwrap();
        assert!(!all.to_string().contains(signature));
    }
    assert_eq!(ledger(&node, "tenant=acme").await["entries"], json!([]));
    let page = ledger(&node, "limit=1").await;
    assert_eq!(
        (&page["entries"][0]["kind"], &page["more"]),
        (&"ended".into(), &true.into())
    );
    let older = format!("before={}", page["entries"][0]["at"].as_str().unwrap());
    assert_eq!(ledger(&node, &older).await["entries"][0]["kind"], "refused");
    for wrong in [
        "cause=made_up",
        "connection=7",
        "address=here",
        &format!("q={}", "x".repeat(129)),
    ] {
        assert_eq!(
            get(&node, &format!("ledger?{wrong}")).await.status,
            400,
            "{wrong}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_operator_sees_it_and_only_where_it_is_on() {
    let node = start().await;
    let tenants = key(&node, Some("demo")).await;
    let token = format!("Authorization: Bearer {}", node.token("sofia").await);
    let made_up = "Authorization: Bearer charla_nothing";
    let paths = ["overview", "live", "ledger"].map(|name| format!("/api/v1/console/{name}"));
    for path in paths.iter().map(String::as_str).chain(["/api/v1/nodes"]) {
        for (lines, status) in [
            (vec![tenants.as_str()], 403),
            (vec![token.as_str()], 401),
            (vec![made_up], 401),
            (vec![], 401),
            (vec!["X-User: mallory"], 401),
        ] {
            let reply = node.http("GET", path, &lines, b"").await;
            assert_eq!(reply.status, status, "{path} {lines:?}");
        }
    }
    let body = br#"{"tenant":"demo","user":"ana"}"#;
    let json = "Content-Type: application/json";
    let drain = format!("/api/v1/nodes/{}/drain", uuid::Uuid::nil());
    for path in ["/api/v1/console/disconnect", &drain] {
        assert_eq!(node.http("POST", path, &[json, &tenants], body).await.status, 403);
    }
    assert_eq!(node.http("GET", "/console", &[], b"").await.status, 200);
    let off = Serving::start().await;
    let key = key(&off, None).await;
    for path in paths.iter().map(String::as_str).chain(["/console"]) {
        assert_eq!(off.http("GET", path, &[&key], b"").await.status, 404, "{path}");
    }
    assert_eq!(off.http("GET", "/api/v1/nodes", &[&key], b"").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_vouches_for_an_operator_only_where_it_is_trusted() {
    let vouching = |trusted: &'static str| {
        Serving::start_with(move |settings| {
            settings.console.enabled = true;
            settings.console.user_header = Some("X-User".into());
            settings.server.trusted_proxies = vec![trusted.parse().unwrap()];
        })
    };
    let node = vouching("127.0.0.0/8").await;
    let overview = async |lines: &[&str]| {
        let reply = node.http("GET", "/api/v1/console/overview", lines, b"").await;
        reply.status
    };
    assert_eq!(overview(&["X-User: ana@example.org"]).await, 200);
    assert_eq!(overview(&["X-User: a", "X-User: b"]).await, 401, "whose?");
    assert_eq!(overview(&["X-User: "]).await, 401);
    assert_eq!(overview(&[]).await, 401);
    let mut ana = node.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    let body = br#"{"tenant":"demo","user":"ana"}"#;
    let lines = ["Content-Type: application/json", "X-User: ana@example.org"];
    let path = "/api/v1/console/disconnect";
    assert_eq!(
        node.http("POST", path, &lines, body).await.status,
        403,
        "a form could"
    );
    let meant = [lines[0], lines[1], "Charla-Console: 1"];
    assert_eq!(node.http("POST", path, &meant, body).await.status, 204);
    assert_eq!(ana.end().await.1, "disconnected_by_operator");
    let far = vouching("192.0.2.0/24").await;
    let reply = far
        .http("GET", "/api/v1/console/overview", &["X-User: ana"], b"")
        .await;
    assert_eq!(reply.status, 401);
}

/// The lines of a live answer, taken out of their chunks.
struct Live {
    raw: Raw,
    buffer: Vec<u8>,
}

impl Live {
    async fn watch(node: &Serving) -> Self {
        let key = key(node, None).await;
        let mut raw = Raw::open(node.address).await;
        let ask = format!(
            "GET /api/v1/console/live HTTP/1.1\r\nHost: {}\r\n{key}\r\n\r\n",
            node.address
        );
        raw.write(ask.as_bytes()).await;
        Self {
            raw,
            buffer: Vec::new(),
        }
    }

    /// The next line; `None` when the answer has ended.
    async fn line(&mut self) -> Option<Value> {
        soon("a line", async {
            loop {
                while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = self.buffer.drain(..=end).collect();
                    match line.first() {
                        Some(b'{') => return serde_json::from_slice(&line).ok(),
                        Some(b'0') if line.len() == 3 => return None,
                        // Heads, and lengths of chunks.
                        Some(_) | None => {}
                    }
                }
                let mut bytes = [0; 4096];
                match tokio::io::AsyncReadExt::read(&mut self.raw.socket, &mut bytes).await {
                    Ok(0) | Err(_) => return None,
                    Ok(read) => self.buffer.extend_from_slice(&bytes[..read]),
                }
            }
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_watches_is_told_without_asking_until_the_node_drains() {
    let node = start().await;
    let mut live = Live::watch(&node).await;
    let first = live.line().await.unwrap();
    assert_eq!(first["now"]["connections"], 0);
    assert!(first["causes"].is_array() && first["minutes"].is_array());
    let mut ana = node.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    loop {
        let line = live.line().await.unwrap();
        let last = line["minutes"].as_array().unwrap().last();
        if line["now"]["connections"] == 1 && last.is_some_and(|minute| minute["connections"] == 1) {
            break;
        }
    }
    let watch = tokio::spawn(async move { while live.line().await.is_some() {} });
    node.drain().await;
    soon("the end of the answer", watch).await.unwrap();
    assert_eq!(ana.end().await.0, 1012);
}
