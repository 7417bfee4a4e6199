//! Limits of addresses, users, tenants and connections: each reached over real sockets, refused by its name, with the tenant beside
//! unhurt; changed over the API, on all nodes, and still so after a restart.

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::serving::{Client, Reply, Serving, soon, tenant_id, with_parameter};

mod changed;
mod seen;

/// Somebody who acts with the operator's key, or a tenant's.
pub(crate) struct Operator<'s> {
    node: &'s Serving,
    key: String,
}

impl<'s> Operator<'s> {
    pub(crate) async fn of(node: &'s Serving, tenant: Option<&str>) -> Self {
        let auth = &node.node().auth;
        let key = auth
            .api_keys
            .create(tenant.map(tenant_id), "night watch", auth.now())
            .await;
        let key = format!("Authorization: Bearer {}", key.unwrap().0.expose_secret());
        Self { node, key }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.node.http("GET", path, &[&self.key], b"").await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Reply {
        let lines = [&self.key, "Content-Type: application/json"];
        self.node
            .http(method, path, &lines, body.to_string().as_bytes())
            .await
    }

    /// Changes what a tenant may do.
    pub(crate) async fn limit(&self, tenant: &str, figures: &Value) {
        let reply = self
            .send("PATCH", &format!("/api/v1/tenants/{tenant}/limits"), figures)
            .await;
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    }
}

/// Luis of acme, in his chat 5.
async fn neighbour(node: &Serving) -> Client {
    let hour = std::time::Duration::from_secs(3600);
    let token = node.token_of("acme", "luis", hour).await;
    let path = with_parameter("/ws/chat/5/?tenant=acme", "token", &token);
    let mut luis = Client::open(node.address, &path, &["charla.v1"]).await;
    luis.next_of("subscribed").await;
    luis
}

fn message(text: &str) -> Value {
    json!({"type": "send", "id": Uuid::new_v4(), "text": text})
}

/// Says things until it may not any more; what it is told then.
async fn until_refused(client: &mut Client, text: &str) -> Value {
    for _ in 0..500 {
        client.say(&message(text)).await;
    }
    for _ in 0..500 {
        let frame = soon("an answer", async {
            loop {
                let frame = client.next().await;
                if frame["type"] == "ack" || frame["type"] == "error" {
                    return frame;
                }
            }
        })
        .await;
        if frame["type"] == "error" {
            return frame;
        }
    }
    panic!("nothing was refused")
}

fn assert_too_fast(refused: &Value, limit: &str) {
    assert_eq!(refused["cause"], "rate_limited", "{refused}");
    let wait = refused["retry_in_ms"].as_u64().unwrap();
    assert_eq!(refused["detail"], format!("retry in {wait} ms; limits.{limit}"));
    assert!(refused["id"].is_string(), "it says what to send again: {refused}");
}

async fn reached(node: &Serving, limit: &str) -> bool {
    let figures = node.http("GET", "/metrics", &[], b"").await;
    let line = format!("charla_limits_reached_total{{limit=\"{limit}\"}} ");
    String::from_utf8(figures.body).unwrap().contains(&line)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_connection_a_user_and_a_tenant_say_is_counted_apart() {
    let node = Serving::start_with(|settings| {
        settings.limits.connections_per_user = 100;
    })
    .await;
    let operator = Operator::of(&node, None).await;
    let much = json!({"sends_per_second": 100_000, "send_burst": 100_000});
    operator.limit("demo", &much).await;
    for (limit, figure) in [
        ("bytes_per_second", json!(8)),
        ("sends_per_second_per_tenant", json!(1)),
        ("bytes_per_second_per_tenant", json!(8)),
        ("bytes_per_day_per_tenant", json!("1KiB")),
    ] {
        operator
            .limit(
                "demo",
                &json!({limit: figure, "message_bytes": 1024,
            "text_bytes": 1024, "data_bytes": 1024}),
            )
            .await;
        let mut ana = node.connect("ana", "/ws/chat/5/").await;
        ana.next_of("subscribed").await;
        assert_too_fast(&until_refused(&mut ana, "sixteen letters.").await, limit);
        assert!(reached(&node, limit).await, "{limit}");
        let mut luis = neighbour(&node).await;
        assert!(luis.ask(&message("as ever"), "ack").await["seq"].is_u64());
        operator.limit("demo", &json!({limit: null})).await;
    }
    // By a user, whose other connections count along, and nobody else's.
    let few = json!({"sends_per_second": 1, "send_burst": 5, "sends_per_second_per_user": 1});
    operator.limit("demo", &few).await;
    let mut all = Vec::new();
    for _ in 0..6 {
        all.push(node.connect("ana", "/ws/chat/5/").await);
    }
    let mut refused = None;
    for ana in &mut all {
        ana.next_of("subscribed").await;
        for _ in 0..4 {
            ana.say(&message("x")).await;
        }
    }
    for ana in &mut all {
        for _ in 0..4 {
            let frame = next_answer(ana).await;
            if frame["type"] == "error" {
                refused.get_or_insert(frame);
            }
        }
    }
    assert_too_fast(&refused.unwrap(), "sends_per_second_per_user");
    let mut luis = node.connect("luis", "/ws/chat/5/").await;
    luis.ask(&message("mine are my own"), "ack").await;
}

async fn next_answer(client: &mut Client) -> Value {
    loop {
        let frame = client.next().await;
        if frame["type"] == "ack" || frame["type"] == "error" {
            return frame;
        }
    }
}

/// How a handshake of somebody of `demo` ends that is refused.
async fn refused(node: &Serving, user: &str) -> Option<(u16, String)> {
    let mut client = node.connect(user, "/ws/chat/5/").await;
    match soon("a word", client.hear()).await {
        Ok(_) => {
            client.leave().await;
            None
        }
        Err(end) => Some(end),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_is_full_keeps_nobody_else_out() {
    let node = Serving::start().await;
    let operator = Operator::of(&node, None).await;
    let mut ana = node.connect("ana", "/ws/chat/5/").await;
    let mut luis = node.connect("luis", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    luis.next_of("subscribed").await;
    operator
        .limit("demo", &json!({"connections_per_tenant": 1}))
        .await;
    let (code, reason) = refused(&node, "sofia").await.unwrap();
    assert_eq!(code, 4429);
    assert!(reason.starts_with("too_many_connections: retry in "), "{reason}");
    assert!(
        reason.ends_with(" ms; limits.connections_per_tenant = 1"),
        "{reason}"
    );
    // Whoever is in stays, above the lowered limit too.
    ana.ask(&message("still here"), "ack").await;
    luis.ask(&message("so am I"), "ack").await;
    neighbour(&node).await;
    operator
        .limit("demo", &json!({"connections_per_tenant": 3}))
        .await;
    assert_eq!(refused(&node, "sofia").await, None);
    assert!(reached(&node, "connections_per_tenant").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_of_a_user_a_tenant_and_an_address_have_a_pace() {
    let node = Serving::start_with(|settings| settings.limits.connections_per_user = 1).await;
    let operator = Operator::of(&node, None).await;
    for limit in ["connects_per_second_per_user", "connects_per_second_per_tenant"] {
        operator
            .limit("demo", &json!({limit: 1, "connections_per_user": 50}))
            .await;
        let (code, reason) = soon("a refusal", async {
            loop {
                if let Some(end) = refused(&node, "ana").await {
                    return end;
                }
            }
        })
        .await;
        assert_eq!(code, 4429);
        assert!(reason.starts_with("rate_limited: retry in "), "{reason}");
        assert!(reason.ends_with(&format!(" ms; limits.{limit}")), "{reason}");
        neighbour(&node).await;
        operator.limit("demo", &json!({limit: 0})).await;
        assert_eq!(refused(&node, "ana").await, None);
    }
    let slow = json!({"connects_per_second_per_address": 1, "connections_per_address": 5});
    assert_eq!(operator.send("PATCH", "/api/v1/limits", &slow).await.status, 200);
    let (_, reason) = soon("a refusal", async {
        loop {
            if let Some(end) = refused(&node, "ana").await {
                return end;
            }
        }
    })
    .await;
    assert!(
        reason.ends_with(" ms; limits.connects_per_second_per_address"),
        "{reason}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_has_so_many_chats_and_so_much_history_a_page() {
    let node = Serving::start().await;
    let operator = Operator::of(&node, None).await;
    let (demo, acme) = (
        Operator::of(&node, Some("demo")).await,
        Operator::of(&node, Some("acme")).await,
    );
    operator
        .limit("demo", &json!({"chats_per_tenant": 2, "history_page": 2}))
        .await;
    assert_eq!(demo.send("PUT", "/api/v1/chats/6", &json!({})).await.status, 201);
    let full = demo.send("PUT", "/api/v1/chats/7", &json!({})).await;
    assert_eq!((full.status, &full.json()["cause"]), (429, &json!("chat_limit")));
    assert_eq!(full.json()["detail"], "2 chats; limits.chats_per_tenant = 2");
    assert_eq!(
        demo.send("PUT", "/api/v1/chats/6", &json!({"title": "x"}))
            .await
            .status,
        200
    );
    assert_eq!(acme.send("PUT", "/api/v1/chats/7", &json!({})).await.status, 201);
    for _ in 0..4 {
        let posted = demo
            .send("POST", "/api/v1/chats/5/messages", &json!({"text": "hi"}))
            .await;
        assert_eq!(posted.status, 201);
    }
    let page = demo.get("/api/v1/chats/5/messages?limit=100").await.json();
    assert_eq!(page["messages"].as_array().unwrap().len(), 2);
    // What the API posts is the tenant's too.
    operator
        .limit("demo", &json!({"bytes_per_day_per_tenant": 20}))
        .await;
    let mut refused = None;
    for _ in 0..3 {
        let posted = demo
            .send(
                "POST",
                "/api/v1/chats/5/messages",
                &json!({"text": "sixteen letters."}),
            )
            .await;
        refused = (posted.status == 429).then_some(posted).or(refused);
    }
    let refused = refused.unwrap();
    assert_eq!(refused.json()["cause"], "rate_limited");
    assert!(refused.header("retry-after").is_some());
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.ends_with("limits.bytes_per_day_per_tenant"), "{detail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_connection_heeds_a_change_at_its_next_act() {
    let node = Serving::start().await;
    let operator = Operator::of(&node, None).await;
    let mut ana = node.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    ana.ask(&message("a long message"), "ack").await;
    operator
        .limit("demo", &json!({"text_bytes": 8, "subscriptions": 1}))
        .await;
    let refused = ana.ask(&message("a long message"), "error").await;
    assert_eq!(refused["cause"], "message_too_long");
    let more = json!({"type": "subscribe", "ref": 1, "chat": "6"});
    let refused = ana.ask(&more, "error").await;
    assert_eq!(refused["cause"], "subscription_limit");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.ends_with("limits.subscriptions"), "{detail}");
    operator.limit("demo", &json!({"text_bytes": null})).await;
    ana.ask(&message("a long message"), "ack").await;
    // What is longer than may be read at all ends it.
    operator
        .limit(
            "demo",
            &json!({"message_bytes": 1024, "text_bytes": 1024, "data_bytes": 1024}),
        )
        .await;
    ana.say(&message(&"x".repeat(2_000))).await;
    assert_eq!(ana.end().await.0, 1009);
}
