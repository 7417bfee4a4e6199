//! Tokens that are none, somebody else's, or not good any more; and the chats that they are shown to.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Ground, now, timed};
use crate::serving::profile::{APP_SECRET, RSA_PUBLIC, SHARED_SECRETS, app_header, sign};
use crate::serving::{Serving, room, tenant_id, user_key};

impl Ground {
    /// A token is refused with this cause.
    async fn token_refused(&self, token: &str, cause: &str) -> String {
        self.refused(&self.path(token), &[], 4401, cause).await
    }
}

pub(super) async fn none(ground: Ground) {
    let path = format!("/ws/chat/{}/", ground.chat());
    ground.refused(&path, &[], 4401, "token_missing").await;
    ground.token_refused("", "token_missing").await;
    let token = ground.token();
    let two = format!("{path}?token={token}&token={token}");
    ground.refused(&two, &[], 4400, "bad_request").await;
}

pub(super) async fn unsigned(ground: Ground) {
    let claims = ground.claims().to_string();
    for algorithm in ["none", "nOnE", "None", ""] {
        let header = json!({"alg": algorithm, "typ": "JWT", "kid": "app"}).to_string();
        let (header, claims) = (URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(&claims));
        ground
            .token_refused(&format!("{header}.{claims}."), "token_invalid")
            .await;
    }
    let token = ground.token();
    let (signed, _) = token.rsplit_once('.').unwrap();
    ground.token_refused(&format!("{signed}."), "token_invalid").await;
}

pub(super) async fn public_key_as_secret(ground: Ground) {
    let claims = ground.claims().to_string();
    for kid in [json!("rsa"), Value::Null] {
        let header = json!({"alg": "HS256", "typ": "JWT", "kid": kid});
        for secret in [RSA_PUBLIC, RSA_PUBLIC.trim_end()] {
            let mut header = header.clone();
            if kid.is_null() {
                header.as_object_mut().unwrap().remove("kid");
            }
            let token = sign(&header, &claims, secret.as_bytes());
            ground.token_refused(&token, "token_invalid").await;
        }
    }
}

pub(super) async fn key_ids(ground: Ground) {
    let claims = ground.claims().to_string();
    let long = "k".repeat(5_000);
    for kid in ["../../dev/null", "' OR 1=1--", "a\r\nINFO forged\u{1b}[2J", &long] {
        let header = json!({"alg": "HS256", "kid": kid});
        let token = sign(&header, &claims, APP_SECRET.as_bytes());
        ground.token_refused(&token, "token_invalid").await;
        // What a file that is empty would have made of it.
        ground
            .token_refused(&sign(&header, &claims, b"x"), "token_invalid")
            .await;
    }
    let huge = json!({"alg": "HS256", "kid": "k".repeat(10 << 10)});
    let token = sign(&huge, &claims, APP_SECRET.as_bytes());
    let header = format!("Authorization: Bearer {token}");
    let path = format!("/ws/chat/{}/", ground.chat());
    ground.refused(&path, &[&header], 4401, "token_malformed").await;
    let forged = |line: &String| line.contains("INFO forged");
    assert!(ground.lines().iter().any(forged), "the key id is written escaped");
}

pub(super) async fn odd_times(ground: Ground) {
    let good = (now() + 3600).to_string();
    for (name, value) in [
        ("exp", "\"soon\""),
        ("exp", "1e400"),
        ("exp", "-1"),
        ("exp", "null"),
        ("exp", "[]"),
        ("nbf", "\"2000-01-01\""),
        ("nbf", "1e400"),
        ("nbf", "-5"),
        ("nbf", "{}"),
        ("iat", "\"now\""),
    ] {
        let mut claims = ground.claims_with(name, Value::Null).to_string();
        claims.pop();
        claims.push_str(&format!(",\"{name}\":{value}}}"));
        let token = sign(&app_header(), &claims, APP_SECRET.as_bytes());
        ground.token_refused(&token, "token_invalid").await;
    }
    let missing = ground.token_with(&ground.claims_with("exp", Value::Null));
    ground.token_refused(&missing, "token_invalid").await;
    let mut twice = ground.claims().to_string();
    twice.pop();
    twice.push_str(&format!(",\"exp\":{good}}}"));
    let token = sign(&app_header(), &twice, APP_SECRET.as_bytes());
    ground.token_refused(&token, "token_invalid").await;
}

