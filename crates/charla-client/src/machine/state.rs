//! The machine's states: as it keeps them, and as they are told to people.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::connection::Connection;
use crate::closes::{CauseName, Problem};

/// Where a client stands. Compare two of them to see whether there is something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// In one word.
    pub name: Name,
    /// Why there is no connection; `None` while there is one, or before the first attempt.
    pub problem: Option<Arc<Problem>>,
    /// The wait as it was decided; `None` while held or not waiting.
    pub retry_in: Option<Duration>,
    /// When the wait ends, on the caller's clock.
    pub until: Option<Duration>,
    /// The attempt under way, or that comes next. 0: one that is not counted.
    pub attempt: u16,
    /// Attempts in a cycle.
    pub of: u16,
    /// From 1.
    pub cycle: u16,
    /// Attempts since the counters were last forgotten.
    pub spent: u16,
    /// Waiting, but for no clock.
    pub held: Option<Held>,
    /// Disabled because the budget is spent, not because the server said no.
    pub exhausted: bool,
}

impl State {
    /// The cause, where somebody knows it.
    #[must_use]
    pub fn cause(&self) -> Option<&CauseName> {
        self.problem.as_ref()?.cause.as_ref()
    }

    /// The close code of the last failure.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        Some(self.problem.as_ref()?.code)
    }

    /// The server's words for it.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.problem.as_ref()?.detail.as_deref()
    }

    /// Whether the client goes on by itself to get a connection.
    #[must_use]
    pub fn will_retry(&self) -> bool {
        matches!(self.name, Name::Refreshing | Name::Connecting | Name::Waiting)
    }
}

/// The states' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Name {
    /// Never asked to connect.
    Idle,
    /// A token is on its way.
    Refreshing,
    /// A socket is being opened.
    Connecting,
    /// Welcomed.
    Connected,
    /// Between two attempts.
    Waiting,
    /// Gave up, or was told to.
    Disabled,
    /// The user is done.
    Closed,
}

impl Name {
    /// The word, as the browser's client says it too.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Refreshing => "refreshing",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Waiting => "waiting",
            Self::Disabled => "disabled",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a wait without a clock waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Held {
    /// The network.
    Offline,
    /// Somebody who looks.
    Hidden,
}

impl Held {
    /// The word, as the browser's client says it too.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Hidden => "hidden",
        }
    }
}

/// How far the budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Attempts spent in this cycle.
    pub(super) attempt: u16,
    /// From 1.
    pub(super) cycle: u16,
    /// Attempts spent in all cycles.
    pub(super) spent: u16,
}

/// The state with what only the machine needs. Times are the caller's clock.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Phase {
    Idle,
    Refreshing { by: Duration },
    Connecting { by: Duration },
    Connected(Connection),
    Waiting(Wait),
    Disabled(Dormant),
    Closed,
}

/// Between two attempts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Wait {
    pub(super) pause: Pause,
    /// Before this the server does not want to see us.
    pub(super) not_before: Duration,
    /// The next attempt is not counted.
    pub(super) free: bool,
    /// A preflight is out, and this is how long the next attempt waits for it.
    pub(super) answer_by: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pause {
    Until { at: Duration, delay: Duration },
    Held(Held),
}

/// Without a will of its own, but for the question whether the server is back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Dormant {
    pub(super) exhausted: bool,
    pub(super) probe_at: Option<Duration>,
    /// The question is out.
    pub(super) probing: bool,
}

impl Phase {
    pub(super) const fn name(&self) -> Name {
        match self {
            Self::Idle => Name::Idle,
            Self::Refreshing { .. } => Name::Refreshing,
            Self::Connecting { .. } => Name::Connecting,
            Self::Connected(_) => Name::Connected,
            Self::Waiting(_) => Name::Waiting,
            Self::Disabled(_) => Name::Disabled,
            Self::Closed => Name::Closed,
        }
    }

    pub(super) fn deadline(&self, heartbeat: Duration) -> Option<Duration> {
        match self {
            Self::Idle | Self::Closed => None,
            Self::Refreshing { by } | Self::Connecting { by } => Some(*by),
            Self::Connected(connection) => connection.deadline(heartbeat),
            Self::Waiting(wait) => wait.deadline(),
            Self::Disabled(dormant) => dormant.probe_at,
        }
    }
}

impl Wait {
    fn deadline(&self) -> Option<Duration> {
        match self.pause {
            Pause::Until { at, .. } => Some(self.answer_by.map_or(at, |answer_by| at.max(answer_by))),
            Pause::Held(_) => None,
        }
    }
}
