//! What a close of the socket means: which cause, and what to do about it.
//!
//! The server writes the cause's id into the reason of its close frame (`token_expired: 3 min ago`). A peer that writes
//! none is judged by the code alone, and a 1006 by nothing: its cause is `None` until somebody asks (see [`crate::diagnose`]).

use std::borrow::Cow;

use charla_wire::cause::retry_in_ms;
use charla_wire::{Cause, Retry};

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Id in the table of causes, or of a later table; `None` while nobody knows.
    pub cause: Option<Cow<'static, str>>,
    /// Close code; 1006 where the socket never said.
    pub code: u16,
    /// What to do.
    pub retry: Retry,
    /// Short English detail, as the server gave it.
    pub detail: Option<String>,
    /// The server's own advice.
    pub retry_in_ms: Option<u64>,
}

/// Judges a close frame.
#[must_use]
pub fn problem_of_close(code: u16, reason: &str) -> Problem {
    let (id, detail) = reason.split_once(':').unwrap_or((reason, ""));
    let detail = detail.strip_prefix(' ').unwrap_or(detail);
    let named = Cause::from_id(id).map(|cause| Cow::Borrowed(cause.id()));
    let named = named.or_else(|| (code >= 4000 && is_id(id)).then(|| Cow::Owned(id.to_owned())));
    let detail = if named.is_some() { detail } else { reason };
    let cause = named.or_else(|| cause_of_code(code).map(|cause| Cow::Borrowed(cause.id())));
    Problem {
        retry: retry_of(cause.as_deref(), code),
        code,
        detail: Some(detail.to_owned()).filter(|detail| !detail.is_empty()),
        retry_in_ms: retry_in_ms(reason),
        cause,
    }
}

/// The cause goes first and the code second. An unknown 4xxx is taken for a refusal: retrying what an application refused
/// is how endless loops begin.
#[must_use]
pub fn retry_of(cause: Option<&str>, code: u16) -> Retry {
    let known = cause.and_then(|cause| Cause::from_id(cause).or_else(|| cause_of_code(code)));
    match known {
        Some(known) => known.retry(),
        None if code >= 4000 => Retry::Stop,
        None => Retry::Backoff,
    }
}

fn is_id(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// What a bare code stands for when the reason names no cause.
fn cause_of_code(code: u16) -> Option<Cause> {
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
