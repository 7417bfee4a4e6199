//! What a server counts and writes down about those who come, fail and come back.

use serde_json::json;

use crate::serving::process::Process;
use crate::serving::profile::{UNLIMITED, app_token};
use crate::serving::{Client, Raw, Serving, until};

/// The lines of `/metrics` that begin with a name, without it, in order.
async fn figures(serving: &Serving, name: &str) -> Vec<String> {
    let reply = serving.http("GET", "/metrics", &[], b"").await;
    let text = String::from_utf8(reply.body).unwrap();
    let mut lines: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix(name))
        .map(ToOwned::to_owned)
        .collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn every_attempt_is_counted_once_by_its_outcome_and_preflights_apart() {
    let serving = Serving::start().await;
    for _ in 0..3 {
        serving.connect("ana", "/ws/chat/5/").await;
    }
    let eva = serving.token("eva").await;
    for _ in 0..2 {
        let path = format!("/ws/chat/5/?token={eva}");
        let (code, _) = Client::open(serving.address, &path, &["charla.v1"])
            .await
            .end()
            .await;
        assert_eq!(code, 4403);
    }
    let mut stripped = Raw::open(serving.address).await;
    stripped
        .write(b"GET /ws/ HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        .await;
    assert_eq!(stripped.reply().await.status, 426);
    // Whoever does not wait for the answer has tried all the same.
    let mut hasty = Raw::open(serving.address).await;
    hasty.ask_upgrade("/ws/chat/5/", &[]).await;
    drop(hasty);
    let path = format!("/ws/chat/5/?token={}", serving.token("ana").await);
    for (path, status) in [(&*path, 200), ("/ws/chat/5/", 401)] {
        assert_eq!(serving.http("GET", path, &[], b"").await.status, status);
    }
    until("the last attempt to be counted", || async {
        figures(&serving, "charla_handshakes_total").await
            == [
                r#"{outcome="accepted"} 3"#,
                r#"{outcome="not_a_member"} 2"#,
                r#"{outcome="proxy_no_upgrade"} 1"#,
                r#"{outcome="token_missing"} 1"#,
            ]
    })
    .await;
    assert_eq!(
        figures(&serving, "charla_preflights_total").await,
        [r#"{outcome="accepted"} 1"#, r#"{outcome="token_missing"} 1"#]
    );
}

#[tokio::test]
async fn a_reported_failure_is_counted_under_causes_of_the_table_only() {
    let serving = Serving::start().await;
    for cause in ["server_unreachable", "server_unreachable", "my_own_words"] {
        let mut ana = serving.connect("ana", "/ws/").await;
        ana.next_of("welcome").await;
        let report = json!({"type": "report", "cause": cause, "code": 1006, "attempts": 4, "away_ms": 51234});
        ana.say(&report).await;
        assert_eq!(ana.heard().await, Vec::<serde_json::Value>::new(), "no answer");
        let again = ana.ask(&report, "error").await;
        assert_eq!(again["cause"], "bad_request", "one a connection");
    }
    assert_eq!(
        figures(&serving, "charla_client_failures_total").await,
        [r#"{cause="server_unreachable"} 2"#, r#"{cause="unknown"} 1"#]
    );
}

#[tokio::test]
async fn a_reported_failure_is_one_line_with_whose_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path(), UNLIMITED);
    let token = app_token(
        &json!({"token_type": "access", "exp": 4_000_000_000_u64, "iat": 1, "jti": "a", "user_id": "ana", "tenant": "demo"}),
    );
    let mut ana = Client::open(server.address, &format!("/ws/?token={token}"), &["charla.v1"]).await;
    let session = ana.next_of("welcome").await["session"]
        .as_str()
        .unwrap()
        .to_owned();
    ana.say(&json!({"type": "report", "cause": "server_unreachable", "attempts": 4, "away_ms": 51234}))
        .await;
    ana.heard().await;
    let expected = format!(
        "a client reports why it was away connection={session} cause=server_unreachable attempts=4 \
         away_ms=51234 address=127.0.0.1 tenant=demo user=ana"
    );
    until("the line", || async {
        server.log().iter().any(|line| line.ends_with(&expected))
    })
    .await;
}
