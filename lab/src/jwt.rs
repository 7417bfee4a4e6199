//! Access tokens as SimpleJWT makes them, and as nobody should.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};

/// How a token is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hs256,
    Hs512,
    None,
}

/// What stands in a token.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) algorithm: Algorithm,
    pub(crate) kind: &'static str,
    pub(crate) user: String,
    /// Seconds from now.
    pub(crate) expires_in: i64,
    /// Seconds from now.
    pub(crate) not_before: Option<i64>,
    /// Of a Charla server's own tokens.
    pub(crate) tenant: Option<&'static str>,
    /// `kid`.
    pub(crate) key_id: Option<&'static str>,
}

impl Token {
    /// A good one for an hour.
    pub(crate) fn of(user: &str) -> Self {
        Self {
            algorithm: Algorithm::Hs256,
            kind: "access",
            user: user.to_owned(),
            expires_in: 3600,
            not_before: None,
            tenant: None,
            key_id: None,
        }
    }

    /// Signed with `key`.
    pub(crate) fn sign(&self, key: &str) -> String {
        let now = jiff::Timestamp::now().as_second();
        let name = match self.algorithm {
            Algorithm::Hs256 => "HS256",
            Algorithm::Hs512 => "HS512",
            Algorithm::None => "none",
        };
        let issued = now + self.expires_in.min(0) - 300;
        let mut claims = json!({
            "token_type": self.kind,
            "exp": now + self.expires_in,
            "iat": issued,
            "jti": "187d04bd57714f158a68e13da5151e1a",
            "user_id": self.user,
        });
        if let Some(claims) = claims.as_object_mut() {
            if let Some(wait) = self.not_before {
                claims.insert("nbf".to_owned(), json!(now + wait));
            }
            if let Some(tenant) = self.tenant {
                claims.insert("tenant".to_owned(), json!(tenant));
            }
        }
        let head = match self.key_id {
            Some(key_id) => encode(&json!({"alg": name, "typ": "JWT", "kid": key_id})),
            None => encode(&json!({"alg": name, "typ": "JWT"})),
        };
        let signed = format!("{head}.{}", encode(&claims));
        let signature = match self.algorithm {
            Algorithm::Hs256 => mac256(key, &signed),
            Algorithm::Hs512 => mac512(key, &signed),
            Algorithm::None => String::new(),
        };
        format!("{signed}.{signature}")
    }
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn mac256(key: &str, text: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else {
        return String::new();
    };
    mac.update(text.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

fn mac512(key: &str, text: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha512>::new_from_slice(key.as_bytes()) else {
        return String::new();
    };
    mac.update(text.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}
