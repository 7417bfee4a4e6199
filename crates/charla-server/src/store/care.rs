//! What becomes of what is kept: how long messages stay, what is kept of one person, and whether this store is still the
//! one that its clients know.

use charla_core::{RoomKey, Seq, Stored, UserKey};
use charla_wire::{ChatId, TenantId, Timestamp, UserId};

use super::StoreFuture;

/// Chats that one call of [`Care::sweep`] looks at.
pub(super) const CHATS_A_SWEEP: usize = 64;

/// Which messages of a chat are kept. What goes is always the chat's beginning: a message that stays keeps all behind it.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Those sent before go.
    pub since: Option<Timestamp>,
    /// Those that are not among the newest so many go too, if sent before [`Keep::settled`].
    pub newest: Option<u64>,
    /// Until then a repeated send must find its number.
    pub settled: Timestamp,
}

impl Keep {
    /// Whether a message goes, of a chat whose last one is `last`.
    pub(super) fn lets_go(&self, last: Seq, seq: Seq, sent_at: Timestamp) -> bool {
        let too_old = self.since.is_some_and(|since| sent_at < since);
        let too_many = self.newest.is_some_and(|newest| seq + newest <= last);
        sent_at < self.settled && (too_old || too_many)
    }
}

/// How far a sweep came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swept {
    /// So many messages went.
    These {
        /// How many.
        messages: u64,
        /// The chat to go on with; `None` at the end.
        next: Option<ChatId>,
    },
    /// Another node sweeps now.
    Elsewhere,
}

/// What is kept of a person besides the messages, the account and the notifications.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    /// Chats that it belongs to, and since when.
    pub memberships: Vec<(ChatId, Timestamp)>,
    /// How far it has read.
    pub reads: Vec<(ChatId, Seq)>,
    /// Sign-ins: until when each may be renewed.
    pub sessions: Vec<Timestamp>,
}

/// What becomes of a person's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// They stay, under the other name.
    Stay,
    /// They are taken back.
    Go,
}

/// What is done about what is kept.
pub trait Care {
    /// Takes away what of a tenant's chats, from `from` on by their ids, is not to be kept: at most `limit` messages, in one
    /// short transaction. Their numbers are not given again.
    fn sweep<'a>(
        &'a self,
        tenant: &'a TenantId,
        from: Option<&'a ChatId>,
        keep: Keep,
        limit: usize,
    ) -> StoreFuture<'a, Swept>;

    /// What the numbers in this store count in.
    fn epoch(&self) -> StoreFuture<'_, u64>;
    /// Begins another epoch: the store was put back, and knows fewer numbers than its clients.
    fn begin_epoch(&self) -> StoreFuture<'_, u64>;

    /// What is kept of a person.
    fn traces<'a>(&'a self, person: &'a UserKey) -> StoreFuture<'a, Traces>;
    /// What a person wrote in a chat after a number, oldest first.
    fn written_by<'a>(
        &'a self,
        room: &'a RoomKey,
        author: &'a UserId,
        after: Seq,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Stored>>;
    /// Gives at most `limit` messages of a chat that a person wrote to `alias`. Each is a change of the chat, with a revision
    /// of its own; as they are now.
    fn disown<'a>(
        &'a self,
        room: &'a RoomKey,
        author: &'a UserId,
        alias: &'a UserId,
        words: Words,
        limit: usize,
    ) -> StoreFuture<'a, Vec<(u64, Stored)>>;
    /// Forgets all else of a person, in webhooks that are still to be sent or were given up too. What stays is the id, deleted,
    /// so that its tokens are refused.
    fn forget<'a>(&'a self, person: &'a UserKey, alias: &'a UserId, words: Words) -> StoreFuture<'a, ()>;
}
