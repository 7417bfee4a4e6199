//! A chat that got messages, as it is told to those who have it in a list: [`ChatMoved`].

use std::sync::Arc;

use charla_core::{Author, RoomKey, Seq};
use charla_wire::Timestamp;

use crate::store::lists::{Listed, Reader};

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

impl ChatMoved {
    /// A chat as the store shows it; no more than `people_max` people are carried along.
    #[must_use]
    pub fn new(listed: Listed, people_max: usize) -> Self {
        let Listed { chat, last, people } = listed;
        Self {
            room: chat.key,
            title: chat.title,
            seq: last.seq,
            preview: preview(&last.draft.text).into(),
            author: last.draft.author,
            sent_at: last.sent_at,
            people: (people.len() <= people_max).then_some(people),
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
