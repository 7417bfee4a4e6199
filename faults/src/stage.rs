//! The whole stack with its crowd, and what is read off it from outside: readiness, figures, the store's content.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use charla_client::{ChatId, Uuid};
use charla_ground::process::{output, until};
use charla_ground::{Failure, Outcome};
use tokio::runtime::Handle;
use tokio_postgres::Client;

use crate::crowd::Crowd;
use crate::fault::Replicated;
use crate::history::{Room, Stored};
use crate::network::Network;
use crate::stack::Ground;
use crate::stack::nginx::Nginx;
use crate::stack::node::{Common, Node};
use crate::stack::postgres::Postgres;
use crate::stack::redis::Redis;
use crate::world::{World, rows};

/// Nodes of a run.
const NODES: usize = 3;
/// How long a fault may take to show.
pub(crate) const SHOWS_WITHIN: Duration = Duration::from_secs(45);
/// How long everybody may take to be there for the first time.
const THERE_WITHIN: Duration = Duration::from_secs(60);
/// The size of the disk that is to be full.
const SMALL_DISK: &str = "size=64m";

/// Everything that runs.
pub(crate) struct Stage {
    pub(crate) crowd: Crowd,
    pub(crate) nodes: Vec<Node>,
    pub(crate) nginx: Nginx,
    pub(crate) redis: Redis,
    pub(crate) postgres: Postgres,
    pub(crate) network: Network,
    pub(crate) common: Common,
    /// The node that a fault is about.
    pub(crate) chosen: usize,
    /// A transaction in somebody's way.
    pub(crate) held: Option<Client>,
    /// What a failover needs.
    pub(crate) replicated: Option<Replicated>,
    pub(crate) folder: PathBuf,
    pub(crate) runtime: Handle,
}

impl Stage {
    /// Starts all of it, and waits until everybody is there.
    pub(crate) fn build(
        runtime: &Handle,
        folder: &Path,
        charla: &Path,
        world: World,
        per_second: u32,
    ) -> Outcome<Self> {
        let Ground {
            network,
            redis,
            postgres,
            common,
        } = Ground::lay(runtime, folder, charla)?;
        let mut nodes = Vec::new();
        for index in 0..NODES {
            let mut node = Node::new(&folder.join(format!("node{index}")), &common, index)?;
            node.run()?;
            nodes.push(node);
        }
        postgres.ask("charla", &rows(world))?;
        let places: Vec<SocketAddrV4> = nodes.iter().map(|node| node.place).collect();
        let nginx_folder = folder.join("nginx");
        fs::create_dir_all(&nginx_folder)?;
        let nginx = Nginx::start(&nginx_folder, network.place(network.hub(), 8000)?, &places)?;
        let address = |ip| format!("ws://{ip}:{}/ws/", nginx.place.port());
        let addresses = [address(network.hub()), address(network.wireless())];
        let crowd = Crowd::start(runtime, world, addresses, per_second);
        let stage = Self {
            crowd,
            nodes,
            nginx,
            redis,
            postgres,
            network,
            common,
            chosen: 0,
            held: None,
            replicated: None,
            folder: folder.to_owned(),
            runtime: runtime.clone(),
        };
        stage.wait_for_calm(THERE_WITHIN)?;
        Ok(stage)
    }

