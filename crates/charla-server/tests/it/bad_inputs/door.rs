//! Before anybody is let in: connections without requests, and requests that are none.

use std::time::Duration;

use super::{Ground, timed};
use crate::serving::{Raw, upgrade_lines};

/// The handshake's time, and what a busy machine may add to it.
const CLOSED_WITHIN: Duration = Duration::from_secs(8);

pub(super) async fn silence(ground: Ground) {
    let mut raw = ground.raw().await;
    let (heard, took) = timed(raw.rest()).await;
    assert_eq!(heard, b"");
    assert!(took < CLOSED_WITHIN, "{took:?}");
    assert_eq!(ground.lines(), Vec::<String>::new(), "no line above debug");
}

pub(super) async fn dripping_head(ground: Ground) {
    let mut raw = ground.raw().await;
    let dripping = async {
        raw.write(b"GET /ws/chat/5/ HTTP/1.1\r\nHo").await;
        // sleeps because a byte every 4 s is the input
        tokio::time::sleep(Duration::from_secs(4)).await;
        raw.write(b"s").await;
        raw.rest().await
    };
    let (heard, took) = timed(dripping).await;
    let heard = String::from_utf8(heard).unwrap();
    assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 408 "), "{heard}");
    assert!(
        took < CLOSED_WITHIN,
        "five seconds in all, not for each byte: {took:?}"
    );
}

pub(super) async fn tls_hello(ground: Ground) {
    let mut raw = ground.raw().await;
    // A record of type handshake, of 512 bytes, of which a few come.
    raw.write(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]).await;
    let (heard, took) = timed(raw.rest()).await;
    assert_eq!(heard, b"");
    assert!(took < CLOSED_WITHIN, "{took:?}");
}

fn request(path: &str, lines: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\n{}{lines}\r\n", upgrade_lines()).into_bytes()
}

pub(super) async fn large_head(ground: Ground) {
    for path in ["/ws/chat/5/", "/healthz"] {
        let long = format!("X-Long: {}\r\n", "x".repeat(1 << 20));
        ground.answered(&request(path, &long), 431).await;
        let many: String = (0..1000).map(|n| format!("X-{n}: 1\r\n")).collect();
        ground.answered(&request(path, &many), 431).await;
    }
}

pub(super) async fn long_address(ground: Ground) {
    let path = format!("/ws/chat/{}/", "5".repeat(100 << 10));
    ground.answered(&request(&path, ""), 414).await;
    let token = format!("/ws/chat/5/?token={}", "x".repeat(64 << 10));
    ground.answered(&request(&token, ""), 414).await;
}

pub(super) async fn other_requests(ground: Ground) {
    let post = ground.http("POST", "/ws/chat/5/", &[], b"hola").await;
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, OPTIONS")));
    // As nginx passes it on by default: HTTP/1.0, but with all upgrade headers where the operator set them.
    let mut raw = ground.raw().await;
    let path = ground.path(&ground.token());
    let protocol = "Sec-WebSocket-Protocol: charla.v1";
    raw.write(format!("GET {path} HTTP/1.0\r\n{}{protocol}\r\n\r\n", upgrade_lines()).as_bytes())
        .await;
    raw.switched().await;
    raw.next_of("subscribed").await;
}

pub(super) async fn malformed_upgrade(ground: Ground) {
    let path = ground.path(&ground.token());
    let head = |lines: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{lines}\r\n")
    };
    let good = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for keys in ["", "Sec-WebSocket-Key: c2hvcnQ=\r\n", &good.repeat(2)] {
        let lines = format!("{keys}Sec-WebSocket-Version: 13\r\n");
        ground.answered(head(&lines).as_bytes(), 400).await;
    }
    let old = head(&format!("{good}Sec-WebSocket-Version: 12\r\n"));
    let reply = ground.answered(old.as_bytes(), 426).await;
    assert_eq!(reply.header("sec-websocket-version"), Some("13"));
}

pub(super) async fn spaces_in_protocols(ground: Ground) {
    let lines = format!("Sec-WebSocket-Protocol: b{}x\r\n", " ".repeat(32_000));
    let path = ground.path(&ground.token());
    let (reply, took) = timed(ground.answered(&request(&path, &lines), 400)).await;
    assert_eq!(reply.json()["cause"], "bad_request");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

pub(super) async fn framing(ground: Ground) {
    for path in ["/ws/chat/5/", "/healthz"] {
        for lines in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "X-Folded: a\r\n b\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
        ] {
            let mut raw: Raw = ground.raw().await;
            raw.write(format!("POST {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n").as_bytes())
                .await;
            assert_eq!(raw.reply().await.status, 400, "{path} {lines:?}");
            assert_eq!(raw.rest().await, b"", "closed");
        }
    }
}

pub(super) async fn origins(ground: Ground) {
    let path = ground.path(&ground.token());
    for origin in [
        "https://evil.example",
        "https://app.example.com.evil.example",
        "https://app.example.com@evil.example",
        "http://app.example.com",
        "null",
    ] {
        let line = format!("Origin: {origin}");
        ground.refused(&path, &[&line], 4403, "origin_forbidden").await;
    }
    let mut raw = ground.raw().await;
    let allowed = [
        "Origin: https://app.example.com",
        "Sec-WebSocket-Protocol: charla.v1",
    ];
    raw.upgrade(&path, &allowed).await;
    raw.next_of("welcome").await;
}

pub(super) async fn inner_pages(ground: Ground) {
    for path in ["/metrics", "/console", "/console/"] {
        assert_eq!(
            ground.http("GET", path, &[], b"").await.status,
            404,
            "{path} from outside"
        );
        let forged = ["X-Forwarded-For: 127.0.0.1"];
        assert_eq!(
            ground.http("GET", path, &forged, b"").await.status,
            404,
            "{path} by a forged address"
        );
    }
    let mut inside = Raw::open(ground.server.address).await;
    inside
        .write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!(inside.reply().await.status, 200, "from inside");
}
