//! `[application]` and `[authority]`: the application's own database, and who may enter.

use std::fmt::Write as _;

use charla_doctor::django::{Database, Entry, Model, Survey, sql_name};

use super::history;
use super::paper::{Paper, State, block, quoted};
use super::tenancy::Tenancy;
use crate::words::import_django as say;

/// The file with the password of the application's database.
pub(super) const PASSWORD: &str = "/etc/charla/app-db-password";

/// Which SQL the database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    Mysql,
    Sqlite,
}

impl Dialect {
    pub(super) fn of(database: &Database) -> Option<Self> {
        if database.is_sqlite() {
            Some(Self::Sqlite)
        } else if database.is_postgres() || database.engine.contains("django_tenants") {
            Some(Self::Postgres)
        } else if database.engine.contains("mysql") {
            Some(Self::Mysql)
        } else {
            None
        }
    }

    pub(super) fn name(self, name: &str) -> String {
        self.own(&sql_name(name))
    }

    /// SQL of which only the quotes around names are not this dialect's.
    fn own(self, sql: &str) -> String {
        match self {
            Self::Postgres | Self::Sqlite => sql.to_owned(),
            // What stands between single quotes is text.
            Self::Mysql => sql
                .split('\'')
                .enumerate()
                .map(|(at, part)| {
                    if at % 2 == 0 {
                        part.replace('"', "`")
                    } else {
                        part.to_owned()
                    }
                })
                .collect::<Vec<_>>()
                .join("'"),
        }
    }
}

/// Writes all three.
pub(super) fn application(paper: &mut Paper<'_>, survey: &Survey, tenancy: &Tenancy) {
    let lang = paper.lang;
    let what = say::row_database(lang);
    let at = paper.place(survey.settings.at("DATABASES").unwrap_or_default());
    let known = survey
        .settings
        .database()
        .filter(|database| !database.name.is_empty());
    let found = known.and_then(|database| {
        let dialect = Dialect::of(&database)?;
        Some((url(paper, survey, &database, dialect), database, dialect))
    });
    paper.section("application");
    match &found {
        Some((url, database, dialect)) => {
            paper.note(&say::database_read(lang, &at));
            paper.set("database_url", &quoted(url));
            if !database.password.is_empty() || password_unknown(survey) {
                paper.note(&say::database_password(lang, PASSWORD));
                paper.set("password_file", &quoted(PASSWORD));
                paper.files.push((PASSWORD, say::holds_database_password(lang)));
            }
            if *tenancy == Tenancy::Schemas && *dialect == Dialect::Postgres {
                paper.note(&say::schema_each(lang));
                paper.set("schema", "\"{tenant}\"");
            }
            paper.row(what, State::Found, format!("{url} ({at})"));
        }
        None => {
            let needs = survey
                .settings
                .get("DATABASES")
                .and_then(|value| value.unknown().cloned());
            let needs = needs
                .and_then(|unknown| unknown.needs)
                .unwrap_or_else(|| "DATABASES".into());
            paper.ask(&say::database_unknown(lang, &at, needs));
            paper.idle("database_url", "\"postgres://charla@127.0.0.1/app\"");
            paper.idle("password_file", &quoted(PASSWORD));
            if *tenancy == Tenancy::Schemas {
                paper.note(&say::schema_each(lang));
                paper.idle("schema", "\"{tenant}\"");
            }
            paper.row(what, State::Open, at);
        }
    }
    authority(paper, survey, found.as_ref().map(|(_, _, dialect)| *dialect));
    if let (Some((_, _, dialect)), Some(stored)) = (found, &survey.stored) {
        history::history(paper, survey, stored, dialect);
    }
}

fn password_unknown(survey: &Survey) -> bool {
    let given = survey
        .settings
        .get("DATABASES")
        .and_then(|all| all.at(&["default", "PASSWORD"]));
    given.is_some_and(|given| given.unknown().is_some())
}

