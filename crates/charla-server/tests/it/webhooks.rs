//! What the application is told over HTTP, heard by a real receiver: what is told, in which order, and that nothing is lost on the way.

use std::collections::HashMap;
use std::time::Duration;

use charla_core::{Author, Draft};
use charla_server::settings::{Settings, WebhookEndpointSettings};
use charla_server::store::webhooks::Kinds;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::serving::{Client, Serving, room, tenant_id, until, user_key};
pub(crate) use receiver::Receiver;
use receiver::{Hook, SECRET};

mod api;
mod nodes;
mod receiver;
mod trouble;

/// An endpoint in the settings, as the file would have it, and short waits.
pub(crate) fn tell(settings: &mut Settings, tenant: &str, url: &str) {
    let webhooks = &mut settings.webhooks;
    webhooks.endpoints.push(WebhookEndpointSettings {
        tenant: tenant_id(tenant),
        url: url.into(),
        events: Kinds::all(),
        secret: SECRET.into(),
        old_secret: None,
    });
    webhooks.retry_min = Duration::from_millis(50);
    webhooks.retry_max = Duration::from_millis(200);
    webhooks.attempts = 1_000;
    webhooks.timeout = Duration::from_secs(2);
}

async fn say(serving: &Serving, tenant: &str, chat: &str, text: &str) {
    let author = user_key(tenant, "luis").user;
    let draft = Draft {
        room: room(tenant, chat),
        id: Uuid::now_v7(),
        author: Author {
            id: author,
            name: "Luis".into(),
        },
        text: text.into(),
        data: None,
        attachments: Vec::new(),
    };
    serving.node().post(draft).await.unwrap();
}

/// The texts of a chat's new messages, in the order they came.
fn texts(hooks: &[Hook], chat: &str) -> Vec<String> {
    let said = hooks
        .iter()
        .filter(|hook| hook.json["type"] == "message.created" && hook.json["data"]["chat"] == chat);
    said.map(|hook| hook.json["data"]["text"].as_str().unwrap().to_owned())
        .collect()
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|n| n.to_string()).collect()
}

