//! A part of a file instead of all of it, and nothing of what the client has already (RFC 9110, sections 13 and 14).

use serde_json::Value;

use super::{download, files, send, serving, uploaded, with_directory};
use crate::serving::{Client, Reply, Serving};

/// More than the server reads at once.
const BYTES: usize = 150_000;

fn bytes() -> Vec<u8> {
    // 251 is a prime: no piece looks like the one before.
    (0..=250).cycle().take(BYTES).collect()
}

/// Where a file is that ana has put there and sent.
async fn address(serving: &Serving, ana: &mut Client, bytes: &[u8]) -> String {
    let id: Value = uploaded(serving, ana, "a.txt", "text/plain", bytes).await;
    ana.ask(&send(&[&id]), "ack").await;
    let found = ana.ask(&download(&id), "download").await;
    found["url"].as_str().unwrap().to_owned()
}

fn whole(got: &Reply, bytes: &[u8]) {
    assert_eq!((got.status, got.header("content-range")), (200, None));
    assert_eq!(got.header("accept-ranges"), Some("bytes"));
    assert!(got.body == bytes);
}

#[tokio::test]
async fn one_range_is_answered_with_those_bytes() {
    let serving = serving(None).await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let bytes = bytes();
    let url = address(&serving, &mut ana, &bytes).await;
    whole(&serving.http("GET", &url, &[], b"").await, &bytes);
    for (range, said, part) in [
        ("bytes=0-0", "bytes 0-0/150000", 0..1),
        ("bytes=0-149999", "bytes 0-149999/150000", 0..BYTES),
        ("bytes=65535-65536", "bytes 65535-65536/150000", 65_535..65_537),
        ("bytes=10-140000", "bytes 10-140000/150000", 10..140_001),
        ("bytes=100000-", "bytes 100000-149999/150000", 100_000..BYTES),
        (
            "bytes=149999-999999",
            "bytes 149999-149999/150000",
            149_999..BYTES,
        ),
        ("bytes=-70000", "bytes 80000-149999/150000", 80_000..BYTES),
        ("bytes=-200000", "bytes 0-149999/150000", 0..BYTES),
    ] {
        let got = serving
            .http("GET", &url, &[&format!("range: {range}")], b"")
            .await;
        assert_eq!(
            (got.status, got.header("content-range")),
            (206, Some(said)),
            "{range}"
        );
        assert_eq!(got.header("content-length"), Some(&*part.len().to_string()));
        assert_eq!(got.header("content-type"), Some("text/plain"));
        let policy = got.header("content-security-policy");
        assert_eq!(policy, Some("sandbox; default-src 'none'"));
        assert!(got.body == bytes[part], "{range}");
    }
    for range in ["bytes=150000-", "bytes=200000-300000", "bytes=-0"] {
        let got = serving
            .http("GET", &url, &[&format!("range: {range}")], b"")
            .await;
        assert_eq!((got.status, &*got.body), (416, &b""[..]), "{range}");
        assert_eq!(got.header("content-range"), Some("bytes */150000"));
    }
    for range in ["bytes=0-1,5-6", "bytes=5-2", "lines=0-1", "bytes"] {
        let got = serving
            .http("GET", &url, &[&format!("range: {range}")], b"")
            .await;
        whole(&got, &bytes);
    }
}

#[tokio::test]
async fn a_head_says_all_but_the_bytes() {
    let serving = serving(None).await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let url = address(&serving, &mut ana, b"0123456789").await;
    let got = serving.http("HEAD", &url, &["range: bytes=0-1"], b"").await;
    assert_eq!((got.status, &*got.body), (200, &b""[..]));
    for (name, value) in [
        ("content-length", Some("10")),
        ("accept-ranges", Some("bytes")),
        ("content-range", None),
    ] {
        assert_eq!(got.header(name), value, "{name}");
    }
    let tag = format!("if-none-match: {}", got.header("etag").unwrap());
    let got = serving.http("HEAD", &url, &[&tag], b"").await;
    assert_eq!((got.status, got.header("content-length")), (304, Some("10")));
}

