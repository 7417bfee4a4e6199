//! A connection's own task: reads, keeps time, writes what others could not, and sees it to its end.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use charla_core::Millis;
use charla_core::session::{Due, Refusal, Request, Session};
use charla_wire::codec::{self, Decoded, Decoder, Event, Fault, Opcode};
use charla_wire::server_frame::{Me, ServerFrame};
use charla_wire::{Cause, ClientFrame, FrameError};
use uuid::Uuid;

use crate::connection::{Connection, Ending, Initiator, Opening};
use crate::farewell::{await_answer, drain, until_late};
use crate::join::{LeftOff, join};
use crate::limits::Effective;
use crate::membership::Membership;
use crate::node::Node;
use crate::publish::IN_FLIGHT_MAX;
use crate::requests::{Effect, Pending, Progress, carry_out};
use crate::returns::Underway;

/// The read buffer that the connections of a thread share: they borrow it while there is something to read.
const READ_BUFFER: usize = 64 * 1024;

thread_local! {
    static READING: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BUFFER]);
}

/// A connection as its own task sees it.
pub(crate) struct Serving {
    node: Arc<Node>,
    connection: Arc<Connection>,
    session: Session,
    memberships: Vec<Membership>,
    decoder: Decoder,
    // Bytes of a frame that has not arrived whole, or of requests behind one that waits.
    unread: Vec<u8>,
    // Whether reading stopped for want of room among the sends on their way, with whole frames left in `unread`.
    held_back: bool,
    // Whether the client breached the framing: where its frames begin is not known any more.
    out_of_step: bool,
    pending: Option<Pending>,
    limits: Arc<Effective>,
    // The change of limits that those are of.
    heeded: u64,
}

/// Why the task woke.
enum Woken {
    Readable,
    Room,
    Writable,
    Answered(Effect),
    Time,
    Expelled,
    Ends(Ending),
}

/// Serves a connection until it ends.
pub(crate) async fn serve(mut serving: Serving) -> Ending {
    let ending = serving.run().await;
    // Boxed: what saying good-bye takes is not kept for the connection's whole life.
    Box::pin(serving.part(ending)).await;
    ending
}

impl Serving {
    /// A connection about to be served; `unread` came in behind the handshake.
    pub(crate) fn new(
        node: Arc<Node>,
        connection: Arc<Connection>,
        token_ends: Option<Millis>,
        unread: Vec<u8>,
    ) -> Self {
        let now = node.uptime.now();
        let Opening { visitor, home, .. } = &connection.opening;
        let heeded = node.limits.changes();
        let limits = node.limits.of(&visitor.key.tenant);
        let session = Session::new(visitor.clone(), home.clone(), token_ends, &limits.session, now);
        node.timers
            .wake_at(&connection, session.next_timeout(&limits.session), now);
        Self {
            node,
            connection,
            session,
            memberships: Vec::new(),
            decoder: Decoder::default(),
            unread,
            held_back: false,
            out_of_step: false,
            pending: None,
            limits,
            heeded,
        }
    }

    /// Takes the limits that hold now, if they have changed.
    fn heed_limits(&mut self) {
        let changes = self.node.limits.changes();
        if std::mem::replace(&mut self.heeded, changes) != changes {
            let tenant = &self.connection.opening.visitor.key.tenant;
            self.limits = self.node.limits.of(tenant);
            self.connection.heed(self.limits.outbox);
        }
    }

