//! charla.v1 over a [`Link`]: what must survive a reconnect (subscriptions, unacknowledged sends), and frames as events.
//!
//! A message is handed on once and in order, whatever the connection goes through. An application that reads slower than
//! messages come holds up nothing else: what has no room is not taken, and asked for again once there is.

mod frames;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use charla_wire::{ChatId, Retry};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::charla::Place;
use crate::chats::Chats;
use crate::frame::{Ack, Event, Frame, Refusal};
use crate::link::{Happened, Link};
use crate::machine::{self, Name, State};
use crate::outbox::{Bounds, Entry, Outbox};
use crate::requests::{Purpose, Reply, Requests};

/// A refused request that may be repeated waits this long unless the server names a time.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// Texts in line for a socket without room, beyond which what may get lost is dropped.
const OUTGOING: usize = 64;
/// Events beside messages that wait for an application that does not read.
const BACKLOG: usize = 256;

/// What a handle asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Connect,
    Close {
        done: oneshot::Sender<()>,
    },
    Send {
        entry: Entry,
        reply: Reply<Ack>,
    },
    Subscribe {
        chat: ChatId,
        from: Place,
        reply: Reply<Frame>,
    },
    Unsubscribe {
        chat: ChatId,
    },
    Request {
        kind: &'static str,
        fields: Map<String, Value>,
        reply: Reply<Frame>,
    },
    /// Lost when there is no connection.
    Say {
        frame: Value,
    },
}

/// One client's task.
pub(crate) struct Driver {
    link: Link,
    /// The chat that the address enters by itself.
    entry: Option<ChatId>,
    chats: Chats,
    requests: Requests,
    outbox: Outbox,
    /// Who waits for an acknowledgement.
    senders: HashMap<Uuid, Vec<Reply<Ack>>>,
    /// The server's clock at one of ours.
    server_time: Option<(Timestamp, Duration)>,
    raw: bool,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    /// What had no room: one page of messages at most, and [`BACKLOG`] other events.
    backlog: VecDeque<Event>,
    closers: Vec<oneshot::Sender<()>>,
}

impl Driver {
    pub(crate) fn new(
        link: Link,
        entry: Option<ChatId>,
        outbox: Bounds,
        raw: bool,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let mut chats = Chats::default();
        if let Some(chat) = &entry {
            chats.add(chat.clone(), Place::default());
        }
        Self {
            link,
            entry,
            chats,
            requests: Requests::default(),
            outbox: Outbox::new(outbox),
            senders: HashMap::new(),
            server_time: None,
            raw,
            commands,
            events,
            backlog: VecDeque::new(),
            closers: Vec::new(),
        }
    }

