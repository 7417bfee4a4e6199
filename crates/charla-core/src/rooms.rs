//! Who listens here: the rooms of one node, their listeners, and what is on its way to them.
//!
//! Joining is in two steps, so that nothing falls between what a store said and what is live:
//! [`Rooms::enter`] takes a seat, the caller reads the store, [`Rooms::go_live`] closes the gap from the
//! room's recent events or asks for another look. Delivery is in rounds of slices
//! ([`Rooms::begin_round`], [`Rooms::slice`]), so that a caller holds no lock while it writes to sockets.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::changes::{Change, Known};
use crate::key::RoomKey;
use crate::message::Seq;

/// Recent messages that a room keeps for those who come back.
pub const RECENT_MESSAGES: usize = 128;
/// Bytes that they may take together.
pub const RECENT_BYTES: usize = 256 * 1024;

/// What a room needs to know of an event that it passes on.
pub trait Event {
    /// A message's number; `None` for what has no place in the order.
    fn seq(&self) -> Option<Seq>;
    /// Whether somebody who reads the store right before this must read it again.
    fn disturbs(&self) -> bool;
    /// What it changes of the chat, if it is no message.
    fn change(&self) -> Option<Change>;
    /// Bytes that keeping it costs.
    fn size(&self) -> usize;
}

impl<E: Event> Event for Arc<E> {
    fn seq(&self) -> Option<Seq> {
        E::seq(self)
    }

    fn disturbs(&self) -> bool {
        E::disturbs(self)
    }

    fn change(&self) -> Option<Change> {
        E::change(self)
    }

    fn size(&self) -> usize {
        E::size(self)
    }
}

/// A listener's place in its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    slot: usize,
    disturbances: u64,
}

/// Somebody in a room, and from where on it hears.
#[derive(Debug)]
struct Listener<L> {
    listener: L,
    // It has everything up to here; `None` while it still reads the store.
    live_after: Option<Seq>,
}

#[derive(Debug)]
struct Room<L, E> {
    // Holes stay where somebody left, so that a round's cursor never skips or repeats anybody.
    slots: Vec<Option<Listener<L>>>,
    holes: Vec<usize>,
    // The last message handed to delivery; `None` until the first or the first listener's word for it.
    delivered: Option<Seq>,
    // `None` until a listener has asked the store.
    known: Option<Known>,
    recent: VecDeque<E>,
    recent_bytes: usize,
    disturbances: u64,
    waiting: VecDeque<E>,
    delivering: bool,
}

impl<L, E> Default for Room<L, E> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            holes: Vec::new(),
            delivered: None,
            known: None,
            recent: VecDeque::new(),
            recent_bytes: 0,
            disturbances: 0,
            waiting: VecDeque::new(),
            delivering: false,
        }
    }
}

/// What publishing an event asks of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// Nothing: nobody is here, it is known already, or a round under way will take it.
    Settled,
    /// Deliver: call [`Rooms::begin_round`] until it says that there is nothing left.
    Deliver {
        /// How many sit in the room, to choose how.
        listeners: usize,
    },
    /// Messages after this one are missing: publish them from the store, then this one again.
    Gap {
        /// The last message that the room has.
        after: Seq,
    },
}

/// The listener has read too little of the store: read again from where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind;

/// The rooms that somebody on this node listens to.
#[derive(Debug)]
pub struct Rooms<L, E> {
    rooms: HashMap<RoomKey, Room<L, E>>,
}

impl<L, E> Default for Rooms<L, E> {
    fn default() -> Self {
        Self {
            rooms: HashMap::new(),
        }
    }
}

impl<L: Clone, E: Event + Clone> Rooms<L, E> {
    /// Takes a seat; nothing is heard until [`Rooms::go_live`].
    pub fn enter(&mut self, key: &RoomKey, listener: L) -> Seat {
        let room = match self.rooms.get_mut(key) {
            Some(room) => room,
            None => self.rooms.entry(key.clone()).or_default(),
        };
        let entry = Some(Listener {
            listener,
            live_after: None,
        });
        let slot = match room.holes.pop() {
            Some(hole) => {
                if let Some(slot) = room.slots.get_mut(hole) {
                    *slot = entry;
                }
                hole
            }
            None => {
                room.slots.push(entry);
                room.slots.len() - 1
            }
        };
        Seat {
            slot,
            disturbances: room.disturbances,
        }
    }

    /// Hears from now on everything after `have`, the last message that the listener read from the store.
    /// Hands back the messages between; they are the caller's to pass on before it lets go of these rooms.
    ///
    /// # Errors
    /// [`Behind`] when the room has moved further than it remembers, or something old changed meanwhile;
    /// the seat then counts from now: read the store again.
    pub fn go_live(&mut self, key: &RoomKey, seat: &mut Seat, have: Seq) -> Result<Vec<E>, Behind> {
        let Some(room) = self.rooms.get_mut(key) else {
            return Err(Behind);
        };
        if room.disturbances != seat.disturbances {
            seat.disturbances = room.disturbances;
            return Err(Behind);
        }
        let delivered = *room.delivered.get_or_insert(have);
        let missed: Vec<E> = room
            .recent
            .iter()
            .filter(|event| event.seq() > Some(have))
            .cloned()
            .collect();
        let covered = missed
            .first()
            .and_then(Event::seq)
            .is_none_or(|first| first == have + 1);
        if delivered > have && (missed.is_empty() || !covered) {
            return Err(Behind);
        }
        if let Some(Some(listener)) = room.slots.get_mut(seat.slot) {
            listener.live_after = Some(have.max(delivered));
        }
        Ok(missed)
    }

