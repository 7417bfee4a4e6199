//! Why a measurement came to nothing. A figure from a run that lost something is never printed.

use std::time::Duration;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A socket, file or process.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The bare loop's database.
    #[error("sqlite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Something that is not JSON, or other JSON than expected.
    #[error("json: {0}")]
    Json(#[from] serde_json::Error),
    /// A server under test did not start or spoke nonsense.
    #[error("{0}")]
    Server(String),
    /// Fewer or more arrived than were sent.
    #[error("{what}: expected {expected}, saw {seen}")]
    Lost {
        /// What was counted.
        what: String,
        /// How many there should be.
        expected: u64,
        /// How many there were.
        seen: u64,
    },
    /// Nothing arrived for too long.
    #[error("{what}: nothing for {after:?}, {seen} of {expected} seen")]
    Stalled {
        /// What was waited for.
        what: String,
        /// How long.
        after: Duration,
        /// How many there should be.
        expected: u64,
        /// How many there were.
        seen: u64,
    },
    /// A connection ended that should live.
    #[error("connection {connection} was closed: {reason}")]
    Closed {
        /// Its number.
        connection: usize,
        /// Code and reason of the close frame, or what the socket said.
        reason: String,
    },
    /// There is no such scenario.
    #[error("no scenario is called {name:?}; there are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// Those that exist.
        known: String,
    },
}

impl From<rustix::io::Errno> for Failure {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::Io(errno.into())
    }
}

/// What measuring comes to.
pub(crate) type Outcome<T> = Result<T, Failure>;
