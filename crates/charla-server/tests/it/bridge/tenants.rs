//! Whose a chat is: by the group's name, by the settings or by the event, and never by a guess.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bare_names_are_told_apart_by_a_field() {
    let bus = tokio::task::block_in_place(Bus::start);
    let mut settings = bridge(&[&bus], ChannelLayer::Core);
    settings.groups = vec![group("chat_{chat}", None, Some("tenant"))];
    let node = node(settings).await;
    let mut channels = Channels::start(&json!({"layer": "core", "hosts": [address(&bus)]}));
    let consumer = channels.consumer("chat_5");
    let hour = std::time::Duration::from_secs(3600);
    let enter = async |tenant: &str| {
        let token = node.token_of(tenant, "luis", hour).await;
        let path = format!("/ws/chat/5/?tenant={tenant}&token={token}");
        let mut client = Client::open(node.address, &path, &["charla.v1"]).await;
        client.next_of("subscribed").await;
        client
    };
    let (mut demo, mut acme) = (enter("demo").await, enter("acme").await);
    for turn in 1..=5 {
        for tenant in ["demo", "acme"] {
            let event = json!({"type": "chat_message", "autor": "Pedro", "texto": format!("{tenant} {turn}"), "tenant": tenant});
            channels.send("chat_5", &event);
            assert_eq!(channels.receive(&consumer), event);
        }
    }
    for event in [
        json!({"type": "chat_message", "autor": "Pedro", "texto": "¿de quién?"}),
        json!({"type": "chat_message", "autor": "Pedro", "texto": "¿de quién?", "tenant": 7}),
        json!({"type": "chat_message", "autor": "Pedro", "texto": "¿de quién?", "tenant": "../x"}),
        json!({"type": "chat_message", "autor": "Pedro", "texto": "¿de quién?", "tenant": "nadie"}),
    ] {
        channels.send("chat_5", &event);
        channels.receive(&consumer);
    }
    for (client, tenant) in [(&mut demo, "demo"), (&mut acme, "acme")] {
        for turn in 1..=5 {
            let message = client.next_of("message").await;
            assert_eq!(message["text"], format!("{tenant} {turn}"));
            assert_eq!(message["seq"], turn);
        }
        let id = uuid::Uuid::now_v7();
        let text = format!("a {tenant}");
        client
            .ask(
                &json!({"type": "send", "chat": "5", "id": id, "text": text}),
                "ack",
            )
            .await;
        let heard = channels.receive(&consumer);
        assert_eq!(
            (&heard["texto"], &heard["tenant"]),
            (&json!(text), &json!(tenant))
        );
        for frame in client.heard().await {
            assert!(frame["type"] != "message" || frame["seq"] == 6, "{frame}");
        }
    }
    assert_eq!(dropped(&node, "tenant_missing").await, 2);
    assert_eq!(dropped(&node, "tenant_unknown").await, 1);
    // A tenant that is well written and that nobody has made.
    assert_eq!(dropped(&node, "chat_unknown").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_that_is_not_known_is_made_where_that_is_allowed() {
    let bus = tokio::task::block_in_place(Bus::start);
    let mut settings = bridge(&[&bus], ChannelLayer::PubSub);
    settings.create_chats = true;
    settings.events[0] = event("chat_message", EventKind::Message, &[("author_id", "autor_id")]);
    let node = node(settings).await;
    let mut channels = Channels::start(&json!({"layer": "pubsub", "hosts": [address(&bus)]}));
    until("a reader", || async { is_read(&bus, ChannelLayer::PubSub) }).await;
    for text in ["uno", "dos"] {
        let event = json!({"type": "chat_message", "autor": "Pedro", "autor_id": 42, "texto": text});
        channels.send("demo.chat_77", &event);
    }
    figure_is(&node, "charla_bridge_received_total", 2).await;
    let store = &node.node().store;
    let room = crate::serving::room("demo", "77");
    let messages = store
        .messages(&room, charla_server::store::Page::Latest, 10)
        .await
        .unwrap();
    let texts: Vec<&str> = messages.iter().map(|message| &*message.draft.text).collect();
    assert_eq!(texts, ["uno", "dos"]);
    let pedro = store
        .user(&crate::serving::user_key("demo", "42"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&*pedro.name, "Pedro");
    channels.send("nadie.chat_77", &said("Pedro", "x"));
    until("a tenant that nobody has", || async {
        dropped(&node, "chat_unknown").await == 1
    })
    .await;
}
