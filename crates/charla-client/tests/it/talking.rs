//! What a client says and hears over its connections: nothing lost, nothing twice, in order.

use std::time::Duration;

use charla_client::{Bounds, ChatId, Event, Place, Policy};
use serde_json::{Value, json};

use crate::scripted::{Scripted, hasty, message, next, next_text, soon};

fn chat() -> ChatId {
    ChatId::parse("5").unwrap()
}

#[tokio::test]
async fn what_was_not_acknowledged_goes_out_again_under_the_same_id() {
    let server = Scripted::new().await;
    let (charla, _events) = server.client("/ws/").connect().unwrap();
    let sending = {
        let charla = charla.clone();
        tokio::spawn(async move { charla.send(&chat(), "hola").await })
    };
    let mut peer = server.welcome().await;
    peer.let_in(0).await;
    let first = peer.hear().await;
    assert_eq!((&first["type"], &first["text"]), (&json!("send"), &json!("hola")));
    peer.close(1011, "internal_error").await;

    let mut peer = server.welcome().await;
    let report = peer.hear().await;
    assert_eq!(report["type"], "report", "{report}");
    assert_eq!(report["cause"], "internal_error");
    assert_eq!((&report["code"], &report["attempts"]), (&json!(1011), &json!(1)));
    assert!(report["away_ms"].is_u64());
    peer.let_in(0).await;
    let again = peer.hear().await;
    assert_eq!(again["id"], first["id"]);
    peer.acknowledge(&again, 7).await;
    let ack = soon("the ack", sending).await.unwrap().unwrap();
    assert_eq!(
        (ack.seq, ack.id.to_string()),
        (7, first["id"].as_str().unwrap().to_owned())
    );
}

#[tokio::test]
async fn a_reconnect_resumes_after_the_last_message_and_drops_repeats() {
    let server = Scripted::new().await;
    let (_charla, mut events) = server.client("/ws/chat/5/").connect().unwrap();
    let subscribed = |seq: u64, resumed: bool, messages: Value| json!({"type": "subscribed", "chat": "5", "seq": seq, "rev": 3, "resumed": resumed, "messages": messages, "changed": []});
    let mut peer = server.welcome().await;
    assert!(!peer.target.contains("after="), "{}", peer.target);
    peer.say(&subscribed(1, false, json!([]))).await;
    peer.say(&message(2, "two")).await;
    peer.say(&message(2, "two")).await;
    assert_eq!(next_text(&mut events).await, "two");
    peer.close(1012, "restarting: retry in 5 ms").await;

    let mut peer = server.welcome().await;
    assert!(
        peer.target.contains("after=2") && peer.target.contains("rev=3"),
        "{}",
        peer.target
    );
    let missed = json!([{"seq": 2, "text": "two"}, {"seq": 3, "text": "three"}, {"seq": 4, "text": "four"}]);
    peer.say(&subscribed(4, true, missed)).await;
    peer.say(&message(4, "four")).await;
    peer.say(&message(5, "five")).await;
    for expected in ["three", "four", "five"] {
        assert_eq!(next_text(&mut events).await, expected);
    }
}

#[tokio::test]
async fn a_gap_is_filled_from_history_before_what_came_after_it() {
    let server = Scripted::new().await;
    let (charla, mut events) = server.client("/ws/").connect().unwrap();
    let subscribing = tokio::spawn(async move {
        let from = Place {
            after: Some(3),
            rev: None,
            epoch: None,
        };
        charla.subscribe(&chat(), from).await.unwrap();
        charla
    });
    let mut peer = server.welcome().await;
    assert_eq!(peer.let_in(3).await["after"], 3);
    let charla = soon("being let in", subscribing).await.unwrap();
    peer.say(&message(6, "six")).await;
    peer.say(&message(7, "seven")).await;
    let asked = peer.hear().await;
    assert_eq!(
        (&asked["type"], &asked["before"], &asked["limit"]),
        (&json!("history"), &json!(6), &json!(2))
    );
    let page = json!([{"seq": 4, "text": "four"}, {"seq": 5, "text": "five"}]);
    peer.say(&json!({"type": "history", "ref": asked["ref"], "chat": "5", "messages": page, "more": true}))
        .await;
    for expected in ["four", "five", "six", "seven"] {
        assert_eq!(next_text(&mut events).await, expected);
    }
    let notes = charla.report()["notes"].as_array().unwrap().clone();
    assert!(
        notes
            .iter()
            .any(|note| note["kind"] == "gap" && note["before"] == 6),
        "{notes:?}"
    );
}

#[tokio::test]
async fn an_application_that_reads_slowly_misses_nothing_and_holds_nothing_up() {
    let server = Scripted::new().await;
    let (charla, mut events) = server.client("/ws/").events(4).connect().unwrap();
    let subscribing = {
        let charla = charla.clone();
        tokio::spawn(async move { charla.subscribe(&chat(), Place::default()).await })
    };
    let mut peer = server.welcome().await;
    peer.let_in(0).await;
    soon("being let in", subscribing).await.unwrap().unwrap();
    for seq in 1..=50 {
        peer.say(&message(seq, &seq.to_string())).await;
    }
    // Nothing is read, and yet what is said is acknowledged.
    let sending = tokio::spawn(async move { (charla.send(&chat(), "hola").await, charla) });
    let send = peer.hear().await;
    peer.acknowledge(&send, 51).await;
    let (ack, _charla) = soon("the ack", sending).await.unwrap();
    assert_eq!(ack.unwrap().seq, 51);
    // Now it is read, and what had no room is asked for after what had.
    let server_side = tokio::spawn(async move {
        loop {
            let asked = peer.hear().await;
            assert_eq!(asked["type"], "subscribe", "{asked}");
            let after = asked["after"].as_u64().unwrap();
            let missed: Vec<Value> = (after + 1..=50)
                .map(|seq| message(seq, &seq.to_string()))
                .collect();
            peer.say(&json!({
                "type": "subscribed", "ref": asked["ref"], "chat": "5", "seq": 50, "rev": 0, "resumed": true,
                "messages": missed, "changed": [],
            }))
            .await;
        }
    });
    for seq in 1..=50 {
        assert_eq!(next_text(&mut events).await, seq.to_string());
    }
    server_side.abort();
}

