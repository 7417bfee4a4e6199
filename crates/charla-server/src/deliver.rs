//! From a happening to sockets: rooms are asked who listens, and every listener gets the one encoded frame.
//!
//! The delivering thread writes to the sockets itself. A large room is delivered in slices by a task of
//! its own that lets others run in between, so that a chat of ten thousand does not hold up a chat of two.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use charla_core::rooms::{Behind, Event, Published, Rooms, Seat};
use charla_core::{RoomKey, Seq};
use parking_lot::Mutex;

use crate::connection::Connection;
use crate::happening::{Encoded, Happening, RoomEvent, UserEvent, Variant, text_frame};
use crate::node::Node;
use crate::telemetry::{Span, TraceContext};

/// Locks that the rooms are spread over.
const SHARDS: usize = 32;
/// Listeners up to which whoever publishes delivers on the spot.
const INLINE_MAX: usize = 32;
/// Listeners written to before others may run.
const SLICE: usize = 64;

pub(crate) type Shard = Mutex<Rooms<Arc<Connection>, Arc<Encoded>>>;

/// The rooms of this node.
pub(crate) struct RoomShards {
    shards: Vec<Shard>,
    hasher: RandomState,
}

impl Default for RoomShards {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl RoomShards {
    pub(crate) fn of(&self, key: &RoomKey) -> &Shard {
        let place = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        #[expect(
            clippy::indexing_slicing,
            reason = "a remainder of the number of shards is a shard"
        )]
        &self.shards[place]
    }

    /// Takes a seat for a connection.
    pub(crate) fn enter(&self, key: &RoomKey, connection: &Arc<Connection>) -> Seat {
        self.of(key).lock().enter(key, Arc::clone(connection))
    }

    /// Leaves a seat.
    pub(crate) fn leave(&self, key: &RoomKey, seat: Seat) {
        self.of(key).lock().leave(key, seat);
    }

    /// Goes live after `have`; `greet` passes on the messages between before anything newer can.
    ///
    /// # Errors
    /// [`Behind`]: read the store again.
    pub(crate) fn go_live(
        &self,
        key: &RoomKey,
        seat: &mut Seat,
        have: Seq,
        greet: impl FnOnce(Vec<Arc<Encoded>>),
    ) -> Result<(), Behind> {
        let mut rooms = self.of(key).lock();
        greet(rooms.go_live(key, seat, have)?);
        Ok(())
    }

    /// Whether the room has all messages after `after` up to `last` at least.
    pub(crate) fn remembers(&self, key: &RoomKey, after: Seq, last: Seq) -> bool {
        self.of(key).lock().remembers(key, after, last)
    }

    /// The last message that a room's listeners were handed; `None` while there are none that are live.
    pub(crate) fn delivered(&self, key: &RoomKey) -> Option<Seq> {
        self.of(key).lock().delivered(key)
    }

    /// The rooms with somebody in them.
    pub(crate) fn keys(&self) -> Vec<RoomKey> {
        let of_shard = |shard: &Shard| shard.lock().keys().cloned().collect::<Vec<_>>();
        self.shards.iter().flat_map(of_shard).collect()
    }

    /// Rooms with somebody in them.
    pub(crate) fn count(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }
}

/// The frames of a round, one buffer a variant: whoever gets all of them gets them in one write.
struct Round {
    events: Vec<Arc<Encoded>>,
    whole: [Option<Bytes>; 4],
    first_seq: Seq,
    for_everybody: bool,
}

impl Round {
    fn new(events: Vec<Arc<Encoded>>) -> Self {
        let first_seq = events.iter().find_map(Event::seq).unwrap_or(Seq::MAX);
        let for_everybody = events.iter().all(|event| event.except.is_none());
        Self {
            events,
            whole: [const { None }; 4],
            first_seq,
            for_everybody,
        }
    }

    fn deliver(&mut self, connection: &Connection, has: Seq) {
        let variant = connection.opening.variant;
        if self.for_everybody && has < self.first_seq {
            let whole = self.whole(variant);
            if !whole.is_empty() {
                connection.deliver(&whole);
            }
            return;
        }
        for event in &self.events {
            let is_news = event.seq().is_none_or(|seq| seq > has);
            if is_news
                && event.except != Some(connection.opening.id)
                && let Some(frame) = event.frame(variant)
            {
                connection.deliver(frame.bytes());
            }
        }
    }

    fn whole(&mut self, variant: Variant) -> Bytes {
        let events = &self.events;
        let place = usize::from(variant.plain) * 2 + usize::from(variant.deflate);
        let Some(slot) = self.whole.get_mut(place) else {
            return Bytes::new();
        };
        slot.get_or_insert_with(|| join(events, variant)).clone()
    }
}

fn join(events: &[Arc<Encoded>], variant: Variant) -> Bytes {
    let mut frames = events.iter().filter_map(|event| event.frame(variant));
    match (frames.next(), frames.next()) {
        (None, _) => Bytes::new(),
        (Some(one), None) => one.bytes().clone(),
        (Some(one), Some(two)) => {
            let mut all = BytesMut::new();
            for frame in [one, two].into_iter().chain(frames) {
                all.extend_from_slice(frame.bytes());
            }
            all.freeze()
        }
    }
}

/// The spans of the recorded messages of a round.
#[derive(Default)]
struct Delivering {
    spans: Vec<Span>,
    listeners: usize,
}

impl Delivering {
    fn begin(node: &Node, events: &[Arc<Encoded>]) -> Self {
        if !node.telemetry.is_on() {
            return Self::default();
        }
        let spans = events.iter().filter_map(|event| {
            let mut span = node.telemetry.heard("deliver", event.trace?)?;
            event.describe(&mut span);
            Some(span)
        });
        Self {
            spans: spans.collect(),
            listeners: 0,
        }
    }
}

