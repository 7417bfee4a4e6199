//! Everything but messages: notes, ends, and what only a page understands.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_message_goes_over_as_well() {
    let bus = tokio::task::block_in_place(Bus::start);
    let node = node(bridge(&[&bus], ChannelLayer::Core)).await;
    let mut channels = Channels::start(&json!({"layer": "core", "hosts": [address(&bus)]}));
    let (chat, notes) = (channels.consumer(GROUP), channels.consumer("notificaciones_ana"));
    let mut luis = listener(&node, "luis").await;
    let mut ana = node.connect_plain("ana", "/ws/chat/5/").await;
    // Heard only once she is in the chat, and so in her own group.
    ana.say(&json!({"texto": "hola"})).await;
    ana.next().await;
    assert_eq!(channels.receive(&chat)["texto"], "hola");

    let note = json!({"mensaje": "Tienes una oferta", "tipo": "oferta", "url": "/ofertas/3", "id": 77, "creada": "hoy"});
    let with_type = |kind: &str, fields: &Value| {
        let mut event = fields.clone();
        event["type"] = kind.into();
        event
    };
    channels.send("notificaciones_ana", &with_type("nueva.notificacion", &note));
    assert_eq!(ana.next().await, with_type("nueva_notificacion", &note));
    channels.receive(&notes);
    let stored = node
        .node()
        .store
        .notifications(&crate::serving::user_key("demo", "ana"), 10)
        .await
        .unwrap();
    assert_eq!(stored.len(), 1);

    let typing = json!({"quien": "Pedro", "activo": true});
    channels.send(GROUP, &with_type("chat_escribiendo", &typing));
    assert_eq!(ana.next().await, typing, "as the consumer would have sent it");
    channels.receive(&chat);

    luis.ask(
        &json!({"type": "send", "chat": "5", "id": uuid::Uuid::now_v7(), "text": "uno"}),
        "ack",
    )
    .await;
    assert_eq!(ana.next().await["texto"], "uno");
    channels.receive(&chat);
    luis.say(&json!({"type": "edit", "chat": "5", "seq": 2, "text": "dos"}))
        .await;
    let edited = channels.receive(&chat);
    assert_eq!(
        edited,
        json!({"type": "mensaje_editado", "texto": "dos", "seq": 2})
    );

    let own = charla_server::store::Notification {
        id: 0,
        kind: "aviso".into(),
        text: "Hola".into(),
        url: None,
        data: Some(r#"{"n":1}"#.into()),
        created_at: charla_wire::Timestamp::from_millis(0),
        read: false,
    };
    let ana_key = crate::serving::user_key("demo", "ana");
    let told = node.node().notify(&ana_key, own).await.unwrap().unwrap();
    let heard = channels.receive(&notes);
    assert_eq!(ana.next().await, heard, "both pages get the same");
    assert_eq!((&heard["id"], &heard["n"]), (&json!(told.id), &json!(1)));

    channels.send(
        GROUP,
        &json!({"type": "chat_closed", "mensaje": "fin", "cerrado_por": "Sofía"}),
    );
    let closed = json!({"type": "chat_closed", "mensaje": "fin", "cerrado_por": "Sofía"});
    assert_eq!(ana.next().await, closed);
    assert_eq!(luis.next_of("chat_closed").await["reason"], "fin");
    assert_eq!(channels.receive(&chat), closed);
    channels.send(GROUP, &said("Pedro", "demasiado tarde"));
    until("a word to a closed chat", || async {
        dropped(&node, "chat_closed").await == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_that_charla_closes_is_closed_in_channels() {
    let bus = tokio::task::block_in_place(Bus::start);
    let node = node(bridge(&[&bus], ChannelLayer::PubSub)).await;
    let mut channels = Channels::start(&json!({"layer": "pubsub", "hosts": [address(&bus)]}));
    let chat = channels.consumer(GROUP);
    let mut ana = node.connect_plain("ana", "/ws/chat/5/").await;
    ana.say(&json!({"texto": "hola"})).await;
    ana.next().await;
    let sofia = charla_core::Author {
        id: charla_wire::UserId::parse("sofia").unwrap(),
        name: "Sofía".into(),
    };
    let room = crate::serving::room("demo", "5");
    node.node().close_chat(&room, &sofia, None).await.unwrap();
    let heard = channels.receive_many(&chat, 2);
    assert_eq!(ana.next().await, heard[1], "both pages get the same");
    assert_eq!(heard[1]["mensaje"], "El chat ha sido cerrado");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_means_nothing_here_is_counted() {
    let bus = tokio::task::block_in_place(Bus::start);
    let node = node(bridge(&[&bus], ChannelLayer::Core)).await;
    let mut channels = Channels::start(&json!({"layer": "core", "hosts": [address(&bus)]}));
    let _luis = listener(&node, "luis").await;
    let members = channels.ask(&json!({"do": "members", "group": GROUP}));
    for (event, reason) in [
        (json!({"type": "otra_cosa"}), "unmapped"),
        (
            json!({"type": "mensaje_editado", "texto": "x", "seq": 1}),
            "unmapped",
        ),
        (json!({"type": "chat_message", "texto": 5}), "malformed"),
        (
            json!({"type": "chat_message", "texto": "x".repeat(20_000)}),
            "too_large",
        ),
    ] {
        let before = dropped(&node, reason).await;
        channels.send(GROUP, &event);
        until(reason, || async { dropped(&node, reason).await == before + 1 }).await;
    }
    channels.ask(&json!({"do": "direct", "channel": members[0], "event": {"type": "chat_message"}}));
    until("a word to one consumer", || async {
        dropped(&node, "direct").await == 1
    })
    .await;
    channels.ask(&json!({"do": "queue", "group": GROUP, "event": said("Pedro", "ok"), "name": "one"}));
    figure_is(&node, "charla_bridge_received_total", 1).await;
}
