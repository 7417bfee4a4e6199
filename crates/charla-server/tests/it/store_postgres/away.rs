//! The database goes away and comes back while people talk: nothing acknowledged is lost, and nothing has to be opened again.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use charla_core::{Draft, RoomKey, Seq};
use charla_server::store::{AppendError, Appended, Page, StoreError};
use rustix::process::Signal;
use uuid::Uuid;

use super::bench;
use crate::cluster::Cluster;
use crate::serving::{soon, until};
use crate::store_contract::{Bench, draft, seqs};

const WRITERS: usize = 8;

/// What writers count together.
#[derive(Default)]
struct Count {
    acked: AtomicUsize,
    refused: AtomicUsize,
    ends: AtomicBool,
}

/// Sends until it is told to end, each message again with its id until it is acknowledged, as clients do.
async fn talk(node: Arc<Bench>, room: RoomKey, writer: usize, count: Arc<Count>) -> Vec<(Uuid, Seq)> {
    let mut acked = Vec::new();
    while !count.ends.load(Ordering::SeqCst) {
        let said = Draft {
            id: Uuid::now_v7(),
            ..draft(&room, &format!("u{writer}"), "hola")
        };
        let seq = loop {
            match node.append(said.clone()).await {
                Ok(Appended::New(stored) | Appended::Repeated(stored)) => break stored.seq,
                Err(AppendError::Unavailable(_)) => {
                    count.refused.fetch_add(1, Ordering::SeqCst);
                    // sleeps because a client waits before it sends again
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(other) => panic!("{other}"),
            }
        };
        acked.push((said.id, seq));
        count.acked.fetch_add(1, Ordering::SeqCst);
    }
    acked
}

async fn beyond(what: &str, counter: &AtomicUsize, wanted: usize) {
    until(what, || async { counter.load(Ordering::SeqCst) >= wanted }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_stops_loses_nothing_acknowledged() {
    let cluster = Cluster::start();
    let url = cluster.url(&cluster.database().await);
    let node = Arc::new(bench(&url).await.unwrap());
    let room = node.room().await;
    let count = Arc::new(Count::default());
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(talk(Arc::clone(&node), room.clone(), writer, Arc::clone(&count))))
        .collect();
    // An orderly restart, a crash, and a kill that asks nobody.
    for signal in [Signal::INT, Signal::QUIT, Signal::KILL, Signal::QUIT] {
        let acked = count.acked.load(Ordering::SeqCst);
        beyond("sends before", &count.acked, acked + 100).await;
        let refused = count.refused.load(Ordering::SeqCst);
        cluster.stop(signal);
        beyond("refusals", &count.refused, refused + WRITERS).await;
        assert!(matches!(
            node.store.ready().await,
            Err(StoreError::Unavailable(_))
        ));
        cluster.run();
        let acked = count.acked.load(Ordering::SeqCst);
        beyond("sends after", &count.acked, acked + 100).await;
        soon("ready", node.store.ready()).await.unwrap();
    }
    count.ends.store(true, Ordering::SeqCst);
    let mut acked = HashMap::new();
    for writer in writers {
        acked.extend(writer.await.unwrap());
    }
    let stored = node
        .store
        .messages(&room, Page::After(0), usize::MAX)
        .await
        .unwrap();
    assert_eq!(seqs(&stored), (1..=stored.len() as Seq).collect::<Vec<_>>());
    let by_id: HashMap<Uuid, Seq> = stored
        .iter()
        .map(|message| (message.draft.id, message.seq))
        .collect();
    assert_eq!(by_id.len(), stored.len(), "none is there twice");
    for (id, seq) in &acked {
        assert_eq!(by_id.get(id), Some(seq));
    }
    assert_eq!(acked.len(), stored.len(), "each was acknowledged in the end");
    // Whatever is stored was told once and in order, also where the answer to a commit was lost.
    assert_eq!(node.heard(&room), seqs(&stored));
}

#[tokio::test]
async fn a_chat_that_is_held_elsewhere_refuses_and_goes_on() {
    let cluster = Cluster::start();
    let database = cluster.database().await;
    let node = bench(&cluster.url(&database)).await.unwrap();
    let room = node.room().await;
    let other = cluster.client(&database).await;
    other
        .batch_execute("BEGIN; SELECT 1 FROM chats FOR UPDATE")
        .await
        .unwrap();
    let said = draft(&room, "ana", "hola");
    let refused = node.append(said.clone()).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(node.store_new(said).await.seq, 1);
}
