//! Nodes: killed, frozen, restarted one after the other, added, taken away, cut off from one neighbour, and told a wrong time.

use std::thread;

use charla_ground::process::{page, until};
use charla_ground::{Failure, Outcome};
use rustix::process::Signal;

use super::{Fault, seconds};
use crate::network::Side;
use crate::stack::node::Node;
use crate::stage::{SHOWS_WITHIN, Stage};
use crate::world::{OBSERVER, TENANTS, token};

/// The one that is added.
const ADDED: usize = 3;
/// A clock that is off by less than this many seconds was not stepped.
const STEPPED: i64 = 3_000;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "node-killed",
        how: "SIGKILL of one node, 5 s without it",
        hold: seconds(5),
        is_quick: true,
        cuts_nobody: false,
        inject: kill,
        heal: run,
    },
    Fault {
        name: "node-frozen",
        how: "SIGSTOP of one node, until its clients have left it",
        hold: seconds(32),
        is_quick: false,
        cuts_nobody: false,
        inject: freeze,
        heal: thaw,
    },
    Fault {
        name: "rolling-restart",
        how: "SIGTERM and a start, one node after the other",
        hold: seconds(1),
        is_quick: false,
        cuts_nobody: false,
        inject: restart_all,
        heal: super::by_itself,
    },
    Fault {
        name: "node-added",
        how: "a fourth node joins, and leaves again",
        hold: seconds(5),
        is_quick: false,
        cuts_nobody: false,
        inject: add,
        heal: take_away,
    },
    Fault {
        name: "node-removed",
        how: "one of three nodes is taken out of nginx and asked to leave",
        hold: seconds(5),
        is_quick: false,
        cuts_nobody: false,
        inject: remove,
        heal: put_back,
    },
    Fault {
        name: "node-redis-cut",
        how: "one node and Redis hear nothing of each other",
        hold: seconds(10),
        is_quick: false,
        cuts_nobody: true,
        inject: cut_from_redis,
        heal: mend,
    },
    Fault {
        name: "node-postgres-cut",
        how: "one node and PostgreSQL hear nothing of each other",
        hold: seconds(12),
        is_quick: false,
        cuts_nobody: true,
        inject: cut_from_postgres,
        heal: mend,
    },
    Fault {
        name: "node-nginx-cut",
        how: "one node and nginx hear nothing of each other, until its clients have left it",
        hold: seconds(32),
        is_quick: false,
        cuts_nobody: false,
        inject: cut_from_nginx,
        heal: mend,
    },
    Fault {
        name: "node-clock-stepped",
        how: "one node's clock goes an hour forward, then to an hour back",
        hold: seconds(5),
        is_quick: false,
        cuts_nobody: false,
        inject: step_clock,
        heal: right_clock,
    },
];

fn kill(stage: &mut Stage) -> Outcome<String> {
    let process = stage.choose()?.process()?;
    process.kill()?;
    let has_ended = process.has_ended()?;
    silent(stage, &format!("ended: {has_ended}"))
}

fn run(stage: &mut Stage) -> Outcome<()> {
    stage.tried()?.run()
}

fn freeze(stage: &mut Stage) -> Outcome<String> {
    let frozen = stage.choose()?.process()?.freeze()?;
    silent(stage, &frozen)
}

fn thaw(stage: &mut Stage) -> Outcome<()> {
    stage.tried()?.process()?.signal(Signal::CONT)
}

/// That the node does not answer.
fn silent(stage: &mut Stage, also: &str) -> Outcome<String> {
    let node = stage.tried()?;
    until("silence", SHOWS_WITHIN, || match node.readiness() {
        said if said.starts_with("no answer") => Ok(format!("{also}, /readyz without an answer")),
        said => Err(said),
    })
}

fn restart_all(stage: &mut Stage) -> Outcome<String> {
    let mut proof = Vec::new();
    for node in &mut stage.nodes {
        let before = node.process()?.pid();
        node.leave()?;
        node.run()?;
        proof.push(format!("{before} became {}", node.process()?.pid()));
        // As whoever restarts one after the other does: the next one when this one serves again.
        serves(node)?;
    }
    Ok(format!("processes {}", proof.join(", ")))
}

