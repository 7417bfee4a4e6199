//! A row of the application's as a message, with an id that the same row has again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use charla_core::{Author, Draft, RoomKey};
use charla_wire::{ChatId, TenantId, Timestamp, UserId};
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

use super::{ImportError, Stop};
use crate::application::{Row, Value};
use crate::settings::LimitSettings;
use crate::store::Past;

/// Letters of an author's name that are kept, as of a token's.
const NAME_MAX: usize = 100;
/// Stands before what an id is made of, so that it is of no use for anything else.
const PURPOSE: &str = "charla import-history 1";

/// Reads rows of one answer in their order.
pub(super) struct Reader {
    has_id: bool,
    /// Rows without an id that are alike in everything, of one moment in one chat.
    alike: HashMap<(String, Uuid), u64>,
    alike_at: HashMap<String, Timestamp>,
    seen: HashSet<ChatId>,
}

impl Reader {
    /// Looks at the columns.
    pub(super) fn new(row: &Row) -> Result<Self, ImportError> {
        for column in ["chat", "author", "text", "sent_at"] {
            if row.get(column).is_none() {
                return Err(ImportError::NoColumn(column));
            }
        }
        Ok(Self {
            has_id: row.get("id").is_some(),
            alike: HashMap::new(),
            alike_at: HashMap::new(),
            seen: HashSet::new(),
        })
    }

    /// What a row calls its chat.
    pub(super) fn chat_name(&self, row: &Row) -> String {
        row.get("chat").and_then(Value::text).unwrap_or_default()
    }

    /// When it was said: a time, or ms since 1970 UTC.
    pub(super) fn sent_at(&self, row: &Row) -> Option<Timestamp> {
        match row.get("sent_at")? {
            Value::Integer(millis) => Some(Timestamp::from_millis(*millis)),
            value @ (Value::Text(_) | Value::Boolean(_) | Value::Null) => value.timestamp(),
        }
    }

    /// Whether this chat was not asked about before.
    pub(super) fn is_first_of(&mut self, chat: &ChatId) -> bool {
        self.seen.insert(chat.clone())
    }

    /// The message of a row.
    pub(super) fn past(
        &mut self,
        row: &Row,
        tenant: &TenantId,
        limits: &LimitSettings,
    ) -> Result<Past, Stop> {
        let chat = ChatId::parse(&id(row, "chat")?).map_err(|error| wrong("chat", &error.to_string()))?;
        let author = UserId::parse(&id(row, "author")?);
        let author = author.map_err(|error| wrong("author", &error.to_string()))?;
        let sent_at = self
            .sent_at(row)
            .ok_or_else(|| wrong("sent_at", "is no time and no number of ms"))?;
        let (text, data) = words(row, limits)?;
        let room = RoomKey {
            tenant: tenant.clone(),
            chat,
        };
        let of_row = if self.has_id {
            let key = id(row, "id")?;
            Uuid::parse_str(&key).unwrap_or_else(|_| made_of(&room, &["id", &key]))
        } else {
            let moment = sent_at.as_millis().to_string();
            let said = [
                "row",
                author.as_str(),
                &moment,
                &text,
                data.as_deref().unwrap_or_default(),
            ];
            let first = made_of(&room, &said);
            match self.twins_before(&room.chat, sent_at, first) {
                0 => first,
                twins => made_of(&room, &["twin", &first.to_string(), &twins.to_string()]),
            }
        };
        let name = given(row, "author_name").and_then(Value::text);
        let name = name.and_then(|name| shown(&name));
        let name: Arc<str> = name.unwrap_or_else(|| author.as_str().to_owned()).into();
        Ok(Past {
            draft: Draft {
                room,
                id: of_row,
                author: Author { id: author, name },
                text: text.into(),
                data: data.map(Into::into),
                attachments: Vec::new(),
            },
            sent_at,
        })
    }

    /// How many rows of this moment before were the same in everything: somebody said the same twice.
    fn twins_before(&mut self, chat: &ChatId, sent_at: Timestamp, id: Uuid) -> u64 {
        let chat = chat.as_str().to_owned();
        if self.alike_at.insert(chat.clone(), sent_at) != Some(sent_at) {
            self.alike.retain(|(other, _), _| *other != chat);
        }
        let count = self.alike.entry((chat, id)).or_default();
        *count += 1;
        *count - 1
    }
}

fn wrong(column: &'static str, what: &str) -> Stop {
    let what = what.to_owned();
    Stop::Column { column, what }
}

/// A column that is there and not NULL.
fn given<'r>(row: &'r Row, column: &str) -> Option<&'r Value> {
    row.get(column).filter(|value| **value != Value::Null)
}

fn id(row: &Row, column: &'static str) -> Result<String, Stop> {
    let value = given(row, column);
    let value = value.ok_or_else(|| wrong(column, "is NULL; coalesce() it to what it stands for"))?;
    value.text().ok_or_else(|| wrong(column, "is no id"))
}

