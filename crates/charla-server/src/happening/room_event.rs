//! What can happen in a room.

use std::sync::Arc;

use charla_core::changes::Change;
use charla_core::{Author, Seq, Stored};
use charla_wire::Timestamp;

/// Something that happened in a room.
#[derive(Debug, Clone)]
pub enum RoomEvent {
    /// A message was stored.
    Message(Stored),
    /// A message has other words.
    Edited {
        /// As it is now.
        message: Stored,
        /// The chat's revision.
        rev: u64,
        /// Who did it.
        by: Author,
    },
    /// A message was taken back.
    Deleted {
        /// Which.
        seq: Seq,
        /// The chat's revision.
        rev: u64,
        /// When.
        at: Timestamp,
        /// Who did it.
        by: Author,
    },
    /// Somebody has read up to here.
    Read {
        /// Who.
        by: Author,
        /// Up to here.
        seq: Seq,
    },
    /// Somebody began or stopped typing.
    Typing {
        /// Who.
        by: Author,
        /// Began.
        on: bool,
    },
    /// Somebody came or went.
    Presence {
        /// Who.
        who: Author,
        /// Came.
        joined: bool,
    },
    /// The chat was closed.
    Closed {
        /// Who did it.
        by: Author,
        /// When.
        at: Timestamp,
        /// Why.
        reason: Option<String>,
    },
    /// The chat was opened again.
    Reopened {
        /// Who did it.
        by: Author,
        /// When.
        at: Timestamp,
    },
    /// Django Channels said something that only plain clients understand: this JSON. It is kept nowhere.
    Relayed(Arc<str>),
}

impl RoomEvent {
    /// What it changes of the chat in the store, if it is no message.
    pub(super) const fn change(&self) -> Option<Change> {
        match self {
            Self::Edited { rev, .. } | Self::Deleted { rev, .. } => Some(Change::Revision(*rev)),
            Self::Closed { at, .. } => Some(Change::Closed(*at)),
            Self::Reopened { .. } => Some(Change::Reopened),
            Self::Message(_)
            | Self::Read { .. }
            | Self::Typing { .. }
            | Self::Presence { .. }
            | Self::Relayed(_) => None,
        }
    }

    /// Whether other nodes find it in the store.
    pub(crate) const fn is_stored(&self) -> bool {
        matches!(self, Self::Message(_)) || self.change().is_some()
    }
}
