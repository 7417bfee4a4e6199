//! Keys that tokens may be signed with, each pinned to one algorithm, found by their id.
//!
//! A key knows its algorithm from where it was set, never from a token: so a public RSA key cannot be
//! used as an HMAC secret, and `none` names nothing.

use std::collections::HashMap;
use std::sync::Arc;

use charla_wire::TenantId;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use secrecy::ExposeSecret as _;

use super::claims::Signer;
use super::identity::{Refusal, quoted};
use super::jws::{Compact, KID_MAX, algorithm_name};
use crate::settings::{Algorithm, KeyMaterial, KeySettings};

/// NIST SP 800-131A: shorter ones are breakable.
const RSA_BITS_MIN: usize = 2048;
/// The longest that the verifier takes; beyond, a single check costs too much anyway.
const RSA_BITS_MAX: usize = 4096;
/// RFC 7518, 3.2: an HMAC key is at least as long as the hash.
const SECRET_BYTES_ADVISED: usize = 32;

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// HMAC needs a secret, not a PEM.
    #[error("{0} needs a secret, not a public key")]
    NeedsSecret(&'static str),
    /// RSA, ECDSA and EdDSA need a PEM, not a secret.
    #[error("{0} needs a public key in PEM, not a secret")]
    NeedsPublic(&'static str),
    /// A secret without a single byte.
    #[error("the secret is empty")]
    EmptySecret,
    /// A public key given as a secret: whoever knows it could sign.
    #[error("the secret is a PEM: a public key is no secret; set its algorithm to RS256, ES256 or EdDSA")]
    PemAsSecret,
    /// The private half has no place here.
    #[error("this is a private key; give the public one (`openssl pkey -in key.pem -pubout`)")]
    Private,
    /// A certificate has the key inside.
    #[error("this is a certificate; give its public key (`openssl x509 -in cert.pem -pubkey -noout`)")]
    Certificate,
    /// Not a key of the algorithm's kind.
    #[error("not a public key for {0}")]
    NotForAlgorithm(&'static str),
    /// An RSA key that is too short or too long.
    #[error("an RSA key of {0} bits; between {RSA_BITS_MIN} and {RSA_BITS_MAX} are accepted")]
    RsaSize(usize),
    /// A key id of more than [`KID_MAX`] bytes or none.
    #[error("the key id is empty or longer than {KID_MAX} bytes")]
    KidLength,
    /// The id is taken by another key of the same tenant.
    #[error("another key has the same id")]
    KidTwice,
}

/// One key, ready to verify.
pub(super) struct VerifyKey {
    kid: Option<Box<str>>,
    algorithm: Algorithm,
    tenant: Option<TenantId>,
    builtin: bool,
    decoding: DecodingKey,
}

/// Keys by their id.
#[derive(Debug, Default)]
pub(super) struct KeyRing {
    by_kid: HashMap<Box<str>, Vec<Arc<VerifyKey>>>,
    without_kid: Vec<Arc<VerifyKey>>,
}

/// What a ring makes of a token's signature.
#[derive(Debug)]
pub(super) enum Match {
    /// This key verifies it.
    Verified(Arc<VerifyKey>),
    /// There are keys by its id, and none verifies it.
    Refused(Refusal),
    /// There is no key by its id.
    NoKey,
}

impl VerifyKey {
    /// A key of the settings.
    pub(super) fn from_settings(settings: &KeySettings) -> Result<Self, KeyError> {
        if settings
            .kid
            .as_ref()
            .is_some_and(|kid| kid.is_empty() || kid.len() > KID_MAX)
        {
            return Err(KeyError::KidLength);
        }
        let decoding = match &settings.material {
            KeyMaterial::Secret(secret) => secret_key(settings.algorithm, secret.expose_secret())?,
            KeyMaterial::PublicPem(pem) => public_key(settings.algorithm, pem)?,
        };
        Ok(Self {
            kid: settings.kid.as_deref().map(Into::into),
            algorithm: settings.algorithm,
            tenant: settings.tenant.clone(),
            builtin: false,
            decoding,
        })
    }

    /// The server's own.
    pub(super) fn builtin(kid: &str, secret: &str) -> Result<Self, KeyError> {
        Ok(Self {
            kid: Some(kid.into()),
            algorithm: Algorithm::Hs256,
            tenant: None,
            builtin: true,
            decoding: secret_key(Algorithm::Hs256, secret)?,
        })
    }

    /// One out of a key set.
    pub(super) fn fetched(
        kid: Option<&str>,
        algorithm: Algorithm,
        decoding: DecodingKey,
    ) -> Result<Self, KeyError> {
        if kid.is_some_and(|kid| kid.is_empty() || kid.len() > KID_MAX) {
            return Err(KeyError::KidLength);
        }
        check(algorithm, &decoding)?;
        Ok(Self {
            kid: kid.map(Into::into),
            algorithm,
            tenant: None,
            builtin: false,
            decoding,
        })
    }

    pub(super) fn signer(&self) -> Signer<'_> {
        Signer {
            builtin: self.builtin,
            tenant: self.tenant.as_ref(),
        }
    }

    pub(super) fn name(&self) -> String {
        match &self.kid {
            Some(kid) => format!("key {}", quoted(kid)),
            None => "the key without an id".to_owned(),
        }
    }

    fn verifies(&self, token: &Compact<'_>) -> bool {
        let algorithm = jwt_algorithm(self.algorithm);
        jsonwebtoken::crypto::verify(
            token.signature,
            token.signed.as_bytes(),
            &self.decoding,
            algorithm,
        )
        .unwrap_or(false)
    }
}

impl std::fmt::Debug for VerifyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

impl KeyRing {
    /// Adds a key. Two tenants may use one id; each signs for itself.
    pub(super) fn add(&mut self, key: VerifyKey) -> Result<(), KeyError> {
        let Some(kid) = key.kid.clone() else {
            self.without_kid.push(Arc::new(key));
            return Ok(());
        };
        let same = self.by_kid.entry(kid).or_default();
        if same.iter().any(|other| other.tenant == key.tenant) {
            return Err(KeyError::KidTwice);
        }
        same.push(Arc::new(key));
        Ok(())
    }

    /// Lets a key serve tokens without an id too.
    pub(super) fn add_fallback(&mut self, key: VerifyKey) -> Result<(), KeyError> {
        self.without_kid.push(Arc::new(VerifyKey {
            kid: None,
            algorithm: key.algorithm,
            tenant: key.tenant.clone(),
            builtin: key.builtin,
            decoding: key.decoding.clone(),
        }));
        self.add(key)
    }

    pub(super) fn len(&self) -> usize {
        self.by_kid.values().map(Vec::len).sum::<usize>() + self.without_kid.len()
    }

    /// Verifies a token by the keys of its id.
    pub(super) fn verify(&self, token: &Compact<'_>, kid: Option<&str>, algorithm: Algorithm) -> Match {
        let keys = match kid {
            Some(kid) => self.by_kid.get(kid).map_or(&[][..], Vec::as_slice),
            None => &self.without_kid,
        };
        let Some(first) = keys.first() else {
            return Match::NoKey;
        };
        let mut tried = keys.iter().filter(|key| key.algorithm == algorithm).peekable();
        if tried.peek().is_none() {
            return Match::Refused(Refusal::invalid(format!(
                "signed with {}, {} is for {}",
                algorithm_name(algorithm),
                first.name(),
                algorithm_name(first.algorithm)
            )));
        }
        match tried.find(|key| key.verifies(token)) {
            Some(key) => Match::Verified(Arc::clone(key)),
            None if token.signature.is_empty() => Match::Refused(Refusal::invalid("the signature is empty")),
            None => Match::Refused(Refusal::invalid(format!(
                "the signature is not by {}",
                first.name()
            ))),
        }
    }
}

/// Says so when a secret is shorter than its hash; such a key can be guessed offline from one token.
pub(super) fn warn_if_short(setting: &str, secret: &str) {
    let bytes = secret.len();
    if bytes < SECRET_BYTES_ADVISED {
        tracing::warn!(
            setting,
            bytes,
            advised = SECRET_BYTES_ADVISED,
            "a token secret is so short that it can be guessed from one token"
        );
    }
}

pub(super) const fn jwt_algorithm(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::Hs256 => jsonwebtoken::Algorithm::HS256,
        Algorithm::Hs384 => jsonwebtoken::Algorithm::HS384,
        Algorithm::Hs512 => jsonwebtoken::Algorithm::HS512,
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
    }
}

