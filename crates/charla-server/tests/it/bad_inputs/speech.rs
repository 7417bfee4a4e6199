//! Text that is no request, or one that cannot be meant.

use serde_json::{Value, json};

use super::Ground;
use crate::serving::{Raw, text};

impl Ground {
    /// A request is answered with an error of this cause under its `ref`, and the connection lives on.
    async fn error(&self, client: &mut Raw, request: &Value, cause: &str) -> Value {
        self.tries(1);
        client.say(request).await;
        let error = client.next_of("error").await;
        assert_eq!(
            (&error["cause"], &error["ref"]),
            (&json!(cause), &request["ref"]),
            "{error} for {request}"
        );
        client.write(&text(r#"{"type":"ping"}"#)).await;
        client.next_of("pong").await;
        error
    }
}

const ID: &str = "0190d3f0-7f4e-7c3a-9c1e-2f6b8c1d4e5f";

pub(super) async fn odd_json(ground: Ground) {
    let deep = format!(
        r#"{{"type":"send","id":"{ID}","text":"x","data":{}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let odd = [
        deep,
        r#"{"type":"history","limit":1e309}"#.to_owned(),
        format!(r#"{{"type":"send","id":"{ID}","text":"a","text":"b"}}"#),
        format!(r#"{{"type":"send","id":"{ID}","text":"\ud83d"}}"#),
        format!(r#"{{"type":"send","id":"{ID}","text":"a","data":{{"__proto__":{{"admin":true}}}}}}"#),
        "hola".to_owned(),
        String::new(),
        "[1,2]".to_owned(),
        r#"{"type":"ping"} {"type":"ping"}"#.to_owned(),
    ];
    let mut client = ground.client().await;
    for line in &odd {
        client.write(&text(line)).await;
        let error = client.next_of("error").await;
        assert_eq!(error["cause"], "bad_request", "{}", &line[..line.len().min(80)]);
        // A good one between: they are not in a row.
        client.write(&text(r#"{"type":"ping"}"#)).await;
        client.next_of("pong").await;
    }
    for three in odd.chunks(3) {
        let frames: Vec<u8> = three.iter().flat_map(|line| text(line)).collect();
        ground.closed(&frames, 4400, "bad_request").await;
    }
}

pub(super) async fn odd_requests(ground: Ground) {
    let mut client = ground.client().await;
    let odd = [
        (json!({"type": "dance", "ref": 1}), "bad_request"),
        (json!({"type": "send", "ref": 2, "text": "x"}), "bad_request"),
        (
            json!({"type": "send", "ref": 3, "id": "x".repeat(10 << 10), "text": "x"}),
            "bad_request",
        ),
        (
            json!({"type": "send", "ref": 4, "id": ID, "text": ""}),
            "bad_request",
        ),
        (
            json!({"type": "send", "ref": 5, "id": ID, "text": " \n\t"}),
            "bad_request",
        ),
        (
            json!({"type": "send", "ref": 6, "id": ID, "text": "\u{202e}".repeat(21_000)}),
            "message_too_long",
        ),
        (
            json!({"type": "send", "ref": 7, "id": ID, "text": 5}),
            "bad_request",
        ),
        (
            json!({"type": "send", "ref": 8, "id": ID, "chat": "../5", "text": "x"}),
            "bad_request",
        ),
        (
            json!({"type": "send", "ref": 9, "id": ID, "chat": "other", "text": "x"}),
            "not_subscribed",
        ),
        (
            json!({"type": "send", "ref": 10, "id": ID, "text": "x", "data": "y".repeat(17 << 10)}),
            "message_too_long",
        ),
        (
            json!({"type": "edit", "ref": 11, "seq": 999, "text": "x"}),
            "message_not_found",
        ),
        (json!({"type": "edit", "ref": 12, "text": "x"}), "bad_request"),
        (
            json!({"type": "subscribe", "ref": 13, "chat": "nope"}),
            "chat_not_found",
        ),
        (json!({"type": "refresh", "ref": 14, "token": 7}), "bad_request"),
    ];
    for (request, cause) in &odd {
        ground.error(&mut client, request, cause).await;
    }
    words_are_words(&mut client).await;
}

async fn words_are_words(client: &mut Raw) {
    // Unknown to this server, but JSON: many in a row do not end the connection either.
    for turn in 0..5 {
        client.say(&json!({"type": "dance", "ref": turn})).await;
        assert_eq!(client.next_of("error").await["ref"], turn);
    }
    // What looks like an attack on a reader is a text like any other.
    for words in [
        "<img src=x onerror=alert(1)>",
        "</script>",
        "javascript:alert(1)",
        "\u{202e}evil",
        "a\u{0}b",
    ] {
        let id = uuid::Uuid::new_v4();
        client
            .say(&json!({"type": "send", "id": id, "text": words, "data": {"name": words}}))
            .await;
        let message = client.next_of("message").await;
        assert_eq!(
            (&message["text"], &message["data"]["name"]),
            (&json!(words), &json!(words))
        );
    }
}

pub(super) async fn odd_after(ground: Ground) {
    let chat = ground.chat();
    let mut client = ground.client().await;
    for after in [
        json!(-1),
        json!(1_u64 << 63),
        json!(u64::MAX),
        json!("7"),
        json!(1.5),
    ] {
        let request = json!({"type": "subscribe", "ref": 1, "chat": chat, "after": after});
        ground.error(&mut client, &request, "bad_request").await;
    }
    for after in ["-1", "9223372036854775808", "x"] {
        let mut raw = ground.raw().await;
        let path = format!("{}&after={after}", ground.path(&ground.token()));
        raw.upgrade(&path, &["Sec-WebSocket-Protocol: charla.v1"]).await;
        let (code, reason) = raw.end().await;
        assert_eq!(
            (code, reason.starts_with("bad_request")),
            (4400, true),
            "{after}: {reason}"
        );
    }
    // A number that was never given out is one of a store that lost it: whoever has it begins anew, with the latest page.
    let request = json!({"type": "subscribe", "ref": 2, "chat": chat, "after": 1_000_000});
    ground.tries(1);
    client.say(&request).await;
    let subscribed = client.next_of("subscribed").await;
    assert_eq!(
        (&subscribed["resumed"], &subscribed["messages"]),
        (&json!(false), &json!([])),
        "{subscribed}"
    );
    // Refused, it still hears what it heard before.
    client
        .say(&json!({"type": "send", "id": uuid::Uuid::new_v4(), "text": "still here"}))
        .await;
    client.next_of("message").await;
}

pub(super) async fn control_characters(ground: Ground) {
    let nasty = "Row\r\nINFO forged line\u{1b}[2J\u{202e}";
    let claims = ground.claims_with("name", json!(nasty));
    let path = ground.path(&ground.token_with(&claims));
    let request = "GET /ws/chat/5/ HTTP/1.1\r\nHost: x\r\nUser-Agent: a\u{1b}[2J\r\n\r\n";
    ground.answered(request.as_bytes(), 400).await;
    let agent = "User-Agent: a%1b[2J%0d%0aINFO forged";
    let mut raw = ground.raw().await;
    raw.upgrade(&path, &["Sec-WebSocket-Protocol: charla.v1", agent])
        .await;
    let welcome = raw.next_of("welcome").await;
    let name = welcome["user"]["name"].as_str().unwrap();
    assert!(!name.contains(char::is_control), "{name:?}");
    raw.next_of("subscribed").await;
    let send = json!({"type": "send", "id": uuid::Uuid::new_v4(), "text": nasty});
    raw.say(&send).await;
    assert_eq!(
        raw.next_of("message").await["text"],
        nasty,
        "texts are kept as they are"
    );
    raw.write(&text(&format!("no JSON {nasty}"))).await;
    raw.next_of("error").await;
    for path in [
        "/ws/chat/%0d%0aINFO%20forged/",
        "/ws/%0d%0aINFO%20forged",
        "/ws/?tenant=%0d%0aINFO%20forged",
        "/ws/?attempt=%1b%5b2J",
    ] {
        let origin = "Origin: https://\u{e9}vil.example/%0d%0aINFO forged";
        let mut raw = ground.raw().await;
        raw.upgrade(path, &[agent, origin]).await;
        raw.end().await;
    }
    ground.logged(&["handshake refused"]).await;
    let forged = |line: &String| line.starts_with("INFO forged") || line.contains(char::is_control);
    assert!(
        !ground.server.log().iter().any(forged),
        "no line of somebody else's"
    );
}

pub(super) async fn odd_files(ground: Ground) {
    let mut client = ground.client().await;
    let asks = |name: &str, kind: &str, bytes: u64| json!({"type": "attach", "ref": 7, "name": name, "media_type": kind, "bytes": bytes});
    let long = "ñ".repeat(5_000);
    for (name, kept) in [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a\r\nSet-Cookie: x=1\r\n\r\n.png", "aSet-Cookie_ x=1.png"),
        ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
        ("\0", "file"),
        ("....", "file"),
        (long.as_str(), &long[..240]),
    ] {
        ground.tries(1);
        client.say(&asks(name, "image/png", 1)).await;
        let upload = client.next_of("upload").await;
        assert_eq!(upload["name"], kept);
        assert!(
            upload["url"].as_str().unwrap().starts_with("/attachments/demo/"),
            "{upload}"
        );
    }
    for (kind, bytes, cause) in [
        ("text/html", 1, "attachment_type_refused"),
        ("image/svg+xml", 1, "attachment_type_refused"),
        ("image/png\r\nx: y", 1, "attachment_type_refused"),
        ("image/*", 1, "attachment_type_refused"),
        ("image/png", 1 << 63, "attachment_too_large"),
        ("image/png", u64::MAX, "attachment_too_large"),
    ] {
        ground.error(&mut client, &asks("a", kind, bytes), cause).await;
    }
    for request in [
        json!({"type": "attach", "ref": 7, "name": "a", "media_type": "image/png", "bytes": -1}),
        json!({"type": "attach", "ref": 7, "name": 5, "media_type": "image/png", "bytes": 1}),
        json!({"type": "send", "ref": 7, "id": ID, "text": "", "attachments": ["../x"]}),
        json!({"type": "send", "ref": 7, "id": ID, "text": "", "attachments": [ID, ID]}),
        json!({"type": "send", "ref": 7, "id": ID, "text": ""}),
        json!({"type": "download", "ref": 7, "id": "../x"}),
    ] {
        ground.error(&mut client, &request, "bad_request").await;
    }
    for request in [
        json!({"type": "send", "ref": 7, "id": ID, "text": "", "attachments": [ID]}),
        json!({"type": "download", "ref": 7, "id": ID}),
    ] {
        ground.error(&mut client, &request, "attachment_not_found").await;
    }
    for path in [
        "/attachments/demo/..%2f..%2fetc%2fpasswd",
        "/attachments/../../etc/passwd",
        "/attachments/demo/0190d3f0-7f4e-7c3a-9c1e-2f6b8c1d4e5f?until=1&signature=%00",
        "/attachments/%2e%2e/0190d3f0-7f4e-7c3a-9c1e-2f6b8c1d4e5f",
    ] {
        for method in ["GET", "PUT"] {
            ground.tries(1);
            let reply = crate::serving::http(ground.server.address, method, path, &[], b"x").await;
            assert_eq!(reply.status, 404, "{method} {path}");
        }
    }
}
