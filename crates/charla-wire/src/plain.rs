//! The plain dialect: flat JSON objects for front ends that know nothing of Charla.
//!
//! [`Dialect`] names the fields; [`Dialect::read`] takes a line, the `write_*` make the objects. The preset
//! [`Preset::ChannelsEs`] is word for word what the original Django consumer said.

use serde_json::{Map, Value};

use crate::{Cause, Lang, Timestamp, json};

/// Which words a front end expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preset {
    /// `text`, `author`, with number, id and time beside them.
    #[default]
    Plain,
    /// `texto`, `autor`, `tenant`, `{"error"}`, `chat_closed`, `nueva_notificacion`, and nothing more.
    ChannelsEs,
}

impl Preset {
    /// What is said of a chat that was closed without a word.
    #[must_use]
    pub const fn closing_words(self) -> &'static str {
        match self {
            Self::Plain => "The chat was closed",
            Self::ChannelsEs => "El chat ha sido cerrado",
        }
    }
}

/// The field names of a plain connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// The events' words.
    pub preset: Preset,
    /// The field with the words of a message.
    pub text_field: String,
    /// The field with its author's name.
    pub author_field: String,
    /// Whether a line that is no JSON object is the words themselves.
    pub bare_text: bool,
}

/// A line from a plain client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The words.
    pub text: String,
    /// Every other field, as one JSON object; `None` when there is none.
    pub data: Option<String>,
}

/// A message on its way to a plain client.
#[derive(Debug, Clone, Copy)]
pub struct PlainMessage<'f> {
    /// The tenant's id.
    pub tenant: &'f str,
    /// The chat's id.
    pub chat: &'f str,
    /// Its place.
    pub seq: u64,
    /// Its id.
    pub id: uuid::Uuid,
    /// The writer's name.
    pub author: &'f str,
    /// The words.
    pub text: &'f str,
    /// The fields that came with it.
    pub data: Option<&'f str>,
    /// When it was committed.
    pub sent_at: Timestamp,
}

/// A notification on its way to a plain client.
#[derive(Debug, Clone, Copy)]
pub struct PlainNotification<'f> {
    /// Its number.
    pub id: u64,
    /// Its kind.
    pub kind: &'f str,
    /// The words.
    pub text: &'f str,
    /// Where it leads.
    pub url: Option<&'f str>,
    /// The application's own fields.
    pub data: Option<&'f str>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Puts the fields of an application's own object over others, but for `type`: it knows its numbers and times better.
pub fn overlay(fields: &mut Map<String, Value>, data: Option<&str>) {
    if let Some(Ok(Value::Object(own))) = data.map(serde_json::from_str) {
        fields.extend(own.into_iter().filter(|(name, _)| name != "type"));
    }
}

impl Dialect {
    /// A preset's own field names.
    #[must_use]
    pub fn of(preset: Preset) -> Self {
        let (text, author) = match preset {
            Preset::Plain => ("text", "author"),
            Preset::ChannelsEs => ("texto", "autor"),
        };
        Self {
            preset,
            text_field: text.into(),
            author_field: author.into(),
            bare_text: false,
        }
    }

    /// Reads what a client wrote.
    ///
    /// # Errors
    /// What to tell it: no JSON object (where bare text is off), or no text in it.
    pub fn read(&self, line: &str) -> Result<Line, String> {
        if !line.trim_start().starts_with('{') {
            return if self.bare_text {
                Ok(Line {
                    text: line.to_owned(),
                    data: None,
                })
            } else {
                Err("a message is a JSON object".to_owned())
            };
        }
        json::check(line).map_err(|error| error.to_string())?;
        let mut fields: Map<String, Value> = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let text = match fields.remove(&self.text_field) {
            Some(Value::String(text)) => text,
            Some(_) => return Err(format!("`{}` must be a text", self.text_field)),
            None => return Err(format!("`{}` is missing", self.text_field)),
        };
        let data = (!fields.is_empty()).then(|| Value::Object(fields).to_string());
        Ok(Line { text, data })
    }

    /// One flat object for a message: the sender's own fields first, ours win where names collide.
    #[must_use]
    pub fn write_message(&self, message: &PlainMessage<'_>) -> Vec<u8> {
        let mut fields = match message.data.map(serde_json::from_str) {
            Some(Ok(Value::Object(fields))) => fields,
            Some(Ok(other)) => Map::from_iter([("data".to_owned(), other)]),
            Some(Err(_)) | None => Map::new(),
        };
        fields.insert(self.author_field.clone(), message.author.into());
        fields.insert(self.text_field.clone(), message.text.into());
        match self.preset {
            Preset::Plain => {
                fields.insert("chat".into(), message.chat.into());
                fields.insert("seq".into(), message.seq.into());
                fields.insert("id".into(), message.id.to_string().into());
                fields.insert("sent_at".into(), message.sent_at.to_string().into());
            }
            Preset::ChannelsEs => {
                fields.insert("tenant".into(), message.tenant.into());
            }
        }
        Value::Object(fields).to_string().into_bytes()
    }

