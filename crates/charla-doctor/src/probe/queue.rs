//! One accept queue, watched while the doctor's own handshakes are on their way.
//!
//! A queue is full for moments only where somebody still accepts: a single look misses that.

use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;

use crate::evidence::Listener;
use crate::probe::diag;

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// What a queue did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Queue {
    last: Option<u32>,
    peak: Option<u32>,
    fell: bool,
}

impl Queue {
    fn take(&mut self, waiting: u32) {
        self.fell |= self.last.is_some_and(|last| waiting < last);
        self.peak = self.peak.max(Some(waiting));
        self.last = Some(waiting);
    }

    /// Writes down what was seen.
    pub(super) fn tell(self, listener: &mut Listener) {
        listener.queue_peak = listener.queue_peak.max(self.peak);
        listener.queue_fell |= self.fell;
    }
}

/// Watches the queue of a socket, by its inode, until the work is done.
pub(super) async fn beside<T>(socket: Option<u64>, work: impl Future<Output = T>) -> (T, Queue) {
    let mut queue = Queue::default();
    let Some(socket) = socket else {
        return (work.await, queue);
    };
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return (done, queue),
            () = sleep(LOOK_EVERY) => {
                if let Some((waiting, _)) = diag::listen_queues().get(&socket) {
                    queue.take(*waiting);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_grows_shorter_is_being_accepted() {
        let mut queue = Queue::default();
        for waiting in [0, 3, 3] {
            queue.take(waiting);
        }
        assert_eq!((queue.peak, queue.fell), (Some(3), false));
        queue.take(1);
        let mut listener = Listener::default();
        queue.tell(&mut listener);
        assert_eq!((listener.queue_peak, listener.queue_fell), (Some(3), true));
    }

    #[tokio::test]
    async fn the_queue_of_a_listener_is_seen() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _waiting = std::net::TcpStream::connect(address).unwrap();
        let found = crate::probe::sockets::listening();
        let own = found.iter().find(|socket| socket.port() == Some(address.port()));
        // sleeps because the work that a queue is watched beside has to last
        let work = sleep(LOOK_EVERY * 5);
        let ((), queue) = beside(own.map(|socket| socket.inode), work).await;
        assert_eq!((queue.peak, queue.fell), (Some(1), false));
    }
}
