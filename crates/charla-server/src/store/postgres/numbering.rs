//! Which number each message of a group gets, decided without the database: the chats are held and read already.

use std::collections::{BTreeMap, HashMap};

use charla_core::{Draft, RoomKey, Seq, Stored};
use charla_wire::{Timestamp, UserId};
use uuid::Uuid;

use crate::store::{AppendError, Appended};
use crate::telemetry::TraceContext;

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

/// A draft as it came to the writer.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    /// What was said.
    pub(super) draft: Draft,
    /// When, if not now: it was said elsewhere.
    pub(super) sent_at: Option<Timestamp>,
    /// Whether the application's own table is to have it too.
    pub(super) to_history: bool,
    /// The trace that it belongs to.
    pub(super) trace: Option<TraceContext>,
    /// Whether the files that it names may be sent with it.
    pub(super) files_free: bool,
}

/// A new message with its chat.
#[derive(Debug)]
pub(super) struct Fresh {
    /// The database's own name of the chat.
    pub(super) chat: i64,
    /// The message.
    pub(super) stored: Stored,
    /// Whether the application's own table is to have it too.
    pub(super) to_history: bool,
    /// The trace that it belongs to.
    pub(super) trace: Option<TraceContext>,
}

/// What is to be written for one group.
#[derive(Debug, Default)]
pub(super) struct Numbered {
    /// What became of each draft, in the order given.
    pub(super) outcomes: Vec<Result<Appended, AppendError>>,
    /// New messages, in the order given.
    pub(super) fresh: Vec<Fresh>,
    /// Each chat with a new message: its last number, and the place of that message in the group.
    pub(super) moved: BTreeMap<i64, (Seq, usize)>,
    /// How far each author has read by writing.
    pub(super) marks: BTreeMap<(i64, UserId), Seq>,
}

impl Numbered {
    /// Numbers the next draft of the group.
    pub(super) fn add(
        &mut self,
        arrival: Arrival,
        now: Timestamp,
        held: &mut HashMap<RoomKey, Held>,
        earlier: &mut HashMap<Once, Earlier>,
    ) {
        let (to_history, trace) = (arrival.to_history, arrival.trace);
        let outcome = one(arrival, now, held, earlier);
        if let Ok((Some(chat), Appended::New(stored))) = &outcome {
            let (chat, stored) = (*chat, stored.clone());
            self.moved.insert(chat, (stored.seq, self.outcomes.len()));
            self.marks
                .insert((chat, stored.draft.author.id.clone()), stored.seq);
            self.fresh.push(Fresh {
                chat,
                stored,
                to_history,
                trace,
            });
        }
        self.outcomes.push(outcome.map(|(_, appended)| appended));
    }
}

/// Numbers the drafts of a group in order.
pub(super) fn number(
    arrivals: Vec<Arrival>,
    now: Timestamp,
    held: &mut HashMap<RoomKey, Held>,
    earlier: &mut HashMap<Once, Earlier>,
) -> Numbered {
    let mut numbered = Numbered::default();
    for arrival in arrivals {
        numbered.add(arrival, now, held, earlier);
    }
    numbered
}

fn one(
    arrival: Arrival,
    now: Timestamp,
    held: &mut HashMap<RoomKey, Held>,
    earlier: &mut HashMap<Once, Earlier>,
) -> Result<(Option<i64>, Appended), AppendError> {
    let (draft, sent_at) = (arrival.draft, arrival.sent_at.unwrap_or(now));
    let chat = held.get_mut(&draft.room).ok_or(AppendError::NoChat)?;
    let once = (draft.room.clone(), draft.author.id.clone(), draft.id);
    if let Some(before) = earlier.get(&once) {
        let kept = &before.stored.draft;
        let same =
            kept.text == draft.text && kept.data == draft.data && kept.attachments == draft.attachments;
        if before.as_sent && !same {
            return Err(AppendError::IdConflict);
        }
        return Ok((None, Appended::Repeated(before.stored.clone())));
    }
    if chat.closed {
        return Err(AppendError::Closed);
    }
    if !arrival.files_free {
        return Err(AppendError::AttachmentMissing);
    }
    chat.last_seq += 1;
    let stored = Stored {
        draft,
        seq: chat.last_seq,
        sent_at,
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
