//! What is said in Charla and should be heard in Channels.

use charla_core::{Author, RoomKey, Seq, Stored, UserKey};

use crate::store::Notification;

/// Something to be told.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// A message was stored.
    Message(Stored),
    /// It has other words.
    Edited(Stored),
    /// It was taken back.
    Deleted {
        /// Where.
        room: RoomKey,
        /// Which.
        seq: Seq,
    },
    /// A chat was closed.
    Closed {
        /// Which.
        room: RoomKey,
        /// By whom.
        by: Author,
        /// Why.
        reason: Option<String>,
    },
    /// A person has a note.
    Notification {
        /// Who.
        user: UserKey,
        /// What.
        note: Box<Notification>,
    },
}
