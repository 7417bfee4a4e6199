//! Messages of before into their chats, inside the writer's transaction.

use std::collections::HashMap;

use charla_core::RoomKey;
use charla_wire::{Timestamp, UserId};
use rusqlite::{OptionalExtension as _, Result, params};

use super::Sqlite;
use super::rows::{number, unsigned};
use super::writer::Writing;
use crate::store::StoreFuture;
use crate::store::backfill::{Backfill, Fate, Past, Standing};

impl Backfill for Sqlite {
    fn backfill(&self, past: Vec<Past>, write: bool) -> StoreFuture<'_, Vec<Fate>> {
        self.write(move |writing| backfill(writing, &past, write))
    }
}

/// A chat of the batch.
struct Chat {
    id: i64,
    standing: Standing,
    /// The place of its last new message in the batch.
    moved: Option<usize>,
}

/// Numbers them, and writes them where `write` says so.
fn backfill(writing: &mut Writing<'_>, past: &[Past], write: bool) -> Result<Vec<Fate>> {
    let mut chats: HashMap<&RoomKey, Option<Chat>> = HashMap::new();
    let mut marks: HashMap<(i64, &UserId), i64> = HashMap::new();
    let mut fates = Vec::with_capacity(past.len());
    for (place, past) in past.iter().enumerate() {
        let room = &past.draft.room;
        if !chats.contains_key(room) {
            writing.chats.forget(room);
            chats.insert(room, found(writing, room)?);
        }
        let Some(Some(chat)) = chats.get_mut(room) else {
            fates.push(Fate::NoChat);
            continue;
        };
        let is_known = is_known(writing, chat.id, past)?;
        let fate = chat.standing.number(past.sent_at, is_known);
        fates.push(fate);
        if let (Fate::New(seq), true) = (fate, write) {
            insert(writing, chat.id, number(seq), past)?;
            chat.moved = Some(place);
            marks.insert((chat.id, &past.draft.author.id), number(seq));
        }
    }
    let mut moved: Vec<&Chat> = chats
        .values()
        .flatten()
        .filter(|chat| chat.moved.is_some())
        .collect();
    moved.sort_by_key(|chat| chat.moved);
    for chat in moved {
        let moved = writing.chats.next_moved();
        writing
            .conn
            .prepare_cached("UPDATE chats SET last_seq = ?2, moved = ?3 WHERE id = ?1")?
            .execute(params![chat.id, number(chat.standing.last_seq), moved])?;
    }
    for ((chat, user), seq) in marks {
        writing
            .conn
            .prepare_cached(
                "INSERT INTO reads (chat, user, seq) VALUES (?1, ?2, ?3)
                 ON CONFLICT (chat, user) DO UPDATE SET seq = excluded.seq WHERE excluded.seq > reads.seq",
            )?
            .execute(params![chat, user.as_str(), seq])?;
    }
    Ok(fates)
}

fn found(writing: &Writing<'_>, room: &RoomKey) -> Result<Option<Chat>> {
    writing
        .conn
        .prepare_cached(
            "SELECT c.id, c.last_seq, (SELECT sent_at FROM messages WHERE chat = c.id ORDER BY seq DESC LIMIT 1)
             FROM chats c WHERE c.tenant = ?1 AND c.chat = ?2",
        )?
        .query_row(params![room.tenant.as_str(), room.chat.as_str()], |row| {
            let last: Option<i64> = row.get(2)?;
            Ok(Chat {
                id: row.get(0)?,
                standing: Standing::new(unsigned(row, 1)?, last.map(Timestamp::from_millis)),
                moved: None,
            })
        })
        .optional()
}

fn is_known(writing: &Writing<'_>, chat: i64, past: &Past) -> Result<bool> {
    let draft = &past.draft;
    writing
        .conn
        .prepare_cached("SELECT 1 FROM messages WHERE id = ?3 AND author = ?2 AND chat = ?1")?
        .exists(params![chat, draft.author.id.as_str(), draft.id.as_bytes()])
}

fn insert(writing: &Writing<'_>, chat: i64, seq: i64, past: &Past) -> Result<()> {
    let draft = &past.draft;
    writing
        .conn
        .prepare_cached(
            "INSERT INTO messages (chat, seq, id, author, author_name, text, data, sent_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            chat,
            seq,
            draft.id.as_bytes(),
            draft.author.id.as_str(),
            &*draft.author.name,
            &*draft.text,
            draft.data.as_deref(),
            past.sent_at.as_millis(),
        ])?;
    Ok(())
}
