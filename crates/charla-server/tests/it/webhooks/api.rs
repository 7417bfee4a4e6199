//! Endpoints and dead letters over the operator's interface.

use secrecy::ExposeSecret as _;

use super::*;

struct Operator<'s> {
    serving: &'s Serving,
    line: String,
}

impl<'s> Operator<'s> {
    async fn of(serving: &'s Serving, tenant: Option<&str>) -> Self {
        let auth = &serving.node().auth;
        let made = auth
            .api_keys
            .create(tenant.map(tenant_id), "ops", auth.now())
            .await;
        let line = format!("Authorization: Bearer {}", made.unwrap().0.expose_secret());
        Self { serving, line }
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut lines = vec![self.line.as_str()];
        if !body.is_empty() {
            lines.push("Content-Type: application/json");
        }
        let reply = self.serving.http(method, path, &lines, body.as_bytes()).await;
        (
            reply.status,
            serde_json::from_slice(&reply.body).unwrap_or(Value::Null),
        )
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_is_made_told_renewed_disabled_and_forgotten() {
    let receiver = Receiver::start().await;
    let serving = Serving::start_with(|settings| settings.webhooks.attempts = 1).await;
    let operator = Operator::of(&serving, None).await;
    let hooks = "/api/v1/tenants/demo/webhooks";
    let draft = json!({"url": receiver.url, "events": ["message.created"]});
    let (status, made) = operator.ask("POST", hooks, Some(&draft)).await;
    assert_eq!(status, 201, "{made}");
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    assert_eq!(
        (&made["source"], &made["events"]),
        (&json!("api"), &json!(["message.created"]))
    );
    say(&serving, "demo", "5", "0").await;
    receiver.wait_for(1).await[0].check(secret);

    let (_, renewed) = operator.ask("POST", &format!("{hooks}/{id}/secret"), None).await;
    let fresh = renewed["secret"].as_str().unwrap();
    assert!(fresh != secret && renewed["old_secret_until"].is_string());
    say(&serving, "demo", "5", "1").await;
    let hook = receiver.wait_for(2).await.remove(1);
    hook.check(secret);
    hook.check(fresh);

    receiver.says(410, "");
    say(&serving, "demo", "5", "2").await;
    let list = async || operator.ask("GET", "/api/v1/webhooks", None).await.1;
    until("it is disabled", async || {
        list().await["webhooks"][0]["disabled_at"].is_string()
    })
    .await;
    until("it is given up", async || {
        list().await["dead_letters"].as_array().unwrap().len() == 1
    })
    .await;
    let shown = list().await;
    assert!(!shown.to_string().contains("whsec_"), "secrets are shown once");
    say(&serving, "demo", "5", "not told").await;
    receiver.says(200, "");
    let letter = shown["dead_letters"][0]["id"].as_i64().unwrap();
    assert_eq!(shown["dead_letters"][0]["url"], receiver.url);
    let letters = "/api/v1/tenants/demo/dead-letters";
    assert_eq!(
        operator
            .ask("POST", &format!("{letters}/{letter}/retry"), None)
            .await
            .0,
        204
    );
    assert_eq!(
        operator
            .ask("POST", &format!("{hooks}/{id}/enable"), None)
            .await
            .0,
        204
    );
    say(&serving, "demo", "5", "3").await;
    let heard = receiver.wait_for(4).await;
    assert_eq!(texts(&heard, "5"), ["0", "1", "2", "3"]);

    assert_eq!(
        operator.ask("DELETE", &format!("{hooks}/{id}"), None).await.0,
        204
    );
    assert_eq!(
        operator.ask("DELETE", &format!("{hooks}/{id}"), None).await.0,
        404
    );
    say(&serving, "demo", "5", "4").await;
    assert_eq!(list().await["webhooks"], json!([]));
    assert!(serving.node().store.webhook_backlog().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_listed_retried_and_thrown_away() {
    let receiver = Receiver::start().await;
    receiver.says(400, "");
    let serving = Serving::start_with(|settings| {
        tell(settings, "demo", &receiver.url);
        settings.webhooks.attempts = 1;
    })
    .await;
    let operator = Operator::of(&serving, None).await;
    let letters = "/api/v1/tenants/demo/dead-letters";
    let list = async |query: &str| {
        let (status, list) = operator.ask("GET", &format!("{letters}{query}"), None).await;
        assert_eq!(status, 200);
        list["dead_letters"].as_array().unwrap().clone()
    };
    until("both are given up", async || list("").await.len() == 2).await;
    let all = list("").await;
    let (newest, oldest) = (all[0]["id"].as_i64().unwrap(), all[1]["id"].as_i64().unwrap());
    assert!(newest > oldest);
    assert_eq!(list(&format!("?before={newest}")).await.len(), 1);
    assert!(list("?endpoint=other").await.is_empty());
    assert_eq!(
        operator
            .ask("DELETE", &format!("{letters}/{oldest}"), None)
            .await
            .0,
        204
    );
    assert_eq!(
        operator
            .ask("DELETE", &format!("{letters}/{oldest}"), None)
            .await
            .0,
        404
    );
    let of_others = format!("/api/v1/tenants/acme/dead-letters/{newest}");
    assert_eq!(operator.ask("DELETE", &of_others, None).await.0, 404);
    receiver.says(200, "");
    let (status, retried) = operator.ask("POST", &format!("{letters}/retry"), None).await;
    assert_eq!((status, retried), (200, json!({"retried": 1})));
    receiver.wait_for(1).await;
    assert!(list("").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_chooses_no_address_and_nonsense_is_refused() {
    let serving = Serving::start_with(|settings| tell(settings, "demo", "http://127.0.0.1:9/")).await;
    let path = "/api/v1/tenants/demo/webhooks";
    let own = Operator::of(&serving, Some("demo")).await;
    let draft = json!({"url": "https://app.example.org/"});
    assert_eq!(own.ask("POST", path, Some(&draft)).await.0, 403);
    assert_eq!(own.ask("GET", path, None).await.0, 403);
    let operator = Operator::of(&serving, None).await;
    for (draft, status) in [
        (json!({"url": "ftp://app.example.org/"}), 400),
        (json!({"url": "http://user:pass@app.example.org/"}), 400),
        (json!({"url": "/relative"}), 400),
        (json!({"url": "https://app.example.org/", "events": []}), 400),
        (
            json!({"url": "https://app.example.org/", "events": ["message.sent"]}),
            400,
        ),
        (json!({"url": "https://app.example.org/", "secret": "mine"}), 400),
    ] {
        assert_eq!(
            operator.ask("POST", path, Some(&draft)).await.0,
            status,
            "{draft}"
        );
    }
    let nobodys = operator.ask("POST", "/api/v1/tenants/none/webhooks", Some(&draft));
    assert_eq!(nobodys.await.0, 404);
    let (_, list) = operator.ask("GET", path, None).await;
    let file = list["webhooks"][0]["id"].as_str().unwrap();
    assert!(file.starts_with("file_"), "{list}");
    assert_eq!(
        operator.ask("DELETE", &format!("{path}/{file}"), None).await.0,
        400
    );
}
