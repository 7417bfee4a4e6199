//! A message of Channels between its bytes in Redis and its fields: serialised, encrypted where that was agreed on, and in
//! the core layer with random bytes in front.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::fernet::Keys;
use super::msgpack;
use crate::settings::{ChannelLayer, Serializer};

/// Random bytes in front of what the core layer keeps: members of a sorted set must differ.
const PREFIX: usize = 12;
/// The largest message that is looked into: far above what a chat says.
const PAYLOAD_MAX: usize = 1024 * 1024;
/// By how much the encryption's time may differ from that of sending, in seconds, besides the expiry (`channels_redis`).
const LEEWAY: u64 = 10;

/// An event: what a consumer is handed.
pub(super) type Event = Map<String, Value>;

/// How messages are written.
pub(super) struct Codec {
    pub(super) layer: ChannelLayer,
    pub(super) serializer: Serializer,
    pub(super) keys: Option<Keys>,
    /// In seconds.
    pub(super) expiry: u64,
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) event: Event,
    /// Whether this bridge wrote it, or that of another node.
    pub(super) is_ours: bool,
    /// What its message is called in Charla: the same each time that the same bytes are read.
    pub(super) id: Uuid,
}

/// Why a message was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    TooLarge,
    Malformed,
    /// Encrypted by nobody's key, or not at all, or much earlier.
    NotOurs,
}

impl Codec {
    /// Writes an event, at a time in seconds since 1970.
    pub(super) fn write(&self, event: &Event, now: u64) -> Vec<u8> {
        let is_published = self.layer == ChannelLayer::PubSub;
        let plain = match self.serializer {
            Serializer::Msgpack => msgpack::write(event, is_published),
            Serializer::Json => {
                // A line end that Python never writes, and every reader passes over, tells our own from others'.
                let mut json = if is_published { b"\n".to_vec() } else { Vec::new() };
                // Writing to memory cannot fail, and all keys are text.
                let _ = serde_json::to_writer(&mut json, event);
                json
            }
        };
        let sealed = match &self.keys {
            Some(keys) => keys.seal(&plain, random(), now),
            None => plain,
        };
        if is_published {
            return sealed;
        }
        let mut bytes = random::<PREFIX>().to_vec();
        bytes.extend_from_slice(&sealed);
        bytes
    }

    /// Reads a message that was sent at a time in seconds since 1970, where that is known.
    pub(super) fn read(&self, bytes: &[u8], sent_at: Option<u64>) -> Result<Read, Unread> {
        if bytes.len() > PAYLOAD_MAX {
            return Err(Unread::TooLarge);
        }
        let (own, sealed) = match self.layer {
            ChannelLayer::Core => (bytes, bytes.get(PREFIX..).ok_or(Unread::Malformed)?),
            ChannelLayer::PubSub => (bytes, bytes),
        };
        let id = match (self.layer, &self.keys) {
            // What is encrypted is never the same twice; what is in front of it is not signed.
            (_, Some(_)) => brought_id(&[sealed]),
            (ChannelLayer::Core, None) => brought_id(&[own]),
            // Nothing tells two equal messages apart, and nothing is read twice.
            (ChannelLayer::PubSub, None) => brought_id(&[own, &random::<16>()]),
        };
        let opened;
        let plain = match &self.keys {
            Some(keys) => {
                opened = keys.open(sealed).map_err(|_| Unread::NotOurs)?;
                if sent_at.is_some_and(|sent_at| opened.made_at.abs_diff(sent_at) > self.expiry + LEEWAY) {
                    return Err(Unread::NotOurs);
                }
                opened.plain.as_slice()
            }
            None => sealed,
        };
        let (event, is_ours) = match self.serializer {
            Serializer::Msgpack => msgpack::read(plain).map_err(|_| Unread::Malformed)?,
            Serializer::Json => {
                let event = serde_json::from_slice(plain).map_err(|_| Unread::Malformed)?;
                (event, plain.first() == Some(&b'\n'))
            }
        };
        let is_ours = is_ours && self.layer == ChannelLayer::PubSub;
        Ok(Read { event, is_ours, id })
    }
}

/// Whether a message came over the bridge, by its id: it is not to go back.
pub(super) fn is_brought(id: Uuid) -> bool {
    *id.as_bytes() == marked(*id.as_bytes())
}

/// An id for what came over the bridge.
fn brought_id(parts: &[&[u8]]) -> Uuid {
    let mut hash = Sha256::new_with_prefix(b"charla: brought by the bridge");
    for part in parts {
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hash) {
        *to = from;
    }
    Uuid::from_bytes(marked(bytes))
}

/// A UUID of version 8 (RFC 9562, 5.8) whose last two bytes follow from the others.
fn marked(bytes: [u8; 16]) -> [u8; 16] {
    let mut bytes = *uuid::Builder::from_custom_bytes(bytes).as_uuid().as_bytes();
    let [first @ .., _, _] = &bytes;
    let sum: [u8; 32] = Sha256::digest(first).into();
    for (to, from) in bytes.iter_mut().rev().zip(sum).take(2) {
        *to = from;
    }
    bytes
}

/// Random bytes; all zero where the system has none, which then only makes members of a set collide.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let _ = getrandom::fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Event {
        let event = json!({"type": "chat_message", "texto": "hola", "n": 7});
        event.as_object().unwrap().clone()
    }

    fn codecs() -> impl Iterator<Item = Codec> {
        [ChannelLayer::Core, ChannelLayer::PubSub]
            .into_iter()
            .flat_map(|layer| {
                [Serializer::Msgpack, Serializer::Json]
                    .into_iter()
                    .flat_map(move |serializer| {
                        ["", "clave"].map(|lines| Codec {
                            layer,
                            serializer,
                            keys: Keys::of_lines(lines),
                            expiry: 60,
                        })
                    })
            })
    }

    #[test]
    fn what_is_written_is_read() {
        for codec in codecs() {
            let bytes = codec.write(&event(), 1_000);
            let read = codec.read(&bytes, Some(1_005)).unwrap();
            assert_eq!(read.event, event());
            assert_eq!(read.is_ours, codec.layer == ChannelLayer::PubSub);
            assert!(is_brought(read.id), "{}", read.id);
            let again = codec.read(&bytes, Some(1_005)).unwrap();
            let is_kept = codec.layer == ChannelLayer::Core || codec.keys.is_some();
            assert_eq!(again.id == read.id, is_kept);
            assert_ne!(
                codec.read(&codec.write(&event(), 1_000), None).unwrap().id,
                read.id
            );
            assert!(codec.read(&vec![0x80; PAYLOAD_MAX + 1], None).is_err());
            for end in 0..bytes.len() {
                assert!(codec.read(&bytes[..end], None).is_err());
            }
            if codec.keys.is_some() {
                assert_eq!(
                    codec.read(&bytes, Some(2_000)),
                    Err(Unread::NotOurs),
                    "an old one"
                );
            }
        }
    }

    #[test]
    fn a_client_s_own_id_is_not_one_of_the_bridge() {
        assert!(!is_brought(Uuid::nil()) && !is_brought(Uuid::max()));
        assert!((0..1_000).all(|_| !is_brought(Uuid::now_v7()) && !is_brought(Uuid::new_v4())));
        assert_eq!(brought_id(&[b"a"]).get_version_num(), 8);
    }
}
