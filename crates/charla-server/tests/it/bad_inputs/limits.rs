//! Too much, too fast, too slow; and a clock that jumps.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use charla_server::clock;
use charla_wire::Timestamp;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use super::{Ground, timed};
use crate::serving::{Client, Raw, Serving, room, soon, text, until};

fn send(reference: usize, words: &str) -> Value {
    json!({"type": "send", "ref": reference, "id": uuid::Uuid::new_v4(), "text": words})
}

pub(super) async fn hasty_sends(ground: Ground) {
    let mut client = ground.client().await;
    let burst: Vec<u8> = (0..1_000).flat_map(|n| text(&send(n, "x").to_string())).collect();
    ground.tries(1_000);
    client.write(&burst).await;
    let (mut acked, mut refused) = (0, 0);
    while acked + refused < 1_000 {
        let frame = client.hear().await.unwrap();
        match frame["type"].as_str().unwrap() {
            "ack" => acked += 1,
            "error" => {
                assert_eq!(frame["cause"], "rate_limited");
                assert!(
                    frame["retry_in_ms"].as_u64().is_some_and(|wait| wait > 0),
                    "{frame}"
                );
                refused += 1;
            }
            _ => {}
        }
    }
    assert!(
        (40..200).contains(&acked),
        "the burst, and what the second added: {acked}"
    );
    // Whoever never slows down is cut, and told when to come back.
    let mut stubborn = ground.client().await;
    for _ in 0..5 {
        stubborn.write(&burst).await;
    }
    let (code, reason) = stubborn.end().await;
    assert_eq!(code, 4429);
    assert!(reason.starts_with("rate_limited: retry in "), "{reason}");
    ground.logged(&["rate_limited", "initiator=server"]).await;
}

pub(super) async fn one_id(ground: Ground) {
    ground.tries(10_001);
    let serving = Serving::start_with(|settings| settings.limits.sends_per_second = 0).await;
    let mut luis = serving.connect("luis", "/ws/chat/5/").await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    luis.next_of("subscribed").await;
    let one = send(1, "only once");
    let mut acks = 0;
    for _ in 0..100 {
        for _ in 0..100 {
            ana.say(&one).await;
        }
        for _ in 0..100 {
            assert_eq!(ana.next_of("ack").await["seq"], 1);
            acks += 1;
        }
    }
    assert_eq!(acks, 10_000);
    let mut other = one.clone();
    other["text"] = json!("something else");
    ana.say(&other).await;
    let error = ana.next_of("error").await;
    assert_eq!(
        (&error["cause"], &error["id"]),
        (&json!("id_conflict"), &one["id"])
    );
    // Somebody else's id is its own.
    luis.say(&one).await;
    assert_eq!(luis.next_of("ack").await["seq"], 2);
    let heard = luis.heard().await;
    let texts = serving
        .node()
        .store
        .messages(&room("demo", "5"), charla_server::store::Page::Latest, 10)
        .await;
    let texts: Vec<_> = texts
        .unwrap()
        .iter()
        .map(|message| message.draft.text.to_string())
        .collect();
    assert_eq!(
        texts,
        ["only once", "only once"],
        "two people, one row each; the first words kept"
    );
    assert!(heard.iter().all(|frame| frame["seq"] != 3), "{heard:?}");
}

