//! What stands in a chat, what was changed of it, and how far people have read.

use std::sync::Arc;

use charla_core::{RoomKey, Seq, Stored};
use charla_wire::{Timestamp, UserId};

use super::Postgres;
use super::attachments;
use super::fault::Fault;
use super::history::{History, Unwritten, What};
use super::rows::{
    self, MESSAGE_WIDTH, attachments_text, escaped, id, limit, message_columns, number, unsigned,
};
use super::search;
use super::session::Session;
use super::webhooks;
use crate::store::webhooks::{Event, EventKind, Hooks};
use crate::store::{Changed, Page, StoreError, StoreFuture};

/// The messages of a chat named by tenant and id, up to the condition on their numbers.
macro_rules! messages_of_chat {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            message_columns!(),
            ", m.rev FROM messages m WHERE m.chat = (SELECT id FROM chats WHERE tenant = $1 AND chat = $2) AND ",
            $rest
        )
    };
}

const BEFORE: &str = messages_of_chat!("m.seq < $3 ORDER BY m.seq DESC LIMIT $4");
const AFTER: &str = messages_of_chat!("m.seq > $3 ORDER BY m.seq LIMIT $4");
const CHANGED: &str = messages_of_chat!("m.rev > $3 AND m.rev > 0 AND m.seq <= $4 ORDER BY m.rev LIMIT $5");

/// A page of messages, oldest first.
pub(super) async fn page(
    session: &mut Session,
    key: &RoomKey,
    page: Page,
    most: usize,
) -> Result<Vec<Stored>, Fault> {
    let (sql, from, backwards) = match page {
        Page::Latest => (BEFORE, i64::MAX, true),
        Page::Before(seq) => (BEFORE, number(seq), true),
        Page::After(seq) => (AFTER, number(seq), false),
    };
    let found = session
        .rows(
            sql,
            &[&key.tenant.as_str(), &key.chat.as_str(), &from, &limit(most)],
        )
        .await?;
    let messages = found.iter().map(|row| rows::message(row, 0, key.clone()));
    if backwards {
        messages.rev().collect()
    } else {
        messages.collect()
    }
}

/// Messages that were changed, oldest change first, each with its revision.
pub(super) async fn changes(
    session: &mut Session,
    key: &RoomKey,
    rev: u64,
    up_to: Seq,
    most: usize,
) -> Result<Vec<(u64, Stored)>, Fault> {
    let found = session
        .rows(
            CHANGED,
            &[
                &key.tenant.as_str(),
                &key.chat.as_str(),
                &number(rev),
                &number(up_to),
                &limit(most),
            ],
        )
        .await?;
    found
        .iter()
        .map(|row| Ok((unsigned(row, MESSAGE_WIDTH)?, rows::message(row, 0, key.clone())?)))
        .collect()
}

/// What is to become of a message's words.
pub(super) enum Change {
    /// Others.
    Edit(String),
    /// None.
    Delete,
}

impl Change {
    const fn what(&self) -> What {
        match self {
            Self::Edit(_) => What::Update,
            Self::Delete => What::Delete,
        }
    }
}

impl Postgres {
    /// Edits or deletes a message, in the application's own table too.
    pub(super) fn change_message<'a>(
        &self,
        (key, seq): (&RoomKey, Seq),
        (by, any): (&UserId, bool),
        change: Change,
    ) -> StoreFuture<'a, Changed> {
        let (key, by) = (key.clone(), by.clone());
        let (history, hooks) = (self.history.clone(), Arc::clone(&self.hooks));
        self.tell(move |s, now| {
            Box::pin(async move {
                let changed = change_one(s, now, (&key, seq), (&by, any), change, history.as_deref()).await?;
                tell_of(s, now, &hooks, &changed, &by).await?;
                Ok(changed)
            })
        })
    }
}

async fn tell_of(
    session: &mut Session,
    now: Timestamp,
    hooks: &Hooks,
    changed: &Changed,
    by: &UserId,
) -> Result<(), Fault> {
    let Changed::Done { rev, message } = changed else {
        return Ok(());
    };
    let kind = if message.deleted {
        EventKind::MessageDeleted
    } else {
        EventKind::MessageEdited
    };
    if !hooks.wants(&message.draft.room.tenant, kind) {
        return Ok(());
    }
    let event = Event::changed(message.clone(), *rev, by.clone(), now);
    webhooks::queue(session, hooks, now, &event).await
}

