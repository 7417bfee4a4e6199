//! A node is killed: who was on it is gone from the others within its time to live, and counts no more.

use std::time::Duration;

use serde_json::json;

use super::{Shared, company, online, stays};
use crate::serving::process::Process;
use crate::serving::{Client, profile};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_leaves_no_ghosts() {
    let shared = Shared::start().await;
    let here = shared
        .node_with(|settings| {
            settings.broker.node_ttl = Duration::from_secs(4);
            settings.limits.connections_per_user = 1;
        })
        .await;
    let folder = tempfile::tempdir().unwrap();
    let profile = format!("{}{} {}", profile::NODE, shared.address, shared.bus.url().shown());
    let there = tokio::task::block_in_place(|| Process::start(folder.path(), &profile));
    company(&here, 1).await;
    let mut ana = here.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    let token = here.token("luis").await;
    let path = format!("/ws/chat/5/?token={token}");
    let mut luis = Client::open(there.address, &path, &["charla.v1"]).await;
    assert_eq!(online(&luis.next_of("subscribed").await), ["ana"]);
    assert_eq!(ana.next_of("presence").await["state"], "joined");
    luis.say(&json!({"type": "typing", "on": true})).await;
    assert_eq!(ana.next_of("typing").await["on"], true);
    // One connection is one too many, as long as the other node may live.
    let mut again = here.connect("luis", "/ws/").await;
    assert_eq!(again.end().await.0, 4429);
    there.kill();
    let left = ana.next_of("presence").await;
    assert_eq!(
        (&left["state"], &left["user"]["id"]),
        (&json!("left"), &json!("luis"))
    );
    assert_eq!(here.node().peers().len(), 0);
    assert_eq!(ana.next_of("typing").await["on"], false);
    let mut sofia = here.connect("sofia", "/ws/chat/5/").await;
    assert_eq!(online(&sofia.next_of("subscribed").await), ["ana"]);
    drop(stays(&here, "luis").await);
}
