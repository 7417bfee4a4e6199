//! What the database knows of attachments; messages take theirs in their own transaction.

use std::collections::HashSet;

use charla_core::{RoomKey, Seq, UserKey};
use charla_wire::{Attachment, Timestamp, UserId};
use tokio_postgres::Row;
use uuid::Uuid;

use super::Postgres;
use super::fault::Fault;
use super::numbering::{Arrival, Fresh};
use super::rows::{escaped, id, limit, number, time, unsigned, words};
use super::session::Session;
use crate::store::StoreFuture;
use crate::store::attachments::{
    Allowance, Announced, AttachmentKey, AttachmentStore, CHARGED_MIN, KeptFile,
};

/// Columns of an attachment `a` of a chat `c`.
macro_rules! columns {
    () => {
        "c.tenant, c.chat, a.person, a.id, a.name, a.type, a.bytes, a.created_at, a.uploaded, a.seq"
    };
}

impl AttachmentStore for Postgres {
    fn announce(&self, file: KeptFile, allowance: Option<Allowance>) -> StoreFuture<'_, Announced> {
        self.change(move |s, _| Box::pin(async move { announce(s, &file, allowance).await }))
    }

    fn attachment<'a>(&'a self, key: &'a AttachmentKey) -> StoreFuture<'a, Option<KeptFile>> {
        Box::pin(async move {
            let mut lease = self.pool.take().await?;
            one(lease.session()?, key).await.map_err(Fault::told)
        })
    }

    fn uploaded<'a>(&'a self, key: &'a AttachmentKey) -> StoreFuture<'a, bool> {
        const UPLOADED: &str =
            "UPDATE attachments SET uploaded = true WHERE tenant = $1 AND id = $2 AND NOT gone";
        let key = key.clone();
        self.change(move |s, _| {
            Box::pin(async move {
                let changed = s.execute(UPLOADED, &[&key.tenant.as_str(), &key.id]).await?;
                Ok(changed == 1)
            })
        })
    }

    fn let_go(&self, unsent_before: Timestamp, most: usize) -> StoreFuture<'_, Vec<AttachmentKey>> {
        self.change(move |s, _| Box::pin(async move { let_go_unsent(s, unsent_before, most).await }))
    }

    fn deleted(&self, keys: Vec<AttachmentKey>) -> StoreFuture<'_, ()> {
        const FORGET: &str =
            "DELETE FROM attachments a USING unnest($1::text[], $2::uuid[]) AS w (tenant, id)
            WHERE a.tenant = w.tenant AND a.id = w.id AND a.gone";
        self.change(move |s, _| {
            Box::pin(async move {
                let tenants: Vec<&str> = keys.iter().map(|key| key.tenant.as_str()).collect();
                let ids: Vec<Uuid> = keys.iter().map(|key| key.id).collect();
                s.execute(FORGET, &[&tenants, &ids]).await.map(|_| ())
            })
        })
    }

    fn unsent<'a>(&'a self, person: &'a UserKey, most: usize) -> StoreFuture<'a, Vec<KeptFile>> {
        const UNSENT: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM attachments a JOIN chats c ON c.id = a.chat
              WHERE a.tenant = $1 AND a.person = $2 AND a.seq IS NULL AND NOT a.gone
              ORDER BY a.created_at DESC LIMIT $3"
        );
        Box::pin(async move {
            let mut lease = self.pool.take().await?;
            let (tenant, user) = (person.tenant.as_str(), person.user.as_str());
            let found = lease
                .session()?
                .rows(UNSENT, &[&tenant, &user, &limit(most)])
                .await;
            let found = found.map_err(Fault::told)?;
            found
                .iter()
                .map(kept)
                .collect::<Result<_, _>>()
                .map_err(Fault::told)
        })
    }
}

async fn announce(
    session: &mut Session,
    file: &KeptFile,
    allowance: Option<Allowance>,
) -> Result<Announced, Fault> {
    const SPENT: &str =
        "SELECT coalesce(sum(greatest(bytes, $4)), 0)::bigint, min(created_at) FROM attachments
        WHERE tenant = $1 AND person = $2 AND created_at > $3";
    const INSERT: &str = "INSERT INTO attachments (tenant, id, chat, person, name, type, bytes, created_at)
        SELECT c.tenant, $3, c.id, $4, $5, $6, $7, $8 FROM chats c WHERE c.tenant = $1 AND c.chat = $2";
    let (tenant, user) = (file.room.tenant.as_str(), file.user.as_str());
    if let Some(allowance) = allowance {
        let row = session
            .one(
                SPENT,
                &[&tenant, &user, &allowance.since.as_millis(), &number(CHARGED_MIN)],
            )
            .await?;
        let oldest: Option<i64> = row.try_get(1)?;
        if !allowance.takes(unsigned(&row, 0)?, file.attachment.bytes) {
            return Ok(Announced::Spent(oldest.map(Timestamp::from_millis)));
        }
    }
    let inserted = session
        .execute(
            INSERT,
            &[
                &tenant,
                &file.room.chat.as_str(),
                &file.attachment.id,
                &user,
                &escaped(&file.attachment.name),
                &&*file.attachment.media_type,
                &number(file.attachment.bytes),
                &file.created_at.as_millis(),
            ],
        )
        .await?;
    Ok(if inserted == 1 {
        Announced::Done
    } else {
        Announced::NoChat
    })
}

async fn one(session: &mut Session, key: &AttachmentKey) -> Result<Option<KeptFile>, Fault> {
    const ONE: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM attachments a JOIN chats c ON c.id = a.chat WHERE a.tenant = $1 AND a.id = $2 AND NOT a.gone"
    );
    let found = session.first(ONE, &[&key.tenant.as_str(), &key.id]).await?;
    found.as_ref().map(kept).transpose()
}

