//! `[auth]`: whose tokens and sessions are believed, and where the keys come from. Never a key itself.

use charla_doctor::django::{Jwt, Origin, Secret, SecretKind, Survey, Value};

use super::application;
use super::paper::{Paper, State, quoted};
use crate::words::import_django as say;

/// The variable for Django's key where the settings name none.
const VARIABLE: &str = "DJANGO_SECRET_KEY";
/// The public key of tokens.
pub(super) const PUBLIC_KEY: &str = "/etc/charla/jwt-public.pem";
/// The password of the cache with the sessions.
const CACHE_PASSWORD: &str = "/etc/charla/cache-password";
/// Who may have signed its certificate.
const CACHE_CA: &str = "/etc/charla/cache-ca.pem";
/// What SimpleJWT calls the claim where the settings do not.
const REVOKE_CLAIM: &str = "hash_password";
const BLACKLIST: &str = "rest_framework_simplejwt.token_blacklist";

pub(super) fn auth(paper: &mut Paper<'_>, survey: &Survey) {
    let lang = paper.lang;
    let settings = &survey.settings;
    let jwt = settings.jwt();
    paper.section("auth");
    paper.note(&say::accounts_theirs(lang));
    paper.set("accounts", "false");
    if let Some(jwt) = &jwt {
        let at = paper.place(settings.at("SIMPLE_JWT").unwrap_or_default());
        if jwt.leeway_s > 0.0 {
            paper.note(&say::from_setting(lang, "SIMPLE_JWT[\"LEEWAY\"]", &at));
            paper.set("leeway", &format!("\"{}s\"", jwt.leeway_s.ceil()));
        }
        if let Some(issuer) = &jwt.issuer {
            paper.note(&say::from_setting(lang, "SIMPLE_JWT[\"ISSUER\"]", &at));
            paper.set("issuer", &quoted(issuer));
        }
        match jwt.audience.as_slice() {
            [] => {}
            [audience] => {
                paper.note(&say::from_setting(lang, "SIMPLE_JWT[\"AUDIENCE\"]", &at));
                paper.set("audience", &quoted(audience));
            }
            [first, ..] => {
                paper.ask(&say::audiences(lang, &at));
                paper.set("audience", &quoted(first));
            }
        }
        let url = settings
            .get("SIMPLE_JWT")
            .and_then(|given| given.get("JWK_URL"))
            .and_then(Value::text);
        if let Some(url) = url {
            paper.note(&say::from_setting(lang, "SIMPLE_JWT[\"JWK_URL\"]", &at));
            paper.set("jwks_url", &quoted(&url));
        }
    }
    for (name, at) in survey.asks.tokens.iter().filter(|(name, _)| name != "token") {
        let at = paper.place(at);
        paper.ask(&say::token_elsewhere(lang, name, at));
    }
    claims(paper, survey, jwt.as_ref());
    key(paper, survey, jwt.as_ref());
    django(paper, survey);
}

fn claims(paper: &mut Paper<'_>, survey: &Survey, jwt: Option<&Jwt>) {
    let lang = paper.lang;
    let user = jwt
        .map(|jwt| jwt.user_id_claim.as_str())
        .filter(|claim| *claim != "user_id");
    let tenant = survey.asks.tenant_claim.as_ref();
    if user.is_none() && tenant.is_none() {
        return;
    }
    paper.section("auth.claims");
    if let Some(user) = user {
        let at = paper.place(survey.settings.at("SIMPLE_JWT").unwrap_or_default());
        paper.note(&say::from_setting(lang, "SIMPLE_JWT[\"USER_ID_CLAIM\"]", &at));
        paper.set("user", &quoted(user));
    }
    if let Some((claim, at)) = tenant {
        let at = paper.place(at);
        paper.note(&say::claim_read(lang, at));
        paper.set("tenant", &quoted(claim));
    }
}

fn secret(survey: &Survey, kind: SecretKind) -> Option<&Secret> {
    survey.secrets.iter().find(|secret| secret.kind == kind)
}

