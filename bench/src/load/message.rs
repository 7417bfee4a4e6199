//! What the clients say, and how an arrival is told from other frames.
//!
//! A message's text begins with `@` and its number in eight digits, so that an arrival can be matched with the time
//! it was sent at without a clock shared over the wire.

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

/// A `send` frame of charla.v1, masked.
pub(crate) fn send(chat: &str, number: u64, length: usize) -> Vec<u8> {
    let text = text(number, length);
    let json = format!(
        r#"{{"type":"send","ref":{number},"chat":"{chat}","id":"00000000-0000-4000-8000-{number:012x}","text":"{text}"}}"#
    );
    let mut bytes = Vec::with_capacity(json.len() + 14);
    frame::write_client(frame::TEXT, json.as_bytes(), &mut bytes);
    bytes
}

/// For the floor: the very frame that Charla would deliver, masked, so that both send the same bytes.
pub(crate) fn send_to_floor(chat: &str, number: u64, length: usize) -> Vec<u8> {
    let text = text(number, length);
    let json = format!(
        concat!(
            r#"{{"type":"message","chat":"{}","seq":{},"id":"00000000-0000-4000-8000-{:012x}","#,
            r#""author":{{"id":"ana","name":"Ana"}},"text":"{}","sent_at":"2026-11-23T10:00:00.123Z"}}"#
        ),
        chat, number, number, text
    );
    let mut bytes = Vec::with_capacity(json.len() + 14);
    frame::write_client(frame::TEXT, json.as_bytes(), &mut bytes);
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
    use super::{is_delivery, kind, number_field, numbers, send_to_floor, text};
    use crate::load::frame;

    #[test]
    fn a_delivery_carries_its_number() {
        let bytes = send_to_floor("5", 42, 200);
        let found = frame::next(&bytes).unwrap();
        let mut payload = found.payload.to_vec();
        frame::unmask(&mut payload, found.mask);
        assert!(is_delivery(&payload));
        assert_eq!(kind(&payload), b"message");
        assert_eq!(numbers(&payload).collect::<Vec<_>>(), [42]);
        assert_eq!(number_field(&payload, "seq"), Some(42));
        assert_eq!(text(42, 200).len(), 200);
    }
}