    /// The first words: who you are, and the chat that the address named. The handshake took its course when the
    /// client hears that chat.
    pub(crate) fn greet(&mut self, left_off: LeftOff, underway: Underway) {
        let opening = &self.connection.opening;
        if !opening.variant.plain {
            let visitor = &opening.visitor;
            let heartbeat = self.limits.session.ping_after;
            let token_expires_at = opening.token_expires_at;
            self.node.answer(
                &self.connection,
                &ServerFrame::Welcome {
                    session: &opening.id.to_string(),
                    user: Me {
                        id: &visitor.key.user,
                        name: &visitor.name,
                        role: visitor.role.as_str(),
                    },
                    tenant: &visitor.key.tenant,
                    heartbeat_ms: heartbeat,
                    token_expires_at,
                    server_time: (self.node.clock)(),
                    version: env!("CARGO_PKG_VERSION"),
                },
            );
        }
        if let Some(home) = opening.home.clone() {
            let (node, connection) = (Arc::clone(&self.node), Arc::clone(&self.connection));
            self.pending = Some(Box::pin(async move {
                match join(&node, &connection, &home, left_off, &mut None, None).await {
                    Ok((grant, membership)) => {
                        underway.completes();
                        Effect::Joined(grant, membership)
                    }
                    Err(refusal) => {
                        let detail = node.returns.detail(refusal.cause, &refusal.detail);
                        connection.close(refusal.cause, &detail);
                        Effect::Nothing
                    }
                }
            }));
        } else {
            underway.completes();
        }
        self.read_unread();
    }

    async fn run(&mut self) -> Ending {
        loop {
            match poll_fn(|cx| self.poll_woken(cx)).await {
                Woken::Readable => self.read(),
                Woken::Room => self.read_unread(),
                Woken::Writable => self.write(),
                Woken::Answered(effect) => {
                    self.apply(effect);
                    self.read_unread();
                }
                Woken::Time => self.keep_time(),
                Woken::Expelled => self.leave_where_expelled(),
                Woken::Ends(ending) => return ending,
            }
        }
    }

    fn poll_woken(&mut self, cx: &mut Context<'_>) -> Poll<Woken> {
        let look = self.connection.look(cx.waker());
        if let Some(ending) = look.ending {
            return Poll::Ready(Woken::Ends(ending));
        }
        if look.broken {
            return Poll::Ready(Woken::Ends(Ending {
                cause: None,
                initiator: Initiator::Network,
            }));
        }
        if self.connection.take_time_passed() {
            return Poll::Ready(Woken::Time);
        }
        if look.unwritten && self.connection.socket().poll_write_ready(cx).is_ready() {
            return Poll::Ready(Woken::Writable);
        }
        if let Some(pending) = &mut self.pending {
            // Requests are answered in order: the next one is read when this one is done.
            return pending.as_mut().poll(cx).map(|effect| {
                self.pending = None;
                Woken::Answered(effect)
            });
        }
        // After a request under way: a chat that is being entered can only be left when it has been entered.
        if look.expelled {
            return Poll::Ready(Woken::Expelled);
        }
        if self.connection.in_flight() >= IN_FLIGHT_MAX {
            return Poll::Pending;
        }
        if std::mem::take(&mut self.held_back) {
            // No socket will announce these bytes again.
            return Poll::Ready(Woken::Room);
        }
        self.connection
            .socket()
            .poll_read_ready(cx)
            .map(|_| Woken::Readable)
    }

