//! A token taken apart: form, claims, times, and its signature against keys that were found.
//!
//! Pure: nothing here reads a file, asks a server or looks at a clock. Nothing in a token is trusted, and neither it nor its
//! signature gets into what is returned.

mod given;
mod key;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

pub use charla_trust::signature::KeyError;
pub use given::{Given, given};
pub use key::Key;

use crate::evidence::{Oddity, TokenForm, TokenSeen};
use crate::redact::redact;

/// The longest token that is taken apart, in bytes; nginx takes request lines of 8 KiB.
const TOKEN_MAX: usize = 16 * 1024;
/// The longest claim that is kept, in characters.
const CLAIM_MAX: usize = 120;

/// Claims that name the user, in the order in which they are believed: SimpleJWT's, the RFC's, others'.
const USER_CLAIMS: [&str; 6] = ["user_id", "sub", "uid", "userId", "id", "username"];
/// Claims that name a tenant.
const TENANT_CLAIMS: [&str; 8] = [
    "tenant",
    "schema",
    "tenant_id",
    "schema_name",
    "tenant_schema",
    "tenantId",
    "partner",
    "org_id",
];

/// Takes a token apart. `server_time` is the server's `Date`, `local_time` this machine's clock, both in seconds since 1970.
#[must_use]
pub fn look(given: Option<&Given>, keys: &[Key], server_time: Option<f64>, local_time: f64) -> TokenSeen {
    let mut seen = TokenSeen {
        server_time,
        local_time,
        ..TokenSeen::default()
    };
    let Some(given) = given else {
        return seen;
    };
    seen.given_in.clone_from(&given.place);
    seen.length = given.token.chars().count();
    seen.unencoded.clone_from(&given.unencoded);
    seen.form = form(&given.token);
    seen.odd = odd(&given.token, seen.form);
    if seen.form == TokenForm::Jwt
        && let Some((header, claims)) = opened(&given.token)
    {
        seen.algorithm = text(&header, "alg");
        seen.key_id = text(&header, "kid");
        read_claims(&mut seen, &claims);
        (seen.key, seen.key_from) = key::check(
            &given.token,
            seen.algorithm.as_deref(),
            seen.key_id.as_deref(),
            keys,
        );
    }
    seen
}

/// What a text looks like, as a token.
fn form(token: &str) -> TokenForm {
    const PLACEHOLDERS: [&str; 9] = [
        "",
        "undefined",
        "null",
        "none",
        "nan",
        "false",
        "true",
        "[object object]",
        "[object promise]",
    ];
    let bare = token.trim().trim_matches(['"', '\'']).trim().to_ascii_lowercase();
    if PLACEHOLDERS.contains(&bare.as_str())
        || ["${token}", "<token>", "{token}", "token", "bearer"].contains(&bare.as_str())
    {
        return TokenForm::Placeholder;
    }
    if opened(token).is_some() {
        return TokenForm::Jwt;
    }
    // `eyJ` is `{"` in Base64: that it was meant for a JWT can still be seen.
    if token.contains("eyJ") {
        TokenForm::Broken
    } else {
        TokenForm::NotJwt
    }
}

/// What went wrong with it, where its shape tells.
fn odd(token: &str, form: TokenForm) -> Option<Oddity> {
    match form {
        TokenForm::Missing | TokenForm::Jwt | TokenForm::Placeholder => return None,
        TokenForm::NotJwt | TokenForm::Broken => {}
    }
    let trimmed = token.trim();
    let starts = |prefix: &str| {
        trimmed
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    Some(
        if trimmed.starts_with(['"', '\'']) || trimmed.ends_with(['"', '\'']) {
            Oddity::Quoted
        } else if starts("bearer ") || starts("bearer.") || starts("jwt ") || starts("bearer+") {
            Oddity::Prefixed
        } else if trimmed.starts_with(['{', '[']) {
            Oddity::Json
        } else if token.contains(['\n', '\r', ' ', '\t']) {
            Oddity::Spaces
        } else if form == TokenForm::NotJwt {
            return None;
        } else {
            match token.matches('.').count() {
                0 | 1 => Oddity::Cut,
                4 => Oddity::Encrypted,
                _ => return None,
            }
        },
    )
}

/// Header and claims of a JWT.
fn opened(token: &str) -> Option<(Map<String, Value>, Map<String, Value>)> {
    if token.len() > TOKEN_MAX {
        return None;
    }
    let mut parts = token.split('.');
    let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || URL_SAFE_NO_PAD.decode(signature).is_err() {
        return None;
    }
    let part = |text: &str| -> Option<Map<String, Value>> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    };
    Some((part(header)?, part(claims)?))
}

fn read_claims(seen: &mut TokenSeen, claims: &Map<String, Value>) {
    let time = |name: &str| {
        let value = claims.get(name)?;
        value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
    };
    seen.token_type = text(claims, "token_type").or_else(|| text(claims, "typ"));
    seen.expires_at = time("exp");
    seen.not_before = time("nbf");
    seen.issued_at = time("iat");
    seen.issuer = text(claims, "iss");
    seen.audience = text(claims, "aud");
    seen.user_claim = USER_CLAIMS
        .iter()
        .find(|name| text(claims, name).is_some())
        .map(|name| (*name).to_owned());
    seen.user = seen.user_claim.as_ref().and_then(|name| text(claims, name));
    seen.tenant = TENANT_CLAIMS.iter().find_map(|name| text(claims, name));
}

/// A claim as text: a number as it stands, a list with commas.
fn text(claims: &Map<String, Value>, name: &str) -> Option<String> {
    let shown = match claims.get(name)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Array(list) => {
            let words: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            words.join(", ")
        }
        Value::Null | Value::Bool(_) | Value::Object(_) => return None,
    };
    let shown: String = shown
        .chars()
        .filter(|c| !c.is_control())
        .take(CLAIM_MAX)
        .collect();
    (!shown.is_empty()).then(|| redact(&shown))
}

#[cfg(test)]
mod tests;
