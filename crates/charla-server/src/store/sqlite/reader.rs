//! The threads that read, each with a connection of its own, so that no reader waits for the writer.
//!
//! A read sees everything that was committed before it was asked for.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::fault;
use crate::store::{StoreError, StoreFuture};

/// Reading threads: most reads come from memory, so more would only contend.
pub(super) const READERS: usize = 2;
/// Reads that wait in the queue; whoever asks beyond waits for a place in it.
const QUEUE: usize = 1024;

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// The way to the reading threads, which end when this is dropped.
pub(super) struct Readers {
    queue: Arc<Queue>,
    places: Arc<Semaphore>,
}

/// What waits for a thread. A thread is woken only where one sleeps: those that are at work look by themselves.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    came: Condvar,
}

#[derive(Default)]
struct Waiting {
    reads: VecDeque<(Read, OwnedSemaphorePermit)>,
    /// Nobody asks any more, or nobody is left to read.
    closed: bool,
    threads: usize,
}

/// A thread at the queue.
struct Reader(Arc<Queue>);

impl Readers {
    /// Starts a thread for each connection.
    pub(super) fn start(connections: Vec<Connection>) -> std::io::Result<Self> {
        let readers = Self {
            queue: Arc::default(),
            places: Arc::new(Semaphore::new(QUEUE)),
        };
        for (number, conn) in connections.into_iter().enumerate() {
            let reader = Reader::at(&readers.queue);
            std::thread::Builder::new()
                .name(format!("charla-read-{number}"))
                .spawn(move || {
                    while let Some(read) = reader.0.take() {
                        read(&conn);
                    }
                })?;
        }
        Ok(readers)
    }

    /// Has `read` done by the next free thread.
    pub(super) fn read<'a, T, F>(&'a self, read: F) -> StoreFuture<'a, T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let read: Read = Box::new(move |conn| {
            // Whoever asked may have gone; there is nothing to do about it.
            let _ = reply.send(read(conn).map_err(|error| fault::told(&error)));
        });
        Box::pin(async move {
            let stopped = || StoreError::Unavailable("the readers have stopped".into());
            let place = Arc::clone(&self.places).acquire_owned().await;
            self.queue.put(read, place.map_err(|_| stopped())?);
            answer.await.map_err(|_| stopped())?
        })
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue.waiting.lock().closed = true;
        self.queue.came.notify_all();
    }
}

impl Reader {
    fn at(queue: &Arc<Queue>) -> Self {
        queue.waiting.lock().threads += 1;
        Self(Arc::clone(queue))
    }
}

/// Also where a read panics: whoever waits behind the last thread must not wait for ever.
impl Drop for Reader {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock();
        waiting.threads -= 1;
        if waiting.threads == 0 {
            waiting.closed = true;
            waiting.reads.clear();
        }
    }
}

impl Queue {
    /// Once it is closed the read is dropped, which is an answer too.
    fn put(&self, read: Read, place: OwnedSemaphorePermit) {
        let mut waiting = self.waiting.lock();
        if !waiting.closed {
            waiting.reads.push_back((read, place));
        }
        drop(waiting);
        self.came.notify_one();
    }

    /// The next one, whose place in the queue is free from now on; `None` once nobody can ask any more.
    fn take(&self) -> Option<Read> {
        let mut waiting = self.waiting.lock();
        loop {
            if let Some((read, _place)) = waiting.reads.pop_front() {
                return Some(read);
            }
            if waiting.closed {
                return None;
            }
            self.came.wait(&mut waiting);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readers(threads: usize) -> Readers {
        let connections = (0..threads).map(|_| Connection::open_in_memory().expect("a database in memory"));
        Readers::start(connections.collect()).expect("threads")
    }

    #[tokio::test]
    async fn more_reads_than_places_are_all_answered() {
        let readers = readers(READERS);
        let reads = (0..3 * QUEUE).map(|number| readers.read(move |_| Ok(number)));
        let answers = futures_util::future::join_all(reads).await;
        let answers: Vec<usize> = answers
            .into_iter()
            .map(|answer| answer.expect("an answer"))
            .collect();
        assert_eq!(answers, (0..3 * QUEUE).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn where_the_last_thread_is_gone_nobody_waits() {
        let readers = readers(1);
        let broken = readers.read(|_| -> rusqlite::Result<()> { panic!("what no read does") });
        let behind = readers.read(|_| Ok(()));
        let (broken, behind) = tokio::join!(broken, behind);
        assert!(broken.is_err() && behind.is_err());
        assert!(readers.read(|_| Ok(())).await.is_err());
    }
}
