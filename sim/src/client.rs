//! A client: its decisions are the Rust client's own ([`Machine`], [`Outbox`], [`Cursor`]), the hands that carry them out do what
//! its `driver` does. Above them stands an application that talks, goes away, and begins anew when the client gave up.

use std::collections::BTreeMap;
use std::time::Duration;

use charla_client::cursor::Cursor;
use charla_client::machine::{Effect, Event as Change, Name};
use charla_client::outbox::{Bounds, Entry, Outbox};
use charla_client::{Machine, Policy};
use charla_core::{Millis, RoomKey, Seq};
use charla_wire::TenantId;
use uuid::Uuid;

use crate::faults::ClientId;
use crate::packet::{LinkId, ToClient, ToNode};
use crate::sabotage::Sabotage;
use crate::store::Said;
use crate::world::{Event, World};

/// A refused request is repeated after this long.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// An application whose client gave up asks it to begin anew after this long.
const ASKS_ANEW: Millis = 5_000;
/// How long a token, or a preflight's answer, takes.
const TOKEN_TAKES: Millis = 20;

/// One chat as a client knows it.
#[derive(Debug)]
pub(crate) struct Chat {
    pub(crate) cursor: Cursor<Said>,
    pub(crate) entered: bool,
    again_at: Option<Duration>,
    /// What the application was handed, in order.
    pub(crate) heard: Vec<Heard>,
}

/// What an application was handed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The chat goes on after this message; what lies before is history.
    From(Seq),
    /// A message.
    Message(Said),
}

/// What an application knows of a message that it sent.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    /// Where.
    pub(crate) room: RoomKey,
    /// What it said.
    pub(crate) words: u64,
    /// The number that it was told.
    pub(crate) seq: Seq,
}

/// One client and its application.
#[derive(Debug)]
pub(crate) struct Client {
    tenant: TenantId,
    pub(crate) machine: Machine,
    pub(crate) outbox: Outbox,
    pub(crate) chats: BTreeMap<RoomKey, Chat>,
    pub(crate) link: Option<LinkId>,
    pub(crate) acknowledged: Vec<Acknowledged>,
    /// The words of each id that is under way.
    said: BTreeMap<u128, (RoomKey, u64)>,
    wakes_at: Option<Millis>,
}

impl Client {
    pub(crate) fn new(rooms: Vec<RoomKey>, tenant: TenantId) -> Self {
        let chat = |room| {
            let chat = Chat {
                cursor: Cursor::new(None, None),
                entered: false,
                again_at: None,
                heard: Vec::new(),
            };
            (room, chat)
        };
        Self {
            tenant,
            machine: Machine::new(Policy::default()),
            outbox: Outbox::new(Bounds::default()),
            chats: rooms.into_iter().map(chat).collect(),
            link: None,
            acknowledged: Vec::new(),
            said: BTreeMap::new(),
            wakes_at: None,
        }
    }

    fn connected(&self) -> bool {
        self.machine.name() == Name::Connected
    }

    fn leave_chats(&mut self) {
        for chat in self.chats.values_mut() {
            chat.entered = false;
            chat.again_at = None;
            chat.cursor.let_go();
        }
    }
}

impl World {
    /// Feeds the machine, and does what it says.
    pub(crate) fn change(&mut self, id: ClientId, change: Change) {
        let now = Duration::from_millis(self.now);
        let (client, random) = self.client_and_random(id);
        let was_connected = client.connected();
        let effects = client.machine.step(change, now, &mut || random.share());
        let lost = was_connected && !client.connected();
        if lost {
            client.leave_chats();
        }
        if matches!(client.machine.name(), Name::Disabled | Name::Closed) {
            // The application is told that nobody knows what became of them.
            client.outbox.drain();
        }
        if client.machine.name() == Name::Disabled {
            self.calendar.put(self.now + ASKS_ANEW, Event::AsksAnew(id));
        }
        if lost {
            self.figures.connections_lost += 1;
        }
        for effect in effects {
            match effect {
                Effect::Token { .. } => self.calendar.put(self.now + TOKEN_TAKES, Event::TokenThere(id)),
                Effect::Open => self.dial(id),
                Effect::Shut { .. } => self.hang_up(id),
                Effect::Ping => self.say(id, ToNode::Ping),
                Effect::Preflight => self
                    .calendar
                    .put(self.now + TOKEN_TAKES, Event::PreflightAnswered(id)),
                Effect::Renew | Effect::Remember { .. } => {}
            }
        }
        self.wake_later(id);
    }

