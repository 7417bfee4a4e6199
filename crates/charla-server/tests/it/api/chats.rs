//! Chats and their members: made once, found by those who may, closed and opened for all to see.

use serde_json::json;

use super::{Asker, assert_problem, good};
use crate::serving::Serving;

#[tokio::test]
async fn a_chat_is_put_as_often_as_one_likes() {
    let serving = Serving::start().await;
    let shop = Asker::back_end(&serving, Some("demo")).await;
    let wanted = json!({ "title": "Pedido 7", "members": ["ana", "new"] });
    let made = good(&shop.send_json("PUT", "/api/v1/chats/7", &wanted).await, 201);
    assert_eq!((&made["chat"], &made["title"]), (&json!("7"), &json!("Pedido 7")));
    assert_eq!((&made["state"], &made["seq"]), (&json!("open"), &json!(0)));
    assert_eq!(
        good(&shop.send_json("PUT", "/api/v1/chats/7", &wanted).await, 200),
        made
    );
    // No body leaves all as it is.
    assert_eq!(good(&shop.send("PUT", "/api/v1/chats/7").await, 200), made);
    assert_eq!(good(&shop.get("/api/v1/chats/7").await, 200), made);
    let members = good(&shop.get("/api/v1/chats/7/members").await, 200);
    let ids: Vec<_> = members["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["id"])
        .collect();
    assert_eq!(ids, ["ana", "new"]);
    let ana = Asker::person(&serving, "ana").await;
    assert_eq!(good(&ana.get("/api/v1/chats/7").await, 200), made);
    assert_problem(
        &ana.send_json("PUT", "/api/v1/chats/7", &wanted).await,
        403,
        "forbidden",
    );
    for (path, body) in [
        ("/api/v1/chats/7", json!({ "title": " " })),
        ("/api/v1/chats/7", json!({ "title": "x".repeat(257) })),
        ("/api/v1/chats/7", json!({ "titel": "x" })),
        ("/api/v1/chats/7%2e", json!({})),
    ] {
        assert_problem(&shop.send_json("PUT", path, &body).await, 400, "bad_request");
    }
}

#[tokio::test]
async fn no_key_and_no_token_sees_another_tenant() {
    let serving = Serving::start().await;
    let [demo, acme, all] = [
        Asker::back_end(&serving, Some("demo")).await,
        Asker::back_end(&serving, Some("acme")).await,
        Asker::back_end(&serving, None).await,
    ];
    good(&acme.send("PUT", "/api/v1/chats/secret").await, 201);
    let ana = Asker::person(&serving, "ana").await;
    for (asker, cause) in [(&demo, "chat_not_found"), (&ana, "chat_not_found")] {
        assert_problem(&asker.get("/api/v1/chats/secret").await, 404, cause);
        assert_problem(&asker.get("/api/v1/chats/secret?tenant=acme").await, 404, cause);
        // Not even whether it is there: both answers are the same.
        let other = asker.get("/api/v1/chats/none?tenant=acme").await;
        assert_eq!(
            other.body,
            asker.get("/api/v1/chats/secret?tenant=acme").await.body
        );
    }
    assert_problem(
        &demo.get("/api/v1/chats?tenant=acme").await,
        403,
        "tenant_forbidden",
    );
    assert_problem(&ana.get("/api/v1/me?tenant=acme").await, 403, "tenant_forbidden");
    assert_problem(&all.get("/api/v1/chats/secret").await, 400, "tenant_missing");
    assert_problem(
        &all.get("/api/v1/chats/secret?tenant=none").await,
        404,
        "tenant_not_found",
    );
    good(&all.get("/api/v1/chats/secret?tenant=acme").await, 200);
    let by_header = all
        .ask("GET", "/api/v1/chats/secret", &["Charla-Tenant: acme"], b"")
        .await;
    good(&by_header, 200);
    let listed = good(&demo.get("/api/v1/chats").await, 200);
    assert_eq!(listed["chats"].as_array().unwrap().len(), 1);
    assert_problem(
        &Asker::bearer(&serving, "charla_wrong").get("/api/v1/chats").await,
        401,
        "unauthorized_key",
    );
}

#[tokio::test]
async fn closing_is_for_staff_and_seen_by_all() {
    let serving = Serving::start().await;
    let ana = Asker::person(&serving, "ana").await;
    let sofia = Asker::person(&serving, "sofia").await;
    let mut socket = serving.connect("ana", "/ws/chat/5/").await;
    socket.next_of("subscribed").await;
    assert_problem(&ana.send("POST", "/api/v1/chats/5/close").await, 403, "forbidden");
    let why = json!({ "reason": "resuelto" });
    let closed = good(&sofia.send_json("POST", "/api/v1/chats/5/close", &why).await, 200);
    assert_eq!(closed["state"], "closed");
    assert_eq!(closed["closed"]["by"], json!({ "id": "sofia", "name": "Sofía" }));
    let frame = socket.next_of("chat_closed").await;
    assert_eq!(
        (&frame["by"]["id"], &frame["reason"]),
        (&json!("sofia"), &json!("resuelto"))
    );
    let opened = good(&sofia.send("POST", "/api/v1/chats/5/reopen").await, 200);
    assert_eq!((&opened["state"], opened.get("closed")), (&json!("open"), None));
    assert_eq!(socket.next_of("chat_reopened").await["by"]["id"], "sofia");
    let shop = Asker::back_end(&serving, Some("demo")).await;
    let closed = good(&shop.send("POST", "/api/v1/chats/5/close").await, 200);
    assert_eq!(closed["closed"]["by"], json!({ "id": "api", "name": "shop" }));
    assert_problem(
        &sofia.send("POST", "/api/v1/chats/none/close").await,
        404,
        "chat_not_found",
    );
}

#[tokio::test]
async fn members_come_and_go() {
    let serving = Serving::start().await;
    let shop = Asker::back_end(&serving, Some("demo")).await;
    let eva = Asker::person(&serving, "eva").await;
    let path = "/api/v1/chats/5/members/eva";
    assert_problem(&eva.get("/api/v1/chats/5").await, 403, "not_a_member");
    assert_problem(&eva.send("PUT", path).await, 403, "forbidden");
    assert_eq!(shop.send("PUT", path).await.status, 201);
    assert_eq!(shop.send("PUT", path).await.status, 204);
    good(&eva.get("/api/v1/chats/5/members").await, 200);
    let mut socket = serving.connect("eva", "/ws/chat/5/").await;
    socket.next_of("subscribed").await;
    assert_eq!(shop.send("DELETE", path).await.status, 204);
    assert_eq!(socket.end().await, (4403, "not_a_member".to_owned()));
    assert_problem(&shop.send("DELETE", path).await, 404, "not_found");
    assert_problem(
        &shop.send("PUT", "/api/v1/chats/none/members/eva").await,
        404,
        "chat_not_found",
    );
    assert_problem(
        &shop.send("DELETE", "/api/v1/chats/none/members/eva").await,
        404,
        "chat_not_found",
    );
}

#[tokio::test]
async fn chats_are_listed_page_by_page() {
    let serving = Serving::start().await;
    let shop = Asker::back_end(&serving, Some("demo")).await;
    for chat in ["6", "7", "8"] {
        good(&shop.send("PUT", &format!("/api/v1/chats/{chat}")).await, 201);
    }
    let mut after = String::new();
    let mut seen = Vec::new();
    loop {
        let page = good(&shop.get(&format!("/api/v1/chats?limit=3{after}")).await, 200);
        let chats = page["chats"].as_array().unwrap();
        seen.extend(chats.iter().map(|chat| chat["chat"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen, ["5", "6", "7", "8"]);
    assert_problem(&shop.get("/api/v1/chats?limit=x").await, 400, "bad_request");
    let ana = Asker::person(&serving, "ana").await;
    assert_problem(&ana.get("/api/v1/chats").await, 403, "forbidden");
}

#[tokio::test]
async fn my_chats_and_my_support_chat() {
    let serving = Serving::start().await;
    let ana = Asker::person(&serving, "ana").await;
    let luis = Asker::person(&serving, "luis").await;
    let mut socket = serving.connect("luis", "/ws/chat/5/").await;
    socket.next_of("subscribed").await;
    let id = "0190d3f0-0000-7000-8000-000000000001";
    socket
        .say(&json!({ "type": "send", "ref": 1, "id": id, "text": "hola" }))
        .await;
    socket.next_of("ack").await;
    let chats = good(&ana.get("/api/v1/me/chats").await, 200);
    let [chat] = chats["chats"].as_array().unwrap().as_slice() else {
        panic!("{chats}")
    };
    assert_eq!((&chat["chat"], &chat["title"]), (&json!("5"), &json!("Cinco")));
    assert_eq!((&chat["unread"], &chat["role"]), (&json!(1), &json!("member")));
    assert_eq!(chat["last"]["text"], "hola");
    assert_eq!(chat["last"]["author"], json!({ "id": "luis", "name": "Luis" }));

    let made = good(&luis.send("POST", "/api/v1/me/support-chat").await, 201);
    let again = good(&luis.send("POST", "/api/v1/me/support-chat").await, 200);
    assert_eq!(made["chat"], again["chat"]);
    assert_eq!(made["customer"], "luis");
    assert_eq!(
        good(&luis.get("/api/v1/me/chats").await, 200)["chats"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    // An agent sees every chat of the tenant.
    let sofia = Asker::person(&serving, "sofia").await;
    let all = good(&sofia.get("/api/v1/me/chats").await, 200);
    assert_eq!(all["chats"].as_array().unwrap().len(), 2);
    let shop = Asker::back_end(&serving, Some("demo")).await;
    assert_problem(&shop.get("/api/v1/me").await, 403, "forbidden");
}
