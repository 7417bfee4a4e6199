//! Credentials made by a real Django: its sessions in every backend, and SimpleJWT's tokens with its blacklist.

use charla_server::settings::{Settings, load};
use serde_json::Value;

use crate::bus::{Program, free_port};
use crate::python;
use crate::serving::{Raw, Reply, Serving, with_parameter};

const SECRET: &str = "django-insecure-the-secret-key-of-this-project";
const OLDER: &str = "the key before it was changed, listed beside";
const PAGE: &str = "http://app.example.org";
const FROM_PAGE: &str = "Origin: http://app.example.org";

mod cached;
mod whole;

/// A project: its database, its cache, and what it made.
struct Site {
    folder: tempfile::TempDir,
    redis: Program,
    made: Value,
}

impl Site {
    fn make() -> Self {
        let port = free_port();
        Self::make_with(Program::start(
            "redis-server",
            port,
            &format!("--port {port} --save --appendonly no"),
        ))
    }

    fn make_with(redis: Program) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("db.sqlite3");
        let cache = format!("redis://127.0.0.1:{}/1", redis.port);
        let made = run("site.py", &[database.to_str().unwrap(), &cache, SECRET]);
        Self { folder, redis, made }
    }

    fn settings(&self, sessions: &str) -> Settings {
        let cache = format!("cache_url = \"redis://127.0.0.1:{}/1\"", self.redis.port);
        self.load(&self.toml(sessions, &cache))
    }

    fn toml(&self, sessions: &str, cache: &str) -> String {
        format!(
            "[server]\ndefault_tenant = \"demo\"\n[origins]\nallow = [\"{PAGE}\"]\n\
             [application]\ndatabase_url = \"sqlite://{}\"\n\
             [auth.django]\nblacklist = true\nsliding = true\nsessions = \"{sessions}\"\nsecret = \"{SECRET}\"\n\
             {cache}\n\
             [[auth.keys]]\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n\
             [[auth.keys]]\nkid = \"older\"\nalgorithm = \"HS256\"\nsecret = \"{OLDER}\"\n",
            self.folder.path().join("db.sqlite3").display(),
        )
    }

    fn load(&self, toml: &str) -> Settings {
        let file = self.folder.path().join("charla.toml");
        std::fs::write(&file, toml).unwrap();
        load(Some(&file), std::iter::empty(), &[]).unwrap().settings
    }

    async fn serve(&self, sessions: &str) -> Serving {
        serve(self.settings(sessions)).await
    }

    fn text(&self, name: &str) -> &str {
        self.made[name].as_str().unwrap()
    }
}

async fn serve(given: Settings) -> Serving {
    Serving::start_with(|settings| {
        settings.application = given.application;
        settings.auth = given.auth;
        settings.origins = given.origins;
        settings.server.default_tenant = given.server.default_tenant;
        settings.limits.refusals_per_minute = 0;
        settings.limits.refusals_per_minute_per_address = 0;
    })
    .await
}

/// Runs one of the scripts; what it made.
fn run(script: &str, arguments: &[&str]) -> Value {
    python::run(&format!("django_auth/{script}"), arguments)
}

/// What the preflight says to a cookie from a page.
async fn asked(serving: &Serving, session: &str, more: &[&str]) -> Reply {
    let cookie = format!("Cookie: csrftoken=x; sessionid={session}");
    let mut headers = vec![cookie.as_str()];
    headers.extend(more);
    serving.http("GET", "/ws/", &headers, b"").await
}

fn cause(reply: &Reply) -> String {
    reply.json()["cause"].as_str().unwrap_or("ok").to_owned()
}

#[tokio::test]
async fn sessions_of_every_backend_are_credentials() {
    let site = Site::make();
    for (backend, good) in [
        ("database", &["db", "long_db", "older_key"][..]),
        ("cache", &["cache", "long_cache"]),
        ("cached_db", &["cached_db", "forgotten_cached_db"]),
    ] {
        let serving = site.serve(backend).await;
        for name in good {
            let reply = asked(&serving, site.text(name), &[FROM_PAGE]).await;
            assert_eq!(
                reply.json()["user"]["id"],
                site.made["user"],
                "{name}: {}",
                reply.json()
            );
            assert_eq!(reply.json()["user"]["name"], "ana", "{name}");
        }
    }
}

