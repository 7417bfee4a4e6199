//! What ends a message ends its files: retention and erasure; and what an export names.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use charla_server::settings::StoreUrl;
use charla_server::store::care::Words;
use serde_json::{Value, json};

use super::{fetched, files, send, uploaded, with_directory};
use crate::cluster::Cluster;
use crate::serving::{Serving, user_key};
use crate::store_contract;

const DAY_MS: i64 = 24 * 3600 * 1000;

#[tokio::test]
async fn files_end_with_their_messages_on_sqlite() {
    end_with_their_messages(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_end_with_their_messages_on_postgres() {
    let cluster = Cluster::start();
    end_with_their_messages(Some(cluster.url(&cluster.database().await))).await;
}

async fn end_with_their_messages(url: Option<StoreUrl>) {
    let now = Arc::new(AtomicI64::new(1_795_428_000_000));
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start_at(folder, store_contract::clock(&now), |settings| {
        with_directory(settings);
        settings.store.url = url;
        settings.retention.every.days = 3;
        settings.attachments.unsent_after = std::time::Duration::from_secs(30 * 24 * 3600);
    })
    .await;
    let directory = serving.node().settings.attachments.directory.clone().unwrap();
    let left = async || {
        serving.node().sweep_attachments().await.unwrap();
        files(&directory).len()
    };
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let old = uploaded(&serving, &mut ana, "old.txt", "text/plain", b"old").await;
    ana.ask(&send(&[&old]), "ack").await;
    now.fetch_add(4 * DAY_MS, Ordering::SeqCst);
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let mut luis = serving.connect("luis", "/ws/chat/5/").await;
    let stays = uploaded(&serving, &mut ana, "stays.txt", "text/plain", b"stays").await;
    ana.ask(&send(&[&stays]), "ack").await;
    let own = uploaded(&serving, &mut luis, "own.txt", "text/plain", b"own").await;
    luis.ask(&send(&[&own]), "ack").await;
    let unsent = uploaded(&serving, &mut luis, "unsent.txt", "text/plain", b"unsent").await;
    assert_eq!(left().await, 4);
    serving.node().sweep().await.unwrap();
    assert_eq!(left().await, 3, "retention took the old one");
    let named = exported(&serving, "luis").await;
    assert_eq!(named.len(), 2);
    assert!(
        named
            .iter()
            .any(|line| line["attachment"]["attachment"]["id"] == unsent)
    );
    assert!(
        named
            .iter()
            .any(|line| line["message"]["message"]["attachments"][0]["id"] == own)
    );
    serving
        .node()
        .erase(&user_key("demo", "luis"), Words::Go)
        .await
        .unwrap();
    assert_eq!(
        left().await,
        1,
        "erasure took what luis sent, and what he did not"
    );
    serving
        .node()
        .erase(&user_key("demo", "ana"), Words::Stay)
        .await
        .unwrap();
    assert_eq!(left().await, 1, "words that stay keep their files");
    let mut sofia = serving.connect("sofia", "/ws/chat/5/").await;
    assert_eq!(fetched(&serving, &mut sofia, &stays).await.body, b"stays");
}

/// What an export of a person says of files.
async fn exported(serving: &Serving, user: &str) -> Vec<Value> {
    let (lines, mut written) = tokio::sync::mpsc::channel(100);
    let (store, key) = (&*serving.node().store, user_key("demo", user));
    let there = charla_server::personal::export(store, &key, &lines)
        .await
        .unwrap();
    assert!(there);
    drop(lines);
    let mut named = Vec::new();
    while let Some(line) = written.recv().await {
        if line["attachment"] != json!(null) || line["message"]["message"]["attachments"] != json!(null) {
            named.push(line);
        }
    }
    named
}
