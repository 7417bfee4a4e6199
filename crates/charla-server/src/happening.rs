//! What happened, as it travels from whoever did it to everybody who should know: [`Happening`].
//!
//! [`Encoded`] is a happening in a room together with its frames, each made once, when the first socket
//! needs it, and shared by all.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use charla_core::changes::Change;
use charla_core::connections::Opened;
use charla_core::{Author, NodeId, RoomKey, Seq, Stored, UserKey, rooms};
use charla_wire::codec::{self, Frame, deflate};
use charla_wire::plain::{Dialect, PlainMessage, PlainNotification};
use charla_wire::server_frame::{Message, Person, ServerFrame};
use charla_wire::{Cause, ChatId};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::authority::Forgotten;
use crate::store::Notification;
use crate::telemetry::{self, Span, TraceContext};

mod between;
mod moved;
mod room_event;

pub use between::{Answer, Ask, NodeWord, Pulse};
pub use moved::ChatMoved;
pub use room_event::RoomEvent;

/// Something that concerns one person wherever it is connected.
#[derive(Debug, Clone)]
pub enum UserEvent {
    /// A note from the application.
    Notification(Notification),
    /// One of its chats moved.
    Inbox {
        /// How.
        moved: Arc<ChatMoved>,
        /// How far the person has read.
        read_seq: Seq,
    },
    /// Django Channels said something that only plain clients understand: this JSON.
    Relayed(Arc<str>),
}

/// Something that happened, for whoever listens on any node.
#[derive(Debug, Clone)]
pub enum Happening {
    /// In a room.
    Room {
        /// Where.
        room: RoomKey,
        /// What.
        event: RoomEvent,
        /// The connection that knows already.
        except: Option<Uuid>,
        /// The span that tells of it, where that is recorded.
        trace: Option<TraceContext>,
    },
    /// To a person.
    User {
        /// Whom.
        user: UserKey,
        /// What.
        event: UserEvent,
    },
    /// A person's connections end: all, or those in one chat.
    Disconnect {
        /// Whose.
        user: UserKey,
        /// Only where it listens to this chat.
        chat: Option<ChatId>,
        /// Why.
        cause: Cause,
    },
    /// The connections that came with this token end.
    TokenRevoked {
        /// Whose.
        tenant: charla_wire::TenantId,
        /// Which.
        jti: String,
    },
    /// Somebody is on a node in a room now, or is not any more: for the other nodes to judge whether that is news.
    Presence {
        /// Which node.
        from: NodeId,
        /// Where.
        room: RoomKey,
        /// Who.
        who: Author,
        /// Came.
        joined: bool,
    },
    /// All that a node has of a person's connections: for the other nodes to judge which are too many.
    Connections {
        /// Which node.
        from: NodeId,
        /// Whose.
        user: UserKey,
        /// Those that are open.
        open: Vec<Opened>,
    },
    /// A chat got messages: for the lists of those who are not in it.
    Moved(Arc<ChatMoved>),
    /// What nodes say to each other.
    Node {
        /// Who speaks.
        from: NodeId,
        /// To whom; to all others if to nobody.
        to: Option<NodeId>,
        /// What.
        word: NodeWord,
    },
    /// What the authority said counts no more.
    Forget(Forgotten),
    /// Limits were changed: the store says how.
    Limits,
    /// Clients repeat themselves.
    Loops {
        /// Who, and how often.
        news: Vec<(crate::loops::Key, charla_core::loops::Told<crate::loops::Who>)>,
        /// By this node's own count, which has it already.
        own: bool,
    },
}

/// Which of an event's frames a connection gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    /// The plain dialect instead of `charla.v1`.
    pub plain: bool,
    /// Deflated.
    pub deflate: bool,
}

/// An event of a room and its frames.
#[derive(Debug)]
pub struct Encoded {
    event: RoomEvent,
    /// The connection that knows already.
    pub except: Option<Uuid>,
    /// The span that told of it, where that is recorded.
    pub trace: Option<TraceContext>,
    v1: Frame,
    // Where the message's own object would begin in `v1`'s payload, less its brace.
    body_at: usize,
    v1_deflated: OnceLock<Option<Frame>>,
    plain: OnceLock<Option<Frame>>,
    plain_deflated: OnceLock<Option<Frame>>,
    room: RoomKey,
    speech: Arc<Speech>,
}

/// How a node speaks: what [`Encoded`] needs to make its frames.
#[derive(Debug)]
pub struct Speech {
    /// The plain dialect's words.
    pub plain: Dialect,
    /// Payloads below this many bytes are not deflated.
    pub deflate_min: usize,
}

