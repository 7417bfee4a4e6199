//! How connections end, and how they live on: tokens, members and users that stop being good, silence, restarts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use charla_server::settings::WhenFull;
use charla_server::store::{UserChange, UserState};
use charla_wire::{Cause, Retry};
use serde_json::json;

use super::{say_all, send_to};
use crate::serving::{Client, Raw, Serving, frame, http, room, soon, tenant_id, until, user_key};

async fn with_token(serving: &Serving, path: &str, token: &str) -> Client {
    let path = format!("{path}?token={token}");
    Client::open(serving.address, &path, &["charla.v1"]).await
}

#[tokio::test]
async fn a_token_that_runs_out_is_announced_and_can_be_renewed() {
    let serving = Serving::start_with(|settings| settings.auth.leeway = Duration::ZERO).await;
    let short = serving.token_of("demo", "ana", Duration::from_secs(4)).await;
    let mut renewed = with_token(&serving, "/ws/chat/5/", &short).await;
    let mut careless = with_token(&serving, "/ws/chat/5/", &short).await;
    let expiring = careless.next_of("token_expiring").await;
    assert!(expiring["in_ms"].as_u64().unwrap() <= 4_000, "{expiring}");
    renewed.next_of("token_expiring").await;

    let others = serving.token("luis").await;
    let error = renewed
        .ask(&json!({"type": "refresh", "ref": 1, "token": others}), "error")
        .await;
    assert_eq!(
        (&error["cause"], &error["ref"]),
        (&json!("token_user_mismatch"), &json!(1))
    );
    let long = serving.token("ana").await;
    let refreshed = renewed
        .ask(&json!({"type": "refresh", "ref": 2, "token": long}), "refreshed")
        .await;
    assert!(refreshed["token_expires_at"].is_string(), "{refreshed}");

    let (code, reason) = careless.end().await;
    assert_eq!((code, &*reason), (4401, "token_expired"));
    // The same moment has come for the other, and went by.
    assert_eq!(renewed.ask(&send_to("5", "still here"), "ack").await["seq"], 1);

    let mut hopeless = with_token(&serving, "/ws/chat/5/", &long).await;
    hopeless.next_of("subscribed").await;
    hopeless
        .say(&json!({"type": "refresh", "ref": 3, "token": "nonsense"}))
        .await;
    let (code, reason) = hopeless.end().await;
    assert_eq!((code, reason.split(':').next()), (4401, Some("token_malformed")));
}

#[tokio::test]
async fn a_token_revoked_by_another_process_ends_its_connections_too() {
    let serving = Serving::start().await;
    let token = serving.token("ana").await;
    let mut ana = with_token(&serving, "/ws/", &token).await;
    let mut other = serving.connect("ana", "/ws/").await;
    ana.next_of("welcome").await;
    other.next_of("welcome").await;
    let node = serving.node();
    let identity = node.auth.verify(&token).await.unwrap();
    // As the command line does it: the store is all that the two have in common.
    node.store
        .revoke_token(&tenant_id("demo"), &identity.jti.unwrap(), identity.expires_at)
        .await
        .unwrap();
    assert_eq!(ana.end().await, (4401, "token_revoked".into()));
    other.heard().await;
}

#[tokio::test]
async fn a_renewed_token_is_the_one_that_can_be_revoked() {
    let serving = Serving::start().await;
    let (old, new) = (serving.token("ana").await, serving.token("ana").await);
    let mut ana = with_token(&serving, "/ws/chat/5/", &old).await;
    ana.ask(&json!({"type": "refresh", "ref": 1, "token": new}), "refreshed")
        .await;
    let node = serving.node();
    let identity = node.auth.verify(&new).await.unwrap();
    node.revoke_token(&tenant_id("demo"), &identity.jti.unwrap(), identity.expires_at)
        .await
        .unwrap();
    assert_eq!(ana.end().await, (4401, "token_revoked".into()));
}

