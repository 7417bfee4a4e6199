//! What a node does about other nodes: it follows the topics that somebody here listens to, and looks in the store for
//! what it did not hear of.

use std::sync::Arc;
use std::time::Duration;

use charla_core::{RoomKey, Seq, UserKey};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::broker::{Health, Heard, Topic};
use crate::happening::RoomEvent;
use crate::node::Node;
use crate::store::{Hints, Moved, Page, StoreError};

/// How often the store is asked for news of each chat with a listener while the broker is alive: for hints that were
/// lost on the way.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The same while it is away and hints are heard in its place.
const LOOK_EVERY_HINTED: Duration = Duration::from_secs(1);
/// The same while there are none.
const LOOK_EVERY_AWAY: Duration = Duration::from_millis(200);
/// For this long after it came back the store is asked as if it were away: other nodes may be later.
const OTHERS_BACK_WITHIN: Duration = Duration::from_secs(5);
/// Messages read at once while catching up.
const CATCH_UP_PAGE: usize = 200;

/// A topic that a connection listens to. Leaving it is dropping it.
#[must_use]
pub(crate) struct Following {
    node: Arc<Node>,
    // Every connection has two of these.
    topic: Box<Topic>,
}

impl Drop for Following {
    fn drop(&mut self) {
        if let Some(broker) = self.node.broker() {
            broker.leave(&self.topic);
        }
        if let Some(bridge) = self.node.bridge.get() {
            bridge.leave(&self.topic);
        }
    }
}

impl Node {
    /// Listens to a topic for as long as the answer lives.
    pub(crate) fn follow(self: &Arc<Self>, topic: Topic) -> Following {
        if let Some(broker) = self.broker() {
            broker.follow(&topic);
        }
        if let Some(bridge) = self.bridge.get() {
            bridge.follow(&topic);
        }
        Following {
            node: Arc::clone(self),
            topic: Box::new(topic),
        }
    }

    /// Waits until a room's topic is heard, if that can be.
    pub(crate) async fn followed(&self, following: &Following) {
        if let Some(broker) = self.broker() {
            broker.followed(&following.topic).await;
        }
        if let Some(bridge) = self.bridge.get() {
            bridge.followed(&following.topic).await;
        }
    }

    /// Waits until a connected person's topic is heard, if that can be.
    pub(crate) async fn hears_of(&self, user: &UserKey) {
        if let Some(broker) = self.broker() {
            broker.followed(&Topic::User(user.clone())).await;
        }
        if let Some(bridge) = self.bridge.get() {
            bridge.followed(&Topic::User(user.clone())).await;
        }
    }

    /// What the broker hands to this node, its own happenings too.
    pub(crate) fn hear_of(self: &Arc<Self>, heard: Heard) {
        match heard {
            Heard::Happening(happening) => self.hear(happening),
            Heard::Unreadable(Topic::Room(room)) => {
                let node = Arc::clone(self);
                tokio::spawn(async move { node.look(&[room]).await });
            }
            Heard::Unreadable(
                topic @ (Topic::User(_) | Topic::Everybody | Topic::Tenant(_) | Topic::Node(_)),
            ) => {
                tracing::debug!(?topic, "another node speaks of something newer than this program");
            }
        }
    }

    /// Passes on what a room has not heard of up to a message, from the store. One at a time does it for a room.
    pub(crate) fn catch_up(self: &Arc<Self>, room: &RoomKey, upto: Seq) {
        if self.catching_up_rooms.lock().begin(room, upto) {
            let (node, room) = (Arc::clone(self), room.clone());
            tokio::spawn(async move {
                if let Err(error) = node.read_missed(&room).await {
                    node.catching_up_rooms.lock().give_up(&room);
                    tracing::warn!(%room, %error, "a gap could not be repaired yet");
                }
            });
        }
    }

    async fn read_missed(self: &Arc<Self>, room: &RoomKey) -> Result<(), StoreError> {
        loop {
            let Some(delivered) = self.rooms.delivered(room) else {
                // Nobody listens any more.
                self.catching_up_rooms.lock().give_up(room);
                return Ok(());
            };
            if self.catching_up_rooms.lock().is_done(room, delivered) {
                return Ok(());
            }
            let missed = self
                .store
                .messages(room, Page::After(delivered), CATCH_UP_PAGE)
                .await?;
            if missed.is_empty() {
                // Who spoke of it was mistaken, or the store was put back: nothing to read.
                self.catching_up_rooms.lock().give_up(room);
                return Ok(());
            }
            self.metrics.gaps_repaired.inc_by(missed.len() as u64);
            for message in missed {
                self.hear_in_room(room, RoomEvent::Message(message), None);
            }
        }
    }
}

/// Looks in the store for news of every chat with a listener: now and then while the broker is alive, at once when it
/// comes back, and all the time while it is away. What others hint at is looked at at once.
///
/// Without a broker a database that has hints may have other nodes too: then it is looked at as if one were away.
pub(crate) async fn watch_store(node: Arc<Node>) {
    let Some(broker) = node.broker() else { return };
    let hints = node.store.hints();
    let without_bus = !broker.has_peers();
    if without_bus && hints.is_none() {
        return;
    }
    let mut health = broker.health();
    let mut proven = hints.map(|hints| hints.proven());
    let mut away_at = Instant::now();
    loop {
        let is_alone = without_bus && !hints.is_some_and(|hints| hints.has_others());
        if without_bus || *health.borrow_and_update() == Health::Away {
            away_at = Instant::now();
        }
        let is_away = away_at.elapsed() < OTHERS_BACK_WITHIN;
        if let Some(hints) = hints {
            hints.need(is_away, is_away && !without_bus);
        }
        let is_proven = proven.as_mut().is_some_and(|proven| *proven.borrow_and_update());
        let every = match (is_away, is_proven) {
            (false, _) => LOOK_EVERY,
            (true, true) if is_alone => LOOK_EVERY,
            (true, true) => LOOK_EVERY_HINTED,
            (true, false) => LOOK_EVERY_AWAY,
        };
        // One batch after the other: however many chats there are, this takes one connection of the store at a time.
        node.look(&node.rooms.keys()).await;
        let next = sleep(every);
        tokio::pin!(next);
        loop {
            tokio::select! {
                () = &mut next => break,
                changed = health.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                () = changed(proven.as_mut()) => break,
                moved = heard(hints) => match moved {
                    Moved::Any => break,
                    Moved::These(rooms) => node.look(&rooms).await,
                },
            }
        }
    }
}

/// Waits until hints are proven, or no more.
async fn changed(proven: Option<&mut watch::Receiver<bool>>) {
    let changed = match proven {
        Some(proven) => proven.changed().await.is_ok(),
        None => false,
    };
    if !changed {
        std::future::pending::<()>().await;
    }
}

/// Waits for a hint, where there are any.
async fn heard(hints: Option<&Hints>) -> Moved {
    match hints {
        Some(hints) => hints.heard().await,
        None => std::future::pending().await,
    }
}
