//! A copy of the store while servers use it, and the store without a trace of what was deleted from it.

use std::path::Path;

use super::{StoreError, sqlite};
use crate::settings::StoreSettings;

/// What a copy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Bytes.
    pub bytes: u64,
    /// Chats.
    pub chats: u64,
    /// Messages.
    pub messages: u64,
}

/// Copies the SQLite database of the settings into `file`, as it is at one moment, checks the copy, and only then gives it
/// that name. A server may use it meanwhile; it is not stopped. `tell` hears of the pages left and of all.
///
/// The copy begins another epoch wherever it is put back, so that clients that know more than it does begin anew too.
///
/// # Errors
/// When there is no database, the file is there already or cannot be written, or the copy is not whole.
pub fn backup(
    settings: &StoreSettings,
    file: &Path,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<Copied, StoreError> {
    sqlite::backup(&settings.path, file, tell)
}

/// Writes the SQLite database of the settings anew, without anything that was deleted; its bytes before and after. No
/// server may run on it.
///
/// # Errors
/// When a server does, or there is no room for a second copy.
pub fn compact(settings: &StoreSettings) -> Result<(u64, u64), StoreError> {
    sqlite::compact(&settings.path)
}
