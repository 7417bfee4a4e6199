//! Sweeping, and what is kept of one person.

use charla_core::{RoomKey, Seq, Stored, UserKey};
use charla_wire::{ChatId, TenantId, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::Sqlite;
use super::attachments;
use super::chats::chat_id;
use super::messages::next_rev;
use super::rows::{self, attachments_text, id, limit, message_columns, number, time, unsigned};
use super::search;
use super::webhooks;
use super::writer::Writing;
use crate::store::StoreFuture;
use crate::store::care::{CHATS_A_SWEEP, Care, Keep, Swept, Traces, Words};

impl Care for Sqlite {
    fn sweep<'a>(
        &'a self,
        tenant: &'a TenantId,
        from: Option<&'a ChatId>,
        keep: Keep,
        limit: usize,
    ) -> StoreFuture<'a, Swept> {
        let (tenant, from) = (tenant.clone(), from.cloned());
        self.write(move |w| sweep(w.conn, &tenant, from.as_ref(), keep, limit))
    }

    fn epoch(&self) -> StoreFuture<'_, u64> {
        self.write(|w| epoch(w))
    }

    fn begin_epoch(&self) -> StoreFuture<'_, u64> {
        self.write(|w| begin_epoch(w.conn, w.now))
    }

    fn traces<'a>(&'a self, person: &'a UserKey) -> StoreFuture<'a, Traces> {
        let person = person.clone();
        self.readers.read(move |conn| traces(conn, &person))
    }

    fn written_by<'a>(
        &'a self,
        room: &'a RoomKey,
        author: &'a UserId,
        after: Seq,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Stored>> {
        let (room, author) = (room.clone(), author.clone());
        self.readers
            .read(move |conn| written_by(conn, &room, &author, after, limit))
    }

    fn disown<'a>(
        &'a self,
        room: &'a RoomKey,
        author: &'a UserId,
        alias: &'a UserId,
        words: Words,
        limit: usize,
    ) -> StoreFuture<'a, Vec<(u64, Stored)>> {
        let (room, author, alias) = (room.clone(), author.clone(), alias.clone());
        self.write(move |w| scrubbed(w, |w| disown(w, &room, &author, &alias, words, limit)))
    }

    fn forget<'a>(&'a self, person: &'a UserKey, alias: &'a UserId, words: Words) -> StoreFuture<'a, ()> {
        let (person, alias) = (person.clone(), alias.clone());
        self.write(move |w| {
            scrubbed(w, |w| {
                webhooks::erase(w.conn, &person, &alias, words)?;
                forget(w, &person, &alias)
            })
        })
    }
}

fn sweep(
    conn: &Connection,
    tenant: &TenantId,
    from: Option<&ChatId>,
    keep: Keep,
    most: usize,
) -> Result<Swept> {
    let mut chats = conn
        .prepare_cached(
            "SELECT id, chat, last_seq FROM chats WHERE tenant = ?1 AND chat >= ?2 ORDER BY chat LIMIT ?3",
        )?
        .query_map(
            params![
                tenant.as_str(),
                from.map_or("", ChatId::as_str),
                limit(CHATS_A_SWEEP + 1)
            ],
            |row| Ok((row.get::<_, i64>(0)?, id::<ChatId>(row, 1)?, unsigned(row, 2)?)),
        )?
        .collect::<Result<Vec<_>>>()?;
    let next = chats.get(CHATS_A_SWEEP).map(|(_, chat, _)| chat.clone());
    chats.truncate(CHATS_A_SWEEP);
    let mut messages = 0;
    for (short, chat, last) in chats {
        let left = most - messages;
        messages += sweep_chat(conn, short, last, keep, left)?;
        if messages >= most {
            return Ok(Swept::These {
                messages: messages as u64,
                next: Some(chat),
            });
        }
    }
    Ok(Swept::These {
        messages: messages as u64,
        next,
    })
}

/// Takes away the beginning of one chat, as far as it is not to be kept; how many messages that were.
fn sweep_chat(conn: &Connection, chat: i64, last: Seq, keep: Keep, most: usize) -> Result<usize> {
    let mut oldest =
        conn.prepare_cached("SELECT seq, sent_at FROM messages WHERE chat = ?1 ORDER BY seq LIMIT ?2")?;
    let mut oldest = oldest.query(params![chat, limit(most)])?;
    let mut gone = Vec::new();
    while let Some(row) = oldest.next()? {
        let (seq, sent_at) = (unsigned(row, 0)?, time(row, 1)?);
        if !keep.lets_go(last, seq, sent_at) {
            break;
        }
        gone.push(seq);
    }
    let Some(upto) = gone.last() else {
        return Ok(0);
    };
    search::forget(conn, chat, &gone)?;
    attachments::let_go_upto(conn, chat, *upto)?;
    conn.prepare_cached("DELETE FROM messages WHERE chat = ?1 AND seq <= ?2")?
        .execute(params![chat, number(*upto)])
}

fn epoch(writing: &Writing<'_>) -> Result<u64> {
    let kept: Option<String> = writing
        .conn
        .prepare_cached("SELECT value FROM kept WHERE name = 'epoch'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    match kept.and_then(|kept| kept.parse().ok()) {
        Some(epoch) => Ok(epoch),
        None => begin_epoch(writing.conn, writing.now),
    }
}