    /// Leaves; the last one takes the room with it.
    pub fn leave(&mut self, key: &RoomKey, seat: Seat) {
        let Some(room) = self.rooms.get_mut(key) else {
            return;
        };
        if let Some(slot) = room.slots.get_mut(seat.slot)
            && slot.take().is_some()
        {
            room.holes.push(seat.slot);
        }
        if room.holes.len() == room.slots.len() && !room.delivering {
            self.rooms.remove(key);
        }
    }

    /// Passes an event on to a room's listeners. Messages go in the order of their numbers, each once.
    pub fn publish(&mut self, key: &RoomKey, event: E) -> Published {
        let Some(room) = self.rooms.get_mut(key) else {
            return Published::Settled;
        };
        if let Some(seq) = event.seq() {
            match room.delivered {
                Some(delivered) if seq <= delivered => return Published::Settled,
                Some(after) if seq > after + 1 => return Published::Gap { after },
                Some(_) | None => room.delivered = Some(seq),
            }
            room.remember(event.clone());
        }
        if let (Some(change), Some(known)) = (event.change(), &mut room.known)
            && !known.note(change)
        {
            return Published::Settled;
        }
        if event.disturbs() {
            room.disturbances += 1;
            // What is remembered may say what was just taken back.
            room.recent.clear();
            room.recent_bytes = 0;
        }
        room.waiting.push_back(event);
        if room.delivering {
            return Published::Settled;
        }
        room.delivering = true;
        Published::Deliver {
            listeners: room.slots.len() - room.holes.len(),
        }
    }

    /// The events to hand to every listener next, one slice after the other; `None` ends the delivery.
    pub fn begin_round(&mut self, key: &RoomKey) -> Option<Vec<E>> {
        let room = self.rooms.get_mut(key)?;
        if room.waiting.is_empty() {
            room.delivering = false;
            if room.holes.len() == room.slots.len() {
                self.rooms.remove(key);
            }
            return None;
        }
        Some(room.waiting.drain(..).collect())
    }

    /// Listeners from slot `from` on, `max` slots' worth, each with the last message that it has
    /// already; the slot to go on from, or `None` after the last.
    pub fn slice(&self, key: &RoomKey, from: usize, max: usize, into: &mut Vec<(L, Seq)>) -> Option<usize> {
        let room = self.rooms.get(key)?;
        let slots = room.slots.get(from..)?;
        let live = slots.iter().take(max).flatten();
        into.extend(live.filter_map(|listener| Some((listener.listener.clone(), listener.live_after?))));
        (slots.len() > max).then_some(from + max)
    }

    /// Whether the room has all messages after `after` up to `last` at least, so that the store need not be asked.
    #[must_use]
    pub fn remembers(&self, key: &RoomKey, after: Seq, last: Seq) -> bool {
        let Some(room) = self.rooms.get(key) else {
            return false;
        };
        let first = room.recent.front().and_then(Event::seq);
        room.delivered
            .is_some_and(|delivered| delivered >= last && delivered > after)
            && first.is_some_and(|first| first <= after + 1)
    }

    /// The last message handed to delivery in a room; `None` before the first listener is live.
    #[must_use]
    pub fn delivered(&self, key: &RoomKey) -> Option<Seq> {
        self.rooms.get(key)?.delivered
    }

    /// What the store said of a chat; it counts for the first listener, later ones find what was passed on since.
    pub fn know(&mut self, key: &RoomKey, known: Known) {
        if let Some(room) = self.rooms.get_mut(key) {
            room.known.get_or_insert(known);
        }
    }

    /// What a room's listeners know beside the messages.
    #[must_use]
    pub fn known(&self, key: &RoomKey) -> Option<Known> {
        self.rooms.get(key)?.known.clone()
    }

    /// Everything up to a revision was passed on.
    pub fn settle(&mut self, key: &RoomKey, rev: u64) {
        if let Some(known) = self.rooms.get_mut(key).and_then(|room| room.known.as_mut()) {
            known.settle(rev);
        }
    }

    /// The rooms that have somebody in them.
    pub fn keys(&self) -> impl Iterator<Item = &RoomKey> {
        self.rooms.keys()
    }

    /// How many rooms have somebody in them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Whether nobody listens anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }
}

impl<L, E: Event> Room<L, E> {
    fn remember(&mut self, event: E) {
        self.recent_bytes += event.size();
        self.recent.push_back(event);
        while self.recent.len() > RECENT_MESSAGES || self.recent_bytes > RECENT_BYTES {
            let Some(oldest) = self.recent.pop_front() else {
                return;
            };
            self.recent_bytes -= oldest.size();
        }
    }
}

#[cfg(test)]
mod tests;
