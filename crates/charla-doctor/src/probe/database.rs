//! Chat, user and membership, where the application keeps them: PostgreSQL or SQLite, the store of Charla, Django's tables,
//! or whatever the given queries say.
//!
//! Nothing is written: PostgreSQL is asked in one read-only transaction that is rolled back, a SQLite file is opened read-only
//! and never made. No password gets into what is returned.

mod layout;
mod lookup;
mod postgres;
mod queries;
mod sqlite;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio::time::timeout;

use crate::evidence::{DatabaseFault, DatabaseSeen, Skipped};
use crate::text::both;

/// The longest id that is looked up, in bytes.
const ID_MAX: usize = 200;

/// What is looked for, and where. Has no `Debug`: the address may hold a password.
#[derive(Clone, Default)]
pub struct Sought {
    /// `postgres://`, `sqlite://`, a path; or libpq's `host=... dbname=...`.
    pub url: String,
    /// How that became known.
    pub from: String,
    /// The chat's id, as it stands in the path.
    pub chat: Option<String>,
    /// The user's id, as the token has it.
    pub user: Option<String>,
    /// The tenant: a schema of PostgreSQL, or a tenant of Charla.
    pub tenant: Option<String>,
    /// The host that was asked for: django-tenants finds its tenant by it.
    pub host: Option<String>,
    /// SQL that gives a row when the chat exists (`:chat`, `:tenant`, `:user`).
    pub chat_query: Option<String>,
    /// SQL that gives a row when the user may enter (`:chat`, `:tenant`, `:user`).
    pub member_query: Option<String>,
    /// What Django's settings say, when it is Django's database.
    pub django: Option<DjangoDatabase>,
}

/// What Django's settings say of the database.
#[derive(Debug, Clone, Default)]
pub struct DjangoDatabase {
    /// `AUTH_USER_MODEL`: `auth.User` by default.
    pub user_model: Option<String>,
    /// The engine is django-tenants': one schema a tenant.
    pub tenants: bool,
}

/// Looks, within a time.
///
/// # Errors
/// [`Skipped`] for a database that is none of these.
pub async fn look(sought: &Sought, within: Duration) -> Result<DatabaseSeen, Skipped> {
    let mut sought = sought.clone();
    for id in [&mut sought.chat, &mut sought.user, &mut sought.tenant] {
        // What PostgreSQL cannot hold, nobody is called.
        *id = id.take().filter(|id| id.len() <= ID_MAX && !id.contains('\0'));
    }
    let mut seen = DatabaseSeen {
        from: sought.from.clone(),
        ..DatabaseSeen::default()
    };
    let place = place(&sought.url)?;
    let looked = match &place {
        Place::Postgres(config) => {
            seen.url = postgres::shown(config);
            bounded(within, postgres::look(config, &sought, seen.clone(), within)).await
        }
        Place::Sqlite(path) => {
            seen.url = format!("sqlite://{}", path.display());
            bounded(within, sqlite::look(path.clone(), sought.clone(), seen.clone())).await
        }
    };
    Ok(looked.unwrap_or_else(|(fault, words)| DatabaseSeen {
        unreachable: matches!(
            fault,
            DatabaseFault::Unreachable | DatabaseFault::Silent | DatabaseFault::Starting
        ),
        error: Some(words),
        fault: Some(fault),
        ..seen
    }))
}

/// Why it failed, in kind and in the driver's words.
type Failed = (DatabaseFault, String);

async fn bounded(
    within: Duration,
    looking: impl Future<Output = Result<DatabaseSeen, Failed>>,
) -> Result<DatabaseSeen, Failed> {
    let millis = within.as_millis();
    let silent = || (DatabaseFault::Silent, format!("no answer within {millis} ms"));
    timeout(within, looking).await.unwrap_or_else(|_| Err(silent()))
}

enum Place {
    Postgres(Box<tokio_postgres::Config>),
    Sqlite(PathBuf),
}

fn place(url: &str) -> Result<Place, Skipped> {
    let url = url.trim();
    let skipped = |what: String, why| Skipped {
        what: both!("the database ({what})", "la base de datos ({what})"),
        why,
        try_this: None,
    };
    // As settings and people write it, without an authority that a file does not have.
    if let Some(path) = url.strip_prefix("sqlite:").filter(|path| !path.starts_with("//")) {
        return Ok(Place::Sqlite(path.into()));
    }
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    // Django's database URLs name their driver: postgresql+psycopg, postgis.
    let (scheme, _) = scheme.split_once('+').unwrap_or((scheme, ""));
    match scheme.to_ascii_lowercase().as_str() {
        "postgres" | "postgresql" | "postgis" | "pgsql" | "psql" => postgres_place(url),
        "sqlite" | "sqlite3" | "file" => {
            let (_, path) = url.split_once("://").unwrap_or_default();
            let path = path.split('?').next().unwrap_or(path);
            let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
            // Django's sqlite:////srv/db.sqlite3 has one slash more than a path needs.
            let path = path
                .strip_prefix('/')
                .filter(|rest| rest.starts_with('/'))
                .map_or(path.clone(), str::to_owned);
            Ok(Place::Sqlite(PathBuf::from(path)))
        }
        "" if url.contains("dbname=") || url.contains("host=") => postgres_place(url),
        "" if !url.is_empty() => Ok(Place::Sqlite(PathBuf::from(url))),
        other => Err(skipped(
            other.to_owned(),
            both!(
                "only PostgreSQL and SQLite are read; give the facts with your own client",
                "solo se leen PostgreSQL y SQLite; míralo con tu propio cliente",
            ),
        )),
    }
}

fn postgres_place(url: &str) -> Result<Place, Skipped> {
    let plain = url
        .split_once("://")
        .map_or(url.to_owned(), |(_, rest)| format!("postgres://{rest}"));
    match plain.parse() {
        Ok(config) => Ok(Place::Postgres(Box::new(config))),
        Err(_) => Err(Skipped {
            what: both!("the database", "la base de datos"),
            why: both!(
                "its address is none that PostgreSQL's drivers understand",
                "su dirección no es de las que entienden los controladores de PostgreSQL",
            ),
            try_this: Some("--database postgres://user:password@127.0.0.1:5432/name".into()),
        }),
    }
}
