//! What a client may say in `charla.v1`: [`ClientFrame`], read once and strictly.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::ids::ChatId;
use crate::{Cause, json};

/// A client's request. `chat` is absent where the connection is one chat's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientFrame<'f> {
    /// Store and publish a message.
    Send {
        /// Where to.
        chat: Option<ChatId>,
        /// Makes the send idempotent.
        id: Uuid,
        /// The words.
        text: Cow<'f, str>,
        /// The application's own JSON, verbatim.
        data: Option<&'f str>,
        /// The files that belong to it, by the ids that `attach` was answered with.
        attachments: Vec<Uuid>,
    },
    /// Where may a file be put?
    Attach {
        /// In which chat it is to be sent.
        chat: Option<ChatId>,
        /// What it is called.
        name: Cow<'f, str>,
        /// Its media type.
        media_type: Cow<'f, str>,
        /// How long it is.
        bytes: u64,
    },
    /// Where can a file be fetched?
    Download {
        /// In which chat it was sent.
        chat: Option<ChatId>,
        /// Which.
        id: Uuid,
    },
    /// Hear a chat.
    Subscribe {
        /// Which.
        chat: Option<ChatId>,
        /// The last sequence number seen.
        after: Option<u64>,
        /// The last revision seen.
        rev: Option<u64>,
        /// The epoch that those numbers are of.
        epoch: Option<u64>,
    },
    /// Stop hearing a chat.
    Unsubscribe {
        /// Which.
        chat: Option<ChatId>,
    },
    /// Read older messages.
    History {
        /// Of which chat.
        chat: Option<ChatId>,
        /// Those before this sequence number; absent: the latest.
        before: Option<u64>,
        /// How many at most.
        limit: Option<u64>,
    },
    /// Find messages by their words.
    Search {
        /// In which chat.
        chat: Option<ChatId>,
        /// The words.
        q: Cow<'f, str>,
        /// Those before this sequence number; absent: the latest.
        before: Option<u64>,
        /// How many at most.
        limit: Option<u64>,
    },
    /// Give a message other words.
    Edit {
        /// In which chat.
        chat: Option<ChatId>,
        /// Which message.
        seq: u64,
        /// The new words.
        text: Cow<'f, str>,
    },
    /// Take a message back.
    Delete {
        /// In which chat.
        chat: Option<ChatId>,
        /// Which message.
        seq: u64,
    },
    /// Everything up to `seq` was read.
    Read {
        /// In which chat.
        chat: Option<ChatId>,
        /// The last one read.
        seq: u64,
    },
    /// Began or stopped typing.
    Typing {
        /// In which chat.
        chat: Option<ChatId>,
        /// Began.
        on: bool,
    },
    /// A new token for the same user.
    Refresh {
        /// The token.
        token: Cow<'f, str>,
    },
    /// How the client fared while it could not connect.
    Report(Failure<'f>),
    /// Are you there?
    Ping,
}

/// What a client went through before this connection, as it tells it on its next `welcome`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure<'f> {
    /// A cause's id, by its form; the client may know causes that we do not.
    pub cause: Cow<'f, str>,
    /// The close code that it saw, if there was one.
    pub code: Option<u16>,
    /// Attempts that failed.
    pub attempts: u64,
    /// From the loss of the connection to this one, in milliseconds.
    pub away_ms: u64,
}

/// Letters of the cause that a report names.
const REPORTED_CAUSE_MAX: usize = 64;

/// A frame that cannot be carried out, with the number it asked to be answered under, if that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameError {
    /// `bad_request` or `invalid_json`'s kin.
    pub cause: Cause,
    /// The frame's `ref`.
    pub reference: Option<u64>,
    /// What is wrong with it.
    pub detail: String,
    /// Whether it was a JSON object that means one thing. If so, its sender may only know more words than we do.
    pub readable: bool,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.cause, self.detail)
    }
}

impl std::error::Error for FrameError {}

/// Every field of every frame; which are needed, the type says.
#[derive(Deserialize)]
struct Fields<'f> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'f, str>,
    #[serde(rename = "ref")]
    reference: Option<u64>,
    chat: Option<ChatId>,
    #[serde(borrow)]
    id: Option<Cow<'f, str>>,
    #[serde(borrow)]
    text: Option<Cow<'f, str>>,
    #[serde(borrow)]
    data: Option<&'f RawValue>,
    #[serde(borrow)]
    attachments: Option<Vec<Cow<'f, str>>>,
    #[serde(borrow)]
    name: Option<Cow<'f, str>>,
    #[serde(borrow)]
    media_type: Option<Cow<'f, str>>,
    bytes: Option<u64>,
    after: Option<u64>,
    rev: Option<u64>,
    epoch: Option<u64>,
    before: Option<u64>,
    limit: Option<u64>,
    #[serde(borrow)]
    q: Option<Cow<'f, str>>,
    seq: Option<u64>,
    on: Option<bool>,
    #[serde(borrow)]
    token: Option<Cow<'f, str>>,
    #[serde(borrow)]
    cause: Option<Cow<'f, str>>,
    code: Option<u16>,
    attempts: Option<u64>,
    away_ms: Option<u64>,
}

