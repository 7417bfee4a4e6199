//! Where chats live: the one truth that every promise stands on.
//!
//! [`Store`] is the contract; each database is a folder below. Brokers, caches and clients may lose
//! what they like, because whatever was acknowledged can be read here again.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use charla_core::Role;
use charla_core::{Author, RoomKey, Seq, Stored, UserKey};
use charla_wire::{ChatId, TenantId, Timestamp, UserId};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::publish::Entry;
use crate::settings::StoreSettings;

pub mod archive;
pub mod attachments;
mod backfill;
pub mod backup;
pub mod care;
mod columns;
mod hints;
pub mod kept;
pub mod lists;
mod postgres;
mod records;
pub mod search;
mod sqlite;
pub mod webhooks;

pub use backfill::{Backfill, Fate, Past};
pub use hints::{Hints, Moved};
pub use postgres::Postgres;
pub use records::{
    ApiKey, AppendError, Appended, Changed, Chat, Closed, Committed, InboxLine, Member, Notification, Page,
    RefreshToken, Rotated, Standing, Tenant, User, UserChange, UserState,
};
pub use sqlite::Sqlite;

/// What a store's call comes to; boxed, so that one pointer serves every database.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Hears of each group: how many writes shared the commit, and how long it took from the first statement to
/// the end of the commit.
pub type CommitHook = Box<dyn Fn(usize, Duration) + Send + Sync>;

/// Why a store could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It does not answer, or refuses to write (disk full, locked, gone). Asking again later is right.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Its queue is full: more is asked of it than it can do.
    #[error("the store's queue is full")]
    Full,
    /// What it holds contradicts itself, or it was asked for nonsense: a fault of ours.
    #[error("the store failed: {0}")]
    Internal(String),
}

/// Where a database stands among the migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// The number of the last migration that it has had; 0 for an empty one.
    pub found: usize,
    /// The number of the newest one that this program has.
    pub newest: usize,
}

/// Opens the store that the settings name: PostgreSQL where they have an address of it, else SQLite in their folder.
///
/// # Errors
/// As [`Postgres::open`] and [`Sqlite::open`].
pub async fn open(
    settings: &StoreSettings,
    clock: Clock,
    committed: mpsc::Sender<Vec<Committed>>,
) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match &settings.url {
        Some(url) => Arc::new(Postgres::open(url, settings, clock, committed).await?),
        None => Arc::new(Sqlite::open(settings, clock, committed)?),
    })
}

/// Where the schema of the settings' store stands.
///
/// # Errors
/// When it cannot be reached, or was written by a newer program.
pub async fn schema(settings: &StoreSettings) -> Result<Schema, StoreError> {
    match &settings.url {
        Some(url) => postgres::schema(url, settings).await,
        None => sqlite::schema(settings),
    }
}

/// Brings the schema of the settings' store up to date; where it stood before.
///
/// # Errors
/// When it cannot be reached, was written by a newer program, or a migration fails; then it is as it was.
pub async fn migrate(settings: &StoreSettings) -> Result<Schema, StoreError> {
    match &settings.url {
        Some(url) => postgres::migrate(url, settings).await,
        None => sqlite::migrate(settings),
    }
}

