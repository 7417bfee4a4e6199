//! One index over words that the server has folded; the chat is one of them.

use charla_core::{RoomKey, Seq, Stored};

use super::Postgres;
use super::fault::Fault;
use super::rows::{self, limit, message_columns, number, unsigned, words as plain_words};
use super::session::Session;
use crate::store::StoreFuture;
use crate::store::search::{Query, Search, TakenIn, words};

const PUT: &str = "INSERT INTO search_words (chat, seq, words)
    SELECT $1::bigint, w.seq, array_to_tsvector(array_append(array_remove(string_to_array(w.words, ' '), ''), '#' || ($1::bigint)::text))
    FROM unnest($2::bigint[], $3::text[]) AS w (seq, words)
    ON CONFLICT (chat, seq) DO UPDATE SET words = excluded.words";

impl Search for Postgres {
    fn take_in<'a>(&'a self, room: &'a RoomKey, limit: usize) -> StoreFuture<'a, TakenIn> {
        let room = room.clone();
        self.change(move |s, _| Box::pin(async move { take_in(s, &room, limit).await }))
    }

    fn find<'a>(
        &'a self,
        room: &'a RoomKey,
        query: &'a Query,
        before: Option<Seq>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Stored>> {
        Box::pin(async move {
            let mut lease = self.pool.take().await?;
            let found = find(lease.session()?, room, query, before, limit).await;
            found.map_err(Fault::told)
        })
    }
}

/// Which messages of a chat were taken in: from the first of these to the second. The chat must be held.
async fn taken(session: &mut Session, chat: i64) -> Result<Option<(Seq, Seq)>, Fault> {
    const TAKEN: &str = "SELECT low, high FROM search_chats WHERE chat = $1";
    let row = session.first(TAKEN, &[&chat]).await?;
    row.map(|row| Ok((unsigned(&row, 0)?, unsigned(&row, 1)?)))
        .transpose()
}

/// The chat is held meanwhile: nobody changes what is read here.
async fn take_in(session: &mut Session, room: &RoomKey, most: usize) -> Result<TakenIn, Fault> {
    const HELD: &str = "SELECT id, last_seq FROM chats WHERE tenant = $1 AND chat = $2 FOR NO KEY UPDATE";
    const NEWER: &str = "SELECT seq, text FROM messages WHERE chat = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    const OLDER: &str =
        "SELECT seq, text FROM messages WHERE chat = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
    const STANDS: &str = "INSERT INTO search_chats (chat, low, high) VALUES ($1, $2, $3)
        ON CONFLICT (chat) DO UPDATE SET low = excluded.low, high = excluded.high";
    let held = session
        .first(HELD, &[&room.tenant.as_str(), &room.chat.as_str()])
        .await?;
    let Some(held) = held else {
        return Ok(TakenIn { all: true });
    };
    let (chat, last): (i64, Seq) = (held.try_get(0)?, unsigned(&held, 1)?);
    let (mut low, mut high) = taken(session, chat).await?.unwrap_or((last + 1, last));
    let newer = high < last;
    let (sql, from) = if newer { (NEWER, high) } else { (OLDER, low) };
    let found = session.rows(sql, &[&chat, &number(from), &limit(most)]).await?;
    let mut seqs = Vec::with_capacity(found.len());
    let mut each = Vec::with_capacity(found.len());
    for row in &found {
        seqs.push(unsigned(row, 0)?);
        each.push(words::joined(&plain_words::<String>(row, 1)?));
    }
    put(session, chat, &seqs, &each).await?;
    let end = seqs.last().copied();
    match (newer, seqs.len() < most) {
        (true, true) => high = last,
        (true, false) => high = end.unwrap_or(last),
        (false, true) => low = 1,
        (false, false) => low = end.unwrap_or(1),
    }
    session
        .execute(STANDS, &[&chat, &number(low), &number(high)])
        .await?;
    Ok(TakenIn {
        all: low <= 1 && high == last,
    })
}

async fn put(session: &mut Session, chat: i64, seqs: &[Seq], each: &[String]) -> Result<(), Fault> {
    let seqs: Vec<i64> = seqs.iter().map(|seq| number(*seq)).collect();
    if !seqs.is_empty() {
        session.execute(PUT, &[&chat, &seqs, &each]).await?;
    }
    Ok(())
}

/// Follows a message that has other words now, or none. The chat must be held.
pub(super) async fn follow(session: &mut Session, chat: i64, seq: Seq, text: &str) -> Result<(), Fault> {
    match taken(session, chat).await? {
        Some((low, high)) if (low..=high).contains(&seq) => {
            put(session, chat, &[seq], &[words::joined(text)]).await
        }
        Some(_) | None => Ok(()),
    }
}

/// Follows messages that went, up to one.
pub(super) async fn forget(session: &mut Session, chat: i64, upto: Seq) -> Result<(), Fault> {
    const AWAY: &str = "DELETE FROM search_words WHERE chat = $1 AND seq <= $2";
    session.execute(AWAY, &[&chat, &number(upto)]).await?;
    Ok(())
}

async fn find(
    session: &mut Session,
    room: &RoomKey,
    query: &Query,
    before: Option<Seq>,
    most: usize,
) -> Result<Vec<Stored>, Fault> {
    const CHAT: &str = "SELECT id FROM chats WHERE tenant = $1 AND chat = $2";
    let found = session
        .first(CHAT, &[&room.tenant.as_str(), &room.chat.as_str()])
        .await?;
    let Some(found) = found else {
        return Ok(Vec::new());
    };
    let chat: i64 = found.try_get(0)?;
    let found = session
        .rows(
            concat!(
                "SELECT ",
                message_columns!(),
                " FROM search_words w JOIN messages m ON m.chat = w.chat AND m.seq = w.seq
                  WHERE w.words @@ ($2::text)::tsquery AND w.chat = $1 AND w.seq < $3 AND NOT m.deleted
                  ORDER BY w.seq DESC LIMIT $4"
            ),
            &[
                &chat,
                &query.for_postgres(chat),
                &before.map_or(i64::MAX, number),
                &limit(most),
            ],
        )
        .await?;
    found
        .iter()
        .map(|row| rows::message(row, 0, room.clone()))
        .collect()
}
