//! Chats, their members, and the lists made of them.

use charla_core::{Author, RoomKey, UserKey};
use charla_wire::{ChatId, TenantId, UserId};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::rows::{
    self, CHAT_WIDTH, TENANT_WIDTH, USER_WIDTH, chat_columns, id, limit, message_columns, tenant_columns,
    time, unsigned, user_columns,
};
use super::writer::Writing;
use super::{directory, messages, webhooks};
use crate::store::webhooks::Event;
use crate::store::{Chat, InboxLine, Member, Standing};

/// This file's own name of a chat.
pub(super) fn chat_id(conn: &Connection, key: &RoomKey) -> Result<Option<i64>> {
    conn.prepare_cached("SELECT id FROM chats WHERE tenant = ?1 AND chat = ?2")?
        .query_row([key.tenant.as_str(), key.chat.as_str()], |row| row.get(0))
        .optional()
}

pub(super) fn chat(conn: &Connection, key: &RoomKey) -> Result<Option<Chat>> {
    conn.prepare_cached(concat!(
        "SELECT ",
        chat_columns!(),
        " FROM chats c WHERE c.tenant = ?1 AND c.chat = ?2"
    ))?
    .query_row([key.tenant.as_str(), key.chat.as_str()], |row| rows::chat(row, 0))
    .optional()
}

pub(super) fn chats(
    conn: &Connection,
    tenant: &TenantId,
    after: Option<&ChatId>,
    most: usize,
) -> Result<Vec<Chat>> {
    conn.prepare_cached(concat!(
        "SELECT ",
        chat_columns!(),
        " FROM chats c WHERE c.tenant = ?1 AND c.chat > ?2 ORDER BY c.chat LIMIT ?3"
    ))?
    .query_map(
        params![tenant.as_str(), after.map_or("", ChatId::as_str), limit(most)],
        |row| rows::chat(row, 0),
    )?
    .collect()
}

pub(super) fn put_chat(
    writing: &mut Writing<'_>,
    key: &RoomKey,
    title: Option<&str>,
) -> Result<Option<(Chat, bool)>> {
    if directory::tenant(writing.conn, &key.tenant)?.is_none() {
        return Ok(None);
    }
    if chat_id(writing.conn, key)?.is_none() {
        make(writing, key, title.unwrap_or(key.chat.as_str()), None)?;
        return changed(writing, key, true);
    }
    if let Some(title) = title {
        writing
            .conn
            .prepare_cached("UPDATE chats SET title = ?3 WHERE tenant = ?1 AND chat = ?2")?
            .execute([key.tenant.as_str(), key.chat.as_str(), title])?;
    }
    changed(writing, key, false)
}

pub(super) fn support_chat(
    writing: &mut Writing<'_>,
    customer: &UserKey,
    fresh: &ChatId,
) -> Result<Option<(Chat, bool)>> {
    let found = writing
        .conn
        .prepare_cached(concat!(
            "SELECT ",
            chat_columns!(),
            " FROM chats c WHERE c.tenant = ?1 AND c.customer = ?2"
        ))?
        .query_row([customer.tenant.as_str(), customer.user.as_str()], |row| {
            rows::chat(row, 0)
        })
        .optional()?;
    if let Some(chat) = found {
        return Ok(Some((chat, false)));
    }
    if directory::tenant(writing.conn, &customer.tenant)?.is_none() {
        return Ok(None);
    }
    directory::ensure_user(writing, customer)?;
    let user = directory::user(writing.conn, customer)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let key = RoomKey {
        tenant: customer.tenant.clone(),
        chat: fresh.clone(),
    };
    make(writing, &key, &user.name, Some(&customer.user))?;
    put_member(writing, &key, &customer.user)?;
    changed(writing, &key, true)
}

fn make(writing: &mut Writing<'_>, key: &RoomKey, title: &str, customer: Option<&UserId>) -> Result<()> {
    let moved = writing.chats.next_moved();
    writing
        .conn
        .prepare_cached(
            "INSERT INTO chats (tenant, chat, title, customer, moved, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            key.tenant.as_str(),
            key.chat.as_str(),
            title,
            customer.map(UserId::as_str),
            moved,
            writing.now.as_millis(),
        ])?;
    Ok(())
}

