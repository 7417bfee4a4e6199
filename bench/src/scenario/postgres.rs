//! The durable sends on PostgreSQL, beside a bare loop of batched inserts through the same driver into the same server.

use std::time::{Duration, Instant};

use super::Bench;
use super::durable::{CLIENTS, LENGTH, Load, commits, send};
use crate::cluster::Cluster;
use crate::database::Database;
use crate::failure::{Failure, Outcome};
use crate::load::message;
use crate::report::{Bar, Row};
use crate::stats::{Spread, percentile};

/// What one round came to.
struct Round {
    rate: f64,
    p99: f64,
    group: f64,
    bare_rate: f64,
    bare_commit: f64,
}

pub(super) fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    let mut hot: Option<Spread> = None;
    for chats in [1, bench.pick(10, 1_000)] {
        let span = bench.pick(Duration::from_millis(500), Duration::from_secs(3));
        let rounds = (0..bench.rounds)
            .map(|_| round(bench, chats, span))
            .collect::<Outcome<Vec<_>>>()?;
        let of = |pick: fn(&Round) -> f64| Spread::of(rounds.iter().map(pick).collect());
        let what = if chats == 1 {
            "one hot chat".to_owned()
        } else {
            format!("{chats} chats")
        };
        let row = |what, unit, charla, reference: Option<(&str, Spread)>, bar| Row {
            scenario: "postgres",
            what,
            unit,
            charla,
            reference: reference.map(|(name, spread)| (name.into(), spread)),
            bar,
        };
        let rate = of(|round| round.rate);
        rows.push(row(
            format!("durable sends by {CLIENTS} clients on PostgreSQL, {what}"),
            "1/s",
            rate.clone(),
            Some(("bare batched inserts", of(|round| round.bare_rate))),
            Bar::AtLeastTimes(0.5),
        ));
        rows.push(row(
            format!("p99 from send to ack on PostgreSQL, {what}"),
            "ms",
            of(|round| round.p99),
            Some(("one commit", of(|round| round.bare_commit))),
            Bar::AtMostTimes(10.0),
        ));
        rows.push(row(
            format!("messages of a commit on PostgreSQL, {what}"),
            "messages",
            of(|round| round.group),
            None,
            Bar::Told,
        ));
        match hot.take() {
            None => hot = Some(rate),
            Some(hot) => rows.push(row(
                "durable sends on PostgreSQL, one hot chat beside many".into(),
                "1/s",
                hot,
                Some(("many chats", rate)),
                Bar::AtLeastTimes(1.0),
            )),
        }
    }
    Ok(rows)
}

fn round(bench: &Bench, chats: usize, span: Duration) -> Outcome<Round> {
    let cluster = Cluster::start(&bench.charla, bench.store(), 1)?;
    let server = cluster.first()?;
    let chats = if chats == 1 {
        vec![server.chat().to_owned()]
    } else {
        server.chats(chats)?
    };
    send(server, &chats, Load::default(), span / 10)?;
    let before = commits(server)?;
    let (rate, mut times) = send(server, &chats, Load::default(), span)?;
    let after = commits(server)?;
    let group = (after.0 - before.0) / (after.1 - before.1).max(1.0);
    let (bare_rate, bare_commit) = bare(&cluster.database, group, chats.len(), span / 2)?;
    Ok(Round {
        rate,
        p99: percentile(&mut times, 0.99),
        group,
        bare_rate,
        bare_commit,
    })
}

/// One connection, one statement a group, committed by itself: rows a second, and a commit's time in ms.
fn bare(database: &Database, group: f64, chats: usize, span: Duration) -> Outcome<(f64, f64)> {
    database.sql(
        "DROP TABLE IF EXISTS bare; CREATE TABLE bare (chat bigint, seq bigint, id bytea, author text, author_name text,
         text text, sent_at bigint, PRIMARY KEY (chat, seq))",
    )?;
    #[expect(clippy::cast_possible_truncation, reason = "a group's size")]
    let group = group.round().max(1.0) as i64;
    let chats = i64::try_from(chats).unwrap_or(1);
    let words = database.words();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let failed = |error: tokio_postgres::Error| Failure::Server(format!("PostgreSQL: {error}"));
    runtime.block_on(async move {
        let (client, connection) = tokio_postgres::connect(&words, tokio_postgres::NoTls)
            .await
            .map_err(failed)?;
        tokio::spawn(connection);
        let insert = client
            .prepare(
                "INSERT INTO bare SELECT c, s, i, 'sofia', 'Sofía', t, s
                 FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::text[]) AS u (c, s, i, t)",
            )
            .await
            .map_err(failed)?;
        let text = message::text(0, LENGTH);
        let (mut commits, mut seq) = (Vec::new(), 0);
        let start = Instant::now();
        while start.elapsed() < span {
            let begun = Instant::now();
            let seqs: Vec<i64> = (seq + 1..=seq + group).collect();
            seq += group;
            let of: Vec<i64> = seqs.iter().map(|seq| seq % chats).collect();
            let ids: Vec<Vec<u8>> = seqs
                .iter()
                .map(|seq| u128::try_from(*seq).unwrap_or_default().to_be_bytes().to_vec())
                .collect();
            let texts = vec![text.as_str(); seqs.len()];
            client
                .execute(&insert, &[&of, &seqs, &ids, &texts])
                .await
                .map_err(failed)?;
            commits.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        Ok((
            seq as f64 / start.elapsed().as_secs_f64(),
            percentile(&mut commits, 0.5),
        ))
    })
}
