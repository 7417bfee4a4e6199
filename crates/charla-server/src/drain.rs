//! A server's end: not ready, then silent at the door, everybody told when to come back, and gone by its time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use charla_wire::Cause;
use tokio::time::{Instant, timeout, timeout_at};

use crate::node::Node;
use crate::server::Server;

/// Of the drain's time this much is kept for the store: what waits in its writer is still stored.
const FOR_THE_STORE: Duration = Duration::from_secs(2);

/// And this much twice, before that: whoever is told to end at once has ended by then, and a bus at hand has passed on a node's
/// last figures many times over.
const FOR_THE_LAST: Duration = Duration::from_millis(500);

/// Longer than this nobody waits for a collector.
const FOR_THE_SPANS: Duration = Duration::from_secs(2);

impl Server {
    /// Is ready no more, and goes on for `server.pre_stop`; then stops accepting, tells everybody when to come back, and
    /// ends within the drain time with everything acknowledged stored.
    ///
    /// A listening socket that was passed in is let go and not shut: who comes from now on waits in its queue for the
    /// next process.
    pub async fn drain(self) {
        let node = &self.node;
        node.leaving.store(true, Ordering::Relaxed);
        let pre_stop = node.settings.server.pre_stop;
        if !pre_stop.is_zero() {
            tracing::info!(?pre_stop, "not ready any more");
            // Without a store nobody is served, and there is nothing to wait for.
            let _ = timeout(pre_stop, self.store.ended()).await;
        }
        let drain = node.settings.server.drain;
        let end = Instant::now() + drain;
        // In this order: who registers after the look finds that the node drains.
        node.draining.store(true, Ordering::Relaxed);
        node.say_good_bye();
        // Whoever waits for the end stops at once; nobody waiting is fine too.
        let _ = self.stop.send(true);
        // Nobody is taken from the queue from here on, and everybody who was is counted.
        let _ = self.accepting.await;
        node.send_away();
        let last = FOR_THE_STORE.min(drain / 5);
        let words = FOR_THE_LAST.min(drain / 5);
        if timeout_at(end - last - 2 * words, node.empty()).await.is_err() {
            tracing::warn!(
                left = node.metrics.connections.get(),
                attended = node.attending.count(),
                "the drain time is over"
            );
            // Whoever is left ends now, and is counted; what hangs in a handshake is not waited for again.
            node.is_late.send_replace(true);
            let _ = timeout(words, node.empty()).await;
        }
        let _ = timeout(words, node.tell_last_figures()).await;
        if let Some(bridge) = node.bridge.get() {
            // Without a word the others find out a little later.
            let _ = timeout_at(end - last, bridge.end()).await;
        }
        let _ = timeout_at(end - last, node.write_last_closes()).await;
        // The writer ends when its queue is empty: what was acknowledged is stored, what was stored is safe.
        match timeout_at(end, self.store.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the store did not close as it should"),
            Err(_) => {
                tracing::error!("the store did not close in time: what it had not acknowledged may be lost")
            }
        }
        node.telemetry.end(FOR_THE_SPANS.min(drain / 5)).await;
        for task in &self.tasks {
            task.abort();
        }
        tracing::info!("stopped");
    }
}

impl Node {
    /// Tells everybody to go, and when to come back.
    fn send_away(&self) {
        self.console.watchers.end();
        let connections = self.users.all(|_| true);
        self.returns.count_on(Some(self.peers().accept_rate()));
        let accept_rate = self.returns.pace(Cause::Restarting);
        tracing::info!(connections = connections.len(), accept_rate, "draining");
        for connection in &connections {
            connection.close(Cause::Restarting, &self.returns.detail(Cause::Restarting, ""));
        }
    }

    /// Comes back when nobody is left, neither inside nor at the door.
    async fn empty(&self) {
        let left = || self.metrics.connections.get() > 0 || self.attending.count() > 0;
        while left() {
            let gone = self.drained.notified();
            if left() {
                gone.await;
            }
        }
    }
}
