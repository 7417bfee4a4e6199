//! More than a process has room for, at once and in both directions.

use super::*;

const MANY: usize = 1_000;

/// Says a thousand things each way, and looks whether each was heard once and in order.
async fn a_thousand_each_way(buses: &[&Bus], layer: ChannelLayer) {
    let mut settings = bridge(buses, layer);
    settings.events[0] = event("chat_message", EventKind::Message, &[]);
    let node = node(settings).await;
    let word = if layer == ChannelLayer::Core {
        "core"
    } else {
        "pubsub"
    };
    let hosts: Vec<String> = buses.iter().map(|bus| address(bus)).collect();
    let mut speaking = json!({"layer": word, "hosts": hosts});
    if layer == ChannelLayer::Core {
        speaking["capacity"] = 10_000.into();
    }
    let (mut speaker, mut hearer) = (
        // Its own drops are not what is tried here.
        Channels::start(&speaking),
        Channels::start(&json!({"layer": word, "hosts": hosts})),
    );
    let consumer = hearer.consumer(GROUP);
    let mut ana = node.connect_plain("ana", "/ws/chat/5/").await;
    let mut luis = listener(&node, "luis").await;
    until("a reader", || async {
        buses.iter().all(|bus| is_read(bus, layer))
    })
    .await;
    hearer.begin(&json!({"do": "receive", "channel": consumer, "count": 2 * MANY}));
    speaker.begin(&json!({
        "do": "send_many", "group": GROUP, "event": {"type": "chat_message", "autor": "Pedro"}, "count": MANY, "pause_every": 50,
    }));
    for number in 0..MANY {
        ana.say(&json!({"texto": number.to_string()})).await;
    }
    speaker.answer();
    let heard = hearer.answer();
    let of = |author: &str| -> Vec<String> {
        let heard = heard.as_array().unwrap().iter();
        heard
            .filter(|event| event["autor"] == author)
            .map(|event| event["texto"].as_str().unwrap().to_owned())
            .collect()
    };
    let expected: Vec<String> = (0..MANY).map(|number| number.to_string()).collect();
    assert!(of("Pedro") == expected, "{:?}", of("Pedro").len());
    assert!(of("Ana") == expected, "{:?}", of("Ana").len());
    let (mut pedro, mut own) = (Vec::new(), Vec::new());
    for seq in 1..=2 * MANY {
        let message = luis.next_of("message").await;
        assert_eq!(message["seq"], seq);
        let text = message["text"].as_str().unwrap().to_owned();
        match message["author"]["name"].as_str() {
            Some("Pedro") => pedro.push(text),
            _ => own.push(text),
        }
    }
    assert!(pedro == expected, "{}", pedro.len());
    assert!(own == expected, "{}", own.len());
    for name in ["lost", "over_capacity"] {
        assert_eq!(
            figure(&node, &format!("charla_bridge_{name}_total")).await,
            0,
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_each_way_by_queues() {
    let bus = tokio::task::block_in_place(Bus::start);
    a_thousand_each_way(&[&bus], ChannelLayer::Core).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_each_way_by_publishing() {
    let bus = tokio::task::block_in_place(Bus::start);
    a_thousand_each_way(&[&bus], ChannelLayer::PubSub).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_hosts_are_looked_for_where_channels_looks() {
    let buses = tokio::task::block_in_place(|| [Bus::start(), Bus::start(), Bus::start()]);
    let buses = buses.each_ref();
    a_thousand_each_way(&buses, ChannelLayer::Core).await;
    a_thousand_each_way(&buses, ChannelLayer::PubSub).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_process_is_waited_for() {
    let bus = tokio::task::block_in_place(Bus::start);
    let mut settings = bridge(&[&bus], ChannelLayer::Core);
    settings.capacity = 5;
    let node = node(settings).await;
    let mut channels = Channels::start(&json!({"layer": "core", "hosts": [address(&bus)]}));
    let consumer = channels.consumer(GROUP);
    let mut ana = node.connect_plain("ana", "/ws/chat/5/").await;
    for number in 0..200 {
        ana.say(&json!({"texto": number.to_string()})).await;
    }
    for number in 0..200 {
        assert_eq!(ana.next().await["texto"], number.to_string());
    }
    figure_is(&node, "charla_bridge_sent_total", 200).await;
    let (process, _) = consumer.as_str().unwrap().split_once('!').unwrap();
    let waiting = bus.command(&["ZCARD", &format!("asgi{process}!")]);
    assert_eq!(waiting, "2", "no more than half of what the application allows");
    for (number, event) in channels.receive_many(&consumer, 200).iter().enumerate() {
        assert_eq!(event["texto"], number.to_string());
    }
}
