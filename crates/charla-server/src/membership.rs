//! A connection's place in a room: [`Membership`]. Leaving is dropping it.

use std::sync::Arc;

use charla_core::rooms::{Behind, Seat};
use charla_core::{Author, CanEnter, RoomKey, Seq};

use crate::broker::Topic;
use crate::connection::Connection;
use crate::follow::Following;
use crate::happening::Encoded;
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
        node.listen(room);
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

    /// Waits until other nodes have said who is in the room, if they can now.
    pub(crate) async fn knows_who_is_there(&self) {
        self.node.knows_who_is_in(&self.room).await;
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
        if let Some(news) = news {
            self.node.tell_news(news, Some(self.connection.opening.id));
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
        self.node.cease(&self.room);
    }
}

impl Node {
    /// How long a person whose last connection is gone counts as present, in milliseconds.
    pub(crate) fn presence_linger(&self) -> u64 {
        u64::try_from(self.settings.liveness.presence_linger.as_millis()).unwrap_or(u64::MAX)
    }
}
