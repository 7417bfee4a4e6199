//! Who has come and is not yet where it wanted to be: counted, so that a drain leaves nobody in the middle of a handshake.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::node::Node;

/// How many sockets were taken and not yet answered.
#[derive(Debug, Default)]
pub(crate) struct Attending(AtomicUsize);

impl Attending {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A socket that was taken. Dropped when its client has an answer, or will have none.
#[must_use]
pub(crate) struct Attended {
    node: Arc<Node>,
}

impl Attended {
    /// One more.
    pub(crate) fn new(node: &Arc<Node>) -> Self {
        node.attending.0.fetch_add(1, Ordering::SeqCst);
        Self {
            node: Arc::clone(node),
        }
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        self.node.attending.0.fetch_sub(1, Ordering::SeqCst);
        self.node.drained.notify_waiters();
    }
}
