//! PostgreSQL: gone, slow, short of connections or of room. Sends wait; connections stay.

use std::fs::{self, File};
use std::io::Write as _;

use charla_ground::Outcome;
use charla_ground::process::{read, until};
use rustix::process::Signal;

use super::{Fault, by_itself, seconds};
use crate::stage::{SHOWS_WITHIN, Stage};

/// What a node says of itself while its store is away.
const AWAY: &str = "503 store_unavailable";
/// Ends all that the nodes have open.
const END_ALL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'charla'";

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "postgres-restart",
        how: "a fast shutdown, 5 s without, a start",
        hold: seconds(5),
        is_quick: false,
        cuts_nobody: true,
        inject: stop,
        heal: run,
    },
    Fault {
        name: "postgres-crash",
        how: "SIGKILL, 3 s without, a start that recovers from the log",
        hold: seconds(3),
        is_quick: true,
        cuts_nobody: true,
        inject: crash,
        heal: run,
    },
    Fault {
        name: "postgres-locked",
        how: "somebody locks the table of messages for 8 s",
        hold: seconds(8),
        is_quick: false,
        cuts_nobody: true,
        inject: lock,
        heal: unlock,
    },
    Fault {
        name: "postgres-backends-ended",
        how: "pg_terminate_backend of every connection, whatever it is about",
        hold: seconds(2),
        is_quick: true,
        cuts_nobody: true,
        inject: end_backends,
        heal: by_itself,
    },
    Fault {
        name: "postgres-connection-limit",
        how: "two connections for all nodes, and all ended",
        hold: seconds(8),
        is_quick: false,
        cuts_nobody: true,
        inject: limit_connections,
        heal: unlimit_connections,
    },
    Fault {
        name: "postgres-disk-full",
        how: "no room for messages: the table stands on a full disk",
        hold: seconds(8),
        is_quick: false,
        cuts_nobody: true,
        inject: fill_disk,
        heal: free_disk,
    },
];

fn stop(stage: &mut Stage) -> Outcome<String> {
    stage.postgres.stop(Signal::INT)?;
    stage.all_say(AWAY)
}

fn crash(stage: &mut Stage) -> Outcome<String> {
    stage.postgres.stop(Signal::KILL)?;
    stage.all_say(AWAY)
}

fn run(stage: &mut Stage) -> Outcome<()> {
    stage.postgres.run()
}

fn lock(stage: &mut Stage) -> Outcome<String> {
    stage.held = Some(
        stage
            .postgres
            .hold("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")?,
    );
    until("statements that wait for the lock", SHOWS_WITHIN, || {
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        let rows = stage
            .postgres
            .ask("charla", waiting)
            .map_err(|error| error.to_string())?;
        match rows.concat().first().map(String::as_str) {
            None | Some("0") => Err("nobody waits".to_owned()),
            Some(count) => Ok(format!("{count} wait for the lock")),
        }
    })
}

fn unlock(stage: &mut Stage) -> Outcome<()> {
    // A connection that ends rolls back.
    stage.held = None;
    Ok(())
}

fn end_backends(stage: &mut Stage) -> Outcome<String> {
    let ended = stage.postgres.ask("postgres", END_ALL)?.len();
    let words = "terminating connection due to administrator command";
    let log = stage.postgres.log();
    until("connections that are told so", SHOWS_WITHIN, || {
        let told = read(&log).matches(words).count();
        if ended > 0 && told >= ended {
            Ok(format!("{ended} connections ended"))
        } else {
            Err(format!("{told} of {ended}"))
        }
    })
}

fn limit_connections(stage: &mut Stage) -> Outcome<String> {
    stage
        .postgres
        .ask("postgres", "ALTER ROLE charla CONNECTION LIMIT 2")?;
    stage.postgres.ask("postgres", END_ALL)?;
    let log = stage.postgres.log();
    until("refused connections", SHOWS_WITHIN, || {
        match read(&log).matches("too many connections for role").count() {
            0 => Err("none refused".to_owned()),
            count => Ok(format!("{count} connections refused, to begin with")),
        }
    })
}

fn unlimit_connections(stage: &mut Stage) -> Outcome<()> {
    let more = "ALTER ROLE charla CONNECTION LIMIT -1";
    stage.postgres.ask("postgres", more).map(drop)
}

fn fill_disk(stage: &mut Stage) -> Outcome<String> {
    let disk = stage.small_disk()?;
    let known = stage.postgres.ask(
        "charla",
        "SELECT spcname FROM pg_tablespace WHERE spcname = 'small'",
    )?;
    if known.is_empty() {
        let made = format!(
            "CREATE TABLESPACE small LOCATION '{}'",
            disk.join("space").display()
        );
        stage.postgres.ask("charla", &made)?;
    }
    stage
        .postgres
        .ask("charla", "ALTER TABLE messages SET TABLESPACE small")?;
    let mut ballast = File::create(disk.join("ballast"))?;
    let block = [0; 64 * 1024];
    // Until it is full.
    while ballast.write_all(&block).is_ok() {}
    let log = stage.postgres.log();
    let before = read(&log).matches("No space left on device").count();
    until("a commit without room", SHOWS_WITHIN, || {
        match read(&log).matches("No space left on device").count() - before {
            0 => Err("nothing failed".to_owned()),
            count => Ok(format!(
                "\"No space left on device\" {count} times, to begin with"
            )),
        }
    })
}

fn free_disk(stage: &mut Stage) -> Outcome<()> {
    fs::remove_file(stage.small_disk()?.join("ballast"))?;
    let back = "ALTER TABLE messages SET TABLESPACE pg_default";
    stage.postgres.ask("charla", back).map(drop)
}
