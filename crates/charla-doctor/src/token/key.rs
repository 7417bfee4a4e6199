//! Keys that a token's signature is tried against.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use charla_trust::signature::{Algorithm, Family, KeyError, VerifyingKey, only_public};

use crate::evidence::KeyCheck;

/// A key, and where it came from. Has no `Debug`: it is a secret.
#[derive(Clone)]
pub struct Key {
    from: String,
    id: Option<String>,
    /// The one algorithm that whoever holds the key accepts, where that is known.
    algorithm: Option<String>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Secret(Vec<u8>),
    Pem(String),
}

impl Key {
    /// A public key in PEM, or else a shared secret; line ends after it are not part of it.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot verify anything.
    pub fn parse(text: &str, from: impl Into<String>) -> Result<Self, KeyError> {
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(KeyError::EmptySecret);
        }
        let material = if text.contains("-----BEGIN ") {
            only_public(text)?;
            Material::Pem(text.to_owned())
        } else {
            Material::Secret(text.as_bytes().to_vec())
        };
        Ok(Self {
            from: from.into(),
            id: None,
            algorithm: None,
            material,
        })
    }

    /// The same, for one algorithm only.
    #[must_use]
    pub fn with_algorithm(mut self, algorithm: Option<String>) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// The same, with a key id.
    #[must_use]
    pub fn with_id(mut self, id: Option<String>) -> Self {
        self.id = id;
        self
    }

    /// What it says of a signature; none when that cannot be known.
    fn check(&self, signed: &str, signature: &[u8], algorithm: Algorithm) -> Option<KeyCheck> {
        if self
            .algorithm
            .as_deref()
            .is_some_and(|pinned| pinned != algorithm.name())
        {
            return Some(KeyCheck::WrongAlgorithm);
        }
        let key = match (&self.material, algorithm.family()) {
            (Material::Secret(secret), Family::Secret) => VerifyingKey::from_secret(algorithm, secret),
            (Material::Pem(pem), Family::Rsa | Family::Ec | Family::Ed) => {
                VerifyingKey::from_pem(algorithm, pem)
            }
            (Material::Secret(_), Family::Rsa | Family::Ec | Family::Ed)
            | (Material::Pem(_), Family::Secret) => return Some(KeyCheck::WrongAlgorithm),
        };
        match key {
            Ok(key) if key.verifies(signed.as_bytes(), signature) => Some(KeyCheck::Right),
            Ok(_) => Some(KeyCheck::Wrong),
            // Applications take keys of lengths that are not verified here: what they would say is not known.
            Err(KeyError::RsaSize(_)) => None,
            Err(_) => Some(KeyCheck::WrongAlgorithm),
        }
    }
}

/// A token's signature against every key that may be meant, and where the key came from that decided.
pub(super) fn check(
    token: &str,
    algorithm: Option<&str>,
    id: Option<&str>,
    keys: &[Key],
) -> (KeyCheck, Option<String>) {
    let name = algorithm.unwrap_or("none");
    if name.eq_ignore_ascii_case("none") {
        return (KeyCheck::WrongAlgorithm, keys.first().map(|key| key.from.clone()));
    }
    let Some((signed, signature)) = token.rsplit_once('.') else {
        return (KeyCheck::NoKey, None);
    };
    let (Some(algorithm), Ok(signature)) = (Algorithm::named(name), URL_SAFE_NO_PAD.decode(signature)) else {
        // ES512, ES256K: nothing here verifies those.
        return (KeyCheck::NoKey, None);
    };
    let by_id: Vec<&Key> = keys
        .iter()
        .filter(|key| id.is_some() && key.id.as_deref() == id)
        .collect();
    let meant: Vec<&Key> = if by_id.is_empty() {
        keys.iter().collect()
    } else {
        by_id
    };
    let mut found = (KeyCheck::NoKey, None);
    for key in meant {
        let Some(check) = key.check(signed, &signature, algorithm) else {
            continue;
        };
        let from = || Some(key.from.clone());
        match (check, found.0) {
            (KeyCheck::Right, _) => return (check, from()),
            (KeyCheck::Wrong, KeyCheck::NoKey | KeyCheck::WrongAlgorithm)
            | (KeyCheck::WrongAlgorithm, KeyCheck::NoKey) => found = (check, from()),
            (KeyCheck::NoKey | KeyCheck::Wrong | KeyCheck::WrongAlgorithm, _) => {}
        }
    }
    found
}
