//! What Django knows of a credential: whether a token was taken back, and whose session a cookie is.
//!
//! Both are asked of the application, where the truth is; what it says of tokens counts for some seconds. An application
//! that is away is `authority_unavailable`, never a refusal.

use std::sync::Arc;

use charla_wire::{Cause, TenantId, Timestamp, UserId};
use secrecy::{ExposeSecret as _, SecretString};

use super::identity::{Identity, Refusal};
use super::verify::AuthSetupError;
use crate::application::{Application, ApplicationError, Query, Row, Value};
use crate::settings::{AuthSettings, DatabaseKind, DjangoSettings, KeyMaterial, SessionBackend};

use cache::Cache;
use tokens::Tokens;

mod cache;
mod known;
pub(super) mod pickle;
pub(super) mod signing;
mod tokens;

/// How long a session without an end of its own lets somebody stay: Django's `SESSION_COOKIE_AGE`.
const UNENDING: i64 = 14 * 24 * 3600 * 1000;
/// Letters of a session's key: Django makes 32.
const KEY_LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

const SESSION: &str = "SELECT session_data, expire_date FROM django_session WHERE session_key = :session";

/// The way to what Django knows.
pub(super) struct Django {
    application: Arc<Application>,
    tokens: Tokens,
    sessions: Option<Sessions>,
}

struct Sessions {
    backend: SessionBackend,
    cookie: String,
    cache: Option<Cache>,
    cache_prefix: String,
    by_key: Query,
    user: Query,
    /// `SECRET_KEY`, then what stands for its fallbacks.
    secrets: Vec<SecretString>,
}

/// A session that holds as far as it says itself.
struct Session {
    user: String,
    hash: String,
    expires_at: Timestamp,
}

impl Django {
    /// `None` where nothing is asked of Django.
    ///
    /// # Errors
    /// A setting that cannot be used.
    pub(super) fn open(
        settings: &AuthSettings,
        application: Option<&Arc<Application>>,
    ) -> Result<Option<Self>, AuthSetupError> {
        let django = &settings.django;
        let asks = django.blacklist || django.revoke_claim.is_some() || django.sessions.is_some();
        let Some(application) = application.filter(|_| asks) else {
            return Ok(None);
        };
        let kind = application.kind();
        let sessions = django
            .sessions
            .map(|backend| Sessions::new(backend, django, settings, kind));
        Ok(Some(Self {
            application: Arc::clone(application),
            tokens: Tokens::new(django, kind)?,
            sessions: sessions.transpose()?,
        }))
    }

    /// The name of the cookie that is a credential, if one is.
    pub(super) fn session_cookie(&self) -> Option<&str> {
        Some(self.sessions.as_ref()?.cookie.as_str())
    }

    /// Who bears a session's cookie. The tenant is not in it: the address names it.
    ///
    /// # Errors
    /// `session_invalid` and why; `authority_unavailable`.
    pub(super) async fn session(
        &self,
        tenant: Option<&TenantId>,
        key: &str,
        now: Timestamp,
    ) -> Result<Identity, Refusal> {
        let Some(sessions) = &self.sessions else {
            return Err(invalid("sessions are no credential here"));
        };
        if !KEY_LENGTH.contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(invalid("the cookie is no session's key"));
        }
        let session = match sessions.backend {
            SessionBackend::Database => self.in_database(sessions, tenant, key).await?,
            SessionBackend::Cache => sessions.in_cache(key, now).await?,
            SessionBackend::CachedDb => match sessions.in_cache(key, now).await {
                Ok(Some(session)) => Some(session),
                // As Django: what the cache does not have, or cannot say, the database has.
                Ok(None) | Err(_) => self.in_database(sessions, tenant, key).await?,
            },
        };
        let session =
            session.ok_or_else(|| invalid("there is no such session: it ended, or is another project's"))?;
        if session.expires_at <= now {
            return Err(invalid("the session has expired"));
        }
        let values = [("user", Value::Text(session.user.clone()))];
        let rows = self.ask(tenant, &sessions.user, &values).await?;
        let user = rows
            .first()
            .ok_or_else(|| invalid("the session's user is gone"))?;
        sessions.check_user(user, &session)?;
        let id = UserId::parse(&session.user);
        Ok(Identity {
            tenant: None,
            user: id.map_err(|error| invalid(&format!("the session's user {error}")))?,
            name: user
                .get("name")
                .and_then(Value::text)
                .filter(|name| !name.trim().is_empty()),
            role: None,
            issued_at: Some(now),
            expires_at: session.expires_at,
            jti: None,
            password_claim: None,
            session: true,
            builtin: false,
        })
    }

    async fn in_database(
        &self,
        sessions: &Sessions,
        tenant: Option<&TenantId>,
        key: &str,
    ) -> Result<Option<Session>, Refusal> {
        let values = [("session", Value::Text(key.to_owned()))];
        let rows = self.ask(tenant, &sessions.by_key, &values).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let (Some(signed), Some(expires_at)) = (
            row.get("session_data").and_then(Value::text),
            row.get("expire_date").and_then(Value::timestamp),
        ) else {
            return Err(invalid("the session's row cannot be read"));
        };
        let session = sessions
            .secrets
            .iter()
            .find_map(|secret| signing::session(&signed, secret.expose_secret()))
            .ok_or_else(|| {
                invalid("the session is not signed with the SECRET_KEY of `auth.django.secret`")
            })?;
        let text = |name: &str| Some(session.get(name)?.as_str()?.to_owned());
        Ok(Session::of(text, expires_at))
    }

    async fn ask(
        &self,
        tenant: Option<&TenantId>,
        query: &Query,
        values: &[(&str, Value)],
    ) -> Result<Vec<Row>, Refusal> {
        self.application
            .ask(tenant, query, values)
            .await
            .map_err(|error| {
                if error == ApplicationError::NoSchema {
                    return Refusal::new(Cause::TenantNotFound, "");
                }
                tracing::warn!(%error, "the application does not say whether a credential holds");
                Refusal::new(
                    Cause::AuthorityUnavailable,
                    "the application's database does not answer",
                )
            })
    }
}

