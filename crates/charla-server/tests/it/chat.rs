//! What `charla.v1` and the plain dialect promise, over real sockets.

use serde_json::json;

use crate::serving::{Serving, room};

#[tokio::test]
async fn a_message_comes_to_everybody_and_is_stored() {
    let serving = Serving::start().await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let mut luis = serving.connect("luis", "/ws/chat/5/").await;
    assert_eq!(ana.protocol.as_deref(), Some("charla.v1"));
    let welcome = ana.next().await;
    assert_eq!(welcome["type"], "welcome");
    let subscribed = ana.next().await;
    assert_eq!(subscribed["type"], "subscribed");
    luis.next_of("subscribed").await;
    let id = uuid::Uuid::new_v4();
    ana.say(&json!({"type": "send", "ref": 1, "chat": "5", "id": id, "text": "hola"}))
        .await;
    let ack = ana.next_of("ack").await;
    assert_eq!((&ack["ref"], &ack["seq"]), (&json!(1), &json!(1)));
    let message = luis.next_of("message").await;
    assert_eq!(
        (&message["text"], &message["author"]["name"]),
        (&json!("hola"), &json!("Ana"))
    );
    let chat = serving.node().store.chat(&room("demo", "5")).await.unwrap();
    assert_eq!(chat.unwrap().last_seq, 1);
    let health = serving.http("GET", "/healthz", &[], b"").await;
    assert_eq!((health.status, &*health.body), (200, &b"ok\n"[..]));
}