    /// Wakes the client when something of its own is due.
    fn wake_later(&mut self, id: ClientId) {
        let now = self.now;
        let client = self.client(id);
        let chats = client.chats.values().filter_map(|chat| chat.again_at).min();
        let due = [client.machine.deadline(), client.outbox.deadline(), chats];
        let Some(due) = due.into_iter().flatten().min() else {
            return;
        };
        let at = u64::try_from(due.as_millis()).unwrap_or(u64::MAX).max(now + 1);
        if client
            .wakes_at
            .is_none_or(|wakes_at| wakes_at > at || wakes_at <= now)
        {
            client.wakes_at = Some(at);
            self.calendar.put(at, Event::Wakes(id));
        }
    }

    /// Something is due.
    pub(crate) fn wake(&mut self, id: ClientId) {
        let now = Duration::from_millis(self.now);
        let client = self.client(id);
        client.wakes_at = None;
        let again: Vec<RoomKey> = client
            .chats
            .iter()
            .filter(|(_, chat)| chat.again_at.is_some_and(|at| at <= now))
            .map(|(room, _)| room.clone())
            .collect();
        for room in again {
            self.subscribe(id, &room);
        }
        self.flush(id);
        self.change(id, Change::Wake);
    }

    fn say(&mut self, id: ClientId, packet: ToNode) {
        if let Some(link) = self.client(id).link {
            self.tell_node(link, packet);
        }
    }

    fn hang_up(&mut self, id: ClientId) {
        self.say(id, ToNode::End);
        if let Some(link) = self.client(id).link.take() {
            self.close_client_end(link);
        }
    }

    fn subscribe(&mut self, id: ClientId, room: &RoomKey) {
        let client = self.client(id);
        if !client.connected() {
            return;
        }
        let Some(chat) = client.chats.get_mut(room) else {
            return;
        };
        chat.again_at = None;
        let after = chat.cursor.seq();
        let room = room.clone();
        self.say(id, ToNode::Subscribe { room, after });
    }

    /// The application says something in a chat of its own.
    pub(crate) fn speak(&mut self, id: ClientId) {
        let now = Duration::from_millis(self.now);
        self.words += 1;
        let words = self.words;
        let (client, random) = self.client_and_random(id);
        let nth = random.below(client.chats.len() as u64);
        let message = u128::from(random.next()) << 64 | u128::from(words);
        if matches!(client.machine.name(), Name::Disabled | Name::Closed) {
            return;
        }
        let Some(room) = client
            .chats
            .keys()
            .nth(usize::try_from(nth).unwrap_or(0))
            .cloned()
        else {
            return;
        };
        let entry = Entry {
            id: Uuid::from_u128(message),
            chat: room.chat.clone(),
            text: words.to_string(),
            data: None,
            attachments: Vec::new(),
        };
        // A full queue tells the application so, which then has said nothing.
        if client.outbox.add(entry, now).is_ok() {
            client.said.insert(message, (room, words));
            self.flush(id);
            self.wake_later(id);
        }
    }

    fn flush(&mut self, id: ClientId) {
        let now = Duration::from_millis(self.now);
        let sabotage = self.sabotage;
        let (client, random) = self.client_and_random(id);
        if !client.connected() {
            return;
        }
        let (chats, tenant) = (&client.chats, &client.tenant);
        let entered = |chat: &charla_wire::ChatId| {
            let room = RoomKey {
                tenant: tenant.clone(),
                chat: chat.clone(),
            };
            chats.get(&room).is_some_and(|chat| chat.entered)
        };
        let entries = client.outbox.take(now, entered);
        let mut packets = Vec::new();
        for entry in entries {
            let mut message = entry.id.as_u128();
            let Some((room, words)) = client.said.get(&message).cloned() else {
                continue;
            };
            if sabotage == Sabotage::FreshIds {
                message = u128::from(random.next());
                client.said.insert(message, (room.clone(), words));
            }
            packets.push(ToNode::Send {
                room,
                id: message,
                words,
            });
        }
        for packet in packets {
            self.say(id, packet);
        }
    }

