//! A message on its way: [`Draft`] until the store has it, [`Stored`] from then on.
//!
//! Only a store makes a [`Stored`]: it is the one that knows the number and the time.

use std::sync::Arc;

use charla_wire::{Attachment, Timestamp, UserId};
use uuid::Uuid;

use crate::key::RoomKey;

/// A place in a chat's order: 1, 2, 3 ... without gaps. 0 stands for "before the first".
pub type Seq = u64;

/// Who wrote, as shown to others. The name is kept with the message: it says what it said then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The writer's id within the tenant.
    pub id: UserId,
    /// The writer's display name at the time of writing.
    pub name: Arc<str>,
}

/// A message that nobody has numbered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Where it goes.
    pub room: RoomKey,
    /// Made by the client; a second draft with the same id in the same chat by the same author is the same message.
    pub id: Uuid,
    /// Who wrote it.
    pub author: Author,
    /// The words, not empty unless `data` or an attachment is there.
    pub text: Arc<str>,
    /// The application's own JSON, verbatim.
    pub data: Option<Arc<str>>,
    /// The files that belong to it.
    pub attachments: Vec<Attachment>,
}

/// A message that is stored durably.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What was sent. After an edit the text is the newest; after a deletion it is empty, and `data` and attachments are gone.
    pub draft: Draft,
    /// Its place in the chat.
    pub seq: Seq,
    /// When it was committed.
    pub sent_at: Timestamp,
    /// When it was last edited.
    pub edited_at: Option<Timestamp>,
    /// Whether its words were taken back.
    pub deleted: bool,
}

impl Stored {
    /// Its words are gone, and its place stays.
    pub fn take_back(&mut self) {
        self.draft.text = "".into();
        self.draft.data = None;
        self.draft.attachments.clear();
        self.deleted = true;
    }
}
