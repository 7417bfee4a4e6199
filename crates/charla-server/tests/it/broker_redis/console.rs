//! The operator's overview of several nodes: sums, a ledger that is found from any of them, and what is left of those that are gone.

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::Shared;
use crate::console::{ledger, overview, refused, sum};
use crate::loops::expired;
use crate::serving::{Raw, Serving, soon, until};

/// Waits until a node's overview has this sum.
async fn counts(node: &Serving, figure: &[&str], wanted: u64) {
    until(&format!("{figure:?} is {wanted}"), || async {
        sum(&overview(node).await, figure) == wanted
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_add_up_and_what_is_gone_is_remembered() {
    let shared = Shared::start().await;
    let [first, second, third] = shared.nodes(|settings| settings.console.enabled = true).await;
    let stale = expired(&first, "ana").await;
    for (node, times) in [(&first, 1), (&second, 2), (&third, 3)] {
        for _ in 0..times {
            assert_eq!(refused(node, &stale, "5").await, 4401);
        }
    }
    let mut ana = first.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    let mut luis = third.connect("luis", "/ws/chat/5/").await;
    let on_third = luis.next_of("welcome").await["session"].clone();
    luis.next_of("subscribed").await;
    for n in 0..5 {
        let id = uuid::Uuid::from_u128(n);
        let send = json!({"type": "send", "ref": 1, "chat": "5", "id": id, "text": "hola"});
        luis.ask(&send, "ack").await;
    }
    for node in [&first, &second, &third] {
        counts(node, &["refused", "token_expired"], 6).await;
        counts(node, &["accepted"], 2).await;
        counts(node, &["messages"], 5).await;
        until("who is connected, by tenant", || async {
            let seen = overview(node).await;
            let tenant = &seen["now"]["tenants"][0];
            seen["now"]["connections"] == 2 && tenant["tenant"] == "demo" && tenant["connections"] == 2
        })
        .await;
    }
    // Open on the third, refused on all, asked on the second.
    let open = ledger(&second, "user=luis").await;
    assert_eq!(
        (&open["entries"][0]["connection"], &open["entries"][0]["kind"]),
        (&on_third, &"open".into())
    );
    let all = ledger(&second, "cause=token_expired").await;
    assert_eq!(all["entries"].as_array().unwrap().len(), 6, "{all}");
    let nodes = all["nodes"].as_array().unwrap();
    assert!(
        nodes.len() == 3 && nodes.iter().all(|node| node["answered"] == true),
        "{all}"
    );
    let times: Vec<_> = all["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["at"])
        .collect();
    assert!(
        times.is_sorted_by(|a, b| a.as_str() >= b.as_str()),
        "the newest first"
    );

    third.drain().await;
    assert_eq!(luis.end().await.0, 1012);
    counts(&first, &["closed", "restarting", "server"], 1).await;
    let late = shared.node_with(|settings| settings.console.enabled = true).await;
    for node in [&first, &late] {
        counts(node, &["refused", "token_expired"], 6).await;
        counts(node, &["messages"], 5).await;
        counts(node, &["closed", "restarting", "server"], 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_answer_the_good_bye_of_a_drain_is_counted_too() {
    let shared = Shared::start().await;
    let short = |settings: &mut charla_server::settings::Settings| {
        settings.console.enabled = true;
        // Shorter than a good-bye is waited for.
        settings.server.drain = std::time::Duration::from_millis(1_900);
    };
    let [here, there] = shared.nodes(short).await;
    let token = there.token("ana").await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        let mut raw = Raw::open(there.address).await;
        raw.upgrade(&format!("/ws/chat/5/?tenant=demo&token={token}"), &[])
            .await;
        silent.push(raw);
    }
    until("three are connected", || async {
        overview(&here).await["now"]["connections"] == 3
    })
    .await;
    there.drain().await;
    // What it said it said before it ended: nothing is waited for but the bus.
    counts(&here, &["closed", "restarting", "server"], 3).await;
    until("the minute ends without them", || async {
        let seen = overview(&here).await;
        let last = seen["minutes"].as_array().unwrap().last().cloned().unwrap();
        last["connections"] == 0
    })
    .await;
    drop(silent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_drained_from_another_and_the_bus_being_away_is_said() {
    let shared = Shared::start().await;
    let [here, there] = shared.nodes(|settings| settings.console.enabled = true).await;
    let auth = &here.node().auth;
    let (key, _) = auth.api_keys.create(None, "night", auth.now()).await.unwrap();
    let key = format!("Authorization: Bearer {}", key.expose_secret());
    until("both are known", || async {
        overview(&here).await["nodes"]["nodes"].as_array().unwrap().len() == 2
    })
    .await;
    let other = overview(&here).await["nodes"]["nodes"][1]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let unknown = format!("/api/v1/nodes/{}/drain", uuid::Uuid::nil());
    assert_eq!(here.http("POST", &unknown, &[&key], b"").await.status, 404);
    let path = format!("/api/v1/nodes/{other}/drain");
    assert_eq!(here.http("POST", &path, &[&key], b"").await.status, 202);
    soon("the other is told", there.drain_asked()).await;

    shared.bus.kill();
    until("who did not answer is named", || async {
        let found = ledger(&here, "user=ana").await;
        found["nodes"][1]["id"] == *other && found["nodes"][1]["answered"] == false
    })
    .await;
}
