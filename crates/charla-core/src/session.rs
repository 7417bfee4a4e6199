//! One connection's life: what it may ask now, when it must be pinged, when its token ends.
//!
//! [`Session`] turns a client's frame into a [`Request`] to carry out or a [`Refusal`] to answer, and a
//! passed [`Session::next_timeout`] into a [`Due`]. It knows no socket and reads no clock.

use charla_wire::{Cause, ChatId, ClientFrame, FrameError, client_frame};
use uuid::Uuid;

use crate::Millis;
use crate::grant::{CanEnter, Visitor};
use crate::limit::Limit;
use crate::pace::Pace;
use crate::quota::Rate;

mod pacing;

mod request;

use pacing::Pacing;
pub use request::{Failure, Request};

/// How long before its end a client is told that its token runs out.
pub const TOKEN_WARNING: Millis = 60_000;
/// Unreadable frames in a row after which the client is cut: it is broken, not clumsy.
const BAD_FRAMES_IN_A_ROW: u8 = 3;

/// What one connection may do, shared by all.
#[derive(Debug, Clone)]
pub struct SessionLimits {
    /// Sends.
    pub sends: Rate,
    /// Bytes of what is sent and edited: text and data.
    pub bytes: Pace,
    /// Other requests.
    pub requests: Rate,
    /// Ping frames.
    pub pings: Rate,
    /// Bytes of text.
    pub text_bytes: usize,
    /// Bytes of data.
    pub data_bytes: usize,
    /// Chats heard at once.
    pub subscriptions: usize,
    /// Messages of a history page.
    pub history_page: usize,
    /// Silence before a ping.
    pub ping_after: Millis,
    /// Time to answer it.
    pub pong_within: Millis,
}

/// A request that is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub cause: Cause,
    /// In words for developers.
    pub detail: String,
    /// When it could succeed.
    pub retry_in: Option<Millis>,
    /// The limit that was reached, where that is why.
    pub limit: Option<Limit>,
    /// Whether the connection ends with it.
    pub closes: bool,
    /// The chat that was meant.
    pub chat: Option<ChatId>,
    /// The send that was meant.
    pub id: Option<Uuid>,
}

impl Refusal {
    /// A refusal that leaves the connection as it is.
    #[must_use]
    pub fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            detail: detail.into(),
            retry_in: None,
            limit: None,
            closes: false,
            chat: None,
            id: None,
        }
    }

    /// Too much in too little time: of which limit, and for how long to wait.
    #[must_use]
    pub fn too_fast(limit: Limit, wait: Millis) -> Self {
        Self {
            retry_in: Some(wait),
            limit: Some(limit),
            ..Self::new(Cause::RateLimited, format!("retry in {wait} ms; {limit}"))
        }
    }

    fn of(mut self, chat: Option<ChatId>) -> Self {
        self.chat = chat;
        self
    }
}

/// What a passed time asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Send a ping frame.
    Ping,
    /// Tell the client that its token ends in so many milliseconds.
    TokenExpiring(Millis),
    /// Close.
    Close(Cause),
}

/// One connection's life.
#[derive(Debug)]
pub struct Session {
    visitor: Visitor,
    // The chat of a `/ws/chat/{chat}/` address, meant where a frame names none.
    home: Option<ChatId>,
    grants: Vec<CanEnter>,
    pacing: Pacing,
    bad_frames: u8,
    heard_at: Millis,
    pinged_at: Option<Millis>,
    token_ends: Option<Millis>,
    token_warned: bool,
    // A connection follows one failure: a second report would only fill the log.
    reported: bool,
}

impl Session {
    /// A session that begins now, with a token that ends at `token_ends`.
    #[must_use]
    pub fn new(
        visitor: Visitor,
        home: Option<ChatId>,
        token_ends: Option<Millis>,
        limits: &SessionLimits,
        now: Millis,
    ) -> Self {
        Self {
            visitor,
            home,
            grants: Vec::new(),
            pacing: Pacing::new(limits, now),
            bad_frames: 0,
            heard_at: now,
            pinged_at: None,
            token_ends,
            token_warned: false,
            reported: false,
        }
    }

    /// Whom it was let in as.
    #[must_use]
    pub const fn visitor(&self) -> &Visitor {
        &self.visitor
    }

    /// Any byte from the client is a sign of life.
    pub const fn heard(&mut self, now: Millis) {
        self.heard_at = now;
        self.pinged_at = None;
    }

    /// A subscription was granted.
    pub fn admit(&mut self, grant: CanEnter) {
        // Most sessions hold one: a vector's own idea of growth would hold room for four.
        self.grants.reserve_exact(1);
        self.grants.push(grant);
    }

    /// A subscription has ended; says whether there was one.
    pub fn expel(&mut self, chat: &ChatId) -> bool {
        let before = self.grants.len();
        self.grants.retain(|grant| grant.room().chat != *chat);
        self.grants.len() < before
    }

