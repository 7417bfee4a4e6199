//! What SQLite's errors mean: to the caller, to the group it stands in, and to writing at all.

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::StoreError;

/// What a caller is told.
pub(super) fn told(error: &Error) -> StoreError {
    if is_outside(error) {
        StoreError::Unavailable(error.to_string())
    } else {
        StoreError::Internal(error.to_string())
    }
}

/// Whether the cause lies outside the statement: then the transaction around it is not to be trusted either.
pub(super) fn is_outside(error: &Error) -> bool {
    let Some(code) = error.sqlite_error_code() else {
        return false;
    };
    !matches!(
        code,
        ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::TooBig
            | ErrorCode::ParameterOutOfRange
            | ErrorCode::Unknown
    )
}

/// Whether nothing may be written through this process again.
///
/// After a failed `fsync` the kernel marks the lost pages clean, so that asking again would succeed
/// without anything being on the disk: only a start from the file itself knows what is there. A file that
/// contradicts itself is not made better by writing either.
pub(super) fn ends_writing(error: &Error) -> bool {
    let Some(inner) = error.sqlite_error() else {
        return false;
    };
    matches!(inner.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        || matches!(
            inner.extended_code,
            ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC
        )
}