/// What was said: text and data, at least one of them.
fn words(row: &Row, limits: &LimitSettings) -> Result<(String, Option<String>), Stop> {
    let text = given(row, "text").and_then(Value::text).unwrap_or_default();
    let data = given(row, "data").and_then(Value::text);
    let data = data.filter(|data| data.trim() != "null");
    if text.is_empty() && data.is_none() {
        let what = "is empty, and there is no data; leave such rows out with WHERE";
        return Err(wrong("text", what));
    }
    if text.len() > limits.text_bytes {
        return Err(wrong("text", "has more bytes than limits.text_bytes"));
    }
    if let Some(data) = &data {
        if data.len() > limits.data_bytes {
            return Err(wrong("data", "has more bytes than limits.data_bytes"));
        }
        if serde_json::from_str::<serde::de::IgnoredAny>(data).is_err() {
            return Err(wrong("data", "is no JSON"));
        }
    }
    Ok((text, data))
}

/// An id out of words (RFC 9562, version 8), the same for the same words; words cannot run into each other.
fn made_of(room: &RoomKey, words: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    for word in [PURPOSE, room.tenant.as_str(), room.chat.as_str()]
        .iter()
        .chain(words)
    {
        hash.update((word.len() as u64).to_be_bytes());
        hash.update(word);
    }
    let mut bytes = [0; 16];
    for (byte, of_hash) in bytes.iter_mut().zip(hash.finalize()) {
        *byte = of_hash;
    }
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// A name without control characters, cut to what a page shows.
fn shown(name: &str) -> Option<String> {
    let shown = name.chars().filter(|c| !c.is_control()).take(NAME_MAX);
    let shown = shown.collect::<String>().trim().to_owned();
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[(&str, Value)]) -> Row {
        Row::of(cells)
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    fn good() -> Vec<(&'static str, Value)> {
        vec![
            ("chat", Value::Integer(5)),
            ("author", Value::Integer(42)),
            ("text", text("hola")),
            ("sent_at", text("2026-11-28 08:00:00.500000")),
        ]
    }

    fn read(reader: &mut Reader, cells: &[(&str, Value)]) -> Result<Past, Stop> {
        let tenant = TenantId::parse("demo").unwrap();
        reader.past(&row(cells), &tenant, &LimitSettings::default())
    }

    #[test]
    fn a_row_has_the_same_id_again_and_no_other_row_has_it() {
        let first = |cells: &[(&str, Value)]| {
            let mut reader = Reader::new(&row(cells)).unwrap();
            read(&mut reader, cells).unwrap().draft.id
        };
        assert_eq!(first(&good()), first(&good()));
        assert_eq!(first(&good()).get_version_num(), 8);
        let mut twice = Reader::new(&row(&good())).unwrap();
        let ids: Vec<Uuid> = (0..3)
            .map(|_| read(&mut twice, &good()).unwrap().draft.id)
            .collect();
        assert_eq!(ids[0], first(&good()));
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
        for (at, other) in [
            (0, Value::Integer(6)),
            (1, Value::Integer(43)),
            (2, text("adiós")),
            (3, text("2026-11-28 08:00:00.501000")),
        ] {
            let mut changed = good();
            changed[at].1 = other;
            assert_ne!(first(&changed), first(&good()));
        }
        let mut numbered = good();
        numbered.push(("id", Value::Integer(7)));
        assert_eq!(first(&numbered), {
            // Words that were changed since are no other row.
            numbered[2].1 = text("edited");
            first(&numbered)
        });
        let own = "0197f3a2-8d2b-7d53-9c1a-3f0e5b8a1c2d";
        numbered[4].1 = text(own);
        assert_eq!(first(&numbered).to_string(), own);
    }

    #[test]
    fn what_a_row_cannot_be_has_its_column() {
        for (column, value, told) in [
            (
                "chat",
                Value::Null,
                "`chat` is NULL; coalesce() it to what it stands for",
            ),
            (
                "author",
                Value::Null,
                "`author` is NULL; coalesce() it to what it stands for",
            ),
            ("author", Value::Boolean(true), "`author` is no id"),
            (
                "sent_at",
                text("tomorrow"),
                "`sent_at` is no time and no number of ms",
            ),
            (
                "text",
                text(""),
                "`text` is empty, and there is no data; leave such rows out with WHERE",
            ),
            (
                "text",
                text(&"x".repeat(20_000)),
                "`text` has more bytes than limits.text_bytes",
            ),
            ("data", text("{"), "`data` is no JSON"),
        ] {
            let mut cells = good();
            cells.retain(|(name, _)| *name != column);
            cells.push((column, value));
            let mut reader = Reader::new(&row(&cells)).unwrap();
            let error = read(&mut reader, &cells).unwrap_err();
            assert_eq!(error.to_string(), told);
        }
        let mut cells = good();
        cells.remove(2);
        assert!(matches!(
            Reader::new(&row(&cells)),
            Err(ImportError::NoColumn("text"))
        ));
    }
}