fn key(paper: &mut Paper<'_>, survey: &Survey, jwt: Option<&Jwt>) {
    let lang = paper.lang;
    let what = say::row_tokens(lang);
    let Some(jwt) = jwt else {
        if survey.asks.session.is_some() && survey.asks.tokens.is_empty() {
            return;
        }
        paper.gap();
        paper.ask(&say::no_simplejwt(lang));
        paper.idle(
            "[[auth.keys]]\nalgorithm",
            &format!("\"HS256\"\nsecret_env = \"{VARIABLE}\""),
        );
        paper.row(what, State::Open, say::nothing_found(lang));
        return;
    };
    paper.row(what.clone(), State::Found, jwt.algorithm.clone());
    match jwt.algorithm.as_str() {
        "HS256" | "HS384" | "HS512" => {
            paper.entry("auth.keys");
            let given = secret(survey, SecretKind::Signing).or_else(|| secret(survey, SecretKind::Django));
            let variable = told(paper, given);
            paper.set("algorithm", &quoted(&jwt.algorithm));
            paper.set("secret_env", &quoted(&variable));
        }
        "RS256" | "ES256" => {
            paper.entry("auth.keys");
            let given = secret(survey, SecretKind::Verifying);
            let at = paper.place(given.map(|given| given.at.as_str()).unwrap_or_default());
            paper.note(&say::public_key(lang, PUBLIC_KEY, &at));
            paper.files.push((PUBLIC_KEY, say::holds_public_key(lang)));
            paper.set("algorithm", &quoted(&jwt.algorithm));
            paper.set("public_key_file", &quoted(PUBLIC_KEY));
        }
        other => {
            paper.gap();
            paper.ask(&say::algorithm_unknown(lang, other));
        }
    }
}

/// Says where a shared key comes from, and what to do where it stands in the file; the variable that hands it over.
fn told(paper: &mut Paper<'_>, given: Option<&Secret>) -> String {
    let lang = paper.lang;
    let Some(given) = given else {
        paper.ask(&say::key_unknown(lang, VARIABLE));
        paper
            .variables
            .push((VARIABLE.into(), "settings.SECRET_KEY".into()));
        return VARIABLE.into();
    };
    let at = paper.place(&given.at);
    let python = match given.kind {
        SecretKind::Signing => "settings.SIMPLE_JWT['SIGNING_KEY']",
        SecretKind::Verifying
        | SecretKind::Django
        | SecretKind::Database
        | SecretKind::LayerHosts
        | SecretKind::LayerKeys => "settings.SECRET_KEY",
    };
    let variable = match &given.origin {
        Origin::Variable(variable) => {
            paper.note(&say::key_variable(lang, &given.setting, variable, &at));
            variable.clone()
        }
        Origin::Literal => {
            paper.note(&say::key_literal(lang, &given.setting, &at, VARIABLE));
            VARIABLE.to_owned()
        }
        Origin::Elsewhere => {
            paper.note(&say::key_elsewhere(lang, &given.setting, &at, VARIABLE));
            VARIABLE.to_owned()
        }
    };
    paper.variables.push((variable.clone(), python.into()));
    variable
}

/// `[auth.django]`: the blacklist, and Django's sessions.
fn django(paper: &mut Paper<'_>, survey: &Survey) {
    let lang = paper.lang;
    let settings = &survey.settings;
    let apps = settings.seen().apps;
    let blacklist = apps.iter().any(|app| app.starts_with(BLACKLIST));
    let session = survey.asks.session.as_ref();
    let revoke = settings
        .get("SIMPLE_JWT")
        .and_then(|given| given.get("CHECK_REVOKE_TOKEN"));
    let revoke = revoke.filter(|revoke| matches!(revoke, Value::Bool(true) | Value::Unknown(_)));
    if !blacklist && session.is_none() && revoke.is_none() {
        return;
    }
    paper.section("auth.django");
    if blacklist {
        let at = paper.place(settings.at("INSTALLED_APPS").unwrap_or_default());
        paper.note(&say::blacklist(lang, &at));
        paper.set("blacklist", "true");
        paper.row(say::row_blacklist(lang), State::Found, at);
    }
    if let Some(revoke) = revoke {
        revoked(paper, survey, revoke);
    }
    if (session.is_some() || revoke.is_some())
        && let Some(query) = application::user_query(survey)
    {
        paper.note(&say::user_query(lang));
        paper.set("user_query", &quoted(&query));
    }
    if let Some((stack, at)) = session {
        let at = paper.place(at);
        paper.note(&say::sessions(lang, stack, &at));
        sessions(paper, survey);
    }
}

