//! Old messages go, by each tenant's rule: in short transactions with pauses between, so that nobody's send waits for it.
//!
//! Several nodes on one database sweep one at a time; what one has swept the next does not find.

use std::sync::Arc;
use std::time::Duration;

use charla_wire::{TenantId, Timestamp};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use crate::node::Node;
use crate::settings::Kept;
use crate::store::StoreError;
use crate::store::care::{Keep, Swept};

/// From the start of a node to its first sweep: whoever comes back after a restart comes first.
const FIRST_AFTER: Duration = Duration::from_secs(60);
/// Between sweeps.
const EVERY: Duration = Duration::from_secs(3600);
/// Messages that go in one transaction: some milliseconds of the writer's time.
const BATCH: usize = 500;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(50);
/// A send that is repeated within this time finds its number, whatever retention says: nothing younger goes.
const REPEATED_WITHIN_MS: i64 = DAY_MS;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// Sweeps now and then, for as long as the node lives; not at all where everything is kept.
pub(crate) async fn keep_to_retention(node: Arc<Node>) {
    if !node.settings.retention.ends() {
        return;
    }
    let mut rounds = interval_at(Instant::now() + FIRST_AFTER, EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        match node.sweep().await {
            Ok(0) => {}
            Ok(messages) => tracing::info!(messages, "old messages were swept"),
            Err(error) => {
                tracing::warn!(%error, "old messages could not be swept; the next round tries again")
            }
        }
    }
}

impl Node {
    /// Takes away all that no tenant's rule keeps; how many messages that were. None while another node does so.
    ///
    /// # Errors
    /// When the store fails; what was swept until then is.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        let mut messages = 0;
        for tenant in self.store.tenants().await? {
            let kept = self.settings.retention.of(&tenant.id);
            if kept.ends() {
                messages += self.sweep_tenant(&tenant.id, keep(kept, (self.clock)())).await?;
            }
        }
        Ok(messages)
    }

    async fn sweep_tenant(&self, tenant: &TenantId, keep: Keep) -> Result<u64, StoreError> {
        let (mut from, mut all) = (None, 0);
        loop {
            match self.store.sweep(tenant, from.as_ref(), keep, BATCH).await? {
                Swept::Elsewhere => return Ok(all),
                Swept::These { messages, next } => {
                    self.metrics.swept.inc_by(messages);
                    all += messages;
                    from = next;
                }
            }
            self.wake_attachments();
            if from.is_none() {
                return Ok(all);
            }
            sleep(PAUSE).await;
        }
    }
}

fn keep(kept: Kept, now: Timestamp) -> Keep {
    let before = |ms: i64| Timestamp::from_millis(now.as_millis().saturating_sub(ms));
    let days = i64::try_from(kept.days).unwrap_or(i64::MAX);
    Keep {
        since: (days > 0).then(|| before(days.saturating_mul(DAY_MS))),
        newest: (kept.messages > 0).then_some(kept.messages as u64),
        settled: before(REPEATED_WITHIN_MS),
    }
}
