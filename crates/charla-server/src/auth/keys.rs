//! Keys that tokens may be signed with, each pinned to one algorithm, found by their id.
//!
//! A key knows its algorithm from where it was set, never from a token: so a public RSA key cannot be
//! used as an HMAC secret, and `none` names nothing.

use std::collections::HashMap;
use std::sync::Arc;

use charla_trust::signature::{self, VerifyingKey};
use charla_wire::TenantId;
use secrecy::ExposeSecret as _;

use super::claims::Signer;
use super::identity::{Refusal, quoted};
use super::jws::{Compact, KID_MAX, algorithm_name};
use crate::settings::{Algorithm, KeyMaterial, KeySettings};

/// RFC 7518, 3.2: an HMAC key is at least as long as the hash.
const SECRET_BYTES_ADVISED: usize = 32;

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Its material is none for its algorithm.
    #[error(transparent)]
    Material(#[from] signature::KeyError),
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
    verifying: VerifyingKey,
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
        let algorithm = named(settings.algorithm);
        let verifying = match &settings.material {
            KeyMaterial::Secret(secret) => {
                VerifyingKey::from_secret(algorithm, secret.expose_secret().as_bytes())?
            }
            KeyMaterial::PublicPem(pem) => VerifyingKey::from_pem(algorithm, pem)?,
        };
        Ok(Self {
            kid: settings.kid.as_deref().map(Into::into),
            algorithm: settings.algorithm,
            tenant: settings.tenant.clone(),
            builtin: false,
            verifying,
        })
    }

    /// The server's own.
    pub(super) fn builtin(kid: &str, secret: &str) -> Result<Self, KeyError> {
        Ok(Self {
            kid: Some(kid.into()),
            algorithm: Algorithm::Hs256,
            tenant: None,
            builtin: true,
            verifying: VerifyingKey::from_secret(named(Algorithm::Hs256), secret.as_bytes())?,
        })
    }

    /// One out of a key set.
    pub(super) fn fetched(
        kid: Option<&str>,
        algorithm: Algorithm,
        verifying: VerifyingKey,
    ) -> Result<Self, KeyError> {
        if kid.is_some_and(|kid| kid.is_empty() || kid.len() > KID_MAX) {
            return Err(KeyError::KidLength);
        }
        Ok(Self {
            kid: kid.map(Into::into),
            algorithm,
            tenant: None,
            builtin: false,
            verifying,
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
        self.verifying.verifies(token.signed.as_bytes(), &token.signature)
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
            verifying: key.verifying.clone(),
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

/// By its name among all that there are.
pub(super) const fn named(algorithm: Algorithm) -> signature::Algorithm {
    match algorithm {
        Algorithm::Hs256 => signature::Algorithm::Hs256,
        Algorithm::Hs384 => signature::Algorithm::Hs384,
        Algorithm::Hs512 => signature::Algorithm::Hs512,
        Algorithm::Rs256 => signature::Algorithm::Rs256,
        Algorithm::Es256 => signature::Algorithm::Es256,
        Algorithm::EdDsa => signature::Algorithm::EdDsa,
    }
}
