//! How a node hears that figures were changed over another node's API: by a word on the bus, and by looking in the store.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::given::PREFIX;
use crate::node::Node;
use crate::store::StoreError;

/// How often the store is looked at for changes of which the bus said nothing: the word was lost, or there is no bus.
const LOOK_EVERY: Duration = Duration::from_secs(2);

impl Node {
    /// Another node changed limits, or this one.
    pub(crate) fn hear_limits_changed(&self) {
        self.limits.stale.notify_one();
    }

    /// Reads what the API was given.
    ///
    /// # Errors
    /// The store's; the figures stay as they were.
    pub(crate) async fn read_limits(&self) -> Result<(), StoreError> {
        let _one = self.limits.reading.lock().await;
        let values = self.store.kept(PREFIX).await?;
        if self.limits.take_stored(values) {
            self.apply_limits();
        }
        Ok(())
    }
}

/// Reads again what was changed, for as long as the node lives.
pub(crate) async fn follow_limits(node: Arc<Node>) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = node.limits.stale.notified() => {}
        }
        if let Err(error) = node.read_limits().await {
            tracing::debug!(%error, "the store does not tell which limits the API was given");
        }
    }
}