/// Edits or deletes; both give the chat its next revision. The chat is held meanwhile, so that revisions are seen
/// in their order.
async fn change_one(
    session: &mut Session,
    now: Timestamp,
    (key, seq): (&RoomKey, Seq),
    (by, any): (&UserId, bool),
    change: Change,
    history: Option<&History>,
) -> Result<Changed, Fault> {
    const ONE: &str = concat!(
        "SELECT ",
        message_columns!(),
        " FROM messages m WHERE m.chat = $1 AND m.seq = $2"
    );
    let held = session
        .first(
            "SELECT id FROM chats WHERE tenant = $1 AND chat = $2 FOR NO KEY UPDATE",
            &[&key.tenant.as_str(), &key.chat.as_str()],
        )
        .await?;
    let Some(held) = held else {
        return Ok(Changed::NotFound);
    };
    let chat: i64 = held.try_get(0)?;
    let Some(row) = session.first(ONE, &[&chat, &number(seq)]).await? else {
        return Ok(Changed::NotFound);
    };
    let mut message = rows::message(&row, 0, key.clone())?;
    if message.deleted {
        return Ok(Changed::NotFound);
    }
    if !any && message.draft.author.id != *by {
        return Ok(Changed::Forbidden);
    }
    let what = change.what();
    match change {
        Change::Edit(text) => {
            message.draft.text = text.into();
            message.edited_at = Some(now);
        }
        Change::Delete => message.take_back(),
    }
    if let Some(history) = history {
        match history.line(session, what, &message).await {
            Ok(()) => {}
            Err(Unwritten::Refused) => return Ok(Changed::HistoryRefused),
            Err(Unwritten::Away(why)) => return Err(Fault::Refused(StoreError::Unavailable(why))),
            Err(Unwritten::Lost(fault)) => return Err(fault),
        }
    }
    let rev = next_rev(session, chat).await?;
    session
        .execute(
            "UPDATE messages SET text = $3, data = $4, edited_at = $5, deleted = $6, rev = $7, attachments = $8
             WHERE chat = $1 AND seq = $2",
            &[
                &chat,
                &number(seq),
                &escaped(&message.draft.text),
                &message.draft.data.as_deref().map(escaped),
                &message.edited_at.map(Timestamp::as_millis),
                &message.deleted,
                &number(rev),
                &attachments_text(&message.draft.attachments),
            ],
        )
        .await?;
    if message.deleted {
        attachments::let_go(session, chat, seq).await?;
    }
    search::follow(session, chat, seq, &message.draft.text).await?;
    Ok(Changed::Done { rev, message })
}

/// The chat's next revision.
pub(super) async fn next_rev(session: &mut Session, chat: i64) -> Result<u64, Fault> {
    const NEXT: &str = "UPDATE chats SET rev = rev + 1 WHERE id = $1 RETURNING rev";
    unsigned(&session.one(NEXT, &[&chat]).await?, 0)
}

/// Moves a read marker forward, as far as there are messages; where it is if it moved.
pub(super) async fn mark_read(
    session: &mut Session,
    key: &RoomKey,
    user: &UserId,
    seq: Seq,
) -> Result<Option<Seq>, Fault> {
    let moved = session
        .first(
            "INSERT INTO reads AS r (chat, person, seq)
             SELECT id, $3, least($4, last_seq) FROM chats
             WHERE tenant = $1 AND chat = $2 AND least($4, last_seq) > 0
             ON CONFLICT (chat, person) DO UPDATE SET seq = excluded.seq WHERE excluded.seq > r.seq
             RETURNING seq",
            &[
                &key.tenant.as_str(),
                &key.chat.as_str(),
                &user.as_str(),
                &number(seq),
            ],
        )
        .await?;
    moved.map(|row| unsigned(&row, 0)).transpose()
}

pub(super) async fn reads(session: &mut Session, key: &RoomKey) -> Result<Vec<(UserId, Seq)>, Fault> {
    let found = session
        .rows(
            "SELECT r.person, r.seq FROM chats c JOIN reads r ON r.chat = c.id
             WHERE c.tenant = $1 AND c.chat = $2 ORDER BY r.person",
            &[&key.tenant.as_str(), &key.chat.as_str()],
        )
        .await?;
    found
        .iter()
        .map(|row| Ok((id(row, 0)?, unsigned(row, 1)?)))
        .collect()
}
