//! Signing in, renewing and logging out.

use serde_json::json;

use super::{Asker, assert_problem, good};
use crate::serving::Serving;

#[tokio::test]
async fn a_password_brings_a_pair_and_a_refresh_the_next() {
    let serving = Serving::start().await;
    serving.give_password("ana").await;
    let nobody = Asker::nobody(&serving);
    for path in ["/api/token/", "/api/token"] {
        let credentials = json!({ "username": "ana", "password": "ana", "tenant": "demo" });
        let reply = nobody.send_json("POST", path, &credentials).await;
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let signed_in = good(&reply, 200);
        assert_eq!(
            signed_in["user"],
            json!({ "id": "ana", "name": "Ana", "role": "member" })
        );
        assert_eq!(signed_in["tenant"], "demo");
        let ana = Asker::bearer(&serving, signed_in["access"].as_str().unwrap());
        let me = good(&ana.get("/api/v1/me").await, 200);
        assert_eq!(me, json!({ "user": signed_in["user"], "tenant": "demo" }));
        let refresh = json!({ "refresh": signed_in["refresh"] });
        let next = good(
            &nobody.send_json("POST", "/api/token/refresh/", &refresh).await,
            200,
        );
        assert_ne!(next["refresh"], signed_in["refresh"]);
        let again = nobody.send_json("POST", "/api/token/refresh", &refresh).await;
        assert_problem(&again, 401, "refresh_reused");
    }
}

#[tokio::test]
async fn wrong_sign_ins_are_refused_alike_and_soon_have_to_wait() {
    let serving = Serving::start_with(|settings| settings.limits.logins_per_minute = 3).await;
    serving.give_password("ana").await;
    let nobody = Asker::nobody(&serving);
    let credentials = |username: &str, password: &str, tenant: &str| json!({ "username": username, "password": password, "tenant": tenant });
    let sign_in = |body| {
        let nobody = &nobody;
        async move { nobody.send_json("POST", "/api/token/", &body).await }
    };
    // Right ones do not count.
    for _ in 0..4 {
        good(&sign_in(credentials("ana", "ana", "demo")).await, 200);
    }
    for wrong in [
        credentials("ana", "luis", "demo"),
        credentials("nobody", "ana", "demo"),
        credentials("ana", "ana", "no_such_tenant"),
    ] {
        assert_problem(&sign_in(wrong).await, 401, "login_failed");
    }
    let reply = sign_in(credentials("ana", "ana", "demo")).await;
    let problem = assert_problem(&reply, 429, "rate_limited");
    let wait = problem["retry_in_ms"].as_u64().unwrap();
    assert!((1..=20_000).contains(&wait), "{wait}");
    assert!(problem["detail"].as_str().unwrap().starts_with("retry in "));
    assert!(reply.header("retry-after").is_some());
}

#[tokio::test]
async fn a_sign_in_needs_a_tenant() {
    let serving = Serving::start().await;
    serving.give_password("ana").await;
    let nobody = Asker::nobody(&serving);
    let credentials = json!({ "username": "ana", "password": "ana" });
    let none = nobody.send_json("POST", "/api/token/", &credentials).await;
    assert_problem(&none, 400, "tenant_missing");
    for path in ["/api/token/?tenant=demo", "/api/token/?schema=demo"] {
        good(&nobody.send_json("POST", path, &credentials).await, 200);
    }
}

#[tokio::test]
async fn who_logs_out_is_out() {
    let serving = Serving::start().await;
    serving.give_password("ana").await;
    let nobody = Asker::nobody(&serving);
    let credentials = json!({ "username": "ana", "password": "ana", "tenant": "demo" });
    let signed_in = good(&nobody.send_json("POST", "/api/token/", &credentials).await, 200);
    let ana = Asker::bearer(&serving, signed_in["access"].as_str().unwrap());
    let mut socket = crate::serving::Client::open(
        serving.address,
        &format!("/ws/?token={}", signed_in["access"].as_str().unwrap()),
        &["charla.v1"],
    )
    .await;
    socket.next_of("welcome").await;
    let refresh = json!({ "refresh": signed_in["refresh"] });
    for _ in 0..2 {
        // The second time there is nothing left to end.
        assert_eq!(
            ana.send_json("POST", "/api/token/revoke/", &refresh).await.status,
            204
        );
    }
    assert_problem(&ana.get("/api/v1/me").await, 401, "token_revoked");
    assert_problem(
        &nobody.send_json("POST", "/api/token/refresh/", &refresh).await,
        401,
        "refresh_invalid",
    );
    assert_eq!(socket.end().await, (4401, "token_revoked".to_owned()));
    let nothing = nobody.send("POST", "/api/token/revoke/").await;
    assert_problem(&nothing, 401, "token_missing");
}

#[tokio::test]
async fn accounts_can_be_off() {
    let serving = Serving::start_with(|settings| settings.auth.accounts = false).await;
    let credentials = json!({ "username": "ana", "password": "ana", "tenant": "demo" });
    let reply = Asker::nobody(&serving)
        .send_json("POST", "/api/token/", &credentials)
        .await;
    assert_problem(&reply, 404, "not_found");
}