/// Only the answer's number, for a frame whose other fields are wrong.
#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "ref")]
    reference: Option<u64>,
}

impl<'f> ClientFrame<'f> {
    /// Reads one text frame: the request, and the `ref` to answer under.
    ///
    /// # Errors
    /// `bad_request` for what is no JSON object, has an unknown `type`, lacks a field or has one of the wrong type.
    pub fn parse(text: &'f str) -> Result<(Self, Option<u64>), FrameError> {
        let bad = |reference, detail: String| FrameError {
            cause: Cause::BadRequest,
            reference,
            detail,
            readable: true,
        };
        let unreadable = |detail: String| FrameError {
            readable: false,
            ..bad(None, detail)
        };
        json::check(text).map_err(|error| unreadable(error.to_string()))?;
        if !text.trim_start().starts_with('{') {
            return Err(unreadable("a frame is a JSON object".to_owned()));
        }
        let fields: Fields<'f> = serde_json::from_str(text).map_err(|error| {
            let reference = serde_json::from_str(text).map_or(None, |found: Reference| found.reference);
            bad(reference, error.to_string())
        })?;
        let reference = fields.reference;
        fields
            .frame()
            .map(|frame| (frame, reference))
            .map_err(|detail| bad(reference, detail))
    }
}

impl<'f> Fields<'f> {
    fn frame(self) -> Result<ClientFrame<'f>, String> {
        let chat = self.chat;
        let seq = self.seq.ok_or("needs a `seq`");
        Ok(match &*self.kind {
            "send" => ClientFrame::Send {
                chat,
                id: uuid(self.id.as_deref(), "a send")?,
                text: self.text.ok_or("a send needs a `text`")?,
                // `"data": null` says the same as none.
                data: self.data.map(RawValue::get).filter(|data| *data != "null"),
                attachments: attachment_ids(&self.attachments.unwrap_or_default())?,
            },
            "attach" => ClientFrame::Attach {
                chat,
                name: self.name.ok_or("an attach needs a `name`")?,
                media_type: self.media_type.ok_or("an attach needs a `media_type`")?,
                bytes: self.bytes.ok_or("an attach needs `bytes`")?,
            },
            "download" => ClientFrame::Download {
                chat,
                id: uuid(self.id.as_deref(), "a download")?,
            },
            "subscribe" => ClientFrame::Subscribe {
                chat,
                after: self.after,
                rev: self.rev,
                epoch: self.epoch,
            },
            "unsubscribe" => ClientFrame::Unsubscribe { chat },
            "history" => ClientFrame::History {
                chat,
                before: self.before,
                limit: self.limit,
            },
            "search" => ClientFrame::Search {
                chat,
                q: self.q.ok_or("a search needs a `q`")?,
                before: self.before,
                limit: self.limit,
            },
            "edit" => ClientFrame::Edit {
                chat,
                seq: seq?,
                text: self.text.ok_or("an edit needs a `text`")?,
            },
            "delete" => ClientFrame::Delete { chat, seq: seq? },
            "read" => ClientFrame::Read { chat, seq: seq? },
            "typing" => ClientFrame::Typing {
                chat,
                on: self.on.ok_or("typing needs `on`")?,
            },
            "refresh" => ClientFrame::Refresh {
                token: self.token.ok_or("a refresh needs a `token`")?,
            },
            "report" => ClientFrame::Report(Failure {
                cause: reported_cause(self.cause)?,
                code: self.code,
                attempts: self.attempts.ok_or("a report needs `attempts`")?,
                away_ms: self.away_ms.ok_or("a report needs `away_ms`")?,
            }),
            "ping" => ClientFrame::Ping,
            _ => return Err("unknown `type`".to_owned()),
        })
    }
}