/// The address without its password.
fn url(paper: &mut Paper<'_>, survey: &Survey, database: &Database, dialect: Dialect) -> String {
    if dialect == Dialect::Sqlite {
        let path = std::path::Path::new(&database.name);
        let path = if path.is_absolute() {
            path.to_owned()
        } else {
            survey.settings.root().join(path)
        };
        return format!("sqlite://{}", path.display());
    }
    let scheme = if dialect == Dialect::Mysql {
        "mysql"
    } else {
        "postgres"
    };
    let encoded = |text: &str| {
        let mut out = String::new();
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                out.push(char::from(byte));
            } else {
                // Writing to a string does not fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    };
    let user = if database.user.is_empty() {
        paper.questions += 1;
        "charla".to_owned()
    } else {
        encoded(&database.user)
    };
    let port = if database.port.is_empty() {
        String::new()
    } else {
        format!(":{}", database.port)
    };
    let name = encoded(&database.name);
    if database.host.starts_with('/') && dialect == Dialect::Postgres {
        return format!("{scheme}://{user}@/{name}?host={}", database.host);
    }
    let host = if database.host.is_empty() {
        "127.0.0.1"
    } else {
        &database.host
    };
    format!("{scheme}://{user}@{host}{port}/{name}")
}

fn authority(paper: &mut Paper<'_>, survey: &Survey, dialect: Option<Dialect>) {
    let lang = paper.lang;
    let what = say::row_authority(lang);
    paper.section("authority");
    let Some(entry) = &survey.entry else {
        paper.ask(&say::authority_unknown(lang));
        http(paper);
        paper.row(what, State::Open, say::nothing_found(lang));
        return;
    };
    let at = paper.place(&entry.at);
    paper.note(&say::authority_chat(
        lang,
        &entry.chat.name,
        &entry.chat.table,
        &at,
    ));
    let place = entry.condition_at.as_ref().map(|at| paper.place(at));
    match (&entry.condition, &place) {
        (Some(_), Some(place)) => paper.note(&say::authority_proposal(lang, place)),
        _ => paper.ask(&say::authority_open(lang)),
    }
    for unclear in &entry.unclear {
        let unclear = paper.place(unclear);
        paper.ask(&say::authority_unclear(lang, unclear));
    }
    let state = if entry.condition.is_some() && entry.unclear.is_empty() && dialect.is_some() {
        State::Found
    } else {
        State::Open
    };
    paper.row(what, state, place.unwrap_or(at));
    let field = survey.settings.jwt().map(|jwt| jwt.user_id_field);
    let query = query(
        entry,
        dialect.unwrap_or(Dialect::Postgres),
        field.as_deref().unwrap_or("id"),
    );
    if dialect.is_some() {
        paper.set("kind", "\"sql\"");
        paper.set("query", &block(&query));
    } else {
        paper.ask(&say::authority_without_database(lang));
        paper.idle("kind", "\"sql\"");
        paper.idle("query", &block(&query));
    }
}

fn http(paper: &mut Paper<'_>) {
    paper.idle("kind", "\"http\"");
    paper.idle("url", "\"http://127.0.0.1:8000/internal/charla/authority/\"");
    paper.idle("secret_env", "\"CHARLA_AUTHORITY_SECRET\"");
}

/// The query: one row when the user is there, with the chat where there is one.
fn query(entry: &Entry, dialect: Dialect, user_field: &str) -> String {
    let (user, chat) = (&entry.user, &entry.chat);
    let chat_key = dialect.name(&chat.key);
    let user_key = dialect.name(user_key(user, user_field));
    let condition = dialect.own(entry.condition.as_deref().unwrap_or("FALSE"));
    let mut out = format!(
        "SELECT c.{chat_key} IS NOT NULL AS chat_exists,\n       COALESCE({condition}, FALSE) AS allowed,\n"
    );
    // Writing to a string does not fail.
    let _ = match &entry.staff {
        Some(staff) => writeln!(
            out,
            "       CASE WHEN {} THEN 'agent' ELSE 'member' END AS role,",
            dialect.own(staff)
        ),
        None => writeln!(out, "       'member' AS role,"),
    };
    let _ = writeln!(out, "       u.{} AS name,", dialect.name(shown_as(user)));
    let title = ["title", "titulo", "asunto", "subject", "nombre", "name"];
    if let Some(column) = title.iter().find_map(|name| chat.column(name)) {
        let _ = writeln!(out, "       c.{} AS title,", dialect.name(column));
    }
    let _ = writeln!(out, "       c.{chat_key} AS chat,");
    let _ = writeln!(out, "       u.{user_key} AS {}", dialect.name("user"));
    let _ = writeln!(out, "FROM {} u", dialect.name(&user.table));
    let _ = writeln!(
        out,
        "LEFT JOIN {} c ON c.{chat_key} = :chat",
        dialect.name(&chat.table)
    );
    let active = if user.field("is_active").is_some() {
        " AND u.is_active"
    } else {
        ""
    };
    let _ = writeln!(out, "WHERE u.{user_key} = :user{active}");
    out
}

/// The column of the id that credentials carry.
fn user_key<'m>(user: &'m Model, field: &str) -> &'m str {
    user.column(field).unwrap_or(&user.key)
}

/// `auth.django.user_query` where the model of the users is not Django's own.
pub(super) fn user_query(survey: &Survey) -> Option<String> {
    let user = &survey.entry.as_ref()?.user;
    if user.table == "auth_user" {
        return None;
    }
    let database = survey.settings.database();
    let dialect = database
        .and_then(|database| Dialect::of(&database))
        .unwrap_or(Dialect::Postgres);
    let field = survey.settings.jwt().map(|jwt| jwt.user_id_field);
    let key = dialect.name(user_key(user, field.as_deref().unwrap_or("id")));
    let (name, table) = (dialect.name(shown_as(user)), dialect.name(&user.table));
    let active = match user.field("is_active") {
        Some(field) => dialect.name(&field.column),
        None => "TRUE AS is_active".into(),
    };
    Some(format!(
        "SELECT password, {active}, {name} AS name FROM {table} WHERE {key} = :user"
    ))
}

/// The column that people know a user by.
pub(super) fn shown_as(user: &Model) -> &str {
    let names = ["username", "nombre", "name", "full_name", "email"];
    names
        .iter()
        .find_map(|name| user.column(name))
        .unwrap_or(&user.key)
}
