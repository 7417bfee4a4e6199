//! What the operator sees of limits: what is used of them, what they refused, and whether they may be changed by whoever asks.

use serde_json::{Value, json};

use super::{Operator, message, refused};
use crate::console::overview;
use crate::serving::{Serving, until};

const DEMO: &str = "/api/v1/tenants/demo/limits";

async fn figure(operator: &Operator<'_>, name: &str) -> Value {
    operator.get(DEMO).await.json()["limits"][name].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_used_and_what_was_refused_is_what_was_done() {
    let node = Serving::start_with(|settings| {
        settings.console.enabled = true;
        settings.limits.connections_per_tenant = 2;
        settings.limits.bytes_per_day_per_tenant = 1_000_000;
    })
    .await;
    let operator = Operator::of(&node, None).await;
    let quiet = figure(&operator, "connections_per_tenant").await;
    assert_eq!(
        (&quiet["used"], &quiet["of"], &quiet["refused"]),
        (&json!(0), &json!(2), &json!(0))
    );
    let mut ana = node.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    let mut luis = node.connect("luis", "/ws/chat/5/").await;
    luis.next_of("subscribed").await;
    assert!(refused(&node, "sofia").await.is_some());
    let full = figure(&operator, "connections_per_tenant").await;
    assert_eq!(
        (&full["used"], &full["of"], &full["refused"]),
        (&json!(2), &json!(2), &json!(1))
    );
    ana.ask(&message("a thousand letters or so"), "ack").await;
    let chats = figure(&operator, "chats_per_tenant").await;
    assert_eq!(
        (&chats["used"], &chats["of"]),
        (&json!(1), &Value::Null),
        "no limit: {chats}"
    );
    let seen = overview(&node).await;
    let [tenant] = seen["now"]["tenants"].as_array().unwrap().as_slice() else {
        panic!("{seen}");
    };
    assert_eq!(
        tenant["limits"]["connections_per_tenant"],
        json!({"used": 2, "of": 2})
    );
    assert_eq!(
        tenant["limits"]["bytes_per_day_per_tenant"],
        json!({"used": 24, "of": 1_000_000})
    );
    assert_eq!(tenant["refused"], json!({"connections_per_tenant": 1}));
    assert_eq!(seen["now"]["more_tenants"], false);
    // Another one's limit, and one's own: quiet tenants are shown for theirs.
    let changes = seen["now"]["limits_changes"].as_u64().unwrap();
    operator
        .limit("acme", &json!({"subscriptions": 7, "send_burst": 9}))
        .await;
    let seen = overview(&node).await;
    assert!(seen["now"]["limits_changes"].as_u64().unwrap() > changes);
    let acme = &seen["now"]["tenants"][1];
    assert_eq!(
        (&acme["tenant"], &acme["own_limits"]),
        (&json!("acme"), &json!(2))
    );
    ana.leave().await;
    luis.leave().await;
    until("nobody is connected", || async {
        figure(&operator, "connections_per_tenant").await["used"] == 0
    })
    .await;
    let day = figure(&operator, "bytes_per_day_per_tenant").await;
    assert_eq!(day["used"], 24, "it comes in again over a day");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_a_proxy_names_changes_something_only_if_the_settings_say_so() {
    let node = Serving::start_with(|settings| {
        settings.console.enabled = true;
        settings.console.user_header = Some("X-User".into());
        settings.console.changers = vec!["ana@example.org".into()];
        settings.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let as_user = async |name: &str, method: &str, path: &str, body: &[u8]| {
        let name = format!("X-User: {name}");
        let lines = [
            &*name,
            "Content-Type: application/json",
            "Charla-Console: 1",
            "Accept-Language: es",
        ];
        node.http(method, path, &lines, body).await
    };
    let change = br#"{"subscriptions":7}"#;
    let viewer = as_user("eve@example.org", "GET", DEMO, b"").await.json();
    assert_eq!(viewer["may_change"], false);
    assert_eq!(viewer["limits"]["subscriptions"]["value"], 128);
    let disconnect = br#"{"tenant":"demo","user":"ana"}"#;
    for (method, path, body) in [
        ("PATCH", DEMO, &change[..]),
        ("PATCH", "/api/v1/limits", change),
        ("POST", "/api/v1/console/disconnect", disconnect),
        (
            "POST",
            "/api/v1/tenants/demo/webhooks",
            b"{\"url\":\"http://127.0.0.1:1/\"}",
        ),
    ] {
        let reply = as_user("eve@example.org", method, path, body).await;
        assert_eq!(reply.status, 403, "{path}");
    }
    assert_eq!(
        as_user("ana@example.org", "GET", DEMO, b"").await.json()["may_change"],
        true
    );
    let changed = as_user("ana@example.org", "PATCH", DEMO, change).await;
    assert_eq!(changed.json()["limits"]["subscriptions"]["value"], 7);
    let wrong = as_user("ana@example.org", "PATCH", DEMO, br#"{"subscriptions":"many"}"#).await;
    let detail = wrong.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("no puede ser"),
        "in the reader's language: {detail}"
    );
}