/// The chat as it is now; `None` when there is none.
fn changed(writing: &Writing<'_>, key: &RoomKey, flag: bool) -> Result<Option<(Chat, bool)>> {
    Ok(chat(writing.conn, key)?.map(|chat| (chat, flag)))
}

pub(super) fn close(
    writing: &mut Writing<'_>,
    key: &RoomKey,
    by: &Author,
    reason: Option<&str>,
) -> Result<Option<(Chat, bool)>> {
    writing.chats.forget(key);
    let closed = writing
        .conn
        .prepare_cached(
            "UPDATE chats SET closed_by = ?3, closed_by_name = ?4, closed_at = ?5, closed_reason = ?6
             WHERE tenant = ?1 AND chat = ?2 AND closed_at IS NULL",
        )?
        .execute(params![
            key.tenant.as_str(),
            key.chat.as_str(),
            by.id.as_str(),
            &*by.name,
            writing.now.as_millis(),
            reason,
        ])?;
    let closed = changed(writing, key, closed == 1)?;
    tell_of(writing, Event::moved(closed.as_ref(), writing.now))?;
    Ok(closed)
}

pub(super) fn reopen(writing: &mut Writing<'_>, key: &RoomKey) -> Result<Option<(Chat, bool)>> {
    writing.chats.forget(key);
    let opened = writing
        .conn
        .prepare_cached(
            "UPDATE chats SET closed_by = NULL, closed_by_name = NULL, closed_at = NULL, closed_reason = NULL
             WHERE tenant = ?1 AND chat = ?2 AND closed_at IS NOT NULL",
        )?
        .execute([key.tenant.as_str(), key.chat.as_str()])?;
    let opened = changed(writing, key, opened == 1)?;
    tell_of(writing, Event::moved(opened.as_ref(), writing.now))?;
    Ok(opened)
}

fn tell_of(writing: &Writing<'_>, event: Option<Event>) -> Result<()> {
    event.map_or(Ok(()), |event| {
        webhooks::queue(writing.conn, writing.hooks, writing.now, &event)
    })
}

/// Where the membership stands among the columns of a standing.
const MEMBER_AT: usize = TENANT_WIDTH + USER_WIDTH + CHAT_WIDTH;

/// Everything in one statement, so of one moment: a chat made between two looks would make a standing that never was.
pub(super) fn standing(conn: &Connection, key: &UserKey, chat_asked: Option<&ChatId>) -> Result<Standing> {
    const SQL: &str = concat!(
        "SELECT ",
        tenant_columns!(),
        ", ",
        user_columns!(),
        ", ",
        chat_columns!(),
        ", b.user IS NOT NULL FROM (SELECT 1) one
         LEFT JOIN tenants t ON t.id = ?1
         LEFT JOIN users u ON u.tenant = ?1 AND u.id = ?2
         LEFT JOIN chats c ON c.tenant = ?1 AND c.chat = ?3
         LEFT JOIN members b ON b.chat = c.id AND b.user = ?2"
    );
    let (tenant, user, chat) = (0, TENANT_WIDTH, TENANT_WIDTH + USER_WIDTH);
    conn.prepare_cached(SQL)?.query_row(
        params![
            key.tenant.as_str(),
            key.user.as_str(),
            chat_asked.map(ChatId::as_str)
        ],
        |row| {
            let has = |at| row.get_ref(at).map(|value| value != ValueRef::Null);
            Ok(Standing {
                tenant: has(tenant)?.then(|| rows::tenant(row, tenant)).transpose()?,
                user: has(user)?.then(|| rows::user(row, user)).transpose()?,
                chat: has(chat)?.then(|| rows::chat(row, chat)).transpose()?,
                member: row.get(MEMBER_AT)?,
            })
        },
    )
}

pub(super) fn members(conn: &Connection, key: &RoomKey) -> Result<Vec<Member>> {
    conn.prepare_cached(
        "SELECT m.user, u.name, coalesce(r.seq, 0), m.joined_at
         FROM chats c JOIN members m ON m.chat = c.id
         JOIN users u ON u.tenant = m.tenant AND u.id = m.user
         LEFT JOIN reads r ON r.chat = m.chat AND r.user = m.user
         WHERE c.tenant = ?1 AND c.chat = ?2 ORDER BY m.user",
    )?
    .query_map([key.tenant.as_str(), key.chat.as_str()], |row| {
        Ok(Member {
            user: id(row, 0)?,
            name: row.get(1)?,
            read_seq: unsigned(row, 2)?,
            joined_at: time(row, 3)?,
        })
    })?
    .collect()
}

