//! A change with a transaction of its own, and how the store has it done.

use std::pin::Pin;
use std::sync::Arc;

use charla_wire::Timestamp;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use super::Postgres;
use super::fault::Fault;
use super::pool::Pool;
use super::session::Session;
use super::writer::{Job, answered};
use crate::store::webhooks::Hooks;
use crate::store::{StoreError, StoreFuture};

/// What a change does on its connection.
pub(super) type Work<'s, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 's>>;

/// Does `work` and commits it; undone as a whole when anything fails.
pub(super) async fn in_transaction<T, F>(pool: &Pool, now: Timestamp, work: F) -> Result<T, StoreError>
where
    F: for<'s> FnOnce(&'s mut Session, Timestamp) -> Work<'s, T> + Send,
{
    let mut lease = pool.take().await?;
    let session = lease.session()?;
    let done = async {
        session.begin().await?;
        let outcome = work(session, now).await?;
        session.commit().await?;
        Ok(outcome)
    }
    .await;
    if done.is_err() {
        session.roll_back().await;
    }
    done.map_err(Fault::told)
}

impl Postgres {
    /// Has `work` done in a transaction of its own.
    pub(super) fn change<'a, T, F>(&self, work: F) -> StoreFuture<'a, T>
    where
        T: Send + 'static,
        F: for<'s> FnOnce(&'s mut Session, Timestamp) -> Work<'s, T> + Send + 'static,
    {
        self.begin(work, None)
    }

    /// The same, for what somebody may want to be told of over HTTP.
    pub(super) fn tell<'a, T, F>(&self, work: F) -> StoreFuture<'a, T>
    where
        T: Send + 'static,
        F: for<'s> FnOnce(&'s mut Session, Timestamp) -> Work<'s, T> + Send + 'static,
    {
        self.begin(work, Some(Arc::clone(&self.hooks)))
    }

    fn begin<'a, T, F>(&self, work: F, tells: Option<Arc<Hooks>>) -> StoreFuture<'a, T>
    where
        T: Send + 'static,
        F: for<'s> FnOnce(&'s mut Session, Timestamp) -> Work<'s, T> + Send + 'static,
    {
        // Those that wait and those that run, together: what is begun waits for a connection outside of the queue.
        let Ok(place) = Arc::clone(&self.changes).try_acquire_owned() else {
            return Box::pin(async { Err(StoreError::Full) });
        };
        let (reply, answer) = oneshot::channel();
        let clock = Arc::clone(&self.clock);
        let job = Job::Change(Box::new(move |pool| {
            Box::pin(async move {
                let outcome = in_transaction(&pool, (clock)(), work).await;
                drop(place);
                if let (Ok(_), Some(hooks)) = (&outcome, tells) {
                    hooks.look_if_heard();
                }
                // Whoever asked may have gone; what was done stays done.
                let _ = reply.send(outcome);
            })
        }));
        match self.queue.try_send(job) {
            Ok(()) => answered(answer),
            Err(error) => {
                let why = refused(&error);
                Box::pin(async { Err(why) })
            }
        }
    }
}

/// What a queue that takes nothing says.
pub(super) fn refused<T>(error: &TrySendError<T>) -> StoreError {
    match error {
        TrySendError::Full(_) => StoreError::Full,
        TrySendError::Closed(_) => StoreError::Unavailable("the writer has stopped".into()),
    }
}
