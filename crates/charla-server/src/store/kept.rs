//! Values of the server's own that change while it runs, by name: each is set, or taken away, for all nodes.

use std::sync::Arc;

use super::StoreFuture;

/// What is set; `None` takes it away.
pub type Setting = (String, Option<String>);

/// Such values.
pub trait Kept {
    /// The values whose names begin with `prefix`, by name.
    fn kept<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, Vec<(String, String)>>;
    /// Sets values and takes others away, all of it or nothing.
    fn set_kept(&self, values: Arc<[Setting]>) -> StoreFuture<'_, ()>;
    /// How many chats a tenant has.
    fn chat_count<'a>(&'a self, tenant: &'a charla_wire::TenantId) -> StoreFuture<'a, u64>;
}
