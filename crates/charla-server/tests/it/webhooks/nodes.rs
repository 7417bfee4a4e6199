//! Two nodes on one PostgreSQL: who sends what, and what a dead node leaves.

use futures_util::future::join_all;

use super::*;
use crate::cluster::Cluster;
use crate::serving::process::Process;
use crate::serving::profile::HOOKED;
use charla_server::settings::StoreUrl;

async fn node(address: &str, url: &str) -> Serving {
    Serving::start_with(|settings| {
        settings.store.url = StoreUrl::parse(address);
        tell(settings, "demo", url);
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_tell_everything_once_and_in_order() {
    const EACH: usize = 40;
    let cluster = Cluster::start();
    let address = cluster.address(&cluster.database().await);
    let receiver = Receiver::start().await;
    let nodes = [
        node(&address, &receiver.url).await,
        node(&address, &receiver.url).await,
    ];
    let chats = ["5", "6", "7"];
    for chat in &chats[1..] {
        nodes[0]
            .node()
            .store
            .put_chat(&room("demo", chat), None)
            .await
            .unwrap();
    }
    receiver.wait_for(2).await;
    for n in 0..EACH {
        let said = chats.iter().enumerate().map(|(at, chat)| {
            let (node, text) = (&nodes[(n + at) % 2], n.to_string());
            async move { say(node, "demo", chat, &text).await }
        });
        join_all(said).await;
    }
    let hooks = receiver.wait_for(2 + chats.len() * EACH).await;
    check_order(&hooks, &chats, EACH);
    until("nothing waits", async || {
        nodes[1].node().store.webhook_backlog().await.unwrap().is_empty()
    })
    .await;
    assert_eq!(receiver.came().len(), hooks.len(), "nothing was sent twice");
}

/// The other node sends what a dead one had in its hands, once the lease is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_node_leaves_its_work_to_others() {
    let cluster = Cluster::start();
    let address = cluster.address(&cluster.database().await);
    let receiver = Receiver::start().await;
    receiver.says_nothing();
    let folder = tempfile::tempdir().unwrap();
    let dying = Process::start(folder.path(), &format!("{HOOKED}{} {address}", receiver.url));
    until("one is on its way", async || !receiver.came().is_empty()).await;
    dying.kill();
    receiver.says(200, "");
    let heir = node(&address, &receiver.url).await;
    say(&heir, "demo", "5", "0").await;
    let hooks = receiver.wait_for_each(3).await;
    assert_eq!(hooks[0].json["type"], "member.joined");
    assert_eq!(texts(&hooks, "5"), ["0"]);
    assert!(
        receiver
            .came()
            .iter()
            .filter(|hook| hook.id == hooks[0].id)
            .count()
            >= 2
    );
}

/// What PostgreSQL was asked, by its own log: a message costs no statement where nobody wants to hear of it, and one where somebody does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_wants_to_hear_costs_nothing() {
    const SAID: usize = 10;
    let cluster = Cluster::start_with(&["log_statement=all"]);
    let address = cluster.address(&cluster.database().await);
    let receiver = Receiver::start().await;
    let inserted = |table: &str| cluster.log().matches(&format!(": INSERT INTO {table} (")).count();
    let serving = node(&address, &receiver.url).await;
    serving
        .node()
        .store
        .put_chat(&room("acme", "6"), None)
        .await
        .unwrap();
    receiver.wait_for(2).await;
    let (messages, told) = (inserted("messages"), inserted("webhook_outbox"));
    assert_eq!((messages, told), (0, 2), "the members of demo");
    for n in 0..SAID {
        say(&serving, "acme", "6", &n.to_string()).await;
    }
    assert_eq!((inserted("messages"), inserted("webhook_outbox")), (SAID, told));
    for n in 0..SAID {
        say(&serving, "demo", "5", &n.to_string()).await;
    }
    assert_eq!(
        (inserted("messages"), inserted("webhook_outbox")),
        (2 * SAID, told + SAID)
    );
    let hooks = receiver.wait_for(2 + SAID).await;
    check_order(&hooks, &["5"], SAID);
}