#[tokio::test]
async fn what_is_known_is_not_sent_and_a_part_only_of_the_same_file() {
    let serving = serving(None).await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let url = address(&serving, &mut ana, b"0123456789").await;
    let other = address(&serving, &mut ana, b"0123456789").await;
    let tag_of = async |url: &str| {
        let got = serving.http("GET", url, &[], b"").await;
        got.header("etag").unwrap().to_owned()
    };
    let (tag, other) = (tag_of(&url).await, tag_of(&other).await);
    assert_ne!(tag, other);
    assert!(tag.starts_with('"'), "a strong one: {tag}");
    let got = serving
        .http("GET", &url, &[&format!("if-none-match: {other}, {tag}")], b"")
        .await;
    assert_eq!((got.status, &*got.body), (304, &b""[..]));
    assert_eq!(got.header("etag"), Some(&*tag));
    assert_eq!(
        got.header("cache-control"),
        Some("private, max-age=31536000, immutable")
    );
    for (condition, status, body) in [
        (format!("if-range: {tag}"), 206, &b"34"[..]),
        (format!("if-range: {other}"), 200, b"0123456789"),
        (format!("if-range: W/{tag}"), 200, b"0123456789"),
        (
            "if-range: Sat, 28 Nov 2026 22:00:00 GMT".to_owned(),
            200,
            b"0123456789",
        ),
        (format!("if-none-match: {other}"), 206, b"34"),
        (format!("if-none-match: {tag}"), 304, b""),
    ] {
        let got = serving
            .http("GET", &url, &["range: bytes=3-4", &condition], b"")
            .await;
        assert_eq!((got.status, &*got.body), (status, body), "{condition}");
    }
}

#[tokio::test]
async fn of_nothing_there_is_no_part() {
    let serving = serving(None).await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let url = address(&serving, &mut ana, b"").await;
    let got = serving.http("GET", &url, &["range: bytes=0-"], b"").await;
    assert_eq!(
        (got.status, got.header("content-range")),
        (416, Some("bytes */0"))
    );
    whole(&serving.http("GET", &url, &["range: bytes=-5"], b"").await, b"");
}

/// An address that is bent, and a file that is gone, are answered as without a range.
#[tokio::test]
async fn a_range_opens_nothing() {
    let serving = serving(None).await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let url = address(&serving, &mut ana, b"0123456789").await;
    let got = serving.http("GET", &url, &[], b"").await;
    let tag = format!("if-none-match: {}", got.header("etag").unwrap());
    let bent = url.replace("until=", "until=9");
    let directory = serving.node().settings.attachments.directory.clone().unwrap();
    for file in files(&directory) {
        std::fs::remove_file(file).unwrap();
    }
    for url in [&bent, &url] {
        for line in ["range: bytes=0-1", "range: bytes=99-", &tag] {
            let got = serving.http("GET", url, &[line], b"").await;
            assert_eq!(got.status, 404, "{line}");
            assert_eq!(got.json()["cause"], "attachment_not_found");
        }
    }
}

/// Pages elsewhere may ask for a part and read which one it is.
#[tokio::test]
async fn pages_of_allowed_origins_may_ask_for_a_part() {
    let serving = Serving::start_with(|settings| {
        with_directory(settings);
        settings.origins.allow = vec!["https://app.example.org".into()];
    })
    .await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let url = address(&serving, &mut ana, b"0123456789").await;
    let origin = "origin: https://app.example.org";
    let asks = ["if-none-match", "if-range", "range"];
    let preflight = serving
        .http(
            "OPTIONS",
            &url,
            &[origin, "access-control-request-method: GET"],
            b"",
        )
        .await;
    let got = serving.http("GET", &url, &[origin, "range: bytes=-1"], b"").await;
    assert_eq!((got.status, &*got.body), (206, &b"9"[..]));
    for (reply, name, wanted) in [
        (&preflight, "access-control-allow-headers", asks),
        (
            &got,
            "access-control-expose-headers",
            ["accept-ranges", "content-range", "etag"],
        ),
    ] {
        let said = reply.header(name).unwrap();
        for one in wanted {
            assert!(said.split(", ").any(|other| other == one), "{name}: {said}");
        }
    }
}
