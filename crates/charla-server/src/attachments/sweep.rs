//! What was let go is deleted: files of messages that are no more, and files that were never sent.
//!
//! The store's row stays until the bytes are gone, so nothing is forgotten that still lies somewhere; several nodes may do the
//! same at once, and deleting twice is deleting.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::{Attachments, Away, Place};
use crate::node::{Node, millis};
use crate::store::StoreError;
use crate::store::attachments::AttachmentKey;

/// Between rounds that nothing else asks for.
const EVERY: Duration = Duration::from_secs(60);
/// Files that go in one transaction.
const BATCH: usize = 100;
/// How much older than any upload can be something unfinished is that nobody writes any more.
const SLACK: Duration = Duration::from_secs(3600);

/// Why not all went that was to go.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The place does not.
    #[error(transparent)]
    Place(#[from] Away),
}

/// Deletes, for as long as the node lives, and at once when something was let go here.
pub(crate) async fn keep_attachments(node: Arc<Node>) {
    let Some(attachments) = &node.attachments else {
        return;
    };
    let mut rounds = interval(EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            () = attachments.wake.notified() => {}
        }
        match node.sweep_attachments().await {
            Ok(0) => {}
            Ok(files) => tracing::info!(files, "attachments were deleted"),
            Err(error) => {
                tracing::warn!(%error, "attachments could not be deleted; the next round tries again")
            }
        }
    }
}

impl Node {
    /// Deletes the bytes of all that was let go; of how many files.
    ///
    /// # Errors
    /// When the store or the place does not answer; what was deleted until then is.
    pub async fn sweep_attachments(&self) -> Result<usize, SweepError> {
        let Some(attachments) = &self.attachments else {
            return Ok(0);
        };
        let waits = i64::try_from(millis(self.settings.attachments.unsent_after)).unwrap_or(i64::MAX);
        let mut all = 0;
        loop {
            let before = (self.clock)().plus_millis(-waits);
            let keys = self.store.let_go(before, BATCH).await?;
            if keys.is_empty() {
                break;
            }
            all += keys.len();
            self.delete_bytes(attachments, &keys).await?;
            self.store.deleted(keys).await?;
        }
        if let Place::Directory(directory) = &attachments.place {
            let age = self.settings.attachments.upload_within + SLACK;
            directory.clear(age).await?;
        }
        Ok(all)
    }

    async fn delete_bytes(&self, attachments: &Attachments, keys: &[AttachmentKey]) -> Result<(), Away> {
        for key in keys {
            match &attachments.place {
                Place::Directory(directory) => directory.delete(key).await?,
                Place::Bucket(bucket) => bucket.delete(key, (self.clock)()).await?,
            }
        }
        Ok(())
    }

    /// Something may have been let go just now.
    pub(crate) fn wake_attachments(&self) {
        if let Some(attachments) = &self.attachments {
            attachments.wake();
        }
    }
}