    /// The support closed the chat.
    #[must_use]
    pub fn write_closed(&self, by: &str, reason: Option<&str>) -> Vec<u8> {
        let object = match self.preset {
            Preset::Plain => serde_json::json!({
                "type": "chat_closed",
                "message": reason.unwrap_or(self.preset.closing_words()),
                "closed_by": by,
            }),
            Preset::ChannelsEs => serde_json::json!({
                "type": "chat_closed",
                "mensaje": reason.unwrap_or(self.preset.closing_words()),
                "cerrado_por": by,
            }),
        };
        object.to_string().into_bytes()
    }

    /// A person's own notification.
    #[must_use]
    pub fn write_notification(&self, note: &PlainNotification<'_>) -> Vec<u8> {
        let created = note.created_at.to_string();
        let mut object = match self.preset {
            Preset::Plain => serde_json::json!({
                "type": "notification",
                "text": note.text, "kind": note.kind, "url": note.url, "id": note.id, "created_at": created,
            }),
            Preset::ChannelsEs => serde_json::json!({
                "type": "nueva_notificacion",
                "mensaje": note.text, "tipo": note.kind, "url": note.url, "id": note.id, "creada": created,
            }),
        };
        if let Some(fields) = object.as_object_mut() {
            overlay(fields, note.data);
        }
        object.to_string().into_bytes()
    }

    /// A line was refused.
    #[must_use]
    pub fn write_error(&self, cause: Cause, detail: &str) -> Vec<u8> {
        let lang = match self.preset {
            Preset::Plain => Lang::En,
            Preset::ChannelsEs => Lang::Es,
        };
        let title = cause.words(lang).title;
        let text = if detail.is_empty() {
            title.to_owned()
        } else {
            format!("{title}: {detail}")
        };
        let object = match self.preset {
            Preset::Plain => serde_json::json!({ "error": text, "cause": cause.id() }),
            Preset::ChannelsEs => serde_json::json!({ "error": text }),
        };
        object.to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_text_and_the_rest() {
        let dialect = Dialect::of(Preset::ChannelsEs);
        let line = dialect.read(r#"{"texto":"hola","oportunidad_id":7}"#).unwrap();
        assert_eq!(
            (line.text.as_str(), line.data.as_deref()),
            ("hola", Some(r#"{"oportunidad_id":7}"#))
        );
        for (bad, why) in [
            ("hola", "JSON object"),
            ("{", "EOF"),
            (r#"{"texto":5}"#, "must be a text"),
            ("{}", "missing"),
        ] {
            assert!(dialect.read(bad).unwrap_err().contains(why), "{bad}");
        }
        let bare = Dialect {
            bare_text: true,
            ..Dialect::of(Preset::Plain)
        };
        assert_eq!(
            bare.read("hola").unwrap(),
            Line {
                text: "hola".into(),
                data: None
            }
        );
        assert!(
            bare.read("{hola").is_err(),
            "a broken object is not meant as words"
        );
    }

    #[test]
    fn the_original_front_end_gets_its_own_words() {
        let dialect = Dialect::of(Preset::ChannelsEs);
        let message = PlainMessage {
            tenant: "acme",
            chat: "5",
            seq: 1,
            id: uuid::Uuid::nil(),
            author: "Ana",
            text: "hola",
            data: Some(r#"{"oportunidad_id":7}"#),
            sent_at: Timestamp::default(),
        };
        let object: Value = serde_json::from_slice(&dialect.write_message(&message)).unwrap();
        let expected = r#"{"autor":"Ana","texto":"hola","oportunidad_id":7,"tenant":"acme"}"#;
        assert_eq!(object, serde_json::from_str::<Value>(expected).unwrap());
        let closed: Value = serde_json::from_slice(&dialect.write_closed("Sofia", Some("fin"))).unwrap();
        assert_eq!(
            closed,
            serde_json::json!({"type": "chat_closed", "mensaje": "fin", "cerrado_por": "Sofia"})
        );
        let error: Value = serde_json::from_slice(&dialect.write_error(Cause::BadRequest, "x")).unwrap();
        assert_eq!(error.as_object().unwrap().keys().collect::<Vec<_>>(), ["error"]);
    }
}
