//! Fernet (github.com/fernet/spec), as `channels_redis` uses it for `symmetric_encryption_keys`: AES-128 in CBC mode under
//! HMAC-SHA256, in URL-safe Base64. Keys are written to no log.

use aes::cipher::{BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};
use aes::{Aes128, Block};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

const VERSION: u8 = 0x80;
const BLOCK: usize = 16;
/// Version, time and the first block's other half.
const HEAD: usize = 1 + 8 + BLOCK;
const SIGNATURE: usize = 32;

/// One key.
struct Key {
    signing: [u8; BLOCK],
    cipher: Aes128,
}

/// Keys: the first encrypts, any decrypts.
pub(super) struct Keys {
    keys: Vec<Key>,
}

/// No token, or by nobody's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotOurs;

/// What was in a token, and when it was made, in seconds since 1970.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) plain: Vec<u8>,
    pub(super) made_at: u64,
}

impl Key {
    /// From the text that the application's settings have: its SHA-256 is the key.
    fn of(text: &str) -> Self {
        let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let (mut signing, mut encryption) = ([0; BLOCK], [0; BLOCK]);
        for (to, from) in signing.iter_mut().chain(&mut encryption).zip(hash) {
            *to = from;
        }
        Self {
            signing,
            cipher: Aes128::new(&encryption.into()),
        }
    }

    fn mac(&self, bytes: &[u8]) -> Option<Hmac<Sha256>> {
        // HMAC takes keys of any length.
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&self.signing).ok()?;
        mac.update(bytes);
        Some(mac)
    }
}

impl Keys {
    /// From the texts of the settings, one a line; `None` when there is none.
    pub(super) fn of_lines(lines: &str) -> Option<Self> {
        let keys: Vec<Key> = lines
            .lines()
            .filter(|line| !line.is_empty())
            .map(Key::of)
            .collect();
        (!keys.is_empty()).then_some(Self { keys })
    }

    /// Encrypts, by a random block and the time in seconds since 1970.
    pub(super) fn seal(&self, plain: &[u8], first: [u8; BLOCK], now: u64) -> Vec<u8> {
        let mut token = vec![VERSION];
        token.extend_from_slice(&now.to_be_bytes());
        token.extend_from_slice(&first);
        let Some(key) = self.keys.first() else {
            return Vec::new();
        };
        let mut before = first;
        let (whole, rest) = plain.as_chunks::<BLOCK>();
        let missing = BLOCK - rest.len();
        // PKCS #7: as many bytes as are missing, each of that value.
        let mut last = [u8::try_from(missing).unwrap_or(0); BLOCK];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        for plain in whole.iter().chain([&last]) {
            let mut block = Block::from(xor(plain, &before));
            key.cipher.encrypt_block(&mut block);
            before = block.into();
            token.extend_from_slice(&before);
        }
        let signature = key.mac(&token).map(|mac| mac.finalize().into_bytes());
        token.extend_from_slice(&signature.unwrap_or_default());
        URL_SAFE.encode(token).into_bytes()
    }

    /// Decrypts what one of the keys signed.
    pub(super) fn open(&self, token: &[u8]) -> Result<Opened, NotOurs> {
        let token = URL_SAFE.decode(token).map_err(|_| NotOurs)?;
        let end = token.len().checked_sub(SIGNATURE).ok_or(NotOurs)?;
        let (signed, signature) = token.split_at_checked(end).ok_or(NotOurs)?;
        let (head, sealed) = signed.split_at_checked(HEAD).ok_or(NotOurs)?;
        let key = self.keys.iter().find(|key| {
            key.mac(signed)
                .is_some_and(|mac| mac.verify_slice(signature).is_ok())
        });
        let key = key.ok_or(NotOurs)?;
        let [VERSION, rest @ ..] = head else {
            return Err(NotOurs);
        };
        let (made_at, first) = rest.split_at_checked(8).ok_or(NotOurs)?;
        let made_at = u64::from_be_bytes(made_at.try_into().map_err(|_| NotOurs)?);
        let mut before: [u8; BLOCK] = first.try_into().map_err(|_| NotOurs)?;
        let (blocks, []) = sealed.as_chunks::<BLOCK>() else {
            return Err(NotOurs);
        };
        let mut plain = Vec::with_capacity(sealed.len());
        for sealed in blocks {
            let mut block = Block::from(*sealed);
            key.cipher.decrypt_block(&mut block);
            plain.extend_from_slice(&xor(&block.into(), &before));
            before = *sealed;
        }
        let padding = usize::from(*plain.last().ok_or(NotOurs)?);
        let length = plain.len().checked_sub(padding).ok_or(NotOurs)?;
        let is_padding = |byte: &u8| usize::from(*byte) == padding;
        if padding == 0 || padding > BLOCK || !plain.iter().skip(length).all(is_padding) {
            return Err(NotOurs);
        }
        plain.truncate(length);
        Ok(Opened { plain, made_at })
    }
}

fn xor(one: &[u8; BLOCK], other: &[u8; BLOCK]) -> [u8; BLOCK] {
    let mut both = *one;
    for (to, with) in both.iter_mut().zip(other) {
        *to ^= with;
    }
    both
}

#[cfg(test)]
mod tests;
