//! What events of Channels mean to Charla, and what Charla's happenings are called there: by `bridge.groups` and
//! `bridge.events`. Nothing here waits for anything.

use std::sync::Arc;

use charla_core::{RoomKey, UserKey};
use charla_wire::plain::{Dialect, Preset};
use charla_wire::{ChatId, TenantId, UserId, check_json};
use serde_json::{Map, Value};

use super::codec::Event;
use super::figures::Dropped;
use crate::settings::{BridgeSettings, EventKind, EventSettings, GroupSettings, Named};

mod telling;

/// Where an event belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Room(RoomKey),
    User(UserKey),
}

impl Target {
    pub(super) const fn tenant(&self) -> &TenantId {
        match self {
            Self::Room(room) => &room.tenant,
            Self::User(user) => &user.tenant,
        }
    }
}

/// Somebody of the application's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    /// `None`: known by its name alone.
    pub(super) id: Option<UserId>,
    pub(super) name: String,
}

/// An event of Channels, as Charla understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Incoming {
    Message {
        room: RoomKey,
        author: Person,
        text: String,
        data: Option<Arc<str>>,
    },
    Notification {
        user: UserKey,
        kind: String,
        text: String,
        url: Option<String>,
        data: Option<Arc<str>>,
    },
    Closed {
        room: RoomKey,
        by: Person,
        reason: Option<String>,
    },
    /// To be shown to plain clients as it is.
    Relayed { target: Target, json: Arc<str> },
}

/// The name of a group, and the key of its events that says whose they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    tenant_field: Option<String>,
}

/// The two lists of the settings.
pub(super) struct Meaning {
    groups: Vec<GroupSettings>,
    events: Vec<EventSettings>,
    // What a field is called that the settings do not name.
    text: String,
    author: String,
    preset: Preset,
}

impl Meaning {
    pub(super) fn new(settings: &BridgeSettings, dialect: &Dialect) -> Self {
        Self {
            groups: settings.groups.clone(),
            events: settings.events.clone(),
            text: dialect.text_field.clone(),
            author: dialect.author_field.clone(),
            preset: dialect.preset,
        }
    }

    /// Patterns of Redis for all groups.
    pub(super) fn patterns(&self) -> Vec<String> {
        let mut patterns: Vec<String> = self.groups.iter().map(|group| group.name.pattern()).collect();
        patterns.sort();
        patterns.dedup();
        patterns
    }

    /// The group of a chat or of a person; `None` where it has none.
    pub(super) fn group(&self, target: &Target) -> Option<Group> {
        let named = match target {
            Target::Room(room) => Named {
                tenant: Some(room.tenant.as_str()),
                chat: Some(room.chat.as_str()),
                user: None,
            },
            Target::User(user) => Named {
                tenant: Some(user.tenant.as_str()),
                chat: None,
                user: Some(user.user.as_str()),
            },
        };
        self.groups.iter().find_map(|group| {
            let is_own = group.tenant.as_ref().is_none_or(|own| own == target.tenant());
            Some(Group {
                name: group.name.write(&named).filter(|_| is_own)?,
                tenant_field: group.tenant_field.clone(),
            })
        })
    }

    /// What an event in a group means.
    pub(super) fn read(&self, group: &str, mut event: Event) -> Result<Incoming, Dropped> {
        let target = self.target(group, &mut event)?;
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
        let kind = kind.replace('.', "_");
        let known = self
            .events
            .iter()
            .find(|known| known.name.replace('.', "_") == kind);
        let known = known.ok_or(Dropped::Unmapped)?;
        if known.kind == EventKind::Event {
            return relayed(known, target, event);
        }
        event.remove("type");
        if let Some(tenant) = known.field("tenant") {
            event.remove(tenant);
        }
        match (known.kind, target) {
            (EventKind::Message, Target::Room(room)) => self.message(known, room, event),
            (EventKind::Notification, target) => self.notification(known, target, event),
            (EventKind::ChatClosed, Target::Room(room)) => Ok(Incoming::Closed {
                room,
                by: self.person(known, ("by", "by_id"), &mut event)?,
                reason: text(self.take(known, "reason", &mut event)),
            }),
            (EventKind::Message | EventKind::ChatClosed, Target::User(_)) => Err(Dropped::Malformed),
            // Only told to Channels.
            (EventKind::Edited | EventKind::Deleted | EventKind::Event, _) => Err(Dropped::Unmapped),
        }
    }

    /// Whose group it is: by its name, by the settings, or by the event, never by a guess.
    fn target(&self, name: &str, event: &mut Event) -> Result<Target, Dropped> {
        let mut why = Dropped::GroupUnknown;
        for group in &self.groups {
            let Some(named) = group.name.read(name) else {
                continue;
            };
            let tenant = match (&group.tenant, &group.tenant_field) {
                (Some(tenant), _) => tenant.clone(),
                (None, Some(field)) => match event.remove(field) {
                    Some(Value::String(tenant)) => {
                        TenantId::parse(&tenant).map_err(|_| Dropped::TenantUnknown)?
                    }
                    Some(_) | None => return Err(Dropped::TenantMissing),
                },
                (None, None) => {
                    let tenant = named.tenant.ok_or(Dropped::TenantMissing)?;
                    TenantId::parse(tenant).map_err(|_| Dropped::TenantUnknown)?
                }
            };
            let target = match (named.chat, named.user) {
                (Some(chat), _) => ChatId::parse(chat)
                    .ok()
                    .map(|chat| Target::Room(RoomKey { tenant, chat })),
                (None, Some(user)) => UserId::parse(user)
                    .ok()
                    .map(|user| Target::User(UserKey { tenant, user })),
                (None, None) => None,
            };
            match target {
                Some(target) => return Ok(target),
                None => why = Dropped::ChatUnknown,
            }
        }
        Err(why)
    }

