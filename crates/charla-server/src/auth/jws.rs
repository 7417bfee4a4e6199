//! A token as text: three base64url parts, of which the first names algorithm and key.
//!
//! Nothing here knows a key. What the header says is only ever compared: an id chooses among keys
//! that are there already, and a header that brings its own key or address is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::identity::{Refusal, quoted};
use super::keys::named;
use crate::settings::Algorithm;
use charla_wire::Cause;

/// Longest token looked at, in bytes. A token with thirty claims has 1.5 KiB; nginx takes request lines up to 8 KiB.
pub(super) const TOKEN_MAX: usize = 8 * 1024;
/// Longest key id looked up, in bytes: a SHA-512 in hex has 128.
pub(super) const KID_MAX: usize = 256;

/// A token taken apart, before anything of it is believed.
#[derive(Debug)]
pub(super) struct Compact<'t> {
    /// Header and payload as signed.
    pub(super) signed: &'t str,
    /// The signature's bytes; may be none.
    pub(super) signature: Vec<u8>,
    /// The payload's bytes.
    pub(super) payload: Vec<u8>,
    header: Header,
}

#[derive(Debug, Default)]
struct Header {
    alg: Option<Text>,
    kid: Option<Text>,
    /// The first parameter that would have the server fetch or trust a key of the token's own, or demand extensions.
    forbidden: Option<&'static str>,
}

/// A parameter that has to be text.
#[derive(Debug)]
enum Text {
    Is(String),
    IsNot,
}

impl<'t> Compact<'t> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// `token_missing` when there is none, `token_malformed` with what it looks like instead.
    pub(super) fn parse(token: &'t str) -> Result<Self, Refusal> {
        if token.is_empty() {
            return Err(Refusal::new(Cause::TokenMissing, "the token is empty"));
        }
        if token.len() > TOKEN_MAX {
            let detail = format!("the token has {} bytes, {TOKEN_MAX} are the most", token.len());
            return Err(Refusal::malformed(detail));
        }
        let Some((signed, signature)) = token.rsplit_once('.') else {
            return Err(Refusal::malformed(looks_like(token)));
        };
        let Some((header, payload)) = signed.split_once('.') else {
            return Err(Refusal::malformed(looks_like(token)));
        };
        // A dot too many is in `payload` now, and no base64url.
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let (Some(header), Some(payload), Some(signature)) =
            (decode(header), decode(payload), decode(signature))
        else {
            return Err(Refusal::malformed(looks_like(token)));
        };
        let Ok(header) = serde_json::from_slice::<Header>(&header) else {
            return Err(Refusal::malformed("the token's header is not a JSON object"));
        };
        Ok(Self {
            signed,
            signature,
            payload,
            header,
        })
    }

    /// The header as it came, for people to read.
    pub(super) fn header_json(&self) -> Vec<u8> {
        let header = self
            .signed
            .split_once('.')
            .map_or(self.signed, |(header, _)| header);
        URL_SAFE_NO_PAD.decode(header).unwrap_or_default()
    }

    /// The algorithm, if it is one that any key could be pinned to.
    pub(super) fn algorithm(&self) -> Result<Algorithm, Refusal> {
        if let Some(name) = self.header.forbidden {
            return Err(Refusal::invalid(format!(
                "a header with `{name}` is not accepted"
            )));
        }
        match &self.header.alg {
            Some(Text::Is(name)) => algorithm_named(name)
                .ok_or_else(|| Refusal::invalid(format!("algorithm {} is not accepted", quoted(name)))),
            Some(Text::IsNot) | None => Err(Refusal::invalid("the header names no algorithm")),
        }
    }

    /// The id of the key it says it was signed with.
    pub(super) fn kid(&self) -> Result<Option<&str>, Refusal> {
        match &self.header.kid {
            None => Ok(None),
            Some(Text::Is(kid)) if kid.len() <= KID_MAX => Ok(Some(kid)),
            Some(Text::Is(kid)) => {
                let detail = format!("the key id has {} bytes, {KID_MAX} are the most", kid.len());
                Err(Refusal::invalid(detail))
            }
            Some(Text::IsNot) => Err(Refusal::invalid("the key id is not text")),
        }
    }
}

/// By the exact name (RFC 7518, 3.1): `nOnE` and `hs256` are no algorithms.
pub(super) fn algorithm_named(name: &str) -> Option<Algorithm> {
    match name {
        "HS256" => Some(Algorithm::Hs256),
        "HS384" => Some(Algorithm::Hs384),
        "HS512" => Some(Algorithm::Hs512),
        "RS256" => Some(Algorithm::Rs256),
        "ES256" => Some(Algorithm::Es256),
        "EdDSA" => Some(Algorithm::EdDsa),
        _ => None,
    }
}

/// The name that a header gives an algorithm.
pub(super) const fn algorithm_name(algorithm: Algorithm) -> &'static str {
    named(algorithm).name()
}

/// What a text that is no token looks like: the mistakes that are made by hand.
fn looks_like(token: &str) -> String {
    let parts = token.split('.').count();
    let guess = match token {
        "undefined" | "null" | "None" | "[object Object]" | "NaN" => {
            "it is a word for nothing: the page had no token"
        }
        _ if token.starts_with("Bearer ") || token.starts_with("bearer ") => {
            "it starts with \"Bearer \": send the token alone"
        }
        _ if token.contains(['"', '\'']) => "it has quotes around it",
        _ if token.contains('%') => "it is URL-encoded twice",
        _ if token.contains(char::is_whitespace) => {
            "it has a space or line break: cut off, or a \"+\" not URL-encoded"
        }
        _ if token.contains(['+', '/', '=']) => "it is base64, not base64url",
        _ if parts == 5 => "it is encrypted (JWE), not signed",
        _ if parts == 1 => "it has 1 part, not 3: a session key, not a JWT",
        _ if parts != 3 => return format!("it has {parts} parts, not 3"),
        _ => "a part is not base64url: cut off, or another character got in",
    };
    guess.to_owned()
}

impl<'de> serde::Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut header = Header::default();
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let text = match &*name {
                "alg" => &mut header.alg,
                "kid" => &mut header.kid,
                other => {
                    header.forbidden = header.forbidden.or(forbidden(other));
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let value = if let serde_json::Value::String(value) = map.next_value()? {
                Text::Is(value)
            } else {
                Text::IsNot
            };
            if text.replace(value).is_some() {
                return Err(A::Error::custom("a parameter stands twice"));
            }
        }
        Ok(header)
    }
}

/// Parameters by which a token would bring or point at its own key (RFC 7515, 4.1), or demand extensions that nobody here knows.
fn forbidden(name: &str) -> Option<&'static str> {
    ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip"]
        .into_iter()
        .find(|known| *known == name)
}
