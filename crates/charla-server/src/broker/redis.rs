//! Redis, or Valkey, as the bus between nodes: one topic a chat and a person, and only those that somebody here listens to.
//!
//! What is said here is heard here at once, past Redis; what comes back of it is passed over. While Redis is away, what
//! is published is dropped: the other nodes look in the store.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use secrecy::SecretString;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

use self::wanted::Wanted;
use super::{Broker, Health, Heard, Topic, envelope};
use crate::happening::Happening;
use crate::metrics::Metrics;
use crate::settings::{BrokerSettings, BrokerUrl};

mod resp;
mod session;
mod wanted;

/// Happenings that may wait for the connection; more are dropped, and found in the store by who misses them.
const OUTGOING_MAX: usize = 16 * 1024;
/// How long whoever enters a chat waits for its topic before it goes in regardless.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(2);
/// The first and the longest wait before another try to connect.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(2);

type Outgoing = mpsc::Receiver<(String, Vec<u8>)>;

/// Why no bus was set up.
#[derive(Debug, thiserror::Error)]
pub enum RedisSetupError {
    /// The file with the password.
    #[error("`broker.password_file`: {path} cannot be read: {error}")]
    PasswordFile {
        /// Which.
        path: String,
        /// Why.
        error: std::io::Error,
    },
}

/// What the connection and the node share.
struct Bus {
    url: BrokerUrl,
    password: Option<SecretString>,
    prefix: String,
    // Another one at each start: what an earlier process said is news.
    node: Uuid,
    hear: Box<dyn Fn(Heard) + Send + Sync>,
    wanted: Mutex<Wanted>,
    errand: Notify,
    health: watch::Sender<Health>,
    metrics: Arc<Metrics>,
}

impl Bus {
    fn canary(&self) -> String {
        format!("{}:canary:{}", self.prefix, self.node)
    }

    fn set_health(&self, health: Health) {
        self.metrics.broker_up.set(i64::from(health == Health::Alive));
        let changed = self
            .health
            .send_if_modified(|now| std::mem::replace(now, health) != health);
        if changed {
            match health {
                Health::Alive => tracing::info!(broker = self.url.shown(), "the broker is there"),
                Health::Away => tracing::warn!(
                    broker = self.url.shown(),
                    "the broker does not answer: looking in the store until it does"
                ),
            }
        }
    }
}

/// A broker over Redis.
pub struct Redis {
    bus: Arc<Bus>,
    outgoing: mpsc::Sender<(String, Vec<u8>)>,
    task: JoinHandle<()>,
}

impl Redis {
    /// Begins to connect, and goes on trying for as long as this lives: a node starts without its bus too.
    ///
    /// # Errors
    /// When the file with the password cannot be read.
    pub fn start(
        url: &BrokerUrl,
        settings: &BrokerSettings,
        metrics: Arc<Metrics>,
        hear: impl Fn(Heard) + Send + Sync + 'static,
    ) -> Result<Self, RedisSetupError> {
        let password = match &settings.password_file {
            Some(path) => match std::fs::read_to_string(path) {
                Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned().into()),
                Err(error) => {
                    let path = path.display().to_string();
                    return Err(RedisSetupError::PasswordFile { path, error });
                }
            },
            None => url.password().cloned(),
        };
        let (outgoing, queue) = mpsc::channel(OUTGOING_MAX);
        let bus = Arc::new(Bus {
            url: url.clone(),
            password,
            prefix: settings.prefix.clone(),
            node: Uuid::new_v4(),
            hear: Box::new(hear),
            wanted: Mutex::default(),
            errand: Notify::new(),
            health: watch::Sender::new(Health::Away),
            metrics,
        });
        bus.wanted.lock().follow(&Topic::Everybody);
        let task = tokio::spawn(keep_connected(Arc::clone(&bus), queue));
        Ok(Self { bus, outgoing, task })
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep_connected(bus: Arc<Bus>, mut outgoing: Outgoing) {
    let mut wait = RETRY_FIRST;
    loop {
        let ended = session::run(&bus, &mut outgoing).await;
        let was_alive = *bus.health.borrow() == Health::Alive;
        bus.wanted.lock().disconnect();
        bus.set_health(Health::Away);
        // What waited is older than what the others will have found in the store by then.
        while outgoing.try_recv().is_ok() {
            bus.metrics.broker_dropped.inc();
        }
        wait = if was_alive {
            RETRY_FIRST
        } else {
            (wait * 2).min(RETRY_MAX)
        };
        tracing::warn!(broker = bus.url.shown(), %ended, again_in = ?wait, "no connection to the broker");
        // sleeps because a broker that comes back tells nobody
        tokio::time::sleep(wait.mul_f64(0.5 + share())).await;
    }
}

/// From 0 to 1/2, at random: nodes that lost the same broker do not come back in step.
fn share() -> f64 {
    let mut byte = [0];
    // Without randomness they come back in step.
    let _ = getrandom::fill(&mut byte);
    f64::from(byte[0]) / 512.0
}

impl Broker for Redis {
    fn publish(&self, happening: Happening) {
        if let Some(payload) = envelope::seal(self.bus.node, &happening) {
            let channel = Topic::of(&happening).name(&self.bus.prefix);
            if self.outgoing.try_send((channel, payload)).is_err() {
                self.bus.metrics.broker_dropped.inc();
            }
        }
        (self.bus.hear)(Heard::Happening(happening));
    }

    fn follow(&self, topic: &Topic) {
        if self.bus.wanted.lock().follow(topic) {
            self.bus.errand.notify_one();
        }
    }

    fn leave(&self, topic: &Topic) {
        if self.bus.wanted.lock().leave(topic) {
            self.bus.errand.notify_one();
        }
    }

    fn followed<'a>(&'a self, topic: &'a Topic) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        // A bus that is away is whole again before it counts as alive, and the store is looked at then.
        let told = match *self.bus.health.borrow() {
            Health::Alive => self.bus.wanted.lock().wait(topic),
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
        self.bus.health.subscribe()
    }

    fn has_peers(&self) -> bool {
        true
    }
}