fn secret_key(algorithm: Algorithm, secret: &str) -> Result<DecodingKey, KeyError> {
    match algorithm {
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {}
        Algorithm::Rs256 | Algorithm::Es256 | Algorithm::EdDsa => {
            return Err(KeyError::NeedsPublic(algorithm_name(algorithm)));
        }
    }
    if secret.is_empty() {
        return Err(KeyError::EmptySecret);
    }
    if secret.trim_start().starts_with("-----BEGIN ") {
        return Err(KeyError::PemAsSecret);
    }
    Ok(DecodingKey::from_secret(secret.as_bytes()))
}

fn public_key(algorithm: Algorithm, pem: &str) -> Result<DecodingKey, KeyError> {
    if pem.contains("PRIVATE KEY-----") {
        return Err(KeyError::Private);
    }
    if pem.contains("CERTIFICATE-----") {
        return Err(KeyError::Certificate);
    }
    let pem = pem.as_bytes();
    let parsed = match algorithm {
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
            return Err(KeyError::NeedsSecret(algorithm_name(algorithm)));
        }
        Algorithm::Rs256 => DecodingKey::from_rsa_pem(pem),
        Algorithm::Es256 => DecodingKey::from_ec_pem(pem),
        Algorithm::EdDsa => DecodingKey::from_ed_pem(pem),
    };
    let key = parsed.map_err(|_| KeyError::NotForAlgorithm(algorithm_name(algorithm)))?;
    check(algorithm, &key)?;
    Ok(key)
}

