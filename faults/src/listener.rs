//! One client and all that it hears, written down as it comes.

use std::collections::{BTreeMap, BTreeSet};

use charla_client::machine::Name;
use charla_client::{Charla, ChatId, Event, Frame, Place, State, Uuid};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::history::{Given, Numbered, Room, Stream, Wire};
use crate::world::{TENANTS, mark};

/// No message takes so many milliseconds to a listener who is connected.
const DELAY_MAX: i64 = 30 * 60 * 1_000;

/// A client that is kept connected, or comes and goes.
pub(crate) struct Listener {
    /// Its own name: the person may have another client.
    pub(crate) name: String,
    pub(crate) tenant: &'static str,
    pub(crate) user: String,
    pub(crate) chats: Vec<ChatId>,
    /// Where it connects to.
    pub(crate) address: String,
    /// Whether it comes and goes.
    pub(crate) is_restless: bool,
    pub(crate) client: Mutex<Option<Charla>>,
    /// The task that notes what this client hears; it ends with the client.
    pub(crate) hearing: Mutex<Option<JoinHandle<()>>>,
    log: Mutex<Log>,
}

/// What one client noted.
#[derive(Default)]
struct Log {
    connected: bool,
    /// The chats that this connection has entered.
    entered: BTreeSet<String>,
    /// This client has entered all its chats once: from then on it speaks, connected or not.
    speaks: bool,
    /// The chats that were ever entered.
    streams: BTreeMap<String, Stream>,
    noted: Noted,
}

/// What is counted apart from messages.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    /// The cause of each connection that was lost.
    pub(crate) losses: Vec<String>,
    /// From the store to this client, of each live message, in milliseconds.
    pub(crate) delays: Vec<u32>,
    /// Frames that name another tenant.
    pub(crate) crossed: Vec<String>,
    /// People who came or went, as told.
    pub(crate) presence: usize,
}

/// How a client stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Connected, and in all its chats.
    There,
    /// On its way.
    Away(String),
    /// Gave up, for a cause.
    Stranded(String),
}

impl Listener {
    pub(crate) fn new(
        tenant: &'static str,
        nth: usize,
        user: String,
        chats: Vec<ChatId>,
        address: String,
        is_restless: bool,
    ) -> Self {
        Self {
            name: format!("{tenant}/{user}#{nth}"),
            tenant,
            user,
            chats,
            address,
            is_restless,
            client: Mutex::default(),
            hearing: Mutex::default(),
            log: Mutex::default(),
        }
    }

    /// Where it left off in a chat.
    pub(crate) fn place(&self, chat: &ChatId) -> Place {
        let log = self.log.lock();
        let stream = log.streams.get(chat.as_str());
        Place {
            after: stream.map(Stream::end),
            rev: None,
            epoch: None,
        }
    }

    /// Whether it says anything: not before it is where it listens, for what is said elsewhere enters a chat anew.
    pub(crate) fn speaks(&self) -> bool {
        self.log.lock().speaks
    }

    /// It leaves, to come back as another client.
    pub(crate) fn falls_silent(&self) {
        self.log.lock().speaks = false;
    }

    /// How it stands.
    pub(crate) fn standing(&self) -> Standing {
        let state = self.client.lock().as_ref().map(Charla::state);
        let Some(state) = state else {
            return Standing::Away("closed".to_owned());
        };
        if state.name == Name::Disabled {
            return Standing::Stranded(cause(&state));
        }
        let log = self.log.lock();
        if !log.connected {
            return Standing::Away(format!("{} after {}", state.name, cause(&state)));
        }
        let missing = self
            .chats
            .iter()
            .find(|chat| !log.entered.contains(chat.as_str()));
        missing.map_or(Standing::There, |chat| Standing::Away(format!("not in {chat}")))
    }

    /// The last number that it was given in a chat; `None` before it was there.
    pub(crate) fn last(&self, chat: &ChatId) -> Option<u64> {
        self.log.lock().streams.get(chat.as_str()).map(Stream::end)
    }

    /// Takes the counts since the last time.
    pub(crate) fn take_noted(&self) -> Noted {
        std::mem::take(&mut self.log.lock().noted)
    }

    /// Takes the streams, and goes on where they end.
    pub(crate) fn take_streams(&self) -> Vec<((String, Room), Stream)> {
        let mut log = self.log.lock();
        let entered = log.entered.clone();
        let taken = log.streams.iter_mut().map(|(chat, stream)| {
            let room = Room {
                tenant: self.tenant.to_owned(),
                chat: chat.clone(),
            };
            let mut next = Stream {
                start: stream.end(),
                ..Stream::default()
            };
            if entered.contains(chat) {
                // The next stretch begins within a connection.
                next.wire.push(Wire::Entered {
                    told: next.start,
                    missed: Vec::new(),
                });
            }
            ((self.name.clone(), room), std::mem::replace(stream, next))
        });
        taken.collect()
    }

