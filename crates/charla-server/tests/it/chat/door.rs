//! The ways in: where a token may stand, what the preflight tells, what proxies make of a handshake.

use serde_json::{Value, json};

use crate::serving::{Client, Raw, Reply, Serving, until, upgrade_lines, with_parameter};

async fn preflight(serving: &Serving, path: &str) -> Reply {
    serving.http("GET", path, &[], b"").await
}

async fn receipt(serving: &Serving, path: &str) -> Value {
    preflight(serving, path).await.json()["attempt"].clone()
}

#[tokio::test]
async fn a_token_may_stand_in_four_places() {
    let serving = Serving::start().await;
    let token = serving.token("ana").await;
    let auth = &serving.node().auth;
    let identity = auth.verify(&token).await.unwrap();
    let ticket = auth.tickets.issue(&identity, None, auth.now()).await.unwrap();
    let bearer = format!("Sec-WebSocket-Protocol: charla.v1, bearer.{token}");
    let jwt = format!("Sec-WebSocket-Protocol: jwt, {token}");
    let header = format!("Authorization: Bearer {token}");
    let five = "/ws/chat/5/";
    for (path, headers, protocol) in [
        (with_parameter(five, "token", &token), vec![], None),
        (with_parameter(five, "ticket", &ticket), vec![], None),
        (five.to_owned(), vec![&*bearer], Some("charla.v1")),
        (five.to_owned(), vec![&*jwt], Some("jwt")),
        (five.to_owned(), vec![&*header], None),
    ] {
        let mut raw = Raw::open(serving.address).await;
        let switched = raw.upgrade(&path, &headers).await;
        assert_eq!(switched.header("sec-websocket-protocol"), protocol);
        raw.write(&crate::serving::text(r#"{"text":"hola"}"#)).await;
        let heard = raw.hear().await.unwrap();
        // In `charla.v1` the first word is the server's, in the plain dialect the message comes back.
        let first = if protocol == Some("charla.v1") {
            &heard["type"]
        } else {
            &heard["text"]
        };
        assert!(first == "welcome" || first == "hola", "{heard}");
    }
    let mut again = Raw::open(serving.address).await;
    again.upgrade(&with_parameter(five, "ticket", &ticket), &[]).await;
    let (code, reason) = again.end().await;
    assert_eq!(
        (code, reason.split(':').next()),
        (4401, Some("ticket_invalid")),
        "once"
    );
}

#[tokio::test]
async fn the_preflight_says_what_a_handshake_would_get() {
    let serving = Serving::start().await;
    let token = serving.token("ana").await;
    let good = preflight(&serving, &format!("/ws/chat/5/?token={token}")).await;
    assert_eq!(good.status, 200);
    let body = good.json();
    assert_eq!(
        (&body["ok"], &body["tenant"], &body["chat"]),
        (&json!(true), &json!("demo"), &json!("5"))
    );
    assert_eq!(
        body["user"],
        json!({"id": "ana", "name": "Ana", "role": "member"})
    );
    assert!(
        body["server_time"].is_string() && body.get("attempt").is_none(),
        "{body}"
    );
    let eva = serving.token("eva").await;
    for (path, status, cause) in [
        ("/ws/chat/5/".to_owned(), 401, "token_missing"),
        (format!("/ws/chat/5/?token={eva}"), 403, "not_a_member"),
        (format!("/ws/chat/9/?token={eva}"), 404, "chat_not_found"),
    ] {
        let reply = preflight(&serving, &path).await;
        let body = reply.json();
        assert_eq!(
            (reply.status, &body["ok"], &body["cause"]),
            (status, &json!(false), &json!(cause))
        );
        for told in ["code", "title", "fix", "retry"] {
            assert!(!body[told].is_null(), "{told} in {body}");
        }
        // The same words from the socket itself.
        let mut raw = Raw::open(serving.address).await;
        raw.upgrade(&path, &[]).await;
        let (code, reason) = raw.end().await;
        assert_eq!(
            (json!(code), reason.split(':').next()),
            (body["code"].clone(), Some(cause))
        );
    }
}

#[tokio::test]
async fn a_preflight_spends_no_ticket() {
    let serving = Serving::start().await;
    let auth = &serving.node().auth;
    let identity = auth.verify(&serving.token("ana").await).await.unwrap();
    let ticket = auth.tickets.issue(&identity, None, auth.now()).await.unwrap();
    let path = with_parameter("/ws/chat/5/", "ticket", &ticket);
    for _ in 0..2 {
        let reply = preflight(&serving, &path).await;
        assert_eq!((reply.status, &reply.json()["user"]["id"]), (200, &json!("ana")));
    }
    let mut ana = Client::open(serving.address, &path, &["charla.v1"]).await;
    ana.next_of("welcome").await;
    let spent = preflight(&serving, &path).await;
    assert_eq!(
        (spent.status, &spent.json()["cause"]),
        (401, &json!("ticket_invalid"))
    );
}

#[tokio::test]
async fn pages_of_every_origin_may_read_why_they_are_refused() {
    let serving = Serving::start_with(|settings| {
        settings.origins.allow = vec!["https://app.example.org".into()];
        settings.server.max_uri_bytes = 2_000;
    })
    .await;
    let authorization = format!("Authorization: Bearer {}", serving.token("ana").await);
    for (origin, status, cause) in [
        ("Origin: https://app.example.org", 200, Value::Null),
        ("Origin: https://evil.example", 403, json!("origin_forbidden")),
        ("Origin: null", 403, json!("origin_forbidden")),
    ] {
        let asks = [
            origin,
            "Access-Control-Request-Method: GET",
            "Access-Control-Request-Headers: authorization",
        ];
        let options = serving.http("OPTIONS", "/ws/chat/5/?attempt=a", &asks, b"").await;
        assert_eq!((options.status, options.body.len()), (204, 0));
        assert_eq!(
            (options.header("content-length"), options.header("content-type")),
            (None, None)
        );
        assert_eq!(
            options.header("access-control-allow-headers"),
            Some("authorization")
        );
        let reply = serving
            .http("GET", "/ws/chat/5/?attempt=a", &[origin, &authorization], b"")
            .await;
        assert_eq!(
            (reply.status, &reply.json()["cause"]),
            (status, &cause),
            "{origin}"
        );
        assert_eq!(reply.json()["attempt"], json!({"seen": false}));
        for reply in [&options, &reply] {
            assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
            assert_eq!(reply.header("access-control-allow-credentials"), None);
        }
    }
    let long = format!("/ws/chat/5/?token={}", "x".repeat(3_000));
    let reply = serving
        .http("GET", &long, &["Origin: https://app.example.org"], b"")
        .await;
    assert_eq!(
        (reply.status, &reply.json()["cause"]),
        (414, &json!("uri_too_large"))
    );
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn a_receipt_is_kept_of_handshakes_that_were_none() {
    let serving = Serving::start().await;
    let token = serving.token("ana").await;
    for (path, headers, cause) in [
        // A proxy dropped the upgrade.
        (
            "/ws/chat/5/?attempt=stripped",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n".to_owned(),
            "proxy_no_upgrade",
        ),
        (
            "/ws/chat/no%20chat/?attempt=misnamed",
            upgrade_lines(),
            "bad_request",
        ),
        (
            "/ws/chat/5/?tenant=a&tenant=b&attempt=twice",
            upgrade_lines(),
            "bad_request",
        ),
    ] {
        let mut raw = Raw::open(serving.address).await;
        raw.write(format!("GET {path} HTTP/1.1\r\n{headers}\r\n").as_bytes())
            .await;
        raw.reply().await;
        let (_, attempt) = path.split_once("attempt=").unwrap();
        let told = receipt(&serving, &format!("/ws/chat/5/?token={token}&attempt={attempt}")).await;
        assert_eq!(
            (&told["seen"], &told["outcome"], &told["cause"]),
            (&json!(true), &json!("refused"), &json!(cause)),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_receipt_tells_what_became_of_an_attempt() {
    let serving = Serving::start().await;
    let token = serving.token("ana").await;
    let path = |attempt: &str| format!("/ws/chat/5/?token={token}&attempt={attempt}");
    assert_eq!(receipt(&serving, &path("never")).await, json!({"seen": false}));

    let mut refused = Raw::open(serving.address).await;
    refused
        .upgrade("/ws/chat/5/?token=nonsense&attempt=refused", &[])
        .await;
    refused.end().await;
    let told = receipt(&serving, &path("refused")).await;
    assert_eq!(
        (&told["seen"], &told["outcome"]),
        (&json!(true), &json!("refused"))
    );
    assert_eq!(
        (&told["cause"], &told["code"]),
        (&json!("token_malformed"), &json!(4401))
    );
    assert!(told["at"].is_string() && told["connection"].is_string(), "{told}");

    let mut accepted = serving.connect("ana", "/ws/chat/5/?attempt=accepted").await;
    let welcome = accepted.next_of("welcome").await;
    let told = receipt(&serving, &path("accepted")).await;
    assert_eq!(
        (&told["outcome"], &told["connection"]),
        (&json!("accepted"), &welcome["session"])
    );
    accepted.write("one").await;
    accepted.write("two").await;
    accepted.write("three").await;
    accepted.end().await;
    until("the end in the receipt", || async {
        receipt(&serving, &path("accepted")).await["outcome"] == "closed"
    })
    .await;
    let told = receipt(&serving, &path("accepted")).await;
    assert_eq!(
        (&told["cause"], &told["code"]),
        (&json!("bad_request"), &json!(4400))
    );

    let left = serving.connect("ana", "/ws/chat/5/?attempt=left").await;
    left.leave().await;
    until("the client's own end in the receipt", || async {
        let told = receipt(&serving, &path("left")).await;
        told["outcome"] == "closed" && told.get("cause").is_none()
    })
    .await;
}

#[tokio::test]
async fn a_proxy_that_drops_the_upgrade_is_named_and_counted() {
    let serving = Serving::start().await;
    let token = serving.token("ana").await;
    let path = format!("/ws/chat/5/?token={token}&attempt=maimed");
    for connection in ["close", "keep-alive"] {
        let mut raw = Raw::open(serving.address).await;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        raw.write(head.as_bytes()).await;
        let reply = raw.reply().await;
        assert_eq!(
            (reply.status, &reply.json()["cause"]),
            (426, &json!("proxy_no_upgrade"))
        );
        assert_eq!(reply.header("upgrade"), Some("websocket"));
    }
    let told = receipt(&serving, &path).await;
    assert_eq!(
        (&told["seen"], &told["cause"]),
        (&json!(true), &json!("proxy_no_upgrade"))
    );
    let figures = serving.http("GET", "/metrics", &[], b"").await;
    let figures = String::from_utf8(figures.body).unwrap();
    let line = r#"charla_handshakes_total{outcome="proxy_no_upgrade"} 2"#;
    assert!(figures.lines().any(|found| found == line), "{figures}");
}

#[tokio::test]
async fn one_connection_may_ask_first_and_upgrade_then() {
    let serving = Serving::start().await;
    let path = format!("/ws/chat/5/?token={}", serving.token("ana").await);
    let v1 = "Sec-WebSocket-Protocol: charla.v1";
    // First a page, then a preflight: both on connections that are kept.
    for (asked, version) in [("/healthz", "1.1"), (&*path, "1.1"), (&*path, "1.0")] {
        let mut raw = Raw::open(serving.address).await;
        if version == "1.1" {
            let ask = format!("GET {asked} HTTP/1.1\r\nHost: x\r\n\r\n");
            raw.write(ask.as_bytes()).await;
            assert_eq!(raw.reply().await.status, 200);
        }
        // Frames behind the handshake in the same packet, this way too.
        let mut bytes = format!("GET {path} HTTP/{version}\r\n{}{v1}\r\n\r\n", upgrade_lines()).into_bytes();
        let send = json!({"type": "send", "ref": 1, "id": uuid::Uuid::new_v4(), "text": "hola"});
        bytes.extend(crate::serving::text(&send.to_string()));
        raw.write(&bytes).await;
        raw.switched().await;
        raw.next_of("subscribed").await;
        assert_eq!(raw.next_of("ack").await["ref"], 1);
    }
}

#[tokio::test]
async fn native_clients_may_be_told_by_status() {
    let serving = Serving::start_with(|settings| {
        settings.server.rejects = charla_server::settings::Rejects::Http;
    })
    .await;
    let mut raw = Raw::open(serving.address).await;
    raw.ask_upgrade("/ws/chat/5/", &[]).await;
    let reply = raw.reply().await;
    assert_eq!(
        (reply.status, &reply.json()["cause"]),
        (401, &json!("token_missing"))
    );
    let token = serving.token("ana").await;
    let mut good = Client::open(serving.address, &format!("/ws/?token={token}"), &["charla.v1"]).await;
    good.next_of("welcome").await;
}
