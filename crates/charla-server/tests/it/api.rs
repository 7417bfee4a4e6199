//! The HTTP interface over real sockets: what each route answers, to whom, and how it refuses.

use serde_json::{Value, json};

use crate::serving::{Reply, Serving, tenant_id};

mod chats;
mod described;
mod doctor;
mod messages;
mod pages;
mod tokens;
mod users;

/// Somebody who asks with one credential.
struct Asker<'s> {
    serving: &'s Serving,
    authorization: Option<String>,
}

impl<'s> Asker<'s> {
    /// A person of `demo`.
    async fn person(serving: &'s Serving, user: &str) -> Self {
        Self::bearer(serving, &serving.token(user).await)
    }

    /// A back end with a key for one tenant, or for all.
    async fn back_end(serving: &'s Serving, tenant: Option<&str>) -> Self {
        use secrecy::ExposeSecret as _;
        let auth = &serving.node().auth;
        let made = auth
            .api_keys
            .create(tenant.map(tenant_id), "shop", auth.now())
            .await;
        Self::bearer(serving, made.unwrap().0.expose_secret())
    }

    fn bearer(serving: &'s Serving, credential: &str) -> Self {
        Self {
            serving,
            authorization: Some(format!("Authorization: Bearer {credential}")),
        }
    }

    /// Nobody in particular.
    fn nobody(serving: &'s Serving) -> Self {
        Self {
            serving,
            authorization: None,
        }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Reply {
        let mut lines = headers.to_vec();
        lines.extend(self.authorization.as_deref());
        self.serving.http(method, path, &lines, body).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], b"").await
    }

    /// A request without a body.
    async fn send(&self, method: &str, path: &str) -> Reply {
        self.ask(method, path, &[], b"").await
    }

    /// A request with a JSON body.
    async fn send_json(&self, method: &str, path: &str, body: &Value) -> Reply {
        let kind = "Content-Type: application/json";
        self.ask(method, path, &[kind], body.to_string().as_bytes()).await
    }
}

/// The JSON of an answer that has to be a success.
fn good(reply: &Reply, status: u16) -> Value {
    let told = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, status, "{told}");
    assert!(
        reply
            .header("content-type")
            .unwrap()
            .starts_with("application/json")
    );
    reply.json()
}

/// Goes on if the answer is a whole problem document with this status and cause.
fn assert_problem(reply: &Reply, status: u16, cause: &str) -> Value {
    let told = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, status, "{told}");
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json"),
        "{told}"
    );
    let problem = reply.json();
    assert_eq!(problem["cause"], cause, "{told}");
    assert_eq!(problem["status"], status, "{told}");
    assert_eq!(problem["type"], format!("/docs/causes/{cause}"));
    for field in ["title", "detail", "retry"] {
        assert!(problem[field].is_string(), "{field}: {told}");
    }
    assert_eq!(reply.header("www-authenticate").is_some(), status == 401);
    problem
}

#[tokio::test]
async fn whatever_is_not_there_is_a_problem_document() {
    let serving = Serving::start().await;
    let nobody = Asker::nobody(&serving);
    assert_problem(&nobody.get("/nothing/here").await, 404, "not_found");
    assert_problem(&nobody.get("/api/v1/nothing").await, 404, "not_found");
    assert_problem(&nobody.get("/api/v1/me").await, 401, "token_missing");
    assert_problem(
        &nobody.send("PUT", "/api/v1/chats/5").await,
        401,
        "unauthorized_key",
    );
    let wrong_method = nobody.send("DELETE", "/api/v1/chats/5").await;
    assert_problem(&wrong_method, 405, "method_not_allowed");
    assert!(wrong_method.header("allow").unwrap().contains("PUT"));
    let options = nobody.send("OPTIONS", "/api/v1/chats/5").await;
    assert_eq!(options.status, 204);
    assert!(options.header("allow").unwrap().contains("PUT"));
}

#[tokio::test]
async fn a_problem_speaks_the_readers_language() {
    let serving = Serving::start().await;
    let nobody = Asker::nobody(&serving);
    let spanish = nobody
        .ask("GET", "/nothing", &["Accept-Language: es-MX,en;q=0.5"], b"")
        .await;
    let problem = assert_problem(&spanish, 404, "not_found");
    assert_eq!(problem["title"], "No hay nada en esta dirección");
    assert_eq!(spanish.header("content-language"), Some("es"));
    let english = assert_problem(&nobody.get("/nothing").await, 404, "not_found");
    assert_eq!(english["title"], "There is nothing at this address");
}

#[tokio::test]
async fn a_body_has_to_be_json_that_fits() {
    let serving = Serving::start().await;
    let ana = Asker::nobody(&serving);
    let json = "Content-Type: application/json";
    let big = vec![b' '; 65 * 1024];
    let cases: [(&[&str], &[u8], u16, &str); 6] = [
        (
            &["Content-Type: text/plain"],
            b"{}",
            415,
            "unsupported_media_type",
        ),
        (&[], b"{}", 415, "unsupported_media_type"),
        (&[json], b"{", 400, "bad_request"),
        (&[json], b"{\"username\":1}", 400, "bad_request"),
        (
            &[json],
            b"{\"username\":\"a\",\"username\":\"b\"}",
            400,
            "bad_request",
        ),
        (&[json], &big, 413, "payload_too_large"),
    ];
    for (headers, body, status, cause) in cases {
        let reply = ana.ask("POST", "/api/token/", headers, body).await;
        assert_problem(&reply, status, cause);
    }
}

#[tokio::test]
async fn pages_of_allowed_origins_may_read() {
    let serving = Serving::start_with(|settings| {
        settings.origins.allow = vec!["https://app.example.org".into()];
    })
    .await;
    let nobody = Asker::nobody(&serving);
    let asked = |origin: &'static str| {
        let nobody = &nobody;
        async move {
            let lines = [origin, "Access-Control-Request-Method: POST"];
            let preflight = nobody.ask("OPTIONS", "/api/token/", &lines, b"").await;
            let answer = nobody.ask("GET", "/api/v1/info", &[origin], b"").await;
            (preflight, answer)
        }
    };
    let (preflight, answer) = asked("Origin: https://app.example.org").await;
    assert_eq!(preflight.status, 204);
    assert!(
        preflight
            .header("access-control-allow-headers")
            .unwrap()
            .contains("authorization")
    );
    for reply in [&preflight, &answer] {
        assert_eq!(
            reply.header("access-control-allow-origin"),
            Some("https://app.example.org")
        );
    }
    let (preflight, answer) = asked("Origin: https://app.example.org.evil.example").await;
    for reply in [&preflight, &answer] {
        assert_eq!(reply.header("access-control-allow-origin"), None);
        assert!(
            reply
                .headers
                .iter()
                .any(|(name, value)| name == "vary" && value == "origin")
        );
    }
}

#[tokio::test]
async fn a_server_tells_about_itself() {
    let serving = Serving::start_with(|settings| {
        settings.server.default_tenant = Some(tenant_id("demo"));
    })
    .await;
    let info = good(&Asker::nobody(&serving).get("/api/v1/info").await, 200);
    let expected = json!({
        "name": "Charla", "version": env!("CARGO_PKG_VERSION"), "tenant": "demo",
        "languages": ["en", "es"], "demo": false, "accounts": true,
    });
    assert_eq!(info, expected);
}
