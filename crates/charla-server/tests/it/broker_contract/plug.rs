//! The plug is pulled on whole nodes: nobody is cut off, and what was acknowledged arrives everywhere once and in order.

use super::sentinel::Watched;
use super::shards::{cluster, meets};
use super::{Stage, nats, until};
use crate::broker_redis::plug::survives_on;
use crate::broker_redis::{Shared, readiness};

/// The master dies; its replica takes over while people talk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_talk_through_a_failover() {
    let watched = tokio::task::block_in_place(|| Watched::start(1));
    watched.meets().await;
    let shared = Shared::start_on(watched.url()).await;
    let repaired = survives_on(&shared, async |_, talk, node| {
        watched.servers[0].kill();
        readiness(node, "degraded: broker_unavailable").await;
        talk.goes_on(50).await;
    })
    .await;
    assert!(repaired > 0, "the store carried what the bus did not");
}

/// Two nodes are sent to another master one after the other: for a moment each is content and hears only itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_talk_through_two_masters() {
    let watched = tokio::task::block_in_place(|| Watched::start(0));
    watched.meets().await;
    let shared = Shared::start_on(watched.url()).await;
    let other = tokio::task::block_in_place(|| watched.another());
    survives_on(&shared, async |_, talk, _| {
        watched.points_to(&other);
        talk.goes_on(50).await;
        until("the nodes have moved", || async {
            Watched::listeners(&other) == 2 && Watched::listeners(&watched.servers[0]) == 0
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_talk_while_a_cluster_restarts() {
    let stage = tokio::task::block_in_place(|| cluster(3));
    meets(&stage).await;
    survives_a_restart_of(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_talk_while_nats_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let program = nats::server(&folder, "");
    let stage = nats::stage(folder, "", program);
    survives_a_restart_of(&stage).await;
}

/// The whole bus dies under people who talk, and is started again.
async fn survives_a_restart_of(stage: &Stage) {
    let shared = Shared::start_on(stage.url.clone()).await;
    let repaired = survives_on(&shared, async |_, talk, node| {
        stage.kill();
        readiness(node, "degraded: broker_unavailable").await;
        talk.goes_on(50).await;
        stage.run();
    })
    .await;
    assert!(repaired > 0, "the store carried what the bus did not");
}
