//! A change with a transaction of its own.

use std::pin::Pin;

use charla_wire::Timestamp;

use super::fault::Fault;
use super::pool::Pool;
use super::session::Session;
use crate::store::StoreError;

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
