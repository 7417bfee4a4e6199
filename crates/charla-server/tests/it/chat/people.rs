//! Who is here, who types, who has read; what one's other chats do; notes from the application.

use std::collections::BTreeSet;
use std::time::Duration;

use charla_core::Author;
use charla_server::store::Notification;
use charla_wire::Timestamp;
use serde_json::{Value, json};

use super::{fields, say_all, send_to};
use crate::serving::{Serving, room, user_key};
use crate::store_contract::draft;

fn of_kind<'f>(frames: &'f [Value], kind: &str) -> Vec<&'f Value> {
    frames.iter().filter(|frame| frame["type"] == kind).collect()
}

#[tokio::test]
async fn typing_is_shown_to_the_others() {
    let serving = Serving::start().await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let mut luis = serving.connect("luis", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    luis.next_of("subscribed").await;
    for on in [true, false] {
        ana.say(&json!({"type": "typing", "chat": "5", "on": on})).await;
        let typing = luis.next_of("typing").await;
        assert_eq!(fields(&typing), ["chat", "on", "type", "user"]);
        assert_eq!(
            (&typing["on"], &typing["user"]["id"]),
            (&json!(on), &json!("ana"))
        );
    }
    assert_eq!(
        of_kind(&ana.heard().await, "typing"),
        Vec::<&Value>::new(),
        "not to oneself"
    );
}

#[tokio::test]
async fn read_marks_go_forward_and_are_shown() {
    let serving = Serving::start().await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let mut luis = serving.connect("luis", "/ws/chat/5/").await;
    luis.next_of("subscribed").await;
    say_all(&mut ana, &["1", "2", "3"]).await;
    luis.say(&json!({"type": "read", "chat": "5", "seq": 2})).await;
    let read = ana.next_of("read").await;
    assert_eq!((&read["user"]["id"], &read["seq"]), (&json!("luis"), &json!(2)));
    // Back is no way, and nobody reads what is not there.
    luis.say(&json!({"type": "read", "chat": "5", "seq": 1})).await;
    luis.say(&json!({"type": "read", "chat": "5", "seq": 99})).await;
    assert_eq!(ana.next_of("read").await["seq"], 3);
    let mut late = serving.connect("sofia", "/ws/chat/5/").await;
    let subscribed = late.next_of("subscribed").await;
    let all_read = json!([{"user": "ana", "seq": 3}, {"user": "luis", "seq": 3}]);
    assert_eq!(subscribed["reads"], all_read, "whoever writes has read");
}

#[tokio::test]
async fn a_person_is_present_once_and_does_not_flicker() {
    let serving = Serving::start_with(|settings| {
        settings.liveness.presence_linger = Duration::from_secs(3);
    })
    .await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    let mut one = serving.connect("luis", "/ws/chat/5/").await;
    let subscribed = one.next_of("subscribed").await;
    assert_eq!(
        subscribed["members_online"],
        json!([{"id": "ana", "name": "Ana"}])
    );
    let joined = ana.next_of("presence").await;
    assert_eq!(fields(&joined), ["chat", "state", "type", "user"]);
    assert_eq!(
        (&joined["state"], &joined["user"]["id"]),
        (&json!("joined"), &json!("luis"))
    );
    // A second connection, the first one gone, none for a moment, another one: still the same person.
    let mut two = serving.connect("luis", "/ws/chat/5/").await;
    two.next_of("subscribed").await;
    one.leave().await;
    two.leave().await;
    let mut three = serving.connect("luis", "/ws/chat/5/").await;
    let subscribed = three.next_of("subscribed").await;
    let online = subscribed["members_online"].as_array().unwrap().len();
    assert_eq!(online, 2, "{subscribed}");
    assert_eq!(of_kind(&ana.heard().await, "presence"), Vec::<&Value>::new());
    // Gone for good: said once, when the time to come back is over.
    let gone = std::time::Instant::now();
    three.leave().await;
    let left = ana.next_of("presence").await;
    assert_eq!(
        (&left["state"], &left["user"]["id"]),
        (&json!("left"), &json!("luis"))
    );
    assert!(
        gone.elapsed() >= Duration::from_millis(2_500),
        "{:?}",
        gone.elapsed()
    );
    assert_eq!(of_kind(&ana.heard().await, "presence"), Vec::<&Value>::new());
}

#[tokio::test]
async fn more_chats_than_are_shown_at_once_all_move_in_my_list() {
    const CHATS: usize = 1_100;
    let serving = Serving::start().await;
    let node = serving.node();
    let rooms: Vec<_> = (0..CHATS)
        .map(|chat| room("demo", &format!("many-{chat}")))
        .collect();
    for room in &rooms {
        node.store.put_chat(room, None).await.unwrap();
    }
    // One of the staff sees every chat, a member those that are its own.
    for room in &rooms[..10] {
        node.store
            .put_member(room, &user_key("demo", "luis").user)
            .await
            .unwrap();
    }
    let mut sofia = serving.connect("sofia", "/ws/").await;
    let mut luis = serving.connect("luis", "/ws/").await;
    for client in [&mut sofia, &mut luis] {
        client.next_of("welcome").await;
    }
    let posts = rooms.iter().map(|room| node.post(draft(room, "ana", "hello")));
    for posted in futures_util::future::join_all(posts).await {
        posted.unwrap();
    }
    for (client, count) in [(&mut sofia, CHATS), (&mut luis, 10)] {
        let mut told = BTreeSet::new();
        for _ in 0..count {
            let inbox = client.next_of("inbox").await;
            assert_eq!((&inbox["seq"], &inbox["unread"]), (&json!(1), &json!(1)));
            told.insert(inbox["chat"].as_str().unwrap().to_owned());
        }
        assert_eq!(told.len(), count, "each of them once");
        assert_eq!(of_kind(&client.heard().await, "inbox").len(), 0);
    }
}

#[tokio::test]
async fn other_chats_of_mine_move_in_my_list() {
    let serving = Serving::start().await;
    let mut luis = serving.connect("luis", "/ws/").await;
    let mut sofia = serving.connect("sofia", "/ws/").await;
    let mut eva = serving.connect("eva", "/ws/").await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    for client in [&mut luis, &mut sofia, &mut eva] {
        client.next_of("welcome").await;
    }
    let long = "ñ".repeat(500);
    say_all(&mut ana, &[&long]).await;
    for client in [&mut luis, &mut sofia] {
        let inbox = client.next_of("inbox").await;
        assert_eq!(
            fields(&inbox),
            [
                "author", "chat", "preview", "sent_at", "seq", "title", "type", "unread"
            ]
        );
        assert_eq!((&inbox["chat"], &inbox["title"]), (&json!("5"), &json!("Cinco")));
        assert_eq!((&inbox["seq"], &inbox["unread"]), (&json!(1), &json!(1)));
        assert_eq!(inbox["author"]["id"], "ana");
        let preview = inbox["preview"].as_str().unwrap();
        assert!(long.starts_with(preview) && preview.chars().count() < 200);
    }
    // Read elsewhere, it counts on from there.
    let mut reading = serving.connect("luis", "/ws/chat/5/").await;
    reading.say(&json!({"type": "read", "seq": 1})).await;
    reading.next_of("read").await;
    say_all(&mut ana, &["2"]).await;
    let inbox = luis.next_of("inbox").await;
    assert_eq!(
        (&inbox["seq"], &inbox["unread"], &inbox["preview"]),
        (&json!(2), &json!(1), &json!("2"))
    );
    assert_eq!(
        of_kind(&eva.heard().await, "inbox"),
        Vec::<&Value>::new(),
        "none of hers"
    );
    // Whoever hears the chat itself needs no list of it.
    sofia
        .ask(&json!({"type": "subscribe", "ref": 1, "chat": "5"}), "subscribed")
        .await;
    sofia.ask(&send_to("5", "3"), "ack").await;
    assert_eq!(luis.next_of("inbox").await["seq"], 3);
    assert_eq!(of_kind(&sofia.heard().await, "inbox").len(), 0);
}

#[tokio::test]
async fn notes_reach_a_person_wherever_it_is() {
    let serving = Serving::start().await;
    let mut at_five = serving.connect("luis", "/ws/chat/5/").await;
    let mut many = serving.connect("luis", "/ws/").await;
    let mut ana = serving.connect("ana", "/ws/").await;
    for client in [&mut at_five, &mut many, &mut ana] {
        client.next_of("welcome").await;
    }
    let note = Notification {
        id: 0,
        kind: "order".into(),
        text: "Your order is on its way".into(),
        url: Some("/orders/7".into()),
        data: Some(r#"{"order":7}"#.into()),
        created_at: Timestamp::default(),
        read: false,
    };
    let luis = user_key("demo", "luis");
    let stored = serving.node().notify(&luis, note).await.unwrap().unwrap();
    for client in [&mut at_five, &mut many] {
        let frame = client.next_of("notification").await;
        assert_eq!(
            fields(&frame),
            ["created_at", "data", "id", "kind", "text", "type", "url"]
        );
        assert_eq!(
            (&frame["id"], &frame["kind"]),
            (&json!(stored.id), &json!("order"))
        );
        assert_eq!(
            (&frame["url"], &frame["data"]),
            (&json!("/orders/7"), &json!({"order": 7}))
        );
    }
    assert_eq!(
        of_kind(&ana.heard().await, "notification"),
        Vec::<&Value>::new(),
        "nobody else's"
    );
}

#[tokio::test]
async fn a_closed_chat_takes_nothing_until_it_is_opened_again() {
    let serving = Serving::start().await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    say_all(&mut ana, &["before"]).await;
    let sofia = Author {
        id: user_key("demo", "sofia").user,
        name: "Sofía".into(),
    };
    let five = room("demo", "5");
    let node = serving.node();
    node.close_chat(&five, &sofia, Some("solved")).await.unwrap();
    let closed = ana.next_of("chat_closed").await;
    assert_eq!(fields(&closed), ["at", "by", "chat", "reason", "type"]);
    assert_eq!(
        (&closed["by"]["name"], &closed["reason"]),
        (&json!("Sofía"), &json!("solved"))
    );
    let error = ana.ask(&send_to("5", "anybody?"), "error").await;
    assert_eq!(
        (&error["cause"], error["id"].is_string()),
        (&json!("chat_closed"), true)
    );
    // Closed, it can be read.
    let mut luis = serving.connect("luis", "/ws/chat/5/?after=0").await;
    let subscribed = luis.next_of("subscribed").await;
    assert_eq!(
        (&subscribed["state"], &subscribed["seq"]),
        (&json!("closed"), &json!(1))
    );
    node.close_chat(&five, &sofia, None).await.unwrap();
    node.reopen_chat(&five, &sofia).await.unwrap();
    let reopened = luis.next_of("chat_reopened").await;
    assert_eq!(fields(&reopened), ["at", "by", "chat", "type"]);
    assert_eq!(ana.ask(&send_to("5", "thanks"), "ack").await["seq"], 2);
    let heard = luis.heard().await;
    assert_eq!(
        of_kind(&heard, "chat_closed"),
        Vec::<&Value>::new(),
        "it was closed already"
    );
}
