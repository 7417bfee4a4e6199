//! The hot path: numbering and storing messages inside the writer's transaction.
//!
//! The last number of each chat is remembered here, so that a message costs one insert and a chat one
//! update for all its messages of a group. That is right because nobody else writes; whatever is
//! remembered is forgotten when a transaction is rolled back.

use std::collections::HashMap;

use charla_core::{Draft, RoomKey, Seq, Stored};
use charla_wire::{Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::attachments;
use super::rows::{self, attachments_text, message_columns, number, unsigned};
use crate::store::{AppendError, Appended};

/// Chats remembered before all are forgotten and looked up anew: some 2 MiB.
const REMEMBERED: usize = 16 * 1024;

/// A chat as the writer knows it.
struct Known {
    id: i64,
    last_seq: Seq,
    closed: bool,
    /// Where the chat stands in the order of movement, if it moved in this group.
    moved: Option<i64>,
}

/// What the writer remembers of the chats.
pub(super) struct Chats {
    known: HashMap<RoomKey, Known>,
    /// Those that moved since they were last written.
    touched: Vec<RoomKey>,
    /// Authors' own read markers since they were last written.
    marks: HashMap<(i64, UserId), Seq>,
    moved: i64,
}

impl Chats {
    /// Nothing is known yet but the order of movement.
    pub(super) fn new(conn: &Connection) -> Result<Self> {
        Ok(Self {
            known: HashMap::new(),
            touched: Vec::new(),
            marks: HashMap::new(),
            moved: conn.query_row("SELECT coalesce(max(moved), 0) FROM chats", [], |row| row.get(0))?,
        })
    }

    /// The next place in the order of movement.
    pub(super) fn next_moved(&mut self) -> i64 {
        self.moved += 1;
        self.moved
    }

    /// Goes on behind a place that came from elsewhere.
    pub(super) fn moved_to(&mut self, place: i64) {
        self.moved = self.moved.max(place);
    }

    /// Forgets a chat that is about to change otherwise than by a message.
    pub(super) fn forget(&mut self, key: &RoomKey) {
        self.known.remove(key);
    }

    /// Forgets all: what is remembered was rolled back.
    pub(super) fn forget_all(&mut self) {
        self.known.clear();
        self.touched.clear();
        self.marks.clear();
    }

    /// Stores a draft under the next number, or finds it stored.
    ///
    /// # Errors
    /// What SQLite said; then nothing of the draft is in the transaction.
    pub(super) fn append(
        &mut self,
        conn: &Connection,
        now: Timestamp,
        draft: Draft,
    ) -> Result<std::result::Result<Appended, AppendError>> {
        let Some(known) = look_up(&mut self.known, conn, &draft.room)? else {
            return Ok(Err(AppendError::NoChat));
        };
        if known.closed {
            let earlier = earlier(conn, known.id, draft)?;
            return Ok(earlier.unwrap_or(Err(AppendError::Closed)));
        }
        if !attachments::are_free(conn, known.id, &draft)? {
            let earlier = earlier(conn, known.id, draft)?;
            return Ok(earlier.unwrap_or(Err(AppendError::AttachmentMissing)));
        }
        let seq = known.last_seq + 1;
        if !insert(conn, known.id, seq, now, &draft)? {
            let earlier = earlier(conn, known.id, draft)?;
            return Ok(earlier.unwrap_or(Err(AppendError::IdConflict)));
        }
        attachments::claim(conn, known.id, seq, &draft)?;
        known.last_seq = seq;
        self.moved += 1;
        if known.moved.replace(self.moved).is_none() {
            self.touched.push(draft.room.clone());
        }
        self.marks.insert((known.id, draft.author.id.clone()), seq);
        Ok(Ok(Appended::New(Stored {
            draft,
            seq,
            sent_at: now,
            edited_at: None,
            deleted: false,
        })))
    }

    /// Writes what the appends since the last flush left to be written: one row per chat, one per author.
    pub(super) fn flush(&mut self, conn: &Connection) -> Result<()> {
        for key in self.touched.drain(..) {
            if let Some(known) = self.known.get_mut(&key)
                && let Some(moved) = known.moved.take()
            {
                conn.prepare_cached("UPDATE chats SET last_seq = ?2, moved = ?3 WHERE id = ?1")?
                    .execute(params![known.id, number(known.last_seq), moved])?;
            }
        }
        for ((chat, user), seq) in self.marks.drain() {
            conn.prepare_cached(
                "INSERT INTO reads (chat, user, seq) VALUES (?1, ?2, ?3)
                 ON CONFLICT (chat, user) DO UPDATE SET seq = excluded.seq WHERE excluded.seq > reads.seq",
            )?
            .execute(params![chat, user.as_str(), number(seq)])?;
        }
        if self.known.len() > REMEMBERED {
            self.known.clear();
        }
        Ok(())
    }
}

fn look_up<'a>(
    known: &'a mut HashMap<RoomKey, Known>,
    conn: &Connection,
    key: &RoomKey,
) -> Result<Option<&'a mut Known>> {
    if !known.contains_key(key) {
        let found = conn
            .prepare_cached(
                "SELECT id, last_seq, closed_at IS NOT NULL FROM chats WHERE tenant = ?1 AND chat = ?2",
            )?
            .query_row(params![key.tenant.as_str(), key.chat.as_str()], |row| {
                Ok(Known {
                    id: row.get(0)?,
                    last_seq: unsigned(row, 1)?,
                    closed: row.get(2)?,
                    moved: None,
                })
            })
            .optional()?;
        let Some(found) = found else {
            return Ok(None);
        };
        known.insert(key.clone(), found);
    }
    Ok(known.get_mut(key))
}

/// Inserts the draft; `false` when the author used the id in this chat before.
fn insert(conn: &Connection, chat: i64, seq: Seq, now: Timestamp, draft: &Draft) -> Result<bool> {
    let inserted = conn
        .prepare_cached(
            "INSERT INTO messages (chat, seq, id, author, author_name, text, data, sent_at, attachments)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id, author, chat) DO NOTHING",
        )?
        .execute(params![
            chat,
            number(seq),
            draft.id.as_bytes(),
            draft.author.id.as_str(),
            &*draft.author.name,
            &*draft.text,
            draft.data.as_deref(),
            now.as_millis(),
            attachments_text(&draft.attachments),
        ])?;
    Ok(inserted == 1)
}

/// What the same author stored under the same id: the same message, or another one in the way.
///
/// The words of a message that was edited or deleted since are no longer there to compare, so a repeat
/// of it counts as one whatever it says.
fn earlier(
    conn: &Connection,
    chat: i64,
    draft: Draft,
) -> Result<Option<std::result::Result<Appended, AppendError>>> {
    let mut found = conn.prepare_cached(concat!(
        "SELECT ",
        message_columns!(),
        ", m.rev FROM messages m WHERE m.id = ?3 AND m.author = ?2 AND m.chat = ?1"
    ))?;
    let Draft {
        room,
        id,
        author,
        text,
        data,
        attachments,
    } = draft;
    found
        .query_row(params![chat, author.id.as_str(), id.as_bytes()], |row| {
            let stored = rows::message(row, 0, room)?;
            let as_sent = row.get::<_, i64>(rows::MESSAGE_WIDTH)? == 0;
            let kept = &stored.draft;
            let same = kept.text == text && kept.data == data && kept.attachments == attachments;
            if as_sent && !same {
                return Ok(Err(AppendError::IdConflict));
            }
            Ok(Ok(Appended::Repeated(stored)))
        })
        .optional()
}
