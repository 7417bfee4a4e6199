//! What stands in a chat, what was changed of it, and how far people have read.

use charla_core::{RoomKey, Seq, Stored};
use charla_wire::UserId;
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::attachments;
use super::chats::chat_id;
use super::rows::{self, MESSAGE_WIDTH, attachments_text, id, limit, message_columns, number, unsigned};
use super::search;
use super::webhooks;
use super::writer::Writing;
use crate::store::webhooks::{Event, EventKind};
use crate::store::{Changed, Page};

/// The messages of a chat named by tenant and id, up to the condition on their numbers.
macro_rules! messages_of_chat {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            message_columns!(),
            ", m.rev FROM messages m WHERE m.chat = (SELECT id FROM chats WHERE tenant = ?1 AND chat = ?2) AND ",
            $rest
        )
    };
}

/// A page of messages, oldest first.
pub(super) fn page(conn: &Connection, key: &RoomKey, page: Page, most: usize) -> Result<Vec<Stored>> {
    let (sql, from, backwards) = match page {
        Page::Latest => (BEFORE, i64::MAX, true),
        Page::Before(seq) => (BEFORE, number(seq), true),
        Page::After(seq) => (AFTER, number(seq), false),
    };
    let mut found = conn
        .prepare_cached(sql)?
        .query_map(
            params![key.tenant.as_str(), key.chat.as_str(), from, limit(most)],
            |row| rows::message(row, 0, key.clone()),
        )?
        .collect::<Result<Vec<_>>>()?;
    if backwards {
        found.reverse();
    }
    Ok(found)
}

const BEFORE: &str = messages_of_chat!("m.seq < ?3 ORDER BY m.seq DESC LIMIT ?4");
const AFTER: &str = messages_of_chat!("m.seq > ?3 ORDER BY m.seq LIMIT ?4");
const CHANGED: &str = messages_of_chat!("m.rev > ?3 AND m.rev > 0 AND m.seq <= ?4 ORDER BY m.rev LIMIT ?5");

/// What the tests look at: none of these may walk a table.
#[cfg(test)]
pub(super) const LISTS: &[&str] = &[BEFORE, AFTER, CHANGED];

/// Messages that were changed, oldest change first, each with its revision.
pub(super) fn changes(
    conn: &Connection,
    key: &RoomKey,
    rev: u64,
    up_to: Seq,
    most: usize,
) -> Result<Vec<(u64, Stored)>> {
    conn.prepare_cached(CHANGED)?
        .query_map(
            params![
                key.tenant.as_str(),
                key.chat.as_str(),
                number(rev),
                number(up_to),
                limit(most)
            ],
            |row| Ok((unsigned(row, MESSAGE_WIDTH)?, rows::message(row, 0, key.clone())?)),
        )?
        .collect()
}

/// What is to become of a message's words.
pub(super) enum Change<'a> {
    /// Others.
    Edit(&'a str),
    /// None.
    Delete,
}

/// Edits or deletes; both give the chat its next revision.
pub(super) fn change(
    writing: &Writing<'_>,
    key: &RoomKey,
    seq: Seq,
    by: &UserId,
    any: bool,
    change: &Change<'_>,
) -> Result<Changed> {
    let Some(chat) = chat_id(writing.conn, key)? else {
        return Ok(Changed::NotFound);
    };
    let Some(mut message) = one(writing.conn, chat, key, seq)?.filter(|message| !message.deleted) else {
        return Ok(Changed::NotFound);
    };
    if !any && message.draft.author.id != *by {
        return Ok(Changed::Forbidden);
    }
    match change {
        Change::Edit(text) => {
            message.draft.text = (*text).into();
            message.edited_at = Some(writing.now);
        }
        Change::Delete => message.take_back(),
    }
    let rev = next_rev(writing, chat)?;
    writing
        .conn
        .prepare_cached(
            "UPDATE messages SET text = ?3, data = ?4, edited_at = ?5, deleted = ?6, rev = ?7, attachments = ?8
             WHERE chat = ?1 AND seq = ?2",
        )?
        .execute(params![
            chat,
            number(seq),
            &*message.draft.text,
            message.draft.data.as_deref(),
            message.edited_at.map(charla_wire::Timestamp::as_millis),
            message.deleted,
            number(rev),
            attachments_text(&message.draft.attachments),
        ])?;
    if message.deleted {
        attachments::let_go(writing.conn, chat, seq)?;
    }
    search::follow(writing.conn, chat, seq, &message.draft.text)?;
    tell_of(writing, &message, rev, by)?;
    Ok(Changed::Done { rev, message })
}

fn tell_of(writing: &Writing<'_>, message: &Stored, rev: u64, by: &UserId) -> Result<()> {
    let kind = match message.deleted {
        true => EventKind::MessageDeleted,
        false => EventKind::MessageEdited,
    };
    if !writing.hooks.wants(&message.draft.room.tenant, kind) {
        return Ok(());
    }
    let event = Event::changed(message.clone(), rev, by.clone(), writing.now);
    webhooks::queue(writing.conn, writing.hooks, writing.now, &event)
}

fn one(conn: &Connection, chat: i64, key: &RoomKey, seq: Seq) -> Result<Option<Stored>> {
    conn.prepare_cached(concat!(
        "SELECT ",
        message_columns!(),
        " FROM messages m WHERE m.chat = ?1 AND m.seq = ?2"
    ))?
    .query_row(params![chat, number(seq)], |row| {
        rows::message(row, 0, key.clone())
    })
    .optional()
}

pub(super) fn next_rev(writing: &Writing<'_>, chat: i64) -> Result<u64> {
    writing
        .conn
        .prepare_cached("UPDATE chats SET rev = rev + 1 WHERE id = ?1 RETURNING rev")?
        .query_row([chat], |row| unsigned(row, 0))
}

/// Moves a read marker forward, as far as there are messages; where it is if it moved.
pub(super) fn mark_read(
    writing: &Writing<'_>,
    key: &RoomKey,
    user: &UserId,
    seq: Seq,
) -> Result<Option<Seq>> {
    writing
        .conn
        .prepare_cached(
            "INSERT INTO reads (chat, user, seq)
             SELECT id, ?3, min(?4, last_seq) FROM chats
             WHERE tenant = ?1 AND chat = ?2 AND min(?4, last_seq) > 0
             ON CONFLICT (chat, user) DO UPDATE SET seq = excluded.seq WHERE excluded.seq > reads.seq
             RETURNING seq",
        )?
        .query_row(
            params![key.tenant.as_str(), key.chat.as_str(), user.as_str(), number(seq)],
            |row| unsigned(row, 0),
        )
        .optional()
}

/// Takes a read marker away.
pub(super) fn forget_mark(writing: &Writing<'_>, chat: i64, user: &UserId) -> Result<()> {
    writing
        .conn
        .prepare_cached("DELETE FROM reads WHERE chat = ?1 AND user = ?2")?
        .execute(params![chat, user.as_str()])?;
    Ok(())
}

pub(super) fn reads(conn: &Connection, key: &RoomKey) -> Result<Vec<(UserId, Seq)>> {
    conn.prepare_cached(
        "SELECT r.user, r.seq FROM chats c JOIN reads r ON r.chat = c.id
         WHERE c.tenant = ?1 AND c.chat = ?2 ORDER BY r.user",
    )?
    .query_map([key.tenant.as_str(), key.chat.as_str()], |row| {
        Ok((id(row, 0)?, unsigned(row, 1)?))
    })?
    .collect()
}
