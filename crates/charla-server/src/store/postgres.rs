//! PostgreSQL: one task that appends, a pool of connections for everything else, any number of nodes on one database.
//!
//! A message is acknowledged when its transaction is committed with `synchronous_commit=on` ([`session`] sees to it). Messages
//! that wait share a commit ([`writer`], [`append`]); every other change has a transaction of its own, begun after the messages
//! handed over before it, and carried out even if nobody waits for the answer. A lost connection is replaced when needed.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use charla_core::{Author, RoomKey, Seq, Stored, UserKey};
use charla_wire::{ChatId, TenantId, Timestamp, UserId};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use self::fault::Fault;
use self::hints::Carrier;
use self::history::History;
use self::messages::Change;
use self::pool::Pool;
use self::transaction::refused;
use self::writer::{Job, Writer, answered};
use super::webhooks::Hooks;
use super::{
    ApiKey, Changed, Chat, CommitHook, Committed, Hints, InboxLine, Member, Notification, Page, RefreshToken,
    Rotated, Standing, Store, StoreError, StoreFuture, Tenant, User, UserChange,
};
use crate::clock::Clock;
use crate::publish::Entry;
use crate::settings::{StoreSettings, StoreUrl};

mod address;
mod append;
mod archive;
mod attachments;
mod backfill;
mod care;
mod chats;
mod credentials;
mod directory;
mod fault;
mod hints;
mod history;
mod kept;
mod lists;
mod messages;
mod migrations;
mod notifications;
mod numbering;
mod pool;
mod rows;
mod search;
mod session;
mod transaction;
mod webhooks;
mod writer;

pub(super) use migrations::{migrate, schema};

/// How long the writer may take to answer before the store counts as away.
const PULSE_WITHIN: Duration = Duration::from_secs(5);

/// A store in a database that other nodes may share.
pub struct Postgres {
    queue: mpsc::Sender<Job>,
    pool: Arc<Pool>,
    changes: Arc<Semaphore>,
    clock: Clock,
    hook: Arc<OnceLock<CommitHook>>,
    history: Option<Arc<History>>,
    hooks: Arc<Hooks>,
    carrier: Carrier,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

impl Postgres {
    /// Connects, brings the database up to date and starts the writer.
    ///
    /// What becomes of each append goes to `committed` in commit order, one vector a group. While it is full the writer
    /// waits: whoever receives from it must not wait for a write of this store.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached or does not let us in, with what to do about it;
    /// [`StoreError::Internal`] when it was written by a newer program, or durable commits are not to be had.
    pub async fn open(
        url: &StoreUrl,
        settings: &StoreSettings,
        clock: Clock,
        committed: mpsc::Sender<Vec<Committed>>,
    ) -> Result<Self, StoreError> {
        let way = address::way(url, settings)?;
        let pool = Pool::new(way.clone(), settings.connections.max(1));
        migrations::apply(pool.connect().await?)
            .await
            .map_err(Fault::told)?;
        let history = History::of(&settings.history)?;
        if let Some(history) = &history {
            let mut session = pool.connect().await?;
            history.check(&mut session).await.map_err(Fault::told)?;
        }
        let (queue, jobs) = mpsc::channel(settings.queue_max.max(1));
        let hook = Arc::new(OnceLock::new());
        let hooks = Arc::new(Hooks::default());
        let writer = Writer {
            pool: Arc::clone(&pool),
            session: None,
            ids: append::Ids::new(),
            history: history.clone(),
            clock: Arc::clone(&clock),
            queue: jobs,
            group_max: settings.group_max.max(1),
            committed,
            hook: Arc::clone(&hook),
            hooks: Arc::clone(&hooks),
            doubts: Vec::new(),
            doubtful: false,
            running: JoinSet::new(),
        };
        tokio::spawn(writer.run());
        Ok(Self {
            queue,
            pool,
            changes: Arc::new(Semaphore::new(
                settings.queue_max.clamp(1, Semaphore::MAX_PERMITS),
            )),
            clock,
            hook,
            history,
            hooks,
            carrier: Carrier::start(way),
        })
    }

