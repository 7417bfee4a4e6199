//! A connection's place in a room: [`Membership`]. Leaving is dropping it.

use std::sync::Arc;

use charla_core::presence::Moved;
use charla_core::rooms::{Behind, Seat};
use charla_core::{Author, CanEnter, RoomKey, Seq};

use crate::broker::Topic;
use crate::connection::Connection;
use crate::follow::Following;
use crate::happening::{Encoded, RoomEvent};
use crate::node::Node;

/// A seat in a room, held for one connection.
#[must_use]
pub(crate) struct Membership {
    node: Arc<Node>,
    room: RoomKey,
    seat: Seat,
    connection: Arc<Connection>,
    present: Option<Author>,
    following: Following,
}

impl Membership {
    /// Takes a seat; nothing is heard yet.
    pub(crate) fn enter(node: &Arc<Node>, room: &RoomKey, connection: &Arc<Connection>) -> Self {
        let seat = node.rooms.enter(room, connection);
        connection.begins_listening(&room.chat);
        Self {
            node: Arc::clone(node),
            room: room.clone(),
            seat,
            connection: Arc::clone(connection),
            present: None,
            following: node.follow(Topic::Room(room.clone())),
        }
    }

    /// Waits until what happens on other nodes arrives, if it does now: a look into the store before would leave a gap.
    pub(crate) async fn followed(&self) {
        self.node.followed(&self.following).await;
    }

    /// Which room.
    #[must_use]
    pub(crate) const fn room(&self) -> &RoomKey {
        &self.room
    }

    /// Hears from now on what comes after `have`; see [`crate::deliver::RoomShards::go_live`].
    ///
    /// # Errors
    /// [`Behind`]: read the store again.
    pub(crate) fn go_live(&mut self, have: Seq, greet: impl FnOnce(Vec<Arc<Encoded>>)) -> Result<(), Behind> {
        self.node.rooms.go_live(&self.room, &mut self.seat, have, greet)
    }

    /// The person is here now, for all to see.
    pub(crate) fn show(&mut self, grant: &CanEnter) {
        let author = grant.author().clone();
        let news = self.node.presence.lock().enter(&self.room, &author);
        self.present = Some(author);
        if let Some(moved) = news {
            self.node.tell_presence(moved, Some(self.connection.opening.id));
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.node.rooms.leave(&self.room, self.seat);
        self.connection.ends_listening(&self.room.chat);
        if let Some(author) = &self.present {
            let leaves_at = self.node.uptime.now() + self.node.presence_linger();
            self.node.presence.lock().leave(&self.room, &author.id, leaves_at);
        }
    }
}

impl Node {
    fn presence_linger(&self) -> u64 {
        u64::try_from(self.settings.liveness.presence_linger.as_millis()).unwrap_or(u64::MAX)
    }

    fn tell_presence(&self, moved: Moved, except: Option<uuid::Uuid>) {
        let event = RoomEvent::Presence {
            who: moved.who,
            joined: moved.joined,
        };
        self.tell_room(&moved.room, event, except);
    }

    /// Tells rooms of those whose time to come back is over.
    pub(crate) fn tell_departures(&self) {
        let gone = self.presence.lock().handle_timeout(self.uptime.now());
        for moved in gone {
            self.tell_presence(moved, None);
        }
    }
}