/// The contract of a database under Charla.
///
/// - **Durable**: a call that comes back has been committed so that neither `kill -9` nor a power cut undoes it.
/// - **Order**: appends of one chat are numbered 1, 2, 3 ... without gaps in commit order, and
///   [`Committed`] values reach the sink in that order.
/// - **Once**: an append with an (author, id) that the chat has comes back as [`Appended::Repeated`].
/// - **Retry**: nothing is retried here. [`StoreError::Unavailable`] means that the caller may, with the same id.
/// - **Tenants**: no call can see across tenants; each takes a key that carries its tenant.
pub trait Store:
    archive::Archive
    + attachments::AttachmentStore
    + Backfill
    + care::Care
    + kept::Kept
    + lists::Lists
    + search::Search
    + webhooks::WebhookStore
    + Send
    + Sync
    + 'static
{
    /// Hands a draft to the writer and comes back at once; the outcome goes to the sink, in commit order.
    ///
    /// # Errors
    /// When the writer's queue is full or the writer has stopped; the receipt is dropped then.
    fn append(&self, entry: Entry) -> Result<(), StoreError>;

    /// The same for a message that the application sent over its own channel layer, and so has written to its own table already,
    /// if it keeps one: `[history]` writes it only where the settings say so.
    ///
    /// # Errors
    /// As [`Store::append`].
    fn append_bridged(&self, entry: Entry) -> Result<(), StoreError> {
        self.append(entry)
    }

    /// Whether the store answers: a read and the writer's pulse.
    fn ready(&self) -> StoreFuture<'_, ()>;
    /// Comes back once the writer has got round to it, whatever it says of the database; never while it hangs or once it
    /// has ended.
    fn moves(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
    /// Has `hook` told of each group that was committed. The first hook stays.
    fn on_commit(&self, hook: CommitHook);
    /// Comes back, with the reason, once nothing is written any more, after an `fsync` that failed, say: only a new
    /// process may go on then. A store that gets over whatever happens to it never does.
    fn ended(&self) -> Pin<Box<dyn Future<Output = String> + Send + '_>>;
    /// Takes no more writes, carries out those that were taken, and leaves the database tidy. Reads still work.
    fn close(&self) -> StoreFuture<'_, ()>;

    /// All tenants, by id.
    fn tenants(&self) -> StoreFuture<'_, Vec<Tenant>>;
    /// One tenant.
    fn tenant<'a>(&'a self, id: &'a TenantId) -> StoreFuture<'a, Option<Tenant>>;
    /// Makes or renames a tenant; says whether it is new.
    fn put_tenant<'a>(&'a self, id: &'a TenantId, name: &'a str) -> StoreFuture<'a, (Tenant, bool)>;

    /// One user, deleted ones too.
    fn user<'a>(&'a self, key: &'a UserKey) -> StoreFuture<'a, Option<User>>;
    /// A tenant's users but the deleted ones, by id, after `after`.
    fn users<'a>(
        &'a self,
        tenant: &'a TenantId,
        after: Option<&'a UserId>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<User>>;
    /// Makes or changes a user; says whether it is new. The tenant must exist (`None` otherwise).
    fn put_user<'a>(&'a self, key: &'a UserKey, change: UserChange) -> StoreFuture<'a, Option<(User, bool)>>;

    /// One chat.
    fn chat<'a>(&'a self, key: &'a RoomKey) -> StoreFuture<'a, Option<Chat>>;
    /// Those of some chats that there are, in no order.
    fn chats_among<'a>(&'a self, keys: &'a [RoomKey]) -> StoreFuture<'a, Vec<Chat>> {
        Box::pin(async move {
            let mut chats = Vec::new();
            for key in keys {
                chats.extend(self.chat(key).await?);
            }
            Ok(chats)
        })
    }
    /// What other nodes on the same database say and hear; `None` where there can be no other.
    fn hints(&self) -> Option<&Hints> {
        None
    }
    /// A tenant's chats by id, after `after`.
    fn chats<'a>(
        &'a self,
        tenant: &'a TenantId,
        after: Option<&'a ChatId>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Chat>>;
    /// Makes a chat, or gives it another title; says whether it is new. The tenant must exist (`None` otherwise).
    fn put_chat<'a>(
        &'a self,
        key: &'a RoomKey,
        title: Option<&'a str>,
    ) -> StoreFuture<'a, Option<(Chat, bool)>>;
    /// The customer's own support chat, made with `fresh` as its id if there is none; says whether it is new.
    fn support_chat<'a>(
        &'a self,
        customer: &'a UserKey,
        fresh: &'a ChatId,
    ) -> StoreFuture<'a, Option<(Chat, bool)>>;
    /// Closes a chat; `None` when there is none, else the chat and whether this call closed it.
    fn close_chat<'a>(
        &'a self,
        key: &'a RoomKey,
        by: &'a Author,
        reason: Option<&'a str>,
    ) -> StoreFuture<'a, Option<(Chat, bool)>>;
    /// Opens a chat again; likewise.
    fn reopen_chat<'a>(&'a self, key: &'a RoomKey) -> StoreFuture<'a, Option<(Chat, bool)>>;

    /// What the handshake asks, in one look.
    fn standing<'a>(&'a self, user: &'a UserKey, chat: Option<&'a ChatId>) -> StoreFuture<'a, Standing>;
    /// A chat's members by user id.
    fn members<'a>(&'a self, key: &'a RoomKey) -> StoreFuture<'a, Vec<Member>>;
    /// Makes someone a member (the user is made if unknown); says whether that is new; `None` when there is no such chat.
    fn put_member<'a>(&'a self, key: &'a RoomKey, user: &'a UserId) -> StoreFuture<'a, Option<bool>>;
    /// Ends a membership; says whether there was one.
    fn remove_member<'a>(&'a self, key: &'a RoomKey, user: &'a UserId) -> StoreFuture<'a, bool>;
    /// The chats of a person, the one that moved last first. `every` lists every chat of the tenant: an agent's view.
    fn inbox<'a>(&'a self, user: &'a UserKey, every: bool, limit: usize) -> StoreFuture<'a, Vec<InboxLine>>;

    /// A page of messages, oldest first.
    fn messages<'a>(&'a self, key: &'a RoomKey, page: Page, limit: usize) -> StoreFuture<'a, Vec<Stored>>;
    /// Messages up to `up_to` changed after revision `rev`, oldest change first.
    fn changed_since<'a>(
        &'a self,
        key: &'a RoomKey,
        rev: u64,
        up_to: Seq,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Stored>> {
        Box::pin(async move {
            let changes = self.changes(key, rev, up_to, limit).await?;
            Ok(changes.into_iter().map(|(_, message)| message).collect())
        })
    }
    /// The same, each with the revision of its last change.
    fn changes<'a>(
        &'a self,
        key: &'a RoomKey,
        rev: u64,
        up_to: Seq,
        limit: usize,
    ) -> StoreFuture<'a, Vec<(u64, Stored)>>;
    /// Gives a message other words. `any`: whoever wrote it.
    fn edit<'a>(
        &'a self,
        key: &'a RoomKey,
        seq: Seq,
        by: &'a UserId,
        any: bool,
        text: &'a str,
    ) -> StoreFuture<'a, Changed>;
    /// Takes a message's words back. `any`: whoever wrote it.
    fn delete<'a>(
        &'a self,
        key: &'a RoomKey,
        seq: Seq,
        by: &'a UserId,
        any: bool,
    ) -> StoreFuture<'a, Changed>;
    /// Moves a person's read marker forward, not beyond the last message; the marker if it moved. Agents who are no members get a
    /// marker too.
    fn mark_read<'a>(&'a self, key: &'a RoomKey, user: &'a UserId, seq: Seq) -> StoreFuture<'a, Option<Seq>>;
    /// The read markers of a chat that are above 0.
    fn reads<'a>(&'a self, key: &'a RoomKey) -> StoreFuture<'a, Vec<(UserId, Seq)>>;

    /// Stores a notification; `None` when there is no such user.
    fn notify<'a>(
        &'a self,
        user: &'a UserKey,
        notification: Notification,
    ) -> StoreFuture<'a, Option<Notification>>;
    /// A person's notifications, newest first.
    fn notifications<'a>(&'a self, user: &'a UserKey, limit: usize) -> StoreFuture<'a, Vec<Notification>>;
    /// Marks one as seen; says whether there is one.
    fn read_notification<'a>(&'a self, user: &'a UserKey, id: u64) -> StoreFuture<'a, bool>;

    /// Keeps an API key's record.
    fn put_api_key(&self, key: ApiKey) -> StoreFuture<'_, ()>;
    /// The API key with this hash.
    fn api_key<'a>(&'a self, hash: &'a str) -> StoreFuture<'a, Option<ApiKey>>;
    /// All API keys, of one tenant or of all.
    fn api_keys<'a>(&'a self, tenant: Option<&'a TenantId>) -> StoreFuture<'a, Vec<ApiKey>>;
    /// Forgets an API key; says whether there was one.
    fn remove_api_key<'a>(&'a self, hash: &'a str) -> StoreFuture<'a, bool>;

    /// Records the first refresh token of a family.
    fn put_refresh(&self, token: RefreshToken) -> StoreFuture<'_, ()>;
    /// Spends `spent` and records `next` of the same family, or finds out why not, in one transaction.
    fn rotate_refresh<'a>(&'a self, spent: &'a str, next: RefreshToken) -> StoreFuture<'a, Rotated>;
    /// Ends every refresh family of a user.
    fn revoke_refresh<'a>(&'a self, user: &'a UserKey) -> StoreFuture<'a, ()>;

    /// Refuses an access token's `jti` until it would have expired anyway.
    fn revoke_token<'a>(
        &'a self,
        tenant: &'a TenantId,
        jti: &'a str,
        until: Timestamp,
    ) -> StoreFuture<'a, ()>;
    /// The `jti`s refused now.
    fn revoked_tokens(&self) -> StoreFuture<'_, Vec<(TenantId, String, Timestamp)>>;

    /// Keeps a one-time ticket's grant under the hash of its secret.
    fn put_ticket<'a>(&'a self, hash: &'a str, grant: &'a str, until: Timestamp) -> StoreFuture<'a, ()>;
    /// A ticket's grant, which stays; none if its time is over.
    fn ticket<'a>(&'a self, hash: &'a str) -> StoreFuture<'a, Option<String>>;
    /// Takes a ticket's grant out, once, unless its time is over.
    fn take_ticket<'a>(&'a self, hash: &'a str) -> StoreFuture<'a, Option<String>>;

    /// A value of the server's own (its signing secret, say), made by `fresh` the first time.
    fn keep<'a>(&'a self, name: &'a str, fresh: &'a str) -> StoreFuture<'a, String>;
}
