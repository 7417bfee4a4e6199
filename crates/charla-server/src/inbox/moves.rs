//! Showing people which of their chats moved: what a node heard is gathered for another moment, so that somebody with a thousand
//! lively chats gets one write a moment and not one a chat.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use charla_core::{RoomKey, Seq, UserKey};
use charla_wire::codec::Frame;
use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::connection::Connection;
use crate::happening::{ChatMoved, Speech, UserEvent, Variant, text_frame};
use crate::node::Node;
use crate::store::lists::Reader;

/// How long what was heard is gathered.
const GATHER: Duration = Duration::from_millis(50);
/// Chats that are gathered at most; with as many, they are shown at once.
const HEARD_MAX: usize = 1_024;
/// Bytes of frames after which a connection gets what is there for it.
const WRITE_SIZE: usize = 16 * 1024;

/// The chats that moved since they were last shown, each as it was heard last.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    heard: Mutex<HashMap<RoomKey, Arc<ChatMoved>>>,
    wake: Notify,
}

impl Moves {
    /// Takes the news of a chat; hands all of them back when they may not wait.
    fn hear(&self, moved: Arc<ChatMoved>) -> Option<HashMap<RoomKey, Arc<ChatMoved>>> {
        let mut heard = self.heard.lock();
        heard.insert(moved.room.clone(), moved);
        if heard.len() >= HEARD_MAX {
            return Some(std::mem::take(&mut heard));
        }
        if heard.len() == 1 {
            self.wake.notify_one();
        }
        None
    }
}

/// Shows people which of their chats moved, for as long as the node lives.
pub(crate) async fn show_moved_chats(node: Arc<Node>) {
    loop {
        node.moves.wake.notified().await;
        tokio::time::sleep(GATHER).await;
        let heard = std::mem::take(&mut *node.moves.heard.lock());
        node.show(&heard);
    }
}

/// A chat that moved, and its frames: one for each place up to which somebody has read, in the clear and compressed.
struct News<'a> {
    moved: &'a Arc<ChatMoved>,
    frames: HashMap<(Seq, bool), Frame>,
}

impl News<'_> {
    /// Who lists chats speaks `charla.v1`, which has a word for it.
    fn frame(&mut self, read_seq: Seq, variant: Variant, speech: &Speech) -> &Frame {
        self.frames.entry((read_seq, variant.deflate)).or_insert_with(|| {
            let event = UserEvent::Inbox {
                moved: Arc::clone(self.moved),
                read_seq,
            };
            text_frame(&event.to_json(None).unwrap_or_default(), variant, speech)
        })
    }
}

/// The frames of a round by connection.
#[derive(Default)]
struct Round(HashMap<Uuid, (Arc<Connection>, BytesMut)>);

impl Round {
    /// Adds a chat's frame for a connection of somebody who has read so far, if it shows the chat.
    fn add(&mut self, connection: Arc<Connection>, news: &mut News<'_>, read_seq: Seq, speech: &Speech) {
        if !shows(&connection, &news.moved.room) {
            return;
        }
        let frame = news.frame(read_seq, connection.opening.variant, speech);
        let (connection, bytes) = self
            .0
            .entry(connection.opening.id)
            .or_insert_with(|| (connection, BytesMut::new()));
        bytes.extend_from_slice(frame.bytes());
        if bytes.len() >= WRITE_SIZE {
            connection.deliver(&bytes.split().freeze());
        }
    }

    fn deliver(self) {
        for (connection, bytes) in self.0.into_values() {
            if !bytes.is_empty() {
                connection.deliver(&bytes.freeze());
            }
        }
    }
}

/// Whether a connection shows how this chat moves, if it concerns its person: not one that hears the chat itself.
fn shows(connection: &Connection, room: &RoomKey) -> bool {
    connection.lists_chats() && !connection.listens_to(&room.chat)
}

impl Node {
    /// Whether somebody here may have the chat in a list.
    pub(super) fn is_listed(&self, room: &RoomKey) -> bool {
        let is_one = |connection: &Connection| shows(connection, room);
        self.users.is_listed(&room.tenant, is_one)
    }

    /// A chat moved, on whichever node.
    pub(crate) fn hear_of_chat(self: &Arc<Self>, moved: Arc<ChatMoved>) {
        if !self.is_listed(&moved.room) {
            return;
        }
        if moved.people.is_some() {
            return self.list(moved);
        }
        let node = Arc::clone(self);
        tokio::spawn(async move {
            let looked = node.store.listed(std::slice::from_ref(&moved.room)).await;
            match looked.map(|mut listed| listed.pop()) {
                Ok(Some(listed)) => node.list(Arc::new(ChatMoved::new(listed, usize::MAX))),
                Ok(None) => {}
                Err(error) => tracing::warn!(room = %moved.room, %error, "nobody was told that a chat moved"),
            }
        });
    }

    fn list(&self, moved: Arc<ChatMoved>) {
        if let Some(all) = self.moves.hear(moved) {
            self.show(&all);
        }
    }

    fn show(&self, heard: &HashMap<RoomKey, Arc<ChatMoved>>) {
        let mut round = Round::default();
        for moved in heard.values() {
            self.show_to(moved.people.as_deref().unwrap_or_default(), moved, &mut round);
        }
        round.deliver();
    }

    fn show_to(&self, people: &[Reader], moved: &Arc<ChatMoved>, round: &mut Round) {
        let mut news = News {
            moved,
            frames: HashMap::new(),
        };
        for reader in people.iter().filter(|reader| reader.is_member) {
            let user = UserKey {
                tenant: moved.room.tenant.clone(),
                user: reader.user.clone(),
            };
            for connection in self.users.connections(&user) {
                round.add(connection, &mut news, reader.read_seq, &self.speech);
            }
        }
        for agent in self.users.staff(&moved.room.tenant) {
            let reader = people
                .iter()
                .find(|reader| reader.user == agent.opening.visitor.key.user);
            if !reader.is_some_and(|reader| reader.is_member) {
                let read_seq = reader.map_or(0, |reader| reader.read_seq);
                round.add(agent, &mut news, read_seq, &self.speech);
            }
        }
    }
}
