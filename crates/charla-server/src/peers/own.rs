//! What a node knows of itself, for the others and for people: its release, its store, its bus.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use charla_core::Millis;
use charla_core::peers::Beat;

use crate::node::Node;

/// What it found out about itself last.
#[derive(Debug)]
pub(crate) struct Own {
    store_up: AtomicBool,
    looking: AtomicBool,
    bus_since: AtomicU64,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            store_up: AtomicBool::new(true),
            looking: AtomicBool::new(false),
            bus_since: AtomicU64::new(0),
        }
    }
}

impl Node {
    pub(super) fn own_beat(&self) -> Beat {
        let leaving = self.is_leaving();
        Beat {
            name: self.name.get().map_or_else(|| "".into(), Arc::clone),
            accept_rate: if leaving { 0.0 } else { self.accept_rate() },
            connections: self.connection_count(),
            version: env!("CARGO_PKG_VERSION").into(),
            leaving,
            store_up: self.own.store_up.load(Ordering::Relaxed),
        }
    }

    /// Clients that are connected now.
    pub(crate) fn connection_count(&self) -> u64 {
        u64::try_from(self.metrics.connections.get()).unwrap_or(0)
    }

    /// Asks the store how it is, unless it has yet to answer the last time.
    pub(crate) fn look_at_store(self: &Arc<Self>) {
        if self.own.looking.swap(true, Ordering::Relaxed) {
            return;
        }
        let node = Arc::clone(self);
        tokio::spawn(async move {
            let is_up = node.ask_store().await.is_none();
            node.own.store_up.store(is_up, Ordering::Relaxed);
            node.own.looking.store(false, Ordering::Relaxed);
        });
    }

    /// What the store says when it is asked now, if it does not do well.
    pub(crate) async fn ask_store(&self) -> Option<String> {
        self.store.ready().await.err().map(|error| error.to_string())
    }

    /// What is said of the store where it was not asked just now.
    pub(crate) fn store_trouble(&self) -> Option<String> {
        let is_up = self.own.store_up.load(Ordering::Relaxed);
        (!is_up).then(|| "it did not answer when it was asked last".to_owned())
    }

    /// The bus has just become what it is.
    pub(super) fn note_bus(&self, now: Millis) {
        self.own.bus_since.store(now, Ordering::Relaxed);
    }

    /// Since when the bus is what it is, after the start; 0 for always.
    pub(crate) fn bus_since(&self) -> Millis {
        self.own.bus_since.load(Ordering::Relaxed)
    }
}
