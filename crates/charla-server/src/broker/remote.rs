//! A bus outside of this process, whatever it speaks: one topic a chat and a person, and only those that somebody here
//! listens to.
//!
//! What is said here is heard here at once, past the bus; what comes back of it is passed over. While the bus is away,
//! what is published is dropped: the other nodes look in the store.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use charla_core::NodeId;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

use self::lane::{Lane, Lanes, Said};
use super::envelope::{self, Opened};
use super::{Broker, Health, Heard, Topic, nats, redis};
use crate::happening::Happening;
use crate::metrics::Metrics;
use crate::settings::{BrokerSettings, BrokerUrl, BusKind};

pub(super) mod canary;
pub(crate) mod ended;
pub(super) mod keep;
pub(super) mod lane;
pub(super) mod link;
pub(super) mod wanted;
pub(crate) mod wire;

/// How long whoever enters a chat waits for its topic before it goes in regardless.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(2);
/// The largest happening that is passed on as it is; of a larger one the others are told to look in the store.
pub(super) const PAYLOAD_MAX: usize = 8 * 1024 * 1024;

/// Why no bus was set up.
#[derive(Debug, thiserror::Error)]
pub enum BrokerSetupError {
    /// A file that the settings name.
    #[error("`{key}`: {path} cannot be used: {said}")]
    File {
        /// The setting.
        key: &'static str,
        /// Which file.
        path: String,
        /// Why.
        said: String,
    },
}

/// What the connections and the node share.
pub(super) struct Shared {
    /// The address as people may see it.
    pub(super) shown: String,
    pub(super) prefix: String,
    // Another one at each start: what an earlier process said is news.
    pub(super) node: Uuid,
    pub(super) metrics: Arc<Metrics>,
    pub(super) lanes: RwLock<Lanes>,
    hear: Box<dyn Fn(Heard) + Send + Sync>,
    health: watch::Sender<Health>,
    // What this node said and wants to see come back, and who waits for it.
    awaited: Mutex<Option<(Vec<u8>, oneshot::Sender<()>)>>,
}

impl Shared {
    /// The name that the canaries of this node have on the bus.
    pub(super) fn canary(&self) -> String {
        format!("{}:canary:{}", self.prefix, self.node)
    }

    /// Something came in under a name.
    pub(super) fn heard(&self, name: &str, payload: &[u8]) {
        let Some(topic) = Topic::parse(name, &self.prefix) else {
            return;
        };
        match envelope::open(self.node, &topic, payload) {
            Opened::Own => self.came_back(payload),
            Opened::Happening(happening) => (self.hear)(Heard::Happening(happening)),
            Opened::Unreadable => (self.hear)(Heard::Unreadable(topic)),
        }
    }

    /// What this node said has gone through the bus.
    fn came_back(&self, payload: &[u8]) {
        let mut awaited = self.awaited.lock();
        if awaited.as_ref().is_some_and(|(said, _)| said == payload)
            && let Some((_, waiting)) = awaited.take()
        {
            // Whoever gave up waiting is told nothing.
            let _ = waiting.send(());
        }
    }

    /// Looks at every lane again.
    pub(super) fn judge(&self) {
        let mut health = Health::Away;
        let changed = self.health.send_if_modified(|now| {
            health = if self.lanes.read().are_alive() {
                Health::Alive
            } else {
                Health::Away
            };
            self.metrics.broker_up.set(i64::from(health == Health::Alive));
            std::mem::replace(now, health) != health
        });
        if changed {
            match health {
                Health::Alive => tracing::info!(broker = self.shown, "the broker is there"),
                Health::Away => tracing::warn!(
                    broker = self.shown,
                    "the broker does not answer: looking in the store until it does"
                ),
            }
        }
    }
}

/// Tells the others to look in the store: an envelope of no version that anybody reads.
pub(super) fn look(node: Uuid) -> Vec<u8> {
    serde_json::json!({ "v": 0, "node": node })
        .to_string()
        .into_bytes()
}

