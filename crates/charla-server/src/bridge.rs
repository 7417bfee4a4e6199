//! Django Channels beside Charla: what is said through one is heard through the other, over the Redis of `channels_redis`.
//!
//! Three tasks for each of its servers: [`members`] keeps this node in the groups of those who listen here, [`reader`] carries
//! out what Channels says, on one node for all, and [`outward`] tells Channels what is said here. Whoever is connected to Charla
//! does not notice when that Redis is away.

use std::sync::Arc;

use charla_core::Stored;
use charla_wire::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

use self::codec::Codec;
use self::fernet::Keys;
use self::meaning::{Meaning, Target};
use self::members::Members;
use self::outward::Outward;
use self::shard::shard;
use self::standing::{Standing, Task};
use crate::broker::redis::link::Host;
use crate::broker::{BrokerSetupError, Topic};
use crate::metrics::Metrics;
use crate::node::Node;
use crate::settings::{BridgeSettings, ChannelLayer};
use crate::store::StoreError;

mod codec;
mod fernet;
mod figures;
mod inward;
mod link;
mod meaning;
mod members;
pub(crate) mod msgpack;
mod outward;
mod reader;
mod said;
mod shard;
mod standing;
mod trouble;

pub use figures::{BridgeFigures, ReasonLabel};
pub(crate) use said::Said;

/// What is said here and waits to be told to Channels.
const SAID_MAX: usize = 10_000;

