//! What happens, as an application hears it: [`Event`]s, most of them with the server's [`Frame`].

use std::time::Duration;

use charla_wire::{ChatId, Retry};
use serde_json::Value;
use uuid::Uuid;

use crate::closes::{CauseName, Problem};
use crate::machine::State;

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The state is another one.
    State(State),
    /// A connection was let in.
    Welcome(Frame),
    /// A chat was entered, or entered again after a reconnect.
    Subscribed(Frame),
    /// Somebody said something: each once, and in order.
    Message(Frame),
    /// A message has other words now. After a reconnect: the message itself, without who changed it.
    Edited(Frame),
    /// A message was taken back. After a reconnect: the message itself, without who took it back.
    Deleted(Frame),
    /// Somebody has read so far.
    Read(Frame),
    /// Somebody types, or no longer.
    Typing(Frame),
    /// Somebody came or went.
    Presence(Frame),
    /// Another chat moved.
    Inbox(Frame),
    /// Something for this person alone.
    Notification(Frame),
    /// A chat was closed.
    Closed(Frame),
    /// A chat was opened again.
    Reopened(Frame),
    /// An error that answers no request of ours.
    Refused(Frame),
    /// Any frame, before it is looked at; only where [`raw`](crate::Builder::raw) frames are wanted.
    Raw(Frame),
}

/// A JSON object of the server, with the fields that most have.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame(Value);

impl Frame {
    /// Reads an object; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        value.is_object().then_some(Self(value))
    }

    /// A message out of a list, with the type and the chat that live ones have.
    pub(crate) fn listed(mut message: Value, chat: &ChatId) -> Self {
        if let Some(fields) = message.as_object_mut() {
            fields.insert("type".into(), "message".into());
            fields.insert("chat".into(), chat.as_str().into());
        }
        Self(message)
    }

    /// The same of another type.
    pub(crate) fn of_kind(mut self, kind: &str) -> Self {
        if let Some(fields) = self.0.as_object_mut() {
            fields.insert("type".into(), kind.into());
        }
        self
    }

    /// The whole object.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// A text field; empty if it is none.
    #[must_use]
    pub fn text_of(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// A field that is a whole number.
    #[must_use]
    pub fn number_of(&self, field: &str) -> Option<u64> {
        self.0.get(field).and_then(Value::as_u64)
    }

    /// The frame's type.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text_of("type")
    }

    /// The chat that it is about.
    #[must_use]
    pub fn chat(&self) -> Option<ChatId> {
        ChatId::parse(self.text_of("chat")).ok()
    }

    /// The message's number in its chat.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.number_of("seq").unwrap_or_default()
    }

    /// The id that its sender gave it.
    #[must_use]
    pub fn id(&self) -> Option<Uuid> {
        self.text_of("id").parse().ok()
    }

    /// What was said.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text_of("text")
    }

    /// Who said it: id and name.
    #[must_use]
    pub fn author(&self) -> (&str, &str) {
        let author = self.0.get("author");
        let field = |name| author.and_then(|author| author.get(name)).and_then(Value::as_str);
        (field("id").unwrap_or_default(), field("name").unwrap_or_default())
    }

    /// Takes a list out of it.
    pub(crate) fn take_list(&mut self, field: &str) -> Vec<Value> {
        match self.0.get_mut(field).map(Value::take) {
            Some(Value::Array(list)) => list,
            _ => Vec::new(),
        }
    }

    pub(crate) fn is_true(&self, field: &str) -> bool {
        self.0.get(field) == Some(&Value::Bool(true))
    }
}

/// A send that the server has stored durably.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Where it was said.
    pub chat: ChatId,
    /// The id under which it was sent.
    pub id: Uuid,
    /// Its number in the chat.
    pub seq: u64,
    /// When it was stored, RFC 3339.
    pub sent_at: String,
}

/// A request that the server refused, or that no connection could carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}{}", if .detail.is_empty() { String::new() } else { format!(": {detail}") })]
pub struct Refusal {
    /// An id of the table of causes, or one of the client's own: `connection_lost`, `outbox_full`, `outbox_expired`,
    /// `requests_full`, `unsubscribed`, `closed`.
    pub cause: CauseName,
    /// Short English words; may be empty.
    pub detail: String,
    /// What to do.
    pub retry: Retry,
    /// The server's own advice.
    pub retry_in: Option<Duration>,
}

impl Refusal {
    /// One of the client's own.
    pub(crate) fn of_ours(cause: &str, retry: Retry) -> Self {
        Self {
            cause: CauseName::parse(cause),
            detail: String::new(),
            retry,
            retry_in: None,
        }
    }

    pub(crate) fn lost() -> Self {
        Self::of_ours("connection_lost", Retry::Backoff)
    }

    /// What ended the client ends what it was asked for.
    pub(crate) fn ended(problem: Option<&Problem>) -> Self {
        let cause = problem.and_then(|problem| problem.cause.clone());
        Self {
            cause: cause.unwrap_or_else(|| CauseName::parse("closed")),
            detail: problem
                .and_then(|problem| problem.detail.as_deref())
                .unwrap_or_default()
                .to_owned(),
            retry: Retry::Stop,
            retry_in: None,
        }
    }

    /// An `error` frame.
    pub(crate) fn of_frame(frame: &Frame) -> Self {
        let cause = CauseName::parse(frame.text_of("cause"));
        let retry = Retry::from_word(frame.text_of("retry"));
        Self {
            retry: retry.unwrap_or_else(|| crate::closes::retry_of(Some(&cause), 1006)),
            cause,
            detail: frame.text_of("detail").to_owned(),
            retry_in: frame.number_of("retry_in_ms").map(Duration::from_millis),
        }
    }

    /// Whether the same request may be made again after a while.
    pub(crate) fn may_repeat(&self) -> bool {
        matches!(self.retry, Retry::Backoff | Retry::Wait)
    }
}