fn reported_cause(cause: Option<Cow<'_, str>>) -> Result<Cow<'_, str>, String> {
    let cause = cause.ok_or("a report needs a `cause`")?;
    let is_id = (1..=REPORTED_CAUSE_MAX).contains(&cause.len())
        && cause
            .bytes()
            .all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if is_id {
        return Ok(cause);
    }
    Err(format!(
        "`cause` must be 1 to {REPORTED_CAUSE_MAX} of a-z, 0-9 and _"
    ))
}

fn uuid(id: Option<&str>, whose: &str) -> Result<Uuid, String> {
    let id = id.ok_or_else(|| format!("{whose} needs an `id`, a UUID"))?;
    Uuid::try_parse(id).map_err(|_| "`id` must be a UUID".to_owned())
}

fn attachment_ids(ids: &[Cow<'_, str>]) -> Result<Vec<Uuid>, String> {
    let mut read = Vec::with_capacity(ids.len());
    for id in ids {
        let id = Uuid::try_parse(id).map_err(|_| "`attachments` must be UUIDs".to_owned())?;
        if read.contains(&id) {
            return Err("`attachments` names one twice".to_owned());
        }
        read.push(id);
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190d3f0-7f4e-7c3a-9c1e-2f6b8c1d4e5f";

    #[test]
    fn a_send_keeps_its_data_verbatim() {
        let text =
            format!(r#"{{"type":"send","ref":1,"chat":"5","id":"{ID}","text":"hola","data":{{"a": 1.50}}}}"#);
        let (frame, reference) = ClientFrame::parse(&text).unwrap();
        assert_eq!(reference, Some(1));
        let ClientFrame::Send { chat, text, data, .. } = frame else {
            panic!("{frame:?}")
        };
        assert_eq!(chat.unwrap().as_str(), "5");
        assert_eq!((&*text, data), ("hola", Some(r#"{"a": 1.50}"#)));
    }

    #[test]
    fn a_send_names_its_attachments_once_each() {
        let send = |ids: &str| {
            let text = format!(r#"{{"type":"send","id":"{ID}","text":"","attachments":{ids}}}"#);
            match ClientFrame::parse(&text) {
                Ok((ClientFrame::Send { attachments, .. }, _)) => Ok(attachments.len()),
                Ok((other, _)) => panic!("{other:?}"),
                Err(error) => Err(error.detail),
            }
        };
        assert_eq!(send("[]"), Ok(0));
        assert_eq!(send(&format!(r#"["{ID}"]"#)), Ok(1));
        assert!(
            send(&format!(r#"["{ID}","{ID}"]"#))
                .unwrap_err()
                .contains("twice")
        );
        assert!(send(r#"["../x"]"#).unwrap_err().contains("must be UUIDs"));
        assert!(send("[5]").unwrap_err().contains("invalid type"));
    }

    #[test]
    fn a_report_is_read_whole() {
        let text =
            r#"{"type":"report","cause":"server_unreachable","code":1006,"attempts":4,"away_ms":51234}"#;
        let failure = Failure {
            cause: "server_unreachable".into(),
            code: Some(1006),
            attempts: 4,
            away_ms: 51_234,
        };
        assert_eq!(ClientFrame::parse(text), Ok((ClientFrame::Report(failure), None)));
    }

    #[test]
    fn what_is_wrong_is_said_and_answered_under_its_ref() {
        let cases = [
            ("hola", None, "expected"),
            ("[]", None, "a JSON object"),
            (r#"{"ref":7}"#, Some(7), "missing field `type`"),
            (r#"{"type":"dance","ref":7}"#, Some(7), "unknown `type`"),
            (r#"{"type":"send","ref":7,"text":"x"}"#, Some(7), "needs an `id`"),
            (
                r#"{"type":"send","ref":7,"id":"1","text":"x"}"#,
                Some(7),
                "must be a UUID",
            ),
            (r#"{"type":"send","ref":7,"text":5}"#, Some(7), "invalid type"),
            (
                r#"{"type":"attach","ref":7,"name":"a","media_type":"x/y"}"#,
                Some(7),
                "needs `bytes`",
            ),
            (
                r#"{"type":"download","ref":7}"#,
                Some(7),
                "a download needs an `id`",
            ),
            (
                r#"{"type":"subscribe","ref":7,"chat":"../x"}"#,
                Some(7),
                "not allowed",
            ),
            (
                r#"{"type":"subscribe","ref":7,"after":-1}"#,
                Some(7),
                "invalid value",
            ),
            (r#"{"type":"ping","type":"ping"}"#, None, "twice"),
        ];
        for (text, reference, detail) in cases {
            let error = ClientFrame::parse(text).unwrap_err();
            assert_eq!(
                (error.cause, error.reference),
                (Cause::BadRequest, reference),
                "{text}"
            );
            assert!(error.detail.contains(detail), "{text}: {}", error.detail);
        }
    }
}
