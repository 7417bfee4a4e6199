//! Secrets that this server makes: 32 random bytes as base64url, kept as their SHA-256 alone.
//!
//! With 256 random bits there is nothing to guess, so a plain hash is enough, and looking one up by its
//! hash tells a stopwatch nothing about the secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

const BYTES: usize = 32;
/// Letters of the text.
const LETTERS: usize = 43;

/// A secret just made. Not printable.
pub(super) struct Secret(String);

impl Secret {
    /// Fresh from the machine's source; `None` when that fails.
    pub(super) fn random() -> Option<Self> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// Whether a text could be one; what could not is not looked up.
    pub(super) fn has_shape(text: &str) -> bool {
        text.len() == LETTERS
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    }
}

/// SHA-256 of a secret's text, in hex.
pub(super) fn digest(text: &str) -> String {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(2 * BYTES);
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_its_shape_and_is_new_each_time() {
        let (one, other) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert!(Secret::has_shape(one.as_str()));
        assert_ne!(one.as_str(), other.as_str());
        assert!(!Secret::has_shape(&"=".repeat(LETTERS)));
        assert!(!Secret::has_shape(""));
    }

    #[test]
    fn a_digest_is_sha_256_in_hex() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest("abc"), expected);
    }
}