    /// How many writes wait for the writer.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}

/// A read: one statement on a connection from the pool.
macro_rules! read {
    ($store:ident, |$session:ident| $asked:expr) => {
        Box::pin(async move {
            let mut lease = $store.pool.take().await?;
            let $session = lease.session()?;
            $asked.await.map_err(Fault::told)
        })
    };
}

/// A change: what it needs is taken along, because it outlives its caller.
macro_rules! change {
    ($store:ident, |$session:ident, $now:pat_param| $asked:expr) => {
        $store.change(move |$session, $now| Box::pin(async move { $asked.await }))
    };
}

/// A change that somebody may want to be told of.
macro_rules! tell {
    ($store:ident, |$session:ident, $now:ident, $hooks:ident| $asked:expr) => {{
        let $hooks = Arc::clone(&$store.hooks);
        $store.tell(move |$session, $now| Box::pin(async move { $asked.await }))
    }};
}

impl Store for Postgres {
    fn append(&self, entry: Entry) -> Result<(), StoreError> {
        self.queue
            .try_send(Job::Append {
                entry,
                bridged: false,
            })
            .map_err(|error| refused(&error))
    }

    fn append_bridged(&self, entry: Entry) -> Result<(), StoreError> {
        self.queue
            .try_send(Job::Append { entry, bridged: true })
            .map_err(|error| refused(&error))
    }

    fn ready(&self) -> StoreFuture<'_, ()> {
        let (asks, pulse) = oneshot::channel();
        let sent = self.queue.try_send(Job::Pulse(asks));
        Box::pin(async move {
            sent.map_err(|error| refused(&error))?;
            let both = async {
                let mut lease = self.pool.take().await?;
                let looked = lease.session()?.one("SELECT 1", &[]).await;
                looked.map_err(Fault::told)?;
                answered(pulse).await
            };
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
            let (asks, pulse) = oneshot::channel();
            if self.queue.send(Job::Pulse(asks)).await.is_err() || pulse.await.is_err() {
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

    /// Never: what this store lost, it gets back.
    fn ended(&self) -> Pin<Box<dyn Future<Output = String> + Send + '_>> {
        Box::pin(std::future::pending())
    }

    fn tenants(&self) -> StoreFuture<'_, Vec<Tenant>> {
        read!(self, |s| directory::tenants(s))
    }

    fn tenant<'a>(&'a self, id: &'a TenantId) -> StoreFuture<'a, Option<Tenant>> {
        read!(self, |s| directory::tenant(s, id))
    }

    fn put_tenant<'a>(&'a self, id: &'a TenantId, name: &'a str) -> StoreFuture<'a, (Tenant, bool)> {
        let (id, name) = (id.clone(), name.to_owned());
        change!(self, |s, now| directory::put_tenant(s, now, &id, &name))
    }

    fn user<'a>(&'a self, key: &'a UserKey) -> StoreFuture<'a, Option<User>> {
        read!(self, |s| directory::user(s, key))
    }

    fn users<'a>(
        &'a self,
        tenant: &'a TenantId,
        after: Option<&'a UserId>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<User>> {
        read!(self, |s| directory::users(s, tenant, after, limit))
    }

    fn put_user<'a>(&'a self, key: &'a UserKey, change: UserChange) -> StoreFuture<'a, Option<(User, bool)>> {
        let key = key.clone();
        change!(self, |s, now| directory::put_user(s, now, &key, &change))
    }

    fn chat<'a>(&'a self, key: &'a RoomKey) -> StoreFuture<'a, Option<Chat>> {
        read!(self, |s| chats::chat(s, key))
    }

    fn chats_among<'a>(&'a self, keys: &'a [RoomKey]) -> StoreFuture<'a, Vec<Chat>> {
        read!(self, |s| chats::among(s, keys))
    }

    fn hints(&self) -> Option<&Hints> {
        Some(&self.carrier.hints)
    }