impl Encoded {
    /// Encodes for `charla.v1`; the other variants wait until somebody needs them.
    #[must_use]
    pub fn new(room: RoomKey, event: RoomEvent, except: Option<Uuid>, speech: Arc<Speech>) -> Self {
        let (payload, body_at) = write_v1(&room.chat, &event);
        Self {
            event,
            except,
            trace: None,
            v1: codec::text(&payload),
            body_at,
            v1_deflated: OnceLock::new(),
            plain: OnceLock::new(),
            plain_deflated: OnceLock::new(),
            room,
            speech,
        }
    }

    /// The same, as a span told of it.
    #[must_use]
    pub(crate) fn in_trace(self, trace: Option<TraceContext>) -> Self {
        Self { trace, ..self }
    }

    /// The frame for a variant; `None` when it has no word for this.
    pub fn frame(&self, variant: Variant) -> Option<&Frame> {
        let uncompressed = if variant.plain {
            self.plain
                .get_or_init(|| self.write_plain().map(|json| codec::text(&json)))
                .as_ref()?
        } else if let RoomEvent::Relayed(_) = &self.event {
            return None;
        } else {
            &self.v1
        };
        if !variant.deflate {
            return Some(uncompressed);
        }
        let slot = if variant.plain {
            &self.plain_deflated
        } else {
            &self.v1_deflated
        };
        let deflated = slot.get_or_init(|| deflated(&uncompressed.payload(), &self.speech));
        Some(deflated.as_ref().unwrap_or(uncompressed))
    }

    /// A message as it stands in lists: its frame without `type` and `chat`.
    #[must_use]
    pub fn body(&self) -> MessageBody {
        MessageBody {
            rest: self.v1.payload().slice(self.body_at..),
        }
    }

    /// Says which message it is.
    pub(crate) fn describe(&self, span: &mut Span) {
        if let RoomEvent::Message(message) = &self.event {
            telemetry::describe(span, &message.draft);
            span.count("charla.message.seq", message.seq);
        }
    }

    fn write_plain(&self) -> Option<Vec<u8>> {
        let plain = &self.speech.plain;
        match &self.event {
            RoomEvent::Message(message) => Some(plain.write_message(&PlainMessage {
                tenant: self.room.tenant.as_str(),
                chat: self.room.chat.as_str(),
                seq: message.seq,
                id: message.draft.id,
                author: &message.draft.author.name,
                text: &message.draft.text,
                data: message.draft.data.as_deref(),
                sent_at: message.sent_at,
            })),
            RoomEvent::Closed { by, reason, .. } => Some(plain.write_closed(&by.name, reason.as_deref())),
            RoomEvent::Relayed(json) => Some(json.as_bytes().to_vec()),
            RoomEvent::Edited { .. }
            | RoomEvent::Deleted { .. }
            | RoomEvent::Read { .. }
            | RoomEvent::Typing { .. }
            | RoomEvent::Presence { .. }
            | RoomEvent::Reopened { .. } => None,
        }
    }
}

/// A text frame for one connection, deflated where it was agreed on and pays.
#[must_use]
pub fn text_frame(json: &[u8], variant: Variant, speech: &Speech) -> Frame {
    let deflated = if variant.deflate {
        deflated(json, speech)
    } else {
        None
    };
    deflated.unwrap_or_else(|| codec::text(json))
}

fn deflated(payload: &[u8], speech: &Speech) -> Option<Frame> {
    (payload.len() >= speech.deflate_min).then(|| Frame::compressed_text(&deflate::deflate(payload)))
}

/// A message's JSON object, kept without its opening brace so that it can share its frame's bytes.
#[derive(Debug, Clone)]
pub struct MessageBody {
    rest: Bytes,
}

impl MessageBody {
    /// Encodes a message that comes from the store.
    #[must_use]
    pub fn of(message: &Stored) -> Self {
        let json = serde_json::to_vec(&wire_message(message)).unwrap_or_default();
        Self {
            rest: Bytes::from(json).slice(1..),
        }
    }

    /// Puts `"name":[...]` of these bodies into an object that ends with `}`.
    pub fn splice(object: &mut Vec<u8>, name: &str, bodies: &[Self]) {
        object.pop();
        object.extend_from_slice(b",\"");
        object.extend_from_slice(name.as_bytes());
        object.extend_from_slice(b"\":[");
        for (place, body) in bodies.iter().enumerate() {
            object.extend_from_slice(if place == 0 { b"{" } else { b",{" });
            object.extend_from_slice(&body.rest);
        }
        object.extend_from_slice(b"]}");
    }
}

impl rooms::Event for Encoded {
    fn seq(&self) -> Option<Seq> {
        if let RoomEvent::Message(message) = &self.event {
            Some(message.seq)
        } else {
            None
        }
    }

