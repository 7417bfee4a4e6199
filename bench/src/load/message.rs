//! What the clients say, and how an arrival is told from other frames.
//!
//! A message's text begins with `@` and its number in eight digits, so that an arrival can be matched with the time
//! it was sent at without a clock shared over the wire.

use std::time::{SystemTime, UNIX_EPOCH};

use super::frame;

/// Digits of a message's number.
const DIGITS: usize = 8;

/// The text of message `number`, filled up to `length` bytes.
pub(crate) fn text(number: u64, length: usize) -> String {
    let mut text = format!("@{number:0DIGITS$}");
    while text.len() < length {
        text.push(if text.len() % 6 == 0 { ' ' } else { 'a' });
    }
    text
}

/// How a message's id is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ids {
    /// UUID version 7, as Charla's own clients make them: ids of one time lie together in an index.
    TimeOrdered,
    /// UUID version 4, as `crypto.randomUUID()` makes them.
    Random,
}

impl Ids {
    /// The id of message `number`. The same number has another id at another time.
    fn id(self, number: u64) -> String {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // A multiplicative hash (Knuth's constant for 64 bits): scattered, never the same for two numbers.
        let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let tail = scattered & 0xffff_ffff_ffff;
        match self {
            Self::TimeOrdered => {
                let millis = since.as_millis() & 0xffff_ffff_ffff;
                let (high, low) = (millis >> 16, millis & 0xffff);
                format!("{high:08x}-{low:04x}-7{:03x}-8000-{tail:012x}", number & 0xfff)
            }
            Self::Random => {
                let head = scattered.rotate_left(32) ^ u64::from(since.subsec_nanos());
                format!("{:08x}-{:04x}-4000-8000-{tail:012x}", head >> 32, head & 0xffff)
            }
        }
    }
}

/// A `send` frame of charla.v1, masked.
pub(crate) fn send(chat: &str, ids: Ids, number: u64, length: usize) -> Vec<u8> {
    let (id, text) = (ids.id(number), text(number, length));
    framed(&format!(
        r#"{{"type":"send","ref":{number},"chat":"{chat}","id":"{id}","text":"{text}"}}"#
    ))
}

/// The very text that Charla would deliver, so that others send the same bytes.
pub(crate) fn delivery(chat: &str, number: u64, length: usize) -> String {
    let (id, text) = (Ids::TimeOrdered.id(number), text(number, length));
    format!(
        concat!(
            r#"{{"type":"message","chat":"{}","seq":{},"id":"{}","#,
            r#""author":{{"id":"ana","name":"Ana"}},"text":"{}","sent_at":"2026-11-23T10:00:00.123Z"}}"#
        ),
        chat, number, id, text
    )
}

/// A client's text frame.
pub(crate) fn framed(payload: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 14);
    frame::write_client(frame::TEXT, payload.as_bytes(), &mut bytes);
    bytes
}

/// A frame's type, by its first field.
pub(crate) fn kind(payload: &[u8]) -> &[u8] {
    const START: &[u8] = br#"{"type":""#;
    let rest = payload.strip_prefix(START).unwrap_or_default();
    let end = rest.iter().position(|byte| *byte == b'"').unwrap_or_default();
    rest.get(..end).unwrap_or_default()
}

/// Whether it is a delivery.
pub(crate) fn is_delivery(payload: &[u8]) -> bool {
    payload.starts_with(br#"{"type":"message""#)
}

/// The numbers of all messages in a payload, in order.
pub(crate) fn numbers(payload: &[u8]) -> impl Iterator<Item = u64> {
    payload.split(|byte| *byte == b'@').skip(1).filter_map(|after| {
        let digits = after.get(..DIGITS)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    })
}

/// The value of a whole-number field, `"seq":12`, where it first stands.
pub(crate) fn number_field(payload: &[u8], name: &str) -> Option<u64> {
    let key = format!("\"{name}\":");
    let at = payload
        .windows(key.len())
        .position(|window| window == key.as_bytes())?;
    let rest = payload.get(at + key.len()..)?;
    let end = rest
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(rest.len());
    std::str::from_utf8(rest.get(..end)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{delivery, is_delivery, kind, number_field, numbers, text};

    #[test]
    fn a_delivery_carries_its_number() {
        let payload = delivery("5", 42, 200).into_bytes();
        assert!(is_delivery(&payload));
        assert_eq!(kind(&payload), b"message");
        assert_eq!(numbers(&payload).collect::<Vec<_>>(), [42]);
        assert_eq!(number_field(&payload, "seq"), Some(42));
        assert_eq!(text(42, 200).len(), 200);
    }
}