impl Drop for Delivering {
    fn drop(&mut self) {
        for span in &mut self.spans {
            span.count("charla.listeners", self.listeners as u64);
        }
    }
}

impl Node {
    /// What the broker hands to this node, its own happenings too.
    pub(crate) fn hear(self: &Arc<Self>, happening: Happening) {
        match happening {
            Happening::Room {
                room,
                event,
                except,
                trace,
            } => {
                if let RoomEvent::Typing { by, on } = &event {
                    let now = self.uptime.now();
                    self.typing.lock().says(&room, by, *on, except, now);
                }
                self.hear_in_trace(&room, event, except, trace);
            }
            Happening::User { user, event } => {
                self.tell(&self.users.connections(&user), &event);
            }
            Happening::Disconnect {
                user,
                chat: None,
                cause,
            } => {
                for connection in self.users.connections(&user) {
                    connection.close(cause, "");
                }
            }
            Happening::Disconnect {
                user,
                chat: Some(chat),
                cause,
            } => {
                for connection in self.users.connections(&user) {
                    connection.expel(&chat, cause);
                }
            }
            Happening::Presence {
                from,
                room,
                who,
                joined,
            } => self.hear_presence(from, &room, &who, joined),
            Happening::Connections { from, user, open } => self.hear_connections(from, &user, open),
            Happening::Moved(moved) => self.hear_of_chat(moved),
            Happening::Node { from, to, word } => self.hear_node(from, to, word),
            Happening::Forget(forgotten) => self.hear_forgotten(&forgotten),
            Happening::Limits => self.hear_limits_changed(),
            Happening::TokenRevoked { tenant, jti } => {
                let came_with_it = |connection: &Connection| {
                    connection.opening.visitor.key.tenant == tenant
                        && connection.stands_on(|current| current == jti)
                };
                for connection in self.users.all(came_with_it) {
                    connection.close(charla_wire::Cause::TokenRevoked, "");
                }
            }
            Happening::Loops { news, own: false } => {
                for (key, held, who) in self.loops.heard(news, self.uptime.now()) {
                    crate::loops::tell_begin(&key, held, &who);
                }
            }
            Happening::Loops { own: true, .. } => {}
        }
    }

    /// Sends a person's event to some connections.
    pub(crate) fn tell(&self, connections: &[Arc<Connection>], event: &UserEvent) {
        for connection in connections {
            let variant = connection.opening.variant;
            let plain = variant.plain.then_some(&self.speech.plain);
            if let Some(json) = event.to_json(plain) {
                connection.deliver(text_frame(&json, variant, &self.speech).bytes());
            }
        }
    }

    pub(crate) fn hear_in_room(
        self: &Arc<Self>,
        room: &RoomKey,
        event: RoomEvent,
        except: Option<uuid::Uuid>,
    ) {
        self.hear_in_trace(room, event, except, None);
    }

    fn hear_in_trace(
        self: &Arc<Self>,
        room: &RoomKey,
        event: RoomEvent,
        except: Option<uuid::Uuid>,
        trace: Option<TraceContext>,
    ) {
        let encoded = Encoded::new(room.clone(), event, except, Arc::clone(&self.speech));
        self.pass_on(room, &Arc::new(encoded.in_trace(trace)));
    }

    fn pass_on(self: &Arc<Self>, room: &RoomKey, encoded: &Arc<Encoded>) {
        let published = self.rooms.of(room).lock().publish(room, Arc::clone(encoded));
        match published {
            Published::Settled => {}
            Published::Deliver { listeners } if listeners <= INLINE_MAX => self.deliver_now(room),
            Published::Deliver { .. } => {
                let (node, room) = (Arc::clone(self), room.clone());
                tokio::spawn(async move { node.deliver_in_slices(&room).await });
            }
            // What showed the gap is in the store too: it is read with the rest.
            Published::Gap { .. } => {
                if let Some(upto) = encoded.seq() {
                    self.catch_up(room, upto);
                }
            }
        }
    }

    fn deliver_now(&self, room: &RoomKey) {
        let mut listeners = Vec::with_capacity(INLINE_MAX);
        while let Some(events) = self.next_round(room) {
            let mut round = Round::new(events);
            let mut spans = Delivering::begin(self, &round.events);
            let mut from = Some(0);
            while let Some(at) = from {
                from = self
                    .rooms
                    .of(room)
                    .lock()
                    .slice(room, at, INLINE_MAX, &mut listeners);
                spans.listeners += listeners.len();
                self.deliver_slice(&mut round, &mut listeners);
            }
        }
    }

    async fn deliver_in_slices(&self, room: &RoomKey) {
        let mut listeners = Vec::with_capacity(SLICE);
        while let Some(events) = self.next_round(room) {
            let mut round = Round::new(events);
            let mut spans = Delivering::begin(self, &round.events);
            let mut from = Some(0);
            while let Some(at) = from {
                from = self.rooms.of(room).lock().slice(room, at, SLICE, &mut listeners);
                spans.listeners += listeners.len();
                self.deliver_slice(&mut round, &mut listeners);
                tokio::task::yield_now().await;
            }
        }
    }

    fn next_round(&self, room: &RoomKey) -> Option<Vec<Arc<Encoded>>> {
        self.rooms.of(room).lock().begin_round(room)
    }

    fn deliver_slice(&self, round: &mut Round, listeners: &mut Vec<(Arc<Connection>, Seq)>) {
        self.metrics
            .deliveries
            .inc_by((listeners.len() * round.events.len()) as u64);
        for (connection, has) in listeners.drain(..) {
            round.deliver(&connection, has);
        }
    }
}
