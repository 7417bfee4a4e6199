//! Lists of chats that move by themselves: whoever is connected but not listening to a chat that got a
//! message is told its number of unread ones. Chats are gathered for a moment first, so that a lively
//! one costs a look in the store a moment and not one a message.
//!
//! The node that stored the message looks for all: what it found goes to the nodes with a list of that tenant's chats,
//! once a chat and not once a person, and each of them knows whom of its own it concerns. That serves the staff too, who
//! see every chat without being members.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use charla_core::RoomKey;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::happening::{ChatMoved, Happening};
use crate::node::Node;

mod moves;

pub(crate) use moves::{Moves, show_moved_chats};

/// How long chats are gathered before the store is asked about them.
const GATHER: Duration = Duration::from_millis(150);
/// Chats that the store is asked about at once: others wait for its readers too.
const LOOK_MAX: usize = 64;
/// People of a chat that are carried along to other nodes, some 20 KB; with more, each node looks for itself.
const PEOPLE_TOLD_MAX: usize = 500;

/// The chats that moved since the last look.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    moved: Mutex<HashSet<RoomKey>>,
    wake: Notify,
}

impl Inbox {
    /// A message came into this chat.
    pub(crate) fn moved(&self, room: &RoomKey) {
        let mut moved = self.moved.lock();
        if !moved.contains(room) {
            moved.insert(room.clone());
            self.wake.notify_one();
        }
    }
}

/// Tells the nodes with a list of them which chats moved, for as long as the node lives.
pub(crate) async fn tell_inboxes(node: Arc<Node>) {
    loop {
        node.inbox.wake.notified().await;
        tokio::time::sleep(GATHER).await;
        let moved = std::mem::take(&mut *node.inbox.moved.lock());
        let is_alone = node.peers().is_empty();
        let concerns = |room: &RoomKey| !is_alone || node.is_listed(room);
        let moved: Vec<RoomKey> = moved.into_iter().filter(concerns).collect();
        let people_max = if is_alone { usize::MAX } else { PEOPLE_TOLD_MAX };
        for rooms in moved.chunks(LOOK_MAX) {
            match node.store.listed(rooms).await {
                Ok(listed) => {
                    for listed in listed {
                        node.publish(Happening::Moved(Arc::new(ChatMoved::new(listed, people_max))));
                    }
                }
                Err(error) => {
                    tracing::warn!(chats = rooms.len(), %error, "nobody was told that chats moved");
                }
            }
        }
    }
}
