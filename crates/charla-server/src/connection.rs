//! One socket as others see it: [`Connection`] takes frames from any thread and writes them at once
//! while the socket has room; what it has no room for waits in a bounded outbox for the connection's own task.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use bytes::Bytes;
use charla_core::grant::Visitor;
use charla_core::outbox::Full;
use charla_core::{Millis, Outbox, OutboxLimits};
use charla_wire::{Cause, ChatId, Timestamp, codec};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::clock::Uptime;
use crate::happening::Variant;
use crate::listen::Socket;
use crate::telemetry::{ConnectionTrace, TraceId};

/// Frames that one system call may take.
const SLICES: usize = 16;

/// Who ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Initiator {
    /// We did, for a cause.
    Server,
    /// The client said good-bye.
    Client,
    /// The socket broke.
    Network,
}

impl Initiator {
    /// The word for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Network => "network",
        }
    }
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Why, if there is a word for it.
    pub cause: Option<Cause>,
    /// Who.
    pub initiator: Initiator,
}

#[derive(Debug)]
struct Writing {
    outbox: Outbox,
    limits: OutboxLimits,
    ending: Option<Ending>,
    /// Bytes that waited when it was ended: most of them never go out.
    left: usize,
    broken: bool,
    task: Option<Waker>,
    expelled: Vec<(ChatId, Cause)>,
    // The `jti` of the token that took the place of the first.
    renewed: Option<Box<str>>,
    listens_to: Vec<ChatId>,
}

/// What a connection is made of.
#[derive(Debug)]
pub struct Opening {
    /// Its id, in `welcome`, logs and receipts.
    pub id: Uuid,
    /// Whom it was let in as.
    pub visitor: Visitor,
    /// When its token runs out, by the time of day.
    pub token_expires_at: Option<Timestamp>,
    /// The `jti` of the token that it came with.
    pub token_id: Option<Box<str>>,
    /// Which frames it gets.
    pub variant: Variant,
    /// Where it comes from.
    pub address: IpAddr,
    /// The chat of a `/ws/chat/{chat}/` address: without it the connection has no purpose.
    pub home: Option<ChatId>,
    /// The attempt's id that the client gave.
    pub attempt: Option<Box<str>>,
    /// The node's clock.
    pub uptime: Uptime,
    /// When, on that clock.
    pub opened_at: Millis,
    /// When, by the time of day.
    pub since: Timestamp,
    /// How much may wait for it, to begin with.
    pub outbox: OutboxLimits,
    /// Its trace, where the handshake was recorded.
    pub trace: Option<Box<ConnectionTrace>>,
}

/// A connected client.
#[derive(Debug)]
pub struct Connection {
    /// What it was made of.
    pub opening: Opening,
    socket: Socket,
    writing: Mutex<Writing>,
    time_passed: AtomicBool,
    /// Sends handed to the store whose outcome is not known yet.
    in_flight: AtomicUsize,
    sent: AtomicU64,
    // On the node's clock; 0 for never.
    pinged_at: AtomicU64,
    ponged_at: AtomicU64,
}

/// What a connection's task finds when it looks.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// How it ends, if it does.
    pub ending: Option<Ending>,
    /// Bytes wait to be written.
    pub unwritten: bool,
    /// The socket broke.
    pub broken: bool,
    /// There are chats to leave.
    pub expelled: bool,
}

impl Opening {
    /// The id of its trace, where the handshake was recorded.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        Some(self.trace.as_deref()?.handshake().trace())
    }
}

impl Connection {
    /// A connection over an upgraded socket.
    #[must_use]
    pub(crate) fn new(opening: Opening, socket: Socket) -> Self {
        let writing = Writing {
            outbox: Outbox::default(),
            limits: opening.outbox,
            ending: None,
            left: 0,
            broken: false,
            task: None,
            expelled: Vec::new(),
            renewed: None,
            listens_to: Vec::new(),
        };
        Self {
            opening,
            socket,
            writing: Mutex::new(writing),
            time_passed: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
            pinged_at: AtomicU64::new(0),
            ponged_at: AtomicU64::new(0),
        }
    }

