//! SQLite: one file, one thread that writes, a few that read.
//!
//! An acknowledged write is in the write-ahead log and `fsync`ed ([`file`] sees to it at the start). Writes
//! that wait share a commit ([`writer`]); reads go past them on connections of their own ([`reader`]).
//! Nothing here blocks a thread of the runtime. A write is handed over when it is called for, so it is
//! carried out even if nobody waits for the answer.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use charla_core::{Author, RoomKey, Seq, Stored, UserKey};
use charla_wire::{ChatId, TenantId, Timestamp, UserId};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

use self::append::Chats;
use self::checkpoint::{Checkpoints, Ended};
use self::file::Folder;
use self::messages::Change;
use self::reader::{READERS, Readers};
use self::writer::{Job, Writer, Writing};
use super::webhooks::Hooks;
use super::{
    ApiKey, Changed, Chat, CommitHook, Committed, InboxLine, Member, Notification, Page, RefreshToken,
    Rotated, Schema, Standing, Store, StoreError, StoreFuture, Tenant, User, UserChange,
};
use crate::clock::Clock;
use crate::publish::Entry;
use crate::settings::StoreSettings;

mod append;
mod archive;
mod attachments;
mod backfill;
mod backup;
mod care;
mod chats;
mod checkpoint;
mod credentials;
mod directory;
mod fault;
mod file;
mod kept;
mod lists;
mod messages;
mod migrations;
mod notifications;
mod reader;
mod rows;
mod search;
#[cfg(test)]
mod tests;
mod webhooks;
mod writer;

/// How long the writer may take to answer before the store counts as away.
const PULSE_WITHIN: Duration = Duration::from_secs(5);

/// A store in a folder of this machine.
pub struct Sqlite {
    queue: mpsc::Sender<Job>,
    readers: Readers,
    clock: Clock,
    hook: Arc<OnceLock<CommitHook>>,
    hooks: Arc<Hooks>,
    ended: watch::Receiver<Option<String>>,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite")
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

impl Sqlite {
    /// Opens the store in the settings' folder, making or upgrading it, and starts its threads.
    ///
    /// What becomes of each append goes to `committed` in commit order, one vector a group. While it is full the writer
    /// waits: whoever receives from it must not wait for a write of this store.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the folder cannot be used or another process has it open;
    /// [`StoreError::Internal`] when the file was written by a newer program, or durable commits are not to be had.
    pub fn open(
        settings: &StoreSettings,
        clock: Clock,
        committed: mpsc::Sender<Vec<Committed>>,
    ) -> Result<Self, StoreError> {
        let unavailable = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let folder = Folder::take(&settings.path)?;
        let conn = folder.writer()?;
        let readers = (0..READERS).map(|_| folder.reader()).collect::<Result<_, _>>()?;
        let readers = Readers::start(readers).map_err(unavailable)?;
        let (queue, jobs) = mpsc::channel(settings.queue_max.max(1));
        let (ends, ended) = Ended::new();
        let checkpoints = Checkpoints::start(folder.checkpointer()?, ends.clone()).map_err(unavailable)?;
        let hook = Arc::new(OnceLock::new());
        let hooks = Arc::new(Hooks::default());
        let writer = Writer {
            chats: Chats::new(&conn).map_err(|error| fault::told(&error))?,
            conn,
            clock: Arc::clone(&clock),
            queue: jobs,
            group_max: settings.group_max.max(1),
            committed,
            hook: Arc::clone(&hook),
            hooks: Arc::clone(&hooks),
            ended: ends,
            checkpoints,
            doubtful: false,
            folder,
        };
        std::thread::Builder::new()
            .name("charla-write".into())
            .spawn(move || writer.run())
            .map_err(unavailable)?;
        Ok(Self {
            queue,
            readers,
            clock,
            hook,
            hooks,
            ended,
        })
    }

    /// How many writes wait for the writer.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Has the writer do `work` in a savepoint of its next group.
    fn write<'a, T, F>(&self, work: F) -> StoreFuture<'a, T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Writing<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let sent = self.queue.try_send(writer::task(work, reply));
        Box::pin(async move {
            match sent {
                Ok(()) => answer.await.map_err(|_| stopped())?,
                Err(error) => Err(refused(&error)),
            }
        })
    }
}

pub(super) use backup::{backup, compact};

