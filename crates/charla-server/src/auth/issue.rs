//! The server's own tokens, in SimpleJWT's shape: `token_type`, `exp`, `iat`, `jti`, `user_id`.
//!
//! Times are whole seconds, as SimpleJWT writes them.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use charla_trust::signature::{Algorithm, SigningKey};
use charla_wire::{Cause, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::identity::Refusal;
use super::verify::BUILTIN_KID;
use crate::store::User;

/// Signs with the server's secret.
pub(super) struct Issuer {
    key: SigningKey,
    /// The header of every token, encoded once.
    header: String,
}

/// A token made, and what has to be remembered of it.
pub(super) struct Issued {
    pub(super) token: String,
    pub(super) jti: String,
    pub(super) expires_at: Timestamp,
}

#[derive(Serialize)]
struct Claims<'a> {
    token_type: &'a str,
    exp: i64,
    iat: i64,
    jti: &'a str,
    user_id: &'a str,
    tenant: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<&'a str>,
}

impl Issuer {
    pub(super) fn new(secret: &SecretString) -> Self {
        let header = format!(r#"{{"alg":"HS256","typ":"JWT","kid":"{BUILTIN_KID}"}}"#);
        let key = SigningKey::from_secret(Algorithm::Hs256, secret.expose_secret().as_bytes());
        Self {
            key: key.expect("HS256 takes any secret"),
            header: URL_SAFE_NO_PAD.encode(header),
        }
    }

    /// A token that lets its user in for `ttl`.
    pub(super) fn access(&self, user: &User, ttl: Duration, now: Timestamp) -> Result<Issued, Refusal> {
        self.issue(user, "access", None, ttl, now)
    }

    /// A token that gets the next pair, once, within `ttl`.
    pub(super) fn refresh(
        &self,
        user: &User,
        family: &str,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Issued, Refusal> {
        self.issue(user, "refresh", Some(family), ttl, now)
    }

    fn issue(
        &self,
        user: &User,
        token_type: &str,
        family: Option<&str>,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Issued, Refusal> {
        // After a sign-out everywhere, times before the next whole second are refused; a token made in that second is
        // dated at its end.
        let iat = seconds(now).max(seconds_up(user.tokens_valid_from));
        let exp = iat.saturating_add(i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX));
        let jti = uuid::Uuid::new_v4().simple().to_string();
        let for_people = family.is_none();
        let claims = Claims {
            token_type,
            exp,
            iat,
            jti: &jti,
            user_id: user.key.user.as_str(),
            tenant: user.key.tenant.as_str(),
            name: for_people.then_some(&*user.name),
            role: for_people.then_some(user.role.as_str()),
            family,
        };
        let token = self
            .sign(&claims)
            .ok_or_else(|| Refusal::new(Cause::InternalError, "could not sign a token"))?;
        Ok(Issued {
            token,
            jti,
            expires_at: Timestamp::from_millis(exp.saturating_mul(1000)),
        })
    }

    fn sign(&self, claims: &Claims<'_>) -> Option<String> {
        let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).ok()?);
        let message = format!("{}.{claims}", self.header);
        let signature = self.key.sign(message.as_bytes()).ok()?;
        Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issuer")
    }
}

fn seconds(time: Timestamp) -> i64 {
    time.as_millis().div_euclid(1000)
}

fn seconds_up(time: Timestamp) -> i64 {
    seconds(time.plus_millis(999))
}