fn assert_each_tells_what_happened(hooks: &[Hook], id: Uuid) {
    let data: Vec<&Value> = hooks.iter().map(|hook| &hook.json["data"]).collect();
    for hook in hooks {
        hook.check(SECRET);
        assert_eq!(hook.json["data"]["tenant"], "demo");
        assert!(hook.json["timestamp"].as_str().unwrap().ends_with('Z'));
    }
    let said = data[2];
    assert_eq!(
        (&said["seq"], &said["id"], &said["text"], &said["data"]),
        (&json!(1), &json!(id), &json!("hola \u{0}"), &json!({"a": [1]}))
    );
    assert_eq!(said["author"], json!({"id": "ana", "name": "Ana"}));
    assert_eq!(
        (&data[3]["text"], &data[3]["rev"], &data[3]["by"]),
        (&json!("adiós"), &json!(1), &json!("ana"))
    );
    assert_eq!((&data[4]["rev"], data[4].get("text")), (&json!(2), None));
    assert_eq!(data[5]["user"], "eva");
    assert_eq!(
        (&data[7]["reason"], &data[7]["by"]["id"]),
        (&json!("done"), &json!("sofia"))
    );
    assert_eq!((&data[9]["user"], &data[9]["chat"]), (&json!("ana"), &json!("5")));
    assert!(
        data[9]["initiator"].is_string() && data[9]["lasted_ms"].is_u64() && data[9]["cause"].is_string()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_happens_in_a_chat_is_told_in_its_order() {
    let receiver = Receiver::start().await;
    let serving = Serving::start_with(|settings| tell(settings, "demo", &receiver.url)).await;
    // Those whom the server of tests begins with.
    receiver.wait_for(2).await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    let id = Uuid::now_v7();
    ana.say(
        &json!({"type": "send", "ref": 1, "chat": "5", "id": id, "text": "hola \u{0}", "data": {"a": [1]}}),
    )
    .await;
    ana.next_of("ack").await;
    ana.say(&json!({"type": "edit", "ref": 2, "chat": "5", "seq": 1, "text": "adiós"}))
        .await;
    ana.say(&json!({"type": "delete", "ref": 3, "chat": "5", "seq": 1}))
        .await;
    receiver.wait_for(5).await;
    let (node, five) = (serving.node(), room("demo", "5"));
    let (eva, sofia) = (user_key("demo", "eva").user, user_key("demo", "sofia").user);
    node.store.put_member(&five, &eva).await.unwrap();
    node.store.put_member(&five, &eva).await.unwrap();
    node.remove_member(&five, &eva).await.unwrap();
    let by = Author {
        id: sofia,
        name: "Sofía".into(),
    };
    node.close_chat(&five, &by, Some("done")).await.unwrap();
    node.close_chat(&five, &by, Some("again")).await.unwrap();
    node.reopen_chat(&five, &by).await.unwrap();
    receiver.wait_for(9).await;
    drop(ana);
    let hooks = receiver.wait_for(10).await;
    let types: Vec<&str> = hooks
        .iter()
        .map(|hook| hook.json["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "member.joined",
            "member.joined",
            "message.created",
            "message.edited",
            "message.deleted",
            "member.joined",
            "member.left",
            "chat.closed",
            "chat.reopened",
            "connection.closed"
        ]
    );
    assert_each_tells_what_happened(&hooks, id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_wanted_is_told_and_only_of_its_tenant() {
    let receiver = Receiver::start().await;
    let serving = Serving::start_with(|settings| {
        tell(settings, "acme", &receiver.url);
        settings.webhooks.endpoints[0].events =
            Kinds::of(&[charla_server::store::webhooks::EventKind::MessageCreated]);
    })
    .await;
    say(&serving, "demo", "5", "not this").await;
    say(&serving, "acme", "5", "this").await;
    let by = Author {
        id: user_key("acme", "luis").user,
        name: "Luis".into(),
    };
    serving
        .node()
        .close_chat(&room("acme", "5"), &by, None)
        .await
        .unwrap();
    serving.node().reopen_chat(&room("acme", "5"), &by).await.unwrap();
    say(&serving, "acme", "5", "and this").await;
    let hooks = receiver.wait_for(2).await;
    assert_eq!(hooks.len(), 2);
    assert_eq!(texts(&hooks, "5"), ["this", "and this"]);
    let waiting = serving.node().store.webhook_backlog();
    assert!(
        waiting
            .await
            .unwrap()
            .iter()
            .all(|line| line.tenant == tenant_id("acme"))
    );
}

async fn metric(serving: &Serving, name: &str) -> u64 {
    let reply = serving.http("GET", "/metrics", &[], b"").await;
    let text = String::from_utf8(reply.body).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim().parse().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_never_refused_for_a_full_outbox() {
    let receiver = Receiver::start().await;
    receiver.says(503, "");
    let serving = Serving::start_with(|settings| {
        tell(settings, "demo", &receiver.url);
        settings.webhooks.outbox_max = 5;
    })
    .await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    for n in 0..10 {
        ana.say(&json!({"type": "send", "ref": n, "chat": "5", "id": Uuid::now_v7(), "text": "x"}))
            .await;
        ana.next_of("ack").await;
    }
    let said = async || {
        let reply = serving.http("GET", "/readyz", &[], b"").await;
        (reply.status, String::from_utf8(reply.body).unwrap())
    };
    until("the outbox is full", async || {
        said().await.1.contains("webhooks_full")
    })
    .await;
    assert_eq!(said().await.0, 200, "who talks needs no webhooks");
    // Two members and ten messages, of which five wait.
    until("what is lost is counted", async || {
        metric(&serving, "charla_webhooks_lost_total ").await == 7
    })
    .await;
    assert_eq!(metric(&serving, "charla_webhooks_waiting ").await, 5);
    receiver.says(200, "");
    let hooks = receiver.wait_for(5).await;
    assert_eq!(texts(&hooks, "5").len(), 3);
    until("it is ready again", async || said().await.1 == "ready\n").await;
}

/// Each chat's texts are what was said there, in order and once.
fn check_order(hooks: &[Hook], chats: &[&str], each: usize) {
    let mut ids: HashMap<&str, usize> = HashMap::new();
    for hook in hooks {
        *ids.entry(&hook.id).or_default() += 1;
    }
    assert!(ids.values().all(|count| *count == 1), "nothing twice: {ids:?}");
    for chat in chats {
        assert_eq!(texts(hooks, chat), numbers(each), "chat {chat}");
    }
}

async fn greet(client: &mut Client) {
    client.next_of("subscribed").await;
}
