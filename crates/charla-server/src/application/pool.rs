//! Connections to the application's database: never more than the settings say, made when they are needed.
//!
//! What is asked only reads, so a question whose idle connection turns out to be broken is asked again over a new one:
//! a database that was restarted costs nobody an error.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::{ApplicationError, Ask, Fault, Row};

/// After a connection that failed, nobody tries another for this long: a server that comes up is not stormed.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection to one kind of database.
pub(super) trait Session: Sized + Send {
    /// Where to connect to and as whom.
    type Config: Send + Sync;

    /// Connects and sets up.
    fn open(config: &Self::Config) -> impl Future<Output = Result<Self, ApplicationError>> + Send;
    /// Whether more may be asked over it; not after a question that was left before it was answered.
    fn is_usable(&self) -> bool;
    /// Hands over all rows of an answer as they come, some at a time, however long it takes; ends early when nobody takes them.
    fn pour(
        &mut self,
        ask: &Ask<'_>,
        sink: &mpsc::Sender<Vec<Row>>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Asks. Ends within the question's time.
    fn ask(&mut self, ask: &Ask<'_>) -> impl Future<Output = Result<Vec<Row>, Fault>> + Send;
}

/// The connections that are not in use, and the right to have more.
pub(super) struct Pool<S: Session> {
    config: S::Config,
    size: usize,
    within: Duration,
    free: Semaphore,
    idle: Mutex<Vec<S>>,
    failed: Mutex<Option<(Instant, ApplicationError)>>,
}

impl<S: Session> Pool<S> {
    /// Nothing is connected yet. `within`: how long to wait for a connection.
    pub(super) fn new(config: S::Config, size: usize, within: Duration) -> Self {
        Self {
            config,
            size,
            within,
            free: Semaphore::new(size),
            idle: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    /// Asks over a connection that is free.
    pub(super) async fn ask(&self, ask: &Ask<'_>) -> Result<Vec<Row>, ApplicationError> {
        let away = |what: String| ApplicationError::Unavailable(what);
        let Ok(Ok(_permit)) = timeout(self.within, self.free.acquire()).await else {
            let (size, within) = (self.size, self.within.as_millis());
            return Err(away(format!("all {size} connections were busy for {within} ms")));
        };
        if let Some(mut session) = self.idle_one() {
            let answer = session.ask(ask).await;
            self.put_back(session);
            match answer {
                Ok(rows) => return Ok(rows),
                Err(Fault::Told(error)) => return Err(error),
                // The others were made before this one broke, and are likely to be as dead.
                Err(Fault::Lost(_)) => self.idle.lock().clear(),
            }
        }
        let mut session = self.connect().await?;
        let answer = session.ask(ask).await;
        self.put_back(session);
        answer.map_err(|fault| match fault {
            Fault::Lost(what) => away(what),
            Fault::Told(error) => error,
        })
    }

    /// The same over a connection of its own, row by row.
    pub(super) async fn pour(
        &self,
        ask: &Ask<'_>,
        sink: &mpsc::Sender<Vec<Row>>,
    ) -> Result<(), ApplicationError> {
        let mut session = self.connect().await?;
        session.pour(ask, sink).await.map_err(|fault| match fault {
            Fault::Lost(what) => ApplicationError::Unavailable(what),
            Fault::Told(error) => error,
        })
    }

    fn idle_one(&self) -> Option<S> {
        let mut idle = self.idle.lock();
        while let Some(session) = idle.pop() {
            if session.is_usable() {
                return Some(session);
            }
        }
        None
    }

    fn put_back(&self, session: S) {
        if session.is_usable() {
            self.idle.lock().push(session);
        }
    }

    async fn connect(&self) -> Result<S, ApplicationError> {
        if let Some((when, why)) = &*self.failed.lock()
            && when.elapsed() < PAUSE
        {
            return Err(why.clone());
        }
        let within = self.within.as_millis();
        let opened = timeout(self.within, S::open(&self.config))
            .await
            .unwrap_or_else(|_| {
                let what = format!("it did not take a connection within {within} ms");
                Err(ApplicationError::Unavailable(what))
            });
        opened.inspect_err(|why| *self.failed.lock() = Some((Instant::now(), why.clone())))
    }
}
