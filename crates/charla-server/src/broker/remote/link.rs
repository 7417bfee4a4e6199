//! What one connection has to do with the rest of the node: [`Link`].

use std::sync::Arc;

use super::Shared;
use super::lane::Lane;
use crate::broker::Topic;

/// A lane of the bus, for whoever keeps the connection.
#[derive(Clone)]
pub(in crate::broker) struct Link {
    pub(in crate::broker) shared: Arc<Shared>,
    pub(in crate::broker) lane: Arc<Lane>,
}

impl Link {
    /// A connection is made: everything has to be asked for.
    pub(in crate::broker) fn begin(&self) {
        self.lane.wanted.lock().connect();
    }

    /// The connection is gone.
    pub(in crate::broker) fn end(&self) {
        self.lane.wanted.lock().disconnect();
        self.lane.set_alive(false);
        self.shared.judge();
    }

    /// A canary came back: the lane is alive, if everything wanted is heard.
    pub(in crate::broker) fn canary(&self) {
        if self.lane.is_alive() {
            return;
        }
        let wanted = self.lane.wanted.lock();
        // Under the lock: topics may come over from another lane at this moment.
        self.lane.set_alive(wanted.is_whole());
        drop(wanted);
        self.shared.judge();
    }

    /// Happenings may not get through.
    pub(in crate::broker) fn doubt(&self) {
        if self.lane.is_alive() {
            self.lane.set_alive(false);
            self.shared.judge();
        }
    }

    /// A subscription stands.
    pub(in crate::broker) fn confirmed(&self, name: &str) {
        if let Some(topic) = Topic::parse(name, &self.shared.prefix) {
            self.lane.wanted.lock().confirmed(&topic);
        }
    }
}
