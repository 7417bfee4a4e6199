//! Limits changed over the API: all of a change or nothing, on every node, and for good.

use serde_json::{Value, json};

use super::Operator;
use crate::bus::Bus;
use crate::cluster::Cluster;
use crate::serving::{Serving, until};

async fn figure(operator: &Operator<'_>, path: &str, name: &str) -> Value {
    let reply = operator.get(path).await;
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    reply.json()["limits"][name].clone()
}

const ALL: &str = "/api/v1/limits";
const DEMO: &str = "/api/v1/tenants/demo/limits";
const ACME: &str = "/api/v1/tenants/acme/limits";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_figure_goes_over_one_for_all_and_the_api_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("charla.toml");
    let toml = "[limits]\nsubscriptions = 50\n[limits.tenants.demo]\nsubscriptions = 60\nsend_burst = 9\n";
    std::fs::write(&file, toml).unwrap();
    let loaded = charla_server::settings::load(Some(&file), std::iter::empty(), &[]).unwrap();
    let node = Serving::start_with(|settings| {
        settings.limits = loaded.settings.limits.clone();
        settings.limit_sources = loaded.settings.limit_sources.clone();
    })
    .await;
    let operator = Operator::of(&node, None).await;
    let told = |figure: &Value| {
        let place = figure["place"].as_str().unwrap();
        let place = place.rsplit('/').next().unwrap().to_owned();
        (figure["value"].clone(), figure["source"].clone(), place)
    };
    let is = |value: Value, source: &str, place: &str| (value, json!(source), place.to_owned());
    let demo = figure(&operator, DEMO, "subscriptions").await;
    assert_eq!(told(&demo), is(json!(60), "file", "charla.toml:4"));
    assert_eq!(demo["own"], true);
    let acme = figure(&operator, ACME, "subscriptions").await;
    assert_eq!(told(&acme), is(json!(50), "file", "charla.toml:2"));
    assert_eq!(acme["own"], false);
    let page = figure(&operator, DEMO, "history_page").await;
    assert_eq!(told(&page), is(json!(200), "default", "default"));
    // For all: it goes over the file's for all, and below a tenant's own.
    let all = operator.send("PATCH", ALL, &json!({"subscriptions": 70})).await;
    assert_eq!(all.json()["limits"]["subscriptions"]["source"], "api");
    let acme = figure(&operator, ACME, "subscriptions").await;
    assert_eq!(told(&acme), is(json!(70), "api", "API"));
    assert_eq!(figure(&operator, DEMO, "subscriptions").await["value"], 60);
    operator
        .limit(
            "demo",
            &json!({"subscriptions": 80, "message_bytes": "32KiB", "outbox_age": "5s"}),
        )
        .await;
    assert_eq!(figure(&operator, DEMO, "subscriptions").await["value"], 80);
    assert_eq!(figure(&operator, DEMO, "message_bytes").await["value"], "32KiB");
    assert_eq!(figure(&operator, DEMO, "outbox_age").await["value"], "5s");
    operator.limit("demo", &json!({"subscriptions": null})).await;
    assert_eq!(figure(&operator, DEMO, "subscriptions").await["value"], 60);
    assert!(operator.get(DEMO).await.json()["limits"]["connections"].is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_allowed_changes_nothing() {
    let node = Serving::start().await;
    let operator = Operator::of(&node, None).await;
    let acme = Operator::of(&node, Some("acme")).await;
    for (path, change, words) in [
        (
            DEMO,
            json!({"subscriptions": 7, "sends_per_second": 0}),
            "allowed: 1 to",
        ),
        (DEMO, json!({"subscriptions": 7, "send_bursts": 4}), "send_burst"),
        (
            DEMO,
            json!({"subscriptions": 7, "connections": 4}),
            "a node as a whole",
        ),
        (
            DEMO,
            json!({"subscriptions": 7, "text_bytes": "1MiB"}),
            "limits.message_bytes",
        ),
        (
            DEMO,
            json!({"subscriptions": 7, "history_page": [1]}),
            "allowed: 1 to",
        ),
        (
            ALL,
            json!({"subscriptions": 7, "outbox_bytes": "2KiB"}),
            "limits.message_bytes",
        ),
        (ALL, json!({"subscriptions": 7, "nothing": null}), "unknown key"),
    ] {
        let reply = operator.send("PATCH", path, &change).await;
        let problem = reply.json();
        assert_eq!(
            (reply.status, &problem["cause"]),
            (400, &json!("bad_request")),
            "{change}"
        );
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{change}: {detail}");
        assert_eq!(figure(&operator, path, "subscriptions").await["value"], 128);
    }
    let nobody = "/api/v1/tenants/nobody/limits";
    assert_eq!(operator.get(nobody).await.status, 404);
    assert_eq!(operator.send("PATCH", nobody, &json!({})).await.status, 404);
    // A tenant does not raise its own.
    assert_eq!(acme.get(ACME).await.status, 403);
    let raise = json!({"subscriptions": 9});
    assert_eq!(acme.send("PATCH", ACME, &raise).await.status, 403);
    let bare = node.http("PATCH", ALL, &[], b"{}").await;
    assert_eq!(bare.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_is_so_after_a_restart_unless_the_file_says_otherwise_by_then() {
    let node = Serving::start().await;
    let operator = Operator::of(&node, None).await;
    operator
        .limit("demo", &json!({"subscriptions": 3, "text_bytes": "8KiB"}))
        .await;
    operator.limit("acme", &json!({"subscriptions": 4})).await;
    let folder = node.drain().await;
    // The new file has messages of 4 KiB at most: demo's text of 8 KiB cannot be, acme's figure can.
    let node = Serving::start_at(folder, charla_server::clock::system(), |settings| {
        let limits = &mut settings.limits;
        (limits.message_bytes, limits.text_bytes, limits.data_bytes) = (4_096, 4_096, 4_096);
    })
    .await;
    let operator = Operator::of(&node, None).await;
    assert_eq!(figure(&operator, ACME, "subscriptions").await["value"], 4);
    assert_eq!(figure(&operator, DEMO, "subscriptions").await["value"], 128);
    let folder = node.drain().await;
    let node = Serving::start_at(folder, charla_server::clock::system(), |_| {}).await;
    let operator = Operator::of(&node, None).await;
    assert_eq!(figure(&operator, DEMO, "subscriptions").await["value"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_hear_of_it_by_the_bus_and_without_one() {
    let cluster = tokio::task::block_in_place(Cluster::start);
    let database = cluster.database().await;
    let url = cluster.url(&database);
    let bus = tokio::task::block_in_place(Bus::start);
    for with_bus in [true, false] {
        let start = || {
            Serving::start_with(|settings| {
                settings.store.url = Some(url.clone());
                settings.broker.url = with_bus.then(|| bus.url());
            })
        };
        let (one, other) = (start().await, start().await);
        let (here, there) = (Operator::of(&one, None).await, Operator::of(&other, None).await);
        let figures = if with_bus { 11 } else { 12 };
        here.limit("demo", &json!({"subscriptions": figures})).await;
        until("the other node", || async {
            figure(&there, DEMO, "subscriptions").await["value"] == figures
        })
        .await;
        let mut ana = other.connect("ana", "/ws/chat/5/").await;
        ana.next_of("subscribed").await;
        one.drain().await;
        other.drain().await;
    }
}
