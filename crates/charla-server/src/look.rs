//! What the store has and nobody told this node of: messages, edits, deletions, a chat that was closed or opened.

use std::sync::Arc;

use charla_core::changes::Known;
use charla_core::{Author, RoomKey, Seq};
use charla_wire::{Timestamp, UserId};

use crate::deliver::RoomShards;
use crate::happening::RoomEvent;
use crate::node::Node;
use crate::store::{Chat, Closed, StoreError};

/// Chats that are looked at by one statement.
const AT_ONCE: usize = 500;
/// Changes read at once while catching up.
const PAGE: usize = 200;
/// In whose name a chat is opened again of which the store does not say by whom.
const NOBODY_ELSE: &str = "charla";

impl RoomShards {
    /// What the store says of a chat to its first listener; nothing new once something is known.
    pub(crate) fn know(&self, key: &RoomKey, rev: u64, closed: Option<Timestamp>) {
        self.of(key).lock().know(key, Known::new(rev, closed));
    }

    fn known(&self, key: &RoomKey) -> Option<Known> {
        self.of(key).lock().known(key)
    }
}

/// What a room's listeners knew before the store was asked.
struct Before {
    delivered: Seq,
    known: Option<Known>,
}

impl Node {
    /// Looks whether chats have moved without this node's knowing. Those without a listener are passed over.
    pub(crate) async fn look(self: &Arc<Self>, rooms: &[RoomKey]) {
        for batch in rooms.chunks(AT_ONCE) {
            // Before the store is asked: what is told meanwhile must not look like what the store does not have yet.
            let (asked, before): (Vec<RoomKey>, Vec<Before>) = batch
                .iter()
                .filter_map(|room| {
                    let before = Before {
                        delivered: self.rooms.delivered(room)?,
                        known: self.rooms.known(room),
                    };
                    Some((room.clone(), before))
                })
                .unzip();
            if asked.is_empty() {
                continue;
            }
            match self.store.chats_among(&asked).await {
                Ok(chats) => self.compare(&asked, before, &chats).await,
                Err(error) => {
                    tracing::debug!(%error, "the store was not asked for news");
                    return;
                }
            }
        }
    }

    async fn compare(self: &Arc<Self>, asked: &[RoomKey], before: Vec<Before>, chats: &[Chat]) {
        let found: std::collections::HashMap<&RoomKey, &Chat> =
            chats.iter().map(|chat| (&chat.key, chat)).collect();
        for (room, before) in asked.iter().zip(before) {
            let Some(chat) = found.get(room) else { continue };
            if chat.last_seq > before.delivered {
                self.catch_up(room, chat.last_seq);
            }
            let Some(known) = before.known else { continue };
            if chat.rev > known.upto()
                && let Err(error) = self.tell_changes(room, known.upto(), chat.rev).await
            {
                tracing::warn!(%room, %error, "changes could not be read yet");
            }
            self.tell_closing(room, &known, chat.closed.as_ref());
        }
    }

    /// Passes on the edits and deletions after a revision, as far as the listeners have the messages.
    async fn tell_changes(
        self: &Arc<Self>,
        room: &RoomKey,
        mut after: u64,
        upto: u64,
    ) -> Result<(), StoreError> {
        let Some(delivered) = self.rooms.delivered(room) else {
            return Ok(());
        };
        loop {
            let changes = self.store.changes(room, after, delivered, PAGE).await?;
            let is_last = changes.len() < PAGE;
            for (rev, message) in changes {
                after = rev;
                let by = message.draft.author.clone();
                let event = if message.deleted {
                    RoomEvent::Deleted {
                        seq: message.seq,
                        rev,
                        at: (self.clock)(),
                        by,
                    }
                } else {
                    RoomEvent::Edited { message, rev, by }
                };
                self.hear_in_room(room, event, None);
            }
            if is_last {
                break;
            }
        }
        // A message that was changed twice has its last revision alone.
        self.rooms.of(room).lock().settle(room, after.max(upto));
        Ok(())
    }

    /// Tells of a chat that was closed or opened, unless somebody did so since `before`.
    fn tell_closing(self: &Arc<Self>, room: &RoomKey, before: &Known, stored: Option<&Closed>) {
        let as_before = |now: Known| now.closed() == before.closed();
        if stored.map(|closed| closed.at) == before.closed() || !self.rooms.known(room).is_some_and(as_before)
        {
            return;
        }
        let event = match stored {
            Some(closed) => RoomEvent::Closed {
                by: closed.by.clone(),
                at: closed.at,
                reason: closed.reason.clone(),
            },
            None => {
                let Ok(id) = UserId::parse(NOBODY_ELSE) else {
                    return;
                };
                let by = Author {
                    id,
                    name: NOBODY_ELSE.into(),
                };
                let at = (self.clock)();
                RoomEvent::Reopened { by, at }
            }
        };
        self.hear_in_room(room, event, None);
    }
}
