//! A JSON Web Key Set as text, turned into a [`KeyRing`]; keys that cannot be used are left out, each with a log line.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use charla_trust::signature::VerifyingKey;
use serde::Deserialize;
use serde_json::Value;

use crate::auth::jws::algorithm_named;
use crate::auth::keys::{KeyError, KeyRing, VerifyKey, named};
use crate::settings::Algorithm;

/// Keys of one set that are looked at.
const KEYS_MAX: usize = 64;

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// RFC 7517, 4 and RFC 7518, 6; fields of the wrong type make a key unusable.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    alg: Option<String>,
    crv: Option<String>,
    kid: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// Why a key of a set is left out.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Unusable {
    #[error("its fields are not those of a key")]
    Fields,
    #[error("it is not for signatures")]
    Use,
    #[error("a symmetric key has no place in a public set")]
    Symmetric,
    #[error("its kind or algorithm is not accepted")]
    Kind,
    #[error("{0}")]
    Key(#[from] KeyError),
}

/// Reads a set.
///
/// # Errors
/// When the text is not an object with a list of `keys`.
pub(super) fn read(body: &[u8]) -> Result<KeyRing, serde_json::Error> {
    let set: KeySet = serde_json::from_slice(body)?;
    let mut ring = KeyRing::default();
    if set.keys.len() > KEYS_MAX {
        tracing::warn!(
            keys = set.keys.len(),
            KEYS_MAX,
            "the key set is too long: the rest is left out"
        );
    }
    for (index, value) in set.keys.into_iter().take(KEYS_MAX).enumerate() {
        let kid = value
            .get("kid")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let added = key(value).and_then(|key| Ok(ring.add(key)?));
        if let Err(error) = added {
            tracing::info!(index, kid = ?kid, %error, "left a key of the key set out");
        }
    }
    Ok(ring)
}

fn key(value: Value) -> Result<VerifyKey, Unusable> {
    let jwk: Jwk = serde_json::from_value(value).map_err(|_| Unusable::Fields)?;
    let verifies = |ops: &Vec<String>| ops.iter().any(|op| op == "verify");
    if jwk.r#use.as_ref().is_some_and(|r#use| r#use != "sig") || !jwk.key_ops.as_ref().is_none_or(verifies) {
        return Err(Unusable::Use);
    }
    let algorithm = algorithm(&jwk)?;
    let bytes = |field: &String| URL_SAFE_NO_PAD.decode(field).map_err(|_| Unusable::Fields);
    let name = named(algorithm);
    let verifying = match (algorithm, &jwk.n, &jwk.e, &jwk.x, &jwk.y) {
        (Algorithm::Rs256, Some(n), Some(e), _, _) => VerifyingKey::from_rsa(name, &bytes(n)?, &bytes(e)?),
        (Algorithm::Es256, _, _, Some(x), Some(y)) => VerifyingKey::from_ec(name, &bytes(x)?, &bytes(y)?),
        (Algorithm::EdDsa, _, _, Some(x), _) => VerifyingKey::from_ed(name, &bytes(x)?),
        _ => return Err(Unusable::Fields),
    };
    let verifying = verifying.map_err(KeyError::from)?;
    Ok(VerifyKey::fetched(jwk.kid.as_deref(), algorithm, verifying)?)
}

/// The algorithm that the key is pinned to: its `alg`, which has to fit its kind, else the one usual for its kind.
fn algorithm(jwk: &Jwk) -> Result<Algorithm, Unusable> {
    let usual = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => Algorithm::Rs256,
        ("EC", Some("P-256")) => Algorithm::Es256,
        ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
        ("oct", _) => return Err(Unusable::Symmetric),
        _ => return Err(Unusable::Kind),
    };
    match jwk.alg.as_deref().map(algorithm_named) {
        None => Ok(usual),
        Some(Some(named)) if named == usual => Ok(usual),
        // RFC 9864 gives EdDSA with this curve a name of its own.
        Some(None) if usual == Algorithm::EdDsa && jwk.alg.as_deref() == Some("Ed25519") => Ok(usual),
        Some(_) => Err(Unusable::Kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use charla_trust::signature;
    use serde_json::json;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    #[test]
    fn an_algorithm_left_out_follows_from_the_kind_of_key() {
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": X, "kid": "a"});
        assert!(key(ed).is_ok());
    }

    #[test]
    fn what_cannot_verify_is_left_out() {
        for (jwk, error) in [
            (json!({"kty": "oct", "k": "c2VjcmV0"}), Unusable::Symmetric),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": X, "use": "enc"}),
                Unusable::Use,
            ),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": X, "key_ops": ["sign"]}),
                Unusable::Use,
            ),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": X, "alg": "HS256"}),
                Unusable::Kind,
            ),
            (json!({"kty": "OKP", "crv": "X25519", "x": X}), Unusable::Kind),
            (
                json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "alg": "RS512"}),
                Unusable::Kind,
            ),
            (
                json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
                Unusable::Key(signature::KeyError::RsaSize(17).into()),
            ),
            (json!({"kty": "RSA", "n": 5, "e": "AQAB"}), Unusable::Fields),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}),
                Unusable::Key(signature::KeyError::NotForAlgorithm("EdDSA").into()),
            ),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": X, "kid": "k".repeat(257)}),
                Unusable::Key(KeyError::KidLength),
            ),
        ] {
            let text = jwk.to_string();
            assert_eq!(key(jwk).map(|_| ()), Err(error), "{text}");
        }
        let set =
            json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}, 7, {"kty": "OKP", "crv": "Ed25519", "x": X}]});
        assert_eq!(read(set.to_string().as_bytes()).unwrap().len(), 1);
        assert!(read(b"[]").is_err());
    }
}
