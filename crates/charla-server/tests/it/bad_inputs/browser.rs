//! Markup, which is nobody's business but the page's: it is kept as it came, and no answer invites a browser to run it.

use serde_json::json;

use super::Ground;

/// Each would run, where a page took it for more than text.
const MARKUP: [&str; 6] = [
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "</script><script>alert(1)</script>",
    "\"><svg/onload=alert(1)>",
    "{{constructor.constructor('alert(1)')()}}",
    "<iframe srcdoc='<script>alert(1)</script>'>",
];

pub(super) async fn markup(ground: Ground) {
    for (place, words) in MARKUP.into_iter().enumerate() {
        let mut claims = ground.claims_with("name", json!(words));
        claims["user_id"] = json!(format!("row-43-{place}"));
        let token = ground.token_with(&claims);
        let mut client = ground.client_at(&ground.path(&token)).await;
        let id = uuid::Uuid::new_v4();
        client
            .say(&json!({"type": "send", "ref": 1, "id": id, "text": words, "data": {"html": words}}))
            .await;
        let message = loop {
            let message = client.next_of("message").await;
            if message["id"] == json!(id) {
                break message;
            }
        };
        assert_eq!(message["text"], words, "as it came");
        assert_eq!(message["data"]["html"], words);
        assert_eq!(message["author"]["name"], words);

        let path = format!("/api/v1/chats/{}/messages", ground.chat());
        let bearer = format!("Authorization: Bearer {token}");
        let reply = ground.http("GET", &path, &[&bearer], b"").await;
        assert_eq!(reply.header("content-type"), Some("application/json"), "no page");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        let texts: Vec<_> = reply.json()["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["text"].clone())
            .collect();
        assert!(texts.contains(&json!(words)), "{texts:?}");
    }
    // What is not found repeats nothing, and the page lets nothing run that is not its own.
    let absent = ground.http("GET", "/<script>alert(1)</script>", &[], b"").await;
    assert!(
        !String::from_utf8_lossy(&absent.body).contains("<script>alert"),
        "{absent:?}"
    );
    let page = ground.http("GET", "/", &[], b"").await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'") || policy.contains("default-src 'self'"),
        "{policy}"
    );
    assert!(
        !policy.contains("unsafe-inline") && !policy.contains("unsafe-eval"),
        "{policy}"
    );
}