impl Sessions {
    fn new(
        backend: SessionBackend,
        django: &DjangoSettings,
        auth: &AuthSettings,
        kind: DatabaseKind,
    ) -> Result<Self, AuthSetupError> {
        let cache = django
            .cache_url
            .as_ref()
            .map(|url| Cache::new(url, django).map_err(|error| AuthSetupError::Django(error.to_string())));
        // The keys beside it are the fallbacks: `SECRET_KEY_FALLBACKS` holds what SimpleJWT signed with before.
        let fallbacks = auth.keys.iter().filter_map(|key| match &key.material {
            KeyMaterial::Secret(secret) if key.tenant.is_none() => Some(secret.clone()),
            KeyMaterial::Secret(_) | KeyMaterial::PublicPem(_) => None,
        });
        Ok(Self {
            backend,
            cookie: django.session_cookie.clone(),
            cache: cache.transpose()?,
            cache_prefix: django.cache_prefix.trim_end_matches(':').to_owned(),
            by_key: query("auth.django.sessions", SESSION, kind, "session")?,
            user: query("auth.django.user_query", &django.user_query, kind, "user")?,
            secrets: django.secret.iter().cloned().chain(fallbacks).collect(),
        })
    }

    async fn in_cache(&self, key: &str, now: Timestamp) -> Result<Option<Session>, Refusal> {
        let Some(cache) = &self.cache else { return Ok(None) };
        let module = match self.backend {
            SessionBackend::CachedDb => "cached_db",
            SessionBackend::Cache | SessionBackend::Database => "cache",
        };
        let key = format!("{}:django.contrib.sessions.{module}{key}", self.cache_prefix);
        let kept = cache.get(&key).await.map_err(|ended| {
            let advice = cache::advice(&ended);
            tracing::warn!(%ended, advice, "the cache with Django's sessions does not answer");
            Refusal::new(
                Cause::AuthorityUnavailable,
                "the application's cache does not answer",
            )
        })?;
        let Some((pickled, left)) = kept else {
            return Ok(None);
        };
        let texts =
            pickle::texts(&pickled).ok_or_else(|| invalid("the session in the cache cannot be read"))?;
        let text = |wanted: &str| {
            let found = texts.iter().rev().find(|(name, _)| &**name == wanted);
            found.map(|(_, text)| text.to_string())
        };
        let left = if left < 0 { UNENDING } else { left };
        Ok(Session::of(text, now.plus_millis(left)))
    }

    /// Whether the user is active and has the password that the session was made with.
    fn check_user(&self, user: &Row, session: &Session) -> Result<(), Refusal> {
        if user.get("is_active").and_then(Value::truth) != Some(true) {
            return Err(Refusal::new(
                Cause::UserInactive,
                "the application's user is not active",
            ));
        }
        let password = user.get("password").and_then(Value::text).unwrap_or_default();
        let holds =
            |secret: &SecretString| signing::is_of_password(&session.hash, &password, secret.expose_secret());
        if !self.secrets.iter().any(holds) {
            return Err(invalid(
                "the password was changed since, or `auth.django.secret` is another SECRET_KEY",
            ));
        }
        Ok(())
    }
}

impl Session {
    /// `None`: nobody is signed in.
    fn of(text: impl Fn(&str) -> Option<String>, expires_at: Timestamp) -> Option<Self> {
        Some(Self {
            user: text("_auth_user_id")?,
            hash: text("_auth_user_hash")?,
            expires_at,
        })
    }
}

fn invalid(detail: &str) -> Refusal {
    Refusal::new(Cause::SessionInvalid, detail)
}

fn query(key: &str, text: &str, kind: DatabaseKind, name: &str) -> Result<Query, AuthSetupError> {
    Query::parse(text, kind, &[name]).map_err(|error| AuthSetupError::Django(format!("`{key}`: {error}")))
}
