//! Why a scenario came to nothing: none of these says anything about the doctor.

/// What went wrong in the lab itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A socket, file or process.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Something that is not JSON.
    #[error("json: {0}")]
    Json(#[from] serde_json::Error),
    /// A certificate could not be made.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A program did not start, or ended.
    #[error("{0}")]
    NotStarted(String),
    /// The stack was to be broken, and its own proof says that it is not, or not like this.
    #[error("not broken as meant: expected {expected}, saw {seen}")]
    NotBroken {
        /// What the proof should have seen.
        expected: String,
        /// What it saw.
        seen: String,
    },
    /// This machine lacks what the scenario needs.
    #[error("left out: {0}")]
    Lacking(String),
    /// There is no such scenario.
    #[error("no scenario is called {0:?}; --list names them")]
    Unknown(String),
    /// The run did not reach its bars.
    #[error("{0}")]
    Missed(String),
}

impl From<rustix::io::Errno> for Failure {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::Io(errno.into())
    }
}

/// What building and breaking come to.
pub(crate) type Outcome<T> = Result<T, Failure>;
