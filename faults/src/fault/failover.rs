//! Sentinel: the Redis that nodes speak with dies, and its replica takes its place.

use std::fs;
use std::net::SocketAddrV4;
use std::process::Command;

use charla_ground::Outcome;
use charla_ground::process::{Running, converse, until};

use super::{Fault, seconds};
use crate::stack::redis::Redis;
use crate::stage::{SHOWS_WITHIN, Stage};

/// What Sentinel calls them.
const NAME: &str = "charla";

pub(super) const FAULTS: &[Fault] = &[Fault {
    name: "redis-failover",
    how: "SIGKILL of the Redis that leads; Sentinel has its replica lead",
    hold: seconds(10),
    is_quick: false,
    // The nodes are restarted for it, to be told of Sentinel.
    cuts_nobody: false,
    inject: fail_over,
    heal: as_before,
}];

/// A leader, its replica and a Sentinel that watches them.
pub(crate) struct Replicated {
    leader: Redis,
    replica: Redis,
    _sentinel: Running,
    sentinel: SocketAddrV4,
}

impl Replicated {
    fn start(stage: &Stage) -> Outcome<Self> {
        let hub = stage.network.hub();
        let place = |port| stage.network.place(hub, port);
        let folder = |name: &str| {
            let folder = stage.folder.join(name);
            fs::create_dir_all(&folder).map(|()| folder)
        };
        let leader = Redis::start(&folder("leader")?, place(6390)?)?;
        let replica = Redis::start(&folder("replica")?, place(6391)?)?;
        let (host, port) = (hub.to_string(), leader.place.port().to_string());
        replica.ask(&["REPLICAOF", &host, &port])?;
        let sentinel = place(26379)?;
        let conf = folder("sentinel")?.join("sentinel.conf");
        fs::write(
            &conf,
            format!(
                "port {}\nbind {host}\nprotected-mode no\nsentinel monitor {NAME} {host} {port} 1\n\
                 sentinel down-after-milliseconds {NAME} 1000\nsentinel failover-timeout {NAME} 5000\n",
                sentinel.port()
            ),
        )?;
        let mut command = Command::new("redis-server");
        command.arg(&conf).arg("--sentinel");
        let mut running = Running::start(&mut command, conf.with_extension("log"))?;
        running.wait_for_address(sentinel)?;
        let replicated = Self {
            leader,
            replica,
            _sentinel: running,
            sentinel,
        };
        until("a replica that Sentinel knows", SHOWS_WITHIN, || {
            let said = replicated.ask_sentinel(&["SENTINEL", "REPLICAS", NAME]);
            if said.contains(&replicated.replica.place.port().to_string()) {
                Ok(said)
            } else {
                Err(said)
            }
        })?;
        Ok(replicated)
    }

    fn ask_sentinel(&self, words: &[&str]) -> String {
        // A sentinel does not hang up when asked to: the answer to a ping behind it ends the answer.
        let said = words.join(" ") + "\r\nPING\r\n";
        let is_whole = |heard: &[u8]| heard.ends_with(b"+PONG\r\n");
        // One that does not answer is asked again.
        converse(self.sentinel, said.as_bytes(), is_whole).unwrap_or_default()
    }
}

fn fail_over(stage: &mut Stage) -> Outcome<String> {
    let sentinel = stage.network.hub();
    // Nothing is started for a program that could not use it.
    stage
        .node(0)?
        .use_bus(&format!("redis+sentinel://{sentinel}:26379/{NAME}"))?;
    stage.replicated = Some(Replicated::start(stage)?);
    let Some(replicated) = &mut stage.replicated else {
        return Ok(String::new());
    };
    let url = format!("redis+sentinel://{}/{NAME}", replicated.sentinel);
    for node in &mut stage.nodes {
        node.use_bus(&url)?;
        node.leave()?;
        node.run()?;
    }
    until("nodes on the leader", SHOWS_WITHIN, || {
        let subscribers = replicated
            .leader
            .subscribers()
            .map_err(|error| error.to_string())?;
        // Sentinel subscribes as well.
        if subscribers.len() > stage.nodes.len() {
            Ok(String::new())
        } else {
            Err(format!("{} subscribers", subscribers.len()))
        }
    })?;
    replicated.leader.kill()?;
    let next = replicated.replica.place.port().to_string();
    until("another leader", SHOWS_WITHIN, || {
        let said = replicated.ask_sentinel(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]);
        if said.contains(&next) {
            Ok(format!("Sentinel names port {next} as the leader"))
        } else {
            Err(said)
        }
    })
}

fn as_before(stage: &mut Stage) -> Outcome<()> {
    let broker = stage.common.broker.clone();
    for node in &mut stage.nodes {
        node.use_bus(&broker)?;
        node.leave()?;
        node.run()?;
    }
    stage.replicated = None;
    Ok(())
}
