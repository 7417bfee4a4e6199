//! Nodes on one PostgreSQL without a bus: what happens on one is found on the others, by hints and by looking.

use std::sync::Arc;
use std::time::{Duration, Instant};

use charla_core::Author;
use charla_server::settings::StoreUrl;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bus::Bus;
use crate::cluster::Cluster;
use crate::serving::{Client, Serving, room, until, user_key};

/// Messages whose delay is measured.
const MEASURED: u32 = 60;

struct Shared {
    cluster: Cluster,
    database: String,
    url: StoreUrl,
}

impl Shared {
    async fn start() -> Self {
        let cluster = tokio::task::block_in_place(Cluster::start);
        let database = cluster.database().await;
        let url = cluster.url(&database);
        Self {
            cluster,
            database,
            url,
        }
    }

    async fn node(&self, bus: Option<&Bus>) -> Serving {
        Serving::start_with(|settings| {
            settings.store.url = Some(self.url.clone());
            settings.broker.url = bus.map(Bus::url);
            settings.limits.sends_per_second = 1_000;
            settings.limits.send_burst = 1_000;
        })
        .await
    }

    /// Waits until both hear what they say to themselves.
    async fn proven(&self, nodes: [&Serving; 2]) {
        for node in nodes {
            let hints = node.node().store.hints().expect("PostgreSQL has hints");
            let mut proven = hints.proven();
            crate::serving::soon("hints", proven.wait_for(|proven| *proven))
                .await
                .unwrap();
        }
    }
}

async fn send(client: &mut Client, text: &str) -> u64 {
    client
        .say(&json!({"type": "send", "chat": "5", "id": Uuid::now_v7(), "text": text}))
        .await;
    client.next_of("ack").await["seq"].as_u64().unwrap()
}

fn sofia() -> Author {
    Author {
        id: user_key("demo", "sofia").user,
        name: "Sofía".into(),
    }
}

/// Ana here, who does everything; Luis there, who hears it.
async fn ana_and_luis(here: &Serving, there: &Serving) -> (Client, Client) {
    let mut ana = here.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    let mut luis = there.connect("luis", "/ws/chat/5/").await;
    luis.next_of("subscribed").await;
    (ana, luis)
}

/// Everything that is kept happens here, and is heard there once.
async fn all_is_heard(ana: &mut Client, here: &Serving, luis: &mut Client) {
    let first = send(ana, "one").await;
    assert_eq!(luis.next_of("message").await["seq"], first);
    let second = send(ana, "two").await;
    assert_eq!(luis.next_of("message").await["seq"], second);
    let edit = |text: &str| json!({"type": "edit", "ref": 1, "chat": "5", "seq": first, "text": text});
    ana.ask(&edit("uno"), "ack").await;
    let edited = luis.next_of("edited").await;
    assert_eq!((&edited["seq"], &edited["text"]), (&json!(first), &json!("uno")));
    let delete = json!({"type": "delete", "ref": 2, "chat": "5", "seq": second});
    ana.ask(&delete, "ack").await;
    assert_eq!(luis.next_of("deleted").await["seq"], second);
    let node = here.node();
    let chat = room("demo", "5");
    node.close_chat(&chat, &sofia(), Some("solved")).await.unwrap();
    let closed = luis.next_of("chat_closed").await;
    assert_eq!(
        (&closed["by"]["id"], &closed["reason"]),
        (&json!("sofia"), &json!("solved"))
    );
    node.reopen_chat(&chat, &sofia()).await.unwrap();
    luis.next_of("chat_reopened").await;
    // Several at once, the same message twice: in the end everybody has the last words.
    for text in ["a", "b", "c"] {
        ana.ask(&edit(text), "ack").await;
    }
    while luis.next_of("edited").await["text"] != "c" {}
}

/// How long from a send's beginning to its being heard there: the median and the longest.
async fn delay(ana: &mut Client, luis: &mut Client) -> (Duration, Duration) {
    let mut delays = Vec::new();
    for turn in 0..MEASURED {
        let began = Instant::now();
        let seq = send(ana, &format!("turn {turn}")).await;
        while luis.next_of("message").await["seq"] != seq {}
        delays.push(began.elapsed());
    }
    delays.sort_unstable();
    (delays[delays.len() / 2], delays[delays.len() - 1])
}

