//! Whether this process moves: for a supervisor that starts another in the place of one that hangs.

use tokio::sync::Notify;

use crate::node::Node;

/// The steps of those tasks that everything else hangs on.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The accepting loop has gone round.
    pub(crate) accepting: Notify,
    /// The wheel of time has turned.
    pub(crate) time: Notify,
}

impl Node {
    /// Comes back once the accepting loop, the wheel of time and the store's writer have each made a step since the
    /// call; never while one of them hangs. A database that is away is no reason: the writer says so, and that is a step.
    ///
    /// A node that drains accepts nobody and writes no more in the end: then time alone counts, and the drain has an
    /// end of its own.
    pub async fn moves(&self) {
        let accepting = self.progress.accepting.notified();
        let time = self.progress.time.notified();
        if self.is_draining() {
            time.await;
        } else {
            tokio::join!(time, accepting, self.store.moves());
        }
    }
}
