//! Coming back: everything missed, then everything live.

use serde_json::json;

use super::{say_all, send, seqs, texts};
use crate::serving::Serving;

#[tokio::test]
async fn whoever_comes_back_gets_what_was_missed() {
    let serving = Serving::start().await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    say_all(&mut ana, &["1", "2", "3", "4", "5"]).await;
    // By the address, and by a request; with and without anything missed.
    for (after, missed) in [
        (0, vec!["1", "2", "3", "4", "5"]),
        (3, vec!["4", "5"]),
        (5, vec![]),
    ] {
        let mut luis = serving
            .connect("luis", &format!("/ws/chat/5/?after={after}"))
            .await;
        let subscribed = luis.next_of("subscribed").await;
        assert_eq!(
            (&subscribed["resumed"], &subscribed["seq"]),
            (&json!(true), &json!(5))
        );
        assert_eq!(texts(&subscribed["messages"]), missed);
        let mut many = serving.connect("luis", "/ws/").await;
        let subscribe = json!({"type": "subscribe", "ref": 1, "chat": "5", "after": after});
        let subscribed = many.ask(&subscribe, "subscribed").await;
        assert_eq!(texts(&subscribed["messages"]), missed);
        luis.leave().await;
        many.leave().await;
    }
}

#[tokio::test]
async fn too_long_a_gap_starts_over_with_the_latest_page() {
    let serving = Serving::start_with(|settings| {
        settings.limits.resume_messages = 10;
        settings.limits.sends_per_second = 0;
    })
    .await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    for n in 1..=300 {
        ana.say(&send(n, "x")).await;
    }
    while ana.next_of("ack").await["ref"] != 300 {}
    let mut luis = serving.connect("luis", "/ws/chat/5/?after=100").await;
    let subscribed = luis.next_of("subscribed").await;
    assert_eq!(
        (&subscribed["resumed"], &subscribed["seq"]),
        (&json!(false), &json!(300))
    );
    assert_eq!(seqs(&subscribed["messages"]), (251..=300).collect::<Vec<_>>());
    // Within the limit there is nothing to start over.
    let mut luis = serving.connect("luis", "/ws/chat/5/?after=290").await;
    let subscribed = luis.next_of("subscribed").await;
    assert_eq!(subscribed["resumed"], true);
    assert_eq!(seqs(&subscribed["messages"]), (291..=300).collect::<Vec<_>>());
    ana.say(&send(301, "live")).await;
    assert_eq!(luis.next_of("message").await["seq"], 301);
}

#[tokio::test]
async fn whoever_comes_back_learns_what_was_changed() {
    let serving = Serving::start().await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    say_all(&mut ana, &["1", "2", "3", "4"]).await;
    for request in [
        json!({"type": "edit", "ref": 1, "seq": 1, "text": "before"}),
        json!({"type": "edit", "ref": 1, "seq": 2, "text": "dos"}),
        json!({"type": "delete", "ref": 1, "seq": 3}),
        json!({"type": "edit", "ref": 1, "seq": 4, "text": "cuatro"}),
    ] {
        ana.ask(&request, "ack").await;
    }
    // It has messages up to 3 and the first change.
    let mut luis = serving.connect("luis", "/ws/chat/5/?after=3&rev=1").await;
    let subscribed = luis.next_of("subscribed").await;
    assert_eq!(
        (&subscribed["rev"], &subscribed["resumed"]),
        (&json!(4), &json!(true))
    );
    assert_eq!(
        (seqs(&subscribed["changed"]), texts(&subscribed["changed"])),
        (vec![2, 3], vec!["dos", ""])
    );
    assert_eq!(subscribed["changed"][1]["deleted"], true);
    assert_eq!(
        texts(&subscribed["messages"]),
        ["cuatro"],
        "what it did not have comes as it is now"
    );
    let mut current = serving.connect("luis", "/ws/chat/5/?after=4&rev=4").await;
    assert_eq!(current.next_of("subscribed").await["changed"], json!([]));
}

#[tokio::test]
async fn subscribing_anew_resumes_and_hears_nothing_twice() {
    let serving = Serving::start().await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let mut sofia = serving.connect("sofia", "/ws/").await;
    say_all(&mut ana, &["1", "2"]).await;
    for after in [0, 1, 2] {
        let subscribe = json!({"type": "subscribe", "ref": 1, "chat": "5", "after": after});
        let subscribed = sofia.ask(&subscribe, "subscribed").await;
        assert_eq!(seqs(&subscribed["messages"]), (after + 1..=2).collect::<Vec<_>>());
    }
    say_all(&mut ana, &["3"]).await;
    assert_eq!(sofia.next_of("message").await["seq"], 3);
    let more = sofia.heard().await;
    assert!(more.iter().all(|frame| frame["type"] != "message"), "{more:?}");
}
