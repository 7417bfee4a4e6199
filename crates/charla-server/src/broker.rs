//! How nodes tell each other what happened. A hint: whoever misses one repairs the gap from the store.

use crate::happening::Happening;

mod local;

pub use local::Local;

/// The contract of what carries happenings between nodes.
///
/// - **Order**: happenings that one node publishes in a room arrive in that order, or with gaps that
///   message numbers show.
/// - **Loss**: allowed; nothing is retried here.
/// - **Everywhere**: the publishing node hears its own happenings too, and only through here.
pub trait Broker: Send + Sync + 'static {
    /// Passes a happening on to every node that has somebody who should know. Does not wait.
    fn publish(&self, happening: Happening);

    /// Whether happenings get through.
    fn ready(&self) -> bool;
}
