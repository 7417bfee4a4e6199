//! From stored to seen: what the store has committed is handed to the broker, then acknowledged.

use charla_core::Draft;

/// A draft on its way into the store, and who waits for it.
#[derive(Debug)]
pub struct Entry {
    /// What to store.
    pub draft: Draft,
    /// Who waits.
    pub receipt: Receipt,
}

/// Who waits for a draft to be stored.
#[derive(Debug)]
pub enum Receipt {
    /// A task that awaits the outcome (REST).
    Waiter(tokio::sync::oneshot::Sender<Result<crate::store::Appended, crate::store::AppendError>>),
}