/// What a client heard, by kind: `message 3`, `edited 3 words`, ...
fn told(frames: &[Value]) -> Vec<String> {
    let stored = frames
        .iter()
        .filter(|frame| frame["type"] != "presence" && frame["type"] != "ack");
    stored
        .map(|frame| format!("{} {} {}", frame["type"], frame["seq"], frame["text"]))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_on_one_database_need_no_bus() {
    let shared = Shared::start().await;
    let (here, there) = (shared.node(None).await, shared.node(None).await);
    shared.proven([&here, &there]).await;
    let (mut ana, mut luis) = ana_and_luis(&here, &there).await;
    all_is_heard(&mut ana, &here, &mut luis).await;
    let (median, longest) = delay(&mut ana, &mut luis).await;
    println!("without a bus, by hints: median {median:?}, longest {longest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_bus_is_away_nothing_that_is_kept_is_missed() {
    let shared = Shared::start().await;
    let bus = tokio::task::block_in_place(Bus::start);
    let (here, there) = (shared.node(Some(&bus)).await, shared.node(Some(&bus)).await);
    let degraded = async |wanted: bool| {
        for node in [&here, &there] {
            until("the bus", || async { node.node().is_degraded() == wanted }).await;
        }
    };
    degraded(false).await;
    let (mut ana, mut luis) = ana_and_luis(&here, &there).await;
    let (median, longest) = delay(&mut ana, &mut luis).await;
    println!("by Redis: median {median:?}, longest {longest:?}");
    bus.kill();
    degraded(true).await;
    shared.proven([&here, &there]).await;
    all_is_heard(&mut ana, &here, &mut luis).await;
    let (median, longest) = delay(&mut ana, &mut luis).await;
    println!("Redis away, by hints: median {median:?}, longest {longest:?}");
    tokio::task::block_in_place(|| bus.run());
    degraded(false).await;
    // Each is told by the bus and found by looking, which goes on for a while: and heard once.
    let seq = send(&mut ana, "back again").await;
    let edit = json!({"type": "edit", "ref": 9, "chat": "5", "seq": seq, "text": "and again"});
    ana.ask(&edit, "ack").await;
    let mut heard = luis.up_to("edited").await;
    let last = send(&mut ana, "the last").await;
    while heard.last().is_none_or(|frame| frame["seq"] != last) {
        heard.extend(luis.up_to("message").await);
    }
    // sleeps because what must not come has no event: longer than three looks
    tokio::time::sleep(Duration::from_secs(3)).await;
    heard.extend(luis.heard().await);
    assert_eq!(
        told(&heard),
        [
            format!("\"message\" {seq} \"back again\""),
            format!("\"edited\" {seq} \"and again\""),
            format!("\"message\" {last} \"the last\""),
        ]
    );
}

/// Hints are a convenience: without them the store is looked at, and they come back by themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hints_that_are_cut_off_are_done_without() {
    let shared = Shared::start().await;
    let (here, there) = (shared.node(None).await, shared.node(None).await);
    shared.proven([&here, &there]).await;
    let (mut ana, mut luis) = ana_and_luis(&here, &there).await;
    let operator = shared.cluster.client(&shared.database).await;
    let cut = async || {
        let cut = operator
            .query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND query LIKE '%pg_notify%' AND pid <> pg_backend_pid()",
                &[],
            )
            .await
            .unwrap();
        cut.len()
    };
    let node = Arc::clone(there.node());
    for _ in 0..3 {
        assert!(cut().await >= 1, "the connections are known by what they say");
        all_is_heard(&mut ana, &here, &mut luis).await;
    }
    let mut proven = node.store.hints().unwrap().proven();
    crate::serving::soon("hints again", proven.wait_for(|proven| *proven))
        .await
        .unwrap();
    let (median, longest) = delay(&mut ana, &mut luis).await;
    println!("hints cut off and back: median {median:?}, longest {longest:?}");
}

/// A node that still has its bus says what moves to one that has none: the other asks for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_lost_its_bus_alone_is_told_by_the_others() {
    let shared = Shared::start().await;
    let (bus, elsewhere) = tokio::task::block_in_place(|| (Bus::start(), Bus::start()));
    let (here, there) = (shared.node(Some(&bus)).await, shared.node(Some(&elsewhere)).await);
    elsewhere.kill();
    until("away", || async { there.node().is_degraded() }).await;
    let hints = here.node().store.hints().unwrap();
    until("asked", || async { hints.has_others() }).await;
    assert!(!here.node().is_degraded());
    let (mut ana, mut luis) = ana_and_luis(&here, &there).await;
    all_is_heard(&mut ana, &here, &mut luis).await;
    // And the other way round, although nobody here asks.
    let seq = send(&mut luis, "from there").await;
    while ana.next_of("message").await["seq"] != seq {}
}
