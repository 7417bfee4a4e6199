//! Who somebody has proved to be, and why somebody has not.

use std::fmt;

use charla_wire::{Cause, TenantId, Timestamp, UserId};

use crate::store::{Role, StoreError};

/// What a token that was accepted says about its bearer.
///
/// It is the token's word alone: whether the user still exists, is blocked or has signed out
/// everywhere is the store's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The tenant, by the key that signed or by the token's claim; `None` leaves it to the address.
    pub tenant: Option<TenantId>,
    /// The user.
    pub user: UserId,
    /// The name for people, if the token has one.
    pub name: Option<String>,
    /// The role, if the token has one.
    pub role: Option<Role>,
    /// When the token was made, if it says so.
    pub issued_at: Option<Timestamp>,
    /// When it ends, without leeway.
    pub expires_at: Timestamp,
    /// Its own id, by which it can be revoked.
    pub jti: Option<String>,
    /// What it says of the password that it was made with, where that is asked for.
    pub password_claim: Option<String>,
    /// Whether it is no token but a session's cookie.
    pub session: bool,
    /// Whether this server signed it, for one of its own accounts.
    pub builtin: bool,
}

impl Identity {
    /// Whether the token is older than `from`, the time before which its user's tokens are refused.
    /// A token that does not say when it was made is as old as can be.
    #[must_use]
    pub fn issued_before(&self, from: Timestamp) -> bool {
        self.issued_at.unwrap_or_default() < from
    }
}

/// Why somebody was not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The cause, by the one table.
    pub cause: Cause,
    /// What was found, in English, short enough for a close frame; never the token or a part of a secret.
    pub detail: String,
}

impl Refusal {
    pub(crate) fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            detail: detail.into(),
        }
    }

    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Cause::TokenMalformed, detail)
    }

    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Cause::TokenInvalid, detail)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.cause, self.detail)
    }
}

impl std::error::Error for Refusal {}

impl From<StoreError> for Refusal {
    /// The store's own words stay in the log: they may name files.
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "the store did not answer a question about a token or an account");
        match error {
            StoreError::Unavailable(_) => Self::new(Cause::StoreUnavailable, "the store does not answer"),
            StoreError::Full => Self::new(Cause::Overloaded, "the store's queue is full"),
            StoreError::Internal(_) => Self::new(Cause::InternalError, "the store failed"),
        }
    }
}

/// A length of time as a person says it: `37 s`, `5 min`, `3 h 20 min`, `12 days`.
pub(super) fn span(millis: i64) -> String {
    let seconds = millis.max(0) / 1000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A name out of a token as it may stand in a close frame and a log line: quoted, escaped, short.
pub(super) fn quoted(name: &str) -> String {
    /// A close frame has 123 bytes for cause and detail together.
    const SHOWN: usize = 32;
    if name.chars().count() <= SHOWN {
        format!("{name:?}")
    } else {
        format!("{:?}...", name.chars().take(SHOWN).collect::<String>())
    }
}
