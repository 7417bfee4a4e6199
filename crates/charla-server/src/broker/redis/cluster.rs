//! The shards of a Redis Cluster: a connection to each master, and the topics of its slots on it.
//!
//! Sharded publishing is used (`SPUBLISH`, Redis 7): what is published in a chat is told to the one shard that has its
//! slot, and not to all. The map of slots is read again now and then, and at once when a shard does not do what it says.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::door::Door;
use super::session::{SHARDED, Session};
use super::slots;
use crate::broker::remote::ended::Ended;
use crate::broker::remote::keep::{self, Speaker};
use crate::broker::remote::lane::{Lane, Outgoing};
use crate::broker::remote::link::Link;
use crate::broker::remote::{BrokerSetupError, Shared};
use crate::settings::{BrokerPlace, BrokerSettings, BrokerUrl};

/// The map is read this often without a reason.
const MAP_EVERY: Duration = Duration::from_secs(5);
/// And not more often than this with one.
const MAP_REST: Duration = Duration::from_millis(200);
/// A server that has not answered by then is left out.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// So many servers are asked at once.
const ASKED_MAX: usize = 8;

/// All of it.
pub(in crate::broker) struct Cluster {
    shared: Arc<Shared>,
    door: Door,
    seeds: Vec<BrokerPlace>,
    shards: Vec<Shard>,
    // As the shards are arranged by now.
    map: Map,
    stale: Arc<Notify>,
    asked: usize,
}

/// One master.
struct Shard {
    place: BrokerPlace,
    lane: Arc<Lane>,
    canary: Arc<Mutex<String>>,
    task: JoinHandle<()>,
}

impl Drop for Shard {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Which slots a master serves, from the first to the last.
type Map = Vec<(BrokerPlace, usize, usize)>;

impl Cluster {
    pub(in crate::broker) fn new(
        shared: Arc<Shared>,
        url: &BrokerUrl,
        settings: &BrokerSettings,
    ) -> Result<Self, BrokerSetupError> {
        Ok(Self {
            shared,
            door: Door::new(url, settings)?,
            seeds: url.places().to_vec(),
            shards: Vec::new(),
            map: Map::new(),
            stale: Arc::default(),
            asked: 0,
        })
    }

    /// Never ends.
    pub(in crate::broker) async fn run(mut self) {
        let mut told = String::new();
        loop {
            match self.newest().await {
                Ok(map) => {
                    told.clear();
                    // Every topic is looked at: not without a reason.
                    if map != self.map {
                        self.arrange(&map);
                        self.map = map;
                    }
                }
                Err(ended) => keep::tell(&self.shared, &ended, MAP_EVERY, &mut told),
            }
            tokio::select! {
                // sleeps because a map that changed tells nobody
                () = sleep(MAP_EVERY) => {}
                // sleeps because many may be told at once that it is stale
                () = self.stale.notified() => sleep(MAP_REST).await,
            }
        }
    }

