//! One node alone: what happens here is heard here, at once.

use std::future::{Future, ready};
use std::pin::Pin;

use charla_core::NodeId;
use tokio::sync::watch;

use super::{Broker, Health, Topic};
use crate::happening::Happening;

/// A broker that only calls back.
pub struct Local {
    hear: Box<dyn Fn(Happening) + Send + Sync>,
    health: watch::Sender<Health>,
}

impl Local {
    /// Hands every happening to `hear`, on the publisher's own thread.
    #[must_use]
    pub fn new(hear: impl Fn(Happening) + Send + Sync + 'static) -> Self {
        Self {
            hear: Box::new(hear),
            health: watch::Sender::new(Health::Alive),
        }
    }
}

impl Broker for Local {
    fn publish(&self, happening: Happening) {
        (self.hear)(happening);
    }

    fn passed_on(&self, happening: Happening) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.publish(happening);
        Box::pin(ready(()))
    }

    fn follow(&self, _: &Topic) {}

    fn leave(&self, _: &Topic) {}

    fn followed<'a>(&'a self, _: &'a Topic) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(ready(()))
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    fn node(&self) -> NodeId {
        NodeId::nil()
    }

    fn has_peers(&self) -> bool {
        false
    }
}
