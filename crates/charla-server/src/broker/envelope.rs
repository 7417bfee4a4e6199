//! A happening as it travels between nodes: JSON that carries everything needed to deliver it.
//!
//! While nodes are replaced one by one, old and new ones talk to each other: fields may be added, and unknown ones
//! are passed over. A change that old nodes would misread gets another [`VERSION`]; they then look in the store.

use std::sync::Arc;

use charla_core::{Author, Draft, RoomKey, Stored};
use charla_wire::{Cause, ChatId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Topic;
use crate::happening::{Happening, RoomEvent, UserEvent};
use crate::store::Notification;

/// What this program writes and reads.
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
        except: Option<Uuid>,
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
    Disconnect {
        chat: Option<ChatId>,
        cause: String,
    },
    TokenRevoked {
        tenant: charla_wire::TenantId,
        jti: String,
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
        Happening::Room { event, except, .. } => room_event(event, *except),
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
            event: UserEvent::Inbox(_),
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
    };
    let envelope = Envelope {
        version: VERSION,
        node,
        what,
    };
    serde_json::to_vec(&envelope).ok()
}

fn room_event(event: &RoomEvent, except: Option<Uuid>) -> What {
    match event {
        RoomEvent::Message(message) => What::Message {
            message: Box::new(message.into()),
            except,
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
        RoomEvent::Presence { who, joined } => What::Presence {
            who: who.into(),
            joined: *joined,
            except,
        },
        RoomEvent::Closed { by, at, reason } => What::Closed {
            by: by.into(),
            at: at.as_millis(),
            reason: reason.clone(),
        },
        RoomEvent::Reopened { by, at } => What::Reopened {
            by: by.into(),
            at: at.as_millis(),
        },
    }
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
        .and_then(|envelope| happening(topic, envelope.what));
    happening.map_or(Opened::Unreadable, Opened::Happening)
}

fn happening(topic: &Topic, what: What) -> Option<Happening> {
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
        (Topic::User(user), What::Disconnect { chat, cause }) => Some(Happening::Disconnect {
            user: user.clone(),
            chat,
            cause: Cause::from_id(&cause)?,
        }),
        (Topic::Everybody, What::TokenRevoked { tenant, jti }) => {
            Some(Happening::TokenRevoked { tenant, jti })
        }
        (Topic::Room(room), what) => {
            let (event, except) = in_room(room, what)?;
            Some(Happening::Room {
                room: room.clone(),
                event,
                except,
            })
        }
        (Topic::User(_) | Topic::Everybody, _) => None,
    }
}

fn in_room(room: &RoomKey, what: What) -> Option<(RoomEvent, Option<Uuid>)> {
    let at = Timestamp::from_millis;
    Some(match what {
        What::Message { message, except } => (RoomEvent::Message(message.into_stored(room)), except),
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
        What::Presence { who, joined, except } => (
            RoomEvent::Presence {
                who: who.into(),
                joined,
            },
            except,
        ),
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
        What::Notification(_) | What::Disconnect { .. } | What::TokenRevoked { .. } => return None,
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
            },
            seq: self.seq,
            sent_at: Timestamp::from_millis(self.sent_at),
            edited_at: self.edited_at.map(Timestamp::from_millis),
            deleted: self.deleted,
        }
    }
}

#[cfg(test)]
mod tests {
    use charla_wire::TenantId;

    use super::*;

    fn room() -> RoomKey {
        RoomKey {
            tenant: TenantId::parse("demo").unwrap(),
            chat: ChatId::parse("5").unwrap(),
        }
    }

    fn ana() -> Author {
        Author {
            id: UserId::parse("ana").unwrap(),
            name: "Ana".into(),
        }
    }

    fn stored() -> Stored {
        Stored {
            draft: Draft {
                room: room(),
                id: Uuid::from_u128(7),
                author: ana(),
                text: "hola".into(),
                data: Some(r#"{"a":1}"#.into()),
            },
            seq: 3,
            sent_at: Timestamp::from_millis(5),
            edited_at: Some(Timestamp::from_millis(9)),
            deleted: false,
        }
    }

    #[test]
    fn what_is_sealed_is_opened_as_it_was() {
        let at = Timestamp::from_millis(77);
        let in_room = [
            RoomEvent::Message(stored()),
            RoomEvent::Edited {
                message: stored(),
                rev: 4,
                by: ana(),
            },
            RoomEvent::Deleted {
                seq: 3,
                rev: 5,
                at,
                by: ana(),
            },
            RoomEvent::Read { by: ana(), seq: 2 },
            RoomEvent::Typing { by: ana(), on: true },
            RoomEvent::Presence {
                who: ana(),
                joined: false,
            },
            RoomEvent::Closed {
                by: ana(),
                at,
                reason: Some("done".into()),
            },
            RoomEvent::Reopened { by: ana(), at },
        ]
        .map(|event| Happening::Room {
            room: room(),
            event,
            except: None,
        });
        let user = charla_core::UserKey {
            tenant: room().tenant,
            user: ana().id,
        };
        let others = [
            Happening::Disconnect {
                user,
                chat: Some(room().chat),
                cause: Cause::NotAMember,
            },
            Happening::TokenRevoked {
                tenant: room().tenant,
                jti: "x".into(),
            },
        ];
        let (here, there) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for happening in in_room.into_iter().chain(others) {
            let topic = Topic::of(&happening);
            let payload = seal(here, &happening).unwrap();
            assert!(matches!(open(here, &topic, &payload), Opened::Own));
            let Opened::Happening(opened) = open(there, &topic, &payload) else {
                panic!("{happening:?}");
            };
            assert_eq!(format!("{opened:?}"), format!("{happening:?}"));
        }
    }

    #[test]
    fn what_is_newer_is_not_guessed_at() {
        let node = Uuid::from_u128(2);
        let topic = Topic::Room(room());
        let newer = format!(r#"{{"v":2,"node":"{}","what":"message"}}"#, Uuid::from_u128(1));
        let another = format!(r#"{{"v":1,"node":"{}","what":"poll"}}"#, Uuid::from_u128(1));
        for payload in [newer.as_str(), another.as_str(), "", "{}", "hola"] {
            assert!(
                matches!(open(node, &topic, payload.as_bytes()), Opened::Unreadable),
                "{payload}"
            );
        }
        let more = format!(
            r#"{{"v":1,"node":"{}","what":"read","by":{{"id":"ana","name":"Ana","x":1}},"seq":2,"y":[]}}"#,
            Uuid::from_u128(1)
        );
        assert!(matches!(
            open(node, &topic, more.as_bytes()),
            Opened::Happening(_)
        ));
    }
}
