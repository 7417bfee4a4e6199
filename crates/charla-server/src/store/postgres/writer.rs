//! The task that appends: it takes what is waiting into one transaction, commits, and only then tells anyone.
//!
//! What arrives while a commit runs shares the next one. Other changes were handed over beside the messages; they
//! are begun, each in a transaction of its own, once the messages that came before them are stored. A commit whose
//! answer is lost is told as not stored, since nobody may be told otherwise; what it stored all the same is found
//! out before anything else is written, and told to whoever listens.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use charla_core::Stored;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::append::{self, Ids, Undone};
use super::directory;
use super::history::History;
use super::numbering::Arrival;
use super::pool::Pool;
use super::session::Session;
use crate::clock::Clock;
use crate::publish::{Entry, Receipt};
use crate::store::webhooks::Hooks;
use crate::store::{AppendError, Appended, CommitHook, Committed, StoreError, StoreFuture};

/// How often a commit in doubt is looked into while nothing else is asked for.
const SETTLE_EVERY: Duration = Duration::from_millis(500);

/// What the writer is asked to do.
pub(super) enum Job {
    /// Store a message; `bridged`: the application has it already.
    Append {
        /// The message, and who waits for it.
        entry: Entry,
        /// Whether it came over the bridge.
        bridged: bool,
    },
    /// Begin anything else.
    Change(Change),
    /// Say whether it lives.
    Pulse(oneshot::Sender<Result<(), StoreError>>),
    /// Take no more, finish what is there and say so.
    Close(oneshot::Sender<()>),
}

/// A change on its way to a connection.
pub(super) type Change = Box<dyn FnOnce(Arc<Pool>) -> Running + Send>;

/// A change that was begun. It tells whoever waits itself.
pub(super) type Running = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// The writing task's own.
pub(super) struct Writer {
    pub(super) pool: Arc<Pool>,
    pub(super) session: Option<Session>,
    pub(super) ids: Ids,
    /// The application's own table.
    pub(super) history: Option<Arc<History>>,
    pub(super) clock: Clock,
    pub(super) queue: mpsc::Receiver<Job>,
    pub(super) group_max: usize,
    pub(super) committed: mpsc::Sender<Vec<Committed>>,
    pub(super) hook: Arc<OnceLock<CommitHook>>,
    /// Who is to be told over HTTP.
    pub(super) hooks: Arc<Hooks>,
    /// Messages of a commit without an answer; nothing is written before they are settled.
    pub(super) doubts: Vec<Stored>,
    /// Whether the last group failed: then a pulse proves itself by writing.
    pub(super) doubtful: bool,
    pub(super) running: JoinSet<()>,
}

impl Writer {
    /// Works until the queue is closed and empty.
    pub(super) async fn run(mut self) {
        let mut jobs = Vec::with_capacity(self.group_max);
        let mut closers = Vec::new();
        while let Some(()) = self.take(&mut jobs).await {
            self.group(&mut jobs, &mut closers).await;
        }
        while self.running.join_next().await.is_some() {}
        // Who comes back finds them in the store, if they are there and it still is.
        let _ = self.settle().await;
        for closer in closers {
            let _ = closer.send(());
        }
    }

    /// Waits for jobs; a commit in doubt is looked into meanwhile.
    async fn take(&mut self, jobs: &mut Vec<Job>) -> Option<()> {
        loop {
            let taken = self.queue.recv_many(jobs, self.group_max);
            let taken = if self.doubts.is_empty() {
                taken.await
            } else {
                match timeout(SETTLE_EVERY, taken).await {
                    Ok(taken) => taken,
                    Err(_) => {
                        if let Err(error) = self.settle().await {
                            tracing::warn!(%error, "a commit is still in doubt");
                        }
                        continue;
                    }
                }
            };
            return (taken > 0).then_some(());
        }
    }

    async fn group(&mut self, jobs: &mut Vec<Job>, closers: &mut Vec<oneshot::Sender<()>>) {
        let mut entries = Vec::new();
        let mut changes = Vec::new();
        let mut pulses = Vec::new();
        for job in jobs.drain(..) {
            match job {
                Job::Append { entry, bridged } => entries.push((entry, bridged)),
                Job::Change(change) => changes.push(change),
                Job::Pulse(asks) => pulses.push(asks),
                Job::Close(closer) => {
                    self.queue.close();
                    closers.push(closer);
                }
            }
        }
        if !entries.is_empty() {
            self.append(entries).await;
        }
        while self.running.try_join_next().is_some() {}
        for change in changes {
            self.running.spawn(change(Arc::clone(&self.pool)));
        }
        if !pulses.is_empty() {
            let pulse = self.pulse().await;
            for asks in pulses {
                let _ = asks.send(pulse.clone());
            }
        }
    }

