//! People: made, changed, blocked, signed out, disconnected, deleted; and the tenants that they belong to.

use serde_json::json;

use super::{Asker, assert_problem, good};
use crate::serving::{Client, Serving, user_key};

#[tokio::test]
async fn a_user_is_made_changed_and_found() {
    let serving = Serving::start().await;
    let shop = Asker::back_end(&serving, Some("demo")).await;
    let made = good(
        &shop
            .send_json("PUT", "/api/v1/users/42", &json!({ "name": "Eva" }))
            .await,
        201,
    );
    assert_eq!((&made["id"], &made["name"]), (&json!("42"), &json!("Eva")));
    assert_eq!(
        (&made["role"], &made["state"]),
        (&json!("member"), &json!("active"))
    );
    let change = json!({ "role": "agent", "password": "a long secret" });
    let changed = good(&shop.send_json("PUT", "/api/v1/users/42", &change).await, 200);
    assert_eq!(
        (&changed["name"], &changed["role"]),
        (&json!("Eva"), &json!("agent"))
    );
    assert_eq!(
        (&made["has_password"], &changed["has_password"]),
        (&json!(false), &json!(true))
    );
    assert!(!changed.to_string().contains("argon2"), "{changed}");
    assert_eq!(good(&shop.get("/api/v1/users/42").await, 200), changed);
    let credentials = json!({ "username": "42", "password": "a long secret", "tenant": "demo" });
    let nobody = Asker::nobody(&serving);
    good(&nobody.send_json("POST", "/api/token/", &credentials).await, 200);
    assert_problem(&shop.get("/api/v1/users/none").await, 404, "not_found");
    for (path, body) in [
        ("/api/v1/users/42", json!({ "role": "king" })),
        ("/api/v1/users/42", json!({ "state": "deleted" })),
        ("/api/v1/users/42", json!({ "name": "" })),
        ("/api/v1/users/42", json!({ "password": "" })),
        ("/api/v1/users/4%202", json!({})),
    ] {
        assert_problem(&shop.send_json("PUT", path, &body).await, 400, "bad_request");
    }
}

#[tokio::test]
async fn users_are_for_staff_to_list_and_for_back_ends_to_change() {
    let serving = Serving::start().await;
    let ana = Asker::person(&serving, "ana").await;
    let sofia = Asker::person(&serving, "sofia").await;
    let listed = good(&sofia.get("/api/v1/users?limit=2").await, 200);
    assert_eq!(
        (&listed["users"][0]["id"], &listed["next"]),
        (&json!("ana"), &json!("eva"))
    );
    let rest = good(&sofia.get("/api/v1/users?after=eva").await, 200);
    assert_eq!(
        (&rest["users"][1]["id"], &rest["next"]),
        (&json!("sofia"), &json!(null))
    );
    assert_problem(&ana.get("/api/v1/users").await, 403, "forbidden");
    assert_problem(&ana.get("/api/v1/users/luis").await, 403, "forbidden");
    for (method, path) in [
        ("PUT", "/api/v1/users/ana"),
        ("DELETE", "/api/v1/users/ana"),
        ("POST", "/api/v1/users/ana/sign-out"),
        ("POST", "/api/v1/users/ana/disconnect"),
        ("POST", "/api/v1/users/ana/support-chat"),
        ("GET", "/api/v1/tenants"),
    ] {
        let nobody = Asker::nobody(&serving);
        assert_problem(&nobody.send(method, path).await, 401, "unauthorized_key");
        let reply = sofia.send(method, path).await;
        let (status, cause) = if path.ends_with("tenants") {
            (401, "unauthorized_key")
        } else {
            (403, "forbidden")
        };
        assert_problem(&reply, status, cause);
    }
}

/// Ana's connection, and how to make another with the same token.
async fn connected(serving: &Serving, token: &str) -> Client {
    let mut client = Client::open(
        serving.address,
        &format!("/ws/chat/5/?token={token}"),
        &["charla.v1"],
    )
    .await;
    client.next_of("subscribed").await;
    client
}

#[tokio::test]
async fn what_a_back_end_ends_is_over_at_once() {
    let serving = Serving::start().await;
    let shop = Asker::back_end(&serving, Some("demo")).await;
    let token = serving.token("ana").await;
    let ana = Asker::bearer(&serving, &token);

    let mut socket = connected(&serving, &token).await;
    assert_eq!(
        shop.send("POST", "/api/v1/users/ana/disconnect").await.status,
        204
    );
    assert_eq!(socket.end().await.1, "disconnected_by_operator");
    good(&ana.get("/api/v1/me").await, 200);

    let mut socket = connected(&serving, &token).await;
    let blocked = shop
        .send_json("PUT", "/api/v1/users/ana", &json!({ "state": "blocked" }))
        .await;
    assert_eq!(good(&blocked, 200)["state"], "blocked");
    assert_eq!(socket.end().await, (4403, "user_blocked".to_owned()));
    assert_problem(&ana.get("/api/v1/me").await, 403, "user_blocked");
    good(
        &shop
            .send_json("PUT", "/api/v1/users/ana", &json!({ "state": "active" }))
            .await,
        200,
    );

    let mut socket = connected(&serving, &token).await;
    assert_eq!(shop.send("POST", "/api/v1/users/ana/sign-out").await.status, 204);
    assert_eq!(socket.end().await, (4401, "token_revoked".to_owned()));
    assert_problem(&ana.get("/api/v1/me").await, 401, "token_revoked");

    let token = serving.token("ana").await;
    let mut socket = connected(&serving, &token).await;
    let new = json!({ "password": "another" });
    let set = shop.send_json("PUT", "/api/v1/users/ana/password", &new).await;
    assert_eq!(set.status, 204);
    assert_eq!(socket.end().await, (4401, "token_revoked".to_owned()));

    let token = serving.token("ana").await;
    let mut socket = connected(&serving, &token).await;
    let revoked = shop
        .send_json("POST", "/api/v1/tokens/revoke", &json!({ "token": token }))
        .await;
    assert_eq!(revoked.status, 204);
    assert_eq!(socket.end().await, (4401, "token_revoked".to_owned()));

    let token = serving.token("ana").await;
    let mut socket = connected(&serving, &token).await;
    assert_eq!(shop.send("DELETE", "/api/v1/users/ana").await.status, 204);
    assert_eq!(socket.end().await, (4401, "token_revoked".to_owned()));
    assert_problem(
        &Asker::bearer(&serving, &token).get("/api/v1/me").await,
        401,
        "token_revoked",
    );
    assert_problem(&shop.get("/api/v1/users/ana").await, 404, "not_found");
    assert_problem(&shop.send("DELETE", "/api/v1/users/ana").await, 404, "not_found");
    assert_problem(&shop.send("PUT", "/api/v1/users/ana").await, 409, "conflict");
}

