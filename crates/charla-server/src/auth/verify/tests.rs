//! Tokens by every kind of key, and every way to be refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use charla_trust::signature::{self, SigningKey};
use charla_wire::Cause;
use serde_json::{Value, json};

use super::*;
use crate::auth::jws::{KID_MAX, TOKEN_MAX};
use crate::settings::Algorithm;

const NOW: i64 = 1_795_428_000;
const SECRET: &str = "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz";
const BUILTIN: &str = "the server's own secret, made once and kept";

macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/", $name, ".pem"))
    };
}

mod claims;
mod header;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW * 1000)
}

fn key(kid: Option<&str>, algorithm: Algorithm, material: KeyMaterial) -> KeySettings {
    KeySettings {
        kid: kid.map(Into::into),
        algorithm,
        material,
        tenant: None,
    }
}

fn secret(text: &str) -> KeyMaterial {
    KeyMaterial::Secret(text.into())
}

/// One key of each kind, and a secret for tokens without a key id, as a Django team would have it.
fn settings() -> AuthSettings {
    AuthSettings {
        keys: vec![
            key(None, Algorithm::Hs256, secret(SECRET)),
            key(Some("h384"), Algorithm::Hs384, secret(SECRET)),
            key(Some("h512"), Algorithm::Hs512, secret(SECRET)),
            key(
                Some("rsa"),
                Algorithm::Rs256,
                KeyMaterial::PublicPem(pem!("rsa2048.pub").into()),
            ),
            key(
                Some("ec"),
                Algorithm::Es256,
                KeyMaterial::PublicPem(pem!("p256.pub").into()),
            ),
            key(
                Some("ed"),
                Algorithm::EdDsa,
                KeyMaterial::PublicPem(pem!("ed25519.pub").into()),
            ),
        ],
        ..AuthSettings::default()
    }
}

fn verifier(settings: &AuthSettings) -> Verifier {
    Verifier::new(settings, &BUILTIN.into()).unwrap()
}

fn part(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn signed_by(header: &str, claims: &str, key: &SigningKey) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).unwrap());
    format!("{message}.{signature}")
}

fn shared(secret: &str) -> SigningKey {
    SigningKey::from_secret(signature::Algorithm::Hs256, secret.as_bytes()).unwrap()
}

fn hs256(header: &str, claims: &str) -> String {
    signed_by(header, claims, &shared(SECRET))
}