/// Why there is no bridge.
#[derive(Debug, thiserror::Error)]
pub enum BridgeSetupError {
    /// A file that the settings name.
    #[error(transparent)]
    Way(#[from] BrokerSetupError),
    /// The file with the keys.
    #[error("`bridge.keys_file`: {0}")]
    Keys(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The queue that all nodes of this installation have in Channels, and this node's names in it.
struct Queue {
    /// `specific.<32 hex>!`
    name: String,
    /// This node's part of a member's name.
    node: String,
}

impl Queue {
    fn name(&self) -> &str {
        &self.name
    }

    /// The name under which this node is in a group.
    fn member(&self, group: &str) -> String {
        format!("{}{}.{group}", self.name, self.node)
    }
}

/// What the tasks and the node share.
struct Shared {
    settings: BridgeSettings,
    layer: ChannelLayer,
    hosts: Vec<Host>,
    members: Vec<Members>,
    codec: Codec,
    meaning: Meaning,
    metrics: Arc<Metrics>,
    clock: crate::clock::Clock,
    /// In the core layer.
    queue: Option<Queue>,
    /// Another one at each start.
    node: String,
    /// Of all nodes of this installation.
    installation: String,
    standing: Standing,
}

impl Shared {
    fn figures(&self) -> &BridgeFigures {
        &self.metrics.bridge
    }

    /// Seconds since 1970.
    fn now(&self) -> f64 {
        std::time::Duration::from_millis(u64::try_from((self.clock)().as_millis()).unwrap_or(0)).as_secs_f64()
    }

    /// Whole seconds since 1970.
    fn seconds(&self) -> u64 {
        u64::try_from((self.clock)().as_millis() / 1000).unwrap_or(0)
    }

    /// The key of a group in the core layer.
    fn group_key(&self, group: &str) -> String {
        format!("{}:group:{group}", self.settings.prefix)
    }

    /// The channel of a group in the pub/sub layer.
    fn channel(&self, group: &str) -> String {
        format!("{}__group__{group}", self.settings.prefix)
    }

    /// The key of our queue.
    fn queue_key(&self) -> Option<String> {
        let queue = self.queue.as_ref()?;
        Some(format!("{}{}", self.settings.prefix, queue.name))
    }

    /// The key of the lease to read.
    fn lease_key(&self) -> String {
        format!("{}$charla-reader-{}", self.settings.prefix, self.installation)
    }

    /// A host answers a task, or does no more.
    fn answers(&self, place: usize, task: Task, does: bool) {
        let up = self.standing.note(place, task, does, (self.clock)());
        self.figures().up.set(i64::from(up));
    }
}

/// The bridge of one node.
pub(crate) struct Bridge {
    shared: Arc<Shared>,
    said: mpsc::Sender<(u64, Said)>,
}

impl Bridge {
    /// The bridge that the settings name, and its tasks; `None` where they name none.
    pub(crate) async fn start(
        node: &Arc<Node>,
    ) -> Result<Option<(Self, Vec<JoinHandle<()>>)>, BridgeSetupError> {
        let settings = node.settings.bridge.clone();
        let Some(layer) = settings.layer else {
            node.metrics.bridge.up.set(1);
            return Ok(None);
        };
        let hosts: Vec<Host> = settings
            .hosts
            .iter()
            .map(|url| link::host(url, &settings))
            .collect::<Result<_, _>>()?;
        let own = Uuid::new_v4().simple().to_string();
        let kept = node.store.keep("bridge", &own).await?;
        // Nodes of another group on the same database are another installation.
        let installation = hex(&format!("{kept} {}", node.settings.broker.prefix));
        let queue = (layer == ChannelLayer::Core).then(|| Queue {
            name: format!("specific.{installation}!"),
            node: own.chars().take(12).collect(),
        });
        let shared = Arc::new(Shared {
            members: hosts.iter().map(|_| Members::default()).collect(),
            standing: Standing::new(hosts.len(), (node.clock)()),
            hosts,
            codec: Codec {
                layer,
                serializer: settings.serializer,
                keys: keys(&settings)?,
                expiry: settings.expiry.as_secs(),
            },
            meaning: Meaning::new(&settings, &node.speech.plain),
            layer,
            settings,
            metrics: Arc::clone(&node.metrics),
            clock: Arc::clone(&node.clock),
            queue,
            node: own,
            installation,
        });
        let (said, heard) = mpsc::channel(SAID_MAX);
        let mut tasks = vec![tokio::spawn(Outward::new(Arc::clone(&shared), heard).run())];
        for place in 0..shared.hosts.len() {
            tasks.push(tokio::spawn(members::keep(Arc::clone(&shared), place)));
            tasks.push(tokio::spawn(reader::read(
                Arc::clone(&shared),
                Arc::clone(node),
                place,
            )));
        }
        Ok(Some((Self { shared, said }, tasks)))
    }

    /// Whether the Redis of Channels answers whatever it is asked.
    pub(crate) fn is_up(&self) -> bool {
        self.shared.standing.is_up()
    }

    /// Its hosts, without passwords.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &str> {
        self.shared.hosts.iter().map(|host| host.shown.as_str())
    }

    /// Since when that is as it is.
    pub(crate) fn since(&self) -> Timestamp {
        self.shared.standing.since()
    }

    /// Tells Channels of something. Does not wait.
    pub(crate) fn say(&self, said: Said) {
        if self.said.try_send((self.shared.seconds(), said)).is_err() {
            self.shared
                .figures()
                .lose(1, "more is said than Django Channels is told");
        }
    }

    /// Tells Channels of a message that was stored, unless it came from there.
    pub(crate) fn say_stored(&self, message: &Stored) {
        if !codec::is_brought(message.draft.id) {
            self.say(Said::Message(message.clone()));
        }
    }

    /// One more listener to a topic.
    pub(crate) fn follow(&self, topic: &Topic) {
        if let Some((group, members)) = self.group(topic) {
            members.follow(&group);
        }
    }

    /// One less.
    pub(crate) fn leave(&self, topic: &Topic) {
        if let Some((group, members)) = self.group(topic) {
            members.leave(&group);
        }
    }

    /// Comes back when what Channels says under a topic is heard, or when that is not to be had now.
    pub(crate) async fn followed(&self, topic: &Topic) {
        if let Some((group, members)) = self.group(topic) {
            members.followed(&group).await;
        }
    }

    /// The group of a topic that this node has to be a member of.
    fn group(&self, topic: &Topic) -> Option<(String, &Members)> {
        self.shared.queue.as_ref()?;
        let target = match topic {
            Topic::Room(room) => Target::Room(room.clone()),
            Topic::User(user) => Target::User(user.clone()),
            Topic::Everybody | Topic::Tenant(_) | Topic::Node(_) => return None,
        };
        let group = self.shared.meaning.group(&target)?.name;
        let place = shard(&group, self.shared.hosts.len());
        Some((group, self.shared.members.get(place)?))
    }

    /// The node goes: another one reads from now on, and the groups are left after a while.
    pub(crate) async fn end(&self) {
        reader::release(&self.shared).await;
        members::leave_all(&self.shared).await;
    }
}

/// The keys of the settings' file.
fn keys(settings: &BridgeSettings) -> Result<Option<Keys>, BridgeSetupError> {
    let Some(path) = &settings.keys_file else {
        return Ok(None);
    };
    let shown = path.display();
    let lines = std::fs::read_to_string(path)
        .map_err(|error| BridgeSetupError::Keys(format!("{shown} cannot be read: {error}")))?;
    let keys = Keys::of_lines(&lines);
    let none = || BridgeSetupError::Keys(format!("there is no key in {shown}"));
    keys.ok_or_else(none).map(Some)
}

/// 32 letters that stand for a text.
fn hex(text: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