pub(super) async fn own_keys(ground: Ground) {
    // Whoever followed one of these would knock here.
    let trap = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys.json", trap.local_addr().unwrap());
    let jwk = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode("mine")});
    for (name, value) in [
        ("jku", json!(url)),
        ("x5u", json!(url)),
        ("jwk", jwk),
        ("x5c", json!(["MIIB"])),
    ] {
        let mut header = app_header();
        header.as_object_mut().unwrap().insert(name.into(), value);
        for secret in ["mine", APP_SECRET] {
            let token = sign(&header, &ground.claims().to_string(), secret.as_bytes());
            ground.token_refused(&token, "token_invalid").await;
        }
    }
    let claims = ground.claims_with("iss", json!(url));
    ground
        .token_refused(&ground.token_with(&claims), "token_invalid")
        .await;
    let claims = ground.claims_with("name", json!(url));
    let path = ground.path(&ground.token_with(&claims));
    ground.client_at(&path).await;
    let knocked = tokio::time::timeout(Duration::from_millis(200), trap.accept()).await;
    assert!(knocked.is_err(), "somebody asked the address that a token named");
}

pub(super) async fn other_tenant(ground: Ground) {
    let claims = ground.claims();
    let path = |token: &str| format!("/ws/chat/5/?tenant=acme&token={token}");
    ground
        .refused(&path(&ground.token()), &[], 4404, "chat_not_found")
        .await;
    // Whether that chat exists there makes no difference.
    let absent = format!("/ws/chat/nope/?tenant=acme&token={}", ground.token());
    ground.refused(&absent, &[], 4404, "chat_not_found").await;
    let audit =
        |line: &String| line.contains("charla::audit") && line.contains("acme") && line.contains("row-17");
    assert!(ground.server.log().iter().any(audit), "an audit event");
    // Two tenants whose applications call their keys by one name.
    let header = json!({"alg": "HS256", "kid": "shared"});
    let [(_, demo), (_, acme)] = SHARED_SECRETS;
    let nameless = ground.claims_with("tenant", Value::Null).to_string();
    let token = sign(&header, &nameless, demo.as_bytes());
    ground.refused(&path(&token), &[], 4404, "chat_not_found").await;
    let token = sign(&header, &claims.to_string(), acme.as_bytes());
    ground.token_refused(&token, "token_invalid").await;
}

pub(super) async fn expired(ground: Ground) {
    let claims = ground.claims_with("exp", json!(now() - 300));
    let reason = ground
        .token_refused(&ground.token_with(&claims), "token_expired")
        .await;
    assert!(reason.contains("5 min ago"), "{reason}");
}

pub(super) async fn other_parties(ground: Ground) {
    for (name, value, cause) in [
        ("aud", json!("billing"), "token_invalid"),
        ("aud", json!(["billing", "shop"]), "token_invalid"),
        ("aud", Value::Null, "token_invalid"),
        ("iss", json!("https://id.example.evil"), "token_invalid"),
        ("iss", Value::Null, "token_invalid"),
        ("iat", json!(now() + 600), "token_not_yet_valid"),
        ("nbf", json!(now() + 600), "token_not_yet_valid"),
    ] {
        let token = ground.token_with(&ground.claims_with(name, value));
        ground.token_refused(&token, cause).await;
    }
}

pub(super) async fn other_purpose(ground: Ground) {
    let refresh = ground.token_with(&ground.claims_with("token_type", json!("refresh")));
    ground.token_refused(&refresh, "token_invalid").await;
    let ghost = ground.token_with(&ground.claims_with("user_id", json!("ghost")));
    ground.token_refused(&ghost, "token_revoked").await;
}

