//! What a close of the socket means: which cause, and what to do about it.
//!
//! The server writes the cause's id into the reason of its close frame (`token_expired: 3 min ago`). A peer that
//! writes none is judged by the code alone, and a 1006 by nothing: its cause is `None` until somebody asks.

use std::fmt;
use std::time::Duration;

use charla_wire::Cause;
use charla_wire::cause::Retry;

/// From here on the codes are the application's (RFC 6455, 7.4.2).
const APPLICATION_CODES: u16 = 4000;
/// The longest advice that is one: nine digits, eleven days.
const ADVICE_DIGITS: usize = 9;

/// A cause, as it arrived: a server newer than this client may know more of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CauseName {
    /// One of the table's.
    Known(Cause),
    /// A word that this client does not know.
    Other(Box<str>),
}

/// Why there is no connection, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `None` while nobody knows.
    pub cause: Option<CauseName>,
    /// Close code; 1006 where the socket never said.
    pub code: u16,
    /// What to do.
    pub retry: Retry,
    /// Short English detail, as the server gave it.
    pub detail: Option<Box<str>>,
    /// The server's own advice when to come back.
    pub retry_in: Option<Duration>,
}

impl CauseName {
    /// The cause of an id, known or not.
    #[must_use]
    pub fn parse(id: &str) -> Self {
        Cause::from_id(id).map_or_else(|| Self::Other(id.into()), Self::Known)
    }

    /// The close code of its own, where the table gives it one.
    fn own_close_code(&self) -> Option<u16> {
        match self {
            Self::Known(cause) => cause.own_close_code(),
            Self::Other(_) => None,
        }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(cause) => cause.id(),
            Self::Other(id) => id,
        }
    }
}

impl From<Cause> for CauseName {
    fn from(cause: Cause) -> Self {
        Self::Known(cause)
    }
}

impl fmt::Display for CauseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Problem {
    /// A cause of the table, with the table's code and advice. What never closed with a code of its own is a 1006.
    #[must_use]
    pub fn of_cause(cause: Cause) -> Self {
        Self {
            cause: Some(cause.into()),
            code: cause.own_close_code().unwrap_or(1006),
            retry: cause.retry(),
            detail: None,
            retry_in: None,
        }
    }

    /// What a close frame says; code 1006 and an empty reason where there was none.
    #[must_use]
    pub fn of_close(code: u16, reason: &str) -> Self {
        let named = named(reason)
            .map(|(id, detail)| (CauseName::parse(id), detail))
            .filter(|(cause, _)| code >= APPLICATION_CODES || cause.own_close_code() == Some(code));
        let (cause, detail) = match named {
            Some((cause, detail)) => (Some(cause), detail),
            None => (cause_of_code(code).map(CauseName::Known), reason),
        };
        Self {
            retry: retry_of(cause.as_ref(), code),
            cause,
            code,
            detail: (!detail.is_empty()).then(|| detail.into()),
            retry_in: advice(reason),
        }
    }

    /// The same problem with more words.
    #[must_use]
    pub fn with_detail(mut self, detail: &str) -> Self {
        self.detail = (!detail.is_empty()).then(|| detail.into());
        self
    }
}

/// What to do about a cause: it goes first, the code second. An unknown code of an application is taken for a refusal:
/// retrying what an application refused is how endless loops begin.
#[must_use]
pub fn retry_of(cause: Option<&CauseName>, code: u16) -> Retry {
    let known = match cause {
        Some(CauseName::Known(cause)) => Some(*cause),
        Some(CauseName::Other(_)) => cause_of_code(code),
        None => None,
    };
    match known {
        Some(cause) => cause.retry(),
        None if code >= APPLICATION_CODES => Retry::Stop,
        None => Retry::Backoff,
    }
}

/// What a bare code stands for when the reason names no cause.
const fn cause_of_code(code: u16) -> Option<Cause> {
    Some(match code {
        1001 => Cause::GoingAway,
        1002 => Cause::ProtocolError,
        1003 => Cause::UnsupportedData,
        1007 => Cause::InvalidUtf8,
        1009 => Cause::MessageTooBig,
        1011 => Cause::InternalError,
        1012 => Cause::Restarting,
        1013 => Cause::Overloaded,
        4400 => Cause::BadRequest,
        4401 => Cause::TokenInvalid,
        4403 => Cause::NotAMember,
        4404 => Cause::ChatNotFound,
        4408 => Cause::HeartbeatTimeout,
        4409 => Cause::SessionReplaced,
        4410 => Cause::ChatClosed,
        4413 => Cause::FrameFlood,
        4429 => Cause::RateLimited,
        4508 => Cause::SlowConsumer,
        _ => return None,
    })
}

/// `id` or `id: detail`; `None` for free words.
fn named(reason: &str) -> Option<(&str, &str)> {
    let (id, detail) = reason.split_once(':').unwrap_or((reason, ""));
    let word = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_');
    let is_id = id.starts_with(|c: char| c.is_ascii_lowercase()) && id.chars().all(word);
    is_id.then(|| (id, detail.strip_prefix(' ').unwrap_or(detail)))
}

/// The first `retry in N ms` of a text.
fn advice(reason: &str) -> Option<Duration> {
    reason.match_indices("retry in ").find_map(|(at, before)| {
        let after = reason.get(at + before.len()..)?;
        let digits = after.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = after.split_at(digits);
        let told = unit.starts_with(" ms") && digits <= ADVICE_DIGITS;
        told.then(|| number.parse().ok().map(Duration::from_millis))?
    })
}