    fn message(&self, known: &EventSettings, room: RoomKey, mut event: Event) -> Result<Incoming, Dropped> {
        let author = self.person(known, ("author", "author_id"), &mut event)?;
        let Some(Value::String(text)) = self.take(known, "text", &mut event) else {
            return Err(Dropped::Malformed);
        };
        for what in ["chat", "id", "seq", "sent_at"] {
            // Charla's own, on their way out.
            self.take(known, what, &mut event);
        }
        let data = data(event)?;
        if text.is_empty() && data.is_none() {
            return Err(Dropped::Malformed);
        }
        Ok(Incoming::Message {
            room,
            author,
            text,
            data,
        })
    }

    fn notification(
        &self,
        known: &EventSettings,
        target: Target,
        mut event: Event,
    ) -> Result<Incoming, Dropped> {
        let user = match target {
            Target::User(user) => user,
            Target::Room(room) => UserKey {
                tenant: room.tenant,
                user: self
                    .take(known, "user", &mut event)
                    .and_then(|id| user_id(&id))
                    .ok_or(Dropped::UserUnknown)?,
            },
        };
        let words = text(self.take(known, "text", &mut event)).ok_or(Dropped::Malformed)?;
        let kind = text(self.take(known, "kind", &mut event)).unwrap_or_else(|| known.name.clone());
        let url = text(self.take(known, "url", &mut event));
        // The application's own number and time stay: a page may ask it about them.
        let data = data(event)?;
        Ok(Incoming::Notification {
            user,
            kind,
            text: words,
            url,
            data,
        })
    }

    fn person(
        &self,
        known: &EventSettings,
        (name, id): (&'static str, &'static str),
        event: &mut Event,
    ) -> Result<Person, Dropped> {
        let id = match self.take(known, id, event) {
            Some(Value::Null) | None => None,
            Some(id) => Some(user_id(&id).ok_or(Dropped::Malformed)?),
        };
        let name = match self.take(known, name, event) {
            Some(Value::String(name)) => name,
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => String::new(),
        };
        Ok(Person { id, name })
    }

    fn take(&self, known: &EventSettings, what: &'static str, event: &mut Event) -> Option<Value> {
        event.remove(self.field(known, what)?)
    }

    /// What a field of an event is called: as the settings say, or as the plain dialect would; `None` where it has none.
    fn field<'s>(&'s self, known: &'s EventSettings, what: &'static str) -> Option<&'s str> {
        if let Some(given) = known.field(what) {
            return Some(given);
        }
        let (plain, es) = match (known.kind, what) {
            (EventKind::Message | EventKind::Edited, "text") => return Some(&self.text),
            (EventKind::Message, "author") => return Some(&self.author),
            (EventKind::Notification, "text") => ("text", "mensaje"),
            (EventKind::Notification, "kind") => ("kind", "tipo"),
            (EventKind::Notification, "url") => ("url", "url"),
            (EventKind::Notification, "id") => ("id", "id"),
            (EventKind::Notification, "created") => ("created_at", "creada"),
            (EventKind::ChatClosed, "reason") => ("message", "mensaje"),
            (EventKind::ChatClosed, "by") => ("closed_by", "cerrado_por"),
            (EventKind::Edited | EventKind::Deleted, "seq") => ("seq", "seq"),
            _ => return None,
        };
        Some(match self.preset {
            Preset::Plain => plain,
            Preset::ChannelsEs => es,
        })
    }
}

fn relayed(known: &EventSettings, target: Target, event: Event) -> Result<Incoming, Dropped> {
    let is_kept = |name: &String| match &known.kept {
        Some(kept) => kept.contains(name),
        None => name != "type",
    };
    let shown: Map<String, Value> = event.into_iter().filter(|(name, _)| is_kept(name)).collect();
    let json = Value::Object(shown).to_string();
    check_json(&json).map_err(|_| Dropped::Malformed)?;
    Ok(Incoming::Relayed {
        target,
        json: json.into(),
    })
}

/// The fields that have no other meaning.
fn data(event: Event) -> Result<Option<Arc<str>>, Dropped> {
    if event.is_empty() {
        return Ok(None);
    }
    let json = Value::Object(event).to_string();
    check_json(&json).map_err(|_| Dropped::Malformed)?;
    Ok(Some(json.into()))
}

fn text(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        Some(_) | None => None,
    }
}

/// Django's ids are numbers as often as text.
fn user_id(value: &Value) -> Option<UserId> {
    match value {
        Value::String(text) => UserId::parse(text).ok(),
        Value::Number(number) => UserId::parse(&number.to_string()).ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
