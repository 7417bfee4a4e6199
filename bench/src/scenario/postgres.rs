//! The durable sends on PostgreSQL, beside a bare loop of batched inserts through the same driver into the same server.

use std::time::{Duration, Instant};

use super::Bench;
use super::durable::{LENGTH, Load, Round, measured, told};
use crate::cluster::Cluster;
use crate::database::Database;
use crate::failure::{Failure, Outcome};
use crate::load::message;
use crate::report::{Bar, Row};
use crate::stats::{Spread, percentile};

pub(super) fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    let mut hot: Option<Spread> = None;
    for chats in [1, bench.pick(10, 1_000)] {
        let rounds = (0..bench.rounds)
            .map(|_| round(bench, chats))
            .collect::<Outcome<Vec<_>>>()?;
        let what = if chats == 1 {
            "one hot chat".to_owned()
        } else {
            format!("{chats} chats")
        };
        let on = (" on PostgreSQL", "bare batched inserts");
        rows.extend(told("postgres", on, &what, &rounds));
        let rate = Spread::of(rounds.iter().map(|round| round.rate).collect());
        match hot.take() {
            None => hot = Some(rate),
            Some(hot) => rows.push(Row {
                scenario: "postgres",
                what: "durable sends on PostgreSQL, one hot chat beside many".into(),
                unit: "1/s",
                charla: hot,
                reference: Some(("many chats".into(), rate)),
                bar: Bar::AtLeastTimes(1.0),
            }),
        }
    }
    Ok(rows)
}

fn round(bench: &Bench, chats: usize) -> Outcome<Round> {
    let cluster = Cluster::start(&bench.charla, bench.store(), 1)?;
    measured(
        bench,
        cluster.first()?,
        chats,
        Load::default(),
        |group, chats, span| bare(&cluster.database, group, chats, span),
    )
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