    /// The map by whoever heard of the last change; those on the wrong side of a partition did not.
    async fn newest(&mut self) -> Result<Map, Ended> {
        let mut places: Vec<BrokerPlace> = self.shards.iter().map(|shard| shard.place.clone()).collect();
        for seed in &self.seeds {
            if !places.contains(seed) {
                places.push(seed.clone());
            }
        }
        let first = self.asked % places.len().max(1);
        places.rotate_left(first);
        self.asked = self.asked.wrapping_add(1);
        let mut asked = JoinSet::new();
        for place in places.into_iter().take(ASKED_MAX) {
            let door = self.door.clone();
            asked.spawn(async move {
                let within = timeout(ANSWER_WITHIN, drawn(&door, &place)).await;
                within.unwrap_or_else(|_| {
                    Err(Ended::Slow {
                        at: place.to_string(),
                        within: ANSWER_WITHIN,
                    })
                })
            });
        }
        let (mut newest, mut trouble) = (None, Ended::Garbled("Redis Cluster"));
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok(Ok((epoch, map))) => {
                    if newest.as_ref().is_none_or(|(known, _)| epoch > *known) {
                        newest = Some((epoch, map));
                    }
                }
                Ok(Err(ended)) => trouble = ended,
                Err(error) => tracing::debug!(%error, "a question about the cluster was not answered"),
            }
        }
        newest.map(|(_, map)| map).ok_or(trouble)
    }

    fn arrange(&mut self, map: &Map) {
        let mut places: Vec<BrokerPlace> = Vec::new();
        let mut by_slot = vec![0; slots::COUNT];
        for (place, from, to) in map {
            let at = places.iter().position(|known| known == place).unwrap_or_else(|| {
                places.push(place.clone());
                places.len() - 1
            });
            let number = u16::try_from(at + 1).unwrap_or(0);
            for slot in by_slot.iter_mut().take(to + 1).skip(*from) {
                *slot = number;
            }
        }
        let mut before = std::mem::take(&mut self.shards);
        for (at, place) in places.into_iter().enumerate() {
            let canary = self.canary(&by_slot, at + 1);
            let kept = before.iter().position(|shard| shard.place == place);
            let shard = match kept {
                Some(kept) => before.swap_remove(kept),
                None => self.open(place),
            };
            *shard.canary.lock() = canary;
            self.shards.push(shard);
        }
        let lanes = self.shards.iter().map(|shard| Arc::clone(&shard.lane)).collect();
        let prefix = &self.shared.prefix;
        self.shared.lanes.write().rearrange(lanes, by_slot, prefix);
        drop(before);
        self.shared.judge();
    }

    /// A canary's name in a slot that a shard serves.
    fn canary(&self, by_slot: &[u16], shard: usize) -> String {
        let name = |number: usize| format!("{}:{number}", self.shared.canary());
        // Each slot is met once in so many names, on average; a shard without a name for it is looked at again.
        (0..slots::COUNT * 16)
            .map(name)
            .find(|name| {
                by_slot
                    .get(slots::of(name))
                    .is_some_and(|at| usize::from(*at) == shard)
            })
            .unwrap_or_else(|| self.shared.canary())
    }

    fn open(&self, place: BrokerPlace) -> Shard {
        let (lane, said) = Lane::open();
        let link = Link {
            shared: Arc::clone(&self.shared),
            lane: Arc::clone(&lane),
        };
        let canary = Arc::<Mutex<String>>::default();
        let voice = Voice {
            door: self.door.clone(),
            place: place.clone(),
            canary: Arc::clone(&canary),
            stale: Arc::clone(&self.stale),
        };
        Shard {
            place,
            lane,
            canary,
            task: tokio::spawn(keep::keep(link, said, voice)),
        }
    }
}

/// Who speaks to one master.
struct Voice {
    door: Door,
    place: BrokerPlace,
    canary: Arc<Mutex<String>>,
    stale: Arc<Notify>,
}

impl Voice {
    async fn spoken(&self, link: &Link, said: &mut Outgoing) -> Result<Ended, Ended> {
        let open = self.door.open(&self.place).await?;
        if !open.is_master() {
            return Err(Ended::NotMaster(self.place.to_string()));
        }
        let session = Session {
            link,
            canary: self.canary.lock().clone(),
            words: &SHARDED,
        };
        Ok(session.run(open, said).await)
    }
}

impl Speaker for Voice {
    async fn connection(&mut self, link: &Link, said: &mut Outgoing) -> Ended {
        let (Ok(ended) | Err(ended)) = self.spoken(link, said).await;
        self.stale.notify_one();
        ended
    }
}

/// The map as one server draws it, and how many changes of the cluster it has heard of.
async fn drawn(door: &Door, place: &BrokerPlace) -> Result<(u64, Map), Ended> {
    let mut open = door.open(place).await?;
    let info = open.ask(&[b"CLUSTER", b"INFO"]).await?;
    let epoch = info
        .text()
        .into_iter()
        .flat_map(str::lines)
        .find_map(|line| line.strip_prefix("cluster_current_epoch:"))
        .and_then(|epoch| epoch.trim().parse().ok())
        .unwrap_or(0);
    let answer = open.ask(&[b"CLUSTER", b"SLOTS"]).await?;
    let mut map = Map::new();
    for range in answer.items() {
        let [from, to, master, ..] = range.items() else {
            return Err(Ended::Garbled("Redis Cluster"));
        };
        let [host, port, ..] = master.items() else {
            return Err(Ended::Garbled("Redis Cluster"));
        };
        // Without a name of its own it is where it was asked.
        let host = host
            .text()
            .filter(|host| !host.is_empty())
            .unwrap_or(&place.host)
            .to_owned();
        let (Some(from), Some(to), Some(port)) = (from.number(), to.number(), port.number()) else {
            return Err(Ended::Garbled("Redis Cluster"));
        };
        if host != "?" {
            map.push((BrokerPlace { host, port }, from, to));
        }
    }
    // Not every server begins with the same.
    map.sort_unstable_by_key(|(_, from, _)| *from);
    if map.is_empty() {
        return Err(Ended::Refused(format!(
            "{place}: no slot of the cluster is served"
        )));
    }
    Ok((epoch, map))
}