pub(super) async fn while_connected(ground: Ground) {
    ground.tries(2);
    let serving = Serving::start().await;
    let node = serving.node();
    let out_within = Duration::from_secs(2);

    let mut client = serving.connect("ana", "/ws/chat/5/").await;
    client.next_of("subscribed").await;
    let token = serving.token("luis").await;
    let mut by_token = serving.connect("luis", "/ws/chat/5/").await;
    by_token.next_of("subscribed").await;
    let identity = node.auth.verify(&token).await.unwrap();
    let mut revoked =
        crate::serving::Client::open(serving.address, &format!("/ws/?token={token}"), &["charla.v1"]).await;
    revoked.next_of("welcome").await;
    let jti = identity.jti.unwrap();
    node.revoke_token(&tenant_id("demo"), &jti, identity.expires_at)
        .await
        .unwrap();
    let (end, took) = timed(revoked.end()).await;
    assert_eq!(end, (4401, "token_revoked".into()));
    assert!(took < out_within, "{took:?}");

    node.remove_member(&room("demo", "5"), &user_key("demo", "ana").user)
        .await
        .unwrap();
    let (end, took) = timed(client.end()).await;
    assert_eq!(end, (4403, "not_a_member".into()));
    assert!(took < out_within, "{took:?}");
    by_token.heard().await;
}

pub(super) async fn chat_ids(ground: Ground) {
    let token = ground.token();
    let (bad, absent) = ((4400, "bad_request"), (4404, "chat_not_found"));
    let long = "a".repeat(65);
    for (id, (code, cause)) in [
        ("1%00", bad),
        ("../admin", bad),
        ("..%2fadmin", bad),
        ("1;drop", bad),
        ("1%3Bdrop", bad),
        ("%D9%A1%D9%A2", bad),
        ("%ff%fe", bad),
        ("9223372036854775808", absent),
        (&long, bad),
        ("%0d%0aINFO%20forged", bad),
    ] {
        let path = format!("/ws/chat/{id}/?token={token}");
        ground.refused(&path, &[], code, cause).await;
    }
}

pub(super) async fn replayed(ground: Ground) {
    // A connection's id opens nothing.
    let mut raw = ground.raw().await;
    raw.upgrade(
        &ground.path(&ground.token()),
        &["Sec-WebSocket-Protocol: charla.v1"],
    )
    .await;
    let session = raw.next_of("welcome").await["session"]
        .as_str()
        .unwrap()
        .to_owned();
    ground.token_refused(&session, "token_malformed").await;

    let serving = Serving::start().await;
    let node = serving.node();
    let ana = node.store.user(&user_key("demo", "ana")).await.unwrap().unwrap();
    let pair = node.auth.accounts.issue_pair(ana, node.auth.now()).await;
    let stolen = pair.unwrap().refresh;
    let refresh = async |token: &str| {
        let body = json!({"refresh": token}).to_string();
        let kind = ["Content-Type: application/json"];
        let reply = serving
            .http("POST", "/api/token/refresh/", &kind, body.as_bytes())
            .await;
        (reply.status, reply.json())
    };
    let (status, next) = refresh(&stolen).await;
    assert_eq!(status, 200, "{next}");
    let next = next["refresh"].as_str().unwrap();
    let (status, replayed) = refresh(&stolen).await;
    assert_eq!((status, &replayed["cause"]), (401, &json!("refresh_reused")));
    let (status, family) = refresh(next).await;
    assert_eq!(
        (status, &family["cause"]),
        (401, &json!("refresh_invalid")),
        "the family is revoked"
    );
    let as_access = format!("/ws/chat/5/?token={next}");
    let mut raw = crate::serving::Raw::open(serving.address).await;
    raw.upgrade(&as_access, &[]).await;
    assert_eq!(raw.end().await.0, 4401, "no refresh token opens a socket");
}
