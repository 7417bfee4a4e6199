//! A chat that got messages, as it is told to those who have it in a list: [`ChatMoved`].

use std::sync::Arc;

use charla_core::{Author, RoomKey, Seq, Stored};
use charla_wire::{Timestamp, UserId};

use crate::store::Chat;

/// Characters of a message that a list of chats shows.
const PREVIEW_CHARS: usize = 120;

/// A chat that got messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMoved {
    /// Which.
    pub room: RoomKey,
    /// Its title for people.
    pub title: Arc<str>,
    /// The number of its last message.
    pub seq: Seq,
    /// Who wrote that.
    pub author: Author,
    /// How it begins.
    pub preview: Box<str>,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Its members, and those of the staff who have read in it; `None` when they are too many to be carried along.
    pub people: Option<Vec<Reader>>,
}

/// How far somebody has read a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// Who.
    pub user: UserId,
    /// Up to here.
    pub read_seq: Seq,
    /// Whether it is a member.
    pub is_member: bool,
}

impl ChatMoved {
    /// A chat with its last message.
    #[must_use]
    pub fn new(chat: &Chat, last: &Stored, people: Option<Vec<Reader>>) -> Self {
        Self {
            room: chat.key.clone(),
            title: Arc::clone(&chat.title),
            seq: last.seq,
            author: last.draft.author.clone(),
            preview: preview(&last.draft.text).into(),
            sent_at: last.sent_at,
            people,
        }
    }
}

fn preview(text: &str) -> &str {
    let end = text
        .char_indices()
        .nth(PREVIEW_CHARS)
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}
