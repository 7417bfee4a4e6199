//! How the program ends: every exit code stands here.
//!
//! Scripts may rely on them: `charla connect` and `charla doctor` tell by the code what kind of cause it was.

use std::io;
use std::process::ExitCode;

use charla_wire::cause::Side;
use charla_wire::{Cause, Retry};

use crate::screen::Screen;
use crate::words;

/// What `--help` says about exit codes.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  failed
  2  wrong usage or settings
  3  the token was refused: get a new one
  4  refused for good: trying again cannot help
  5  refused for now: try again later
  6  nothing that speaks could be reached";

/// The ways to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is done.
    Done = 0,
    /// It did not work.
    Failed = 1,
    /// Arguments or settings are wrong.
    Usage = 2,
    /// A new token is needed.
    Token = 3,
    /// Refused for good.
    Refused = 4,
    /// Refused for now.
    Later = 5,
    /// Not reached at all.
    Unreached = 6,
}

impl Exit {
    /// The class of a cause.
    pub(crate) fn of(cause: Cause) -> Self {
        match (cause.side(), cause.retry()) {
            (Side::Path | Side::Page | Side::Host, _) => Self::Unreached,
            (Side::Server | Side::Client, Retry::Refresh) => Self::Token,
            (Side::Server | Side::Client, Retry::Stop) => Self::Refused,
            (Side::Server | Side::Client, Retry::Backoff | Retry::Wait | Retry::Resume) => Self::Later,
        }
    }
}

/// Why a command did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// To be told in one sentence.
    Say(Exit, String),
    /// Told already.
    Told(Exit),
    /// The screen is gone: whoever reads has read enough.
    Screen(io::Error),
}

impl Failure {
    /// A plain failure.
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self::Say(Exit::Failed, text.into())
    }

    /// A mistake of usage.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Say(Exit::Usage, text.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Screen(error)
    }
}

/// How a command ended; what it had to say is said, unless it is a [`Failure`].
pub(crate) type Outcome = Result<Exit, Failure>;

/// Tells a failure and turns it into the code.
pub(crate) fn code(outcome: Outcome, screen: &Screen) -> ExitCode {
    let exit = match outcome {
        Ok(exit) => exit,
        Err(Failure::Say(exit, text)) => {
            screen.error(&text);
            exit
        }
        Err(Failure::Told(exit)) => exit,
        Err(Failure::Screen(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(Failure::Screen(error)) => {
            screen.error(&words::cannot_write(screen.lang, error));
            Exit::Failed
        }
    };
    ExitCode::from(exit as u8)
}

/// The runtime of commands that talk to others; commands that do not never pay for it.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::failed(error.to_string()))
}