fn add(stage: &mut Stage) -> Outcome<String> {
    let folder = stage.folder.join(format!("node{ADDED}"));
    let mut node = Node::new(&folder, &stage.common, ADDED)?;
    node.run()?;
    stage.nodes.push(node);
    stage.balance(None)?;
    serves(stage.node(ADDED)?)
}

/// That clients come to a node.
fn serves(node: &Node) -> Outcome<String> {
    until("connections on the new node", SHOWS_WITHIN, || {
        match node.figure("charla_connections") {
            None | Some(0) => Err("none".to_owned()),
            Some(count) => Ok(format!("{count} connections on the new node, to begin with")),
        }
    })
}

fn take_away(stage: &mut Stage) -> Outcome<()> {
    stage.balance(Some(ADDED))?;
    stage.node(ADDED)?.leave()?;
    stage.nodes.truncate(ADDED);
    Ok(())
}

fn remove(stage: &mut Stage) -> Outcome<String> {
    let before = stage.choose()?.figure("charla_connections").unwrap_or(0);
    stage.balance(Some(stage.chosen))?;
    stage.tried()?.leave()?;
    silent(stage, &format!("{before} connections had to go"))
}

fn put_back(stage: &mut Stage) -> Outcome<()> {
    stage.tried()?.run()?;
    stage.balance(None)
}

fn cut_from_redis(stage: &mut Stage) -> Outcome<String> {
    let port = stage.redis.place.port();
    stage.choose()?;
    stage.network.cut_port(Side::Node(stage.chosen), port)?;
    node_says(stage, "200 degraded: broker_unavailable")
}

fn cut_from_postgres(stage: &mut Stage) -> Outcome<String> {
    let port = stage.postgres.place.port();
    stage.choose()?;
    stage.network.cut_port(Side::Node(stage.chosen), port)?;
    node_says(stage, "503 store_unavailable")
}

fn cut_from_nginx(stage: &mut Stage) -> Outcome<String> {
    let port = stage.choose()?.place.port();
    stage.network.cut_port(Side::Node(stage.chosen), port)?;
    silent(stage, "nothing comes through")
}

fn mend(stage: &mut Stage) -> Outcome<()> {
    stage.network.mend(Side::Node(stage.chosen))
}

/// That this node says so, and no other does.
fn node_says(stage: &mut Stage, words: &str) -> Outcome<String> {
    let node = stage.tried()?;
    until(words, SHOWS_WITHIN, || match node.readiness() {
        said if said.starts_with(words) => Ok(format!("one node answers {said}")),
        said => Err(said),
    })
}

fn step_clock(stage: &mut Stage) -> Outcome<String> {
    let node = stage.choose()?;
    node.leave()?;
    node.run_with_clock()?;
    node.step_clock("+1h")?;
    let forward = off_by(node, 1)?;
    // Long enough for whatever expires by the wrong clock to do so.
    thread::sleep(seconds(5));
    node.step_clock("-1h")?;
    let back = off_by(node, -1)?;
    Ok(format!("its clock is off by {forward} s, then by {back} s"))
}

/// By how much its clock is off by its own account, once that has the sign that is waited for.
fn off_by(node: &Node, sign: i64) -> Outcome<String> {
    let [tenant, ..] = TENANTS;
    let asked = format!("/ws/?token={}", token(tenant, OBSERVER));
    until("a clock that is off by an hour", SHOWS_WITHIN, || {
        let page = page(node.place, &asked).map_err(|error| error.to_string())?;
        let told = page.split("\"server_time\":\"").nth(1);
        let time = told.and_then(|rest| rest.split('"').next()?.parse::<jiff::Timestamp>().ok());
        let time = time.ok_or_else(|| "no time".to_owned())?;
        let off = time.as_second() - jiff::Timestamp::now().as_second();
        if off * sign > STEPPED {
            Ok(off.to_string())
        } else {
            Err(off.to_string())
        }
    })
}

fn right_clock(stage: &mut Stage) -> Outcome<()> {
    let node = stage.tried()?;
    if !node.is_running() {
        return Err(Failure::NotStarted(
            "the node with the wrong clock is gone".to_owned(),
        ));
    }
    node.leave()?;
    node.run()
}