#[tokio::test]
async fn a_member_removed_hears_no_more() {
    let serving = Serving::start().await;
    let mut at_five = serving.connect("luis", "/ws/chat/5/").await;
    let mut many = serving.connect("luis", "/ws/").await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    at_five.next_of("subscribed").await;
    many.ask(&json!({"type": "subscribe", "ref": 1, "chat": "5"}), "subscribed")
        .await;
    let luis = user_key("demo", "luis").user;
    serving
        .node()
        .remove_member(&room("demo", "5"), &luis)
        .await
        .unwrap();
    assert_eq!(at_five.end().await, (4403, "not_a_member".into()));
    let error = many.next_of("error").await;
    assert_eq!(
        (&error["cause"], &error["chat"]),
        (&json!("not_a_member"), &json!("5"))
    );
    say_all(&mut ana, &["among ourselves"]).await;
    let heard = many.heard().await;
    assert!(heard.iter().all(|frame| frame["type"] != "message"), "{heard:?}");
    assert_eq!(
        many.ask(&send_to("5", "x"), "error").await["cause"],
        "not_subscribed"
    );
    let again = json!({"type": "subscribe", "ref": 2, "chat": "5"});
    assert_eq!(many.ask(&again, "error").await["cause"], "not_a_member");
}

#[tokio::test]
async fn blocked_and_signed_out_people_are_out_everywhere() {
    let serving = Serving::start().await;
    let node = serving.node();
    let blocked = UserChange {
        state: Some(UserState::Blocked),
        ..UserChange::default()
    };
    let signed_out = UserChange {
        tokens_valid_from: Some(node.auth.now().plus_millis(5_000)),
        ..UserChange::default()
    };
    for (user, change, code, cause) in [
        ("ana", blocked, 4403, "user_blocked"),
        ("luis", signed_out, 4401, "token_revoked"),
    ] {
        let token = serving.token(user).await;
        let mut one = with_token(&serving, "/ws/chat/5/", &token).await;
        let mut two = with_token(&serving, "/ws/", &token).await;
        one.next_of("subscribed").await;
        two.next_of("welcome").await;
        node.put_user(&user_key("demo", user), change).await.unwrap();
        assert_eq!(one.end().await, (code, cause.into()));
        assert_eq!(two.end().await, (code, cause.into()));
        let (found, reason) = with_token(&serving, "/ws/chat/5/", &token).await.end().await;
        assert_eq!(
            (found, reason.split(':').next()),
            (code, Some(cause)),
            "and cannot come back"
        );
    }
}

#[tokio::test]
async fn a_users_oldest_connection_gives_way_where_it_is_to() {
    let serving = Serving::start_with(|settings| {
        settings.limits.connections_per_user = 2;
        settings.limits.when_user_full = WhenFull::ReplaceOldest;
    })
    .await;
    let mut luis = serving.connect("luis", "/ws/chat/5/").await;
    let acme = serving.token_of("acme", "luis", Duration::from_secs(3600)).await;
    let mut other_luis = with_token(&serving, "/ws/chat/5/", &acme).await;
    let mut first = serving.connect("ana", "/ws/chat/5/").await;
    let mut second = serving.connect_plain("ana", "/ws/chat/5/").await;
    first.next_of("subscribed").await;
    let path = format!("/ws/chat/5/?token={}", serving.token("ana").await);
    let preflight = serving.http("GET", &path, &[], b"").await;
    assert_eq!(preflight.status, 200, "there is room for one more");

    let mut third = serving.connect("ana", "/ws/chat/5/").await;
    assert_eq!(
        first.end().await,
        (4409, "session_replaced: limits.connections_per_user".into())
    );
    assert_eq!(Cause::SessionReplaced.retry(), Retry::Stop);
    // Whoever is on the way out counts no more, though it takes its time.
    let mut fourth = serving.connect("ana", "/ws/chat/5/").await;
    assert_eq!(
        second.end().await,
        (4409, "session_replaced: limits.connections_per_user".into())
    );
    for client in [&mut third, &mut fourth, &mut luis, &mut other_luis] {
        client.next_of("subscribed").await;
        client.heard().await;
    }
    drop((first, second));
    let line = r#"charla_closes_total{cause="session_replaced",initiator="server"} 2"#;
    until("the two to be counted", || async {
        let reply = serving.http("GET", "/metrics", &[], b"").await;
        let figures = String::from_utf8(reply.body).unwrap();
        figures.lines().any(|found| found == line)
    })
    .await;
}

