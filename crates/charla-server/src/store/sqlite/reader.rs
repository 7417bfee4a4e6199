//! The threads that read, each with a connection of its own, so that no reader waits for the writer.
//!
//! A read sees everything that was committed before it was asked for.

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::fault;
use crate::store::{StoreError, StoreFuture};

/// Reading threads: most reads come from memory, so more would only contend.
pub(super) const READERS: usize = 2;
/// Reads that wait in the queue; whoever asks beyond waits for a place in it.
const QUEUE: usize = 1024;

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// The way to the reading threads, which end when this is dropped.
pub(super) struct Readers {
    queue: mpsc::Sender<Read>,
}

impl Readers {
    /// Starts a thread for each connection.
    pub(super) fn start(connections: Vec<Connection>) -> std::io::Result<Self> {
        let (queue, reads) = mpsc::channel(QUEUE);
        let reads = Arc::new(Mutex::new(reads));
        for (number, conn) in connections.into_iter().enumerate() {
            let reads = Arc::clone(&reads);
            std::thread::Builder::new()
                .name(format!("charla-read-{number}"))
                .spawn(move || run(&reads, &conn))?;
        }
        Ok(Self { queue })
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
            self.queue.send(read).await.map_err(|_| stopped())?;
            answer.await.map_err(|_| stopped())?
        })
    }
}

fn run(reads: &Mutex<mpsc::Receiver<Read>>, conn: &Connection) {
    loop {
        // The lock is held while waiting: the other threads wait for the lock instead.
        let next = reads.lock().blocking_recv();
        match next {
            Some(read) => read(conn),
            None => return,
        }
    }
}
