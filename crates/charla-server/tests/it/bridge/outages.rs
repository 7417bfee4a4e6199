//! The Redis of Channels away, the last listener gone, and a reader that died in the middle.

use super::*;
use crate::broker_redis::readiness;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_here_notices_that_redis_is_away() {
    for layer in [ChannelLayer::Core, ChannelLayer::PubSub] {
        let bus = tokio::task::block_in_place(Bus::start);
        let word = if layer == ChannelLayer::Core {
            "core"
        } else {
            "pubsub"
        };
        let node = node(bridge(&[&bus], layer)).await;
        let mut ana = node.connect_plain("ana", "/ws/chat/5/").await;
        readiness(&node, "ready").await;
        tokio::task::block_in_place(|| bus.kill());
        readiness(&node, "degraded: bridge_unavailable").await;
        ana.say(&json!({"texto": "sigo aquí"})).await;
        assert_eq!(ana.next().await["texto"], "sigo aquí");
        let mut luis = listener(&node, "luis").await;
        tokio::task::block_in_place(|| bus.run());
        readiness(&node, "ready").await;
        let mut channels = Channels::start(&json!({"layer": word, "hosts": [address(&bus)]}));
        until("a member, or a reader", || async {
            is_read(&bus, layer)
                && (layer == ChannelLayer::PubSub
                    || bus.command(&["EXISTS", &format!("asgi:group:{GROUP}")]) == "1")
        })
        .await;
        channels.send(GROUP, &said("Pedro", "hola otra vez"));
        assert_eq!(ana.next().await["texto"], "hola otra vez");
        assert_eq!(luis.next_of("message").await["text"], "hola otra vez");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_in_a_moment_has_missed_nothing() {
    let bus = tokio::task::block_in_place(Bus::start);
    let mut settings = bridge(&[&bus], ChannelLayer::Core);
    settings.linger = std::time::Duration::from_secs(600);
    let node = node(settings).await;
    let mut channels = Channels::start(&json!({"layer": "core", "hosts": [address(&bus)]}));
    let mut luis = listener(&node, "luis").await;
    channels.send(GROUP, &said("Pedro", "uno"));
    luis.next_of("message").await;
    drop(luis);
    let member = channels.ask(&json!({"do": "members", "group": GROUP}));
    let member = member[0].as_str().unwrap().to_owned();
    let key = format!("asgi:group:{GROUP}");
    let joined = |score: String| -> f64 { score.parse().unwrap() };
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs_f64();
    until("a membership that ends", || async {
        joined(bus.command(&["ZSCORE", &key, &member])) < now - 80_000.0
    })
    .await;
    channels.send(GROUP, &said("Pedro", "dos"));
    figure_is(&node, "charla_bridge_received_total", 2).await;
    let mut luis = node.connect("luis", "/ws/chat/5/?after=1").await;
    let subscribed = luis.next_of("subscribed").await;
    assert_eq!(subscribed["messages"][0]["text"], "dos", "{subscribed}");
    until("a membership that goes on", || async {
        joined(bus.command(&["ZSCORE", &key, &member])) > now - 60.0
    })
    .await;
}

/// Between storing a message and taking it out of `$inflight` there is a moment to die in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stored_and_not_taken_out_is_not_stored_again() {
    let bus = tokio::task::block_in_place(Bus::start);
    let node = node(bridge(&[&bus], ChannelLayer::Core)).await;
    let mut channels = Channels::start(&json!({"layer": "core", "hosts": [address(&bus)]}));
    let mut luis = listener(&node, "luis").await;
    let words = json!({"do": "queue", "group": GROUP, "event": said("Pedro", "uno"), "name": "one"});
    let queue = channels.ask(&words);
    let queue = queue.as_str().unwrap();
    assert_eq!(luis.next_of("message").await["seq"], 1);
    let inflight = format!("{queue}$inflight");
    until("an empty list", || async {
        bus.command(&["ZCARD", &inflight]) == "0"
    })
    .await;
    channels.ask(&json!({"do": "put_back", "key": inflight, "name": "one"}));
    channels.send(GROUP, &said("Pedro", "dos"));
    let next = luis.next_of("message").await;
    assert_eq!((&next["seq"], &next["text"]), (&json!(2), &json!("dos")));
    until("an empty list", || async {
        bus.command(&["ZCARD", &inflight]) == "0"
    })
    .await;
    figure_is(&node, "charla_bridge_received_total", 3).await;
}
