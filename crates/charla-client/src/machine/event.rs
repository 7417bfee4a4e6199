//! What the machine is told, and what it asks for.

use std::time::Duration;

use crate::closes::{CauseName, Problem};

/// What happened. An event that means nothing in the present state changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The user, or a program for them, asks: a fresh budget, at once.
    Connect {
        /// Attempts that earlier starts spent without a stable connection; counts on the very first `Connect` only.
        carried: u32,
    },
    /// The user is done.
    Close,
    /// The token that was asked for is there.
    Token,
    /// It is not.
    TokenFailed {
        /// Default `token_unavailable`.
        cause: Option<CauseName>,
        /// There will be no other token: somebody must sign in again.
        stop: bool,
        /// Short English words.
        detail: Option<Box<str>>,
    },
    /// The handshake was answered 101; the welcome is still to come.
    Opened,
    /// The server welcomed us.
    Welcomed {
        /// How often it lets itself be heard; zero: it knows no ping, silence means nothing. Default as before.
        heartbeat: Option<Duration>,
        /// How long the token lasts, by the server's clock.
        token_expires_in: Option<Duration>,
    },
    /// Something came over the connection.
    Heard,
    /// The attempt failed or the connection ended, with this close frame; 1006 where there was none.
    Closed {
        /// Close code.
        code: u16,
        /// As it stood in the frame.
        reason: String,
    },
    /// The same, where the caller knows more than a close frame says: a name that does not resolve, an HTTP status.
    Failed(Problem),
    /// The preflight's answer; `None` when it found nothing wrong.
    Named(Option<Problem>),
    /// The deadline has come. Earlier does nothing; later does all that is due.
    Wake,
    /// The device lost its network.
    Offline,
    /// The device has a network again.
    Online,
    /// Nobody looks.
    Hidden,
    /// Somebody looks again.
    Visible,
    /// The tab's clocks stand still.
    Frozen,
    /// The tab was thawed, or the machine slept.
    Resumed,
    /// The server says that the token is about to run out.
    Expiring {
        /// How soon.
        token_expires_in: Option<Duration>,
    },
    /// The server took the token that was sent over the open connection.
    Renewed {
        /// How long it lasts, by the server's clock.
        token_expires_in: Option<Duration>,
    },
    /// It did not.
    RenewFailed,
}

/// What the caller must do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Get a new token, then feed [`Event::Token`] or [`Event::TokenFailed`].
    Token {
        /// The refusal of the last one, if that is why.
        refused: Option<CauseName>,
        /// It is for the open connection, see [`Effect::Renew`].
        in_band: bool,
    },
    /// Open a socket with the token at hand.
    Open,
    /// Close the socket, if there is one, and forget it.
    Shut {
        /// Close code.
        code: u16,
        /// Reason of the close frame.
        reason: &'static str,
    },
    /// Send a ping.
    Ping,
    /// Ask the server by plain HTTP what is wrong, then feed [`Event::Named`].
    Preflight,
    /// Send the fresh token over the open connection, then feed [`Event::Renewed`] or [`Event::RenewFailed`].
    Renew,
    /// Keep this number for the next start, which hands it to [`Event::Connect`] as `carried`.
    Remember {
        /// Attempts since the last stable connection.
        spent: u32,
    },
}

impl Event {
    /// A close frame.
    #[must_use]
    pub fn closed(code: u16, reason: &str) -> Self {
        Self::Closed {
            code,
            reason: reason.to_owned(),
        }
    }
}