/// An epoch is called by the time when it began, and never by that of the one before.
pub(super) fn begin_epoch(conn: &Connection, now: Timestamp) -> Result<u64> {
    conn.prepare_cached(
        "INSERT INTO kept (name, value) VALUES ('epoch', ?1)
         ON CONFLICT (name) DO UPDATE SET value = max(CAST(value AS INTEGER) + 1, CAST(excluded.value AS INTEGER))
         RETURNING CAST(value AS INTEGER)",
    )?
    .query_row([now.as_millis().to_string()], |row| unsigned(row, 0))
}

fn traces(conn: &Connection, person: &UserKey) -> Result<Traces> {
    let of = [person.tenant.as_str(), person.user.as_str()];
    let memberships = conn
        .prepare_cached(
            "SELECT c.chat, m.joined_at FROM members m JOIN chats c ON c.id = m.chat
             WHERE m.tenant = ?1 AND m.user = ?2 ORDER BY c.chat",
        )?
        .query_map(of, |row| Ok((id(row, 0)?, time(row, 1)?)))?
        .collect::<Result<_>>()?;
    let reads = conn
        .prepare_cached(
            "SELECT c.chat, r.seq FROM chats c JOIN reads r ON r.chat = c.id AND r.user = ?2
             WHERE c.tenant = ?1 ORDER BY c.chat",
        )?
        .query_map(of, |row| Ok((id(row, 0)?, unsigned(row, 1)?)))?
        .collect::<Result<_>>()?;
    let sessions = conn
        .prepare_cached(
            "SELECT expires_at FROM refresh_tokens WHERE tenant = ?1 AND user = ?2 AND state = 'fresh' ORDER BY 1",
        )?
        .query_map(of, |row| time(row, 0))?
        .collect::<Result<_>>()?;
    Ok(Traces {
        memberships,
        reads,
        sessions,
    })
}

fn written_by(
    conn: &Connection,
    room: &RoomKey,
    author: &UserId,
    after: Seq,
    most: usize,
) -> Result<Vec<Stored>> {
    conn.prepare_cached(concat!(
        "SELECT ",
        message_columns!(),
        " FROM messages m WHERE m.chat = (SELECT id FROM chats WHERE tenant = ?1 AND chat = ?2)
          AND m.author = ?3 AND m.seq > ?4 ORDER BY m.seq LIMIT ?5"
    ))?
    .query_map(
        params![
            room.tenant.as_str(),
            room.chat.as_str(),
            author.as_str(),
            number(after),
            limit(most)
        ],
        |row| rows::message(row, 0, room.clone()),
    )?
    .collect()
}

/// Has whatever `work` takes away overwritten with zeros, where it stands in a page.
fn scrubbed<T>(writing: &mut Writing<'_>, work: impl FnOnce(&mut Writing<'_>) -> Result<T>) -> Result<T> {
    let turn = |conn: &Connection, on: bool| {
        conn.pragma_update_and_check(None, "secure_delete", on, |row| row.get::<_, i64>(0))
    };
    turn(writing.conn, true)?;
    let done = work(writing);
    turn(writing.conn, false)?;
    done
}

fn disown(
    writing: &Writing<'_>,
    room: &RoomKey,
    author: &UserId,
    alias: &UserId,
    words: Words,
    most: usize,
) -> Result<Vec<(u64, Stored)>> {
    let Some(chat) = chat_id(writing.conn, room)? else {
        return Ok(Vec::new());
    };
    let mut changed = Vec::new();
    for mut message in written_by(writing.conn, room, author, 0, most)? {
        message.draft.author.id = alias.clone();
        message.draft.author.name = alias.as_str().into();
        if words == Words::Go {
            message.take_back();
        }
        let rev = next_rev(writing, chat)?;
        writing
            .conn
            .prepare_cached(
                "UPDATE messages SET author = ?3, author_name = ?3, text = ?4, data = ?5, deleted = ?6, rev = ?7,
                        attachments = ?8
                 WHERE chat = ?1 AND seq = ?2",
            )?
            .execute(params![
                chat,
                number(message.seq),
                alias.as_str(),
                &*message.draft.text,
                message.draft.data.as_deref(),
                message.deleted,
                number(rev),
                attachments_text(&message.draft.attachments),
            ])?;
        if message.deleted {
            attachments::let_go(writing.conn, chat, message.seq)?;
        }
        search::follow(writing.conn, chat, message.seq, &message.draft.text)?;
        changed.push((rev, message));
    }
    Ok(changed)
}

fn forget(writing: &mut Writing<'_>, person: &UserKey, alias: &UserId) -> Result<()> {
    let of = [person.tenant.as_str(), person.user.as_str()];
    for sql in [
        "DELETE FROM reads WHERE user = ?2 AND chat IN (SELECT id FROM chats WHERE tenant = ?1)",
        "DELETE FROM members WHERE tenant = ?1 AND user = ?2",
        "DELETE FROM notifications WHERE tenant = ?1 AND user = ?2",
        "DELETE FROM refresh_tokens WHERE tenant = ?1 AND user = ?2",
    ] {
        writing.conn.prepare_cached(sql)?.execute(of)?;
    }
    attachments::disown(writing.conn, person, alias)?;
    let and_alias = [person.tenant.as_str(), person.user.as_str(), alias.as_str()];
    for sql in [
        "UPDATE chats SET customer = NULL, title = ?3 WHERE tenant = ?1 AND customer = ?2",
        "UPDATE chats SET closed_by = ?3, closed_by_name = ?3, closed_reason = NULL
         WHERE tenant = ?1 AND closed_by = ?2",
        "UPDATE users SET name = ?3, role = 'member', state = 'deleted', password = NULL
         WHERE tenant = ?1 AND id = ?2",
    ] {
        writing.conn.prepare_cached(sql)?.execute(and_alias)?;
    }
    Ok(())
}
