//! The readers of bytes that others write, each as a function of bytes alone: for those who feed them with nonsense.
//!
//! Nothing is promised of what comes back, but that it comes back, in time and memory that the bytes pay for.

use bytes::BytesMut;
use serde_json::{Map, Value};

pub use crate::auth::foreign::{claims, pickle, session_cookie, session_signed, token};
use crate::bridge::msgpack as packed;
use crate::broker::nats::said;
use crate::broker::redis::resp as redis;
use crate::settings::ServerSettings;

/// A request's head; its size, where it is whole and good.
#[must_use]
pub fn request_head(bytes: &[u8]) -> Option<usize> {
    crate::listen::head_size(bytes, &ServerSettings::default())
}

/// A message of Channels.
#[must_use]
pub fn msgpack(bytes: &[u8]) -> Option<(Map<String, Value>, bool)> {
    packed::read(bytes).ok()
}

/// The same, written.
#[must_use]
pub fn to_msgpack((map, marked): &(Map<String, Value>, bool)) -> Vec<u8> {
    packed::write(map, *marked)
}

/// What Redis says, value by value as the pieces come, and whether it was garbled at last.
pub fn resp(pieces: &mut dyn Iterator<Item = &[u8]>) -> (Vec<String>, bool) {
    in_pieces(pieces, |buffer| match redis::take(buffer) {
        Ok(value) => Ok(value.map(|value| format!("{value:?}"))),
        Err(redis::Garbled) => Err(()),
    })
}

/// What NATS says, likewise.
pub fn nats(pieces: &mut dyn Iterator<Item = &[u8]>) -> (Vec<String>, bool) {
    in_pieces(pieces, |buffer| match said::take(buffer) {
        Ok(heard) => Ok(heard.map(|heard| format!("{heard:?}"))),
        Err(said::Garbled) => Err(()),
    })
}

fn in_pieces(
    pieces: &mut dyn Iterator<Item = &[u8]>,
    take: impl Fn(&mut BytesMut) -> Result<Option<String>, ()>,
) -> (Vec<String>, bool) {
    let (mut buffer, mut values) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match take(&mut buffer) {
                Ok(Some(value)) => values.push(value),
                Ok(None) => break,
                Err(()) => return (values, true),
            }
        }
    }
    (values, false)
}
