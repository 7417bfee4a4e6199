//! The first words, sending, reading back, changing what was said.

use serde_json::json;

use super::{fields, say_all, send, send_to, seqs, texts};
use crate::serving::{Serving, room};

#[tokio::test]
async fn the_first_words_say_everything() {
    let serving = Serving::start().await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    assert_eq!(ana.protocol.as_deref(), Some("charla.v1"));
    let welcome = ana.next().await;
    assert_eq!(
        fields(&welcome),
        [
            "heartbeat_ms",
            "server_time",
            "session",
            "tenant",
            "token_expires_at",
            "type",
            "user",
            "version"
        ]
    );
    assert_eq!(welcome["type"], "welcome");
    assert_eq!(
        welcome["user"],
        json!({"id": "ana", "name": "Ana", "role": "member"})
    );
    assert_eq!(
        (&welcome["tenant"], &welcome["heartbeat_ms"]),
        (&json!("demo"), &json!(25_000))
    );
    let subscribed = ana.next().await;
    assert_eq!(
        fields(&subscribed),
        [
            "changed",
            "chat",
            "epoch",
            "members_online",
            "messages",
            "reads",
            "resumed",
            "rev",
            "role",
            "seq",
            "state",
            "title",
            "type"
        ]
    );
    assert_eq!(subscribed["type"], "subscribed");
    assert_eq!(
        (&subscribed["title"], &subscribed["state"]),
        (&json!("Cinco"), &json!("open"))
    );
    assert_eq!((&subscribed["seq"], &subscribed["rev"]), (&json!(0), &json!(0)));
    assert_eq!(
        (&subscribed["resumed"], &subscribed["messages"]),
        (&json!(false), &json!([]))
    );
}

#[tokio::test]
async fn a_message_comes_to_everybody_and_is_stored() {
    let serving = Serving::start().await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let mut again = serving.connect("ana", "/ws/chat/5").await;
    let mut luis = serving.connect("luis", "/ws/chat/5/").await;
    for client in [&mut ana, &mut again, &mut luis] {
        client.next_of("subscribed").await;
    }
    let mut say = send(7, "hola, ¿qué tal? 👋");
    say["data"] = json!({"order": 7, "nested": {"a": [1, 2.5, null]}});
    let ack = ana.ask(&say, "ack").await;
    assert_eq!(fields(&ack), ["chat", "id", "ref", "sent_at", "seq", "type"]);
    assert_eq!(
        (&ack["ref"], &ack["seq"], &ack["id"]),
        (&json!(7), &json!(1), &say["id"])
    );
    for client in [&mut again, &mut luis] {
        let message = client.next_of("message").await;
        assert_eq!(
            fields(&message),
            ["author", "chat", "data", "id", "sent_at", "seq", "text", "type"]
        );
        assert_eq!((&message["text"], &message["data"]), (&say["text"], &say["data"]));
        assert_eq!(message["author"], json!({"id": "ana", "name": "Ana"}));
        assert_eq!((&message["chat"], &message["seq"]), (&json!("5"), &json!(1)));
        assert_eq!(message["sent_at"], ack["sent_at"]);
    }
    let chat = serving.node().store.chat(&room("demo", "5")).await.unwrap();
    assert_eq!(chat.unwrap().last_seq, 1);
    // The other tenant's chat of the same name has heard nothing.
    let acme = serving.node().store.chat(&room("acme", "5")).await.unwrap();
    assert_eq!(acme.unwrap().last_seq, 0);
}

#[tokio::test]
async fn the_sender_hears_its_own_message_once_and_a_repeat_is_only_acknowledged() {
    let serving = Serving::start().await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let mut luis = serving.connect("luis", "/ws/chat/5/").await;
    luis.next_of("subscribed").await;
    let once = send(1, "once");
    for reference in 1..=3 {
        let mut again = once.clone();
        again["ref"] = json!(reference);
        let ack = ana.ask(&again, "ack").await;
        assert_eq!((&ack["ref"], &ack["seq"]), (&json!(reference), &json!(1)));
    }
    assert_eq!(ana.ask(&send(4, "twice"), "ack").await["seq"], 2);
    assert_eq!(luis.next_of("message").await["text"], "once");
    let next = luis.next().await;
    assert_eq!(
        (&next["type"], &next["text"]),
        (&json!("message"), &json!("twice")),
        "once, and no more"
    );
    let mine = ana.heard().await;
    assert!(
        mine.iter().all(|frame| frame["text"] != "once"),
        "heard before the acks: {mine:?}"
    );
}

#[tokio::test]
async fn history_goes_back_page_by_page() {
    let serving = Serving::start().await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let words: Vec<String> = (1..=30).map(|n| n.to_string()).collect();
    let words: Vec<&str> = words.iter().map(|word| &**word).collect();
    say_all(&mut ana, &words).await;
    let latest = ana
        .ask(
            &json!({"type": "history", "ref": 1, "chat": "5", "limit": 10}),
            "history",
        )
        .await;
    assert_eq!(fields(&latest), ["chat", "messages", "more", "ref", "type"]);
    assert_eq!(
        (seqs(&latest["messages"]), &latest["more"]),
        ((21..=30).collect(), &json!(true))
    );
    let before = json!({"type": "history", "ref": 2, "before": 11, "limit": 25});
    let before = ana.ask(&before, "history").await;
    assert_eq!(
        (seqs(&before["messages"]), &before["more"]),
        ((1..=10).collect(), &json!(false))
    );
    assert_eq!(texts(&before["messages"])[..2], ["1", "2"]);
    let none = json!({"type": "history", "ref": 3, "before": 1});
    let none = ana.ask(&none, "history").await;
    assert_eq!((&none["messages"], &none["more"]), (&json!([]), &json!(false)));
}

