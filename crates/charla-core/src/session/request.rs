//! What a client asks, allowed and complete: [`Request`].

use charla_wire::ChatId;
use uuid::Uuid;

use crate::Millis;
use crate::grant::CanEnter;
use crate::message::{Draft, Seq};

/// What a client asks, allowed and complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Store this and publish it.
    Post(Draft),
    /// The same with files: look that they are there first.
    PostWith(Draft, Vec<Uuid>),
    /// Say where a file may be put.
    Attach {
        /// Where it is to be sent, and by whom.
        grant: CanEnter,
        /// What it is called, as the client says.
        name: String,
        /// Its media type, as the client says.
        media_type: String,
        /// How long it is, as the client says.
        bytes: u64,
    },
    /// Say where a file can be fetched.
    Download {
        /// In which chat.
        grant: CanEnter,
        /// Which.
        id: Uuid,
    },
    /// Look whether it may enter, then subscribe.
    Subscribe {
        /// Which chat.
        chat: ChatId,
        /// The last message seen.
        after: Option<Seq>,
        /// The last revision seen.
        rev: Option<u64>,
        /// The epoch that those are of.
        epoch: Option<u64>,
    },
    /// Leave.
    Unsubscribe(ChatId),
    /// Read a page.
    History {
        /// Where.
        grant: CanEnter,
        /// Before this one.
        before: Option<Seq>,
        /// At most.
        limit: usize,
    },
    /// Find messages.
    Search {
        /// Where.
        grant: CanEnter,
        /// The words, as they were typed.
        words: String,
        /// Before this one.
        before: Option<Seq>,
        /// At most.
        limit: usize,
    },
    /// Change a message.
    Edit {
        /// Where, and as whom.
        grant: CanEnter,
        /// Which.
        seq: Seq,
        /// The new words.
        text: String,
    },
    /// Take a message back.
    Delete {
        /// Where, and as whom.
        grant: CanEnter,
        /// Which.
        seq: Seq,
    },
    /// Move the read marker.
    Read {
        /// Where, and whose.
        grant: CanEnter,
        /// To here.
        seq: Seq,
    },
    /// Tell the others.
    Typing {
        /// Where, and who.
        grant: CanEnter,
        /// Began.
        on: bool,
    },
    /// Judge a new token.
    Refresh(String),
    /// Write down how the client fared before.
    Report(Failure),
    /// Answer `pong`.
    Ping,
}

impl Request {
    /// The chat that it is about, where it is about one.
    #[must_use]
    pub fn chat(&self) -> Option<&ChatId> {
        match self {
            Self::Post(draft) | Self::PostWith(draft, _) => Some(&draft.room.chat),
            Self::Subscribe { chat, .. } | Self::Unsubscribe(chat) => Some(chat),
            Self::Attach { grant, .. }
            | Self::Download { grant, .. }
            | Self::History { grant, .. }
            | Self::Search { grant, .. }
            | Self::Edit { grant, .. }
            | Self::Delete { grant, .. }
            | Self::Read { grant, .. }
            | Self::Typing { grant, .. } => Some(&grant.room().chat),
            Self::Refresh(_) | Self::Report(_) | Self::Ping => None,
        }
    }

    /// The message's id, of a send.
    #[must_use]
    pub const fn send_id(&self) -> Option<Uuid> {
        match self {
            Self::Post(draft) | Self::PostWith(draft, _) => Some(draft.id),
            Self::Attach { .. }
            | Self::Download { .. }
            | Self::Subscribe { .. }
            | Self::Unsubscribe(_)
            | Self::History { .. }
            | Self::Search { .. }
            | Self::Edit { .. }
            | Self::Delete { .. }
            | Self::Read { .. }
            | Self::Typing { .. }
            | Self::Refresh(_)
            | Self::Report(_)
            | Self::Ping => None,
        }
    }
}

/// What a client went through before this connection, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A cause's id by its form; it need not be one of ours.
    pub cause: String,
    /// The close code that it saw.
    pub code: Option<u16>,
    /// Attempts that failed.
    pub attempts: u64,
    /// How long it was away.
    pub away: Millis,
}
