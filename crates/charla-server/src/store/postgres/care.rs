//! Sweeping, and what is kept of one person.

use charla_core::{RoomKey, Seq, Stored, UserKey};
use charla_wire::{ChatId, TenantId, Timestamp, UserId};
use tokio_postgres::Row;

use super::Postgres;
use super::attachments;
use super::fault::Fault;
use super::history::{History, Unwritten, What};
use super::messages::next_rev;
use super::rows::{self, attachments_text, escaped, id, limit, message_columns, number, time, unsigned};
use super::search;
use super::session::Session;
use super::webhooks;
use crate::store::care::{CHATS_A_SWEEP, Care, Keep, Swept, Traces, Words};
use crate::store::{StoreError, StoreFuture};

/// "charla" as the lock's name in the database; the second half says that somebody sweeps.
const SWEEPS: &str = "SELECT pg_try_advisory_xact_lock(1667785068, 2)";

impl Care for Postgres {
    fn sweep<'a>(
        &'a self,
        tenant: &'a TenantId,
        from: Option<&'a ChatId>,
        keep: Keep,
        limit: usize,
    ) -> StoreFuture<'a, Swept> {
        let (tenant, from) = (tenant.clone(), from.cloned());
        self.change(move |s, _| Box::pin(async move { sweep(s, &tenant, from.as_ref(), keep, limit).await }))
    }

    fn epoch(&self) -> StoreFuture<'_, u64> {
        self.change(move |s, now| Box::pin(async move { epoch(s, now).await }))
    }

    fn begin_epoch(&self) -> StoreFuture<'_, u64> {
        self.change(move |s, now| Box::pin(async move { begin_epoch(s, now).await }))
    }

    fn traces<'a>(&'a self, person: &'a UserKey) -> StoreFuture<'a, Traces> {
        Box::pin(async move {
            let mut lease = self.pool.take().await?;
            traces(lease.session()?, person).await.map_err(Fault::told)
        })
    }

    fn written_by<'a>(
        &'a self,
        room: &'a RoomKey,
        author: &'a UserId,
        after: Seq,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Stored>> {
        Box::pin(async move {
            let mut lease = self.pool.take().await?;
            let found = written_by(lease.session()?, room, author, after, limit).await;
            found.map_err(Fault::told)
        })
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
        let history = self.history.clone();
        self.change(move |s, _| {
            Box::pin(async move {
                let disowned = disown(s, &room, &author, &alias, words, limit).await?;
                if let Some(history) = &history {
                    follow(s, history, words, &disowned).await?;
                }
                Ok(disowned)
            })
        })
    }

    fn forget<'a>(&'a self, person: &'a UserKey, alias: &'a UserId, words: Words) -> StoreFuture<'a, ()> {
        let (person, alias) = (person.clone(), alias.clone());
        self.change(move |s, _| {
            Box::pin(async move {
                webhooks::erase(s, &person, &alias, words).await?;
                forget(s, &person, &alias).await
            })
        })
    }
}

async fn sweep(
    session: &mut Session,
    tenant: &TenantId,
    from: Option<&ChatId>,
    keep: Keep,
    most: usize,
) -> Result<Swept, Fault> {
    if !session.one(SWEEPS, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(Swept::Elsewhere);
    }
    let found = session
        .rows(
            "SELECT id, chat, last_seq FROM chats WHERE tenant = $1 AND chat >= $2 ORDER BY chat LIMIT $3",
            &[
                &tenant.as_str(),
                &from.map_or("", ChatId::as_str),
                &limit(CHATS_A_SWEEP + 1),
            ],
        )
        .await?;
    let chats = found
        .iter()
        .map(|row| Ok((row.try_get(0)?, id(row, 1)?, unsigned(row, 2)?)));
    let mut chats = chats.collect::<Result<Vec<(i64, ChatId, Seq)>, Fault>>()?;
    let next = chats.get(CHATS_A_SWEEP).map(|(_, chat, _)| chat.clone());
    chats.truncate(CHATS_A_SWEEP);
    let mut messages = 0;
    for (short, chat, last) in chats {
        let left = most.saturating_sub(usize::try_from(messages).unwrap_or(usize::MAX));
        messages += sweep_chat(session, short, last, keep, left).await?;
        if messages >= most as u64 {
            let next = Some(chat);
            return Ok(Swept::These { messages, next });
        }
    }
    Ok(Swept::These { messages, next })
}