    fn chats<'a>(
        &'a self,
        tenant: &'a TenantId,
        after: Option<&'a ChatId>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Chat>> {
        read!(self, |s| chats::chats(s, tenant, after, limit))
    }

    fn put_chat<'a>(
        &'a self,
        key: &'a RoomKey,
        title: Option<&'a str>,
    ) -> StoreFuture<'a, Option<(Chat, bool)>> {
        let (key, title) = (key.clone(), title.map(str::to_owned));
        change!(self, |s, now| chats::put_chat(s, now, &key, title.as_deref()))
    }

    fn support_chat<'a>(
        &'a self,
        customer: &'a UserKey,
        fresh: &'a ChatId,
    ) -> StoreFuture<'a, Option<(Chat, bool)>> {
        let (customer, fresh) = (customer.clone(), fresh.clone());
        tell!(self, |s, now, hooks| chats::support_chat(
            s,
            (now, &hooks),
            &customer,
            &fresh
        ))
    }

    fn close_chat<'a>(
        &'a self,
        key: &'a RoomKey,
        by: &'a Author,
        reason: Option<&'a str>,
    ) -> StoreFuture<'a, Option<(Chat, bool)>> {
        let (key, by, reason) = (key.clone(), by.clone(), reason.map(str::to_owned));
        tell!(self, |s, now, hooks| chats::close(
            s,
            (now, &hooks),
            &key,
            &by,
            reason.as_deref()
        ))
    }

    fn reopen_chat<'a>(&'a self, key: &'a RoomKey) -> StoreFuture<'a, Option<(Chat, bool)>> {
        let key = key.clone();
        tell!(self, |s, now, hooks| chats::reopen(s, (now, &hooks), &key))
    }

    fn standing<'a>(&'a self, user: &'a UserKey, chat: Option<&'a ChatId>) -> StoreFuture<'a, Standing> {
        read!(self, |s| chats::standing(s, user, chat))
    }

    fn members<'a>(&'a self, key: &'a RoomKey) -> StoreFuture<'a, Vec<Member>> {
        read!(self, |s| chats::members(s, key))
    }

    fn put_member<'a>(&'a self, key: &'a RoomKey, user: &'a UserId) -> StoreFuture<'a, Option<bool>> {
        let (key, user) = (key.clone(), user.clone());
        tell!(self, |s, now, hooks| chats::put_member(
            s,
            (now, &hooks),
            &key,
            &user
        ))
    }

    fn remove_member<'a>(&'a self, key: &'a RoomKey, user: &'a UserId) -> StoreFuture<'a, bool> {
        let (key, user) = (key.clone(), user.clone());
        tell!(self, |s, now, hooks| chats::remove_member(
            s,
            (now, &hooks),
            &key,
            &user
        ))
    }

    fn inbox<'a>(&'a self, user: &'a UserKey, every: bool, limit: usize) -> StoreFuture<'a, Vec<InboxLine>> {
        read!(self, |s| chats::inbox(s, user, every, limit))
    }

    fn messages<'a>(&'a self, key: &'a RoomKey, page: Page, limit: usize) -> StoreFuture<'a, Vec<Stored>> {
        read!(self, |s| messages::page(s, key, page, limit))
    }

    fn changes<'a>(
        &'a self,
        key: &'a RoomKey,
        rev: u64,
        up_to: Seq,
        limit: usize,
    ) -> StoreFuture<'a, Vec<(u64, Stored)>> {
        read!(self, |s| messages::changes(s, key, rev, up_to, limit))
    }

    fn edit<'a>(
        &'a self,
        key: &'a RoomKey,
        seq: Seq,
        by: &'a UserId,
        any: bool,
        text: &'a str,
    ) -> StoreFuture<'a, Changed> {
        self.change_message((key, seq), (by, any), Change::Edit(text.to_owned()))
    }

    fn delete<'a>(
        &'a self,
        key: &'a RoomKey,
        seq: Seq,
        by: &'a UserId,
        any: bool,
    ) -> StoreFuture<'a, Changed> {
        self.change_message((key, seq), (by, any), Change::Delete)
    }

    fn mark_read<'a>(&'a self, key: &'a RoomKey, user: &'a UserId, seq: Seq) -> StoreFuture<'a, Option<Seq>> {
        let (key, user) = (key.clone(), user.clone());
        change!(self, |s, _| messages::mark_read(s, &key, &user, seq))
    }

    fn reads<'a>(&'a self, key: &'a RoomKey) -> StoreFuture<'a, Vec<(UserId, Seq)>> {
        read!(self, |s| messages::reads(s, key))
    }

    fn notify<'a>(
        &'a self,
        user: &'a UserKey,
        notification: Notification,
    ) -> StoreFuture<'a, Option<Notification>> {
        let user = user.clone();
        change!(self, |s, now| notifications::notify(s, now, &user, notification))
    }

    fn notifications<'a>(&'a self, user: &'a UserKey, limit: usize) -> StoreFuture<'a, Vec<Notification>> {
        read!(self, |s| notifications::notifications(s, user, limit))
    }

    fn read_notification<'a>(&'a self, user: &'a UserKey, id: u64) -> StoreFuture<'a, bool> {
        let user = user.clone();
        change!(self, |s, _| notifications::read_notification(s, &user, id))
    }

    fn put_api_key(&self, key: ApiKey) -> StoreFuture<'_, ()> {
        change!(self, |s, _| credentials::put_api_key(s, &key))
    }

    fn api_key<'a>(&'a self, hash: &'a str) -> StoreFuture<'a, Option<ApiKey>> {
        read!(self, |s| credentials::api_key(s, hash))
    }

    fn api_keys<'a>(&'a self, tenant: Option<&'a TenantId>) -> StoreFuture<'a, Vec<ApiKey>> {
        read!(self, |s| credentials::api_keys(s, tenant))
    }

    fn remove_api_key<'a>(&'a self, hash: &'a str) -> StoreFuture<'a, bool> {
        let hash = hash.to_owned();
        change!(self, |s, _| credentials::remove_api_key(s, &hash))
    }

    fn put_refresh(&self, token: RefreshToken) -> StoreFuture<'_, ()> {
        change!(self, |s, now| credentials::put_refresh(s, now, &token))
    }

    fn rotate_refresh<'a>(&'a self, spent: &'a str, next: RefreshToken) -> StoreFuture<'a, Rotated> {
        let spent = spent.to_owned();
        change!(self, |s, now| credentials::rotate_refresh(s, now, &spent, next))
    }

    fn revoke_refresh<'a>(&'a self, user: &'a UserKey) -> StoreFuture<'a, ()> {
        let user = user.clone();
        change!(self, |s, _| credentials::revoke_refresh(s, &user))
    }

    fn revoke_token<'a>(
        &'a self,
        tenant: &'a TenantId,
        jti: &'a str,
        until: Timestamp,
    ) -> StoreFuture<'a, ()> {
        let (tenant, jti) = (tenant.clone(), jti.to_owned());
        change!(self, |s, now| credentials::revoke_token(
            s, now, &tenant, &jti, until
        ))
    }

    fn revoked_tokens(&self) -> StoreFuture<'_, Vec<(TenantId, String, Timestamp)>> {
        let now = (self.clock)();
        read!(self, |s| credentials::revoked_tokens(s, now))
    }

    fn put_ticket<'a>(&'a self, hash: &'a str, grant: &'a str, until: Timestamp) -> StoreFuture<'a, ()> {
        let (hash, grant) = (hash.to_owned(), grant.to_owned());
        change!(self, |s, now| credentials::put_ticket(
            s, now, &hash, &grant, until
        ))
    }

    fn ticket<'a>(&'a self, hash: &'a str) -> StoreFuture<'a, Option<String>> {
        let now = (self.clock)();
        read!(self, |s| credentials::ticket(s, now, hash))
    }

    fn take_ticket<'a>(&'a self, hash: &'a str) -> StoreFuture<'a, Option<String>> {
        let hash = hash.to_owned();
        change!(self, |s, now| credentials::take_ticket(s, now, &hash))
    }

    fn keep<'a>(&'a self, name: &'a str, fresh: &'a str) -> StoreFuture<'a, String> {
        let (name, fresh) = (name.to_owned(), fresh.to_owned());
        change!(self, |s, _| directory::keep(s, &name, &fresh))
    }
}
