//! Messages of a chat by their words, for whoever may read its history.

use std::sync::Arc;
use std::time::Duration;

use charla_core::session::Refusal;
use charla_core::{CanEnter, RoomKey, Seq, Stored};
use charla_wire::Cause;
use charla_wire::server_frame::{Hit, ServerFrame};
use tokio::time::sleep;

use crate::connection::Connection;
use crate::happening::wire_message;
use crate::join::unavailable;
use crate::node::Node;
use crate::store::StoreError;
use crate::store::search::Query;

/// Messages that are taken in in one transaction: some milliseconds of the writer's time.
const BATCH: usize = 200;
/// Of these while somebody waits for the answer; what is left follows behind it.
const BATCHES_WAITED_FOR: usize = 5;
/// Between two of those that follow.
const PAUSE: Duration = Duration::from_millis(50);
/// Chats whose older messages are taken in at once; another one goes on when it is searched again.
const TAKEN_IN_MAX: usize = 16;

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// Newest first.
    pub messages: Vec<Stored>,
    /// Whether there are older ones.
    pub more: bool,
    /// Whether all of the chat was looked through.
    pub complete: bool,
}

impl Node {
    /// Messages of a chat with the words of a query, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn search(
        self: &Arc<Self>,
        room: &RoomKey,
        query: &Query,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Found, StoreError> {
        let mut complete = false;
        for _ in 0..BATCHES_WAITED_FOR {
            complete = self.store.take_in(room, BATCH).await?.all;
            if complete {
                break;
            }
        }
        if !complete {
            self.take_in_the_rest(room);
        }
        let mut messages = self.store.find(room, query, before, limit + 1).await?;
        let more = messages.len() > limit;
        messages.truncate(limit);
        Ok(Found {
            messages,
            more,
            complete,
        })
    }

    fn take_in_the_rest(self: &Arc<Self>, room: &RoomKey) {
        let mut taken_in = self.taken_in.lock();
        if taken_in.len() >= TAKEN_IN_MAX || !taken_in.insert(room.clone()) {
            return;
        }
        let (node, room) = (Arc::clone(self), room.clone());
        tokio::spawn(async move {
            loop {
                match node.store.take_in(&room, BATCH).await {
                    Ok(taken) if taken.all => break,
                    Ok(_) => sleep(PAUSE).await,
                    Err(error) => {
                        tracing::warn!(%room, %error, "a chat is not prepared for searching to its end");
                        break;
                    }
                }
            }
            node.taken_in.lock().remove(&room);
        });
    }
}

/// Reads what is looked for.
///
/// # Errors
/// `bad_request`, also where nothing is ever found.
pub(crate) fn query(node: &Node, words: &str) -> Result<Query, Refusal> {
    if !node.settings.search.enabled {
        return Err(Refusal::new(Cause::BadRequest, "searching is switched off here"));
    }
    Query::parse(words).map_err(|error| Refusal::new(Cause::BadRequest, error.to_string()))
}

fn hit<'m>(query: &Query, message: &'m Stored) -> Hit<'m> {
    Hit {
        hits: query.hits(&message.draft.text),
        message: wire_message(message),
    }
}

/// Answers a client.
///
/// # Errors
/// What cannot be looked for, and the store's own.
pub(crate) async fn answer(
    node: &Arc<Node>,
    connection: &Connection,
    grant: &CanEnter,
    (words, before, limit): (&str, Option<Seq>, usize),
    reference: Option<u64>,
) -> Result<(), Refusal> {
    let query = query(node, words)?;
    let found = node.search(grant.room(), &query, before, limit).await;
    let found = found.map_err(unavailable)?;
    let hit = |message| hit(&query, message);
    let frame = ServerFrame::Found {
        reference,
        chat: &grant.room().chat,
        messages: found.messages.iter().map(hit).collect(),
        more: found.more,
        complete: found.complete,
    };
    node.answer(connection, &frame);
    Ok(())
}
