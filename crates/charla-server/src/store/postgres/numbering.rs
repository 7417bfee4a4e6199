//! Which number each message of a group gets, decided without the database: the chats are held and read already.

use std::collections::{BTreeMap, HashMap};

use charla_core::{Draft, RoomKey, Seq, Stored};
use charla_wire::{Timestamp, UserId};
use uuid::Uuid;

use crate::store::{AppendError, Appended};

/// A chat as it stands while its row is held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// The database's own name of the chat.
    pub(super) id: i64,
    /// The number of its last message.
    pub(super) last_seq: Seq,
    /// Whether it takes repeats only.
    pub(super) closed: bool,
}

/// A message that its author stored before under the same id.
#[derive(Debug, Clone)]
pub(super) struct Earlier {
    /// The message as it is now.
    pub(super) stored: Stored,
    /// Whether it is as it was sent: the words of one that was changed are no longer there to compare.
    pub(super) as_sent: bool,
}

/// Who said something where, and under which id.
pub(super) type Once = (RoomKey, UserId, Uuid);

/// What is to be written for one group.
#[derive(Debug, Default)]
pub(super) struct Numbered {
    /// What became of each draft, in the order given.
    pub(super) outcomes: Vec<Result<Appended, AppendError>>,
    /// New messages with their chats, in the order given.
    pub(super) fresh: Vec<(i64, Stored)>,
    /// Each chat with a new message: its last number, and the place of that message in the group.
    pub(super) moved: BTreeMap<i64, (Seq, usize)>,
    /// How far each author has read by writing.
    pub(super) marks: BTreeMap<(i64, UserId), Seq>,
}

/// Numbers the drafts of a group in order.
pub(super) fn number(
    drafts: Vec<Draft>,
    now: Timestamp,
    held: &mut HashMap<RoomKey, Held>,
    earlier: &mut HashMap<Once, Earlier>,
) -> Numbered {
    let mut numbered = Numbered::default();
    for (place, draft) in drafts.into_iter().enumerate() {
        let outcome = one(draft, now, held, earlier);
        if let Ok((Some(chat), Appended::New(stored))) = &outcome {
            numbered.moved.insert(*chat, (stored.seq, place));
            numbered
                .marks
                .insert((*chat, stored.draft.author.id.clone()), stored.seq);
            numbered.fresh.push((*chat, stored.clone()));
        }
        numbered.outcomes.push(outcome.map(|(_, appended)| appended));
    }
    numbered
}

fn one(
    draft: Draft,
    now: Timestamp,
    held: &mut HashMap<RoomKey, Held>,
    earlier: &mut HashMap<Once, Earlier>,
) -> Result<(Option<i64>, Appended), AppendError> {
    let chat = held.get_mut(&draft.room).ok_or(AppendError::NoChat)?;
    let once = (draft.room.clone(), draft.author.id.clone(), draft.id);
    if let Some(before) = earlier.get(&once) {
        let kept = &before.stored.draft;
        if before.as_sent && (kept.text != draft.text || kept.data != draft.data) {
            return Err(AppendError::IdConflict);
        }
        return Ok((None, Appended::Repeated(before.stored.clone())));
    }
    if chat.closed {
        return Err(AppendError::Closed);
    }
    chat.last_seq += 1;
    let stored = Stored {
        draft,
        seq: chat.last_seq,
        sent_at: now,
        edited_at: None,
        deleted: false,
    };
    let known = Earlier {
        stored: stored.clone(),
        as_sent: true,
    };
    earlier.insert(once, known);
    Ok((Some(chat.id), Appended::New(stored)))
}