/// Takes away the beginning of one chat, as far as it is not to be kept; how many messages that were.
async fn sweep_chat(
    session: &mut Session,
    chat: i64,
    last: Seq,
    keep: Keep,
    most: usize,
) -> Result<u64, Fault> {
    const OLDEST: &str = "SELECT seq, sent_at FROM messages WHERE chat = $1 ORDER BY seq LIMIT $2";
    // As a rule nothing goes: one message shows that.
    let mut upto = None;
    for most in [1, most] {
        let oldest = session.rows(OLDEST, &[&chat, &limit(most)]).await?;
        upto = None;
        for row in &oldest {
            let (seq, sent_at) = (unsigned(row, 0)?, time(row, 1)?);
            if !keep.lets_go(last, seq, sent_at) {
                break;
            }
            upto = Some(seq);
        }
        if upto.is_none() {
            return Ok(0);
        }
    }
    const AWAY: &str = "DELETE FROM messages WHERE chat = $1 AND seq <= $2";
    let upto = upto.unwrap_or_default();
    search::forget(session, chat, upto).await?;
    attachments::let_go_upto(session, chat, upto).await?;
    session.execute(AWAY, &[&chat, &number(upto)]).await
}

async fn epoch(session: &mut Session, now: Timestamp) -> Result<u64, Fault> {
    session
        .execute(
            "INSERT INTO kept (name, value) VALUES ('epoch', $1) ON CONFLICT (name) DO NOTHING",
            &[&now.as_millis().to_string()],
        )
        .await?;
    let kept = session
        .one("SELECT value::bigint FROM kept WHERE name = 'epoch'", &[])
        .await?;
    unsigned(&kept, 0)
}

/// An epoch is called by the time when it began, and never by that of the one before.
async fn begin_epoch(session: &mut Session, now: Timestamp) -> Result<u64, Fault> {
    let row = session
        .one(
            "INSERT INTO kept AS k (name, value) VALUES ('epoch', $1)
             ON CONFLICT (name) DO UPDATE SET value = greatest(k.value::bigint + 1, excluded.value::bigint)::text
             RETURNING value::bigint",
            &[&now.as_millis().to_string()],
        )
        .await?;
    unsigned(&row, 0)
}

async fn traces(session: &mut Session, person: &UserKey) -> Result<Traces, Fault> {
    let (tenant, user) = (person.tenant.as_str(), person.user.as_str());
    let memberships = session
        .rows(
            "SELECT c.chat, m.joined_at FROM members m JOIN chats c ON c.id = m.chat
             WHERE m.tenant = $1 AND m.person = $2 ORDER BY c.chat",
            &[&tenant, &user],
        )
        .await?;
    let reads = session
        .rows(
            "SELECT c.chat, r.seq FROM chats c JOIN reads r ON r.chat = c.id AND r.person = $2
             WHERE c.tenant = $1 ORDER BY c.chat",
            &[&tenant, &user],
        )
        .await?;
    let sessions = session
        .rows(
            "SELECT expires_at FROM refresh_tokens WHERE tenant = $1 AND person = $2 AND state = 'fresh' ORDER BY 1",
            &[&tenant, &user],
        )
        .await?;
    let membership = |row: &Row| Ok((id(row, 0)?, time(row, 1)?));
    let read = |row: &Row| Ok((id(row, 0)?, unsigned(row, 1)?));
    Ok(Traces {
        memberships: memberships.iter().map(membership).collect::<Result<_, Fault>>()?,
        reads: reads.iter().map(read).collect::<Result<_, Fault>>()?,
        sessions: sessions
            .iter()
            .map(|row| time(row, 0))
            .collect::<Result<_, _>>()?,
    })
}

