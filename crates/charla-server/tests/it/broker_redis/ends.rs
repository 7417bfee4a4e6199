//! Connections that end for a reason known to another node: too many of one person, shut out, a token taken back.

use charla_core::Author;
use charla_server::settings::WhenFull;
use charla_server::store::{UserChange, UserState};
use charla_wire::{Cause, Timestamp};
use serde_json::json;

use super::{Shared, readiness, stays};
use crate::serving::{Client, Serving, room, tenant_id, user_key};

async fn entered(node: &Serving, user: &str) -> Client {
    let mut client = node.connect(user, "/ws/chat/5/").await;
    client.next_of("subscribed").await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oldest_connection_gives_way_wherever_it_is() {
    let shared = Shared::start().await;
    let [one, two, three] = shared
        .nodes(|settings| {
            settings.limits.connections_per_user = 2;
            settings.limits.when_user_full = WhenFull::ReplaceOldest;
        })
        .await;
    let mut first = entered(&one, "ana").await;
    let mut luis = entered(&one, "luis").await;
    let mut second = entered(&two, "ana").await;
    let mut third = entered(&three, "ana").await;
    assert_eq!(
        first.end().await,
        (4409, "session_replaced: limits.connections_per_user".into())
    );
    let mut fourth = entered(&one, "ana").await;
    assert_eq!(
        second.end().await,
        (4409, "session_replaced: limits.connections_per_user".into())
    );
    for client in [&mut third, &mut fourth, &mut luis] {
        client.heard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_connection_is_refused_wherever_the_others_are() {
    let shared = Shared::start().await;
    let [one, two, three] = shared
        .nodes(|settings| settings.limits.connections_per_user = 2)
        .await;
    let mut first = entered(&one, "ana").await;
    let second = entered(&two, "ana").await;
    let mut third = three.connect("ana", "/ws/").await;
    let end = third.end().await;
    assert_eq!(end.0, 4429, "{end:?}");
    assert!(end.1.starts_with("too_many_connections"), "{end:?}");
    first.heard().await;
    // There is room again for as long as two are left.
    second.leave().await;
    let mut third = stays(&three, "ana").await;
    first.heard().await;
    third.heard().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_shut_out_is_shut_out_everywhere() {
    let shared = Shared::start().await;
    let [one, two, three] = shared.nodes(|_| {}).await;
    let luis = user_key("demo", "luis");
    let put = async |state| {
        let change = UserChange {
            state: Some(state),
            ..UserChange::default()
        };
        one.node().put_user(&luis, change).await.unwrap();
    };
    for round in 0..3 {
        let mut ana = entered(&two, "ana").await;
        let mut at_two = entered(&two, "luis").await;
        let mut at_three = entered(&three, "luis").await;
        let code = match round {
            0 => {
                one.node().disconnect(&luis, None, Cause::GoingAway);
                1001
            }
            1 => {
                put(UserState::Blocked).await;
                4403
            }
            _ => {
                put(UserState::Deleted).await;
                4401
            }
        };
        for client in [&mut at_two, &mut at_three] {
            let end = client.end().await;
            assert_eq!(end.0, code, "{end:?}");
        }
        ana.heard().await;
        if round == 1 {
            put(UserState::Active).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_taken_back_ends_its_connections_alone() {
    let shared = Shared::start().await;
    let [one, two, three] = shared.nodes(|_| {}).await;
    let token = one.token("luis").await;
    let mut with_it = Vec::new();
    for node in [&two, &three] {
        let path = format!("/ws/chat/5/?token={token}");
        let mut client = Client::open(node.address, &path, &["charla.v1"]).await;
        client.next_of("subscribed").await;
        with_it.push(client);
    }
    let mut with_another = entered(&two, "luis").await;
    let identity = one.node().auth.verify(&token).await.unwrap();
    let until = Timestamp::from_millis(identity.expires_at.as_millis());
    let jti = identity.jti.unwrap();
    one.node()
        .revoke_token(&tenant_id("demo"), &jti, until)
        .await
        .unwrap();
    for client in &mut with_it {
        assert_eq!(client.end().await.0, 4401);
    }
    with_another.heard().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_is_closed_and_left_on_every_node() {
    let shared = Shared::start().await;
    let [one, two, three] = shared.nodes(|_| {}).await;
    let mut ana = entered(&two, "ana").await;
    let mut luis = entered(&three, "luis").await;
    let sofia = Author {
        id: user_key("demo", "sofia").user,
        name: "Sofía".into(),
    };
    let five = room("demo", "5");
    one.node()
        .close_chat(&five, &sofia, Some("solved"))
        .await
        .unwrap();
    for client in [&mut ana, &mut luis] {
        assert_eq!(client.next_of("chat_closed").await["reason"], "solved");
        let send = json!({"type": "send", "id": uuid::Uuid::new_v4(), "text": "anybody?"});
        assert_eq!(client.ask(&send, "error").await["cause"], "chat_closed");
    }
    one.node().reopen_chat(&five, &sofia).await.unwrap();
    one.node()
        .remove_member(&five, &user_key("demo", "luis").user)
        .await
        .unwrap();
    let end = luis.end().await;
    assert_eq!(end.0, 4403, "{end:?}");
    ana.next_of("chat_reopened").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_shut_out_without_the_bus_is_sent_away_when_it_is_back() {
    let shared = Shared::start().await;
    let [one, two] = shared.nodes(|_| {}).await;
    let mut ana = entered(&two, "ana").await;
    let mut luis = entered(&two, "luis").await;
    let mut eva = two.connect("eva", "/ws/").await;
    let mut sofia = entered(&two, "sofia").await;
    shared.bus.kill();
    for node in [&one, &two] {
        readiness(node, "degraded").await;
    }
    let change = |state, tokens_valid_from| UserChange {
        state,
        tokens_valid_from,
        ..UserChange::default()
    };
    let (node, five) = (one.node(), room("demo", "5"));
    let blocked = change(Some(UserState::Blocked), None);
    node.put_user(&user_key("demo", "luis"), blocked).await.unwrap();
    let signed_out = change(None, Some((node.clock)()));
    node.put_user(&user_key("demo", "eva"), signed_out).await.unwrap();
    node.remove_member(&five, &user_key("demo", "ana").user)
        .await
        .unwrap();
    sofia.heard().await;
    tokio::task::block_in_place(|| shared.bus.run());
    assert_eq!(luis.end().await.0, 4403);
    assert_eq!(eva.end().await.0, 4401);
    assert_eq!(ana.end().await.1, "not_a_member");
    sofia.heard().await;
}