    /// Stores a group and tells what became of it.
    async fn append(&mut self, entries: Vec<(Entry, bool)>) {
        let started = Instant::now();
        let (arrivals, receipts): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .map(|(Entry { draft, receipt }, bridged)| {
                let history = self.history.as_ref();
                let to_history = history.is_some_and(|history| !bridged || history.bridged);
                let arrival = Arrival {
                    // Looked at once the chats are held.
                    files_free: true,
                    draft,
                    sent_at: None,
                    to_history,
                    trace: receipt.trace(),
                };
                (arrival, receipt)
            })
            .unzip();
        let count = arrivals.len();
        let stored = self.store(arrivals).await;
        self.doubtful = stored.is_err();
        let outcomes = match stored {
            Ok(outcomes) => {
                if let Some(hook) = self.hook.get() {
                    hook(count, started.elapsed());
                }
                self.hooks.wake();
                outcomes
            }
            Err(error) => {
                tracing::error!(%error, messages = count, "a group of messages was not committed");
                vec![Err(AppendError::Unavailable(error.to_string())); count]
            }
        };
        let took = started.elapsed();
        let group = outcomes.into_iter().zip(receipts).map(|(outcome, mut receipt)| {
            receipt.committed(took);
            Committed { outcome, receipt }
        });
        // A sink that is gone means that the server is going: what is stored stays stored.
        let _ = self.committed.send(group.collect()).await;
    }

    async fn store(
        &mut self,
        arrivals: Vec<Arrival>,
    ) -> Result<Vec<Result<Appended, AppendError>>, StoreError> {
        self.settle().await?;
        let now = (self.clock)();
        let mut session = self.session().await?;
        let stored = append::group(
            &mut session,
            &mut self.ids,
            now,
            arrivals,
            (self.history.as_deref(), &self.hooks),
        )
        .await;
        if session.is_usable() {
            self.session = Some(session);
        }
        stored.map_err(|undone| match undone {
            Undone::Nothing(fault) => fault.told(),
            Undone::InDoubt(doubts, fault) => {
                self.doubts = doubts;
                fault.told()
            }
        })
    }

    /// Finds out what became of a commit without an answer, and tells of what it stored: those who sent it were
    /// refused and may send again, but everybody else must see it.
    async fn settle(&mut self) -> Result<(), StoreError> {
        if self.doubts.is_empty() {
            return Ok(());
        }
        let mut session = self.session().await?;
        let stored = append::settle(&mut session, &mut self.ids, &self.doubts).await;
        if session.is_usable() {
            self.session = Some(session);
        }
        let stored = stored.map_err(super::fault::Fault::told)?;
        let doubts = std::mem::take(&mut self.doubts);
        let found: Vec<_> = doubts
            .into_iter()
            .zip(stored)
            .filter_map(|(doubt, is_stored)| is_stored.then(|| found(doubt)))
            .collect();
        tracing::info!(stored = found.len(), "a commit that was in doubt is settled");
        if !found.is_empty() {
            let _ = self.committed.send(found).await;
        }
        Ok(())
    }

    async fn pulse(&mut self) -> Result<(), StoreError> {
        self.settle().await?;
        let now = (self.clock)();
        let mut session = self.session().await?;
        let pulse = directory::pulse(&mut session, now, self.doubtful).await;
        if session.is_usable() {
            self.session = Some(session);
        }
        self.doubtful &= pulse.is_err();
        pulse.map_err(super::fault::Fault::told)
    }

    /// The writer's own connection, made anew if the last one is not good any more.
    async fn session(&mut self) -> Result<Session, StoreError> {
        match self.session.take().filter(Session::is_usable) {
            Some(session) => Ok(session),
            None => self.pool.connect().await,
        }
    }
}

/// A message that turned out to be stored, with nobody left who waits for its number.
fn found(stored: Stored) -> Committed {
    let (waiter, _) = oneshot::channel();
    Committed {
        outcome: Ok(Appended::New(stored)),
        receipt: Receipt::Waiter(waiter),
    }
}

/// An answer that is awaited from a change or from the writer.
pub(super) fn answered<'a, T: Send + 'a>(
    answer: oneshot::Receiver<Result<T, StoreError>>,
) -> StoreFuture<'a, T> {
    Box::pin(async move {
        answer
            .await
            .map_err(|_| StoreError::Unavailable("the writer has stopped".into()))?
    })
}
