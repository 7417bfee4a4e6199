//! Sends acknowledged only once they are on disk, beside a bare loop of grouped inserts in the same folder.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use super::Bench;
use crate::failure::{Failure, Outcome};
use crate::load::{Event, PATIENCE, Pool, http, message};
use crate::report::{Bar, Row};
use crate::server::{Kind, Server};
use crate::stats::{Spread, percentile};

/// Clients that send.
const CLIENTS: usize = 100;
/// Sends of a client that are not yet acknowledged.
const PIPELINED: usize = 8;
/// Bytes of text.
const LENGTH: usize = 200;

/// What one round of Charla came to.
struct Round {
    /// Acknowledged a second.
    rate: f64,
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
    for chats in bench.pick([1, 10], [1, 1_000]) {
        let span = bench.pick(Duration::from_millis(500), Duration::from_secs(4));
        let rounds = (0..bench.rounds)
            .map(|_| round(bench, chats, span))
            .collect::<Outcome<Vec<_>>>()?;
        let of = |pick: fn(&Round) -> f64| Spread::of(rounds.iter().map(pick).collect());
        let what = if chats == 1 {
            "one hot chat".into()
        } else {
            format!("{chats} chats")
        };
        let row = |what, unit, charla, reference: Option<(&str, Spread)>, bar| Row {
            scenario: "durable",
            what,
            unit,
            charla,
            reference: reference.map(|(name, spread)| (name.into(), spread)),
            bar,
        };
        rows.push(row(
            format!("durable sends by {CLIENTS} clients, {what}"),
            "1/s",
            of(|round| round.rate),
            Some(("bare inserts", of(|round| round.bare_rate))),
            Bar::AtLeastTimes(0.5),
        ));
        rows.push(row(
            format!("p99 from send to ack, {what}"),
            "ms",
            of(|round| round.p99),
            Some(("one commit", of(|round| round.bare_commit))),
            Bar::AtMostTimes(10.0),
        ));
        rows.push(row(
            format!("messages of a commit, {what}"),
            "messages",
            of(|round| round.group),
            None,
            Bar::Told,
        ));
    }
    Ok(rows)
}

fn round(bench: &Bench, chats: usize, span: Duration) -> Outcome<Round> {
    let server = bench.start(Kind::Charla)?;
    let chats = if chats == 1 {
        vec![server.chat().to_owned()]
    } else {
        server.chats(chats)?
    };
    send(&server, &chats, span / 10, 0)?;
    let before = commits(&server)?;
    let (rate, mut times) = send(&server, &chats, span, 10_000_000)?;
    let after = commits(&server)?;
    let group = (after.0 - before.0) / (after.1 - before.1).max(1.0);
    let folder = server.folder().unwrap_or(Path::new(".")).to_owned();
    let (bare_rate, bare_commit) = bare(&folder, group, span / 2)?;
    Ok(Round {
        rate,
        p99: percentile(&mut times, 0.99),
        group,
        bare_rate,
        bare_commit,
    })
}

/// All clients send as fast as they are acknowledged; the rate and the times from send to ack in ms.
fn send(server: &Server, chats: &[String], span: Duration, first: u64) -> Outcome<(f64, Vec<f64>)> {
    let mut pool = Pool::new()?;
    for _ in 0..CLIENTS {
        pool.connect(server.address(), &server.handshake("sofia", "/ws/"), None)?;
    }
    let mut sent_at: Vec<Instant> = Vec::new();
    let mut times = Vec::new();
    let (mut due, mut broken) = (Vec::new(), None);
    let start = Instant::now();
    let mut ready = 0;
    let mut last = start;
    let mut begun = start;
    while ready < CLIENTS || begun.elapsed() < span || times.len() < sent_at.len() {
        pool.turn(Duration::from_millis(100), &mut |connection, event| match event {
            Event::Open => {}
            Event::Closed(reason) => broken = Some(Failure::Closed { connection, reason }),
            Event::Text(payload) => match message::kind(payload) {
                b"welcome" => {
                    ready += 1;
                    begun = Instant::now();
                    due.extend(std::iter::repeat_n(connection, PIPELINED));
                }
                b"ack" => {
                    let sent = message::number_field(payload, "ref")
                        .and_then(|number| sent_at.get(usize::try_from(number.checked_sub(first)?).ok()?));
                    times.extend(sent.map(|sent| sent.elapsed().as_secs_f64() * 1e3));
                    due.push(connection);
                }
                _ => broken = Some(Failure::Server(String::from_utf8_lossy(payload).into_owned())),
            },
        })?;
        if let Some(failure) = broken {
            return Err(failure);
        }
        if !due.is_empty() {
            last = Instant::now();
        } else if last.elapsed() > PATIENCE {
            let (expected, seen) = (sent_at.len() as u64, times.len() as u64);
            return Err(Failure::Stalled {
                what: "acks".into(),
                after: PATIENCE,
                expected,
                seen,
            });
        }
        if ready == CLIENTS {
            for connection in due.drain(..) {
                if begun.elapsed() < span {
                    let place = sent_at.len();
                    let chat = chats.get(place % chats.len()).map_or("", String::as_str);
                    sent_at.push(Instant::now());
                    pool.send(connection, &message::send(chat, first + place as u64, LENGTH))?;
                }
            }
        }
    }
    Ok((times.len() as f64 / begun.elapsed().as_secs_f64(), times))
}

/// Messages committed and commits, from the server's own counts.
fn commits(server: &Server) -> Outcome<(f64, f64)> {
    let (status, body) = http::ask(server.address(), &server.request("GET", "ana", "/metrics", ""))?;
    let body = String::from_utf8_lossy(&body);
    let value = |suffix: &str| {
        body.lines().find_map(|line| {
            let (name, value) = line.split_once([' ', '{'])?;
            (name.contains("commit") && name.ends_with(suffix)).then_some(value)?;
            line.rsplit(' ').next()?.parse::<f64>().ok()
        })
    };
    let missing = || Failure::Server(format!("no commit sizes in /metrics ({status})"));
    Ok((
        value("_sum").ok_or_else(missing)?,
        value("_count").ok_or_else(missing)?,
    ))
}

/// Grouped inserts of the same columns and nothing else: rows a second, and a commit's time in ms.
fn bare(folder: &Path, group: f64, span: Duration) -> Outcome<(f64, f64)> {
    let mut database = Connection::open(folder.join("bare.db"))?;
    database.pragma_update(None, "journal_mode", "wal")?;
    database.pragma_update(None, "synchronous", "full")?;
    database.execute_batch(
        "CREATE TABLE messages (tenant TEXT, chat TEXT, seq INTEGER, id BLOB, author TEXT, text TEXT, sent_at INTEGER,
         PRIMARY KEY (tenant, chat, seq)) WITHOUT ROWID",
    )?;
    let text = message::text(0, LENGTH);
    #[expect(clippy::cast_possible_truncation, reason = "a group's size")]
    let group = group.round().max(1.0) as i64;
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
                insert.execute(params!["demo", "5", seq, id, "sofia", text, seq])?;
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
