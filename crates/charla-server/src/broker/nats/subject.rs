//! A topic's name as NATS writes it: `charla:room:demo:5` is the subject `charla.room.demo.5`.
//!
//! A user's rights can so be written as `charla.>`. Whatever else stands in a name is written in hexadecimal behind a
//! percent sign, so that nothing in an id is a wildcard, a blank or another part.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What is not left as it is.
const STRANGE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-');
/// The kind of a topic, the tenant, and the rest; an id may have colons of its own.
const PARTS: usize = 3;

/// The subject for a name.
pub(super) fn of(name: &str, prefix: &str) -> String {
    let mut subject = utf8_percent_encode(prefix, STRANGE).to_string();
    let rest = name.strip_prefix(prefix).unwrap_or(name);
    for part in rest.strip_prefix(':').unwrap_or(rest).splitn(PARTS, ':') {
        subject.push('.');
        subject.extend(utf8_percent_encode(part, STRANGE));
    }
    subject
}

/// The name that a subject was made of; `None` for the subjects of others.
pub(super) fn name(subject: &str) -> Option<String> {
    let parts: Option<Vec<_>> = subject
        .split('.')
        .map(|part| percent_decode_str(part).decode_utf8().ok())
        .collect();
    Some(parts?.join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_subject_each_and_come_back() {
        for (name, prefix, subject) in [
            ("charla:room:demo:5", "charla", "charla.room.demo.5"),
            ("charla:all", "charla", "charla.all"),
            ("charla:user:demo:::", "charla", "charla.user.demo.%3A%3A"),
            ("charla:user:demo:a.b", "charla", "charla.user.demo.a%2Eb"),
            ("charla:user:demo:*", "charla", "charla.user.demo.%2A"),
            ("charla:user:demo:>", "charla", "charla.user.demo.%3E"),
            ("charla:user:demo:ñ%2E", "charla", "charla.user.demo.%C3%B1%252E"),
            ("a b:c:all", "a b:c", "a%20b%3Ac.all"),
        ] {
            assert_eq!(of(name, prefix), subject);
            assert_eq!(super::name(subject).as_deref(), Some(name));
        }
        assert_eq!(name("charla.%FF"), None);
    }
}
