//! Why a run came to nothing: none of these says anything about what was tried.

/// What went wrong around the program that is tried.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A socket, file or process.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Something that is not JSON.
    #[error("json: {0}")]
    Json(#[from] serde_json::Error),
    /// A database, a certificate: which, and what it said.
    #[error("{0}: {1}")]
    Tool(&'static str, String),
    /// A program did not start, or ended.
    #[error("{0}")]
    NotStarted(String),
    /// Something was to be broken, and its own proof says that it is not, or not like this.
    #[error("not broken as meant: expected {expected}, saw {seen}")]
    NotBroken {
        /// What the proof should have seen.
        expected: String,
        /// What it saw.
        seen: String,
    },
    /// This machine lacks what is needed.
    #[error("left out: {0}")]
    Lacking(String),
    /// There is nothing of this name.
    #[error("nothing is called {0:?}; --list names all")]
    Unknown(String),
    /// The run ended, and did not reach its bars.
    #[error("{0}")]
    Missed(String),
}

impl From<rustix::io::Errno> for Failure {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::Io(errno.into())
    }
}

/// What steps come to.
pub type Outcome<T> = Result<T, Failure>;
