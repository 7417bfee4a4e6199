//! Two nodes on one database: one numbering, one memory of what was said, and no reader sees a number before the one below it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use charla_core::{Draft, RoomKey, Seq};
use charla_server::store::{Appended, Page};
use futures_util::future::{join, join_all};
use uuid::Uuid;

use super::bench;
use crate::cluster::Cluster;
use crate::store_contract::{Bench, draft, room, seqs};

const CHATS: usize = 2;
const WRITERS: usize = 12;
const EACH: usize = 60;

async fn say(node: &Bench, draft: Draft) -> (bool, Seq) {
    match node.append(draft).await {
        Ok(Appended::New(stored)) => (true, stored.seq),
        Ok(Appended::Repeated(stored)) => (false, stored.seq),
        Err(error) => panic!("{error}"),
    }
}

/// Looks for what comes next, again and again until all is done; how many messages there were, and how often it looked.
async fn watch(node: Arc<Bench>, room: RoomKey, done: Arc<AtomicBool>) -> (Seq, usize) {
    let (mut last, mut looks) = (0, 0);
    loop {
        let ends = done.load(Ordering::SeqCst);
        let page = node
            .store
            .messages(&room, Page::After(last), 1_000)
            .await
            .unwrap();
        let expected: Vec<Seq> = (last + 1..=last + page.len() as Seq).collect();
        assert_eq!(seqs(&page), expected, "nothing is seen before what is below it");
        last += page.len() as Seq;
        looks += 1;
        if ends {
            return (last, looks);
        }
    }
}

/// Every message is given to both nodes at once: one of them stores it, both name the same number.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn numbers_are_one_row_and_are_seen_in_their_order() {
    let cluster = Cluster::start();
    let url = cluster.url(&cluster.database().await);
    let nodes = [
        Arc::new(bench(&url).await.unwrap()),
        Arc::new(bench(&url).await.unwrap()),
    ];
    let tenant = nodes[0].tenant().await;
    let rooms: Vec<_> = (0..CHATS).map(|n| room(&tenant, &n.to_string())).collect();
    for room in &rooms {
        nodes[0].store.put_chat(room, None).await.unwrap();
    }
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = rooms
        .iter()
        .flat_map(|room| nodes.iter().map(move |node| (room.clone(), Arc::clone(node))))
        .map(|(room, node)| tokio::spawn(watch(node, room, Arc::clone(&done))))
        .collect();
    let writers = (0..WRITERS).map(|writer| {
        let (nodes, rooms) = (&nodes, &rooms);
        async move {
            for turn in 0..EACH {
                let draft = Draft {
                    id: Uuid::now_v7(),
                    ..draft(&rooms[(writer + turn) % CHATS], &format!("u{writer}"), "hola")
                };
                let twice = join(say(&nodes[0], draft.clone()), say(&nodes[1], draft)).await;
                let ((new_here, seq_here), (new_there, seq_there)) = twice;
                assert!(new_here != new_there, "stored once");
                assert_eq!(seq_here, seq_there, "under one number");
            }
        }
    });
    join_all(writers).await;
    done.store(true, Ordering::SeqCst);
    let mut total = 0;
    for (place, reader) in readers.into_iter().enumerate() {
        let (last, looks) = reader.await.unwrap();
        assert!(looks > 10, "a reader looked only {looks} times");
        if place % nodes.len() == 0 {
            total += last;
        }
    }
    assert_eq!(total, (WRITERS * EACH) as Seq);
    for room in &rooms {
        // Each node tells of what it stored, in order; both together of everything once.
        let mut told: Vec<Seq> = Vec::new();
        for node in &nodes {
            let heard = node.heard(room);
            assert!(heard.is_sorted(), "{heard:?}");
            assert!(!heard.is_empty(), "both nodes wrote");
            told.extend(heard);
        }
        told.sort_unstable();
        let last = nodes[0].store.chat(room).await.unwrap().unwrap().last_seq;
        assert_eq!(told, (1..=last).collect::<Vec<_>>());
    }
}

/// Chats are taken in one order, whatever order the messages came in: groups of two nodes that touch the same chats
/// wait for each other and never in a circle.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn groups_over_the_same_chats_do_not_lock_each_other_out() {
    let cluster = Cluster::start();
    let url = cluster.url(&cluster.database().await);
    let nodes = [bench(&url).await.unwrap(), bench(&url).await.unwrap()];
    let tenant = nodes[0].tenant().await;
    let rooms: Vec<_> = (0..20).map(|n| room(&tenant, &n.to_string())).collect();
    for room in &rooms {
        nodes[0].store.put_chat(room, None).await.unwrap();
    }
    for round in 0..20 {
        let forwards = rooms
            .iter()
            .map(|room| nodes[0].hand_over(draft(room, "ana", "a")));
        let forwards: Vec<_> = forwards.collect();
        let backwards = rooms
            .iter()
            .rev()
            .map(|room| nodes[1].hand_over(draft(room, "bea", "b")));
        let backwards: Vec<_> = backwards.collect();
        for outcome in join_all(forwards.into_iter().chain(backwards)).await {
            assert!(matches!(outcome.unwrap(), Ok(Appended::New(_))), "round {round}");
        }
    }
    for room in &rooms {
        assert_eq!(nodes[1].store.chat(room).await.unwrap().unwrap().last_seq, 40);
    }
}
