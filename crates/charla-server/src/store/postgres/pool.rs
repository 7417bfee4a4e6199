//! Connections for reads and changes: never more than the settings say, made when they are needed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::address;
use super::session::Session;
use crate::store::StoreError;
use crate::to_postgres::Way;

/// How long to wait for a connection that is free.
const FREE_WITHIN: Duration = Duration::from_secs(5);
/// After a connection that failed, nobody tries another for this long: a server that comes up is not stormed.
const PAUSE: Duration = Duration::from_millis(100);

/// The connections that are not in use, and the right to have more.
pub(super) struct Pool {
    way: Way,
    size: usize,
    free: Semaphore,
    idle: Mutex<Vec<Session>>,
    failed: Mutex<Option<(Instant, StoreError)>>,
}

impl Pool {
    /// Nothing is connected yet.
    pub(super) fn new(way: Way, size: usize) -> Arc<Self> {
        Arc::new(Self {
            way,
            size,
            free: Semaphore::new(size),
            idle: Mutex::default(),
            failed: Mutex::default(),
        })
    }

    /// A connection of one's own for a while.
    pub(super) async fn take(&self) -> Result<Lease<'_>, StoreError> {
        let permit = match timeout(FREE_WITHIN, self.free.acquire()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(StoreError::Unavailable("the store is closed".into())),
            Err(_) => {
                return Err(StoreError::Unavailable(format!(
                    "all {} connections to PostgreSQL were busy for {} s",
                    self.size,
                    FREE_WITHIN.as_secs()
                )));
            }
        };
        let session = match self.idle_one() {
            Some(session) => session,
            None => self.connect().await?,
        };
        Ok(Lease {
            pool: self,
            session: Some(session),
            _permit: permit,
        })
    }

    fn idle_one(&self) -> Option<Session> {
        let mut idle = self.idle.lock();
        while let Some(session) = idle.pop() {
            if session.is_usable() {
                return Some(session);
            }
        }
        None
    }

    /// A new connection, beyond those that are counted here.
    pub(super) async fn connect(&self) -> Result<Session, StoreError> {
        if let Some((when, why)) = &*self.failed.lock()
            && when.elapsed() < PAUSE
        {
            return Err(why.clone());
        }
        let opened = Session::open(&self.way).await;
        opened.map_err(|fault| {
            let why = address::told(fault, self.way.config());
            *self.failed.lock() = Some((Instant::now(), why.clone()));
            why
        })
    }
}

/// A connection that goes back when it is dropped, if it is still good.
pub(super) struct Lease<'p> {
    pool: &'p Pool,
    session: Option<Session>,
    _permit: SemaphorePermit<'p>,
}

impl Lease<'_> {
    /// The connection.
    pub(super) fn session(&mut self) -> Result<&mut Session, StoreError> {
        self.session
            .as_mut()
            .ok_or_else(|| StoreError::Internal("a connection that was given back is asked for".into()))
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take().filter(Session::is_usable) {
            self.pool.idle.lock().push(session);
        }
    }
}