fn django(claims: &Value) -> String {
    hs256(r#"{"alg":"HS256","typ":"JWT"}"#, &claims.to_string())
}

fn good() -> Value {
    json!({"token_type": "access", "exp": NOW + 300, "iat": NOW, "jti": "b7d4", "user_id": 42})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    claims[name] = value;
    claims
}

async fn refused(settings: &AuthSettings, token: &str) -> Refusal {
    match verifier(settings).verify(token, now()).await {
        Ok(identity) => panic!("{token} was accepted as {identity:?}"),
        Err(refusal) => refusal,
    }
}

#[tokio::test]
async fn a_simplejwt_access_token_is_its_user() {
    let identity = verifier(&settings())
        .verify(&django(&good()), now())
        .await
        .unwrap();
    assert_eq!(
        identity,
        Identity {
            tenant: None,
            user: UserId::parse("42").unwrap(),
            name: None,
            role: None,
            issued_at: Some(now()),
            expires_at: now().plus_millis(300_000),
            jti: Some("b7d4".into()),
            password_claim: None,
            session: false,
            builtin: false,
        }
    );
}

#[tokio::test]
async fn each_algorithm_verifies_with_its_key() {
    use signature::Algorithm as Alg;
    let hmac = |algorithm| SigningKey::from_secret(algorithm, SECRET.as_bytes());
    let verifier = verifier(&settings());
    for (kid, name, key) in [
        ("h384", "HS384", hmac(Alg::Hs384)),
        ("h512", "HS512", hmac(Alg::Hs512)),
        ("rsa", "RS256", SigningKey::from_pem(Alg::Rs256, pem!("rsa2048"))),
        ("ec", "ES256", SigningKey::from_pem(Alg::Es256, pem!("p256"))),
        ("ed", "EdDSA", SigningKey::from_pem(Alg::EdDsa, pem!("ed25519"))),
    ] {
        let header = json!({"alg": name, "kid": kid}).to_string();
        let token = signed_by(&header, &good().to_string(), &key.unwrap());
        assert!(verifier.verify(&token, now()).await.is_ok(), "{name}");

        let (signed, signature) = token.rsplit_once('.').unwrap();
        let other = signed.replacen(
            &part(&good().to_string()),
            &part(&with("user_id", json!(1)).to_string()),
            1,
        );
        let refusal = verifier
            .verify(&format!("{other}.{signature}"), now())
            .await
            .unwrap_err();
        assert_eq!(refusal.cause, Cause::TokenInvalid, "{name}");
        assert_eq!(refusal.detail, format!("the signature is not by key {kid:?}"));
    }
}
#[test]
fn a_key_that_cannot_be_used_stops_the_start() {
    let public = |text: &str| KeyMaterial::PublicPem(text.into());
    for (bad, error) in [
        (
            key(None, Algorithm::Rs256, public("-----BEGIN PUBLIC KEY-----")),
            signature::KeyError::NotForAlgorithm("RS256").into(),
        ),
        (
            key(None, Algorithm::Rs256, public(pem!("p256.pub"))),
            signature::KeyError::NotForAlgorithm("RS256").into(),
        ),
        (
            key(None, Algorithm::Es256, public(pem!("p384.pub"))),
            signature::KeyError::NotForAlgorithm("ES256").into(),
        ),
        (
            key(None, Algorithm::EdDsa, public(pem!("rsa2048.pub"))),
            signature::KeyError::NotForAlgorithm("EdDSA").into(),
        ),
        (
            key(None, Algorithm::Rs256, public(pem!("rsa1024.pub"))),
            signature::KeyError::RsaSize(1024).into(),
        ),
        (
            key(None, Algorithm::Rs256, public(pem!("rsa2048"))),
            signature::KeyError::Private.into(),
        ),
        (
            key(None, Algorithm::Hs256, public(pem!("rsa2048.pub"))),
            signature::KeyError::NeedsSecret("HS256").into(),
        ),
        (
            key(None, Algorithm::Rs256, secret(SECRET)),
            signature::KeyError::NeedsPublic("RS256").into(),
        ),
        (
            key(None, Algorithm::Hs256, secret(pem!("rsa2048.pub"))),
            signature::KeyError::PemAsSecret.into(),
        ),
        (
            key(None, Algorithm::Hs256, secret("")),
            signature::KeyError::EmptySecret.into(),
        ),
        (
            key(Some(""), Algorithm::Hs256, secret(SECRET)),
            KeyError::KidLength,
        ),
        (
            key(Some("rsa"), Algorithm::Hs256, secret(SECRET)),
            KeyError::KidTwice,
        ),
    ] {
        let mut settings = settings();
        settings.keys.push(bad);
        let Err(AuthSetupError::Key { which, error: found }) = Verifier::new(&settings, &BUILTIN.into())
        else {
            panic!("{error} was not found");
        };
        assert_eq!(found, error);
        assert!(which.starts_with("auth.keys, number 7 "), "{which}");
    }
    let mut settings = settings();
    settings.jwks_url = Some("http://id.example.org/keys".into());
    assert!(matches!(
        Verifier::new(&settings, &BUILTIN.into()),
        Err(AuthSetupError::JwksUrl(JwksUrlError::Plain))
    ));
}

#[tokio::test]
async fn no_refusal_repeats_the_token() {
    let token = django(&with("exp", json!(1)));
    let refusals = [
        refused(&settings(), &token).await,
        refused(&settings(), &token[..token.len() - 1]).await,
        refused(&settings(), &token.replace('.', "~")).await,
    ];
    for refusal in refusals {
        for part in token.split('.') {
            assert!(!refusal.to_string().contains(&part[..8]), "{refusal}");
        }
    }
}
