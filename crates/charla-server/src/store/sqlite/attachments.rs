//! What the file knows of attachments; messages take theirs in their own transaction.

use charla_core::{Draft, RoomKey, Seq, UserKey};
use charla_wire::{Attachment, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};
use uuid::Uuid;

use super::Sqlite;
use super::chats::chat_id;
use super::rows::{id, limit, number, time, unsigned};
use super::writer::Writing;
use crate::store::StoreFuture;
use crate::store::attachments::{
    Allowance, Announced, AttachmentKey, AttachmentStore, CHARGED_MIN, KeptFile,
};

/// Columns of an attachment `a` of a chat `c`.
macro_rules! columns {
    () => {
        "c.tenant, c.chat, a.user, a.id, a.name, a.type, a.bytes, a.created_at, a.uploaded, a.seq"
    };
}

impl AttachmentStore for Sqlite {
    fn announce(&self, file: KeptFile, allowance: Option<Allowance>) -> StoreFuture<'_, Announced> {
        self.write(move |w| announce(w, &file, allowance))
    }

    fn attachment<'a>(&'a self, key: &'a AttachmentKey) -> StoreFuture<'a, Option<KeptFile>> {
        let key = key.clone();
        self.readers.read(move |conn| one(conn, &key))
    }

    fn uploaded<'a>(&'a self, key: &'a AttachmentKey) -> StoreFuture<'a, bool> {
        let key = key.clone();
        self.write(move |w| {
            w.conn
                .prepare_cached(
                    "UPDATE attachments SET uploaded = 1 WHERE tenant = ?1 AND id = ?2 AND gone = 0",
                )?
                .execute(params![key.tenant.as_str(), key.id.as_bytes()])
                .map(|changed| changed == 1)
        })
    }

    fn let_go(&self, unsent_before: Timestamp, most: usize) -> StoreFuture<'_, Vec<AttachmentKey>> {
        self.write(move |w| let_go_unsent(w.conn, unsent_before, most))
    }

    fn deleted(&self, keys: Vec<AttachmentKey>) -> StoreFuture<'_, ()> {
        self.write(move |w| {
            for key in &keys {
                w.conn
                    .prepare_cached("DELETE FROM attachments WHERE tenant = ?1 AND id = ?2 AND gone = 1")?
                    .execute(params![key.tenant.as_str(), key.id.as_bytes()])?;
            }
            Ok(())
        })
    }

    fn unsent<'a>(&'a self, person: &'a UserKey, most: usize) -> StoreFuture<'a, Vec<KeptFile>> {
        let person = person.clone();
        self.readers.read(move |conn| {
            conn.prepare_cached(concat!(
                "SELECT ",
                columns!(),
                " FROM attachments a JOIN chats c ON c.id = a.chat
                  WHERE a.tenant = ?1 AND a.user = ?2 AND a.seq IS NULL AND a.gone = 0
                  ORDER BY a.created_at DESC LIMIT ?3"
            ))?
            .query_map(
                params![person.tenant.as_str(), person.user.as_str(), limit(most)],
                kept,
            )?
            .collect()
        })
    }
}

fn announce(writing: &Writing<'_>, file: &KeptFile, allowance: Option<Allowance>) -> Result<Announced> {
    let (tenant, user) = (file.room.tenant.as_str(), file.user.as_str());
    let Some(chat) = chat_id(writing.conn, &file.room)? else {
        return Ok(Announced::NoChat);
    };
    if let Some(allowance) = allowance {
        let (spent, oldest): (u64, Option<i64>) = writing
            .conn
            .prepare_cached(
                "SELECT coalesce(sum(max(bytes, ?4)), 0), min(created_at) FROM attachments
                 WHERE tenant = ?1 AND user = ?2 AND created_at > ?3",
            )?
            .query_row(
                params![tenant, user, allowance.since.as_millis(), number(CHARGED_MIN)],
                |row| Ok((unsigned(row, 0)?, row.get(1)?)),
            )?;
        if !allowance.takes(spent, file.attachment.bytes) {
            return Ok(Announced::Spent(oldest.map(Timestamp::from_millis)));
        }
    }
    writing
        .conn
        .prepare_cached(
            "INSERT INTO attachments (tenant, id, chat, user, name, type, bytes, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            tenant,
            file.attachment.id.as_bytes(),
            chat,
            user,
            &*file.attachment.name,
            &*file.attachment.media_type,
            number(file.attachment.bytes),
            file.created_at.as_millis(),
        ])?;
    Ok(Announced::Done)
}

