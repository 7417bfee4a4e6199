//! Built-in accounts: a password for a pair of tokens, a refresh token for the next pair.
//!
//! A refresh token works once. Used twice, somebody has a copy, and every token of that log-in's family ends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use charla_core::UserKey;
use charla_wire::{Cause, TenantId, Timestamp, UserId};
use secrecy::SecretString;

use super::identity::Refusal;
use super::issue::{Issued, Issuer};
use super::passwords::Passwords;
use super::verify::Verifier;
use crate::settings::AuthSettings;
use crate::store::{RefreshToken, Rotated, Store, User, UserChange, UserState};

/// Signs people in by password and refresh token.
pub struct Accounts {
    store: Arc<dyn Store>,
    verifier: Arc<Verifier>,
    passwords: Passwords,
    issuer: Issuer,
    enabled: bool,
    access_ttl: Duration,
    refresh_ttl: Duration,
}

/// What a sign-in or a refresh brings.
#[derive(Clone)]
pub struct TokenPair {
    /// Lets its user in, for minutes.
    pub access: String,
    /// Gets the next pair, once, for days.
    pub refresh: String,
    /// Whose they are.
    pub user: User,
}

impl Accounts {
    pub(super) fn new(
        settings: &AuthSettings,
        secret: &SecretString,
        store: Arc<dyn Store>,
        verifier: Arc<Verifier>,
    ) -> Self {
        Self {
            store,
            verifier,
            passwords: Passwords::new(),
            issuer: Issuer::new(secret),
            enabled: settings.accounts,
            access_ttl: settings.access_ttl,
            refresh_ttl: settings.refresh_ttl,
        }
    }

    /// Signs somebody in. Takes as long for a user that does not exist.
    ///
    /// # Errors
    /// `login_failed` without saying what was wrong, `user_blocked` after the right password,
    /// `rate_limited` when too many sign in at once, `not_found` where accounts are off; the store's.
    pub async fn login(
        &self,
        tenant: &TenantId,
        username: &str,
        password: SecretString,
        now: Timestamp,
    ) -> Result<TokenPair, Refusal> {
        self.check_enabled()?;
        let user = match UserId::parse(username) {
            Ok(user) => {
                let key = UserKey {
                    tenant: tenant.clone(),
                    user,
                };
                self.store.user(&key).await?
            }
            Err(_) => None,
        };
        let user = user.filter(|user| user.state != UserState::Deleted);
        let hash = user.as_ref().and_then(|user| user.password.clone());
        let right = self.passwords.verify(password, hash).await?;
        let Some(user) = user.filter(|_| right) else {
            return Err(Refusal::new(Cause::LoginFailed, "wrong user name or password"));
        };
        check_state(&user)?;
        let family = uuid::Uuid::new_v4().simple().to_string();
        let (pair, record) = self.pair(user, &family, now)?;
        self.store.put_refresh(record).await?;
        Ok(pair)
    }

    /// Spends a refresh token for the next pair.
    ///
    /// # Errors
    /// `refresh_invalid`, `refresh_reused` (the family is revoked then), `user_unknown`, `user_blocked`; the store's.
    pub async fn refresh(&self, token: &str, now: Timestamp) -> Result<TokenPair, Refusal> {
        self.check_enabled()?;
        let spent = self
            .verifier
            .verify_refresh(token, now)
            .await
            .map_err(as_refresh)?;
        let user = self.store.user(&spent.user).await?;
        let user = user.filter(|user| user.state != UserState::Deleted);
        let user = user.ok_or_else(|| Refusal::new(Cause::UserUnknown, "the token's user does not exist"))?;
        check_state(&user)?;
        if spent.issued_at < user.tokens_valid_from {
            return Err(Refusal::new(
                Cause::RefreshInvalid,
                "its user has signed out everywhere since",
            ));
        }
        let (pair, record) = self.pair(user, &spent.family, now)?;
        match self.store.rotate_refresh(&spent.jti, record).await? {
            Rotated::Next => Ok(pair),
            Rotated::Reused => {
                tracing::warn!(user = %spent.user, "a refresh token was used twice: its family is revoked");
                Err(Refusal::new(
                    Cause::RefreshReused,
                    "it was used before; sign in again",
                ))
            }
            Rotated::Refused => Err(Refusal::new(
                Cause::RefreshInvalid,
                "it is unknown, expired or revoked",
            )),
        }
    }