async fn written_by(
    session: &mut Session,
    room: &RoomKey,
    author: &UserId,
    after: Seq,
    most: usize,
) -> Result<Vec<Stored>, Fault> {
    let found = session
        .rows(
            concat!(
                "SELECT ",
                message_columns!(),
                " FROM messages m WHERE m.chat = (SELECT id FROM chats WHERE tenant = $1 AND chat = $2)
                  AND m.author = $3 AND m.seq > $4 ORDER BY m.seq LIMIT $5"
            ),
            &[
                &room.tenant.as_str(),
                &room.chat.as_str(),
                &author.as_str(),
                &number(after),
                &limit(most),
            ],
        )
        .await?;
    found
        .iter()
        .map(|row| rows::message(row, 0, room.clone()))
        .collect()
}

async fn disown(
    session: &mut Session,
    room: &RoomKey,
    author: &UserId,
    alias: &UserId,
    words: Words,
    most: usize,
) -> Result<Vec<(u64, Stored)>, Fault> {
    // Held, so that revisions are seen in their order.
    let held = session
        .first(
            "SELECT id FROM chats WHERE tenant = $1 AND chat = $2 FOR NO KEY UPDATE",
            &[&room.tenant.as_str(), &room.chat.as_str()],
        )
        .await?;
    let Some(held) = held else {
        return Ok(Vec::new());
    };
    let chat: i64 = held.try_get(0)?;
    let mut changed = Vec::new();
    for mut message in written_by(session, room, author, 0, most).await? {
        message.draft.author.id = alias.clone();
        message.draft.author.name = alias.as_str().into();
        if words == Words::Go {
            message.take_back();
        }
        let rev = next_rev(session, chat).await?;
        session
            .execute(
                "UPDATE messages SET author = $3, author_name = $3, text = $4, data = $5, deleted = $6, rev = $7,
                        attachments = $8
                 WHERE chat = $1 AND seq = $2",
                &[
                    &chat,
                    &number(message.seq),
                    &alias.as_str(),
                    &escaped(&message.draft.text),
                    &message.draft.data.as_deref().map(escaped),
                    &message.deleted,
                    &number(rev),
                    &attachments_text(&message.draft.attachments),
                ],
            )
            .await?;
        if message.deleted {
            attachments::let_go(session, chat, message.seq).await?;
        }
        search::follow(session, chat, message.seq, &message.draft.text).await?;
        changed.push((rev, message));
    }
    Ok(changed)
}

/// Does the same in the application's own table: words that go are deleted there, or blank where it has no statement for that.
/// What that table refuses stays there, and is logged: somebody's erasure does not hang on it.
async fn follow(
    session: &mut Session,
    history: &History,
    words: Words,
    disowned: &[(u64, Stored)],
) -> Result<(), Fault> {
    let what = match words {
        Words::Go if history.deletes() => What::Delete,
        Words::Go | Words::Stay => What::Update,
    };
    for (_, message) in disowned {
        match history.line(session, what, message).await {
            Ok(()) | Err(Unwritten::Refused) => {}
            Err(Unwritten::Away(why)) => return Err(Fault::Refused(StoreError::Unavailable(why))),
            Err(Unwritten::Lost(fault)) => return Err(fault),
        }
    }
    Ok(())
}

async fn forget(session: &mut Session, person: &UserKey, alias: &UserId) -> Result<(), Fault> {
    let (tenant, user) = (person.tenant.as_str(), person.user.as_str());
    for sql in [
        "DELETE FROM reads WHERE person = $2 AND chat IN (SELECT id FROM chats WHERE tenant = $1)",
        "DELETE FROM members WHERE tenant = $1 AND person = $2",
        "DELETE FROM notifications WHERE tenant = $1 AND person = $2",
        "DELETE FROM refresh_tokens WHERE tenant = $1 AND person = $2",
    ] {
        session.execute(sql, &[&tenant, &user]).await?;
    }
    attachments::disown(session, person, alias).await?;
    for sql in [
        "UPDATE chats SET customer = NULL, title = $3 WHERE tenant = $1 AND customer = $2",
        "UPDATE chats SET closed_by = $3, closed_by_name = $3, closed_reason = NULL
         WHERE tenant = $1 AND closed_by = $2",
        "UPDATE users SET name = $3, role = 'member', state = 'deleted', password = NULL
         WHERE tenant = $1 AND id = $2",
    ] {
        session.execute(sql, &[&tenant, &user, &alias.as_str()]).await?;
    }
    Ok(())
}
