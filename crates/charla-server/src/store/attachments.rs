//! Files that belong to messages, as the store knows them: who may send which, where each was sent, and whose bytes are to be
//! deleted. The bytes are elsewhere.
//!
//! A message takes its files in its own transaction: a file is sent once, by whom it was announced, in the chat that it was
//! announced for. Whatever ends a message (a deletion, retention, an erasure) lets its files go in the same transaction, and
//! their rows stay until the bytes are gone.

use charla_core::{RoomKey, Seq};
use charla_wire::{Attachment, TenantId, Timestamp, UserId};
use uuid::Uuid;

use super::StoreFuture;

/// A file, by whose it is and its id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AttachmentKey {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub id: Uuid,
}

/// A file as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFile {
    /// For which chat it was announced.
    pub room: RoomKey,
    /// By whom.
    pub user: UserId,
    /// What was announced.
    pub attachment: Attachment,
    /// When.
    pub created_at: Timestamp,
    /// Whether its bytes are there.
    pub uploaded: bool,
    /// The message that it was sent with.
    pub seq: Option<Seq>,
}

impl KeptFile {
    /// How it is found again.
    #[must_use]
    pub fn key(&self) -> AttachmentKey {
        AttachmentKey {
            tenant: self.room.tenant.clone(),
            id: self.attachment.id,
        }
    }
}

/// What one user may announce within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// From then on it is counted.
    pub since: Timestamp,
    /// So many bytes. Each file counts for at least [`CHARGED_MIN`].
    pub bytes: u64,
}

/// What the smallest file counts for, in bytes: a block of most disks, and a bound on how many there can be.
pub const CHARGED_MIN: u64 = 4096;

impl Allowance {
    /// Whether a file may be announced where so much was before.
    pub(super) fn takes(self, spent: u64, file: u64) -> bool {
        spent.saturating_add(file.max(CHARGED_MIN)) <= self.bytes
    }
}

/// What became of an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// It is kept.
    Done,
    /// There is no such chat (any more).
    NoChat,
    /// The user's allowance is used up; the oldest that counts was announced then, where there is one.
    Spent(Option<Timestamp>),
}

/// What is known of files.
pub trait AttachmentStore {
    /// Keeps a file that is about to be uploaded.
    fn announce(&self, file: KeptFile, allowance: Option<Allowance>) -> StoreFuture<'_, Announced>;
    /// One file, unless it is let go.
    fn attachment<'a>(&'a self, key: &'a AttachmentKey) -> StoreFuture<'a, Option<KeptFile>>;
    /// Its bytes are there; `false` when it is let go.
    fn uploaded<'a>(&'a self, key: &'a AttachmentKey) -> StoreFuture<'a, bool>;
    /// Lets go what was announced before `unsent_before` and never sent, then gives at most `limit` files whose bytes are to be
    /// deleted. They are given again until [`AttachmentStore::deleted`].
    fn let_go(&self, unsent_before: Timestamp, limit: usize) -> StoreFuture<'_, Vec<AttachmentKey>>;
    /// The bytes of these are deleted.
    fn deleted(&self, keys: Vec<AttachmentKey>) -> StoreFuture<'_, ()>;
    /// Those of a person that were not sent, newest first: what was sent stands in the messages.
    fn unsent<'a>(&'a self, person: &'a charla_core::UserKey, limit: usize)
    -> StoreFuture<'a, Vec<KeptFile>>;
}
