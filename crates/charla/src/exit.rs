//! How the program ends: every exit code stands here.
//!
//! Scripts may rely on them: `charla connect` tells by the code what kind of cause it was, `charla doctor` whether there is one.

use std::io;
use std::process::ExitCode;

use charla_wire::cause::Side;
use charla_wire::{Cause, Retry};

use crate::screen::Screen;
use crate::words;

/// The ways to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is done.
    Done,
    /// It did not work.
    Failed,
    /// Arguments or settings are wrong.
    Usage,
    /// A new token is needed.
    Token,
    /// Refused for good.
    Refused,
    /// Refused for now.
    Later,
    /// Not reached at all.
    Unreached,
    /// The doctor's own: 0 healthy, 1 cause found, 2 warnings, 3 could not tell, [`MISUSED`].
    Doctor(u8),
}

/// The doctor was asked wrongly: its 2 is taken (EX_USAGE of sysexits.h).
pub(crate) const MISUSED: Exit = Exit::Doctor(64);

impl Exit {
    fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Token => 3,
            Self::Refused => 4,
            Self::Later => 5,
            Self::Unreached => 6,
            Self::Doctor(code) => code,
        }
    }

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
    ExitCode::from(exit.code())
}

/// The runtime of commands that talk to others; commands that do not never pay for it.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::failed(error.to_string()))
}

/// Help and mistakes of the command line end the program here.
pub(crate) fn not_understood(error: &clap::Error) -> ! {
    let asks_doctor = std::env::args()
        .skip(1)
        .find(|word| !word.starts_with('-'))
        .is_some_and(|word| word == "doctor" || word == "explain");
    if error.use_stderr() && asks_doctor {
        // Nobody is left to be told when standard error is gone.
        let _ = error.print();
        end(MISUSED)
    }
    error.exit()
}

#[expect(
    clippy::exit,
    reason = "the command line was not understood: nothing runs that has to be ended in order"
)]
fn end(exit: Exit) -> ! {
    std::process::exit(i32::from(exit.code()))
}