    fn read(&mut self) {
        READING.with_borrow_mut(|buffer| match self.connection.socket().try_read(buffer) {
            Ok(0) => self.connection.breaks(),
            Ok(count) => {
                self.session.heard(self.node.uptime.now());
                let Some(bytes) = buffer.get_mut(..count) else {
                    return;
                };
                if self.unread.is_empty() {
                    let consumed = self.hear(bytes);
                    self.unread
                        .extend_from_slice(bytes.get(consumed..).unwrap_or_default());
                } else {
                    self.unread.extend_from_slice(bytes);
                    self.read_unread();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.connection.breaks(),
        });
    }

    /// Goes on with bytes that came before.
    fn read_unread(&mut self) {
        if self.unread.is_empty() {
            return;
        }
        let mut bytes = std::mem::take(&mut self.unread);
        let consumed = self.hear(&mut bytes);
        bytes.drain(..consumed);
        if !bytes.is_empty() {
            self.unread = bytes;
        }
    }

    /// Whether reading waits for a request, or for the store to catch up.
    fn is_deaf(&self) -> bool {
        self.pending.is_some() || self.connection.in_flight() >= IN_FLIGHT_MAX
    }

    /// Hears frames from the front of `bytes` until one is incomplete or a request has to wait; says how
    /// many bytes are done with.
    fn hear(&mut self, bytes: &mut [u8]) -> usize {
        self.heed_limits();
        let mut done = 0;
        while self.pending.is_none() {
            if self.connection.in_flight() >= IN_FLIGHT_MAX {
                self.held_back = true;
                break;
            }
            let Some(rest) = bytes.get_mut(done..) else { break };
            let mut decoder = std::mem::take(&mut self.decoder);
            let decoded = decoder.decode(rest, &self.codec_limits());
            self.decoder = decoder;
            match decoded {
                Ok(Decoded::Incomplete) => break,
                Ok(Decoded::Piece { consumed }) => done += consumed,
                Ok(Decoded::Whole { consumed, event }) => {
                    self.hear_event(event);
                    done += consumed;
                    if self.connection.is_ending() {
                        // What comes behind a good-bye is nobody's business any more.
                        break;
                    }
                }
                Err(Fault { cause, detail }) => {
                    self.connection.close(cause, detail);
                    self.out_of_step = true;
                    return bytes.len();
                }
            }
        }
        done
    }

    fn codec_limits(&self) -> codec::Limits {
        codec::Limits {
            compression: self.connection.opening.variant.deflate,
            ..self.limits.codec
        }
    }

    fn hear_event(&mut self, event: Event<'_>) {
        match event {
            Event::Text(text) if self.connection.opening.variant.plain => self.hear_line(&text),
            Event::Text(text) => self.hear_frame(&text),
            Event::Binary => self
                .connection
                .close(Cause::UnsupportedData, "frames are JSON text"),
            Event::Ping(payload) => {
                let now = self.node.uptime.now();
                match self.session.handle_ping(&self.limits.session, now) {
                    Ok(()) => self.connection.deliver(codec::pong(payload).bytes()),
                    Err(cause) => self.connection.close(cause, "too many pings"),
                }
            }
            // Any byte is a sign of life; an unasked pong is none more.
            Event::Pong => self.connection.note_pong(),
            Event::Close { code, .. } => {
                let code = code.map_or(Vec::new(), |code| code.to_be_bytes().to_vec());
                self.connection
                    .close_in_answer(codec::control(Opcode::Close, &code).bytes().clone());
            }
        }
    }

    fn hear_frame(&mut self, text: &str) {
        let (frame, reference) = match ClientFrame::parse(text) {
            Ok((frame, reference)) => (Ok(frame), reference),
            Err(error) => {
                let reference = error.reference;
                (Err(error), reference)
            }
        };
        self.handle(frame, reference);
    }

    fn hear_line(&mut self, text: &str) {
        match self.node.speech.plain.read(text) {
            Ok(line) => {
                self.handle(
                    Ok(ClientFrame::Send {
                        chat: None,
                        id: Uuid::now_v7(),
                        text: line.text.into(),
                        data: line.data.as_deref(),
                        attachments: Vec::new(),
                    }),
                    None,
                );
            }
            Err(detail) => {
                self.handle(
                    Err(FrameError {
                        cause: Cause::BadRequest,
                        reference: None,
                        detail,
                        readable: serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(),
                    }),
                    None,
                );
            }
        }
    }

    fn handle(&mut self, frame: Result<ClientFrame<'_>, FrameError>, reference: Option<u64>) {
        let now = self.node.uptime.now();
        let judged = self.session.handle_frame(frame, &self.limits.session, now);
        match judged.and_then(|request| self.take_shares(request, now)) {
            Ok(request) => {
                let former = if let Request::Subscribe { chat, .. } = &request {
                    self.take_membership(chat)
                } else {
                    None
                };
                match carry_out(&self.node, &self.connection, request, former, reference) {
                    Progress::Done => {}
                    Progress::Waits(pending) => self.pending = Some(pending),
                }
            }
            Err(refusal) => self.node.answer_refusal(&self.connection, reference, &refusal),
        }
    }

    /// Counts a request where others count too: the user's and the tenant's.
    fn take_shares(&mut self, request: Request, now: Millis) -> Result<Request, Refusal> {
        let who = &self.connection.opening.visitor.key;
        let shares = &self.node.limits.shares;
        match shares.request(who, &request, &self.limits.settings, now) {
            Ok(()) => Ok(request),
            Err((limit, wait)) => Err(Refusal {
                chat: request.chat().cloned(),
                id: request.send_id(),
                ..self.session.too_fast(limit, wait, now)
            }),
        }
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Nothing => {}
            Effect::Joined(grant, membership) => {
                self.session.expel(&grant.room().chat);
                self.session.admit(grant);
                // Most connections hear one chat: a vector's own idea of growth would hold room for four.
                self.memberships.reserve_exact(1);
                self.memberships.push(membership);
            }
            Effect::Stays(membership) => self.memberships.push(membership),
            Effect::Left(chat) => self.leave(&chat),
            Effect::Renewed(token_ends) => self.session.renew(token_ends),
        }
    }

    fn take_membership(&mut self, chat: &charla_wire::ChatId) -> Option<Membership> {
        let place = self
            .memberships
            .iter()
            .position(|membership| membership.room().chat == *chat)?;
        Some(self.memberships.swap_remove(place))
    }

    fn leave(&mut self, chat: &charla_wire::ChatId) {
        self.session.expel(chat);
        self.memberships
            .retain(|membership| membership.room().chat != *chat);
    }

    fn leave_where_expelled(&mut self) {
        for (chat, cause) in self.connection.take_expelled() {
            self.leave(&chat);
            let refusal = Refusal::new(cause, "no longer a member of this chat");
            let refusal = Refusal {
                chat: Some(chat),
                ..refusal
            };
            self.node.answer_refusal(&self.connection, None, &refusal);
        }
    }

    fn write(&self) {
        // A broken socket shows at the next look.
        let _ = self.connection.flush(self.node.uptime.now());
    }

    fn keep_time(&mut self) {
        self.heed_limits();
        let now = self.node.uptime.now();
        if self.connection.is_stuck(now) {
            return self
                .connection
                .close(Cause::SlowConsumer, "nothing was read for too long");
        }
        if self.is_deaf() {
            // Nothing was read because we did not: the client's silence is ours.
            self.session.heard(now);
        }
        while let Some(due) = self.session.handle_timeout(&self.limits.session, now) {
            match due {
                Due::Ping => {
                    self.connection.deliver(codec::ping().bytes());
                    self.connection.note_ping();
                }
                Due::TokenExpiring(_) if self.connection.opening.variant.plain => {}
                Due::TokenExpiring(in_ms) => {
                    self.node
                        .answer(&self.connection, &ServerFrame::TokenExpiring { in_ms });
                }
                Due::Close(cause) => return self.connection.close(cause, ""),
            }
        }
        self.node.timers.wake_at(
            &self.connection,
            self.session.next_timeout(&self.limits.session),
            now,
        );
    }

    /// Sees the last bytes out and waits for the peer's good-bye, for a while.
    async fn part(&mut self, ending: Ending) {
        self.memberships.clear();
        self.pending = None;
        if ending.initiator == Initiator::Network {
            return;
        }
        let waits_for_answer = ending.initiator == Initiator::Server;
        let farewell = async {
            while let Ok(false) = self.connection.flush(self.node.uptime.now()) {
                if self.connection.socket().writable().await.is_err() {
                    return;
                }
            }
            if waits_for_answer && self.out_of_step {
                drain(self.connection.socket()).await;
            } else if waits_for_answer {
                await_answer(self.connection.socket(), &self.unread).await;
            }
        };
        until_late(&self.node, farewell).await;
    }
}