    /// A token that lets a user in for `ttl`, as the command line and the demo hand out.
    ///
    /// # Errors
    /// `internal_error` when signing fails.
    pub fn issue_access(&self, user: &User, ttl: Duration, now: Timestamp) -> Result<String, Refusal> {
        self.issuer.access(user, ttl, now).map(|issued| issued.token)
    }

    /// A pair of tokens without a password, as the demo hands out.
    ///
    /// # Errors
    /// The store's.
    pub async fn issue_pair(&self, user: User, now: Timestamp) -> Result<TokenPair, Refusal> {
        let family = uuid::Uuid::new_v4().simple().to_string();
        let (pair, record) = self.pair(user, &family, now)?;
        self.store.put_refresh(record).await?;
        Ok(pair)
    }

    /// A password's hash, for [`UserChange::password`].
    ///
    /// # Errors
    /// `bad_request` when it is empty or too long, `rate_limited` when too many are hashed at once.
    pub async fn hash_password(&self, password: SecretString) -> Result<String, Refusal> {
        self.passwords.hash(password).await
    }

    /// Gives an account another password and ends all its tokens; says whether there is such a user.
    ///
    /// # Errors
    /// As [`Self::hash_password`]; the store's.
    pub async fn set_password(
        &self,
        user: &UserKey,
        password: SecretString,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        let hash = self.passwords.hash(password).await?;
        self.end_tokens(user, Some(hash), now).await
    }

    /// Ends all tokens of a user made before now, refresh tokens too; says whether there is such a user.
    ///
    /// # Errors
    /// The store's.
    pub async fn sign_out_everywhere(&self, user: &UserKey, now: Timestamp) -> Result<bool, Refusal> {
        self.end_tokens(user, None, now).await
    }

    async fn end_tokens(
        &self,
        user: &UserKey,
        password: Option<String>,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        if self.store.user(user).await?.is_none() {
            return Ok(false);
        }
        // Tokens are dated in whole seconds: those of the current second are old, too.
        let next_second = (now.as_millis().div_euclid(1000) + 1) * 1000;
        let change = UserChange {
            password,
            tokens_valid_from: Some(Timestamp::from_millis(next_second)),
            ..UserChange::default()
        };
        self.store.put_user(user, change).await?;
        self.store.revoke_refresh(user).await?;
        Ok(true)
    }

    fn pair(&self, user: User, family: &str, now: Timestamp) -> Result<(TokenPair, RefreshToken), Refusal> {
        let access = self.issuer.access(&user, self.access_ttl, now)?.token;
        let Issued {
            token,
            jti,
            expires_at,
        } = self.issuer.refresh(&user, family, self.refresh_ttl, now)?;
        let record = RefreshToken {
            jti,
            family: family.to_owned(),
            user: user.key.clone(),
            expires_at,
        };
        let pair = TokenPair {
            access,
            refresh: token,
            user,
        };
        Ok((pair, record))
    }

    fn check_enabled(&self) -> Result<(), Refusal> {
        if self.enabled {
            return Ok(());
        }
        Err(Refusal::new(
            Cause::NotFound,
            "built-in accounts are off (auth.accounts)",
        ))
    }
}

/// Whether a user who is there may come in.
fn check_state(user: &User) -> Result<(), Refusal> {
    match user.state {
        UserState::Active => Ok(()),
        UserState::Blocked => Err(Refusal::new(Cause::UserBlocked, "this user is blocked")),
        UserState::Deleted => Err(Refusal::new(
            Cause::UserUnknown,
            "the token's user does not exist",
        )),
    }
}

/// A refresh token's refusals go by one cause: its bearer has to sign in again whatever it was.
fn as_refresh(refusal: Refusal) -> Refusal {
    Refusal::new(Cause::RefreshInvalid, refusal.detail)
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts")
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPair")
            .field("user", &self.user.key)
            .finish_non_exhaustive()
    }
}