/// Where the schema of the file stands; a folder without one stands at the start.
pub(super) fn schema(settings: &StoreSettings) -> Result<Schema, StoreError> {
    if !file::is_there(&settings.path) {
        return Ok(migrations::nothing());
    }
    migrations::look(&Folder::take(&settings.path)?.reader()?)
}

/// Brings the schema of the file up to date; where it stood before.
pub(super) fn migrate(settings: &StoreSettings) -> Result<Schema, StoreError> {
    let before = schema(settings)?;
    Folder::take(&settings.path)?.writer()?;
    Ok(before)
}

fn refused<T>(error: &TrySendError<T>) -> StoreError {
    match error {
        TrySendError::Full(_) => StoreError::Full,
        TrySendError::Closed(_) => stopped(),
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the writer has stopped".into())
}

impl Store for Sqlite {
    fn append(&self, entry: Entry) -> Result<(), StoreError> {
        self.queue
            .try_send(Job::Append(entry))
            .map_err(|error| refused(&error))
    }

    fn ready(&self) -> StoreFuture<'_, ()> {
        if let Some(reason) = &*self.ended.borrow() {
            let reason = reason.clone();
            return Box::pin(async { Err(StoreError::Unavailable(reason)) });
        }
        let pulse = self.write(|w| directory::pulse(w));
        let look = self
            .readers
            .read(|conn| conn.query_row("SELECT 1", [], |_| Ok(())));
        Box::pin(async move {
            let both = async { look.await.and(pulse.await) };
            tokio::time::timeout(PULSE_WITHIN, both)
                .await
                .unwrap_or_else(|_| {
                    Err(StoreError::Unavailable(format!(
                        "no answer within {} s",
                        PULSE_WITHIN.as_secs()
                    )))
                })
        })
    }

    fn moves(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            let (reply, answer) = oneshot::channel();
            let nothing = writer::task(|_| Ok(()), reply);
            if self.queue.send(nothing).await.is_err() || answer.await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        Box::pin(async {
            let (closer, closed) = oneshot::channel();
            if self.queue.send(Job::Close(closer)).await.is_ok() {
                let _ = closed.await;
            }
            Ok(())
        })
    }

    fn on_commit(&self, hook: CommitHook) {
        let _ = self.hook.set(hook);
    }

    /// After an `fsync` that failed every write is refused and [`Store::ready`] fails until there is a new process.
    fn ended(&self) -> Pin<Box<dyn Future<Output = String> + Send + '_>> {
        let mut ended = self.ended.clone();
        Box::pin(async move {
            match ended.wait_for(Option::is_some).await {
                Ok(reason) => reason.clone().unwrap_or_default(),
                Err(_) => "the writer has stopped".into(),
            }
        })
    }

    fn tenants(&self) -> StoreFuture<'_, Vec<Tenant>> {
        self.readers.read(directory::tenants)
    }

    fn tenant<'a>(&'a self, id: &'a TenantId) -> StoreFuture<'a, Option<Tenant>> {
        let id = id.clone();
        self.readers.read(move |conn| directory::tenant(conn, &id))
    }

    fn put_tenant<'a>(&'a self, id: &'a TenantId, name: &'a str) -> StoreFuture<'a, (Tenant, bool)> {
        let (id, name) = (id.clone(), name.to_owned());
        self.write(move |w| directory::put_tenant(w, &id, &name))
    }

    fn user<'a>(&'a self, key: &'a UserKey) -> StoreFuture<'a, Option<User>> {
        let key = key.clone();
        self.readers.read(move |conn| directory::user(conn, &key))
    }

    fn users<'a>(
        &'a self,
        tenant: &'a TenantId,
        after: Option<&'a UserId>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<User>> {
        let (tenant, after) = (tenant.clone(), after.cloned());
        self.readers
            .read(move |conn| directory::users(conn, &tenant, after.as_ref(), limit))
    }

    fn put_user<'a>(&'a self, key: &'a UserKey, change: UserChange) -> StoreFuture<'a, Option<(User, bool)>> {
        let key = key.clone();
        self.write(move |w| directory::put_user(w, &key, &change))
    }

    fn chat<'a>(&'a self, key: &'a RoomKey) -> StoreFuture<'a, Option<Chat>> {
        let key = key.clone();
        self.readers.read(move |conn| chats::chat(conn, &key))
    }

    fn chats<'a>(
        &'a self,
        tenant: &'a TenantId,
        after: Option<&'a ChatId>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Chat>> {
        let (tenant, after) = (tenant.clone(), after.cloned());
        self.readers
            .read(move |conn| chats::chats(conn, &tenant, after.as_ref(), limit))
    }

    fn put_chat<'a>(
        &'a self,
        key: &'a RoomKey,
        title: Option<&'a str>,
    ) -> StoreFuture<'a, Option<(Chat, bool)>> {
        let (key, title) = (key.clone(), title.map(str::to_owned));
        self.write(move |w| chats::put_chat(w, &key, title.as_deref()))
    }

    fn support_chat<'a>(
        &'a self,
        customer: &'a UserKey,
        fresh: &'a ChatId,
    ) -> StoreFuture<'a, Option<(Chat, bool)>> {
        let (customer, fresh) = (customer.clone(), fresh.clone());
        self.write(move |w| chats::support_chat(w, &customer, &fresh))
    }

    fn close_chat<'a>(
        &'a self,
        key: &'a RoomKey,
        by: &'a Author,
        reason: Option<&'a str>,
    ) -> StoreFuture<'a, Option<(Chat, bool)>> {
        let (key, by, reason) = (key.clone(), by.clone(), reason.map(str::to_owned));
        self.write(move |w| chats::close(w, &key, &by, reason.as_deref()))
    }

    fn reopen_chat<'a>(&'a self, key: &'a RoomKey) -> StoreFuture<'a, Option<(Chat, bool)>> {
        let key = key.clone();
        self.write(move |w| chats::reopen(w, &key))
    }

    fn standing<'a>(&'a self, user: &'a UserKey, chat: Option<&'a ChatId>) -> StoreFuture<'a, Standing> {
        let (user, chat) = (user.clone(), chat.cloned());
        self.readers
            .read(move |conn| chats::standing(conn, &user, chat.as_ref()))
    }

    fn members<'a>(&'a self, key: &'a RoomKey) -> StoreFuture<'a, Vec<Member>> {
        let key = key.clone();
        self.readers.read(move |conn| chats::members(conn, &key))
    }

    fn put_member<'a>(&'a self, key: &'a RoomKey, user: &'a UserId) -> StoreFuture<'a, Option<bool>> {
        let (key, user) = (key.clone(), user.clone());
        self.write(move |w| chats::put_member(w, &key, &user))
    }

    fn remove_member<'a>(&'a self, key: &'a RoomKey, user: &'a UserId) -> StoreFuture<'a, bool> {
        let (key, user) = (key.clone(), user.clone());
        self.write(move |w| chats::remove_member(w, &key, &user))
    }

    fn inbox<'a>(&'a self, user: &'a UserKey, every: bool, limit: usize) -> StoreFuture<'a, Vec<InboxLine>> {
        let user = user.clone();
        self.readers
            .read(move |conn| chats::inbox(conn, &user, every, limit))
    }

    fn messages<'a>(&'a self, key: &'a RoomKey, page: Page, limit: usize) -> StoreFuture<'a, Vec<Stored>> {
        let key = key.clone();
        self.readers
            .read(move |conn| messages::page(conn, &key, page, limit))
    }

    fn changes<'a>(
        &'a self,
        key: &'a RoomKey,
        rev: u64,
        up_to: Seq,
        limit: usize,
    ) -> StoreFuture<'a, Vec<(u64, Stored)>> {
        let key = key.clone();
        self.readers
            .read(move |conn| messages::changes(conn, &key, rev, up_to, limit))
    }

    fn edit<'a>(
        &'a self,
        key: &'a RoomKey,
        seq: Seq,
        by: &'a UserId,
        any: bool,
        text: &'a str,
    ) -> StoreFuture<'a, Changed> {
        let (key, by, text) = (key.clone(), by.clone(), text.to_owned());
        self.write(move |w| messages::change(w, &key, seq, &by, any, &Change::Edit(&text)))
    }

    fn delete<'a>(
        &'a self,
        key: &'a RoomKey,
        seq: Seq,
        by: &'a UserId,
        any: bool,
    ) -> StoreFuture<'a, Changed> {
        let (key, by) = (key.clone(), by.clone());
        self.write(move |w| messages::change(w, &key, seq, &by, any, &Change::Delete))
    }

    fn mark_read<'a>(&'a self, key: &'a RoomKey, user: &'a UserId, seq: Seq) -> StoreFuture<'a, Option<Seq>> {
        let (key, user) = (key.clone(), user.clone());
        self.write(move |w| messages::mark_read(w, &key, &user, seq))
    }

    fn reads<'a>(&'a self, key: &'a RoomKey) -> StoreFuture<'a, Vec<(UserId, Seq)>> {
        let key = key.clone();
        self.readers.read(move |conn| messages::reads(conn, &key))
    }

    fn notify<'a>(
        &'a self,
        user: &'a UserKey,
        notification: Notification,
    ) -> StoreFuture<'a, Option<Notification>> {
        let user = user.clone();
        self.write(move |w| notifications::notify(w, &user, notification))
    }

    fn notifications<'a>(&'a self, user: &'a UserKey, limit: usize) -> StoreFuture<'a, Vec<Notification>> {
        let user = user.clone();
        self.readers
            .read(move |conn| notifications::notifications(conn, &user, limit))
    }

    fn read_notification<'a>(&'a self, user: &'a UserKey, id: u64) -> StoreFuture<'a, bool> {
        let user = user.clone();
        self.write(move |w| notifications::read_notification(w, &user, id))
    }

    fn put_api_key(&self, key: ApiKey) -> StoreFuture<'_, ()> {
        self.write(move |w| credentials::put_api_key(w, &key))
    }

    fn api_key<'a>(&'a self, hash: &'a str) -> StoreFuture<'a, Option<ApiKey>> {
        let hash = hash.to_owned();
        self.readers.read(move |conn| credentials::api_key(conn, &hash))
    }

    fn api_keys<'a>(&'a self, tenant: Option<&'a TenantId>) -> StoreFuture<'a, Vec<ApiKey>> {
        let tenant = tenant.cloned();
        self.readers
            .read(move |conn| credentials::api_keys(conn, tenant.as_ref()))
    }

    fn remove_api_key<'a>(&'a self, hash: &'a str) -> StoreFuture<'a, bool> {
        let hash = hash.to_owned();
        self.write(move |w| credentials::remove_api_key(w, &hash))
    }

    fn put_refresh(&self, token: RefreshToken) -> StoreFuture<'_, ()> {
        self.write(move |w| credentials::put_refresh(w, &token))
    }

    fn rotate_refresh<'a>(&'a self, spent: &'a str, next: RefreshToken) -> StoreFuture<'a, Rotated> {
        let spent = spent.to_owned();
        self.write(move |w| credentials::rotate_refresh(w, &spent, next))
    }

    fn revoke_refresh<'a>(&'a self, user: &'a UserKey) -> StoreFuture<'a, ()> {
        let user = user.clone();
        self.write(move |w| credentials::revoke_refresh(w, &user))
    }

    fn revoke_token<'a>(
        &'a self,
        tenant: &'a TenantId,
        jti: &'a str,
        until: Timestamp,
    ) -> StoreFuture<'a, ()> {
        let (tenant, jti) = (tenant.clone(), jti.to_owned());
        self.write(move |w| credentials::revoke_token(w, &tenant, &jti, until))
    }

    fn revoked_tokens(&self) -> StoreFuture<'_, Vec<(TenantId, String, Timestamp)>> {
        let now = (self.clock)();
        self.readers
            .read(move |conn| credentials::revoked_tokens(conn, now))
    }

    fn put_ticket<'a>(&'a self, hash: &'a str, grant: &'a str, until: Timestamp) -> StoreFuture<'a, ()> {
        let (hash, grant) = (hash.to_owned(), grant.to_owned());
        self.write(move |w| credentials::put_ticket(w, &hash, &grant, until))
    }

    fn ticket<'a>(&'a self, hash: &'a str) -> StoreFuture<'a, Option<String>> {
        let (hash, now) = (hash.to_owned(), (self.clock)());
        self.readers
            .read(move |conn| credentials::ticket(conn, &hash, now))
    }

    fn take_ticket<'a>(&'a self, hash: &'a str) -> StoreFuture<'a, Option<String>> {
        let hash = hash.to_owned();
        self.write(move |w| credentials::take_ticket(w, &hash))
    }

    fn keep<'a>(&'a self, name: &'a str, fresh: &'a str) -> StoreFuture<'a, String> {
        let (name, fresh) = (name.to_owned(), fresh.to_owned());
        self.write(move |w| directory::keep(w, &name, &fresh))
    }
}
