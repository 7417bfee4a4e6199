//! The authority is away, slow or talks nonsense: nobody is called forbidden for it, and nobody waits for it twice.

use super::*;

const AWAY: (u16, &str) = (1013, "authority_unavailable");

async fn is_away(serving: &Serving, user: &str, chat: &str) {
    let (code, cause) = refused(serving, "north", user, chat).await;
    assert_eq!((code, &*cause), AWAY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_no_refusal() {
    let site = Site::tenants().await;
    let serving = serve(&by_schema(&site, "cache_allow = \"1h\"")).await;
    let (mut ana, ..) = enter(&serving, "north", "42", "5").await;
    assert_eq!(readyz(&serving).await, "ready");
    tokio::task::block_in_place(|| site.stop());
    // What was said counts for its time, and whoever is in stays in.
    enter(&serving, "north", "42", "5").await;
    is_away(&serving, "7", "5").await;
    assert_eq!(readyz(&serving).await, "degraded: authority_unavailable");
    assert_eq!(figure(&serving, "charla_authority_up").await, 0);
    let refusal = rest(&serving, "north", "7", "/api/v1/chats/5").await;
    assert_eq!(
        (refusal.status, &refusal.json()["cause"]),
        (503, &json!("authority_unavailable"))
    );
    let path = format!("/ws/chat/5/?tenant=north&token={}", token("7"));
    let preflight = serving.http("GET", &path, &[], b"").await;
    assert_eq!(
        (preflight.status, &preflight.json()["cause"]),
        (503, &json!("authority_unavailable"))
    );
    // After some of these nobody asks any more.
    until("it is left alone", || async {
        is_away(&serving, "7", "5").await;
        questions(&serving, "spared").await > 0
    })
    .await;
    assert!(figure(&serving, "charla_authority_breaker").await > 0);
    let asked = questions(&serving, "failed").await;
    assert!((5..15).contains(&asked), "{asked} questions for nothing");
    let said = json!({"type": "send", "chat": "5", "id": uuid::Uuid::now_v7(), "text": "still here"});
    ana.ask(&said, "ack").await;
    tokio::task::block_in_place(|| site.start_again());
    until("it is found again", || async {
        let mut sofia = knock(&serving, "north", "7", "/ws/chat/5/").await;
        sofia.is_welcome().await
    })
    .await;
    assert_eq!(readyz(&serving).await, "ready");
    assert_eq!(figure(&serving, "charla_authority_breaker").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_cannot_be_is_no_refusal() {
    let site = Site::tenants().await;
    for query in [
        "SELECT 1 AS allowed FROM no_such_table WHERE :chat <> :user",
        "SELECT true AS may FROM auth_user WHERE :chat <> :user",
        "SELECT ''yes'' AS allowed",
        "SELECT true AS allowed, ''boss'' AS role",
    ] {
        let toml = by_schema(&site, "").replace(QUERY, &query.replace("''", "'"));
        let serving = serve(&toml).await;
        for _ in 0..10 {
            is_away(&serving, "42", "5").await;
        }
        // It answers at once, so there is nothing to be spared.
        assert_eq!(
            (
                questions(&serving, "spared").await,
                questions(&serving, "wrong").await
            ),
            (0, 10)
        );
        assert!(!knows_tenant(&serving, "north").await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_database_is_not_waited_for_by_everybody() {
    let site = Site::tenants().await;
    // sleeps because the database is to be slower than it may
    let slow = "SELECT true AS allowed, pg_sleep(60)::text WHERE :chat <> :user";
    let toml = by_schema(&site, "timeout = \"100ms\"").replace(QUERY, slow);
    let serving = serve(&toml).await;
    until("it is left alone", || async {
        is_away(&serving, "42", "5").await;
        questions(&serving, "spared").await > 0
    })
    .await;
    assert!((5..15).contains(&questions(&serving, "failed").await));
}