    /// Lives until the client is closed.
    pub(crate) async fn run(mut self) {
        self.link.feed(machine::Event::Connect { carried: 0 });
        loop {
            self.settle();
            if self.link.state().name == Name::Closed {
                break;
            }
            let wake_at = self.deadline().map(|at| self.link.instant(at));
            let room = (self.events.max_capacity() / 2).max(1);
            tokio::select! {
                text = self.link.next() => if let Some(text) = text {
                    self.hears(&text);
                },
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => self.link.feed(machine::Event::Close),
                },
                () = sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => self.due(),
                () = has_room(&self.events, room), if self.is_behind() => self.catch_up(),
            }
        }
        self.link.farewell().await;
        for done in self.closers {
            // Whoever closed it need not wait.
            let _ = done.send(());
        }
    }

    fn deadline(&self) -> Option<Duration> {
        let times = [
            self.outbox.deadline(),
            self.requests.deadline(),
            self.chats.deadline(),
        ];
        times.into_iter().flatten().min()
    }

    fn due(&mut self) {
        let now = self.link.now();
        for entry in self.outbox.expire(now) {
            self.give_up(&entry, &Refusal::of_ours("outbox_expired", Retry::Stop));
        }
        for purpose in self.requests.late(now) {
            self.unanswered(purpose, &Refusal::lost());
        }
        for chat in self.chats.which(|chat| chat.again_at.is_some_and(|at| at <= now)) {
            self.ask_subscription(&chat);
        }
        self.flush();
    }

    /// Carries on what the link has done.
    fn settle(&mut self) {
        while let Some(happened) = self.link.happened() {
            match happened {
                Happened::State { previous, state } => self.changed(&previous, state),
                Happened::Renew { token } => {
                    let fields = Map::from_iter([("token".to_owned(), token.into())]);
                    self.request("refresh", fields, Purpose::Renew);
                }
            }
        }
    }

    fn changed(&mut self, previous: &State, state: State) {
        if previous.name == Name::Connected {
            self.chats.leave();
            self.outbox.rewind();
            for purpose in self.requests.drain() {
                self.unanswered(purpose, &Refusal::lost());
            }
        }
        if matches!(state.name, Name::Disabled | Name::Closed) {
            let refusal = Refusal::ended(state.problem.as_deref());
            for entry in self.outbox.drain() {
                self.give_up(&entry, &refusal);
            }
            self.chats.refuse_waiters(&refusal);
        }
        self.mention(Event::State(state));
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Connect => self.link.feed(machine::Event::Connect { carried: 0 }),
            Command::Close { done } => {
                self.closers.push(done);
                self.link.feed(machine::Event::Close);
            }
            Command::Send { entry, reply } => self.send(entry, reply),
            Command::Subscribe { chat, from, reply } => self.subscribe(&chat, from, Some(reply)),
            Command::Unsubscribe { chat } => self.unsubscribe(&chat),
            Command::Request { kind, fields, reply } => self.request(kind, fields, Purpose::Caller(reply)),
            Command::Say { frame } => {
                if self.link.connected() && self.link.waiting() < OUTGOING {
                    self.link.push(frame.to_string());
                }
            }
        }
    }

    fn send(&mut self, entry: Entry, reply: Reply<Ack>) {
        let state = self.link.state();
        if matches!(state.name, Name::Disabled | Name::Closed) {
            // Nothing would ever move it. Whoever asked may have gone.
            let _ = reply.send(Err(Refusal::ended(state.problem.as_deref())));
            return;
        }
        let (id, chat) = (entry.id, entry.chat.clone());
        if self.outbox.add(entry, self.link.now()).is_err() {
            let full = Refusal::of_ours("outbox_full", Retry::Wait);
            self.note_drop(id, &chat, &full);
            let _ = reply.send(Err(full));
            return;
        }
        self.senders.entry(id).or_default().push(reply);
        if !self.chats.has(&chat) {
            self.subscribe(&chat, Place::default(), None);
        }
        self.flush();
    }

    fn subscribe(&mut self, chat: &ChatId, from: Place, reply: Option<Reply<Frame>>) {
        let state = self.link.state();
        if matches!(state.name, Name::Disabled | Name::Closed)
            && let Some(reply) = reply
        {
            let _ = reply.send(Err(Refusal::ended(state.problem.as_deref())));
            return;
        }
        let subscription = self.chats.add(chat.clone(), from);
        subscription.waiters.extend(reply);
        if self.link.connected() {
            self.ask_subscription(chat);
        }
    }

    fn unsubscribe(&mut self, chat: &ChatId) {
        // What is still to be sent there needs the subscription.
        if self.outbox.chats().contains(chat) {
            return;
        }
        let Some(subscription) = self.chats.remove(chat) else {
            return;
        };
        for waiter in subscription.waiters {
            let _ = waiter.send(Err(Refusal::of_ours("unsubscribed", Retry::Stop)));
        }
        let fields = Map::from_iter([("chat".to_owned(), chat.as_str().into())]);
        self.request("unsubscribe", fields, Purpose::Nothing);
    }

    fn request(&mut self, kind: &str, mut fields: Map<String, Value>, purpose: Purpose) {
        if !self.link.connected() {
            return self.unanswered(purpose, &Refusal::lost());
        }
        if matches!(purpose, Purpose::Caller(_)) && self.requests.full() {
            return self.unanswered(purpose, &Refusal::of_ours("requests_full", Retry::Wait));
        }
        let number = self.requests.put(purpose, self.link.now());
        fields.insert("type".into(), kind.into());
        fields.insert("ref".into(), number.into());
        self.link.push(Value::Object(fields).to_string());
    }

    fn ask_subscription(&mut self, chat: &ChatId) {
        let Some(subscription) = self.chats.get(chat) else {
            return;
        };
        subscription.again_at = None;
        let mut fields = Map::from_iter([("chat".to_owned(), Value::from(chat.as_str()))]);
        let place = [
            ("after", subscription.cursor.seq()),
            ("rev", subscription.cursor.rev()),
            ("epoch", subscription.epoch),
        ];
        for (name, value) in place {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value.into());
            }
        }
        self.request("subscribe", fields, Purpose::Subscribe(chat.clone()));
    }

    /// Sends what may be sent now.
    fn flush(&mut self) {
        if self.link.connected() {
            let now = self.link.now();
            for entry in self.outbox.take(now, |chat| self.chats.entered(chat)) {
                self.link.push(entry.frame().to_string());
            }
        }
        self.link.recorder().unacknowledged(self.outbox.len());
    }

    fn give_up(&mut self, entry: &Entry, refusal: &Refusal) {
        self.note_drop(entry.id, &entry.chat, refusal);
        for reply in self.senders.remove(&entry.id).unwrap_or_default() {
            let _ = reply.send(Err(refusal.clone()));
        }
        self.link.recorder().unacknowledged(self.outbox.len());
    }

    fn note_drop(&self, id: Uuid, chat: &ChatId, refusal: &Refusal) {
        let cause = refusal.cause.as_str();
        self.link.note(
            "drop",
            json!({"what": "send", "id": id, "chat": chat, "cause": cause}),
        );
    }

    fn is_behind(&self) -> bool {
        !self.backlog.is_empty() || !self.chats.which(|chat| chat.behind).is_empty()
    }

    /// There is room again.
    fn catch_up(&mut self) {
        while let Some(event) = self.backlog.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(event)) => {
                    self.backlog.push_front(event);
                    return;
                }
                // Nobody listens any more.
                Err(mpsc::error::TrySendError::Closed(_)) => self.backlog.clear(),
            }
        }
        for chat in self.chats.which(|chat| chat.behind) {
            if let Some(subscription) = self.chats.get(&chat) {
                subscription.behind = false;
            }
            if self.link.connected() {
                self.ask_subscription(&chat);
            }
        }
    }

    /// Tells the application, at once or when it has read what came before.
    fn emit(&mut self, event: Event) {
        if !self.backlog.is_empty() {
            self.backlog.push_back(event);
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
            self.backlog.push_back(event);
        }
    }

    /// The same for what is worth less than memory: an application that does not read misses it.
    fn mention(&mut self, event: Event) {
        if self.backlog.len() < BACKLOG {
            self.emit(event);
        } else {
            self.link
                .note("drop", json!({"what": "event", "cause": "slow_consumer"}));
        }
    }
}

/// Waits until the application has read so much, or no longer listens.
async fn has_room(events: &mpsc::Sender<Event>, room: usize) {
    // The room is taken by sending, which nobody else does.
    let _ = events.reserve_many(room).await;
}