/// A broker over Redis, Valkey or NATS.
pub struct Remote {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Remote {
    /// Begins to connect, and goes on trying for as long as this lives: a node starts without its bus too.
    ///
    /// # Errors
    /// When a file with a password or a certificate cannot be used.
    pub fn start(
        url: &BrokerUrl,
        settings: &BrokerSettings,
        metrics: Arc<Metrics>,
        hear: impl Fn(Heard) + Send + Sync + 'static,
    ) -> Result<Self, BrokerSetupError> {
        let (lane, said) = Lane::open();
        lane.wanted.lock().follow(&Topic::Everybody);
        let shared = Arc::new(Shared {
            shown: url.shown().to_owned(),
            prefix: settings.prefix.clone(),
            node: Uuid::new_v4(),
            metrics,
            lanes: RwLock::new(Lanes::one(Arc::clone(&lane))),
            hear: Box::new(hear),
            health: watch::Sender::new(Health::Away),
            awaited: Mutex::default(),
        });
        let link = link::Link {
            shared: Arc::clone(&shared),
            lane,
        };
        let task = match url.kind() {
            BusKind::Redis => tokio::spawn(keep::keep(link, said, redis::Alone::new(url, settings)?)),
            BusKind::Sentinel { master } => {
                let watched = redis::Watched::new(url, master, settings)?;
                tokio::spawn(keep::keep(link, said, watched))
            }
            BusKind::Cluster => {
                let cluster = redis::Cluster::new(Arc::clone(&shared), url, settings)?;
                tokio::spawn(cluster.run())
            }
            BusKind::Nats => tokio::spawn(keep::keep(link, said, nats::Nats::new(url, settings)?)),
        };
        Ok(Self { shared, task })
    }

    fn say(&self, name: String, payload: Vec<u8>) {
        let lanes = self.shared.lanes.read();
        if !lanes.of(&name).say(Said { name, payload }) {
            self.shared.metrics.broker_dropped.inc();
        }
    }

    fn sealed(&self, happening: &Happening) -> Option<Vec<u8>> {
        let payload = envelope::seal(self.shared.node, happening)?;
        Some(if payload.len() > PAYLOAD_MAX {
            look(self.shared.node)
        } else {
            payload
        })
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Broker for Remote {
    fn publish(&self, happening: Happening) {
        if let Some(payload) = self.sealed(&happening) {
            self.say(Topic::of(&happening).name(&self.shared.prefix), payload);
        }
        (self.shared.hear)(Heard::Happening(happening));
    }

    fn passed_on(&self, happening: Happening) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let health = *self.shared.health.borrow();
        let back = self.sealed(&happening).filter(|_| health == Health::Alive);
        let back = back.map(|payload| {
            let (waiting, back) = oneshot::channel();
            *self.shared.awaited.lock() = Some((payload.clone(), waiting));
            self.say(Topic::of(&happening).name(&self.shared.prefix), payload);
            back
        });
        (self.shared.hear)(Heard::Happening(happening));
        Box::pin(async move {
            if let Some(back) = back {
                // Somebody else who waits instead is an end too.
                let _ = back.await;
            }
        })
    }

    fn follow(&self, topic: &Topic) {
        let homeless = self.shared.lanes.read().follow(topic, &self.shared.prefix);
        if homeless {
            self.shared.judge();
        }
    }

    fn leave(&self, topic: &Topic) {
        self.shared.lanes.read().leave(topic, &self.shared.prefix);
    }

    fn followed<'a>(&'a self, topic: &'a Topic) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        // A bus that is away is whole again before it counts as alive, and the store is looked at then.
        let health = *self.shared.health.borrow();
        let told = match health {
            Health::Alive => {
                let lanes = self.shared.lanes.read();
                let lane = lanes.of(&topic.name(&self.shared.prefix));
                lane.wanted.lock().wait(topic)
            }
            Health::Away => None,
        };
        Box::pin(async move {
            if let Some(told) = told {
                // Dropped, or too late: the look into the store finds what was missed.
                let _ = timeout(FOLLOWED_WITHIN, told).await;
            }
        })
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.subscribe()
    }

    fn node(&self) -> NodeId {
        self.shared.node
    }

    fn has_peers(&self) -> bool {
        true
    }
}
