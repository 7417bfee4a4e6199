//! Redis: gone, frozen, full, out of reach, or rid of its clients. It is a hint: no connection may end for its sake.

use charla_ground::process::until;
use charla_ground::{Failure, Outcome};
use rustix::process::Signal;

use super::{Fault, by_itself, seconds};
use crate::network::Side;
use crate::stage::{SHOWS_WITHIN, Stage};

/// What a node says of itself while its bus is away.
const DEGRADED: &str = "200 degraded: broker_unavailable";
/// More than a subscriber may have waiting in [`output_buffer`], in bytes.
const BURST: usize = 256 * 1024;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "redis-unplugged",
        how: "Redis is killed and stays away for 30 s",
        hold: seconds(30),
        is_quick: false,
        cuts_nobody: true,
        inject: unplug,
        heal: run,
    },
    Fault {
        name: "redis-restart",
        how: "Redis is killed and started again",
        hold: seconds(1),
        is_quick: true,
        cuts_nobody: true,
        inject: kill,
        heal: run,
    },
    Fault {
        name: "redis-flushed",
        how: "FLUSHALL",
        hold: seconds(2),
        is_quick: false,
        cuts_nobody: true,
        inject: flush,
        heal: by_itself,
    },
    Fault {
        name: "redis-frozen",
        how: "SIGSTOP: the connection is open, and nothing comes",
        hold: seconds(12),
        is_quick: false,
        cuts_nobody: true,
        inject: freeze,
        heal: thaw,
    },
    Fault {
        name: "redis-full",
        how: "maxmemory 1mb, noeviction",
        hold: seconds(5),
        is_quick: false,
        cuts_nobody: true,
        inject: fill,
        heal: empty,
    },
    Fault {
        name: "redis-output-buffer",
        how: "a burst beyond what a subscriber may have waiting: Redis cuts it off",
        hold: seconds(3),
        is_quick: false,
        cuts_nobody: true,
        inject: output_buffer,
        heal: default_buffer,
    },
    Fault {
        name: "redis-clients-killed",
        how: "CLIENT KILL TYPE pubsub",
        hold: seconds(3),
        is_quick: true,
        cuts_nobody: true,
        inject: kill_clients,
        heal: by_itself,
    },
    Fault {
        name: "redis-black-hole",
        how: "packets to and from Redis are dropped, without a reset",
        hold: seconds(12),
        is_quick: false,
        cuts_nobody: true,
        inject: black_hole,
        heal: mend,
    },
];

fn unplug(stage: &mut Stage) -> Outcome<String> {
    stage.redis.kill()?;
    stage.all_say(DEGRADED)
}

fn kill(stage: &mut Stage) -> Outcome<String> {
    stage.redis.kill()?;
    match stage.redis.ask(&["PING"]) {
        Err(error) => Ok(format!("PING: {error}")),
        Ok(answer) => Err(Failure::NotBroken {
            expected: "nobody at Redis' port".to_owned(),
            seen: answer,
        }),
    }
}

fn run(stage: &mut Stage) -> Outcome<()> {
    stage.redis.run()
}

fn flush(stage: &mut Stage) -> Outcome<String> {
    stage.redis.ask(&["SET", "somebody", "else"])?;
    stage.redis.ask(&["FLUSHALL"])?;
    let size = stage.redis.ask(&["DBSIZE"])?;
    expect_answer("DBSIZE", &size, ":0")
}

fn freeze(stage: &mut Stage) -> Outcome<String> {
    let frozen = stage.redis.process()?.freeze()?;
    Ok(format!("{frozen}, {}", stage.all_say(DEGRADED)?))
}

fn thaw(stage: &mut Stage) -> Outcome<()> {
    stage.redis.process()?.signal(Signal::CONT)
}

fn fill(stage: &mut Stage) -> Outcome<String> {
    stage.redis.ask(&[
        "CONFIG",
        "SET",
        "maxmemory",
        "1mb",
        "maxmemory-policy",
        "noeviction",
    ])?;
    let answer = stage.redis.ask(&["SET", "one", "more"])?;
    expect_answer("SET", &answer, "-OOM")
}

fn empty(stage: &mut Stage) -> Outcome<()> {
    stage.redis.ask(&["CONFIG", "SET", "maxmemory", "0"]).map(drop)
}

fn output_buffer(stage: &mut Stage) -> Outcome<String> {
    let before = stage.redis.subscribers()?;
    let limit = "pubsub 1kb 1kb 1";
    stage
        .redis
        .ask(&["CONFIG", "SET", "client-output-buffer-limit", limit])?;
    // Never read by a node: it is what its connection is closed for.
    stage.redis.ask(&["PUBLISH", "charla:all", &"x".repeat(BURST)])?;
    others(stage, &before)
}

fn default_buffer(stage: &mut Stage) -> Outcome<()> {
    let limit = "pubsub 32mb 8mb 60";
    let set = ["CONFIG", "SET", "client-output-buffer-limit", limit];
    stage.redis.ask(&set).map(drop)
}

fn kill_clients(stage: &mut Stage) -> Outcome<String> {
    let before = stage.redis.subscribers()?;
    stage.redis.ask(&["CLIENT", "KILL", "TYPE", "pubsub"])?;
    others(stage, &before)
}

/// That all subscribers are other connections than before.
fn others(stage: &Stage, before: &[String]) -> Outcome<String> {
    let nodes = stage.running().count();
    until("new subscribers for old ones", SHOWS_WITHIN, || {
        let now = stage.redis.subscribers().map_err(|error| error.to_string())?;
        if now.len() >= nodes && !before.is_empty() && now.iter().all(|id| !before.contains(id)) {
            Ok(format!(
                "subscribers {} became {}",
                before.join(" "),
                now.join(" ")
            ))
        } else {
            Err(format!("{before:?} then {now:?}"))
        }
    })
}

fn black_hole(stage: &mut Stage) -> Outcome<String> {
    stage.network.cut_port(Side::Hub, stage.redis.place.port())?;
    stage.all_say(DEGRADED)
}

fn mend(stage: &mut Stage) -> Outcome<()> {
    stage.network.mend(Side::Hub)
}

fn expect_answer(what: &str, answer: &str, expected: &str) -> Outcome<String> {
    let answer = answer.trim();
    if answer.starts_with(expected) {
        return Ok(format!("{what} answers {answer}"));
    }
    Err(Failure::NotBroken {
        expected: format!("{expected} from {what}"),
        seen: answer.to_owned(),
    })
}
