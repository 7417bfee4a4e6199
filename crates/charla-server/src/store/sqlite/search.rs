//! FTS5, without the texts: what it finds is read from the messages.

use charla_core::{RoomKey, Seq, Stored};
use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::Sqlite;
use super::chats::chat_id;
use super::rows::{self, limit, message_columns, number, unsigned};
use crate::store::StoreFuture;
use crate::store::search::{Query, Search, TakenIn, words};

/// Bits of a row's number that are the message's: sixty-eight thousand million a chat, and as many chats as fit above.
const SEQ_BITS: u32 = 36;

/// The row of a chat's message; of number 0, what lies before its first.
const fn row_of(chat: i64, seq: i64) -> i64 {
    (chat << SEQ_BITS) | seq
}

impl Search for Sqlite {
    fn take_in<'a>(&'a self, room: &'a RoomKey, limit: usize) -> StoreFuture<'a, TakenIn> {
        let room = room.clone();
        self.write(move |w| take_in(w.conn, &room, limit))
    }

    fn find<'a>(
        &'a self,
        room: &'a RoomKey,
        query: &'a Query,
        before: Option<Seq>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Stored>> {
        let (room, asked) = (room.clone(), query.for_sqlite());
        self.readers
            .read(move |conn| find(conn, &room, &asked, before, limit))
    }
}

/// Which messages of a chat were taken in: from the first of these to the second.
fn taken(conn: &Connection, chat: i64) -> Result<Option<(Seq, Seq)>> {
    conn.prepare_cached("SELECT low, high FROM search_chats WHERE chat = ?1")?
        .query_row([chat], |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?)))
        .optional()
}

fn take_in(conn: &Connection, room: &RoomKey, most: usize) -> Result<TakenIn> {
    let Some(chat) = chat_id(conn, room)? else {
        return Ok(TakenIn { all: true });
    };
    let last = conn
        .prepare_cached("SELECT last_seq FROM chats WHERE id = ?1")?
        .query_row([chat], |row| unsigned(row, 0))?;
    let (mut low, mut high) = taken(conn, chat)?.unwrap_or((last + 1, last));
    let newer = high < last;
    let sql = if newer {
        "SELECT seq, text FROM messages WHERE chat = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
    } else {
        "SELECT seq, text FROM messages WHERE chat = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"
    };
    let from = if newer { high } else { low };
    let found = conn
        .prepare_cached(sql)?
        .query_map(params![chat, number(from), limit(most)], |row| {
            Ok((unsigned(row, 0)?, row.get::<_, String>(1)?))
        })?
        .collect::<Result<Vec<_>>>()?;
    for (seq, text) in &found {
        put(conn, chat, *seq, text)?;
    }
    let end = found.last().map(|(seq, _)| *seq);
    match (newer, found.len() < most) {
        (true, true) => high = last,
        (true, false) => high = end.unwrap_or(last),
        (false, true) => low = 1,
        (false, false) => low = end.unwrap_or(1),
    }
    conn.prepare_cached(
        "INSERT INTO search_chats (chat, low, high) VALUES (?1, ?2, ?3)
         ON CONFLICT (chat) DO UPDATE SET low = excluded.low, high = excluded.high",
    )?
    .execute(params![chat, number(low), number(high)])?;
    Ok(TakenIn {
        all: low <= 1 && high == last,
    })
}

fn put(conn: &Connection, chat: i64, seq: Seq, text: &str) -> Result<()> {
    let words = words::joined(text);
    if !words.is_empty() {
        conn.prepare_cached("INSERT INTO search_words (rowid, words) VALUES (?1, ?2)")?
            .execute(params![row_of(chat, number(seq)), words])?;
    }
    Ok(())
}

fn take_out(conn: &Connection, chat: i64, seq: Seq) -> Result<()> {
    conn.prepare_cached("DELETE FROM search_words WHERE rowid = ?1")?
        .execute([row_of(chat, number(seq))])?;
    Ok(())
}

/// Follows a message that has other words now, or none.
pub(super) fn follow(conn: &Connection, chat: i64, seq: Seq, text: &str) -> Result<()> {
    match taken(conn, chat)? {
        Some((low, high)) if (low..=high).contains(&seq) => {
            take_out(conn, chat, seq)?;
            put(conn, chat, seq, text)
        }
        Some(_) | None => Ok(()),
    }
}

/// Follows messages that went.
pub(super) fn forget(conn: &Connection, chat: i64, gone: &[Seq]) -> Result<()> {
    if let Some((low, high)) = taken(conn, chat)? {
        for seq in gone.iter().filter(|seq| (low..=high).contains(*seq)) {
            take_out(conn, chat, *seq)?;
        }
    }
    Ok(())
}

fn find(
    conn: &Connection,
    room: &RoomKey,
    asked: &str,
    before: Option<Seq>,
    most: usize,
) -> Result<Vec<Stored>> {
    let Some(chat) = chat_id(conn, room)? else {
        return Ok(Vec::new());
    };
    let first = row_of(chat, 0);
    let end = row_of(chat + 1, 0);
    let end = before.map_or(end, |before| end.min(first.saturating_add(number(before))));
    conn.prepare_cached(concat!(
        "SELECT ",
        message_columns!(),
        " FROM search_words w CROSS JOIN messages m ON m.chat = ?1 AND m.seq = w.rowid - ?2
          WHERE w.search_words MATCH ?3 AND w.rowid > ?2 AND w.rowid < ?4 AND NOT m.deleted
          ORDER BY w.rowid DESC LIMIT ?5"
    ))?
    .query_map(params![chat, first, asked, end, limit(most)], |row| {
        rows::message(row, 0, room.clone())
    })?
    .collect()
}