#[tokio::test]
async fn a_session_that_does_not_hold_is_refused_with_its_cause() {
    let site = Site::make();
    let serving = site.serve("database").await;
    for (name, expected) in [
        ("expired", "session_invalid"),
        ("logged_out", "session_invalid"),
        ("other_project", "session_invalid"),
        ("tampered", "session_invalid"),
        ("anonymous", "session_invalid"),
        ("password_changed", "session_invalid"),
        ("inactive", "user_inactive"),
        ("cache", "session_invalid"),
    ] {
        let reply = asked(&serving, site.text(name), &[FROM_PAGE]).await;
        assert_eq!(cause(&reply), expected, "{name}: {}", reply.json());
    }
    let reply = asked(&serving, "'; DROP TABLE django_session", &[FROM_PAGE]).await;
    assert_eq!(cause(&reply), "session_invalid");
}

#[tokio::test]
async fn a_cookie_counts_only_from_pages_that_are_named() {
    let site = Site::make();
    let given = site.settings("database");
    let serving = Serving::start_with(|settings| {
        settings.application = given.application;
        settings.auth = given.auth;
        settings.server.default_tenant = given.server.default_tenant;
        // For tokens, any page and any program will do.
        settings.origins.allow = vec!["*".into()];
    })
    .await;
    let session = site.text("db");
    let own = format!("Origin: http://{}", serving.address);
    for (headers, expected) in [
        (vec![], "origin_forbidden"),
        (vec!["Origin: http://evil.example.org"], "origin_forbidden"),
        (vec!["Sec-Fetch-Site: cross-site"], "origin_forbidden"),
        (vec![own.as_str()], "ok"),
        // A page's own `fetch` by GET has no Origin; a page cannot say this word itself.
        (vec!["Sec-Fetch-Site: same-origin"], "ok"),
    ] {
        let reply = asked(&serving, session, &headers).await;
        assert_eq!(cause(&reply), expected, "{headers:?}");
    }
    let cookie = format!("Cookie: sessionid={session}");
    let its_own = "Origin: http://localhost".to_owned();
    for (origin, opens) in [(None, false), (Some(its_own), true)] {
        let mut raw = Raw::open(serving.address).await;
        let mut headers = vec![cookie.as_str(), "Sec-WebSocket-Protocol: charla.v1"];
        headers.extend(origin.as_deref());
        raw.upgrade("/ws/", &headers).await;
        match raw.hear().await {
            Ok(welcome) => assert!(opens && welcome["type"] == "welcome", "{welcome}"),
            Err((code, reason)) => assert!(!opens && code == 4403, "{code} {reason}"),
        }
    }
    let me = serving.http("GET", "/api/v1/me", &[&cookie, &own], b"").await;
    assert_eq!(me.status, 200, "{}", me.json());
}

#[tokio::test]
async fn tokens_of_the_real_library_are_taken_and_its_blacklist_is_honoured() {
    let site = Site::make();
    let serving = site.serve("database").await;
    for (name, expected) in [
        ("access", "ok"),
        ("access_numbered", "ok"),
        ("sliding", "ok"),
        ("sliding_blacklisted", "token_revoked"),
        ("refresh", "token_invalid"),
    ] {
        let path = with_parameter("/ws/", "token", site.text(name));
        let reply = serving.http("GET", &path, &[], b"").await;
        assert_eq!(cause(&reply), expected, "{name}: {}", reply.json());
        if expected == "ok" {
            assert_eq!(reply.json()["user"]["id"], site.made["user"], "{name}");
        }
    }
    // Away is not refused: nobody is told to sign in again because a disk is full.
    std::fs::remove_file(site.folder.path().join("db.sqlite3")).unwrap();
    let path = with_parameter("/ws/", "token", site.text("access_numbered"));
    drop(serving);
    let serving = site.serve("database").await;
    let reply = serving.http("GET", &path, &[], b"").await;
    assert_eq!(cause(&reply), "authority_unavailable", "{}", reply.json());
}
