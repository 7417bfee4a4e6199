//! Django's signatures: `django.utils.crypto.salted_hmac` and the signed, perhaps compressed JSON of its sessions.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::read::ZlibDecoder;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// The salt of sessions in a database, with what `Signer` adds to it.
const SESSION_SALT: &str = "django.contrib.sessions.SessionStoresigner";
/// The salt of the hash of a user's password that stands in a session.
const PASSWORD_SALT: &str = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash";
/// The largest session that is read, unpacked: far above what sites keep in one.
pub(super) const SESSION_MAX: u64 = 1024 * 1024;

fn salted_hmac(salt: &str, value: &[u8], secret: &str) -> Hmac<Sha256> {
    let key = Sha256::new().chain_update(salt).chain_update(secret).finalize();
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length");
    mac.update(value);
    mac
}

/// The values of a session in a database, if this secret signed it.
pub(in crate::auth) fn session(signed: &str, secret: &str) -> Option<Map<String, Value>> {
    let (value, signature) = signed.rsplit_once(':')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    salted_hmac(SESSION_SALT, value.as_bytes(), secret)
        .verify_slice(&signature)
        .ok()?;
    let (packed, _made_at) = value.rsplit_once(':')?;
    let json = match packed.strip_prefix('.') {
        None => URL_SAFE_NO_PAD.decode(packed).ok()?,
        Some(packed) => {
            let packed = URL_SAFE_NO_PAD.decode(packed).ok()?;
            let mut json = Vec::new();
            let mut unpacked = ZlibDecoder::new(packed.as_slice()).take(SESSION_MAX);
            unpacked.read_to_end(&mut json).ok()?;
            json
        }
    };
    serde_json::from_slice(&json).ok()
}

/// A value with the signature that [`session`] asks for.
pub(in crate::auth) fn signed_session(value: &str, secret: &str) -> String {
    let signature = salted_hmac(SESSION_SALT, value.as_bytes(), secret).finalize();
    format!("{value}:{}", URL_SAFE_NO_PAD.encode(signature.into_bytes()))
}

/// Whether a session was made while the user had this password.
pub(super) fn is_of_password(hash: &str, password: &str, secret: &str) -> bool {
    let Some(hash) = from_hex(hash) else { return false };
    salted_hmac(PASSWORD_SALT, password.as_bytes(), secret)
        .verify_slice(&hash)
        .is_ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok()
        })
        .collect()
}
