//! Messages and notifications: stored once, seen by all, changed by those who may.

use serde_json::{Value, json};

use super::{Asker, assert_problem, good};
use crate::serving::Serving;

const MESSAGES: &str = "/api/v1/chats/5/messages";
const ID: &str = "0190d3f0-0000-7000-8000-000000000001";

#[tokio::test]
async fn the_same_post_again_is_the_same_message() {
    let serving = Serving::start().await;
    let shop = Asker::back_end(&serving, Some("demo")).await;
    let mut socket = serving.connect("luis", "/ws/chat/5/").await;
    socket.next_of("subscribed").await;
    let post = json!({ "id": ID, "author": "ana", "text": "hola", "data": { "order": 7 } });
    let stored = good(&shop.send_json("POST", MESSAGES, &post).await, 201);
    assert_eq!((&stored["seq"], &stored["id"]), (&json!(1), &json!(ID)));
    assert_eq!(stored["author"], json!({ "id": "ana", "name": "Ana" }));
    assert_eq!(stored["data"], json!({ "order": 7 }));
    assert_eq!(good(&shop.send_json("POST", MESSAGES, &post).await, 200), stored);
    let seen = socket.next_of("message").await;
    assert_eq!(
        (&seen["text"], &seen["author"]["id"]),
        (&json!("hola"), &json!("ana"))
    );
    let other = json!({ "id": ID, "author": "ana", "text": "adiós" });
    assert_problem(
        &shop.send_json("POST", MESSAGES, &other).await,
        409,
        "id_conflict",
    );
    // Without an id each is a message of its own.
    let ana = Asker::person(&serving, "ana").await;
    for seq in [2, 3] {
        let stored = good(
            &ana.send_json("POST", MESSAGES, &json!({ "text": "ok" })).await,
            201,
        );
        assert_eq!(stored["seq"], seq);
    }
    let whole = good(&shop.get(MESSAGES).await, 200);
    assert_eq!(whole["messages"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn who_may_not_post_is_told_why() {
    let serving = Serving::start().await;
    let shop = Asker::back_end(&serving, Some("demo")).await;
    let ana = Asker::person(&serving, "ana").await;
    let eva = Asker::person(&serving, "eva").await;
    let hello = json!({ "text": "hola" });
    assert_problem(
        &eva.send_json("POST", MESSAGES, &hello).await,
        403,
        "not_a_member",
    );
    assert_problem(&eva.get(MESSAGES).await, 403, "not_a_member");
    let none = "/api/v1/chats/none/messages";
    assert_problem(&ana.send_json("POST", none, &hello).await, 404, "chat_not_found");
    assert_problem(&ana.get(none).await, 404, "chat_not_found");
    for (body, status, cause) in [
        (json!({ "text": "hola", "author": "luis" }), 403, "forbidden"),
        (json!({ "text": "  " }), 400, "bad_request"),
        (json!({}), 400, "bad_request"),
        (json!({ "text": "x", "id": "1" }), 400, "bad_request"),
        (
            json!({ "text": "x".repeat(16 * 1024 + 1) }),
            413,
            "message_too_long",
        ),
        (json!({ "data": "x".repeat(16 * 1024) }), 413, "message_too_long"),
    ] {
        assert_problem(&ana.send_json("POST", MESSAGES, &body).await, status, cause);
    }
    let by_nobody = json!({ "text": "hola", "author": "none" });
    assert_problem(
        &shop.send_json("POST", MESSAGES, &by_nobody).await,
        404,
        "not_found",
    );
    good(&shop.send("POST", "/api/v1/chats/5/close").await, 200);
    assert_problem(&ana.send_json("POST", MESSAGES, &hello).await, 410, "chat_closed");
}

#[tokio::test]
async fn history_is_read_in_both_directions() {
    let serving = Serving::start_with(|settings| settings.limits.history_page = 4).await;
    let shop = Asker::back_end(&serving, Some("demo")).await;
    for number in 1..=6 {
        let post = json!({ "author": "ana", "text": number.to_string() });
        good(&shop.send_json("POST", MESSAGES, &post).await, 201);
    }
    let ana = Asker::person(&serving, "ana").await;
    let rows: [(&str, &[u64], bool); 7] = [
        ("?limit=2", &[5, 6], true),
        ("?before=5&limit=2", &[3, 4], true),
        ("?before=3", &[1, 2], false),
        ("?after=1&limit=2", &[2, 3], true),
        ("?after=5", &[6], false),
        ("?after=9000", &[], false),
        ("?limit=1000000000", &[3, 4, 5, 6], true),
    ];
    for (query, expected, more) in rows {
        let page = good(&ana.get(&format!("{MESSAGES}{query}")).await, 200);
        let seqs: Vec<u64> = page["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["seq"].as_u64().unwrap())
            .collect();
        assert_eq!((&*seqs, &page["more"]), (expected, &Value::Bool(more)), "{query}");
    }
    for query in [
        "?before=1&after=1",
        "?after=-1",
        "?after=9223372036854775808",
        "?before=x",
        "?limit=-5",
    ] {
        assert_problem(&ana.get(&format!("{MESSAGES}{query}")).await, 400, "bad_request");
    }
}

#[tokio::test]
async fn ones_own_message_can_be_changed_and_any_by_staff() {
    let serving = Serving::start().await;
    let [ana, luis, sofia] = [
        Asker::person(&serving, "ana").await,
        Asker::person(&serving, "luis").await,
        Asker::person(&serving, "sofia").await,
    ];
    let shop = Asker::back_end(&serving, Some("demo")).await;
    let mut socket = serving.connect("luis", "/ws/chat/5/").await;
    socket.next_of("subscribed").await;
    good(
        &ana.send_json("POST", MESSAGES, &json!({ "text": "uno" })).await,
        201,
    );
    let one = "/api/v1/chats/5/messages/1";
    let words = |text: &str| json!({ "text": text });
    assert_problem(
        &luis.send_json("PATCH", one, &words("mío")).await,
        403,
        "edit_forbidden",
    );
    assert_problem(&luis.send("DELETE", one).await, 403, "edit_forbidden");
    for (asker, by, rev) in [(&ana, "ana", 1), (&sofia, "sofia", 2), (&shop, "api", 3)] {
        let edited = good(&asker.send_json("PATCH", one, &words(by)).await, 200);
        assert_eq!(
            (&edited["rev"], &edited["message"]["text"]),
            (&json!(rev), &json!(by))
        );
        assert_eq!(edited["message"]["author"]["id"], "ana");
        let frame = socket.next_of("edited").await;
        assert_eq!((&frame["by"]["id"], &frame["text"]), (&json!(by), &json!(by)));
    }
    assert_problem(
        &ana.send_json("PATCH", one, &words(" ")).await,
        400,
        "bad_request",
    );
    let deleted = good(
        &shop.send_json("DELETE", one, &json!({ "by": "sofia" })).await,
        200,
    );
    assert_eq!(
        (&deleted["message"]["deleted"], &deleted["message"]["text"]),
        (&json!(true), &json!(""))
    );
    assert_eq!(socket.next_of("deleted").await["by"]["id"], "sofia");
    for path in [
        one,
        "/api/v1/chats/5/messages/99",
        "/api/v1/chats/5/messages/0",
        "/api/v1/chats/5/messages/18446744073709551615",
    ] {
        assert_problem(&ana.send("DELETE", path).await, 404, "message_not_found");
    }
    assert_problem(
        &ana.send("DELETE", "/api/v1/chats/5/messages/x").await,
        400,
        "bad_request",
    );
}

#[tokio::test]
async fn a_person_asks_only_so_often() {
    let serving = Serving::start_with(|settings| {
        settings.limits.requests_per_second = 1;
        settings.limits.request_burst = 3;
    })
    .await;
    let ana = Asker::person(&serving, "ana").await;
    for _ in 0..3 {
        good(&ana.get(MESSAGES).await, 200);
    }
    let problem = assert_problem(&ana.get(MESSAGES).await, 429, "rate_limited");
    assert!(problem["retry_in_ms"].as_u64().unwrap() <= 1_000);
    // Others are not in the way, and back ends are trusted.
    good(&Asker::person(&serving, "luis").await.get(MESSAGES).await, 200);
    let shop = Asker::back_end(&serving, Some("demo")).await;
    for _ in 0..10 {
        good(&shop.get(MESSAGES).await, 200);
    }
}

#[tokio::test]
async fn a_notification_reaches_its_person_alone() {
    let serving = Serving::start().await;
    let shop = Asker::back_end(&serving, Some("demo")).await;
    let ana = Asker::person(&serving, "ana").await;
    let luis = Asker::person(&serving, "luis").await;
    let mut socket = serving.connect("ana", "/ws/").await;
    socket.next_of("welcome").await;
    let note = json!({ "kind": "order", "text": "en camino", "url": "/orders/7", "data": { "order": 7 } });
    let notify = "/api/v1/users/ana/notifications";
    let stored = good(&shop.send_json("POST", notify, &note).await, 201);
    let frame = socket.next_of("notification").await;
    for field in ["id", "kind", "text", "url", "data", "created_at"] {
        assert_eq!(frame[field], stored[field], "{field}");
    }
    assert_eq!(stored["data"], note["data"]);
    let mine = good(&ana.get("/api/v1/me/notifications").await, 200);
    assert_eq!(mine["notifications"], json!([stored]));
    assert_eq!(
        good(&luis.get("/api/v1/me/notifications").await, 200)["notifications"],
        json!([])
    );
    let read = format!("/api/v1/me/notifications/{}/read", stored["id"]);
    assert_problem(&luis.send("POST", &read).await, 404, "not_found");
    assert_eq!(ana.send("POST", &read).await.status, 204);
    let mine = good(&ana.get("/api/v1/me/notifications").await, 200);
    assert_eq!(mine["notifications"][0]["read"], true);
    assert_problem(
        &ana.send("POST", "/api/v1/me/notifications/18446744073709551615/read")
            .await,
        404,
        "not_found",
    );
    let plain = good(
        &shop.send_json("POST", notify, &json!({ "text": "hola" })).await,
        201,
    );
    assert_eq!(plain["kind"], "info");
    let to_nobody = shop
        .send_json("POST", "/api/v1/users/none/notifications", &note)
        .await;
    assert_problem(&to_nobody, 404, "not_found");
    assert_problem(&ana.send_json("POST", notify, &note).await, 403, "forbidden");
    assert_problem(
        &shop.send_json("POST", notify, &json!({ "text": "" })).await,
        400,
        "bad_request",
    );
}
