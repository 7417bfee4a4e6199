//! What PostgreSQL's errors mean: to the caller, and to the connection that they came over.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::store::StoreError;

/// Why a statement did not do what it should.
#[derive(Debug)]
pub(super) enum Fault {
    /// The server, the driver or the network between said so.
    Postgres(Error),
    /// No answer within the time of one statement.
    Silent,
    /// What is stored contradicts itself.
    Contradiction(String),
    /// Already in words for people: a server that cannot be used as it is.
    Refused(StoreError),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl Fault {
    /// What a caller is told.
    pub(super) fn told(self) -> StoreError {
        match self {
            Self::Postgres(error) if is_ours(&error) => StoreError::Internal(words(&error)),
            Self::Postgres(error) => StoreError::Unavailable(words(&error)),
            Self::Silent => StoreError::Unavailable(format!(
                "PostgreSQL did not answer within {} s",
                super::session::ANSWER_WITHIN.as_secs()
            )),
            Self::Contradiction(what) => StoreError::Internal(what),
            Self::Refused(error) => error,
        }
    }
}

/// Whether the statement itself is at fault: data, constraints, syntax. Whatever else there is may pass.
fn is_ours(error: &Error) -> bool {
    match error.code() {
        Some(code) => {
            matches!(code.code().get(..2), Some("22" | "23" | "42"))
                && *code != SqlState::INSUFFICIENT_PRIVILEGE
        }
        // Neither the server nor the network: a value that does not convert.
        None => !error.is_closed() && !has_io(error) && !is_about_connecting(error),
    }
}

fn has_io(error: &Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(inner) = cause {
        if inner.is::<std::io::Error>() {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// The driver does not say of what kind its errors are but in words.
fn is_about_connecting(error: &Error) -> bool {
    let text = error.to_string();
    [
        "error connecting to server",
        "error communicating with the server",
        "invalid configuration",
        "authentication error",
    ]
    .iter()
    .any(|kind| text.starts_with(kind))
}

/// Whether nothing more should be asked over the connection: its server only reads now (a former primary), or
/// the statements that it prepared are no longer what they were.
pub(super) fn spoils(error: &Error) -> bool {
    error.is_closed()
        || error.code().is_none()
        || error.code().is_some_and(|code| {
            *code == SqlState::READ_ONLY_SQL_TRANSACTION
                || *code == SqlState::FEATURE_NOT_SUPPORTED
                || *code == SqlState::INVALID_SQL_STATEMENT_NAME
                || code.code().starts_with("57P")
        })
}

/// The error with the server's own words, its code and what is below it.
pub(super) fn words(error: &Error) -> String {
    if let Some(told) = error.as_db_error() {
        return format!("PostgreSQL says: {} ({})", told.message(), told.code().code());
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
