//! One node alone: what happens here is heard here, at once.

use super::Broker;
use crate::happening::Happening;

/// A broker that only calls back.
pub struct Local {
    hear: Box<dyn Fn(Happening) + Send + Sync>,
}

impl Local {
    /// Hands every happening to `hear`, on the publisher's own thread.
    #[must_use]
    pub fn new(hear: impl Fn(Happening) + Send + Sync + 'static) -> Self {
        Self { hear: Box::new(hear) }
    }
}

impl Broker for Local {
    fn publish(&self, happening: Happening) {
        (self.hear)(happening);
    }

    fn ready(&self) -> bool {
        true
    }
}