pub(super) fn put_member(writing: &Writing<'_>, key: &RoomKey, user: &UserId) -> Result<Option<bool>> {
    let Some(chat) = chat_id(writing.conn, key)? else {
        return Ok(None);
    };
    let user = UserKey {
        tenant: key.tenant.clone(),
        user: user.clone(),
    };
    directory::ensure_user(writing, &user)?;
    let made = writing
        .conn
        .prepare_cached(
            "INSERT INTO members (chat, tenant, user, joined_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (chat, user) DO NOTHING",
        )?
        .execute(params![
            chat,
            user.tenant.as_str(),
            user.user.as_str(),
            writing.now.as_millis()
        ])?;
    let event = (made == 1).then(|| Event::MemberJoined {
        room: key.clone(),
        user: user.user,
        at: writing.now,
    });
    tell_of(writing, event)?;
    Ok(Some(made == 1))
}

/// Ends the membership and the read marker with it: who left is not shown as having read.
pub(super) fn remove_member(writing: &Writing<'_>, key: &RoomKey, user: &UserId) -> Result<bool> {
    let Some(chat) = chat_id(writing.conn, key)? else {
        return Ok(false);
    };
    let removed = writing
        .conn
        .prepare_cached("DELETE FROM members WHERE chat = ?1 AND user = ?2")?
        .execute(params![chat, user.as_str()])?;
    if removed == 1 {
        messages::forget_mark(writing, chat, user)?;
        let event = Event::MemberLeft {
            room: key.clone(),
            user: user.clone(),
            at: writing.now,
        };
        tell_of(writing, Some(event))?;
    }
    Ok(removed == 1)
}

/// The chats of one person. Which ones is settled before anything else of them is read.
const INBOX_OF_MEMBER: &str = concat!(
    "WITH mine AS (
       SELECT c.id, c.moved FROM members b JOIN chats c ON c.id = b.chat
       WHERE b.tenant = ?1 AND b.user = ?2 ORDER BY c.moved DESC LIMIT ?3)
     SELECT ",
    chat_columns!(),
    ", coalesce(r.seq, 0), ",
    message_columns!(),
    " FROM mine JOIN chats c ON c.id = mine.id
     LEFT JOIN reads r ON r.chat = c.id AND r.user = ?2
     LEFT JOIN messages m ON m.chat = c.id AND m.seq = c.last_seq
     ORDER BY mine.moved DESC"
);

/// The chats of a tenant, as a person who may see all of them finds them.
const INBOX_OF_AGENT: &str = concat!(
    "SELECT ",
    chat_columns!(),
    ", coalesce(r.seq, 0), ",
    message_columns!(),
    " FROM chats c
     LEFT JOIN reads r ON r.chat = c.id AND r.user = ?2
     LEFT JOIN messages m ON m.chat = c.id AND m.seq = c.last_seq
     WHERE c.tenant = ?1 ORDER BY c.moved DESC LIMIT ?3"
);

/// What the tests look at: none of these may walk a table.
#[cfg(test)]
pub(super) const LISTS: &[&str] = &[INBOX_OF_MEMBER, INBOX_OF_AGENT];

pub(super) fn inbox(conn: &Connection, user: &UserKey, every: bool, most: usize) -> Result<Vec<InboxLine>> {
    conn.prepare_cached(if every { INBOX_OF_AGENT } else { INBOX_OF_MEMBER })?
        .query_map(
            params![user.tenant.as_str(), user.user.as_str(), limit(most)],
            |row| {
                let chat = rows::chat(row, 0)?;
                let last = match chat.last_seq {
                    0 => None,
                    _ => Some(rows::message(row, CHAT_WIDTH + 1, chat.key.clone())?),
                };
                Ok(InboxLine {
                    read_seq: unsigned(row, CHAT_WIDTH)?,
                    chat,
                    last,
                })
            },
        )?
        .collect()
}
