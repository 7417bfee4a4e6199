//! Charla's happenings as events of Channels.

use charla_core::{Author, RoomKey, Stored, UserKey};
use charla_wire::plain::overlay;
use serde_json::{Map, Value};

use super::{Group, Meaning, Target};
use crate::bridge::codec::Event;
use crate::bridge::said::Said;
use crate::settings::{EventKind, EventSettings};
use crate::store::Notification;

impl Meaning {
    /// The event that tells Channels of something, and the group that hears it; `None` where the settings have none.
    pub(in crate::bridge) fn tell(&self, said: &Said) -> Option<(String, Event)> {
        let (kind, target) = match said {
            Said::Message(message) => (EventKind::Message, Target::Room(message.draft.room.clone())),
            Said::Edited(message) => (EventKind::Edited, Target::Room(message.draft.room.clone())),
            Said::Deleted { room, .. } => (EventKind::Deleted, Target::Room(room.clone())),
            Said::Closed { room, .. } => (EventKind::ChatClosed, Target::Room(room.clone())),
            Said::Notification { user, .. } => (EventKind::Notification, Target::User(user.clone())),
        };
        let known = self.events.iter().find(|known| known.kind == kind)?;
        let group = self.group(&target)?;
        let mut event = match said {
            Said::Message(message) => self.message_event(known, message),
            Said::Edited(message) => self.edited_event(known, message),
            Said::Deleted { room, seq } => self.deleted_event(known, room, *seq),
            Said::Closed { room, by, reason } => self.closed_event(known, room, by, reason.as_deref()),
            Said::Notification { user, note } => self.notification_event(known, user, note),
        };
        event.insert("type".into(), known.name.clone().into());
        let tenant: Value = target.tenant().as_str().into();
        let fields = [known.field("tenant"), group.tenant_field.as_deref()];
        for field in fields.into_iter().flatten() {
            event.insert(field.to_owned(), tenant.clone());
        }
        let Group { name, .. } = group;
        Some((name, event))
    }

    fn put(&self, event: &mut Event, known: &EventSettings, what: &'static str, value: impl Into<Value>) {
        if let Some(field) = self.field(known, what) {
            event.insert(field.to_owned(), value.into());
        }
    }

    fn message_event(&self, known: &EventSettings, message: &Stored) -> Event {
        let draft = &message.draft;
        let mut event = object(draft.data.as_deref());
        self.put(&mut event, known, "text", &*draft.text);
        self.put(&mut event, known, "author", &*draft.author.name);
        self.put(&mut event, known, "author_id", id(draft.author.id.as_str()));
        self.put(&mut event, known, "chat", id(draft.room.chat.as_str()));
        self.put(&mut event, known, "id", draft.id.to_string());
        self.put(&mut event, known, "seq", message.seq);
        self.put(&mut event, known, "sent_at", message.sent_at.to_string());
        event
    }

    fn edited_event(&self, known: &EventSettings, message: &Stored) -> Event {
        let mut event = self.deleted_event(known, &message.draft.room, message.seq);
        self.put(&mut event, known, "text", &*message.draft.text);
        self.put(&mut event, known, "id", message.draft.id.to_string());
        event
    }

    fn deleted_event(&self, known: &EventSettings, room: &RoomKey, seq: u64) -> Event {
        let mut event = Event::new();
        self.put(&mut event, known, "seq", seq);
        self.put(&mut event, known, "chat", id(room.chat.as_str()));
        event
    }

    fn closed_event(
        &self,
        known: &EventSettings,
        room: &RoomKey,
        by: &Author,
        reason: Option<&str>,
    ) -> Event {
        let mut event = Event::new();
        self.put(
            &mut event,
            known,
            "reason",
            reason.unwrap_or(self.preset.closing_words()),
        );
        self.put(&mut event, known, "by", &*by.name);
        self.put(&mut event, known, "by_id", id(by.id.as_str()));
        self.put(&mut event, known, "chat", id(room.chat.as_str()));
        event
    }

    fn notification_event(&self, known: &EventSettings, user: &UserKey, note: &Notification) -> Event {
        let mut event = Event::new();
        self.put(&mut event, known, "text", note.text.as_str());
        self.put(&mut event, known, "kind", note.kind.as_str());
        self.put(&mut event, known, "url", note.url.as_deref());
        self.put(&mut event, known, "id", note.id);
        self.put(&mut event, known, "created", note.created_at.to_string());
        self.put(&mut event, known, "user", id(user.user.as_str()));
        overlay(&mut event, note.data.as_deref());
        event
    }
}

/// A message's data as fields; what is no object goes under `data`, as in the plain dialect.
fn object(data: Option<&str>) -> Map<String, Value> {
    match data.map(serde_json::from_str) {
        Some(Ok(Value::Object(fields))) => fields,
        Some(Ok(other)) => Map::from_iter([("data".to_owned(), other)]),
        Some(Err(_)) | None => Map::new(),
    }
}

/// An id as Django has it: a number where it reads as one.
fn id(text: &str) -> Value {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => number.into(),
        Ok(_) | Err(_) => text.into(),
    }
}