    /// A frame came.
    pub(crate) fn client_hears(&mut self, id: ClientId, packet: ToClient) {
        let now = Duration::from_millis(self.now);
        match packet {
            ToClient::Close { code, reason } => {
                self.client(id).link = None;
                return self.change(id, Change::Closed { code, reason });
            }
            ToClient::Broken => {
                self.client(id).link = None;
                return self.change(id, Change::closed(1006, ""));
            }
            ToClient::Welcome => self.welcomed(id),
            ToClient::Subscribed {
                room,
                resumed,
                seq,
                messages,
            } => self.subscribed(id, &room, resumed, seq, messages),
            ToClient::Message { room, said } => self.deliver(id, &room, said),
            ToClient::History { room, messages } => self.fill(id, &room, messages),
            ToClient::Ack { id: message, seq } => self.acknowledged(id, message, seq),
            ToClient::Refused { id: message } => {
                let message = Uuid::from_u128(message);
                self.client(id).outbox.postpone(message, now + AGAIN_AFTER);
            }
            ToClient::NotLetIn { room } => {
                if let Some(chat) = self.client(id).chats.get_mut(&room) {
                    chat.again_at = Some(now + AGAIN_AFTER);
                }
            }
            ToClient::Pong => {}
        }
        self.change(id, Change::Heard);
    }

    fn welcomed(&mut self, id: ClientId) {
        self.change(id, Change::Opened);
        self.change(
            id,
            Change::Welcomed {
                heartbeat: None,
                token_expires_in: None,
            },
        );
        self.client(id).outbox.rewind();
        let rooms: Vec<RoomKey> = self.client(id).chats.keys().cloned().collect();
        for room in rooms {
            self.subscribe(id, &room);
        }
    }

    fn subscribed(&mut self, id: ClientId, room: &RoomKey, resumed: bool, seq: Seq, messages: Vec<Said>) {
        let Some(chat) = self.client(id).chats.get_mut(room) else {
            return;
        };
        chat.entered = true;
        if !resumed {
            chat.cursor.jump(seq, None);
            chat.heard.push(Heard::From(seq));
        }
        if resumed {
            for said in messages {
                self.deliver(id, room, said);
            }
        }
        self.flush(id);
    }

    fn deliver(&mut self, id: ClientId, room: &RoomKey, said: Said) {
        let sabotage = self.sabotage;
        let Some(chat) = self.client(id).chats.get_mut(room) else {
            return;
        };
        if sabotage == Sabotage::NoCursor {
            chat.heard.push(Heard::Message(said.clone()));
            chat.cursor.accept(said.seq, said);
            return;
        }
        let (deliver, missing) = chat.cursor.accept(said.seq, said);
        chat.heard.extend(deliver.into_iter().map(Heard::Message));
        if let Some(missing) = missing {
            self.figures.client_gaps += 1;
            let packet = ToNode::History {
                room: room.clone(),
                before: missing.before,
                limit: missing.limit,
            };
            self.say(id, packet);
        }
    }

    fn fill(&mut self, id: ClientId, room: &RoomKey, messages: Vec<Said>) {
        if let Some(chat) = self.client(id).chats.get_mut(room) {
            let messages = messages.into_iter().map(|said| (said.seq, said));
            let deliver = chat.cursor.fill(messages);
            chat.heard.extend(deliver.into_iter().map(Heard::Message));
        }
    }

    fn acknowledged(&mut self, id: ClientId, message: u128, seq: Seq) {
        let client = self.client(id);
        client.outbox.remove(Uuid::from_u128(message));
        if let Some((room, words)) = client.said.remove(&message) {
            client.acknowledged.push(Acknowledged { room, words, seq });
        }
        self.flush(id);
    }
}