    fn disturbs(&self) -> bool {
        match &self.event {
            RoomEvent::Edited { .. }
            | RoomEvent::Deleted { .. }
            | RoomEvent::Closed { .. }
            | RoomEvent::Reopened { .. } => true,
            RoomEvent::Message(_)
            | RoomEvent::Read { .. }
            | RoomEvent::Typing { .. }
            | RoomEvent::Presence { .. }
            | RoomEvent::Relayed(_) => false,
        }
    }

    fn change(&self) -> Option<Change> {
        self.event.change()
    }

    fn size(&self) -> usize {
        self.v1.bytes().len() * 2 + size_of::<Self>()
    }
}

/// Somebody, as frames show people.
#[must_use]
pub fn person(author: &Author) -> Person<'_> {
    Person {
        id: &author.id,
        name: &author.name,
    }
}

/// A stored message, as frames show it.
#[must_use]
pub fn wire_message(message: &Stored) -> Message<'_> {
    Message {
        seq: message.seq,
        id: message.draft.id,
        author: person(&message.draft.author),
        text: &message.draft.text,
        data: message.draft.data.as_deref().and_then(raw),
        attachments: &message.draft.attachments,
        sent_at: message.sent_at,
        edited_at: message.edited_at,
        deleted: message.deleted,
    }
}

/// JSON that was checked when it came in.
fn raw(json: &str) -> Option<&RawValue> {
    serde_json::from_str(json).ok()
}

/// An event's JSON, and where a message's own object begins in it.
fn write_v1(chat: &ChatId, event: &RoomEvent) -> (Vec<u8>, usize) {
    let frame = match event {
        RoomEvent::Message(message) => {
            // By hand rather than flattened: history and resume share the tail of these bytes.
            let mut json = format!(r#"{{"type":"message","chat":"{chat}","#).into_bytes();
            let body_at = json.len();
            json.extend_from_slice(&MessageBody::of(message).rest);
            return (json, body_at);
        }
        RoomEvent::Relayed(json) => return (json.as_bytes().to_vec(), 0),
        RoomEvent::Edited { message, rev, by } => ServerFrame::Edited {
            chat,
            seq: message.seq,
            rev: *rev,
            text: &message.draft.text,
            edited_at: message.edited_at.unwrap_or(message.sent_at),
            by: person(by),
        },
        RoomEvent::Deleted { seq, rev, at, by } => ServerFrame::Deleted {
            chat,
            seq: *seq,
            rev: *rev,
            deleted_at: *at,
            by: person(by),
        },
        RoomEvent::Read { by, seq } => ServerFrame::Read {
            chat,
            user: person(by),
            seq: *seq,
        },
        RoomEvent::Typing { by, on } => ServerFrame::Typing {
            chat,
            user: person(by),
            on: *on,
        },
        RoomEvent::Presence { who, joined } => ServerFrame::Presence {
            chat,
            user: person(who),
            state: if *joined { "joined" } else { "left" },
        },
        RoomEvent::Closed { by, at, reason } => ServerFrame::ChatClosed {
            chat,
            by: person(by),
            at: *at,
            reason: reason.as_deref(),
        },
        RoomEvent::Reopened { by, at } => ServerFrame::ChatReopened {
            chat,
            by: person(by),
            at: *at,
        },
    };
    (frame.to_json(), 0)
}

impl UserEvent {
    /// The event's JSON in `charla.v1` or the plain dialect; `None` when that has no word for it.
    #[must_use]
    pub fn to_json(&self, plain: Option<&Dialect>) -> Option<Vec<u8>> {
        match (self, plain) {
            (Self::Notification(note), None) => Some(
                ServerFrame::Notification {
                    id: note.id,
                    kind: &note.kind,
                    text: &note.text,
                    url: note.url.as_deref(),
                    data: note.data.as_deref().and_then(raw),
                    created_at: note.created_at,
                }
                .to_json(),
            ),
            (Self::Notification(note), Some(dialect)) => {
                Some(dialect.write_notification(&PlainNotification {
                    id: note.id,
                    kind: &note.kind,
                    text: &note.text,
                    url: note.url.as_deref(),
                    data: note.data.as_deref(),
                    created_at: note.created_at,
                }))
            }
            (Self::Inbox { moved, read_seq }, None) => Some(
                ServerFrame::Inbox {
                    chat: &moved.room.chat,
                    title: &moved.title,
                    seq: moved.seq,
                    unread: moved.seq.saturating_sub(*read_seq),
                    preview: &moved.preview,
                    author: person(&moved.author),
                    sent_at: moved.sent_at,
                }
                .to_json(),
            ),
            (Self::Inbox { .. }, Some(_)) | (Self::Relayed(_), None) => None,
            (Self::Relayed(json), Some(_)) => Some(json.as_bytes().to_vec()),
        }
    }
}
