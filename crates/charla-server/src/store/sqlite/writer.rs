//! The thread that writes: it takes what is waiting into one transaction, commits, and only then tells anyone.
//!
//! What arrives while a commit runs shares the next one, so that one `fsync` carries as many messages as there
//! are waiting for it. If the commit fails, nothing of the group is stored and everybody in it is told so.
//! After an error that [`fault::ends_writing`], nothing is written any more: see there.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use charla_wire::Timestamp;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::append::Chats;
use super::checkpoint::{Checkpoints, Ended};
use super::fault;
use super::file::Folder;
use super::webhooks;
use crate::clock::Clock;
use crate::publish::Entry;
use crate::store::webhooks::{Event, EventKind, Hooks};
use crate::store::{AppendError, Appended, CommitHook, Committed, StoreError};
use crate::telemetry::TraceContext;

/// What the writer is asked to do.
pub(super) enum Job {
    /// Store a message.
    Append(Entry),
    /// Do anything else.
    Task(Box<dyn Task>),
    /// Take no more, finish what is there, tidy up and say so.
    Close(oneshot::Sender<()>),
}

/// The writer's hands, for the time of one task.
pub(super) struct Writing<'a> {
    /// The connection, inside the group's transaction.
    pub(super) conn: &'a Connection,
    /// The group's time.
    pub(super) now: Timestamp,
    /// What must be told when a chat changes.
    pub(super) chats: &'a mut Chats,
    /// Who is to be told over HTTP.
    pub(super) hooks: &'a Hooks,
    /// Whether the last group failed: then a pulse proves itself by writing.
    pub(super) doubtful: bool,
}

/// A piece of work inside a savepoint, and who waits for it.
pub(super) trait Task: Send {
    /// Does the work. An error means that it must be undone.
    fn run(&mut self, writing: &mut Writing<'_>) -> rusqlite::Result<()>;
    /// Tells the outcome, the group's end being known.
    fn finish(self: Box<Self>, group: Result<(), StoreError>);
}

/// The work itself: a function that runs once.
struct Work<T, F> {
    work: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

/// Makes a task of a function.
pub(super) fn task<T, F>(work: F, reply: oneshot::Sender<Result<T, StoreError>>) -> Job
where
    T: Send + 'static,
    F: FnOnce(&mut Writing<'_>) -> rusqlite::Result<T> + Send + 'static,
{
    Job::Task(Box::new(Work {
        work: Some(work),
        outcome: None,
        reply,
    }))
}

impl<T, F> Task for Work<T, F>
where
    T: Send,
    F: FnOnce(&mut Writing<'_>) -> rusqlite::Result<T> + Send,
{
    fn run(&mut self, writing: &mut Writing<'_>) -> rusqlite::Result<()> {
        let Some(work) = self.work.take() else {
            return Ok(());
        };
        let outcome = work(writing);
        let undo = outcome.as_ref().err().map(fault::told);
        match (outcome, undo) {
            (Ok(value), _) => {
                self.outcome = Some(Ok(value));
                Ok(())
            }
            (Err(error), told) => {
                self.outcome = told.map(Err);
                Err(error)
            }
        }
    }

    fn finish(self: Box<Self>, group: Result<(), StoreError>) {
        let outcome = match (group, self.outcome) {
            (Err(error), _) => Err(error),
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(StoreError::Internal("a task was never run".into())),
        };
        // Whoever asked may have gone; what was done stays done.
        let _ = self.reply.send(outcome);
    }
}

/// The writing thread's own.
pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) chats: Chats,
    pub(super) clock: Clock,
    pub(super) queue: mpsc::Receiver<Job>,
    pub(super) group_max: usize,
    pub(super) committed: mpsc::Sender<Vec<Committed>>,
    pub(super) hook: Arc<OnceLock<CommitHook>>,
    pub(super) hooks: Arc<Hooks>,
    pub(super) ended: Ended,
    pub(super) checkpoints: Checkpoints,
    pub(super) doubtful: bool,
    /// Let go last: then the next one may have it.
    pub(super) folder: Folder,
}

impl Writer {
    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let mut jobs = Vec::with_capacity(self.group_max);
        let mut closers = Vec::new();
        while self.queue.blocking_recv_many(&mut jobs, self.group_max) > 0 {
            self.group(&mut jobs, &mut closers);
        }
        let Self {
            conn,
            checkpoints,
            ended,
            folder,
            ..
        } = self;
        checkpoints.finish(&conn, &ended);
        drop(conn);
        drop(folder);
        for closer in closers {
            let _ = closer.send(());
        }
    }