pub(super) async fn slow_reader(ground: Ground) {
    stuck_reader().await;
    let path = format!(
        "{}&attempt=slow-{}",
        ground.path(&ground.token()),
        std::process::id()
    );
    let socket = TcpSocket::new_v4().unwrap();
    // A small window, so that what waits, waits at the server.
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind((ground.ip(), 0).into()).unwrap();
    let socket = soon("connect", socket.connect(ground.server.address))
        .await
        .unwrap();
    let mut slow = Client::open_over(socket, ground.server.address, &path, &["charla.v1"]).await;
    slow.next_of("subscribed").await;
    let before = ground.server.resident();
    // Several people, each as fast as it may, until the receipt says that the slow one is gone.
    let writers = join_all((0..4).map(|_| ground.client())).await;
    let mut writers: Vec<_> = writers
        .into_iter()
        .map(|mut writer: Raw| {
            tokio::spawn(async move {
                for n in 0.. {
                    writer.say(&send(n, &"x".repeat(16 << 10))).await;
                    if writer.next_of_either("ack", "error").await["type"] == "error" {
                        // sleeps because it is at the limit: the next one may go in a twentieth of a second
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            })
        })
        .collect();
    let receipt = async || ground.http("GET", &path, &[], b"").await.json()["attempt"].clone();
    until("the slow reader's end", || async {
        receipt().await["outcome"] == "closed"
    })
    .await;
    let receipt = receipt().await;
    assert_eq!(
        (&receipt["cause"], &receipt["code"]),
        (&json!("slow_consumer"), &json!(4508))
    );
    ground.logged(&["slow_consumer", "initiator=server"]).await;
    for writer in writers.drain(..) {
        writer.abort();
    }
    let grown = ground.server.resident().saturating_sub(before);
    assert!(grown < 16 << 20, "grown by {grown} bytes");
}

pub(super) async fn history(ground: Ground) {
    let serving = Serving::start_with(|settings| settings.limits.sends_per_second = 0).await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    for n in 0..250 {
        ana.say(&send(n, "x")).await;
    }
    while ana.next_of("ack").await["seq"] != 250 {}
    let page = ana
        .ask(
            &json!({"type": "history", "ref": 1, "limit": 1_000_000_000}),
            "history",
        )
        .await;
    assert_eq!(
        (page["messages"].as_array().unwrap().len(), &page["more"]),
        (200, &json!(true))
    );
    let mut client = ground.client().await;
    let one = text(r#"{"type":"history","ref":9,"limit":200}"#);
    client.write(&one.repeat(500)).await;
    let error = client.next_of("error").await;
    assert_eq!(error["cause"], "rate_limited");
    client.write(&one.repeat(9_500)).await;
    let (code, reason) = client.end().await;
    assert_eq!(
        (code, reason.starts_with("rate_limited")),
        (4429, true),
        "{reason}"
    );
}

pub(super) async fn subscriptions(ground: Ground) {
    ground.tries(10_000);
    let serving = Serving::start_with(|settings| settings.limits.requests_per_second = 0).await;
    let store = &serving.node().store;
    join_all((0..130).map(|n| async move {
        store
            .put_chat(&room("demo", &format!("c{n}")), None)
            .await
            .unwrap();
    }))
    .await;
    let mut sofia = serving.connect("sofia", "/ws/").await;
    sofia.next_of("welcome").await;
    for n in 0..128 {
        let subscribe = json!({"type": "subscribe", "ref": n, "chat": format!("c{n}")});
        assert_eq!(sofia.ask(&subscribe, "subscribed").await["ref"], n);
    }
    for n in 128..10_000 {
        let subscribe = json!({"type": "subscribe", "ref": n, "chat": format!("c{n}")});
        let error = sofia.ask(&subscribe, "error").await;
        assert_eq!(
            (&error["cause"], &error["ref"]),
            (&json!("subscription_limit"), &json!(n))
        );
    }
    // Again to one that it has is no further one; and one less makes room.
    sofia
        .ask(
            &json!({"type": "subscribe", "ref": 1, "chat": "c7"}),
            "subscribed",
        )
        .await;
    sofia
        .ask(
            &json!({"type": "unsubscribe", "ref": 2, "chat": "c7"}),
            "unsubscribed",
        )
        .await;
    sofia
        .ask(
            &json!({"type": "subscribe", "ref": 3, "chat": "c129"}),
            "subscribed",
        )
        .await;
}

pub(super) async fn connections(ground: Ground) {
    let path = ground.path(&ground.token());
    let mine = join_all((0..20).map(|_| ground.client())).await;
    let reason = ground.refused(&path, &[], 4429, "too_many_connections").await;
    assert!(reason.contains("retry in "), "{reason}");
    drop(mine);
    // Room again once they are gone.
    until("a place for the user", || async {
        ground.http("GET", &path, &[], b"").await.status == 200
    })
    .await;
    let mut others = Vec::new();
    for n in 0..200 {
        let claims = ground.claims_with("user_id", json!(format!("crowd-{}", n % 20)));
        others.push(ground.client_at(&ground.path(&ground.token_with(&claims))).await);
    }
    ground.refused(&path, &[], 4429, "too_many_connections").await;
    drop(others);
    until("a place for the address", || async {
        ground.http("GET", &path, &[], b"").await.status == 200
    })
    .await;
}

/// A reader that takes nothing, however little waits for it, is cut when it has taken nothing for too long.
async fn stuck_reader() {
    let serving = Serving::start_with(|settings| {
        settings.limits.outbox_bytes = 256 << 20;
        settings.limits.outbox_age = Duration::from_secs(1);
        settings.limits.sends_per_second = 0;
    })
    .await;
    let path = format!("/ws/chat/5/?attempt=stuck&token={}", serving.token("luis").await);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let socket = soon("connect", socket.connect(serving.address)).await.unwrap();
    let mut stuck = Client::open_over(socket, serving.address, &path, &["charla.v1"]).await;
    stuck.next_of("subscribed").await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let words = "x".repeat(16 << 10);
    let closed = async {
        loop {
            for n in 0..20 {
                ana.say(&send(n, &words)).await;
                ana.next_of("ack").await;
            }
            let receipt = serving.http("GET", &path, &[], b"").await.json()["attempt"].clone();
            if receipt["outcome"] == "closed" {
                return receipt;
            }
        }
    };
    let receipt = soon("the stuck reader's end", closed).await;
    assert_eq!(receipt["cause"], "slow_consumer");
}

/// As many as the file descriptors of two processes on a plain machine allow.
const HALF_OPEN: usize = 5_000;

pub(super) async fn half_open(ground: Ground) {
    open_halves(&ground).await;
    let before = ground.server.resident();
    open_halves(&ground).await;
    let grown = ground.server.resident().saturating_sub(before);
    assert!(
        grown < 8 << 20,
        "what the first round took serves the second: {grown} bytes more"
    );
}

async fn open_halves(ground: &Ground) {
    let mut held = Vec::with_capacity(HALF_OPEN);
    for n in 0..HALF_OPEN {
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 3, u8::try_from(n % 200).unwrap() + 1));
        ground.tries(1);
        let mut raw = Raw::open_from(from, ground.server.address).await;
        raw.write(b"GET /ws/chat/5/ HTTP/1.1\r\nHost: x\r\nUpgra").await;
        held.push(raw);
    }
    let (_, took) = timed(ground.client()).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    // All of them are answered or hung up on within their time.
    join_all(held.iter_mut().map(Raw::rest)).await;
    ground.serves_honestly().await;
}

pub(super) async fn stepped_clock(ground: Ground) {
    const HOUR: i64 = 3_600_000;
    ground.tries(3);
    let offset = Arc::new(AtomicI64::new(0));
    let (read, real) = (Arc::clone(&offset), clock::system());
    let stepped: clock::Clock =
        Arc::new(move || Timestamp::from_millis(real().as_millis() + read.load(Ordering::SeqCst)));
    let serving = Serving::start_at(tempfile::tempdir().unwrap(), stepped, |settings| {
        settings.liveness.ping_after = Duration::from_secs(1);
        settings.liveness.pong_within = Duration::from_secs(1);
        settings.auth.leeway = Duration::ZERO;
    })
    .await;
    let short = serving.token_of("demo", "luis", Duration::from_secs(6)).await;
    let mut raw = Raw::open(serving.address).await;
    let path = format!("/ws/chat/5/?token={short}");
    let (end, lived) = timed(async {
        raw.upgrade(&path, &["Sec-WebSocket-Protocol: charla.v1"]).await;
        let mut ana = serving.connect("ana", "/ws/chat/5/").await;
        ana.next_of("subscribed").await;
        let mut dates = Vec::new();
        for (n, step) in [0, HOUR, -HOUR].into_iter().enumerate() {
            offset.store(step, Ordering::SeqCst);
            ana.say(&send(n, "tick")).await;
            let ack = ana.next_of("ack").await;
            assert_eq!(ack["seq"], n + 1, "order is by number");
            dates.push(ack["sent_at"].as_str().unwrap().to_owned());
        }
        assert!(
            dates[1] > dates[0] && dates[2] < dates[0],
            "the clock was stepped: {dates:?}"
        );
        let mut pings = 0;
        let mut seqs = Vec::new();
        loop {
            match raw.frame().await.unwrap() {
                (0x89, _) => {
                    pings += 1;
                    raw.write(&crate::serving::frame(0x8a, b"")).await;
                }
                (0x88, payload) => break (payload, pings, seqs),
                (_, payload) => {
                    let frame: Value = serde_json::from_slice(&payload).unwrap();
                    seqs.extend(frame["seq"].as_u64().filter(|_| frame["type"] == "message"));
                }
            }
        }
    })
    .await;
    let (payload, pings, seqs) = end;
    assert_eq!(seqs, [1, 2, 3]);
    assert!(payload.starts_with(&4401_u16.to_be_bytes()) && payload.ends_with(b"token_expired"));
    assert!(
        (2..=7).contains(&pings),
        "one a second of silence: {pings} in {lived:?}"
    );
    let about = Duration::from_millis(4_500)..Duration::from_millis(9_000);
    assert!(
        about.contains(&lived),
        "the token's own six seconds, not the clock's hour: {lived:?}"
    );
}
