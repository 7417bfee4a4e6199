//! Messages of before into their chats, which are held from numbering to commit as for messages of now.

use std::collections::HashMap;
use std::sync::Arc;

use charla_core::{RoomKey, Stored};
use charla_wire::Timestamp;

use super::Postgres;
use super::append::{self, Ids};
use super::fault::Fault;
use super::numbering::{Earlier, Fresh, Numbered, Once};
use super::session::Session;
use crate::store::backfill::{Backfill, Fate, Past, Standing};
use crate::store::{StoreError, StoreFuture};

impl Backfill for Postgres {
    fn backfill(&self, past: Vec<Past>, write: bool) -> StoreFuture<'_, Vec<Fate>> {
        let (pool, now) = (Arc::clone(&self.pool), (self.clock)());
        // Whoever asked may go: a connection is not given back in the middle of a transaction.
        let done = tokio::spawn(async move {
            let mut lease = pool.take().await?;
            let told = backfill(lease.session()?, &past, write, now).await;
            told.map_err(Fault::told)
        });
        Box::pin(async move {
            done.await
                .unwrap_or_else(|error| Err(StoreError::Internal(error.to_string())))
        })
    }
}

/// When the last message of each chat was said.
const LAST: &str = "SELECT w.id, m.sent_at FROM unnest($1::bigint[]) AS w (id)
    CROSS JOIN LATERAL (SELECT sent_at FROM messages WHERE chat = w.id ORDER BY seq DESC LIMIT 1) m";

/// Numbers them, and writes them in one transaction where `write` says so.
async fn backfill(
    session: &mut Session,
    past: &[Past],
    write: bool,
    now: Timestamp,
) -> Result<Vec<Fate>, Fault> {
    let numbered = match numbered(session, past).await {
        Ok(numbered) => numbered,
        Err(fault) => {
            session.roll_back().await;
            return Err(fault);
        }
    };
    let (fates, numbered) = numbered;
    if !write || numbered.fresh.is_empty() {
        session.roll_back().await;
        return Ok(fates);
    }
    // Whoever is told of what happens is not told of what has been.
    match append::write(session, &numbered, None, (&[], now)).await {
        Ok(()) => Ok(fates),
        Err((fault, append::Settled::Undone | append::Settled::History)) => {
            session.roll_back().await;
            Err(fault)
        }
        // Whoever asks again finds them, or writes them.
        Err((fault, append::Settled::Unknown)) => {
            session.spoil();
            Err(fault)
        }
    }
}

async fn numbered(session: &mut Session, past: &[Past]) -> Result<(Vec<Fate>, Numbered), Fault> {
    let once = |past: &Past| -> Once {
        let draft = &past.draft;
        (draft.room.clone(), draft.author.id.clone(), draft.id)
    };
    let wanted: Vec<Once> = past.iter().map(once).collect();
    let (held, mut known) = append::hold(session, &mut Ids::new(), &wanted).await?;
    let chats: Vec<i64> = held.values().map(|held| held.id).collect();
    let mut last = HashMap::new();
    for row in session.rows(LAST, &[&chats]).await? {
        last.insert(row.try_get::<_, i64>(0)?, Timestamp::from_millis(row.try_get(1)?));
    }
    let mut standings: HashMap<&RoomKey, (i64, Standing)> = held
        .iter()
        .map(|(room, held)| {
            let standing = Standing::new(held.last_seq, last.get(&held.id).copied());
            (room, (held.id, standing))
        })
        .collect();
    let (mut fates, mut numbered) = (Vec::with_capacity(past.len()), Numbered::default());
    for (place, (past, once)) in past.iter().zip(wanted).enumerate() {
        let Some((chat, standing)) = standings.get_mut(&past.draft.room) else {
            fates.push(Fate::NoChat);
            continue;
        };
        let fate = standing.number(past.sent_at, known.contains_key(&once));
        fates.push(fate);
        let Fate::New(seq) = fate else { continue };
        let stored = Stored {
            draft: past.draft.clone(),
            seq,
            sent_at: past.sent_at,
            edited_at: None,
            deleted: false,
        };
        numbered.moved.insert(*chat, (seq, place));
        let author = stored.draft.author.id.clone();
        numbered.marks.insert((*chat, author), seq);
        let earlier = Earlier {
            stored: stored.clone(),
            as_sent: true,
        };
        known.insert(once, earlier);
        numbered.fresh.push(Fresh {
            chat: *chat,
            stored,
            to_history: false,
            trace: None,
        });
    }
    Ok((fates, numbered))
}