/// Whether a public key is sound, found out once and not at the first token.
fn check(algorithm: Algorithm, key: &DecodingKey) -> Result<(), KeyError> {
    let unfit = || KeyError::NotForAlgorithm(algorithm_name(algorithm));
    match algorithm {
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => Ok(()),
        Algorithm::Rs256 => {
            let bits = rsa_bits(key).ok_or_else(unfit)?;
            if (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
                Ok(())
            } else {
                Err(KeyError::RsaSize(bits))
            }
        }
        Algorithm::Es256 => probe(algorithm, key).ok_or_else(unfit),
        // The verifier reads 32 bytes without looking.
        Algorithm::EdDsa if key.try_get_as_bytes().is_ok_and(|bytes| bytes.len() == 32) => {
            probe(algorithm, key).ok_or_else(unfit)
        }
        Algorithm::EdDsa => Err(unfit()),
    }
}

/// Whether the verifier takes the key: a point on the curve, a family that fits.
fn probe(algorithm: Algorithm, key: &DecodingKey) -> Option<()> {
    (DEFAULT_PROVIDER.verifier_factory)(&jwt_algorithm(algorithm), key)
        .ok()
        .map(|_| ())
}

fn rsa_bits(key: &DecodingKey) -> Option<usize> {
    use jsonwebtoken::DecodingKeyKind::{RsaModulusExponent, SecretOrDer};
    let (modulus, exponent) = match key.kind() {
        RsaModulusExponent { n, e } => (n.clone(), e.clone()),
        SecretOrDer(der) => (DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key)(der).ok()?,
    };
    // An exponent of 1 signs everything; one beyond four bytes is nobody's.
    let exponent = exponent
        .iter()
        .try_fold(0_u32, |sum, &byte| Some(sum.checked_mul(256)? | u32::from(byte)))?;
    let modulus_is_odd = modulus.last().is_some_and(|byte| byte & 1 == 1);
    if exponent < 3 || exponent % 2 == 0 || !modulus_is_odd {
        return None;
    }
    let bytes = modulus.len() - modulus.iter().position(|&byte| byte != 0)?;
    let first = modulus.get(modulus.len() - bytes)?;
    Some(bytes * 8 - first.leading_zeros() as usize)
}
