//! Why a run came to nothing, or a fault was not tried: none of these is a message lost.

/// What went wrong outside the server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A socket, file or process.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Something that is not JSON.
    #[error("json: {0}")]
    Json(#[from] serde_json::Error),
    /// The database did not do what it was told to.
    #[error("postgresql: {0}")]
    Database(#[from] tokio_postgres::Error),
    /// A program did not start, or ended.
    #[error("{0}")]
    NotStarted(String),
    /// The fault was to happen, and its own proof says that it did not.
    #[error("did not happen: expected {expected}, saw {seen}")]
    NotHappened {
        /// What the proof should have seen.
        expected: String,
        /// What it saw.
        seen: String,
    },
    /// This machine lacks what the fault needs.
    #[error("left out: {0}")]
    Lacking(String),
    /// There is no such fault.
    #[error("no fault is called {0:?}; --list names them")]
    Unknown(String),
    /// Something that was promised was not kept.
    #[error("{0}")]
    Broken(String),
}

impl From<rustix::io::Errno> for Failure {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::Io(errno.into())
    }
}

/// What steps come to.
pub(crate) type Outcome<T> = Result<T, Failure>;
