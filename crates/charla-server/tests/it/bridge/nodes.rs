//! Several nodes of Charla on one Channels: one reads for all.

use super::*;
use crate::broker_redis::Shared;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_hear_everything_once() {
    for layer in [ChannelLayer::Core, ChannelLayer::PubSub] {
        let bus = tokio::task::block_in_place(Bus::start);
        let shared = Shared::start_on(bus.url()).await;
        let word = if layer == ChannelLayer::Core {
            "core"
        } else {
            "pubsub"
        };
        let [here, there] = shared
            .nodes(|settings| adjust(settings, bridge(&[&bus], layer)))
            .await;
        let mut channels = Channels::start(&json!({"layer": word, "hosts": [address(&bus)]}));
        let consumer = channels.consumer(GROUP);
        let (mut ana, mut luis) = (listener(&here, "ana").await, listener(&there, "luis").await);
        until("a reader", || async { is_read(&bus, layer) }).await;
        for turn in 1..=20_u64 {
            channels.send(GROUP, &said("Pedro", &turn.to_string()));
            let speaker = if turn % 2 == 0 { &mut ana } else { &mut luis };
            let text = format!("own {turn}");
            speaker
                .say(&json!({"type": "send", "chat": "5", "id": uuid::Uuid::now_v7(), "text": text}))
                .await;
            let mut texts = Vec::new();
            for seq in [2 * turn - 1, 2 * turn] {
                let (one, two) = (ana.next_of("message").await, luis.next_of("message").await);
                assert_eq!(one["seq"], seq);
                assert_eq!(one["text"], two["text"]);
                texts.push(one["text"].as_str().unwrap().to_owned());
            }
            texts.sort();
            assert_eq!(texts, [turn.to_string(), text.clone()]);
            let mut heard: Vec<String> = channels
                .receive_many(&consumer, 2)
                .iter()
                .map(|event| event["texto"].as_str().unwrap().to_owned())
                .collect();
            heard.sort();
            assert_eq!(heard, texts);
        }
        let received = figure(&here, "charla_bridge_received_total").await
            + figure(&there, "charla_bridge_received_total").await;
        assert_eq!(received, 20);
    }
}

/// The reader dies in the middle of a stream, without a word; the other node goes on where it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_reads_when_the_reader_dies() {
    let bus = tokio::task::block_in_place(Bus::start);
    let shared = std::sync::Arc::new(Shared::start_on(bus.url()).await);
    let settings = bridge(&[&bus], ChannelLayer::Core);
    let mortal = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (of_mortal, its_own) = (std::sync::Arc::clone(&shared), settings.clone());
    let first = mortal
        .spawn(async move { of_mortal.node_with(|settings| adjust(settings, its_own)).await })
        .await
        .unwrap();
    until("a reader", || async {
        !bus.command(&["KEYS", "asgi$charla-reader-*"]).is_empty()
    })
    .await;
    let second = shared.node_with(|others| adjust(others, settings)).await;
    // Room enough for what is said while nobody reads: Channels itself drops beyond.
    let mut channels =
        Channels::start(&json!({"layer": "core", "hosts": [address(&bus)], "capacity": 10_000}));
    let mut luis = listener(&second, "luis").await;
    channels.begin(&json!({
        "do": "send_many", "group": GROUP, "event": {"type": "chat_message", "autor": "Pedro"}, "count": 300, "pause_every": 5,
    }));
    for number in 0..100 {
        assert_eq!(luis.next_of("message").await["text"], number.to_string());
    }
    let read = figure(&first, "charla_bridge_received_total").await;
    assert!(read >= 100, "the first one reads: {read}");
    mortal.shutdown_background();
    drop(first);
    for number in 100..300 {
        let message = luis.next_of("message").await;
        assert_eq!(message["text"], number.to_string());
        assert_eq!(message["seq"], number + 1);
    }
    channels.answer();
}

/// The lease is taken from whoever reads, again and again in the middle of a stream, so that two nodes believe that they read: the
/// one that carries out what it took before, and the one that begins with the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_loses_its_lease_bridges_nothing_twice() {
    const COUNT: u64 = 300;
    let bus = tokio::task::block_in_place(Bus::start);
    let shared = Shared::start_on(bus.url()).await;
    let [here, there] = shared
        .nodes(|settings| adjust(settings, bridge(&[&bus], ChannelLayer::Core)))
        .await;
    let mut channels =
        Channels::start(&json!({"layer": "core", "hosts": [address(&bus)], "capacity": 10_000}));
    let consumer = channels.consumer(GROUP);
    let (mut ana, mut luis) = (listener(&here, "ana").await, listener(&there, "luis").await);
    let lease = bus.command(&["KEYS", "asgi$charla-reader-*"]);
    assert!(
        !lease.is_empty() && !lease.contains(char::is_whitespace),
        "{lease}"
    );
    channels.begin(&json!({
        "do": "send_many", "group": GROUP, "event": {"type": "chat_message", "autor": "Pedro"}, "count": COUNT, "pause_every": 5,
    }));
    for number in 0..COUNT {
        for listener in [&mut ana, &mut luis] {
            let message = listener.next_of("message").await;
            assert_eq!(
                (&message["seq"], &message["text"]),
                (&json!(number + 1), &json!(number.to_string()))
            );
        }
        tokio::task::block_in_place(|| bus.command(&["DEL", &lease]));
    }
    channels.answer();
    let received = [&here, &there].map(|node| figure(node, "charla_bridge_received_total"));
    let [one, other] = received;
    let (one, other) = (one.await, other.await);
    assert!(
        one > 0 && other > 0,
        "the lease changed hands: {one} and {other} events"
    );
    // Nothing of it went back to where it came from.
    assert_eq!(channels.receive_many(&consumer, 300).len(), 300);
    channels.send(GROUP, &said("Pedro", "fin"));
    assert_eq!(channels.receive(&consumer)["texto"], "fin");
}