    /// Waits until everybody is there and has everything.
    pub(crate) fn wait_for_calm(&self, within: Duration) -> Outcome<()> {
        let deadline = Instant::now() + within;
        let mut unrest = self.crowd.unrest();
        while unrest.is_some() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(50));
            unrest = self.crowd.unrest();
        }
        if let Some(unrest) = unrest {
            return Err(Failure::Missed(format!("no calm within {within:?}: {unrest}")));
        }
        let last = self.last_numbers()?;
        while Instant::now() < deadline && !self.has_heard(&last) {
            thread::sleep(Duration::from_millis(50));
        }
        // What is missing then is the checker's to name.
        Ok(())
    }

    fn has_heard(&self, last: &BTreeMap<Room, u64>) -> bool {
        self.crowd.listeners().iter().all(|listener| {
            listener.chats.iter().all(|chat| {
                let room = room(listener.tenant, chat);
                let due = last.get(&room).copied().unwrap_or(0);
                listener.last(chat).is_some_and(|has| has >= due)
            })
        })
    }

    /// Each chat's last number.
    fn last_numbers(&self) -> Outcome<BTreeMap<Room, u64>> {
        let rows = self
            .postgres
            .ask("charla", "SELECT tenant, chat, last_seq FROM chats")?;
        Ok(rows.iter().filter_map(|row| numbered_room(row)).collect())
    }

    /// What the store has beyond numbers that were looked at before.
    pub(crate) fn stored(&self, from: &BTreeMap<Room, u64>) -> Outcome<Stored> {
        let after: String = from
            .iter()
            .map(|(Room { tenant, chat }, seq)| format!(",('{tenant}','{chat}',{seq})"))
            .collect();
        let rows = self.postgres.ask(
            "charla",
            &format!(
                "WITH known (tenant, chat, seq) AS (VALUES ('','',0){after}) \
                 SELECT c.tenant, c.chat, m.seq, m.id FROM messages m JOIN chats c ON c.id = m.chat \
                 LEFT JOIN known k ON k.tenant = c.tenant AND k.chat = c.chat \
                 WHERE m.seq > coalesce(k.seq, 0) ORDER BY c.tenant, c.chat, m.seq"
            ),
        )?;
        let mut stored = Stored {
            from: from.clone(),
            ..Stored::default()
        };
        for row in &rows {
            let id = row.get(3).and_then(|id| id.parse::<Uuid>().ok());
            if let (Some((room, seq)), Some(id)) = (numbered_room(row), id) {
                stored.rows.entry(room).or_default().push((seq, id));
            }
        }
        Ok(stored)
    }

    /// The nodes that are meant to run.
    pub(crate) fn running(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.is_running())
    }

    /// A node.
    pub(crate) fn node(&mut self, index: usize) -> Outcome<&mut Node> {
        let none = || Failure::NotStarted(format!("there is no node {index}"));
        self.nodes.get_mut(index).ok_or_else(none)
    }

    /// Chooses the node with the most connections: what happens to one without clients tries nothing.
    pub(crate) fn choose(&mut self) -> Outcome<&mut Node> {
        let nodes = self.nodes.iter().enumerate();
        let busiest = nodes.max_by_key(|(_, node)| node.figure("charla_connections"));
        self.chosen = busiest.map_or(0, |(index, _)| index);
        self.tried()
    }

    /// The node that was chosen.
    pub(crate) fn tried(&mut self) -> Outcome<&mut Node> {
        self.node(self.chosen)
    }

    /// Has nginx pass on to the nodes that run.
    pub(crate) fn balance(&self, without: Option<usize>) -> Outcome<()> {
        let nodes = self.nodes.iter().enumerate();
        let wanted = nodes.filter(|(index, node)| node.is_running() && Some(*index) != without);
        self.nginx
            .reload(&wanted.map(|(_, node)| node.place).collect::<Vec<_>>())
    }

    /// Waits until every node that runs says so of itself.
    pub(crate) fn all_say(&self, words: &str) -> Outcome<String> {
        until(&format!("{words:?} from every /readyz"), SHOWS_WITHIN, || {
            let said: Vec<String> = self.running().map(Node::readiness).collect();
            if said.iter().all(|said| said.contains(words)) {
                Ok(format!(
                    "{} nodes answer {}",
                    said.len(),
                    said.first().cloned().unwrap_or_default()
                ))
            } else {
                Err(said.join(", "))
            }
        })
    }

    /// Who is in each chat, by the clients' own account.
    pub(crate) fn people(&self) -> BTreeMap<Room, BTreeSet<String>> {
        let mut people: BTreeMap<Room, BTreeSet<String>> = BTreeMap::new();
        for listener in self.crowd.listeners() {
            for chat in &listener.chats {
                let room = room(listener.tenant, chat);
                people.entry(room).or_default().insert(listener.user.clone());
            }
        }
        people
    }

    /// A folder on a disk of its own that is soon full, for PostgreSQL.
    pub(crate) fn small_disk(&self) -> Outcome<PathBuf> {
        self.network.needs_own()?;
        let folder = self.folder.join("small");
        if !folder.exists() {
            fs::create_dir(&folder)?;
            let mut mount = Command::new("mount");
            output(mount.args(["-t", "tmpfs", "-o", SMALL_DISK, "none"]).arg(&folder))?;
        }
        let space = folder.join("space");
        fs::create_dir_all(&space)?;
        self.postgres.own(&space)?;
        Ok(folder)
    }
}

/// A chat of a tenant's.
pub(crate) fn room(tenant: &str, chat: &ChatId) -> Room {
    Room {
        tenant: tenant.to_owned(),
        chat: chat.to_string(),
    }
}

fn numbered_room(row: &[String]) -> Option<(Room, u64)> {
    let room = Room {
        tenant: row.first()?.clone(),
        chat: row.get(1)?.clone(),
    };
    Some((room, row.get(2)?.parse().ok()?))
}
