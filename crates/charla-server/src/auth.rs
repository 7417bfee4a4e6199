//! Who is there: tokens verified, built-in accounts, tickets and keys of back ends.
//!
//! [`Auth`] holds one of each. What a token says is an [`Identity`]; whether that person may enter is
//! decided elsewhere, by the store's standing of the user.

use std::sync::{Arc, OnceLock};

use charla_wire::{Cause, TenantId, Timestamp, UserId};
use secrecy::{ExposeSecret as _, SecretString};

use crate::application::Application;
use crate::clock::Clock;
use crate::settings::AuthSettings;
use crate::store::Store;

mod accounts;
mod api_key;
mod claims;
mod django;
pub(crate) mod foreign;
mod identity;
mod inspect;
mod issue;
mod jwks;
mod jws;
mod keys;
mod passwords;
mod revoked;
mod secret;
mod tickets;
mod verify;

pub use accounts::{Accounts, TokenPair};
pub use api_key::{API_KEY_PREFIX, ApiKeys};
pub use identity::{Identity, Refusal};
pub use inspect::{Check, Inspection, Outcome, inspect};
pub use jwks::JwksUrlError;
pub use keys::KeyError;
pub use revoked::Revoked;
pub use tickets::{TICKET_LIFE, TicketGrant, Tickets};
pub use verify::{AuthSetupError, BUILTIN_KID, Verifier};

/// The name under which the store keeps the server's signing secret.
const SECRET_NAME: &str = "auth.secret";

/// Everything that proves who somebody is.
pub struct Auth {
    /// Tokens.
    pub verifier: Arc<Verifier>,
    /// Built-in accounts.
    pub accounts: Accounts,
    /// Tokens taken back.
    pub revoked: Arc<Revoked>,
    /// One-time tickets.
    pub tickets: Tickets,
    /// Keys of back ends.
    pub api_keys: ApiKeys,
    django: OnceLock<django::Django>,
    clock: Clock,
}

impl Auth {
    /// Reads keys, secret and revocations, and starts what keeps them fresh; that ends when `Auth` is dropped.
    ///
    /// # Errors
    /// [`AuthSetupError`] names the setting that cannot be used.
    pub async fn start(
        settings: &AuthSettings,
        store: Arc<dyn Store>,
        clock: Clock,
    ) -> Result<Arc<Self>, AuthSetupError> {
        let secret = signing_secret(settings, &*store).await?;
        let verifier = Arc::new(Verifier::new(settings, &secret)?);
        let revoked = Revoked::load(Arc::clone(&store), Arc::clone(&clock)).await;
        let revoked = Arc::new(revoked.map_err(AuthSetupError::Store)?);
        verifier.keep_fresh();
        Revoked::keep_fresh(&revoked);
        Ok(Arc::new(Self {
            accounts: Accounts::new(settings, &secret, Arc::clone(&store), Arc::clone(&verifier)),
            verifier,
            revoked,
            tickets: Tickets::new(Arc::clone(&store)),
            api_keys: ApiKeys::new(store),
            django: OnceLock::new(),
            clock,
        }))
    }

    /// Has Django asked for what it alone knows, where the settings say so. Once, before anybody comes.
    ///
    /// # Errors
    /// A setting that cannot be used.
    pub fn ask_django(
        &self,
        settings: &AuthSettings,
        application: Option<&Arc<Application>>,
    ) -> Result<(), AuthSetupError> {
        if let Some(django) = django::Django::open(settings, application)? {
            let _ = self.django.set(django);
        }
        Ok(())
    }

    /// The name of the cookie that is a credential, if one is.
    pub(crate) fn session_cookie(&self) -> Option<&str> {
        self.django.get()?.session_cookie()
    }

    /// Who bears a session's cookie, in the tenant that the address names.
    ///
    /// # Errors
    /// `session_invalid`, `user_inactive`, `authority_unavailable`.
    pub(crate) async fn session(&self, tenant: Option<&TenantId>, key: &str) -> Result<Identity, Refusal> {
        let django = self.django.get();
        let django =
            django.ok_or_else(|| Refusal::new(Cause::TokenMissing, "sessions are no credential here"))?;
        // On the heap: few ask the application, and whoever does not shall not hold the room for its answer.
        Box::pin(django.session(tenant, key, (self.clock)())).await
    }

    /// Whether the identity's token has been taken back, here or by the application.
    ///
    /// # Errors
    /// `token_revoked`; of an application that ends tokens with the password, `user_unknown` and `user_inactive`;
    /// `authority_unavailable`.
    pub async fn check_taken_back(&self, identity: &Identity, tenant: &TenantId) -> Result<(), Refusal> {
        self.check_revoked(identity, tenant)?;
        match self.django.get() {
            Some(django) if !identity.builtin => Box::pin(django.check_token(identity, tenant)).await,
            Some(_) | None => Ok(()),
        }
    }

    /// Who bears this token. Where the token names its tenant, a revoked one is refused here already; where
    /// the address does, [`Self::check_taken_back`] has to follow.
    ///
    /// # Errors
    /// As [`Verifier::verify`], and `token_revoked`.
    pub async fn verify(&self, token: &str) -> Result<Identity, Refusal> {
        let identity = self.verifier.verify(token, (self.clock)()).await?;
        if let Some(tenant) = &identity.tenant {
            self.check_revoked(&identity, tenant)?;
        }
        Ok(identity)
    }

    /// Whose token this is, for people to see, if its signature is good: an expired one, say. It proves nothing.
    pub(crate) async fn bearer(&self, token: &str) -> Option<(Option<TenantId>, UserId)> {
        self.verifier.bearer(token).await
    }

    /// Whether the identity's token has been taken back.
    ///
    /// # Errors
    /// `token_revoked`.
    pub fn check_revoked(&self, identity: &Identity, tenant: &TenantId) -> Result<(), Refusal> {
        let revoked = |jti: &String| self.revoked.is_revoked(tenant, jti);
        if identity.jti.as_ref().is_some_and(revoked) {
            return Err(Refusal::new(Cause::TokenRevoked, "this token was revoked"));
        }
        Ok(())
    }

    /// The time by the clock that tokens are judged by.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth")
            .field("accounts", &self.accounts)
            .finish_non_exhaustive()
    }
}

/// The secret that the server signs with: the configured one, else one made the first time and kept.
async fn signing_secret(settings: &AuthSettings, store: &dyn Store) -> Result<SecretString, AuthSetupError> {
    if let Some(secret) = &settings.secret {
        keys::warn_if_short("auth.secret", secret.expose_secret());
        return Ok(secret.clone());
    }
    let fresh = secret::Secret::random().ok_or(AuthSetupError::Random)?;
    let kept = store.keep(SECRET_NAME, fresh.as_str()).await;
    Ok(kept.map_err(AuthSetupError::Store)?.into())
}
