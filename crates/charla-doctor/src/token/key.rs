//! Keys that a token's signature is tried against.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, crypto};

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
    Pem(Vec<u8>),
}

/// Why a text is no key to verify with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing in it.
    #[error("the key is empty")]
    Empty,
    /// The private half: signatures are verified with the public one.
    #[error("this is a private key; give the public one (`openssl pkey -in key.pem -pubout`)")]
    Private,
    /// A certificate has the key inside.
    #[error("this is a certificate; give its public key (`openssl x509 -in cert.pem -pubkey -noout`)")]
    Certificate,
}

impl Key {
    /// A public key in PEM, or else a shared secret; line ends after it are not part of it.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot verify anything.
    pub fn parse(text: &str, from: impl Into<String>) -> Result<Self, KeyError> {
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        let material = if text.contains("-----BEGIN ") {
            if text.contains("PRIVATE KEY-----") {
                return Err(KeyError::Private);
            }
            if text.contains("BEGIN CERTIFICATE-----") {
                return Err(KeyError::Certificate);
            }
            Material::Pem(text.as_bytes().to_vec())
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

    /// Whether it verifies what was signed; none when it is of another kind than the algorithm.
    fn verifies(&self, signed: &str, signature: &str, algorithm: Algorithm, name: &str) -> Option<bool> {
        if self.algorithm.as_deref().is_some_and(|pinned| pinned != name) {
            return None;
        }
        let key = match (&self.material, algorithm.family()) {
            (Material::Secret(secret), AlgorithmFamily::Hmac) => Ok(DecodingKey::from_secret(secret)),
            (Material::Pem(pem), AlgorithmFamily::Rsa) => DecodingKey::from_rsa_pem(pem),
            (Material::Pem(pem), AlgorithmFamily::Ec) => DecodingKey::from_ec_pem(pem),
            (Material::Pem(pem), AlgorithmFamily::Ed) => DecodingKey::from_ed_pem(pem),
            (Material::Secret(_), AlgorithmFamily::Rsa | AlgorithmFamily::Ec | AlgorithmFamily::Ed)
            | (Material::Pem(_), AlgorithmFamily::Hmac) => Err(ErrorKind::InvalidKeyFormat.into()),
        };
        crypto::verify(signature, signed.as_bytes(), &key.ok()?, algorithm).ok()
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
    let Ok(algorithm) = name.parse::<Algorithm>() else {
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
    let mut wrong = None;
    for key in &meant {
        match key.verifies(signed, signature, algorithm, name) {
            Some(true) => return (KeyCheck::Right, Some(key.from.clone())),
            Some(false) => wrong = wrong.or_else(|| Some(key.from.clone())),
            None => {}
        }
    }
    match (wrong, meant.first()) {
        (Some(from), _) => (KeyCheck::Wrong, Some(from)),
        (None, Some(key)) => (KeyCheck::WrongAlgorithm, Some(key.from.clone())),
        (None, None) => (KeyCheck::NoKey, None),
    }
}
