//! The loop breaker over real sockets: what a loop costs, what it is told, and whom it leaves alone.

use std::time::Duration;

use charla_server::settings::{Rejects, Settings, StoreUrl};
use serde_json::{Value, json};

use crate::bus::Bus;
use crate::cluster::Cluster;
use crate::serving::{Client, Raw, Reply, Serving, frame, room, until, user_key, with_parameter};

mod nodes;

const PATH: &str = "/ws/chat/5/";

/// A figure, 0 while it was never counted.
async fn figure(serving: &Serving, name: &str) -> u64 {
    let reply = serving.http("GET", "/metrics", &[], b"").await;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map_or(0, |value| value.parse().unwrap())
}

/// How many handshakes were refused for a cause: each was judged by whatever comes before that cause.
async fn judged(serving: &Serving, cause: &str) -> u64 {
    figure(
        serving,
        &format!("charla_handshakes_total{{outcome=\"{cause}\"}}"),
    )
    .await
}

/// One handshake with a token, and how it ends.
async fn attempt(serving: &Serving, token: &str) -> (u16, String) {
    attempt_at(serving, PATH, token).await
}

async fn attempt_at(serving: &Serving, path: &str, token: &str) -> (u16, String) {
    let path = with_parameter(path, "token", token);
    Client::open(serving.address, &path, &["charla.v1"])
        .await
        .end()
        .await
}

/// Somebody gets in.
async fn enters(serving: &Serving, path: &str, token: &str) {
    let path = with_parameter(path, "token", token);
    let mut client = Client::open(serving.address, &path, &["charla.v1"]).await;
    client.next_of("welcome").await;
    client.leave().await;
}

/// A token whose time was over before anybody used it.
pub(crate) async fn expired(serving: &Serving, user: &str) -> String {
    let store = &serving.node().store;
    let user = store.user(&user_key("demo", user)).await.unwrap().unwrap();
    let auth = &serving.node().auth;
    let hour_ago = charla_wire::Timestamp::from_millis(auth.now().as_millis() - 3_600_000);
    auth.accounts
        .issue_access(&user, Duration::from_secs(60), hour_ago)
        .unwrap()
}

async fn preflight(serving: &Serving, token: &str) -> Reply {
    serving
        .http("GET", &with_parameter(PATH, "token", token), &[], b"")
        .await
}

async fn loops(serving: &Serving) -> Vec<Value> {
    use secrecy::ExposeSecret as _;
    let auth = &serving.node().auth;
    let (key, _) = auth.api_keys.create(None, "operator", auth.now()).await.unwrap();
    let line = format!("Authorization: Bearer {}", key.expose_secret());
    let reply = serving.http("GET", "/api/v1/loops", &[&line], b"").await;
    assert_eq!(
        (reply.status, reply.header("cache-control")),
        (200, Some("no-store"))
    );
    assert!(
        !String::from_utf8_lossy(&reply.body).contains("eyJ"),
        "no token is told"
    );
    reply.json()["loops"].as_array().unwrap().clone()
}

/// Three hundred attempts with one expired token: twenty are judged. Others at the same address never notice.
#[tokio::test]
async fn a_loop_is_judged_no_more_than_the_limit_says() {
    let serving = Serving::start().await;
    let bad = expired(&serving, "ana").await;
    let mut told = Vec::new();
    for _ in 0..300 {
        told.push(attempt(&serving, &bad).await);
    }
    let (refused, held) = told.split_at(20);
    for (code, reason) in refused {
        assert_eq!(*code, 4401);
        assert!(reason.starts_with("token_expired"), "{reason}");
    }
    // On a slow machine the first wait may end meanwhile, and one more is judged.
    let judged_later = held.iter().filter(|(code, _)| *code == 4401).count();
    assert!(judged_later <= 3, "{judged_later}");
    for (code, reason) in held.iter().filter(|(code, _)| *code != 4401) {
        assert_eq!(*code, 4413);
        assert!(reason.starts_with("loop_detected: retry in "), "{reason}");
        assert!(
            reason.ends_with(" times in the last minute") && reason.contains("; token_expired "),
            "{reason}"
        );
    }
    assert_eq!(judged(&serving, "token_expired").await, 20 + judged_later as u64);
    assert_eq!(
        figure(&serving, "charla_refusals_saved_total").await,
        280 - judged_later as u64
    );
    // The same elsewhere; another language for programs, the plain dialect too.
    let (code, _) = attempt_at(&serving, "/ws/", &bad).await;
    assert_eq!(code, 4413);
    let mut plain = Client::open(serving.address, &with_parameter(PATH, "token", &bad), &[]).await;
    assert_eq!(plain.end().await.0, 4413);
    let reply = preflight(&serving, &bad).await;
    let problem = reply.json();
    assert_eq!((reply.status, &problem["cause"]), (429, &json!("loop_detected")));
    assert_eq!(problem["retry"], "stop");
    let wait = problem["retry_in_ms"].as_u64().unwrap();
    assert_eq!(
        reply.header("retry-after").unwrap(),
        wait.div_ceil(1_000).to_string()
    );
    // Whoever has a good token gets in: the same user, at the same address, at the same chat.
    enters(&serving, PATH, &serving.token("ana").await).await;
    let seen = loops(&serving).await;
    assert_eq!(
        (&seen[0]["kind"], &seen[0]["cause"]),
        (&json!("credential"), &json!("token_expired")),
        "{seen:?}"
    );
    assert_eq!(
        (&seen[0]["user"], &seen[0]["tenant"], &seen[0]["chat"]),
        (&json!("ana"), &json!("demo"), &json!("5"))
    );
    assert!(
        seen[0]["count"].as_u64().unwrap() > 280 && seen[0]["wait_until"].is_string(),
        "{seen:?}"
    );
    until("the gauge", || async {
        figure(&serving, "charla_loops_active").await == 1
    })
    .await;
}

