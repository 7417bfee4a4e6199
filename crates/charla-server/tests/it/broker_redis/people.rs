//! Who is here, who types and what one's other chats do, whichever node one is on.

use std::time::Duration;

use serde_json::json;

use super::{Shared, company, listened_to, online, presence, readiness, send};
use crate::serving::{room, until, user_key};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_on_several_nodes_is_one_presence() {
    let shared = Shared::start().await;
    let [one, two, three] = shared
        .nodes(|settings| settings.liveness.presence_linger = Duration::ZERO)
        .await;
    let mut ana = one.connect("ana", "/ws/chat/5/").await;
    assert_eq!(online(&ana.next_of("subscribed").await), Vec::<&str>::new());
    let mut luis_at_two = two.connect("luis", "/ws/chat/5/").await;
    assert_eq!(online(&luis_at_two.next_of("subscribed").await), ["ana"]);
    let mut luis_at_three = three.connect("luis", "/ws/chat/5/").await;
    assert_eq!(
        online(&luis_at_three.next_of("subscribed").await),
        ["ana", "luis"]
    );
    let mut sofia = two.connect("sofia", "/ws/chat/5/").await;
    assert_eq!(online(&sofia.next_of("subscribed").await), ["ana", "luis"]);
    let joined = |who: &str| (who.to_owned(), "joined".to_owned());
    let left = |who: &str| (who.to_owned(), "left".to_owned());
    let mut heard = ana.up_to("presence").await;
    heard.extend(ana.up_to("presence").await);
    assert_eq!(presence(&heard), [joined("luis"), joined("sofia")]);
    // Luis leaves one of his nodes, and behind him on the same way somebody who was on that one alone.
    luis_at_two.leave().await;
    until("luis to be gone from there", || async {
        let said = two.http("GET", "/metrics", &[], b"").await;
        String::from_utf8_lossy(&said.body).contains("charla_connections 1")
    })
    .await;
    sofia.leave().await;
    assert_eq!(presence(&ana.up_to("presence").await), [left("sofia")]);
    luis_at_three.leave().await;
    assert_eq!(presence(&ana.up_to("presence").await), [left("luis")]);
    assert_eq!(presence(&ana.heard().await), []);
    let mut late = three.connect("sofia", "/ws/chat/5/").await;
    assert_eq!(online(&late.next_of("subscribed").await), ["ana"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_moves_from_a_node_that_drains_to_another_was_never_away() {
    let shared = Shared::start().await;
    let [one, two, three] = shared
        .nodes(|settings| settings.limits.returns_per_second = 100)
        .await;
    until("both to say what they take", || async {
        one.node().peers().accept_rate() > 199.0
    })
    .await;
    let mut ana = one.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    let mut luis = two.connect("luis", "/ws/chat/5/").await;
    luis.next_of("subscribed").await;
    ana.next_of("presence").await;
    let (end, _folder) = tokio::join!(luis.end(), two.drain());
    assert_eq!(end.0, 1012, "{end:?}");
    company(&one, 1).await;
    assert!(one.node().peers().accept_rate() < 101.0);
    let mut luis = three.connect("luis", "/ws/chat/5/?after=0").await;
    assert_eq!(online(&luis.next_of("subscribed").await), ["ana"]);
    let mut sofia = three.connect("sofia", "/ws/chat/5/").await;
    sofia.next_of("subscribed").await;
    let heard = presence(&ana.up_to("presence").await);
    assert_eq!(heard, [("sofia".to_owned(), "joined".to_owned())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn presence_is_whole_again_when_the_bus_is() {
    let shared = Shared::start().await;
    let [one, two] = shared
        .nodes(|settings| settings.broker.node_ttl = Duration::from_secs(3))
        .await;
    let mut ana = one.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    let mut luis = two.connect("luis", "/ws/chat/5/").await;
    luis.next_of("subscribed").await;
    ana.next_of("presence").await;
    shared.bus.kill();
    readiness(&one, "degraded").await;
    readiness(&two, "degraded").await;
    // Nobody waits for nodes that cannot be heard, and nobody is gone for that.
    let mut sofia = two.connect("sofia", "/ws/chat/5/").await;
    assert_eq!(online(&sofia.next_of("subscribed").await), ["ana", "luis"]);
    tokio::task::block_in_place(|| shared.bus.run());
    let heard = presence(&ana.up_to("presence").await);
    assert_eq!(heard, [("sofia".to_owned(), "joined".to_owned())]);
    assert_eq!(one.node().peers().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_chats_of_mine_move_whichever_node_stores_the_message() {
    let shared = Shared::start().await;
    let [one, two, three] = shared.nodes(|_| {}).await;
    let mut luis = two.connect("luis", "/ws/").await;
    let mut eva = two.connect("eva", "/ws/").await;
    let mut sofia = three.connect("sofia", "/ws/").await;
    for client in [&mut luis, &mut eva, &mut sofia] {
        client.next_of("welcome").await;
    }
    listened_to(&shared, "charla:tenant:demo", 2).await;
    let mut ana = one.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    send(&mut ana, "hola").await;
    for client in [&mut luis, &mut sofia] {
        let inbox = client.next_of("inbox").await;
        assert_eq!(
            (&inbox["chat"], &inbox["seq"], &inbox["unread"], &inbox["preview"]),
            (&json!("5"), &json!(1), &json!(1), &json!("hola"))
        );
    }
    // With more members than are carried along, each node looks for itself.
    for number in 0..500 {
        let user = user_key("demo", &format!("m{number}")).user;
        one.node()
            .store
            .put_member(&room("demo", "5"), &user)
            .await
            .unwrap();
    }
    let mut reading = one.connect("luis", "/ws/chat/5/").await;
    reading.say(&json!({"type": "read", "seq": 1})).await;
    reading.next_of("read").await;
    send(&mut ana, "adiós").await;
    let inbox = luis.next_of("inbox").await;
    assert_eq!((&inbox["seq"], &inbox["unread"]), (&json!(2), &json!(1)));
    assert_eq!(sofia.next_of("inbox").await["unread"], 2, "she has not read");
    assert!(
        eva.heard().await.iter().all(|frame| frame["type"] != "inbox"),
        "none of hers"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_may_come_to_any_node() {
    let shared = Shared::start().await;
    let [one, two, three] = shared.nodes(|_| {}).await;
    let mut luis = three.connect("luis", "/ws/chat/5/").await;
    luis.next_of("subscribed").await;
    let mut ana = one.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    for text in ["1", "2", "3"] {
        send(&mut ana, text).await;
    }
    drop(ana);
    for text in ["4", "5"] {
        send(&mut luis, text).await;
    }
    let mut ana = two.connect("ana", "/ws/chat/5/?after=3").await;
    let subscribed = ana.next_of("subscribed").await;
    assert_eq!(subscribed["resumed"], true);
    let texts: Vec<_> = subscribed["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["4", "5"]);
    assert_eq!(send(&mut luis, "6").await, 6);
    assert_eq!(ana.next_of("message").await["seq"], 6);
}
