//! From a token to an [`Identity`], or to the one cause that refuses it.
//!
//! Signature first: not a claim is read before it is good. Runs at each handshake, so keys
//! are parsed once, and only an unknown key id of a fetched key set ever waits for the network.

use std::sync::Arc;

use charla_wire::{TenantId, Timestamp, UserId};
use secrecy::{ExposeSecret as _, SecretString};

use super::claims::{Claims, Refresh, Rules};
use super::identity::{Identity, Refusal, quoted};
use super::jwks::{Jwks, JwksUrlError};
use super::jws::Compact;
use super::keys::{KeyError, KeyRing, Match, VerifyKey, warn_if_short};
use crate::settings::{AuthSettings, KeyMaterial, KeySettings};
use crate::store::StoreError;

/// The key id of the server's own secret.
pub const BUILTIN_KID: &str = "charla";

/// Why the server cannot start with these `[auth]` settings.
#[derive(Debug, thiserror::Error)]
pub enum AuthSetupError {
    /// A key cannot be used.
    #[error("{which}: {error}")]
    Key {
        /// Its place in the settings and its id.
        which: String,
        /// Why.
        error: KeyError,
    },
    /// The server's own secret cannot be used.
    #[error("auth.secret: {0}")]
    Secret(KeyError),
    /// Keys cannot be fetched from there.
    #[error("auth.jwks_url: {0}")]
    JwksUrl(JwksUrlError),
    /// The store holds secret and revocations, and does not answer.
    #[error("auth: {0}")]
    Store(StoreError),
    /// `[auth.django]` cannot be used.
    #[error("{0}")]
    Django(String),
    /// The machine gives no random bytes.
    #[error("auth: the machine gives no random bytes")]
    Random,
}

/// Verifies tokens by the keys that the settings name.
#[derive(Debug)]
pub struct Verifier {
    fixed: KeyRing,
    jwks: Option<Arc<Jwks>>,
    foreign: Rules,
    own: Rules,
}

impl Verifier {
    /// Reads all keys. `builtin_secret` signs the server's own tokens.
    ///
    /// # Errors
    /// [`AuthSetupError`] names the key or URL that cannot be used.
    pub fn new(settings: &AuthSettings, builtin_secret: &SecretString) -> Result<Self, AuthSetupError> {
        let jwks = match &settings.jwks_url {
            Some(url) => Some(Jwks::new(url, settings.jwks_max_age).map_err(AuthSetupError::JwksUrl)?),
            None => None,
        };
        if jwks.is_some() && settings.audience.is_none() {
            tracing::warn!(
                "auth.jwks_url without auth.audience: tokens made for other applications are accepted too"
            );
        }
        Self::with_jwks(settings, builtin_secret, jwks)
    }

    pub(super) fn with_jwks(
        settings: &AuthSettings,
        builtin_secret: &SecretString,
        jwks: Option<Jwks>,
    ) -> Result<Self, AuthSetupError> {
        let mut fixed = KeyRing::default();
        for (index, key) in settings.keys.iter().enumerate() {
            let added = VerifyKey::from_settings(key).and_then(|key| fixed.add(key));
            added.map_err(|error| AuthSetupError::Key {
                which: place(index, key),
                error,
            })?;
            if let KeyMaterial::Secret(secret) = &key.material {
                warn_if_short(&place(index, key), secret.expose_secret());
            }
        }
        // Last, so that the keys of others are tried first where a token names none.
        let builtin = VerifyKey::builtin(BUILTIN_KID, builtin_secret.expose_secret());
        let builtin = builtin.and_then(|key| fixed.add_fallback(key));
        builtin.map_err(AuthSetupError::Secret)?;
        Ok(Self {
            fixed,
            jwks: jwks.map(Arc::new),
            foreign: Rules::foreign(settings),
            own: Rules::own(settings),
        })
    }

    /// Starts fetching the key set, if one is configured, and goes on as long as the verifier lives.
    /// To be called within a runtime.
    pub fn keep_fresh(&self) {
        if let Some(jwks) = &self.jwks {
            Jwks::keep_fresh(jwks);
        }
    }

    /// Who bears this token.
    ///
    /// # Errors
    /// [`Refusal`]: one of the token causes, or `authority_unavailable` when a key set that would be needed cannot be had now.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, Refusal> {
        let (key, claims) = self.believed(token).await?;
        self.rules(&key).identity(&claims, key.signer(), now)
    }

    /// Whose token this is, if its signature is good, whatever else is wrong with it.
    pub(super) async fn bearer(&self, token: &str) -> Option<(Option<TenantId>, UserId)> {
        let (key, claims) = self.believed(token).await.ok()?;
        let rules = self.rules(&key);
        Some((
            rules.tenant(&claims, key.signer()).ok()?,
            rules.user(&claims).ok()?,
        ))
    }

    /// What a refresh token of this server claims, apart from what [`Identity`] holds: its family.
    pub(super) async fn verify_refresh(&self, token: &str, now: Timestamp) -> Result<Refresh, Refusal> {
        let (key, claims) = self.believed(token).await?;
        if !key.signer().builtin {
            return Err(Refusal::invalid("it was not issued here"));
        }
        self.own.refresh(&claims, now)
    }

    /// The key that signed it, and what it claims; none of the claims judged.
    async fn believed(&self, token: &str) -> Result<(Arc<VerifyKey>, Claims), Refusal> {
        let token = Compact::parse(token)?;
        let key = self.key_of(&token).await?;
        let claims = self.rules(&key).read(&token.payload)?;
        Ok((key, claims))
    }

    fn rules(&self, key: &VerifyKey) -> &Rules {
        if key.signer().builtin {
            &self.own
        } else {
            &self.foreign
        }
    }

    /// The key that verifies the signature.
    pub(super) async fn key_of(&self, token: &Compact<'_>) -> Result<Arc<VerifyKey>, Refusal> {
        let algorithm = token.algorithm()?;
        let kid = token.kid()?;
        let fixed = self.fixed.verify(token, kid, algorithm);
        let found = match (fixed, &self.jwks) {
            (found @ Match::Verified(_), _) | (found, None) => found,
            // A token without a key id always finds the server's own key, so the set is asked what it knows, no more.
            (Match::Refused(refusal), Some(jwks)) if jwks.fetched() => {
                match jwks.known(token, kid, algorithm) {
                    Match::NoKey => Match::Refused(refusal),
                    found @ (Match::Verified(_) | Match::Refused(_)) => found,
                }
            }
            (_, Some(jwks)) => jwks.verify(token, kid, algorithm).await,
        };
        match found {
            Match::Verified(key) => Ok(key),
            Match::Refused(refusal) => Err(refusal),
            Match::NoKey => Err(Refusal::invalid(match kid {
                Some(kid) => format!("no key has the id {}", quoted(kid)),
                None => "there is no key for tokens without a key id".to_owned(),
            })),
        }
    }
}

fn place(index: usize, key: &KeySettings) -> String {
    let number = index + 1;
    match &key.kid {
        Some(kid) => format!("auth.keys, number {number} (kid {})", quoted(kid)),
        None => format!("auth.keys, number {number} (no kid)"),
    }
}

#[cfg(test)]
mod tests;