    /// One transaction: does the jobs, commits, and tells everybody.
    fn group(&mut self, jobs: &mut Vec<Job>, closers: &mut Vec<oneshot::Sender<()>>) {
        let started = Instant::now();
        let now = (self.clock)();
        let mut committed = Vec::new();
        let mut tasks = Vec::new();
        let mut failure = self.begin().err();
        for job in jobs.drain(..) {
            match job {
                Job::Append(Entry { draft, receipt }) => {
                    let outcome = match failure {
                        Some(_) => Err(AppendError::Unavailable(String::new())),
                        None => self.append(now, (draft, receipt.trace()), &mut failure),
                    };
                    committed.push(Committed { outcome, receipt });
                }
                Job::Task(mut task) => {
                    if failure.is_none() {
                        failure = self.task(now, &mut *task).err();
                    }
                    tasks.push(task);
                }
                Job::Close(closer) => {
                    self.queue.close();
                    closers.push(closer);
                }
            }
        }
        if failure.is_none() {
            failure = self.commit().err();
        }
        let took = started.elapsed();
        self.doubtful = failure.is_some();
        let group = failure.map_or(Ok(()), |failure| Err(self.give_up(failure)));
        self.tell(committed, tasks, &group, took);
        if group.is_ok()
            && let Err(error) = self.checkpoints.after_commit(&self.conn)
        {
            tracing::error!(%error, "the write-ahead log could not be carried over");
            self.ended.look_at(&error);
        }
    }

    fn begin(&self) -> Result<(), Failure> {
        if let Some(reason) = self.ended.reason() {
            return Err(Failure::Ended(reason));
        }
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(())
    }

    /// Appends one message. An error that concerns it alone is its own; any other is the group's `failure`.
    fn append(
        &mut self,
        now: Timestamp,
        (draft, trace): (charla_core::Draft, Option<TraceContext>),
        failure: &mut Option<Failure>,
    ) -> Result<Appended, AppendError> {
        match self.chats.append(&self.conn, now, draft) {
            Ok(outcome) => match self.tell_of(now, &outcome, trace) {
                Ok(()) => outcome,
                // The message is in the transaction already, and may not be there alone.
                Err(error) => {
                    let told = AppendError::Unavailable(error.to_string());
                    *failure = Some(error.into());
                    Err(told)
                }
            },
            Err(error) => {
                let told = AppendError::Unavailable(error.to_string());
                if fault::is_outside(&error) {
                    *failure = Some(error.into());
                } else {
                    tracing::error!(%error, "a message cannot be stored");
                }
                Err(told)
            }
        }
    }

    fn tell_of(
        &self,
        now: Timestamp,
        outcome: &Result<Appended, AppendError>,
        trace: Option<TraceContext>,
    ) -> rusqlite::Result<()> {
        match outcome {
            Ok(Appended::New(stored))
                if self
                    .hooks
                    .wants(&stored.draft.room.tenant, EventKind::MessageCreated) =>
            {
                let event = Event::MessageCreated(stored.clone());
                webhooks::write(&self.conn, now, self.hooks.rows_of(&event, trace))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Runs one task in a savepoint, so that an error of its own undoes it alone.
    fn task(&mut self, now: Timestamp, task: &mut dyn Task) -> Result<(), Failure> {
        self.chats.flush(&self.conn)?;
        self.conn.prepare_cached("SAVEPOINT task")?.execute([])?;
        let mut writing = Writing {
            conn: &self.conn,
            now,
            chats: &mut self.chats,
            hooks: &self.hooks,
            doubtful: self.doubtful,
        };
        if let Err(error) = task.run(&mut writing) {
            if fault::is_outside(&error) || self.conn.is_autocommit() {
                return Err(error.into());
            }
            self.conn.prepare_cached("ROLLBACK TO task")?.execute([])?;
        }
        self.conn.prepare_cached("RELEASE task")?.execute([])?;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Failure> {
        self.chats.flush(&self.conn)?;
        self.conn.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// Undoes the group; why the store is unavailable to its members.
    fn give_up(&mut self, failure: Failure) -> String {
        self.chats.forget_all();
        let told = match failure {
            Failure::Ended(reason) => return reason,
            Failure::Sqlite(error) => {
                tracing::error!(%error, "a group of writes was not committed");
                self.ended.look_at(&error);
                error.to_string()
            }
        };
        if !self.conn.is_autocommit()
            && let Err(error) = self.conn.execute_batch("ROLLBACK")
        {
            self.ended
                .end(&format!("a transaction could not be rolled back: {error}"));
        }
        told
    }

    fn tell(
        &self,
        mut committed: Vec<Committed>,
        tasks: Vec<Box<dyn Task>>,
        group: &Result<(), String>,
        took: Duration,
    ) {
        for message in &mut committed {
            message.receipt.committed(took);
        }
        if let Err(why) = group {
            for message in &mut committed {
                message.outcome = Err(AppendError::Unavailable(why.clone()));
            }
        } else {
            if let Some(hook) = self.hook.get() {
                hook(committed.len() + tasks.len(), took);
            }
            self.hooks.wake();
        }
        if !committed.is_empty() {
            // A sink that is gone means that the server is going: what is stored stays stored.
            let _ = self.committed.blocking_send(committed);
        }
        for task in tasks {
            task.finish(group.clone().map_err(StoreError::Unavailable));
        }
    }
}

/// Why a group is not committed.
enum Failure {
    /// Nothing is, any more.
    Ended(String),
    /// SQLite said so.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
