//! What [`crate::foreign`] tries of tokens and sessions.

use charla_wire::Timestamp;

use super::claims::{Rules, Signer};
use super::django::{pickle as pickled, signing};
use super::jws::Compact;
use crate::settings::AuthSettings;

/// Any secret will do.
const SECRET: &str = "a secret that is known to everybody";
/// 2026-11-28, in milliseconds.
const NOW: i64 = 1_795_824_000_000;

/// A token, taken apart; what its header says.
pub fn token(token: &str) {
    if let Ok(compact) = Compact::parse(token) {
        let _ = compact.algorithm();
        let _ = compact.kid();
    }
}

/// A payload whose signature was good, of somebody else's key.
pub fn claims(payload: &[u8]) {
    let rules = Rules::foreign(&AuthSettings::default());
    if let Ok(claims) = rules.read(payload) {
        let signer = Signer {
            builtin: false,
            tenant: None,
        };
        let _ = rules.identity(&claims, signer, Timestamp::from_millis(NOW));
    }
}

/// A session as a cookie or a row brings it.
pub fn session_cookie(text: &str) {
    let _ = signing::session(text, SECRET);
}

/// The same, signed first.
pub fn session_signed(value: &str) {
    let _ = signing::session(&signing::signed_session(value, SECRET), SECRET);
}

/// A session as Django's cache keeps it.
pub fn pickle(bytes: &[u8]) {
    let _ = pickled::texts(bytes);
}