fn kept(row: &Row) -> Result<KeptFile, Fault> {
    let seq: Option<i64> = row.try_get(9)?;
    Ok(KeptFile {
        room: RoomKey {
            tenant: id(row, 0)?,
            chat: id(row, 1)?,
        },
        user: id(row, 2)?,
        attachment: Attachment {
            id: row.try_get(3)?,
            name: words(row, 4)?,
            media_type: words(row, 5)?,
            bytes: unsigned(row, 6)?,
        },
        created_at: time(row, 7)?,
        uploaded: row.try_get(8)?,
        seq: seq.map(i64::unsigned_abs),
    })
}

async fn let_go_unsent(
    session: &mut Session,
    before: Timestamp,
    most: usize,
) -> Result<Vec<AttachmentKey>, Fault> {
    const UNSENT: &str =
        "UPDATE attachments SET gone = true WHERE seq IS NULL AND NOT gone AND created_at < $1";
    const GONE: &str = "SELECT tenant, id FROM attachments WHERE gone ORDER BY created_at LIMIT $1";
    session.execute(UNSENT, &[&before.as_millis()]).await?;
    let found = session.rows(GONE, &[&limit(most)]).await?;
    let key = |row: &Row| {
        Ok(AttachmentKey {
            tenant: id(row, 0)?,
            id: row.try_get(1)?,
        })
    };
    found.iter().map(key).collect()
}

/// Looks which arrivals may have the files that they name, and holds those. One file goes to one arrival.
pub(super) async fn look(session: &mut Session, arrivals: &mut [Arrival]) -> Result<(), Fault> {
    const FREE: &str =
        "SELECT a.tenant, a.id, c.chat, a.person FROM unnest($1::text[], $2::uuid[]) AS w (tenant, id)
        JOIN attachments a ON a.tenant = w.tenant AND a.id = w.id JOIN chats c ON c.id = a.chat
        WHERE a.uploaded AND a.seq IS NULL AND NOT a.gone ORDER BY a.tenant, a.id FOR UPDATE OF a";
    let named = || {
        arrivals.iter().flat_map(|arrival| {
            let draft = &arrival.draft;
            let each = draft.attachments.iter();
            each.map(|attachment| (draft.room.tenant.as_str(), attachment.id))
        })
    };
    let (tenants, ids): (Vec<&str>, Vec<Uuid>) = named().unzip();
    if ids.is_empty() {
        return Ok(());
    }
    let found = session.rows(FREE, &[&tenants, &ids]).await?;
    let mut free = HashSet::new();
    for row in &found {
        let room = RoomKey {
            tenant: id(row, 0)?,
            chat: id(row, 2)?,
        };
        let (file, user): (Uuid, UserId) = (row.try_get(1)?, id(row, 3)?);
        free.insert((room, user, file));
    }
    for arrival in arrivals {
        let draft = &arrival.draft;
        arrival.files_free = draft
            .attachments
            .iter()
            .all(|attachment| free.remove(&(draft.room.clone(), draft.author.id.clone(), attachment.id)));
    }
    Ok(())
}

/// They were sent with these messages.
pub(super) async fn claim(session: &mut Session, fresh: &[Fresh]) -> Result<(), Fault> {
    const CLAIM: &str = "UPDATE attachments a SET seq = w.seq
        FROM unnest($1::text[], $2::uuid[], $3::bigint[]) AS w (tenant, id, seq)
        WHERE a.tenant = w.tenant AND a.id = w.id";
    let (mut tenants, mut ids, mut seqs) = (Vec::new(), Vec::new(), Vec::new());
    for stored in fresh.iter().map(|fresh| &fresh.stored) {
        for attachment in &stored.draft.attachments {
            tenants.push(stored.draft.room.tenant.as_str());
            ids.push(attachment.id);
            seqs.push(number(stored.seq));
        }
    }
    if !ids.is_empty() {
        session.execute(CLAIM, &[&tenants, &ids, &seqs]).await?;
    }
    Ok(())
}

/// Those of a message that was taken back go.
pub(super) async fn let_go(session: &mut Session, chat: i64, seq: Seq) -> Result<(), Fault> {
    const GO: &str = "UPDATE attachments SET gone = true, name = '' WHERE chat = $1 AND seq = $2";
    session.execute(GO, &[&chat, &number(seq)]).await.map(|_| ())
}

/// Those of a chat's beginning go.
pub(super) async fn let_go_upto(session: &mut Session, chat: i64, seq: Seq) -> Result<(), Fault> {
    const GO: &str = "UPDATE attachments SET gone = true, name = '' WHERE chat = $1 AND seq <= $2";
    session.execute(GO, &[&chat, &number(seq)]).await.map(|_| ())
}

/// What a person did not send goes; what stays was sent by `alias`.
pub(super) async fn disown(session: &mut Session, person: &UserKey, alias: &UserId) -> Result<(), Fault> {
    const GO: &str =
        "UPDATE attachments SET gone = true, name = '' WHERE tenant = $1 AND person = $2 AND seq IS NULL";
    const STAY: &str = "UPDATE attachments SET person = $3 WHERE tenant = $1 AND person = $2";
    let (tenant, user) = (person.tenant.as_str(), person.user.as_str());
    session.execute(GO, &[&tenant, &user]).await?;
    session
        .execute(STAY, &[&tenant, &user, &alias.as_str()])
        .await
        .map(|_| ())
}