    /// Writes down what happened. `now` is the wall clock in milliseconds.
    pub(crate) fn hear(&self, event: &Event, now: i64) {
        let mut log = self.log.lock();
        match event {
            Event::State(state) => log.changed(state),
            Event::Raw(frame) => {
                if self.names_another_tenant(frame.json()) {
                    log.noted
                        .crossed
                        .push(format!("{} heard {}", self.name, frame.json()));
                }
                log.came(frame, now);
            }
            Event::Subscribed(frame) => {
                let seq = frame.seq();
                let is_resumed = frame.json().get("resumed") == Some(&Value::Bool(true));
                match log.streams.get_mut(frame.text_of("chat")) {
                    Some(stream) if !is_resumed => stream.given.push(Given::Restarted(seq)),
                    Some(_) => {}
                    None => log.begin(frame.text_of("chat"), seq),
                }
                log.entered.insert(frame.text_of("chat").to_owned());
                log.speaks |= log.entered.len() == self.chats.len();
            }
            Event::Message(frame) => {
                if let (Some(numbered), Some(stream)) =
                    (numbered(frame.json()), log.streams.get_mut(frame.text_of("chat")))
                {
                    stream.given.push(Given::Message(numbered));
                }
            }
            Event::Presence(_) => log.noted.presence += 1,
            Event::Welcome(_)
            | Event::Edited(_)
            | Event::Deleted(_)
            | Event::Read(_)
            | Event::Typing(_)
            | Event::Inbox(_)
            | Event::Notification(_)
            | Event::Closed(_)
            | Event::Reopened(_)
            | Event::Refused(_) => {}
        }
    }

    fn names_another_tenant(&self, frame: &Value) -> bool {
        let others = TENANTS.iter().filter(|tenant| **tenant != self.tenant);
        others.into_iter().any(|tenant| mentions(frame, &mark(tenant)))
    }
}

impl Log {
    fn changed(&mut self, state: &State) {
        let is_connected = state.name == Name::Connected;
        if self.connected && !is_connected {
            self.entered.clear();
            for stream in self.streams.values_mut() {
                stream.wire.push(Wire::Away);
            }
            if state.name != Name::Closed {
                self.noted.losses.push(cause(state));
            }
        }
        self.connected = is_connected;
        self.speaks &= state.name != Name::Closed;
    }

    /// The first time in a chat: history before it is nobody's promise.
    fn begin(&mut self, chat: &str, seq: u64) {
        let mut stream = Stream {
            start: seq,
            ..Stream::default()
        };
        stream.wire.push(Wire::Entered {
            told: seq,
            missed: Vec::new(),
        });
        self.streams.insert(chat.to_owned(), stream);
    }

    fn came(&mut self, frame: &Frame, now: i64) {
        match frame.kind() {
            "subscribed" => {
                let missed = frame.json().get("messages").and_then(Value::as_array);
                let missed = missed.into_iter().flatten().filter_map(numbered).collect();
                if let Some(stream) = self.streams.get_mut(frame.text_of("chat")) {
                    stream.wire.push(Wire::Entered {
                        told: frame.seq(),
                        missed,
                    });
                }
            }
            "message" => {
                let stored: Option<jiff::Timestamp> = frame.text_of("sent_at").parse().ok();
                let delay = stored.map(|stored| now - stored.as_millisecond());
                // Anything longer is told by a clock that was stepped.
                let delay = delay.filter(|delay| *delay < DELAY_MAX);
                self.noted
                    .delays
                    .extend(delay.and_then(|delay| u32::try_from(delay.max(0)).ok()));
                if let (Some(numbered), Some(stream)) = (
                    numbered(frame.json()),
                    self.streams.get_mut(frame.text_of("chat")),
                ) {
                    stream.wire.push(Wire::Message(numbered));
                }
            }
            _ => {}
        }
    }
}

fn numbered(message: &Value) -> Option<Numbered> {
    let seq = message.get("seq")?.as_u64()?;
    let id: Uuid = message.get("id")?.as_str()?.parse().ok()?;
    Some((seq, id))
}

fn mentions(value: &Value, words: &str) -> bool {
    match value {
        Value::String(text) => text.contains(words),
        Value::Array(list) => list.iter().any(|value| mentions(value, words)),
        Value::Object(fields) => fields.values().any(|value| mentions(value, words)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn cause(state: &State) -> String {
    let code = || state.code().map(|code| code.to_string());
    let named = state.cause().map(|cause| cause.as_str().to_owned());
    named.or_else(code).unwrap_or_else(|| "nothing".to_owned())
}
