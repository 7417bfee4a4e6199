//! Entering and coming back while messages fly: nothing lost, nothing twice, one order for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use charla_server::settings::Settings;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{send, seqs};
use crate::serving::{Client, Serving};

const WRITERS: u64 = 8;
const EACH: u64 = 150;
const TOTAL: u64 = WRITERS * EACH;
const JOINERS: u64 = 8;

fn unlimited(settings: &mut Settings) {
    settings.limits.sends_per_second = 0;
    settings.limits.requests_per_second = 0;
    settings.limits.connections_per_user = 1_000;
    settings.limits.connections_per_address = 1_000;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joiners_and_resumers_hear_each_message_once_in_order() {
    let serving = Arc::new(Serving::start_with(unlimited).await);
    let comings = Arc::new(AtomicU64::new(0));
    let writers = (0..WRITERS).map(|n| tokio::spawn(write(Arc::clone(&serving), n)));
    let joiners = (0..JOINERS).map(|n| {
        tokio::spawn(join_again_and_again(
            Arc::clone(&serving),
            n,
            Arc::clone(&comings),
        ))
    });
    let writers: Vec<_> = writers.collect();
    let joiners: Vec<_> = joiners.collect();
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    for joiner in join_all(joiners).await {
        joiner.unwrap();
    }
    let comings = comings.load(Ordering::Relaxed);
    assert!(comings > JOINERS * 3, "they hardly came and went: {comings}");
}

/// Sends without waiting for each answer, edits now and then (which makes joiners look twice), and checks that its own
/// messages were numbered in the order in which it sent them.
async fn write(serving: Arc<Serving>, number: u64) {
    let mut client = serving.connect("ana", "/ws/chat/5/").await;
    let mut mine = Vec::new();
    for turn in 0..EACH {
        client.say(&send(turn, &format!("{number}:{turn}"))).await;
        if turn % 10 == 9 {
            let ack = loop {
                let ack = client.next_of("ack").await;
                mine.extend(ack["id"].is_string().then(|| ack["seq"].as_u64().unwrap()));
                if ack["ref"] == turn {
                    break ack;
                }
            };
            client
                .say(&json!({"type": "edit", "ref": 1_000, "seq": ack["seq"], "text": "edited"}))
                .await;
        }
    }
    while mine.len() < usize::try_from(EACH).unwrap() {
        let ack = client.next_of("ack").await;
        mine.extend(ack["id"].is_string().then(|| ack["seq"].as_u64().unwrap()));
    }
    assert!(
        mine.is_sorted(),
        "one connection's messages keep their order: {mine:?}"
    );
}

/// Comes, listens for a while, goes and resumes where it left off, until it has everything.
async fn join_again_and_again(serving: Arc<Serving>, number: u64, comings: Arc<AtomicU64>) {
    let mut have = 0;
    // Half of them leave soon, the others stay longer; every second one comes over `/ws/`.
    let stay = 5 + 17 * number;
    while have < TOTAL {
        comings.fetch_add(1, Ordering::Relaxed);
        let mut client = if number.is_multiple_of(2) {
            serving
                .connect("luis", &format!("/ws/chat/5/?after={have}"))
                .await
        } else {
            let mut client = serving.connect("sofia", "/ws/").await;
            client
                .say(&json!({"type": "subscribe", "ref": 1, "chat": "5", "after": have}))
                .await;
            client
        };
        have = listen(&mut client, have, stay).await;
        if number.is_multiple_of(3) {
            client.leave().await;
        } else {
            // Gone without a word.
            drop(client);
        }
    }
    assert_eq!(have, TOTAL);
}

/// Hears up to `stay` messages; the last one's number. Each must be the next.
async fn listen(client: &mut Client, mut have: u64, stay: u64) -> u64 {
    let subscribed = loop {
        let frame = client.next().await;
        assert_ne!(frame["type"], "error", "{frame}");
        if frame["type"] == "subscribed" {
            break frame;
        }
    };
    assert_eq!(subscribed["resumed"], true, "the gaps are short");
    let missed = seqs(&subscribed["messages"]);
    let last = have + missed.len() as u64;
    assert_eq!(missed, (have + 1..=last).collect::<Vec<_>>(), "what was missed");
    assert_eq!(subscribed["seq"], last, "and no more than that");
    have = last;
    let leave_at = have + stay;
    while have < leave_at.min(TOTAL) {
        let message: Value = client.next_of("message").await;
        assert_eq!(message["seq"], have + 1, "the next one, once");
        have += 1;
    }
    have
}
