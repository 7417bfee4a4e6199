//! What was said is forgotten: on the node that is told, on the other one, and by those who are in the room.

use super::*;
use crate::bus::Bus;
use crate::cluster::Cluster;
use crate::serving::soon;

/// Answers for an hour, so that nothing but forgetting changes them.
const LONG: &str = "cache_allow = \"1h\"\ncache_deny = \"1h\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_counts_until_it_is_forgotten() {
    let site = Site::tenants().await;
    let serving = serve(&by_schema(&site, LONG)).await;
    let (mut ana, ..) = enter(&serving, "north", "42", "5").await;
    let asked = questions(&serving, "allowed").await;
    assert_eq!(
        refused(&serving, "north", "43", "5").await,
        (4403, "not_a_member".into())
    );
    site.run("UPDATE north.chat_chat SET customer_id = 43").await;
    enter(&serving, "north", "42", "5").await;
    assert_eq!(
        refused(&serving, "north", "43", "5").await,
        (4403, "not_a_member".into())
    );
    assert_eq!(
        questions(&serving, "allowed").await,
        asked,
        "nothing was asked again"
    );
    forget(&serving, "north", &json!({"chat": "5"})).await;
    let (code, reason) = ana.end().await;
    assert_eq!(code, 4403, "{reason}");
    assert!(reason.starts_with("not_a_member"), "{reason}");
    assert_eq!(
        refused(&serving, "north", "42", "5").await,
        (4403, "not_a_member".into())
    );
    assert!(!is_member(&serving, "north", "42", "5").await);
    enter(&serving, "north", "43", "5").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgetting_one_says_nothing_of_the_others() {
    let site = Site::tenants().await;
    let serving = serve(&by_schema(&site, LONG)).await;
    site.run("INSERT INTO north.chat_chat VALUES (6, 42, 'Seis', false)")
        .await;
    let mut lobby = knock(&serving, "north", "42", "/ws/").await;
    for chat in ["5", "6"] {
        lobby
            .ask(&json!({"type": "subscribe", "chat": chat}), "subscribed")
            .await;
    }
    let (mut luis, ..) = enter(&serving, "south", "43", "5").await;
    site.run("UPDATE north.chat_chat SET customer_id = 43; UPDATE south.chat_chat SET customer_id = 42")
        .await;
    forget(&serving, "north", &json!({"user": "42", "chat": "5"})).await;
    let left = lobby.next_of("error").await;
    assert_eq!(
        (&left["cause"], &left["chat"]),
        (&json!("not_a_member"), &json!("5"))
    );
    let said = |chat: &str| json!({"type": "send", "chat": chat, "id": uuid::Uuid::now_v7(), "text": "hola"});
    assert_eq!(lobby.ask(&said("5"), "error").await["cause"], "not_subscribed");
    lobby.ask(&said("6"), "ack").await;
    luis.ask(&said("5"), "ack").await;
    // Everything of a tenant.
    forget(&serving, "north", &json!({})).await;
    assert_eq!(lobby.next_of("error").await["chat"], "6");
    luis.ask(&said("5"), "ack").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_that_is_none_any_more_comes_back_as_what_it_is() {
    let site = Site::tenants().await;
    let serving = serve(&by_schema(&site, LONG)).await;
    let mut sofia = knock(&serving, "north", "7", "/ws/").await;
    sofia.next_of("welcome").await;
    site.run("UPDATE auth_user SET is_staff = false WHERE id = 7")
        .await;
    forget(&serving, "north", &json!({"user": "7"})).await;
    let (code, reason) = sofia.end().await;
    assert_eq!((code, reason.split(':').next()), (4401, Some("token_revoked")));
    let mut sofia = knock(&serving, "north", "7", "/ws/").await;
    assert_eq!(sofia.next_of("welcome").await["user"]["role"], "member");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_forgets() {
    let site = Site::tenants().await;
    let (cluster, bus) = tokio::task::block_in_place(|| (Cluster::start(), Bus::start()));
    let store = cluster.url(&cluster.database().await);
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let node = Serving::start_with(|settings| {
            apply(settings, &by_schema(&site, LONG));
            settings.store.url = Some(store.clone());
            settings.broker.url = Some(bus.url());
        });
        nodes.push(node.await);
    }
    for node in &nodes {
        until("company", || async { node.node().peers().len() == 1 }).await;
    }
    let (mut here, ..) = enter(&nodes[0], "north", "42", "5").await;
    let (mut there, ..) = enter(&nodes[1], "north", "42", "5").await;
    site.run("UPDATE north.chat_chat SET customer_id = 43").await;
    enter(&nodes[1], "north", "42", "5").await;
    forget(&nodes[0], "north", &json!({"user": "42"})).await;
    for client in [&mut here, &mut there] {
        let (code, reason) = client.end().await;
        assert_eq!(code, 4403, "{reason}");
    }
    assert_eq!(
        refused(&nodes[1], "north", "42", "5").await,
        (4403, "not_a_member".into())
    );
    assert_eq!(
        refused(&nodes[0], "north", "42", "5").await,
        (4403, "not_a_member".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_in_a_room_are_asked_about_when_the_authority_is_back() {
    let site = Site::tenants().await;
    let serving = serve(&by_schema(&site, LONG)).await;
    let (mut ana, ..) = enter(&serving, "north", "42", "5").await;
    site.run("UPDATE north.chat_chat SET customer_id = 43").await;
    tokio::task::block_in_place(|| site.stop());
    forget(&serving, "north", &json!({"user": "42"})).await;
    until("it was asked in vain", || async {
        questions(&serving, "failed").await > 0
    })
    .await;
    let said = json!({"type": "send", "chat": "5", "id": uuid::Uuid::now_v7(), "text": "still here"});
    ana.ask(&said, "ack").await;
    tokio::task::block_in_place(|| site.start_again());
    let (code, _) = soon("sent away", ana.end()).await;
    assert_eq!(code, 4403);
}
