//! Old messages go, and whoever comes back for them is told so.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use charla_server::clock::{self, Clock};
use charla_server::settings::{Kept, Settings};
use charla_wire::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::serving::{Client, Serving, tenant_id};

const DAY: i64 = 24 * 3600 * 1000;

/// The time of day, and a way to let it pass. Only forward: tokens are made by it.
fn later_clock() -> (Clock, Arc<AtomicI64>) {
    let passed = Arc::new(AtomicI64::new(0));
    let (more, system) = (Arc::clone(&passed), clock::system());
    let clock = move || Timestamp::from_millis(system().as_millis() + more.load(Ordering::SeqCst));
    (Arc::new(clock), passed)
}

async fn say(client: &mut Client, id: Uuid, text: &str) -> u64 {
    let send = json!({"type": "send", "ref": 1, "chat": "5", "id": id, "text": text});
    client.ask(&send, "ack").await["seq"].as_u64().unwrap()
}

fn seqs(messages: &Value) -> Vec<u64> {
    let messages = messages.as_array().unwrap();
    messages
        .iter()
        .map(|message| message["seq"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn whoever_comes_back_for_what_was_swept_begins_anew() {
    let (clock, passed) = later_clock();
    let keep = |settings: &mut Settings| settings.retention.every.days = 2;
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start_at(folder, Arc::clone(&clock), keep).await;
    let mut ana = serving.connect("ana", "/ws/").await;
    ana.ask(&json!({"type": "subscribe", "ref": 1, "chat": "5"}), "subscribed")
        .await;
    for _ in 0..5 {
        say(&mut ana, Uuid::now_v7(), "old").await;
    }
    ana.leave().await;
    passed.fetch_add(3 * DAY, Ordering::SeqCst);
    // A room remembers what came last for as long as somebody listens: begun anew, it knows nothing.
    let serving = Serving::start_at(serving.drain().await, clock, keep).await;
    assert_eq!(serving.node().sweep().await.unwrap(), 5);
    let mut ana = serving.connect("ana", "/ws/").await;
    ana.ask(&json!({"type": "subscribe", "ref": 1, "chat": "5"}), "subscribed")
        .await;
    for _ in 0..2 {
        say(&mut ana, Uuid::now_v7(), "new").await;
    }
    ana.leave().await;
    for (after, resumed, expected) in [
        (2, false, vec![6, 7]),
        (4, false, vec![6, 7]),
        (5, true, vec![6, 7]),
        (6, true, vec![7]),
    ] {
        let mut luis = serving.connect("luis", "/ws/").await;
        let subscribe = json!({"type": "subscribe", "ref": 1, "chat": "5", "after": after});
        let subscribed = luis.ask(&subscribe, "subscribed").await;
        assert_eq!(subscribed["resumed"], resumed, "after {after}");
        assert_eq!(seqs(&subscribed["messages"]), expected, "after {after}");
        let history = luis
            .ask(
                &json!({"type": "history", "ref": 2, "chat": "5", "limit": 2}),
                "history",
            )
            .await;
        assert_eq!(
            (seqs(&history["messages"]), &history["more"]),
            (vec![6, 7], &json!(false))
        );
        luis.leave().await;
    }
    let figures = serving.node().metrics.encode();
    assert!(figures.contains("charla_swept_total 5"), "{figures}");
}

#[tokio::test]
async fn each_tenant_has_its_rule_and_a_repeat_its_number() {
    let (clock, passed) = later_clock();
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start_at(folder, clock, |settings| {
        settings.retention.every.messages = 1;
        let kept = Kept { days: 0, messages: 0 };
        settings.retention.tenants.insert(tenant_id("acme"), kept);
    })
    .await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let first = Uuid::now_v7();
    say(&mut ana, first, "first").await;
    say(&mut ana, Uuid::now_v7(), "second").await;
    let room = crate::serving::room("acme", "5");
    for _ in 0..2 {
        serving
            .node()
            .post(crate::store_contract::draft(&room, "luis", "kept"))
            .await
            .unwrap();
    }
    assert_eq!(serving.node().sweep().await.unwrap(), 0, "nothing is a day old");
    assert_eq!(say(&mut ana, first, "first").await, 1);
    passed.fetch_add(DAY + 1, Ordering::SeqCst);
    assert_eq!(serving.node().sweep().await.unwrap(), 1);
    let page = charla_server::store::Page::Latest;
    assert_eq!(
        serving
            .node()
            .store
            .messages(&room, page, 10)
            .await
            .unwrap()
            .len(),
        2
    );
}