#[tokio::test]
async fn words_can_be_changed_and_taken_back_by_whoever_may() {
    let serving = Serving::start().await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let mut luis = serving.connect("luis", "/ws/chat/5/").await;
    let mut sofia = serving.connect("sofia", "/ws/chat/5/").await;
    luis.next_of("subscribed").await;
    assert_eq!(sofia.next_of("subscribed").await["role"], "agent");
    say_all(&mut ana, &["one", "two", "three"]).await;

    let ack = ana
        .ask(&json!({"type": "edit", "ref": 4, "seq": 1, "text": "uno"}), "ack")
        .await;
    assert_eq!(
        (&ack["ref"], &ack["seq"], &ack["rev"]),
        (&json!(4), &json!(1), &json!(1))
    );
    let edited = luis.next_of("edited").await;
    assert_eq!(
        fields(&edited),
        ["by", "chat", "edited_at", "rev", "seq", "text", "type"]
    );
    assert_eq!(
        (&edited["text"], &edited["by"]["id"]),
        (&json!("uno"), &json!("ana"))
    );

    for request in [
        json!({"type": "edit", "ref": 5, "seq": 2, "text": "mine"}),
        json!({"type": "delete", "ref": 5, "seq": 2}),
    ] {
        let error = luis.ask(&request, "error").await;
        assert_eq!(
            (&error["cause"], &error["ref"]),
            (&json!("edit_forbidden"), &json!(5))
        );
    }
    let ack = sofia
        .ask(&json!({"type": "delete", "ref": 6, "seq": 2}), "ack")
        .await;
    assert_eq!(ack["rev"], 2);
    let deleted = ana.next_of("deleted").await;
    assert_eq!(
        fields(&deleted),
        ["by", "chat", "deleted_at", "rev", "seq", "type"]
    );
    assert_eq!(
        (&deleted["seq"], &deleted["by"]["id"]),
        (&json!(2), &json!("sofia"))
    );
    let error = ana
        .ask(
            &json!({"type": "edit", "ref": 7, "seq": 2, "text": "back"}),
            "error",
        )
        .await;
    assert_eq!(error["cause"], "message_not_found");

    let page = luis.ask(&json!({"type": "history", "ref": 8}), "history").await;
    assert_eq!(texts(&page["messages"]), ["uno", "", "three"]);
    let [one, two, _] = &page["messages"].as_array().unwrap()[..] else {
        panic!("{page}")
    };
    assert_eq!(
        (one["edited_at"].is_string(), &two["deleted"]),
        (true, &json!(true))
    );
}

#[tokio::test]
async fn many_chats_go_over_one_connection() {
    let serving = Serving::start().await;
    let store = &serving.node().store;
    store.put_chat(&room("demo", "6"), Some("Seis")).await.unwrap();
    let mut sofia = serving.connect("sofia", "/ws/").await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    sofia.next_of("welcome").await;
    let nowhere = sofia
        .ask(
            &json!({"type": "send", "ref": 1, "id": uuid::Uuid::new_v4(), "text": "x"}),
            "error",
        )
        .await;
    assert_eq!(nowhere["cause"], "bad_request", "no chat of its own");
    assert_eq!(
        sofia.ask(&send_to("6", "x"), "error").await["cause"],
        "not_subscribed"
    );
    for (reference, chat) in [(1, "5"), (2, "6")] {
        let subscribe = json!({"type": "subscribe", "ref": reference, "chat": chat});
        let subscribed = sofia.ask(&subscribe, "subscribed").await;
        assert_eq!(
            (&subscribed["ref"], &subscribed["chat"]),
            (&json!(reference), &json!(chat))
        );
    }
    sofia.ask(&send_to("6", "to six"), "ack").await;
    let ack = sofia.ask(&send_to("5", "to five"), "ack").await;
    assert_eq!(
        (&ack["chat"], &ack["seq"]),
        (&json!("5"), &json!(1)),
        "each chat counts for itself"
    );
    assert_eq!(ana.next_of("message").await["text"], "to five");
    // A chat that one may not enter.
    let mut eva = serving.connect("eva", "/ws/").await;
    for (chat, cause) in [("5", "not_a_member"), ("7", "chat_not_found")] {
        let error = eva
            .ask(&json!({"type": "subscribe", "ref": 3, "chat": chat}), "error")
            .await;
        assert_eq!((&error["cause"], &error["chat"]), (&json!(cause), &json!(chat)));
    }
    sofia
        .ask(
            &json!({"type": "unsubscribe", "ref": 4, "chat": "5"}),
            "unsubscribed",
        )
        .await;
    say_all(&mut ana, &["unheard"]).await;
    let heard = sofia.heard().await;
    assert!(heard.iter().all(|frame| frame["text"] != "unheard"), "{heard:?}");
    assert_eq!(
        sofia.ask(&send_to("5", "x"), "error").await["cause"],
        "not_subscribed"
    );
}
