//! Settings of servers in processes of their own, by name.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use charla_server::node::Node;
use charla_server::settings::{Algorithm, BrokerUrl, KeyMaterial, KeySettings, Settings, StoreUrl};
use charla_server::store::{UserChange, UserState};
use charla_trust::signature::{self, SigningKey};
use serde_json::{Value, json};

use super::{room, tenant_id, user_key};

/// Everything on that can be attacked: foreign keys, an origin list, compression.
pub(crate) const ATTACKED: &str = "attacked";
/// No limits on what one user or one address may do.
pub(crate) const UNLIMITED: &str = "unlimited";

/// A node that shares a database and a bus: their addresses stand behind, with spaces between.
pub(crate) const NODE: &str = "node ";

/// Tells an endpoint of `demo` everything: its address stands behind, and, after a space, the store's, if it is no folder.
pub(crate) const HOOKED: &str = "hooked ";

/// The issuer of [`APP_SECRET`]'s tokens.
pub(crate) const ISSUER: &str = "https://id.example";
/// The audience that they must have.
pub(crate) const AUDIENCE: &str = "charla";
/// The secret of the key `app`, an application that speaks for every tenant.
pub(crate) const APP_SECRET: &str = "a secret that only the application knows";
/// The secrets of the key `shared` of `demo` and of `acme`.
pub(crate) const SHARED_SECRETS: [(&str, &str); 2] = [
    ("demo", "a secret that only demo's application knows"),
    ("acme", "a secret that only acme's application knows"),
];
/// A public RSA key, as everybody may know it.
pub(crate) const RSA_PUBLIC: &str = include_str!("../../keys/rsa2048.pub.pem");
/// Chats `row-1`, `row-2` and so on of `demo`, so that trials do not meet.
pub(crate) const CHATS: usize = 51;

/// A token of three parts, its signature by a secret.
pub(crate) fn sign(header: &Value, claims: &str, secret: &[u8]) -> String {
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let key = SigningKey::from_secret(signature::Algorithm::Hs256, secret).unwrap();
    let signature = key.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The header of the application's tokens.
pub(crate) fn app_header() -> Value {
    json!({"alg": "HS256", "typ": "JWT", "kid": "app"})
}

/// A token of the application with these claims.
pub(crate) fn app_token(claims: &Value) -> String {
    sign(&app_header(), &claims.to_string(), APP_SECRET.as_bytes())
}

fn secret(kid: &str, secret: &str, tenant: Option<&str>) -> KeySettings {
    KeySettings {
        kid: Some(kid.into()),
        algorithm: Algorithm::Hs256,
        material: KeyMaterial::Secret(secret.into()),
        tenant: tenant.map(tenant_id),
    }
}

/// Adjusts the settings.
pub(crate) fn adjust(profile: &str, settings: &mut Settings) {
    settings.log.filter = "info".into();
    if let Some((store, bus)) = profile.strip_prefix(NODE).and_then(|rest| rest.split_once(' ')) {
        settings.store.url = StoreUrl::parse(store);
        settings.broker.url = BrokerUrl::parse(bus);
        return;
    }
    if let Some(rest) = profile.strip_prefix(HOOKED) {
        let (endpoint, store) = rest.split_once(' ').unwrap_or((rest, ""));
        settings.store.url = StoreUrl::parse(store);
        crate::webhooks::tell(settings, "demo", endpoint);
        settings.auth.keys = vec![secret("app", APP_SECRET, None)];
        settings.limits.sends_per_second = 0;
        return;
    }
    match profile {
        ATTACKED => {
            settings.auth.keys = vec![
                secret("app", APP_SECRET, None),
                KeySettings {
                    kid: Some("rsa".into()),
                    algorithm: Algorithm::Rs256,
                    material: KeyMaterial::PublicPem(RSA_PUBLIC.into()),
                    tenant: None,
                },
            ];
            let shared = SHARED_SECRETS.map(|(tenant, words)| secret("shared", words, Some(tenant)));
            settings.auth.keys.extend(shared);
            settings.auth.issuer = Some(ISSUER.into());
            settings.auth.audience = Some(AUDIENCE.into());
            settings.origins.allow = vec!["https://app.example.com".into()];
            settings.compression.enabled = true;
            settings.attachments.directory = Some(settings.store.path.join("attachments"));
            settings.metrics.allow = vec!["127.0.0.1/32".parse().unwrap()];
        }
        UNLIMITED => {
            settings.auth.keys = vec![secret("app", APP_SECRET, None)];
            settings.limits.resume_messages = 10_000;
            settings.limits.connections_per_user = usize::MAX;
            settings.limits.connections_per_address = usize::MAX;
            settings.limits.sends_per_second = 0;
            settings.limits.requests_per_second = 0;
            settings.attachments.directory = Some(settings.store.path.join("attachments"));
        }
        other => panic!("no such profile: {other}"),
    }
}

/// Puts more people and chats into the store than a server of tests has anyway.
pub(crate) async fn populate(profile: &str, node: &Node) {
    if profile != ATTACKED {
        return;
    }
    for number in 1..=CHATS {
        let chat = room("demo", &format!("row-{number}"));
        node.store.put_chat(&chat, None).await.unwrap();
    }
    let gone = UserChange {
        state: Some(UserState::Deleted),
        ..UserChange::default()
    };
    node.store
        .put_user(&user_key("demo", "ghost"), gone)
        .await
        .unwrap();
}
