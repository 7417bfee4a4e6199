//! A happening as it travels between nodes: JSON that carries everything needed to deliver it.
//!
//! While nodes are replaced one by one, old and new ones talk to each other: fields may be added, and unknown ones
//! are passed over. A change that old nodes would misread gets another [`VERSION`]; they then look in the store.

use std::sync::Arc;

use charla_core::{Author, Draft, RoomKey, Stored};
use charla_wire::{Attachment, Cause, ChatId, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Topic;
use crate::authority::Forgotten;
use crate::happening::{Happening, RoomEvent, UserEvent};
use crate::loops::News;
use crate::store::Notification;
use crate::telemetry::TraceContext;

mod between;
mod moved;
#[cfg(test)]
mod tests;

const VERSION: u32 = 1;

/// What was published, and by which node.
#[derive(Serialize, Deserialize)]
struct Envelope {
    #[serde(rename = "v")]
    version: u32,
    node: Uuid,
    #[serde(flatten)]
    what: What,
}

/// Only what is needed to judge whether the rest can be read.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "v")]
    version: u32,
    node: Uuid,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum What {
    Message {
        message: Box<Message>,
        except: Option<Uuid>,
        /// A `traceparent`, where the message is recorded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trace: Option<String>,
    },
    Edited {
        message: Box<Message>,
        rev: u64,
        by: Person,
    },
    Deleted {
        seq: u64,
        rev: u64,
        at: i64,
        by: Person,
    },
    Read {
        by: Person,
        seq: u64,
    },
    Typing {
        by: Person,
        on: bool,
        except: Option<Uuid>,
    },
    Presence {
        who: Person,
        joined: bool,
    },
    Closed {
        by: Person,
        at: i64,
        reason: Option<String>,
    },
    Reopened {
        by: Person,
        at: i64,
    },
    Notification(Box<Note>),
    Relayed {
        json: Arc<str>,
    },
    Disconnect {
        chat: Option<ChatId>,
        cause: String,
    },
    TokenRevoked {
        tenant: TenantId,
        jti: String,
    },
    Forget {
        tenant: TenantId,
        user: Option<UserId>,
        chat: Option<ChatId>,
    },
    Limits,
    Connections {
        open: Vec<between::Connection>,
    },
    Moved(Box<moved::Moved>),
    Node(between::Word),
    Loops {
        news: Vec<News>,
    },
}

#[derive(Serialize, Deserialize)]
struct Person {
    id: UserId,
    name: Arc<str>,
}

#[derive(Serialize, Deserialize)]
struct Message {
    seq: u64,
    id: Uuid,
    author: Person,
    text: Arc<str>,
    data: Option<Arc<str>>,
    // Nodes of before say nothing of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment>,
    sent_at: i64,
    edited_at: Option<i64>,
    deleted: bool,
}

#[derive(Serialize, Deserialize)]
struct Note {
    id: u64,
    kind: String,
    text: String,
    url: Option<String>,
    data: Option<Arc<str>>,
    created_at: i64,
    read: bool,
}

/// What a payload turned out to be.
#[expect(clippy::large_enum_variant, reason = "made and taken apart at once")]
#[derive(Debug)]
pub(super) enum Opened {
    /// This node's own: it knows.
    Own,
    /// Another's.
    Happening(Happening),
    /// Nothing that this program understands.
    Unreadable,
}

/// Writes a happening down. `None` for what concerns this node's connections alone.
pub(super) fn seal(node: Uuid, happening: &Happening) -> Option<Vec<u8>> {
    let what = match happening {
        Happening::Room {
            event, except, trace, ..
        } => room_event(event, *except, *trace)?,
        Happening::User {
            event: UserEvent::Notification(note),
            ..
        } => What::Notification(Box::new(Note {
            id: note.id,
            kind: note.kind.clone(),
            text: note.text.clone(),
            url: note.url.clone(),
            data: note.data.clone(),
            created_at: note.created_at.as_millis(),
            read: note.read,
        })),
        Happening::User {
            event: UserEvent::Relayed(json),
            ..
        } => What::Relayed {
            json: Arc::clone(json),
        },
        Happening::User {
            event: UserEvent::Inbox { .. },
            ..
        } => return None,
        Happening::Disconnect { chat, cause, .. } => What::Disconnect {
            chat: chat.clone(),
            cause: cause.id().to_owned(),
        },
        Happening::TokenRevoked { tenant, jti } => What::TokenRevoked {
            tenant: tenant.clone(),
            jti: jti.clone(),
        },
        Happening::Forget(forgotten) => What::Forget {
            tenant: forgotten.tenant.clone(),
            user: forgotten.user.clone(),
            chat: forgotten.chat.clone(),
        },
        Happening::Limits => What::Limits,
        Happening::Presence { who, joined, .. } => What::Presence {
            who: who.into(),
            joined: *joined,
        },
        Happening::Connections { open, .. } => What::Connections {
            open: open.iter().map(between::connection).collect(),
        },
        Happening::Moved(moved) => What::Moved(Box::new(moved.as_ref().into())),
        Happening::Node { word, .. } => What::Node(word.into()),
        Happening::Loops { news, .. } => What::Loops {
            news: news.iter().map(News::of).collect(),
        },
    };
    let envelope = Envelope {
        version: VERSION,
        node,
        what,
    };
    serde_json::to_vec(&envelope).ok()
}

fn room_event(event: &RoomEvent, except: Option<Uuid>, trace: Option<TraceContext>) -> Option<What> {
    Some(match event {
        RoomEvent::Message(message) => What::Message {
            message: Box::new(message.into()),
            except,
            trace: trace.map(TraceContext::traceparent),
        },
        RoomEvent::Edited { message, rev, by } => What::Edited {
            message: Box::new(message.into()),
            rev: *rev,
            by: by.into(),
        },
        RoomEvent::Deleted { seq, rev, at, by } => What::Deleted {
            seq: *seq,
            rev: *rev,
            at: at.as_millis(),
            by: by.into(),
        },
        RoomEvent::Read { by, seq } => What::Read {
            by: by.into(),
            seq: *seq,
        },
        RoomEvent::Typing { by, on } => What::Typing {
            by: by.into(),
            on: *on,
            except,
        },
        // Each node judges for itself whether it is news: it is told of by what leads to it.
        RoomEvent::Presence { .. } => return None,
        RoomEvent::Closed { by, at, reason } => What::Closed {
            by: by.into(),
            at: at.as_millis(),
            reason: reason.clone(),
        },
        RoomEvent::Relayed(json) => What::Relayed {
            json: Arc::clone(json),
        },
        RoomEvent::Reopened { by, at } => What::Reopened {
            by: by.into(),
            at: at.as_millis(),
        },
    })
}

/// Reads what came in under a topic. The topic says where it happened: nothing in the payload can say otherwise.
pub(super) fn open(own: Uuid, topic: &Topic, payload: &[u8]) -> Opened {
    match serde_json::from_slice::<Head>(payload) {
        Ok(head) if head.node == own => return Opened::Own,
        Ok(head) if head.version == VERSION => {}
        Ok(_) | Err(_) => return Opened::Unreadable,
    }
    let happening = serde_json::from_slice::<Envelope>(payload)
        .ok()
        .and_then(|envelope| happening(topic, envelope.node, envelope.what));
    happening.map_or(Opened::Unreadable, Opened::Happening)
}

fn happening(topic: &Topic, from: Uuid, what: What) -> Option<Happening> {
    match (topic, what) {
        (Topic::User(user), What::Notification(note)) => Some(Happening::User {
            user: user.clone(),
            event: UserEvent::Notification(Notification {
                id: note.id,
                kind: note.kind,
                text: note.text,
                url: note.url,
                data: note.data,
                created_at: Timestamp::from_millis(note.created_at),
                read: note.read,
            }),
        }),
        (Topic::User(user), What::Relayed { json }) => Some(Happening::User {
            user: user.clone(),
            event: UserEvent::Relayed(json),
        }),
        (Topic::User(user), What::Disconnect { chat, cause }) => Some(Happening::Disconnect {
            user: user.clone(),
            chat,
            cause: Cause::from_id(&cause)?,
        }),
        (Topic::Everybody, What::Limits) => Some(Happening::Limits),
        (Topic::Everybody, What::TokenRevoked { tenant, jti }) => {
            Some(Happening::TokenRevoked { tenant, jti })
        }
        (Topic::Everybody, What::Forget { tenant, user, chat }) => {
            Some(Happening::Forget(Forgotten { tenant, user, chat }))
        }
        (Topic::Everybody, What::Node(word)) => Some(Happening::Node {
            from,
            to: None,
            word: word.into(),
        }),
        (Topic::Node(to), What::Node(word)) => Some(Happening::Node {
            from,
            to: Some(*to),
            word: word.into(),
        }),
        (Topic::User(user), What::Connections { open }) => Some(Happening::Connections {
            from,
            user: user.clone(),
            open: open.into_iter().map(between::opened).collect(),
        }),
        (Topic::Tenant(tenant), What::Moved(moved)) => {
            Some(Happening::Moved(Arc::new(moved.into_happening(tenant))))
        }
        (Topic::Room(room), What::Presence { who, joined }) => Some(Happening::Presence {
            from,
            room: room.clone(),
            who: who.into(),
            joined,
        }),
        (Topic::Everybody, What::Loops { news }) => Some(Happening::Loops {
            news: news.into_iter().filter_map(News::told).collect(),
            own: false,
        }),
        (Topic::Room(room), what) => {
            let trace = trace_of(&what);
            let (event, except) = in_room(room, what)?;
            Some(Happening::Room {
                room: room.clone(),
                event,
                except,
                trace,
            })
        }
        (Topic::User(_) | Topic::Everybody | Topic::Tenant(_) | Topic::Node(_), _) => None,
    }
}

/// The span that told of a message. Only what is recorded is told with one.
fn trace_of(what: &What) -> Option<TraceContext> {
    let What::Message {
        trace: Some(trace), ..
    } = what
    else {
        return None;
    };
    TraceContext::parse(trace).map(|(context, _)| context)
}

fn in_room(room: &RoomKey, what: What) -> Option<(RoomEvent, Option<Uuid>)> {
    let at = Timestamp::from_millis;
    Some(match what {
        What::Message { message, except, .. } => (RoomEvent::Message(message.into_stored(room)), except),
        What::Edited { message, rev, by } => {
            let message = message.into_stored(room);
            (
                RoomEvent::Edited {
                    message,
                    rev,
                    by: by.into(),
                },
                None,
            )
        }
        What::Deleted {
            seq,
            rev,
            at: when,
            by,
        } => {
            let event = RoomEvent::Deleted {
                seq,
                rev,
                at: at(when),
                by: by.into(),
            };
            (event, None)
        }
        What::Read { by, seq } => (RoomEvent::Read { by: by.into(), seq }, None),
        What::Typing { by, on, except } => (RoomEvent::Typing { by: by.into(), on }, except),
        What::Closed { by, at: when, reason } => (
            RoomEvent::Closed {
                by: by.into(),
                at: at(when),
                reason,
            },
            None,
        ),
        What::Reopened { by, at: when } => (
            RoomEvent::Reopened {
                by: by.into(),
                at: at(when),
            },
            None,
        ),
        What::Relayed { json } => (RoomEvent::Relayed(json), None),
        What::Notification(_)
        | What::Disconnect { .. }
        | What::TokenRevoked { .. }
        | What::Forget { .. }
        | What::Limits
        | What::Presence { .. }
        | What::Connections { .. }
        | What::Moved(_)
        | What::Node(_)
        | What::Loops { .. } => return None,
    })
}

impl From<&Author> for Person {
    fn from(author: &Author) -> Self {
        Self {
            id: author.id.clone(),
            name: Arc::clone(&author.name),
        }
    }
}

impl From<Person> for Author {
    fn from(person: Person) -> Self {
        Self {
            id: person.id,
            name: person.name,
        }
    }
}

impl From<&Stored> for Message {
    fn from(stored: &Stored) -> Self {
        Self {
            seq: stored.seq,
            id: stored.draft.id,
            author: (&stored.draft.author).into(),
            text: Arc::clone(&stored.draft.text),
            data: stored.draft.data.clone(),
            attachments: stored.draft.attachments.clone(),
            sent_at: stored.sent_at.as_millis(),
            edited_at: stored.edited_at.map(Timestamp::as_millis),
            deleted: stored.deleted,
        }
    }
}

impl Message {
    fn into_stored(self, room: &RoomKey) -> Stored {
        Stored {
            draft: Draft {
                room: room.clone(),
                id: self.id,
                author: self.author.into(),
                text: self.text,
                data: self.data,
                attachments: self.attachments,
            },
            seq: self.seq,
            sent_at: Timestamp::from_millis(self.sent_at),
            edited_at: self.edited_at.map(Timestamp::from_millis),
            deleted: self.deleted,
        }
    }
}
