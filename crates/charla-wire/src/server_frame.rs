//! What the server says in `charla.v1`: [`ServerFrame`], written as JSON text.
//!
//! The frame `message` is the one that is not here: it is a [`Message`] with `type` and `chat` in front,
//! and whoever publishes makes it once for everybody.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{Attachment, Cause, ChatId, TenantId, Timestamp, UserId};

/// Somebody, as shown to others.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Person<'f> {
    /// The id within the tenant.
    pub id: &'f UserId,
    /// The name for people.
    pub name: &'f str,
}

/// Whom the server takes this connection for.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Me<'f> {
    /// The id within the tenant.
    pub id: &'f UserId,
    /// The name for people.
    pub name: &'f str,
    /// `member` or `agent`.
    pub role: &'f str,
}

/// A message, as history, resume and delivery show it.
#[derive(Debug, Clone, Serialize)]
pub struct Message<'f> {
    /// Its place in the chat.
    pub seq: u64,
    /// The client's id of it.
    pub id: Uuid,
    /// Who wrote it.
    pub author: Person<'f>,
    /// The words; empty once deleted.
    pub text: &'f str,
    /// The application's own JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<&'f RawValue>,
    /// The files that belong to it; none once deleted.
    #[serde(skip_serializing_if = "<[Attachment]>::is_empty")]
    pub attachments: &'f [Attachment],
    /// When it was committed.
    pub sent_at: Timestamp,
    /// When it was last edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// Whether its words were taken back.
    #[serde(skip_serializing_if = "is_false")]
    pub deleted: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands references to `skip_serializing_if`"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A message that was found.
#[derive(Debug, Clone, Serialize)]
pub struct Hit<'f> {
    /// The message.
    #[serde(flatten)]
    pub message: Message<'f>,
    /// Where the words stand in its text: from, and how many, in UTF-16 code units.
    pub hits: Vec<[usize; 2]>,
}

/// How far somebody has read.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ReadMark<'f> {
    /// Who.
    pub user: &'f UserId,
    /// Up to here.
    pub seq: u64,
}

