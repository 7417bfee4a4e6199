//! A chat that moved, as it travels between nodes.

use std::sync::Arc;

use charla_core::RoomKey;
use charla_wire::{ChatId, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::Person;
use crate::happening::ChatMoved;
use crate::store::lists::Reader;

#[derive(Serialize, Deserialize)]
pub(super) struct Moved {
    chat: ChatId,
    title: Arc<str>,
    seq: u64,
    author: Person,
    preview: Box<str>,
    sent_at: i64,
    /// Who, how far it has read, and whether it is a member.
    people: Option<Vec<(UserId, u64, bool)>>,
}

impl From<&ChatMoved> for Moved {
    fn from(moved: &ChatMoved) -> Self {
        let people = moved.people.as_ref().map(|people| {
            let reader = |reader: &Reader| (reader.user.clone(), reader.read_seq, reader.is_member);
            people.iter().map(reader).collect()
        });
        Self {
            chat: moved.room.chat.clone(),
            title: Arc::clone(&moved.title),
            seq: moved.seq,
            author: (&moved.author).into(),
            preview: moved.preview.clone(),
            sent_at: moved.sent_at.as_millis(),
            people,
        }
    }
}

impl Moved {
    pub(super) fn into_happening(self, tenant: &TenantId) -> ChatMoved {
        let reader = |(user, read_seq, is_member)| Reader {
            user,
            read_seq,
            is_member,
        };
        ChatMoved {
            room: RoomKey {
                tenant: tenant.clone(),
                chat: self.chat,
            },
            title: self.title,
            seq: self.seq,
            author: self.author.into(),
            preview: self.preview,
            sent_at: Timestamp::from_millis(self.sent_at),
            people: self.people.map(|people| people.into_iter().map(reader).collect()),
        }
    }
}