    /// A new token was accepted.
    pub const fn renew(&mut self, token_ends: Option<Millis>) {
        self.token_ends = token_ends;
        self.token_warned = false;
    }

    /// A ping frame came; may it be answered?
    ///
    /// # Errors
    /// `frame_flood` when they come too fast to be a heartbeat.
    pub fn handle_ping(&mut self, limits: &SessionLimits, now: Millis) -> Result<(), Cause> {
        self.pacing.ping(limits, now)
    }

    /// Judges a frame that could be read or not; `Ok` is to be carried out.
    ///
    /// # Errors
    /// [`Refusal`], to be answered under the frame's `ref`.
    pub fn handle_frame(
        &mut self,
        frame: Result<ClientFrame<'_>, FrameError>,
        limits: &SessionLimits,
        now: Millis,
    ) -> Result<Request, Refusal> {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) if error.readable => {
                self.bad_frames = 0;
                self.pacing.request(limits, now)?;
                return Err(Refusal::new(error.cause, error.detail));
            }
            Err(error) => {
                self.bad_frames += 1;
                let closes = self.bad_frames >= BAD_FRAMES_IN_A_ROW;
                return Err(Refusal {
                    closes,
                    ..Refusal::new(error.cause, error.detail)
                });
            }
        };
        self.bad_frames = 0;
        self.pacing.judge(&frame, limits, now)?;
        self.allow(frame, limits)
    }

    /// What a frame asks for, if this session may ask for it.
    fn allow(&mut self, frame: ClientFrame<'_>, limits: &SessionLimits) -> Result<Request, Refusal> {
        match frame {
            ClientFrame::Send {
                chat,
                id,
                text,
                data,
                attachments,
            } => self.post(chat, id, (&text, data, attachments), limits),
            ClientFrame::Attach {
                chat,
                name,
                media_type,
                bytes,
            } => self.attach(chat, name.into_owned(), media_type.into_owned(), bytes),
            ClientFrame::Download { chat, id } => Ok(Request::Download {
                grant: self.granted(chat)?,
                id,
            }),
            ClientFrame::Subscribe {
                chat,
                after,
                rev,
                epoch,
            } => Ok(Request::Subscribe {
                chat: self.subscribable(chat, limits)?,
                after,
                rev,
                epoch,
            }),
            ClientFrame::Unsubscribe { chat } => {
                Ok(Request::Unsubscribe(self.granted(chat)?.room().chat.clone()))
            }
            ClientFrame::History { chat, before, limit } => Ok(Request::History {
                grant: self.granted(chat)?,
                before,
                limit: page(limit, 50, limits),
            }),
            ClientFrame::Search {
                chat,
                q,
                before,
                limit,
            } => Ok(Request::Search {
                grant: self.granted(chat)?,
                words: q.into_owned(),
                before,
                limit: page(limit, 20, limits),
            }),
            ClientFrame::Edit { chat, seq, text } => self.edit(chat, seq, &text, limits),
            ClientFrame::Delete { chat, seq } => Ok(Request::Delete {
                grant: self.granted(chat)?,
                seq,
            }),
            ClientFrame::Read { chat, seq } => Ok(Request::Read {
                grant: self.granted(chat)?,
                seq,
            }),
            ClientFrame::Typing { chat, on } => Ok(Request::Typing {
                grant: self.granted(chat)?,
                on,
            }),
            ClientFrame::Refresh { token } => Ok(Request::Refresh(token.into_owned())),
            ClientFrame::Report(failure) => self.report(failure),
            ClientFrame::Ping => Ok(Request::Ping),
        }
    }

    fn report(&mut self, failure: client_frame::Failure<'_>) -> Result<Request, Refusal> {
        if std::mem::replace(&mut self.reported, true) {
            let detail = "a connection reports one failure, the one before it";
            return Err(Refusal::new(Cause::BadRequest, detail));
        }
        Ok(Request::Report(Failure {
            cause: failure.cause.into_owned(),
            code: failure.code,
            attempts: failure.attempts,
            away: failure.away_ms,
        }))
    }

    /// Refuses what came too fast for a limit that many connections share; whoever does not heed it is cut.
    pub fn too_fast(&mut self, limit: Limit, wait: Millis, now: Millis) -> Refusal {
        self.pacing.too_fast(limit, wait, now)
    }

    fn post(
        &self,
        chat: Option<ChatId>,
        id: Uuid,
        (text, data, attachments): (&str, Option<&str>, Vec<Uuid>),
        limits: &SessionLimits,
    ) -> Result<Request, Refusal> {
        let of_send = |refusal| Refusal {
            id: Some(id),
            ..refusal
        };
        let grant = self.granted(chat).map_err(of_send)?;
        if attachments.is_empty() {
            check_words(text, data, limits).map_err(of_send)?;
            return Ok(Request::Post(grant.draft(id, text, data)));
        }
        check_lengths(text, data, limits).map_err(of_send)?;
        Ok(Request::PostWith(grant.draft(id, text, data), attachments))
    }

    fn attach(
        &self,
        chat: Option<ChatId>,
        name: String,
        media_type: String,
        bytes: u64,
    ) -> Result<Request, Refusal> {
        Ok(Request::Attach {
            grant: self.granted(chat)?,
            name,
            media_type,
            bytes,
        })
    }

    fn edit(
        &self,
        chat: Option<ChatId>,
        seq: u64,
        text: &str,
        limits: &SessionLimits,
    ) -> Result<Request, Refusal> {
        let grant = self.granted(chat)?;
        check_words(text, None, limits)?;
        let text = text.to_owned();
        Ok(Request::Edit { grant, seq, text })
    }

    fn subscribable(&self, chat: Option<ChatId>, limits: &SessionLimits) -> Result<ChatId, Refusal> {
        let chat = self.meant(chat)?;
        let again = self.grants.iter().any(|grant| grant.room().chat == chat);
        if !again && self.grants.len() >= limits.subscriptions {
            let limit = Limit::Subscriptions;
            let detail = format!(
                "{} subscriptions are all that one connection may have; {limit}",
                limits.subscriptions
            );
            let refusal = Refusal::new(Cause::SubscriptionLimit, detail).of(Some(chat));
            return Err(Refusal {
                limit: Some(limit),
                ..refusal
            });
        }
        Ok(chat)
    }

    fn meant(&self, chat: Option<ChatId>) -> Result<ChatId, Refusal> {
        chat.or_else(|| self.home.clone()).ok_or_else(|| {
            Refusal::new(
                Cause::BadRequest,
                "this connection has no chat of its own: name one",
            )
        })
    }

    fn granted(&self, chat: Option<ChatId>) -> Result<CanEnter, Refusal> {
        let chat = self.meant(chat)?;
        match self.grants.iter().find(|grant| grant.room().chat == chat) {
            Some(grant) => Ok(grant.clone()),
            None => Err(Refusal::new(Cause::NotSubscribed, "subscribe to the chat first").of(Some(chat))),
        }
    }

    /// When to call [`Session::handle_timeout`] next.
    #[must_use]
    pub fn next_timeout(&self, limits: &SessionLimits) -> Millis {
        let heartbeat = match self.pinged_at {
            Some(at) => at + limits.pong_within,
            None => self.heard_at + limits.ping_after,
        };
        let token = self.token_ends.map(|ends| {
            if self.token_warned {
                ends
            } else {
                ends.saturating_sub(TOKEN_WARNING)
            }
        });
        token.map_or(heartbeat, |token| token.min(heartbeat))
    }

    /// What is due now, one thing at a time; `None` when nothing is.
    pub fn handle_timeout(&mut self, limits: &SessionLimits, now: Millis) -> Option<Due> {
        if let Some(ends) = self.token_ends {
            if ends <= now {
                return Some(Due::Close(Cause::TokenExpired));
            }
            if !self.token_warned && ends - now <= TOKEN_WARNING {
                self.token_warned = true;
                return Some(Due::TokenExpiring(ends - now));
            }
        }
        match self.pinged_at {
            Some(at) if now >= at + limits.pong_within => Some(Due::Close(Cause::HeartbeatTimeout)),
            None if now >= self.heard_at + limits.ping_after => {
                self.pinged_at = Some(now);
                Some(Due::Ping)
            }
            Some(_) | None => None,
        }
    }
}

/// Messages of a page: what was asked for, or as a rule.
fn page(limit: Option<u64>, as_a_rule: usize, limits: &SessionLimits) -> usize {
    limit
        .map_or(as_a_rule, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
        .clamp(1, limits.history_page)
}

fn check_words(text: &str, data: Option<&str>, limits: &SessionLimits) -> Result<(), Refusal> {
    if text.trim().is_empty() && data.is_none() {
        return Err(Refusal::new(
            Cause::BadRequest,
            "`text` is empty and there is no `data`",
        ));
    }
    check_lengths(text, data, limits)
}

fn check_lengths(text: &str, data: Option<&str>, limits: &SessionLimits) -> Result<(), Refusal> {
    let over = |what: &str, is: usize, max: usize| {
        (is > max).then(|| format!("`{what}` has {is} bytes, {max} are allowed"))
    };
    let text_over = over("text", text.len(), limits.text_bytes);
    match text_over.or_else(|| over("data", data.map_or(0, str::len), limits.data_bytes)) {
        Some(detail) => Err(Refusal::new(Cause::MessageTooLong, detail)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
