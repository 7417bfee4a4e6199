//! `[auth.django]`: what Django knows of tokens and sessions.

use std::path::PathBuf;

use secrecy::SecretString;

use super::problem::{Fault, Problem};
use super::{Loaded, RedisUrl};

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

/// `[auth.django]`
#[derive(Debug, Clone)]
pub struct DjangoSettings {
    /// Whether SimpleJWT's `token_blacklist` is asked for each token's `jti`.
    pub blacklist: bool,
    /// The claim that ends a token with the password it was made with; `None`: not looked at.
    pub revoke_claim: Option<String>,
    /// Whether sliding tokens are taken as access tokens are.
    pub sliding: bool,
    /// Whose cookie is a credential; `None`: no cookie is looked at.
    pub sessions: Option<SessionBackend>,
    /// `SESSION_COOKIE_NAME`.
    pub session_cookie: String,
    /// The Redis of the cache.
    pub cache_url: Option<RedisUrl>,
    /// The file with the password for it, read at the start.
    pub cache_password_file: Option<PathBuf>,
    /// Authorities in PEM that may have signed its certificate, besides those that browsers believe.
    pub cache_ca_file: Option<PathBuf>,
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
            revoke_claim: None,
            sliding: false,
            sessions: None,
            session_cookie: "sessionid".into(),
            cache_url: None,
            cache_password_file: None,
            cache_ca_file: None,
            cache_prefix: ":1".into(),
            user_query: "SELECT password, is_active, username AS name FROM auth_user WHERE id = :user".into(),
            secret: None,
        }
    }
}

/// What is asked needs somebody to ask.
pub(super) fn check(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let (django, application) = (&loaded.settings.auth.django, &loaded.settings.application);
    let cache = django.cache_url.as_ref();
    let tls = cache.is_some_and(|cache| cache.url.is_tls());
    for (key, is_set, useful, without) in [
        (
            "auth.django.cache_password_file",
            django.cache_password_file.is_some(),
            cache.is_some(),
            "redis or rediss",
        ),
        (
            "auth.django.cache_ca_file",
            django.cache_ca_file.is_some(),
            tls,
            "rediss",
        ),
    ] {
        if is_set && !useful {
            let url = "auth.django.cache_url";
            problems.push(Problem::new(
                &loaded.place(key),
                Fault::Idle { key, url, without },
            ));
        }
    }
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
    if django.revoke_claim.is_some() {
        needs(
            "auth.django.revoke_claim",
            database,
            &["application.database_url"],
        );
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
