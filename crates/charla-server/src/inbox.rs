//! Lists of chats that move by themselves: whoever is connected but not listening to a chat that got a
//! message is told its number of unread ones. Chats are gathered for a moment first, so that a lively
//! one costs a look in the store a moment and not one a message.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use charla_core::RoomKey;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::connection::Connection;
use crate::happening::UserEvent;
use crate::node::Node;
use crate::store::{InboxLine, Page, Role, StoreError};

/// How long chats are gathered.
const GATHER: Duration = Duration::from_millis(200);

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

/// Tells people which of their chats moved, for as long as the node lives.
pub(crate) async fn tell_inboxes(node: Arc<Node>) {
    loop {
        node.inbox.wake.notified().await;
        tokio::time::sleep(GATHER).await;
        let moved = std::mem::take(&mut *node.inbox.moved.lock());
        for room in moved {
            if let Err(error) = tell_inbox(&node, &room).await {
                tracing::warn!(%room, %error, "nobody was told that a chat moved");
            }
        }
    }
}

async fn tell_inbox(node: &Node, room: &RoomKey) -> Result<(), StoreError> {
    let elsewhere = |connection: &Connection| {
        connection.opening.visitor.key.tenant == room.tenant
            && connection.opening.home.is_none()
            && !connection.opening.variant.plain
            && !connection.listens_to(&room.chat)
    };
    let candidates = node.users.all(elsewhere);
    if candidates.is_empty() {
        return Ok(());
    }
    let (Some(chat), Some(last)) = (
        node.store.chat(room).await?,
        node.store.messages(room, Page::Latest, 1).await?.pop(),
    ) else {
        return Ok(());
    };
    // Agents who are no members have a marker too: one look at all of them serves everybody.
    let (members, markers) = (node.store.members(room).await?, node.store.reads(room).await?);
    for connection in candidates {
        let visitor = &connection.opening.visitor;
        let belongs = members.iter().any(|member| member.user == visitor.key.user);
        if !belongs && visitor.role != Role::Agent {
            continue;
        }
        let marker = markers.iter().find(|(user, _)| *user == visitor.key.user);
        let line = InboxLine {
            chat: chat.clone(),
            read_seq: marker.map_or(0, |(_, seq)| *seq),
            last: Some(last.clone()),
        };
        node.tell(&[connection], &UserEvent::Inbox(Box::new(line)));
    }
    Ok(())
}
