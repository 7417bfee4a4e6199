//! `[history]`: the application's table of messages, to be taken over from and to be written along to.

use charla_doctor::django::{Stored, StoredValue, Survey};

use super::application::{Dialect, shown_as};
use super::paper::{Paper, State, block, quoted};
use crate::words::import_django as say;

/// Writes both. What was said before can be read from every database; written along is in PostgreSQL alone.
pub(super) fn history(paper: &mut Paper<'_>, survey: &Survey, stored: &Stored, dialect: Dialect) {
    let query = backfill(survey, stored, dialect);
    if let Some(query) = &query {
        paper.section("history");
        paper.note(&say::history_before(paper.lang, &stored.model.table));
        paper.set("backfill", &block(query));
    }
    if dialect == Dialect::Postgres {
        insert(paper, stored, query.is_some());
    }
}

/// The column that holds it.
fn column(stored: &Stored, wanted: StoredValue) -> Option<&str> {
    let found = stored.columns.iter().find(|(_, value)| *value == wanted);
    found.map(|(column, _)| column.as_str())
}

/// The rows in the order of their times; none where a column that it needs was not found.
fn backfill(survey: &Survey, stored: &Stored, dialect: Dialect) -> Option<String> {
    let table = &stored.model;
    let chat = dialect.name(column(stored, StoredValue::Chat)?);
    let text = dialect.name(column(stored, StoredValue::Text)?);
    let sent_at = dialect.name(column(stored, StoredValue::SentAt)?);
    let author_column = column(stored, StoredValue::Author)?;
    let author = dialect.name(author_column);
    let own_name = column(stored, StoredValue::AuthorName).map(|name| dialect.name(name));
    let key = dialect.name(&table.key);
    let user = survey.entry.as_ref().map(|entry| &entry.user).filter(|user| {
        let field = table.field(author_column);
        field.is_some_and(|field| field.to.as_ref() == Some(&user.name))
    });
    let mut who = format!("m.{author} AS author");
    let mut join = String::new();
    if let Some(user) = user {
        let field = survey.settings.jwt().map(|jwt| jwt.user_id_field);
        let id = field.and_then(|field| user.column(&field)).unwrap_or(&user.key);
        if id != user.key {
            who = format!("u.{} AS author", dialect.name(id));
        }
        // A row whose author is gone stays in sight: left out, nobody would know.
        join = format!(
            "\nLEFT JOIN {} u ON u.{} = m.{author}",
            dialect.name(&user.table),
            dialect.name(&user.key)
        );
    }
    let name = match (own_name, user) {
        (Some(name), _) => format!(", m.{name} AS author_name"),
        (None, Some(user)) => format!(", u.{} AS author_name", dialect.name(shown_as(user))),
        (None, None) => String::new(),
    };
    Some(format!(
        "SELECT m.{key} AS id, m.{chat} AS chat, {who}{name}, m.{text} AS text, m.{sent_at} AS sent_at\n\
         FROM {} m{join}\nORDER BY m.{sent_at}, m.{key}\n",
        dialect.name(&table.table)
    ))
}

fn insert(paper: &mut Paper<'_>, stored: &Stored, has_section: bool) {
    let lang = paper.lang;
    let at = paper.place(&stored.at);
    if !has_section {
        paper.gap();
    }
    paper.note(&say::history(lang, &stored.model.table, &at));
    let mut values = Vec::new();
    for (column, value) in &stored.columns {
        let value = match value {
            StoredValue::Chat => ":chat".to_owned(),
            StoredValue::Author => ":author".to_owned(),
            StoredValue::AuthorName => ":author_name".to_owned(),
            StoredValue::Text => ":text".to_owned(),
            StoredValue::SentAt => ":sent_at".to_owned(),
            StoredValue::Unclear => {
                paper.ask(&say::history_column(lang, column));
                "NULL".to_owned()
            }
        };
        values.push((column.clone(), value));
    }
    if column(stored, StoredValue::Chat).is_none() || column(stored, StoredValue::Author).is_none() {
        paper.ask(&say::history_incomplete(lang));
    }
    let name = |text: &str| Dialect::Postgres.name(text);
    let columns: Vec<String> = values.iter().map(|(column, _)| name(column)).collect();
    let given: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
    let table = name(&stored.model.table);
    let insert = format!(
        "INSERT INTO {table} ({}) VALUES ({})",
        columns.join(", "),
        given.join(", ")
    );
    let key = if has_section {
        "insert"
    } else {
        "[history]\ninsert"
    };
    paper.idle(key, &quoted(&insert));
    paper.row(
        say::row_history(lang),
        State::Open,
        format!("{} ({at})", stored.model.table),
    );
}