fn one(conn: &Connection, key: &AttachmentKey) -> Result<Option<KeptFile>> {
    conn.prepare_cached(concat!(
        "SELECT ",
        columns!(),
        " FROM attachments a JOIN chats c ON c.id = a.chat WHERE a.tenant = ?1 AND a.id = ?2 AND a.gone = 0"
    ))?
    .query_row(params![key.tenant.as_str(), key.id.as_bytes()], kept)
    .optional()
}

fn kept(row: &Row<'_>) -> Result<KeptFile> {
    Ok(KeptFile {
        room: RoomKey {
            tenant: id(row, 0)?,
            chat: id(row, 1)?,
        },
        user: id(row, 2)?,
        attachment: Attachment {
            id: Uuid::from_bytes(row.get(3)?),
            name: row.get(4)?,
            media_type: row.get(5)?,
            bytes: unsigned(row, 6)?,
        },
        created_at: time(row, 7)?,
        uploaded: row.get(8)?,
        seq: row.get::<_, Option<i64>>(9)?.map(i64::unsigned_abs),
    })
}

fn let_go_unsent(conn: &Connection, before: Timestamp, most: usize) -> Result<Vec<AttachmentKey>> {
    conn.prepare_cached(
        "UPDATE attachments SET gone = 1 WHERE seq IS NULL AND gone = 0 AND created_at < ?1",
    )?
    .execute([before.as_millis()])?;
    conn.prepare_cached("SELECT tenant, id FROM attachments WHERE gone = 1 ORDER BY created_at LIMIT ?1")?
        .query_map([limit(most)], |row| {
            Ok(AttachmentKey {
                tenant: id(row, 0)?,
                id: Uuid::from_bytes(row.get(1)?),
            })
        })?
        .collect()
}

/// Whether all that a draft names may be sent with it.
pub(super) fn are_free(conn: &Connection, chat: i64, draft: &Draft) -> Result<bool> {
    for attachment in &draft.attachments {
        let free: bool = conn
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM attachments WHERE tenant = ?1 AND id = ?2 AND chat = ?3 AND user = ?4
                                AND uploaded = 1 AND seq IS NULL AND gone = 0)",
            )?
            .query_row(
                params![
                    draft.room.tenant.as_str(),
                    attachment.id.as_bytes(),
                    chat,
                    draft.author.id.as_str()
                ],
                |row| row.get(0),
            )?;
        if !free {
            return Ok(false);
        }
    }
    Ok(true)
}

/// They were sent with this message.
pub(super) fn claim(conn: &Connection, chat: i64, seq: Seq, draft: &Draft) -> Result<()> {
    for attachment in &draft.attachments {
        conn.prepare_cached("UPDATE attachments SET seq = ?4 WHERE tenant = ?1 AND id = ?2 AND chat = ?3")?
            .execute(params![
                draft.room.tenant.as_str(),
                attachment.id.as_bytes(),
                chat,
                number(seq)
            ])?;
    }
    Ok(())
}

/// Those of a message that was taken back go.
pub(super) fn let_go(conn: &Connection, chat: i64, seq: Seq) -> Result<()> {
    conn.prepare_cached("UPDATE attachments SET gone = 1, name = '' WHERE chat = ?1 AND seq = ?2")?
        .execute(params![chat, number(seq)])?;
    Ok(())
}

/// Those of a chat's beginning go.
pub(super) fn let_go_upto(conn: &Connection, chat: i64, seq: Seq) -> Result<()> {
    conn.prepare_cached("UPDATE attachments SET gone = 1, name = '' WHERE chat = ?1 AND seq <= ?2")?
        .execute(params![chat, number(seq)])?;
    Ok(())
}

/// What a person did not send goes; what stays was sent by `alias`.
pub(super) fn disown(conn: &Connection, person: &UserKey, alias: &UserId) -> Result<()> {
    let (tenant, user) = (person.tenant.as_str(), person.user.as_str());
    conn.prepare_cached(
        "UPDATE attachments SET gone = 1, name = '' WHERE tenant = ?1 AND user = ?2 AND seq IS NULL",
    )?
    .execute([tenant, user])?;
    conn.prepare_cached("UPDATE attachments SET user = ?3 WHERE tenant = ?1 AND user = ?2")?
        .execute([tenant, user, alias.as_str()])?;
    Ok(())
}
