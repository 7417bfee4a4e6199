//! What lists of chats show of those that moved: many chats in one look.

use charla_core::{RoomKey, Seq, Stored};
use charla_wire::UserId;

use super::{Chat, StoreFuture};

/// A chat as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The chat.
    pub chat: Chat,
    /// Its last message.
    pub last: Stored,
    /// Its members, and those of the staff who have read in it; in no order.
    pub people: Vec<Reader>,
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

/// Such looks.
pub trait Lists {
    /// Those of some chats that there are and that have messages, in no order.
    fn listed<'a>(&'a self, keys: &'a [RoomKey]) -> StoreFuture<'a, Vec<Listed>>;
}