#[tokio::test]
async fn a_token_is_revoked_by_its_own_tenant_only() {
    let serving = Serving::start().await;
    let acme = Asker::back_end(&serving, Some("acme")).await;
    let token = serving.token("ana").await;
    let reply = acme
        .send_json("POST", "/api/v1/tokens/revoke", &json!({ "token": token }))
        .await;
    assert_problem(&reply, 403, "tenant_forbidden");
    for body in [
        json!({}),
        json!({ "jti": "x" }),
        json!({ "token": token, "jti": "x" }),
    ] {
        let reply = acme.send_json("POST", "/api/v1/tokens/revoke", &body).await;
        assert_problem(&reply, 400, "bad_request");
    }
    let by_id = json!({ "jti": "x", "expires_at": "2099-01-01T00:00:00Z" });
    assert_eq!(
        acme.send_json("POST", "/api/v1/tokens/revoke", &by_id)
            .await
            .status,
        204
    );
    let revoked = &serving.node().auth.revoked;
    assert!(revoked.is_revoked(&user_key("acme", "x").tenant, "x"));
    assert!(!revoked.is_revoked(&user_key("demo", "x").tenant, "x"));
}

#[tokio::test]
async fn tenants_are_for_keys_that_act_for_all() {
    let serving = Serving::start().await;
    let all = Asker::back_end(&serving, None).await;
    let shop = Asker::back_end(&serving, Some("demo")).await;
    let listed = good(&all.get("/api/v1/tenants").await, 200);
    assert_eq!(
        (&listed["tenants"][0]["id"], &listed["tenants"][1]["id"]),
        (&json!("acme"), &json!("demo"))
    );
    let body = json!({ "name": "Nueva" });
    let made = good(&all.send_json("PUT", "/api/v1/tenants/nueva", &body).await, 201);
    assert_eq!((&made["id"], &made["name"]), (&json!("nueva"), &json!("Nueva")));
    // Without a name it keeps the one it has.
    assert_eq!(good(&all.send("PUT", "/api/v1/tenants/nueva").await, 200), made);
    assert_eq!(good(&all.get("/api/v1/tenants/nueva").await, 200), made);
    good(&all.send("PUT", "/api/v1/chats/1?tenant=nueva").await, 201);
    assert_problem(&all.get("/api/v1/tenants/none").await, 404, "tenant_not_found");
    for (method, path) in [
        ("GET", "/api/v1/tenants"),
        ("GET", "/api/v1/tenants/demo"),
        ("PUT", "/api/v1/tenants/demo"),
    ] {
        assert_problem(&shop.send(method, path).await, 403, "forbidden");
    }
}

#[tokio::test]
async fn a_back_end_finds_a_customers_support_chat() {
    let serving = Serving::start().await;
    let shop = Asker::back_end(&serving, Some("demo")).await;
    let made = good(
        &shop.send("POST", "/api/v1/users/customer-9/support-chat").await,
        201,
    );
    assert_eq!(made["customer"], "customer-9");
    let again = good(
        &shop.send("POST", "/api/v1/users/customer-9/support-chat").await,
        200,
    );
    assert_eq!(made, again);
}

#[tokio::test]
async fn a_ticket_opens_one_socket() {
    let serving = Serving::start().await;
    let ana = Asker::person(&serving, "ana").await;
    let shop = Asker::back_end(&serving, Some("demo")).await;
    let mine = good(&ana.send("POST", "/api/v1/tickets").await, 200);
    assert_eq!(mine["expires_in"], 30);
    let wish = json!({ "user": "ana", "chat": "5" });
    let reply = shop.send_json("POST", "/api/v1/tickets", &wish).await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    for ticket in [&mine["ticket"], &good(&reply, 200)["ticket"]] {
        let path = format!("/ws/chat/5/?ticket={}", ticket.as_str().unwrap());
        let mut socket = Client::open(serving.address, &path, &["charla.v1"]).await;
        assert_eq!(socket.next_of("welcome").await["user"]["id"], "ana");
        let mut again = Client::open(serving.address, &path, &["charla.v1"]).await;
        let (code, reason) = again.end().await;
        assert_eq!(code, 4401);
        assert!(reason.starts_with("ticket_invalid"), "{reason}");
    }
    let for_luis = json!({ "user": "luis" });
    assert_problem(
        &ana.send_json("POST", "/api/v1/tickets", &for_luis).await,
        403,
        "forbidden",
    );
    assert_problem(&shop.send("POST", "/api/v1/tickets").await, 400, "bad_request");
    let for_nobody = json!({ "user": "none" });
    assert_problem(
        &shop.send_json("POST", "/api/v1/tickets", &for_nobody).await,
        404,
        "not_found",
    );
}