/// Tokens that end with the password.
fn revoked(paper: &mut Paper<'_>, survey: &Survey, revoke: &Value) {
    let lang = paper.lang;
    let settings = &survey.settings;
    let at = paper.place(settings.at("SIMPLE_JWT").unwrap_or_default());
    let claim = settings
        .get("SIMPLE_JWT")
        .and_then(|given| given.get("REVOKE_TOKEN_CLAIM"));
    let claim = claim.and_then(Value::text).unwrap_or_else(|| REVOKE_CLAIM.into());
    if let Some(unknown) = revoke.unknown() {
        let needs = unknown
            .needs
            .clone()
            .unwrap_or_else(|| "CHECK_REVOKE_TOKEN".into());
        paper.ask(&say::revoke_unknown(lang, at, needs));
        paper.idle("revoke_claim", &quoted(&claim));
    } else {
        paper.note(&say::from_setting(
            lang,
            "SIMPLE_JWT[\"CHECK_REVOKE_TOKEN\"]",
            &at,
        ));
        paper.set("revoke_claim", &quoted(&claim));
    }
}

fn sessions(paper: &mut Paper<'_>, survey: &Survey) {
    let lang = paper.lang;
    let settings = &survey.settings;
    let engine = settings
        .text("SESSION_ENGINE")
        .unwrap_or_else(|| "django.contrib.sessions.backends.db".into());
    let kind = match engine.rsplit('.').next().unwrap_or_default() {
        "db" => "database",
        "cache" => "cache",
        "cached_db" => "cached_db",
        _ => {
            paper.ask(&say::sessions_unknown(lang, &engine));
            paper.idle("sessions", "\"database\"");
            paper.row(say::row_sessions(lang), State::Open, engine);
            return;
        }
    };
    paper.set("sessions", &quoted(kind));
    paper.row(say::row_sessions(lang), State::Found, kind);
    if let Some(cookie) = settings
        .text("SESSION_COOKIE_NAME")
        .filter(|name| name != "sessionid")
    {
        paper.set("session_cookie", &quoted(&cookie));
    }
    if kind != "database" {
        cache(paper, survey);
    }
    let variable = told(paper, secret(survey, SecretKind::Django));
    paper.set("secret_env", &quoted(&variable));
}

/// The cache that sessions are kept in.
fn cache(paper: &mut Paper<'_>, survey: &Survey) {
    let lang = paper.lang;
    let settings = &survey.settings;
    let alias = settings
        .text("SESSION_CACHE_ALIAS")
        .unwrap_or_else(|| "default".into());
    let at = paper.place(settings.at("CACHES").unwrap_or_default());
    let given = settings.get("CACHES").and_then(|caches| caches.get(&alias));
    let text = |name: &str| given.and_then(|given| given.get(name)).and_then(Value::text);
    let location = given.and_then(|given| given.get("LOCATION"));
    let url = location.and_then(|location| location.text().or_else(|| location.list()?.first()?.text()));
    let redis = text("BACKEND").is_some_and(|backend| backend.to_lowercase().contains("redis"));
    match url.filter(|url| redis && url.contains("://")) {
        Some(url) => {
            let (shown, password) = super::bridge::without_password(&url);
            paper.note(&say::cache_at(lang, &alias, &at));
            paper.set("cache_url", &quoted(&shown));
            // Django's own backend hands `password` on to its client, django-redis `PASSWORD`.
            let option = |name: &str| given.is_some_and(|given| given.at(&["OPTIONS", name]).is_some());
            if password || option("password") || option("PASSWORD") {
                paper.note(&say::cache_password(lang, CACHE_PASSWORD));
                paper.set("cache_password_file", &quoted(CACHE_PASSWORD));
                paper
                    .files
                    .push((CACHE_PASSWORD, say::holds_cache_password(lang)));
            }
            if shown.starts_with("rediss://") {
                paper.note(&say::cache_authority(lang));
                paper.idle("cache_ca_file", &quoted(CACHE_CA));
            }
        }
        None => {
            paper.ask(&say::cache_unknown(lang, &alias, &at));
            paper.idle("cache_url", "\"redis://127.0.0.1:6379/1\"");
        }
    }
    let prefix = text("KEY_PREFIX").unwrap_or_default();
    let version = text("VERSION").unwrap_or_else(|| "1".into());
    let prefix = format!("{prefix}:{version}:");
    if prefix != ":1:" {
        paper.set("cache_prefix", &quoted(&prefix));
    }
}