#[tokio::test]
async fn silence_is_broken_by_pings_and_ends_without_an_answer() {
    let serving = Serving::start_with(|settings| {
        settings.liveness.ping_after = Duration::from_secs(1);
        settings.liveness.pong_within = Duration::from_secs(1);
    })
    .await;
    let path = format!("/ws/chat/5/?token={}", serving.token("ana").await);
    let v1 = ["Sec-WebSocket-Protocol: charla.v1"];
    let (mut answers, mut silent) = (Raw::open(serving.address).await, Raw::open(serving.address).await);
    answers.upgrade(&path, &v1).await;
    silent.upgrade(&path, &v1).await;
    let answering = async {
        let mut pings = 0;
        while pings < 4 {
            if let (0x89, _) = answers.frame().await.expect("whoever answers stays") {
                pings += 1;
                answers.write(&frame(0x8a, b"")).await;
            }
        }
    };
    let (end, ()) = tokio::join!(silent.end(), answering);
    assert_eq!(end, (4408, "heartbeat_timeout".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn balancers_hear_of_the_end_before_clients_do() {
    let pre_stop = Duration::from_secs(5);
    let serving = Serving::start_with(|settings| settings.server.pre_stop = pre_stop).await;
    let (address, node) = (serving.address, Arc::clone(serving.node()));
    let path = format!("/ws/chat/5/?token={}", serving.token("ana").await);
    let ready = || http(address, "GET", "/readyz", &[], b"");
    assert_eq!(ready().await.status, 200);
    let mut before = Client::open(address, &path, &["charla.v1"]).await;
    before.next_of("subscribed").await;
    let began = Instant::now();
    let draining = tokio::spawn(serving.drain());
    until("not ready", || async { ready().await.status == 503 }).await;
    assert_eq!(ready().await.body, b"draining\n");
    assert!(!node.is_draining(), "clients know nothing yet");
    let mut meanwhile = Client::open(address, &path, &["charla.v1"]).await;
    meanwhile.next_of("subscribed").await;
    for client in [&mut before, &mut meanwhile] {
        say_all(client, &["still served"]).await;
    }
    for client in [before, meanwhile].iter_mut() {
        let (code, reason) = client.end().await;
        assert_eq!((code, reason.split(':').next()), (1012, Some("restarting")));
        assert!(began.elapsed() >= pre_stop, "{:?}", began.elapsed());
    }
    soon("the drain", draining).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_says_when_to_come_back_and_loses_nothing() {
    let serving = Serving::start().await;
    let address = serving.address;
    let mut clients = Vec::new();
    for n in 0..10 {
        let path = format!("/ws/chat/5/?attempt=drain-{n}");
        clients.push(serving.connect("ana", &path).await);
    }
    let mut acked = 0;
    for client in &mut clients {
        acked = say_all(client, &["x", "y"]).await.max(acked);
    }
    let draining = tokio::spawn(serving.drain());
    let mut delays = Vec::new();
    for client in &mut clients {
        let (code, reason) = client.end().await;
        assert_eq!(code, 1012, "{reason}");
        let delay = charla_wire::cause::retry_in_ms(&reason);
        delays.push(delay.unwrap_or_else(|| panic!("when to come back: {reason}")));
    }
    let folder = soon("the drain", draining).await.unwrap();
    delays.sort_unstable();
    delays.dedup();
    assert!(delays.len() > 5, "spread over time: {delays:?}");
    until("the port to be closed", || async {
        tokio::net::TcpStream::connect(address).await.is_err()
    })
    .await;
    let again = Serving::start_at(folder, charla_server::clock::system(), |_| {}).await;
    let mut back = again.connect("luis", "/ws/chat/5/?after=0").await;
    let subscribed = back.next_of("subscribed").await;
    assert_eq!((acked, &subscribed["seq"]), (20, &json!(20)));
    assert_eq!(subscribed["messages"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn a_good_bye_that_is_answered_ends_the_socket() {
    let serving = Serving::start().await;
    let token = serving.token("ana").await;
    let bearer = format!("Authorization: Bearer {token}");
    let refused: (&[&str], &[u8], u16) = (&[], b"", 4401);
    let binary: (&[&str], &[u8], u16) = (&[&bearer], &frame(0x82, b"x"), 1003);
    for (headers, provocation, code) in [refused, binary] {
        let closed = async || {
            let mut raw = Raw::open(serving.address).await;
            raw.upgrade("/ws/chat/5/", headers).await;
            raw.write(provocation).await;
            assert_eq!(raw.end().await.0, code);
            raw
        };
        // The one that does not answer was told first, so that its time would be over first.
        let silent = closed().await;
        let mut polite = closed().await;
        polite.write(&frame(0x88, &code.to_be_bytes())).await;
        assert_eq!(polite.rest().await, b"");
        let still_waits = silent.socket.try_read(&mut [0]);
        assert_eq!(
            still_waits.map_err(|error| error.kind()),
            Err(std::io::ErrorKind::WouldBlock),
            "{code}: ended for want of an answer"
        );
    }
}