    /// The socket, for its own task to read and to wait on.
    #[must_use]
    pub(crate) const fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Sends a frame: at once if nothing waits and the socket takes it, otherwise behind what waits.
    /// At the outbox's bound the connection ends as `slow_consumer`; it can resume.
    pub fn deliver(&self, frame: &Bytes) {
        let mut writing = self.writing.lock();
        if writing.ending.is_some() || writing.broken {
            return;
        }
        let mut written = 0;
        if writing.outbox.is_empty() {
            match self.socket.try_write(frame) {
                Ok(all) if all == frame.len() => {
                    self.note_sent(all);
                    if self.socket.holds_back() {
                        wake(&mut writing);
                    }
                    return;
                }
                Ok(some) => {
                    self.note_sent(some);
                    written = some;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => {
                    writing.broken = true;
                    return wake(&mut writing);
                }
            }
        }
        let now = self.opening.uptime.now();
        let limits = writing.limits;
        match writing.outbox.push(frame, written, limits, now) {
            Ok(()) => wake(&mut writing),
            Err(Full) => end(&mut writing, Cause::SlowConsumer, "read faster, or resume"),
        }
    }

    /// Ends the connection with a cause, behind what has begun to go out. The first cause counts.
    pub fn close(&self, cause: Cause, detail: &str) {
        end(&mut self.writing.lock(), cause, detail);
    }

    /// May no longer hear a chat: the connection ends if the chat is its own, else its task is told to leave.
    pub fn expel(&self, chat: &ChatId, cause: Cause) {
        if self.opening.home.as_ref() == Some(chat) {
            return self.close(cause, "");
        }
        let mut writing = self.writing.lock();
        if !writing.expelled.iter().any(|(other, _)| other == chat) {
            writing.expelled.push((chat.clone(), cause));
            wake(&mut writing);
        }
    }

    /// The chats to leave, and why.
    pub fn take_expelled(&self) -> Vec<(ChatId, Cause)> {
        std::mem::take(&mut self.writing.lock().expelled)
    }

    /// A seat was taken in this chat.
    pub fn begins_listening(&self, chat: &ChatId) {
        self.writing.lock().listens_to.push(chat.clone());
    }

    /// The seat was left.
    pub fn ends_listening(&self, chat: &ChatId) {
        let mut writing = self.writing.lock();
        if let Some(place) = writing.listens_to.iter().position(|other| other == chat) {
            writing.listens_to.swap_remove(place);
        }
    }

    /// Whether it is told how chats that it is not in move: not one that is for a single chat, or has no word for it.
    pub const fn lists_chats(&self) -> bool {
        self.opening.home.is_none() && !self.opening.variant.plain
    }

    /// Whether it has a seat in this chat.
    pub fn listens_to(&self, chat: &ChatId) -> bool {
        self.writing.lock().listens_to.contains(chat)
    }

    /// The chats that it has a seat in.
    pub fn chats(&self) -> Vec<ChatId> {
        self.writing.lock().listens_to.clone()
    }

    /// Another token stands for it from now on.
    pub fn renew_token(&self, jti: Option<&str>) {
        self.writing.lock().renewed = Some(jti.unwrap_or_default().into());
    }

    /// Whether the token that stands for it now is one of those.
    pub fn stands_on(&self, is_one: impl FnOnce(&str) -> bool) -> bool {
        let writing = self.writing.lock();
        let current = writing.renewed.as_deref().or(self.opening.token_id.as_deref());
        current.is_some_and(is_one)
    }

    /// The client said good-bye with this frame's code: says the same and ends.
    pub fn close_in_answer(&self, echo: Bytes) {
        let mut writing = self.writing.lock();
        if writing.ending.is_none() {
            writing.ending = Some(Ending {
                cause: None,
                initiator: Initiator::Client,
            });
            writing.outbox.finish_with(echo);
            wake(&mut writing);
        }
    }

    /// Whether its last frame is on the way.
    pub fn is_ending(&self) -> bool {
        self.writing.lock().ending.is_some()
    }

    /// The socket is of no use any more.
    pub fn breaks(&self) {
        let mut writing = self.writing.lock();
        writing.broken = true;
        wake(&mut writing);
    }

    /// Time for the task to look at its deadlines.
    pub fn wake_for_time(&self) {
        self.time_passed.store(true, Ordering::Relaxed);
        wake(&mut self.writing.lock());
    }

    /// Whether [`Connection::wake_for_time`] was called since the last time this was asked.
    pub fn take_time_passed(&self) -> bool {
        self.time_passed.swap(false, Ordering::Relaxed)
    }

    /// Whether the socket has taken nothing for longer than it may, though bytes wait.
    pub fn is_stuck(&self, now: Millis) -> bool {
        let writing = self.writing.lock();
        writing.outbox.is_stuck(writing.limits, now)
    }

    /// From now on so much may wait for it.
    pub fn heed(&self, limits: OutboxLimits) {
        self.writing.lock().limits = limits;
    }

    /// Bytes that wait.
    pub fn waiting_bytes(&self) -> usize {
        self.writing.lock().outbox.bytes()
    }

    /// Bytes that it did not get: those that wait, or waited when it was ended.
    pub fn unsent_bytes(&self) -> usize {
        let writing = self.writing.lock();
        writing.outbox.bytes().max(writing.left)
    }

    fn note_sent(&self, bytes: usize) {
        self.sent
            .fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Bytes of frames that the socket took.
    pub fn sent_bytes(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The server has just asked whether the client lives.
    pub fn note_ping(&self) {
        self.pinged_at.store(self.opening.uptime.now(), Ordering::Relaxed);
    }

    /// The client has just answered that.
    pub fn note_pong(&self) {
        self.ponged_at.store(self.opening.uptime.now(), Ordering::Relaxed);
    }

    /// When the server pinged last and when the client answered last, by the time of day.
    pub fn heartbeats(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let moment = |at: &AtomicU64| {
            let at = at.load(Ordering::Relaxed);
            let after = i64::try_from(at.saturating_sub(self.opening.opened_at)).unwrap_or(i64::MAX);
            (at > 0).then(|| Timestamp::from_millis(self.opening.since.as_millis().saturating_add(after)))
        };
        (moment(&self.pinged_at), moment(&self.ponged_at))
    }

    /// Sends on their way to the store.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// One more send is on its way.
    pub fn send_begins(&self) {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
    }

    /// A send's outcome is known; wakes the task if it waited for room.
    pub fn send_ends(&self, pause_at: usize) {
        if self.in_flight.fetch_sub(1, Ordering::AcqRel) == pause_at {
            wake(&mut self.writing.lock());
        }
    }

    /// Looks at what there is to do, leaving `task` to be woken when there is more.
    pub fn look(&self, task: &Waker) -> Look {
        let mut writing = self.writing.lock();
        if !writing.task.as_ref().is_some_and(|known| known.will_wake(task)) {
            writing.task = Some(task.clone());
        }
        Look {
            ending: writing.ending,
            unwritten: !writing.outbox.is_empty() || self.socket.holds_back(),
            broken: writing.broken,
            expelled: !writing.expelled.is_empty(),
        }
    }

    /// Writes what waits, as far as the socket takes it; true when nothing is left.
    ///
    /// # Errors
    /// The socket's own, when it broke.
    pub fn flush(&self, now: Millis) -> io::Result<bool> {
        let mut writing = self.writing.lock();
        while !writing.outbox.is_empty() {
            let mut slices = [IoSlice::new(b""); SLICES];
            let filled = writing.outbox.slices(&mut slices);
            match self
                .socket
                .try_write_vectored(slices.get(..filled).unwrap_or_default())
            {
                Ok(written) => {
                    self.note_sent(written);
                    writing.outbox.advance(written, now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => {
                    writing.broken = true;
                    return Err(error);
                }
            }
        }
        self.socket.try_flush().inspect_err(|_| writing.broken = true)
    }
}

fn wake(writing: &mut Writing) {
    if let Some(task) = writing.task.take() {
        task.wake();
    }
}

fn end(writing: &mut Writing, cause: Cause, detail: &str) {
    if writing.ending.is_none() {
        writing.ending = Some(Ending {
            cause: Some(cause),
            initiator: Initiator::Server,
        });
        writing.left = writing.outbox.bytes();
        writing
            .outbox
            .finish_with(codec::close(cause, detail).bytes().clone());
        wake(writing);
    }
}
