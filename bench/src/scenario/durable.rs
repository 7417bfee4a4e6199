//! Sends acknowledged only once they are on disk, beside a bare loop of grouped inserts in the same folder.
//!
//! Only who hears a chat may send to it. So in one hot chat each message goes to all clients as well; with many
//! chats, each client has its own and hears only itself.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

pub(super) use self::senders::{CLIENTS, Load, send};
use super::Bench;
use crate::failure::{Failure, Outcome};
use crate::load::message;
use crate::load::message::Ids;
use crate::report::{Bar, Row};
use crate::server::Server;
use crate::stats::{Spread, percentile};

mod senders;

/// Bytes of text.
pub(super) const LENGTH: usize = 200;

/// What one round of Charla came to.
pub(super) struct Round {
    /// Acknowledged a second.
    pub(super) rate: f64,
    /// 99th percentile from send to ack, ms.
    p99: f64,
    /// Messages of a commit, on average.
    group: f64,
    /// What the bare loop did at that group size, rows a second.
    bare_rate: f64,
    /// One commit of the bare loop, ms.
    bare_commit: f64,
}

pub(super) fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    let many = bench.pick(10, 1_000);
    for (chats, ids) in [(1, Ids::TimeOrdered), (many, Ids::TimeOrdered), (1, Ids::Random)] {
        let rounds = (0..bench.rounds)
            .map(|_| round(bench, chats, ids))
            .collect::<Outcome<Vec<_>>>()?;
        let what = match (chats, ids) {
            (1, Ids::TimeOrdered) => "one hot chat that all of them hear".to_owned(),
            (1, Ids::Random) => "one hot chat with ids of version 4".to_owned(),
            (chats, Ids::TimeOrdered | Ids::Random) => format!("{chats} chats"),
        };
        rows.extend(told("durable", ("", "bare inserts"), &what, &rounds));
    }
    Ok(rows)
}

/// The rows of some rounds; `on` is the store's name in a sentence, and what the bare loop is called.
pub(super) fn told(
    scenario: &'static str,
    (on, bare): (&str, &str),
    what: &str,
    rounds: &[Round],
) -> [Row; 3] {
    let of = |pick: fn(&Round) -> f64| Spread::of(rounds.iter().map(pick).collect());
    let row = |what, unit, charla, reference: Option<(&str, Spread)>, bar| Row {
        scenario,
        what,
        unit,
        charla,
        reference: reference.map(|(name, spread)| (name.into(), spread)),
        bar,
    };
    [
        row(
            format!("durable sends by {CLIENTS} clients{on}, {what}"),
            "1/s",
            of(|round| round.rate),
            Some((bare, of(|round| round.bare_rate))),
            Bar::AtLeastTimes(0.5),
        ),
        row(
            format!("p99 from send to ack{on}, {what}"),
            "ms",
            of(|round| round.p99),
            Some(("one commit", of(|round| round.bare_commit))),
            Bar::AtMostTimes(10.0),
        ),
        row(
            format!("messages of a commit{on}, {what}"),
            "messages",
            of(|round| round.group),
            None,
            Bar::Told,
        ),
    ]
}

fn round(bench: &Bench, chats: usize, ids: Ids) -> Outcome<Round> {
    let server = bench.start_with_key()?;
    let load = Load {
        ids,
        ..Load::default()
    };
    let folder = server.folder().unwrap_or(Path::new(".")).to_owned();
    measured(bench, &server, chats, load, |group, chats, span| {
        bare(&folder, group, chats, span)
    })
}

/// A round on a server; `bare` is the loop beside it: of groups of that size, in so many chats, for so long.
pub(super) fn measured(
    bench: &Bench,
    server: &Server,
    chats: usize,
    load: Load,
    bare: impl FnOnce(f64, usize, Duration) -> Outcome<(f64, f64)>,
) -> Outcome<Round> {
    let span = bench.pick(Duration::from_millis(500), Duration::from_secs(3));
    let chats = if chats == 1 {
        vec![server.chat().to_owned()]
    } else {
        server.chats(chats)?
    };
    send(server, &chats, load, span / 10)?;
    let before = commits(server)?;
    let (rate, mut times) = send(server, &chats, load, span)?;
    let after = commits(server)?;
    let group = (after.0 - before.0) / (after.1 - before.1).max(1.0);
    let (bare_rate, bare_commit) = bare(group, chats.len(), span / 2)?;
    Ok(Round {
        rate,
        p99: percentile(&mut times, 0.99),
        group,
        bare_rate,
        bare_commit,
    })
}

/// Messages committed and commits, from the server's own counts.
fn commits(server: &Server) -> Outcome<(f64, f64)> {
    let body = server.metrics()?;
    let value = |suffix: &str| {
        body.lines().find_map(|line| {
            let (name, value) = line.split_once([' ', '{'])?;
            (name.contains("commit_batch") && name.ends_with(suffix)).then_some(value)?;
            line.rsplit(' ').next()?.parse::<f64>().ok()
        })
    };
    let missing = || Failure::Server("no commit sizes in /metrics".into());
    Ok((
        value("_sum").ok_or_else(missing)?,
        value("_count").ok_or_else(missing)?,
    ))
}

/// Grouped inserts of the same columns into as many chats, and nothing else (no index against repeats, no read
/// markers): rows a second, and a commit's time in ms.
fn bare(folder: &Path, group: f64, chats: usize, span: Duration) -> Outcome<(f64, f64)> {
    let mut database = Connection::open(folder.join("bare.db"))?;
    database.pragma_update(None, "journal_mode", "wal")?;
    database.pragma_update(None, "synchronous", "full")?;
    database.execute_batch(
        "CREATE TABLE messages (chat INTEGER, seq INTEGER, id BLOB, author TEXT, author_name TEXT, text TEXT,
         sent_at INTEGER, PRIMARY KEY (chat, seq)) STRICT, WITHOUT ROWID",
    )?;
    let text = message::text(0, LENGTH);
    #[expect(clippy::cast_possible_truncation, reason = "a group's size")]
    let group = group.round().max(1.0) as i64;
    let chats = i64::try_from(chats).unwrap_or(1);
    let mut commits = Vec::new();
    let mut seq = 0;
    let start = Instant::now();
    while start.elapsed() < span {
        let begun = Instant::now();
        let transaction = database.transaction()?;
        {
            let mut insert =
                transaction.prepare_cached("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)")?;
            for _ in 0..group {
                seq += 1;
                let id = u128::try_from(seq).unwrap_or_default().to_be_bytes();
                insert.execute(params![seq % chats, seq, id, "sofia", "Sofía", text, seq])?;
            }
        }
        transaction.commit()?;
        commits.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok((
        seq as f64 / start.elapsed().as_secs_f64(),
        percentile(&mut commits, 0.5),
    ))
}
