//! Lists of chats that move by themselves: whoever is connected but not listening to a chat that got a
//! message is told its number of unread ones. Chats are gathered for a moment first, so that a lively
//! one costs a look in the store a moment and not one a message.
//!
//! The node that stored the message looks for all: what it found goes to the nodes with a list of that tenant's chats,
//! once a chat and not once a person, and each of them knows whom of its own it concerns. That serves the staff too, who
//! see every chat without being members.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use charla_core::{RoomKey, UserKey};
use charla_wire::UserId;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::connection::Connection;
use crate::happening::{ChatMoved, Happening, Reader, UserEvent};
use crate::node::Node;
use crate::store::{Page, StoreError};

/// How long chats are gathered.
const GATHER: Duration = Duration::from_millis(200);
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
    let is_alone = node.peers().is_empty();
    if is_alone && !node.is_listed(room) {
        return Ok(());
    }
    let (Some(chat), Some(last)) = (
        node.store.chat(room).await?,
        node.store.messages(room, Page::Latest, 1).await?.pop(),
    ) else {
        return Ok(());
    };
    let people = people(node, room).await?;
    let told = (is_alone || people.len() <= PEOPLE_TOLD_MAX).then_some(people);
    node.publish(Happening::Moved(Arc::new(ChatMoved::new(&chat, &last, told))));
    Ok(())
}

/// Members, and those of the staff who have read.
async fn people(node: &Node, room: &RoomKey) -> Result<Vec<Reader>, StoreError> {
    // Agents who are no members have a marker too: one look at all of them serves everybody.
    let (members, markers) = (node.store.members(room).await?, node.store.reads(room).await?);
    let mut people: HashMap<UserId, Reader> = HashMap::new();
    for (user, read_seq) in markers {
        let reader = Reader {
            user: user.clone(),
            read_seq,
            is_member: false,
        };
        people.insert(user, reader);
    }
    for member in members {
        let reader = people.entry(member.user.clone()).or_insert(Reader {
            user: member.user,
            read_seq: 0,
            is_member: true,
        });
        reader.is_member = true;
    }
    Ok(people.into_values().collect())
}

/// Whether a connection shows how this chat moves, if it concerns its person: not one that hears the chat itself.
fn shows(connection: &Connection, room: &RoomKey) -> bool {
    connection.lists_chats() && !connection.listens_to(&room.chat)
}

impl Node {
    /// Whether somebody here may have the chat in a list.
    fn is_listed(&self, room: &RoomKey) -> bool {
        let is_one = |connection: &Connection| {
            connection.opening.visitor.key.tenant == room.tenant && shows(connection, room)
        };
        !self.users.all(is_one).is_empty()
    }

    /// A chat moved, on whichever node.
    pub(crate) fn hear_of_chat(self: &Arc<Self>, moved: Arc<ChatMoved>) {
        if let Some(people) = &moved.people {
            return self.show_moved_chat(&moved, people);
        }
        if !self.is_listed(&moved.room) {
            return;
        }
        let node = Arc::clone(self);
        tokio::spawn(async move {
            match people(&node, &moved.room).await {
                Ok(people) => node.show_moved_chat(&moved, &people),
                Err(error) => tracing::warn!(room = %moved.room, %error, "nobody was told that a chat moved"),
            }
        });
    }

    fn show_moved_chat(&self, moved: &Arc<ChatMoved>, people: &[Reader]) {
        let show = |connections: Vec<Arc<Connection>>, read_seq| {
            let event = UserEvent::Inbox {
                moved: Arc::clone(moved),
                read_seq,
            };
            let mut shown = connections;
            shown.retain(|connection| shows(connection, &moved.room));
            self.tell(&shown, &event);
        };
        for reader in people.iter().filter(|reader| reader.is_member) {
            let user = UserKey {
                tenant: moved.room.tenant.clone(),
                user: reader.user.clone(),
            };
            show(self.users.connections(&user), reader.read_seq);
        }
        for agent in self.users.staff(&moved.room.tenant) {
            let reader = people
                .iter()
                .find(|reader| reader.user == agent.opening.visitor.key.user);
            if !reader.is_some_and(|reader| reader.is_member) {
                show(vec![agent], reader.map_or(0, |reader| reader.read_seq));
            }
        }
    }
}
