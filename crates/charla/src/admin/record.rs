//! What the store keeps, as records for programs and as tables for people.

use std::io;

use charla_core::Stored;
use charla_server::store::{ApiKey, Chat, InboxLine, Member, Tenant, User};
use serde_json::{Value, json};

use crate::screen::{Screen, plain};
use crate::words;

/// How many letters of a key's hash are its id: enough that two never meet.
const KEY_ID_LETTERS: usize = 12;

pub(super) fn tenant(tenant: &Tenant) -> Value {
    json!({"id": tenant.id, "name": tenant.name, "created_at": tenant.created_at})
}

pub(super) fn user(user: &User) -> Value {
    json!({
        "id": user.key.user,
        "name": &*user.name,
        "role": user.role.as_str(),
        "state": user.state.as_str(),
        "has_password": user.password.is_some(),
        "created_at": user.created_at,
    })
}

pub(super) fn chat(chat: &Chat) -> Value {
    let closed = chat.closed.as_ref().map(|closed| {
        json!({"by": {"id": closed.by.id, "name": &*closed.by.name}, "at": closed.at, "reason": closed.reason})
    });
    json!({
        "chat": chat.key.chat,
        "title": &*chat.title,
        "state": if chat.closed.is_some() { "closed" } else { "open" },
        "closed": closed,
        "customer": chat.customer,
        "seq": chat.last_seq,
        "rev": chat.rev,
        "created_at": chat.created_at,
    })
}

pub(super) fn inbox(line: &InboxLine) -> Value {
    let mut record = chat(&line.chat);
    if let Some(record) = record.as_object_mut() {
        let unread = line.chat.last_seq.saturating_sub(line.read_seq);
        record.insert("unread".into(), unread.into());
    }
    record
}

pub(super) fn member(member: &Member) -> Value {
    json!({"id": member.user, "name": &*member.name, "read_seq": member.read_seq, "joined_at": member.joined_at})
}

pub(super) fn message(stored: &Stored) -> Value {
    let draft = &stored.draft;
    let data: Option<Value> = draft
        .data
        .as_deref()
        .and_then(|data| serde_json::from_str(data).ok());
    json!({
        "seq": stored.seq,
        "id": draft.id,
        "author": {"id": draft.author.id, "name": &*draft.author.name},
        "text": &*draft.text,
        "data": data,
        "sent_at": stored.sent_at,
        "edited_at": stored.edited_at,
        "deleted": stored.deleted,
    })
}

pub(super) fn key(key: &ApiKey) -> Value {
    json!({"key": key_id(key), "label": key.label, "tenant": key.tenant, "created_at": key.created_at})
}

/// The id by which people name a key.
pub(super) fn key_id(key: &ApiKey) -> String {
    key.hash.chars().take(KEY_ID_LETTERS).collect()
}

/// Prints records: one JSON array for programs, else a table of these columns.
pub(super) fn list(records: &[Value], columns: &[&str], json: bool, screen: &mut Screen) -> io::Result<()> {
    if json {
        return screen.line(Value::from(records.to_vec()));
    }
    if records.is_empty() {
        screen.note(words::none_yet(screen.lang));
        return Ok(());
    }
    let heading = columns
        .iter()
        .map(|column| words::column(screen.lang, column))
        .collect();
    let mut rows: Vec<Vec<String>> = vec![heading];
    rows.extend(
        records
            .iter()
            .map(|record| columns.iter().map(|column| cell(record, column)).collect()),
    );
    screen.table(&rows)
}

fn cell(record: &Value, column: &str) -> String {
    match record.get(column) {
        None | Some(Value::Null) => "-".into(),
        Some(Value::String(text)) => plain(text),
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_))) => {
            other.to_string()
        }
    }
}