/// A frame to a client; `reference` answers a request's `ref`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame<'f> {
    /// The first word: who you are taken for, and how this connection lives.
    Welcome {
        /// The connection's id, as in logs and receipts.
        session: &'f str,
        /// Whom the token names.
        user: Me<'f>,
        /// Whose chats these are.
        tenant: &'f TenantId,
        /// Silence after which the server pings.
        heartbeat_ms: u64,
        /// When the token runs out.
        token_expires_at: Option<Timestamp>,
        /// The server's clock.
        server_time: Timestamp,
        /// The server's version.
        version: &'f str,
    },
    /// A chat is heard from here on. Two lists of [`Message`] are spliced in behind: `messages`, what was
    /// missed or the latest page, and `changed`, earlier ones that were edited or deleted meanwhile.
    Subscribed {
        /// The request's number; absent when the address subscribed.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
        /// Which chat.
        chat: &'f ChatId,
        /// Its title.
        title: &'f str,
        /// `open` or `closed`.
        state: &'f str,
        /// What this user may do in it: `member` or `agent`.
        role: &'f str,
        /// Its last sequence number.
        seq: u64,
        /// Its revision.
        rev: u64,
        /// What `seq` and `rev` count in: another one after the store was put back from a backup.
        epoch: u64,
        /// Whether `messages` is all that was missed.
        resumed: bool,
        /// Who else is here.
        members_online: Vec<Person<'f>>,
        /// How far the others have read.
        reads: Vec<ReadMark<'f>>,
    },
    /// A chat is heard no longer.
    Unsubscribed {
        /// The request's number.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
        /// Which chat.
        chat: &'f ChatId,
    },
    /// A send is stored durably, or an edit or deletion done.
    Ack {
        /// The request's number.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
        /// In which chat.
        chat: &'f ChatId,
        /// The send's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Uuid>,
        /// The message's place.
        seq: u64,
        /// The chat's revision after an edit or deletion.
        #[serde(skip_serializing_if = "Option::is_none")]
        rev: Option<u64>,
        /// When a send was committed.
        #[serde(skip_serializing_if = "Option::is_none")]
        sent_at: Option<Timestamp>,
    },
    /// Where a file may be put, and until when; then it can be sent under this id.
    Upload {
        /// The request's number.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
        /// In which chat it can be sent.
        chat: &'f ChatId,
        /// Its id from now on.
        id: Uuid,
        /// What it is called from now on.
        name: &'f str,
        /// The method of the HTTP request that brings it.
        method: &'f str,
        /// Where that goes: an absolute address, or a path on this server.
        url: &'f str,
        /// The header lines that it has to carry, by name.
        headers: &'f BTreeMap<&'static str, String>,
        /// After this the address is of no use.
        until: Timestamp,
    },
    /// Where a file can be fetched, and until when.
    Download {
        /// The request's number.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
        /// In which chat it stands.
        chat: &'f ChatId,
        /// Which.
        id: Uuid,
        /// Where it is: an absolute address, or a path on this server.
        url: &'f str,
        /// After this the address is of no use.
        until: Timestamp,
    },
    /// A page of messages.
    History {
        /// The request's number.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
        /// Of which chat.
        chat: &'f ChatId,
        /// Oldest first.
        messages: Vec<Message<'f>>,
        /// Whether there are older ones.
        more: bool,
    },
    /// Messages with the words that were asked for.
    Found {
        /// The request's number.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
        /// Of which chat.
        chat: &'f ChatId,
        /// Newest first.
        messages: Vec<Hit<'f>>,
        /// Whether there are older ones.
        more: bool,
        /// Whether all of the chat was looked through; else its oldest messages are still being prepared.
        complete: bool,
    },
    /// A message has other words.
    Edited {
        /// Where.
        chat: &'f ChatId,
        /// Which.
        seq: u64,
        /// The chat's revision now.
        rev: u64,
        /// The new words.
        text: &'f str,
        /// When.
        edited_at: Timestamp,
        /// Who did it.
        by: Person<'f>,
    },
    /// A message was taken back.
    Deleted {
        /// Where.
        chat: &'f ChatId,
        /// Which.
        seq: u64,
        /// The chat's revision now.
        rev: u64,
        /// When.
        deleted_at: Timestamp,
        /// Who did it.
        by: Person<'f>,
    },
    /// Somebody has read up to here.
    Read {
        /// Where.
        chat: &'f ChatId,
        /// Who.
        user: Person<'f>,
        /// Up to here.
        seq: u64,
    },
    /// Somebody began or stopped typing.
    Typing {
        /// Where.
        chat: &'f ChatId,
        /// Who.
        user: Person<'f>,
        /// Began.
        on: bool,
    },
    /// Somebody came or went.
    Presence {
        /// Where.
        chat: &'f ChatId,
        /// Who.
        user: Person<'f>,
        /// `joined` or `left`.
        state: &'f str,
    },
    /// The chat is closed: no more sends.
    ChatClosed {
        /// Which.
        chat: &'f ChatId,
        /// Who closed it.
        by: Person<'f>,
        /// When.
        at: Timestamp,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'f str>,
    },
    /// The chat is open again.
    ChatReopened {
        /// Which.
        chat: &'f ChatId,
        /// Who opened it.
        by: Person<'f>,
        /// When.
        at: Timestamp,
    },
    /// A note of this person's own.
    Notification {
        /// Its number.
        id: u64,
        /// The application's word for its kind.
        kind: &'f str,
        /// The words.
        text: &'f str,
        /// Where it leads.
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<&'f str>,
        /// The application's own JSON.
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'f RawValue>,
        /// When.
        created_at: Timestamp,
    },
    /// Another chat of this person's moved.
    Inbox {
        /// Which.
        chat: &'f ChatId,
        /// Its title.
        title: &'f str,
        /// Its last sequence number.
        seq: u64,
        /// Messages that this person has not read.
        unread: u64,
        /// The last message's beginning.
        preview: &'f str,
        /// Who wrote it.
        author: Person<'f>,
        /// When.
        sent_at: Timestamp,
    },
    /// Send a `refresh`, or be closed with `token_expired`.
    TokenExpiring {
        /// Time left.
        in_ms: u64,
    },
    /// The new token is taken.
    Refreshed {
        /// The request's number.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
        /// When it runs out.
        token_expires_at: Option<Timestamp>,
    },
    /// Yes.
    Pong,
    /// A request was refused; the connection lives on.
    Error {
        /// The request's number.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
        /// In which chat.
        #[serde(skip_serializing_if = "Option::is_none")]
        chat: Option<&'f ChatId>,
        /// The send's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Uuid>,
        /// Why.
        cause: Cause,
        /// In words for developers.
        detail: &'f str,
        /// What to do: the cause's advice.
        retry: &'f str,
        /// When a retry can succeed.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_in_ms: Option<u64>,
    },
}

impl ServerFrame<'_> {
    /// The frame as JSON text.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(256);
        // Writing to memory fails only if a value refuses to be serialised, and none here can.
        let written = serde_json::to_writer(&mut json, self);
        debug_assert!(written.is_ok(), "{written:?}");
        json
    }
}
