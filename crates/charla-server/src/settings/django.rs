//! `[auth.django]`: what Django knows of tokens and sessions.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

use super::Loaded;
use super::problem::{Fault, Problem};

/// Where Django keeps its sessions: `SESSION_ENGINE` without what stands before the last dot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionBackend {
    /// In `django_session`.
    Database,
    /// In Redis.
    Cache,
    /// In Redis, and in `django_session` for what is not there.
    CachedDb,
}

/// The address of a Redis, which may have a password in it: for people without it.
#[derive(Clone)]
pub struct CacheUrl(SecretString);

impl CacheUrl {
    /// Takes an address as it is; whoever opens it judges it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned().into())
    }

    /// The whole address.
    #[must_use]
    pub const fn text(&self) -> &SecretString {
        &self.0
    }

    /// The address as people may see it.
    #[must_use]
    pub fn shown(&self) -> String {
        let text = self.0.expose_secret();
        match (text.split_once("://"), text.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, place))) => format!("{scheme}://(hidden)@{place}"),
            (_, None) => text.to_owned(),
            (None, Some(_)) => "(hidden)".to_owned(),
        }
    }
}

impl fmt::Debug for CacheUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

/// `[auth.django]`
#[derive(Debug, Clone)]
pub struct DjangoSettings {
    /// Whether SimpleJWT's `token_blacklist` is asked for each token's `jti`.
    pub blacklist: bool,
    /// Whether sliding tokens are taken as access tokens are.
    pub sliding: bool,
    /// Whose cookie is a credential; `None`: no cookie is looked at.
    pub sessions: Option<SessionBackend>,
    /// `SESSION_COOKIE_NAME`.
    pub session_cookie: String,
    /// The Redis of the cache.
    pub cache_url: Option<CacheUrl>,
    /// What stands before each of the cache's keys: `KEY_PREFIX`, a colon, `VERSION`.
    pub cache_prefix: String,
    /// The user behind a session.
    pub user_query: String,
    /// Django's `SECRET_KEY`.
    pub secret: Option<SecretString>,
}

impl Default for DjangoSettings {
    fn default() -> Self {
        Self {
            blacklist: false,
            sliding: false,
            sessions: None,
            session_cookie: "sessionid".into(),
            cache_url: None,
            cache_prefix: ":1".into(),
            user_query: "SELECT password, is_active, username AS name FROM auth_user WHERE id = :user".into(),
            secret: None,
        }
    }
}

/// What is asked needs somebody to ask.
pub(super) fn check(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let (django, application) = (&loaded.settings.auth.django, &loaded.settings.application);
    let mut needs = |key: &str, is_set: bool, any: &[&str]| {
        if !is_set {
            let fault = Fault::Needs {
                key: key.to_owned(),
                any: any.iter().map(|&key| key.to_owned()).collect(),
            };
            problems.push(Problem::new(&loaded.place(key), fault));
        }
    };
    let database = application.database_url.is_some();
    if django.blacklist {
        needs("auth.django.blacklist", database, &["application.database_url"]);
    }
    let Some(backend) = django.sessions else { return };
    // The user's password and whether it is active are asked for whatever keeps the sessions.
    needs("auth.django.sessions", database, &["application.database_url"]);
    needs(
        "auth.django.sessions",
        django.secret.is_some(),
        &[
            "auth.django.secret",
            "auth.django.secret_file",
            "auth.django.secret_env",
        ],
    );
    if backend != SessionBackend::Database {
        needs(
            "auth.django.sessions",
            django.cache_url.is_some(),
            &["auth.django.cache_url"],
        );
    }
}