/// Not a member: the token is good elsewhere, and membership ends the loop without anybody's doing.
#[tokio::test]
async fn a_question_that_is_answered_well_at_last_ends_the_loop() {
    let serving =
        Serving::start_with(|settings| settings.limits.loop_wait_max = Duration::from_secs(1)).await;
    let eva = serving.token("eva").await;
    for _ in 0..20 {
        assert_eq!(attempt(&serving, &eva).await, (4403, "not_a_member".into()));
    }
    assert_eq!(attempt(&serving, &eva).await.0, 4413);
    enters(&serving, "/ws/", &eva).await;
    let eva_key = user_key("demo", "eva");
    serving
        .node()
        .store
        .put_member(&room("demo", "5"), &eva_key.user)
        .await
        .unwrap();
    // It never stops asking.
    until("the wait's end", || async {
        let path = with_parameter(PATH, "token", &eva);
        let mut client = Client::open(serving.address, &path, &["charla.v1"]).await;
        client.hear().await.is_ok_and(|frame| frame["type"] == "welcome")
    })
    .await;
    assert_eq!(
        judged(&serving, "not_a_member").await,
        20,
        "one was judged, and let in"
    );
    enters(&serving, PATH, &eva).await;
    assert!(
        loops(&serving)
            .await
            .iter()
            .all(|seen| seen["kind"] != "question")
    );
}

/// Let in, and cut at once for what it sends, over and over.
#[tokio::test]
async fn misconduct_counts_and_leaving_does_not() {
    let serving = Serving::start().await;
    let token = serving.token("ana").await;
    for _ in 0..40 {
        enters(&serving, PATH, &token).await;
    }
    let path = with_parameter(PATH, "token", &token);
    for _ in 0..20 {
        let mut raw = Raw::open(serving.address).await;
        assert_eq!(raw.upgrade(&path, &[]).await.status, 101);
        raw.write(&frame(0x83, b"?")).await;
        assert_eq!(raw.end().await.0, 1002);
    }
    let held = || async { attempt(&serving, &token).await.0 == 4413 };
    until("the twentieth end is counted", held).await;
    let seen = loops(&serving).await;
    assert_eq!(
        (&seen[0]["kind"], &seen[0]["cause"], &seen[0]["user"]),
        (&json!("conduct"), &json!("protocol_error"), &json!("ana"))
    );
    enters(&serving, PATH, &serving.token("ana").await).await;
}

/// Many bad tokens from one address: those that were never seen are judged, those that come again are not.
#[tokio::test]
async fn an_address_keeps_out_only_who_was_refused_before() {
    let serving = Serving::start_with(|settings| settings.limits.refusals_per_minute_per_address = 30).await;
    for n in 0..40 {
        assert_eq!(attempt(&serving, &format!("garbage-{n}")).await.0, 4401, "{n}");
    }
    assert_eq!(attempt(&serving, "garbage-7").await.0, 4413);
    let nothing = serving.http("GET", PATH, &[], b"").await;
    assert_eq!(nothing.status, 429);
    assert_eq!(attempt(&serving, "never-seen").await.0, 4401);
    enters(&serving, PATH, &serving.token("luis").await).await;
    let seen = loops(&serving).await;
    assert_eq!(
        (&seen[0]["kind"], &seen[0]["user"]),
        (&json!("address"), &Value::Null)
    );
}

#[tokio::test]
async fn the_servers_own_state_does_not_count_and_zero_is_off() {
    let full = Serving::start_with(|settings| settings.limits.connections = 0).await;
    let token = full.token("ana").await;
    for _ in 0..30 {
        assert_eq!(attempt(&full, &token).await.0, 1013);
    }
    let off = Serving::start_with(|settings| {
        settings.limits.refusals_per_minute = 0;
        settings.limits.refusals_per_minute_per_address = 0;
    })
    .await;
    for _ in 0..30 {
        assert_eq!(attempt(&off, "x").await.0, 4401);
    }
}

/// For programs that know HTTP only.
#[tokio::test]
async fn a_status_says_it_too() {
    let serving = Serving::start_with(|settings| settings.server.rejects = Rejects::Http).await;
    let mut statuses = Vec::new();
    for _ in 0..21 {
        let mut raw = Raw::open(serving.address).await;
        raw.ask_upgrade(&with_parameter(PATH, "token", "x"), &[]).await;
        let reply = raw.reply().await;
        statuses.push((reply.status, reply.header("retry-after").is_some()));
    }
    assert_eq!(statuses[19..], [(401, false), (429, true)]);
}