#[tokio::test]
async fn the_queue_is_bounded_and_every_drop_is_told() {
    let server = Scripted::new().await;
    let bounds = Bounds {
        max_count: 2,
        ..Bounds::default()
    };
    let (charla, _events) = server.client("/ws/").outbox(bounds).connect().unwrap();
    let chat = chat();
    let sending = tokio::spawn({
        let (charla, chat) = (charla.clone(), chat.clone());
        async move { tokio::join!(charla.send(&chat, "a"), charla.send(&chat, "b")) }
    });
    let mut peer = server.welcome().await;
    peer.let_in(0).await;
    peer.hear().await;
    peer.hear().await;
    let full = charla.send(&chat, "x").await.unwrap_err();
    assert_eq!(full.cause.as_str(), "outbox_full");
    charla.close().await;
    let (a, b) = soon("both", sending).await.unwrap();
    assert_eq!(a.unwrap_err().cause.as_str(), "closed");
    assert_eq!(b.unwrap_err().cause.as_str(), "closed");
    let notes = charla.report()["notes"].as_array().unwrap().clone();
    let drops = notes.iter().filter(|note| note["kind"] == "drop").count();
    assert_eq!(drops, 3, "{notes:?}");
}

#[tokio::test]
async fn a_send_that_is_refused_says_why_and_one_that_may_wait_waits() {
    let server = Scripted::new().await;
    let (charla, mut events) = server.client("/ws/").connect().unwrap();
    let sending = |text: &'static str| {
        let charla = charla.clone();
        tokio::spawn(async move { charla.send(&chat(), text).await })
    };
    let long = sending("too long");
    let mut peer = server.welcome().await;
    peer.let_in(0).await;
    let send = peer.hear().await;
    peer.say(&json!({"type": "error", "id": send["id"], "cause": "message_too_long", "detail": "17 KiB", "retry": "stop"}))
        .await;
    let refusal = soon("the refusal", long).await.unwrap().unwrap_err();
    assert_eq!(refusal.to_string(), "message_too_long: 17 KiB");

    let hasty = sending("in haste");
    let send = peer.hear().await;
    peer.say(&json!({"type": "error", "id": send["id"], "cause": "rate_limited", "retry": "wait", "retry_in_ms": 20}))
        .await;
    let again = peer.hear().await;
    assert_eq!(again["id"], send["id"]);
    peer.acknowledge(&again, 1).await;
    assert_eq!(soon("the ack", hasty).await.unwrap().unwrap().seq, 1);

    peer.say(&json!({"type": "error", "cause": "bad_request", "detail": "of nobody's"}))
        .await;
    let refused = next(&mut events, |event| {
        if let Event::Refused(frame) = event {
            Some(frame)
        } else {
            None
        }
    })
    .await;
    assert_eq!(refused.text_of("detail"), "of nobody's");
}

#[tokio::test]
async fn the_report_tells_all_and_no_token() {
    let server = Scripted::new().await;
    let (charla, mut events) = server.client("/ws/?token=geheim").connect().unwrap();
    let peer = server.welcome().await;
    peer.close(4401, "token_expired: eyJhbGciOiJub25lIn0.e30.c2ln is old")
        .await;
    soon("the end", async {
        while charla.state().name != charla_client::machine::Name::Disabled {
            events.recv().await.unwrap();
        }
    })
    .await;
    let report = charla.report();
    assert_eq!(report["charla_report"], 1);
    assert_eq!(report["url"], format!("ws://{}/ws/", server.address));
    assert_eq!(report["session"], "s1");
    assert_eq!(report["policy"]["attempts"], 5);
    assert_eq!(
        (&report["now"]["name"], &report["now"]["cause"]),
        (&json!("disabled"), &json!("token_expired"))
    );
    let kinds: Vec<_> = report["notes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| &note["kind"])
        .collect();
    for kind in ["token", "socket", "state"] {
        assert!(kinds.contains(&&json!(kind)), "{kinds:?}");
    }
    let text = report.to_string();
    assert!(!text.contains("eyJ") && !text.contains("geheim"), "{text}");
}

#[tokio::test]
async fn a_server_that_falls_silent_is_asked_and_then_left() {
    let server = Scripted::new().await;
    let policy = Policy {
        grace: Duration::from_millis(50),
        ..hasty()
    };
    let (charla, _events) = server.client("/ws/").policy(policy).connect().unwrap();
    let mut silent = server.accept().await;
    silent.say(&json!({"type": "welcome", "heartbeat_ms": 50})).await;
    assert_eq!(silent.hear().await, json!({"type": "ping"}));
    silent.say(&json!({"type": "pong"})).await;
    assert_eq!(
        silent.hear().await,
        json!({"type": "ping"}),
        "and again, since it answered"
    );
    // It answers no more, and the next connection is told why.
    let mut peer = server.welcome().await;
    assert_eq!(peer.hear().await["cause"], "heartbeat_timeout");
    charla.close().await;
}
