//! How nodes tell each other what happened. A hint: whoever misses one repairs the gap from the store.

use std::future::Future;
use std::pin::Pin;

use charla_core::NodeId;
use tokio::sync::watch;

use crate::happening::Happening;

mod envelope;
mod local;
pub(crate) mod nats;
pub(crate) mod redis;
pub(crate) mod remote;
mod topic;

pub use local::Local;
pub use remote::{BrokerSetupError, Remote};
pub use topic::Topic;

/// What comes out of a broker.
#[expect(clippy::large_enum_variant, reason = "made and taken apart at once")]
#[derive(Debug, Clone)]
pub enum Heard {
    /// Something happened.
    Happening(Happening),
    /// Something happened under this topic that a newer or broken node told: the store knows what.
    Unreadable(Topic),
}

/// Whether happenings get through to other nodes and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// They do.
    Alive,
    /// They may not: look in the store.
    Away,
}

/// The contract of what carries happenings between nodes.
///
/// - **Order**: happenings that one node publishes in a room arrive in that order, or with gaps that
///   message numbers show.
/// - **Loss**: allowed; nothing is retried here.
/// - **Everywhere**: the publishing node hears its own happenings too, and only through here, at once.
/// - **Subscription**: another node's happenings are heard from the time on that [`Broker::followed`] comes back
///   while the broker is alive, until [`Broker::leave`].
pub trait Broker: Send + Sync + 'static {
    /// Passes a happening on to every node that has somebody who should know. Does not wait.
    fn publish(&self, happening: Happening);

    /// The same with something for everybody. Comes back when it has gone through the broker, or when that is not to be had now.
    fn passed_on(&self, happening: Happening) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// One more listener to a topic. Does not wait.
    fn follow(&self, topic: &Topic);

    /// One less.
    fn leave(&self, topic: &Topic);

    /// Comes back when a followed topic is heard, or when that is not to be had now.
    fn followed<'a>(&'a self, topic: &'a Topic) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

    /// Whether happenings get through.
    fn health(&self) -> watch::Receiver<Health>;

    /// Who this node is to the others: another one at each start.
    fn node(&self) -> NodeId;

    /// Whether other nodes may know what this one has to find out: with nobody else there is nothing to look for.
    fn has_peers(&self) -> bool;
}
