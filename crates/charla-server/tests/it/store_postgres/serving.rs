//! Whole servers on one database: people on different nodes, and a database that is gone for a while under all of them.

use std::sync::Arc;

use charla_server::settings::StoreUrl;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::serving::{Client, Serving, soon};

async fn node(url: &StoreUrl) -> Serving {
    Serving::start_with(|settings| settings.store.url = Some(url.clone())).await
}

/// Sends; the number, and how often it was refused before.
async fn send(client: &mut Client, text: &str) -> (u64, usize) {
    send_until(client, text, &Notify::new()).await
}

/// Sends, again with the same id while the store is away, as clients do.
async fn send_until(client: &mut Client, text: &str, refusal: &Notify) -> (u64, usize) {
    let id = Uuid::now_v7();
    let mut refused = 0;
    loop {
        client
            .say(&json!({"type": "send", "chat": "5", "id": id, "text": text}))
            .await;
        let answer: Value = loop {
            let frame = client.hear().await.expect("the connection stays open");
            if frame["type"] == "ack" || frame["type"] == "error" {
                break frame;
            }
        };
        if answer["type"] == "ack" {
            return (answer["seq"].as_u64().unwrap(), refused);
        }
        assert_eq!(answer["cause"], "store_unavailable", "{answer}");
        // Where the database is, is nobody's business out there.
        assert_eq!(answer["detail"], "not stored; send it again with the same id");
        refused += 1;
        refusal.notify_one();
        // sleeps because a client waits before it sends again
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_database_cuts_nobody_off() {
    let cluster = Cluster::start();
    let url = cluster.url(&cluster.database().await);
    let serving = node(&url).await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let mut luis = serving.connect("luis", "/ws/chat/5/").await;
    luis.next_of("subscribed").await;
    assert_eq!(send(&mut ana, "before").await, (1, 0));
    cluster.stop(Signal::QUIT);
    let refusal = Arc::new(Notify::new());
    let tells = Arc::clone(&refusal);
    let away = tokio::spawn(async move {
        let sent = send_until(&mut ana, "meanwhile", &tells).await;
        (sent, ana)
    });
    soon("a refusal", refusal.notified()).await;
    tokio::task::block_in_place(|| cluster.run());
    let ((seq, refused), mut ana) = away.await.unwrap();
    assert_eq!(seq, 2);
    assert!(refused > 0, "it was refused while the database was away");
    assert_eq!(send(&mut ana, "after").await.0, 3);
    for (text, seq) in [("before", 1), ("meanwhile", 2), ("after", 3)] {
        let message = luis.next_of("message").await;
        assert_eq!((&message["text"], &message["seq"]), (&json!(text), &json!(seq)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_database_says_is_told_to_the_machine_itself() {
    let cluster = Cluster::start();
    let url = cluster.url(&cluster.database().await);
    let serving = Serving::start_with(|settings| {
        settings.store.url = Some(url.clone());
        settings.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    cluster.stop(Signal::QUIT);
    for (forwarded, told) in [("203.0.113.7", false), ("127.0.0.2", true)] {
        let forwarded = format!("X-Forwarded-For: {forwarded}");
        let reply = serving.http("GET", "/readyz", &[&forwarded], b"").await;
        let body = String::from_utf8(reply.body).unwrap();
        assert_eq!(reply.status, 503, "{body}");
        assert_eq!(body.starts_with("store_unavailable: "), told, "{body}");
        assert_eq!(body == "store_unavailable\n", !told, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resume_may_land_on_another_node() {
    let cluster = Cluster::start();
    let url = cluster.url(&cluster.database().await);
    let (here, there) = (node(&url).await, node(&url).await);
    let mut ana = here.connect("ana", "/ws/chat/5/").await;
    assert_eq!(send(&mut ana, "one").await, (1, 0));
    let mut luis = there.connect("luis", "/ws/chat/5/").await;
    luis.next_of("subscribed").await;
    // What a node did not store itself it finds out by the number that is missing before its own.
    assert_eq!(send(&mut ana, "two").await, (2, 0));
    assert_eq!(send(&mut luis, "three").await, (3, 0));
    drop(ana);
    let mut ana = there.connect("ana", "/ws/chat/5/?after=1").await;
    let subscribed = ana.next_of("subscribed").await;
    let missed = subscribed["messages"].as_array().unwrap();
    let missed: Vec<_> = missed
        .iter()
        .map(|message| (&message["text"], &message["seq"]))
        .collect();
    assert_eq!(missed, [(&json!("two"), &json!(2)), (&json!("three"), &json!(3))]);
}
