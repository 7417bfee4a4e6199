//! The plain dialect, its Spanish preset, and compression beside both.

use charla_core::Author;
use charla_server::settings::DialectPreset;
use charla_server::store::Notification;
use charla_wire::Timestamp;
use charla_wire::codec::deflate;
use serde_json::{Value, json};

use super::{fields, say_all, send};
use crate::serving::{Raw, Serving, frame, room, user_key};

#[tokio::test]
async fn flat_objects_in_and_out() {
    let serving = Serving::start().await;
    let mut v1 = serving.connect("luis", "/ws/chat/5/").await;
    let mut plain = serving.connect_plain("ana", "/ws/chat/5/").await;
    assert_eq!(plain.protocol, None);
    v1.next_of("subscribed").await;
    plain.write(r#"{"text":"hola","order":7,"tags":["a"]}"#).await;
    let own = plain.next().await;
    assert_eq!(
        fields(&own),
        ["author", "chat", "id", "order", "sent_at", "seq", "tags", "text"]
    );
    assert_eq!(
        (&own["author"], &own["text"], &own["order"]),
        (&json!("Ana"), &json!("hola"), &json!(7))
    );
    let message = v1.next_of("message").await;
    assert_eq!(
        (&message["text"], &message["data"]),
        (&json!("hola"), &json!({"order": 7, "tags": ["a"]}))
    );
    say_all(&mut v1, &["¿qué tal?"]).await;
    assert_eq!(plain.next().await["text"], "¿qué tal?");
    // What it has no word for does not come; what is no object is answered.
    v1.say(&json!({"type": "typing", "on": true})).await;
    v1.ask(&json!({"type": "edit", "ref": 1, "seq": 2, "text": "x"}), "ack")
        .await;
    for line in ["hola", r#"{"texto":"hola"}"#, "{"] {
        plain.write(line).await;
        let error = plain.next().await;
        assert_eq!(
            (fields(&error), &error["cause"]),
            (vec!["cause", "error"], &json!("bad_request")),
            "{line}"
        );
        plain.write(r#"{"text":"good"}"#).await;
        assert_eq!(plain.next().await["text"], "good");
    }
}

#[tokio::test]
async fn bare_text_where_it_is_on() {
    let serving = Serving::start_with(|settings| settings.plain.bare_text = true).await;
    let mut plain = serving.connect_plain("ana", "/ws/chat/5/").await;
    for (line, words) in [
        ("hola", "hola"),
        (r#"{"text":"{}"}"#, "{}"),
        ("[1]", "[1]"),
        ("  x ", "  x "),
    ] {
        plain.write(line).await;
        assert_eq!(plain.next().await["text"], words);
    }
}

#[tokio::test]
async fn fields_can_be_named() {
    let serving = Serving::start_with(|settings| {
        settings.plain.text_field = Some("body".into());
        settings.plain.author_field = Some("from".into());
    })
    .await;
    let mut plain = serving.connect_plain("ana", "/ws/chat/5/").await;
    plain.write(r#"{"body":"hola","text":"other"}"#).await;
    let own = plain.next().await;
    assert_eq!(
        (&own["body"], &own["from"], &own["text"]),
        (&json!("hola"), &json!("Ana"), &json!("other"))
    );
}

#[tokio::test]
async fn a_plain_client_that_says_where_it_left_off_gets_the_rest() {
    let serving = Serving::start().await;
    {
        let mut ana = serving.connect("ana", "/ws/chat/5/").await;
        say_all(&mut ana, &["1", "2", "3"]).await;
        ana.leave().await;
    }
    let mut plain = serving.connect_plain("luis", "/ws/chat/5/?after=1").await;
    assert_eq!(plain.next().await["text"], "2");
    assert_eq!(plain.next().await["seq"], 3);
    let mut new = serving.connect_plain("luis", "/ws/chat/5/").await;
    new.write(r#"{"text":"4"}"#).await;
    assert_eq!(new.next().await["text"], "4", "without it, only what comes");
}

#[tokio::test]
async fn the_original_front_end_gets_its_own_words() {
    let serving = Serving::start_with(|settings| settings.plain.dialect = DialectPreset::ChannelsEs).await;
    let mut ana = serving.connect_plain("ana", "/ws/chat/5/?schema=demo").await;
    let mut luis = serving.connect_plain("luis", "/ws/chat/5/").await;
    luis.write(r#"{"texto":"primero"}"#).await;
    luis.next().await;
    ana.write(r#"{"texto":"hola","oportunidad_id":7}"#).await;
    let expected = json!({"autor": "Ana", "texto": "hola", "oportunidad_id": 7, "tenant": "demo"});
    assert_eq!(luis.next().await, expected, "these fields and no more");
    loop {
        // Its own connection hears it too, behind whatever came before.
        if ana.next().await == expected {
            break;
        }
    }
    ana.write("hola").await;
    assert_eq!(fields(&ana.next().await), ["error"]);
    let note = Notification {
        id: 0,
        kind: "pedido".into(),
        text: "En camino".into(),
        url: None,
        data: None,
        created_at: Timestamp::default(),
        read: false,
    };
    let node = serving.node();
    node.notify(&user_key("demo", "ana"), note).await.unwrap();
    let told = ana.next().await;
    assert_eq!(
        (&told["type"], &told["mensaje"]),
        (&json!("nueva_notificacion"), &json!("En camino"))
    );
    let sofia = Author {
        id: user_key("demo", "sofia").user,
        name: "Sofía".into(),
    };
    node.close_chat(&room("demo", "5"), &sofia, Some("resuelto"))
        .await
        .unwrap();
    let closed = json!({"type": "chat_closed", "mensaje": "resuelto", "cerrado_por": "Sofía"});
    assert_eq!(ana.next().await, closed);
}

const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits";

#[tokio::test]
async fn compressed_and_not_in_one_room() {
    let serving = Serving::start_with(|settings| settings.compression.enabled = true).await;
    let token = serving.token("luis").await;
    let path = format!("/ws/chat/5/?token={token}");
    let (mut v1, mut plain) = (Raw::open(serving.address).await, Raw::open(serving.address).await);
    let protocol = "Sec-WebSocket-Protocol: charla.v1";
    for switched in [
        v1.upgrade(&path, &[DEFLATE, protocol]).await,
        plain.upgrade(&path, &[DEFLATE]).await,
    ] {
        let answer = switched.header("sec-websocket-extensions").unwrap();
        assert!(answer.starts_with("permessage-deflate"), "{answer}");
    }
    v1.next_of("subscribed").await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    let long = "la ".repeat(500);
    ana.ask(&send(1, &long), "ack").await;
    for (raw, name) in [(&mut v1, "charla.v1"), (&mut plain, "plain")] {
        let (first, message) = loop {
            let (first, payload) = raw.frame().await.unwrap();
            let message: Value = serde_json::from_slice(&payload).unwrap();
            if message["text"] == *long {
                break (first, message);
            }
        };
        assert_eq!(first, 0xc1, "{name}: compressed: {}", message["seq"]);
    }
    // Short ones are not worth it; what a client compresses is read, in pieces too.
    ana.ask(&send(2, "x"), "ack").await;
    assert_eq!(plain.frame().await.unwrap().0, 0x81);
    let squeezed = deflate::deflate(send(9, &long).to_string().as_bytes());
    let (head, tail) = squeezed.split_at(10);
    v1.write(&[frame(0x41, head), frame(0x80, tail)].concat()).await;
    assert_eq!(v1.next_of("ack").await["ref"], 9);
    assert_eq!(ana.next_of("message").await["text"], *long);
    // Off, it is not answered, and nobody compresses.
    let off = Serving::start().await;
    let mut raw = Raw::open(off.address).await;
    let path = format!("/ws/chat/5/?token={}", off.token("ana").await);
    let switched = raw.upgrade(&path, &[DEFLATE, protocol]).await;
    assert_eq!(switched.header("sec-websocket-extensions"), None);
    raw.write(&frame(0xc1, &squeezed)).await;
    assert_eq!(raw.end().await.0, 1002);
}
