//! What a request wants of a representation: nothing where it has it already (RFC 9110, section 13), one range of its bytes
//! (section 14), or all of it.
//!
//! Nothing here knows what the bytes are: their length and a strong entity tag are enough.

use std::ops::Range;

use http::{HeaderMap, Method, header};

/// What is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Nothing: the client has it.
    Known,
    /// All of it.
    Whole,
    /// These bytes of it, at least one.
    Part(Range<u64>),
    /// Bytes that it does not have.
    Outside,
}

/// Judges what a GET or HEAD wants of `length` bytes under a strong `tag`, which has its quotes.
pub(super) fn wanted(method: &Method, headers: &HeaderMap, tag: &str, length: u64) -> Wanted {
    if is_known(headers, tag) {
        return Wanted::Known;
    }
    // Section 14.2: a range is a matter of GET alone.
    if *method != Method::GET || !may_be_part(headers, tag) {
        return Wanted::Whole;
    }
    let mut lines = headers.get_all(header::RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        // None, or several, which may be ignored.
        return Wanted::Whole;
    };
    let asked = line.to_str().ok();
    asked
        .and_then(|asked| part(asked, length))
        .unwrap_or(Wanted::Whole)
}

/// Whether `If-None-Match` names this tag (section 13.1.2: weakly compared).
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

/// Whether `If-Range` lets a part be sent (section 13.1.5: strongly compared). A date never does: nothing here has one.
fn may_be_part(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get(header::IF_RANGE)
        .is_none_or(|line| line.as_bytes() == tag.as_bytes())
}

/// One range of bytes; `None` for what is to be ignored: other units, several ranges, and what is no range at all.
fn part(asked: &str, length: u64) -> Option<Wanted> {
    let (unit, range) = asked.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let range = match range.trim().split_once('-')? {
        ("", last) => {
            let last = number(last)?;
            if length == 0 && last > 0 {
                // All that there is, and no `Content-Range` can say so.
                return None;
            }
            length.saturating_sub(last)..length
        }
        (first, "") => number(first)?..length,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..length.min(last.saturating_add(1))
        }
    };
    Some(if range.start < length {
        Wanted::Part(range)
    } else {
        Wanted::Outside
    })
}

/// Digits as a number; one that is too large is as good as the largest.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const TAG: &str = "\"a\"";

    fn judged(method: &Method, lines: &[(HeaderName, &'static str)], length: u64) -> Wanted {
        let lines = lines
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value);
        }
        wanted(method, &headers, TAG, length)
    }

    #[test]
    fn one_range_of_bytes_is_read_and_all_else_is_ignored() {
        for (asked, length, found) in [
            ("bytes=0-0", 10, Wanted::Part(0..1)),
            ("Bytes= 2-4 ", 10, Wanted::Part(2..5)),
            ("bytes=2-", 10, Wanted::Part(2..10)),
            ("bytes=9-9", 10, Wanted::Part(9..10)),
            ("bytes=2-99", 10, Wanted::Part(2..10)),
            ("bytes=2-99999999999999999999999", 10, Wanted::Part(2..10)),
            ("bytes=-3", 10, Wanted::Part(7..10)),
            ("bytes=-99", 10, Wanted::Part(0..10)),
            ("bytes=10-", 10, Wanted::Outside),
            ("bytes=10-11", 10, Wanted::Outside),
            ("bytes=99999999999999999999999-", 10, Wanted::Outside),
            ("bytes=-0", 10, Wanted::Outside),
            ("bytes=0-", 0, Wanted::Outside),
            ("bytes=-0", 0, Wanted::Outside),
            ("bytes=-1", 0, Wanted::Whole),
            ("bytes=0-1,3-4", 10, Wanted::Whole),
            ("bytes=-1,-2", 10, Wanted::Whole),
            ("lines=0-1", 10, Wanted::Whole),
            ("bytes 0-1", 10, Wanted::Whole),
            ("bytes=4-2", 10, Wanted::Whole),
            ("bytes=-", 10, Wanted::Whole),
            ("bytes=", 10, Wanted::Whole),
            ("bytes=+1-2", 10, Wanted::Whole),
            ("bytes=1 - 2", 10, Wanted::Whole),
            ("bytes=0x1-", 10, Wanted::Whole),
            ("", 10, Wanted::Whole),
        ] {
            let lines = [(header::RANGE, asked)];
            assert_eq!(
                judged(&Method::GET, &lines, length),
                found,
                "{asked:?} of {length}"
            );
            assert_eq!(judged(&Method::HEAD, &lines, length), Wanted::Whole, "{asked:?}");
        }
        let twice = [(header::RANGE, "bytes=0-1"), (header::RANGE, "bytes=3-4")];
        assert_eq!(judged(&Method::GET, &twice, 10), Wanted::Whole);
    }

    #[test]
    fn what_is_known_is_not_sent_and_a_part_only_of_the_same() {
        let range = || (header::RANGE, "bytes=1-2");
        for (name, value, found) in [
            (header::IF_NONE_MATCH, "\"a\"", Wanted::Known),
            (header::IF_NONE_MATCH, "\"b\" , W/\"a\"", Wanted::Known),
            (header::IF_NONE_MATCH, "*", Wanted::Known),
            (header::IF_NONE_MATCH, "\"b\", a", Wanted::Part(1..3)),
            (header::IF_RANGE, "\"a\"", Wanted::Part(1..3)),
            (header::IF_RANGE, "W/\"a\"", Wanted::Whole),
            (header::IF_RANGE, "\"b\"", Wanted::Whole),
            (header::IF_RANGE, "Sat, 28 Nov 2026 22:00:00 GMT", Wanted::Whole),
        ] {
            let lines = [range(), (name, value)];
            assert_eq!(judged(&Method::GET, &lines, 10), found, "{lines:?}");
        }
        let second = [(header::IF_NONE_MATCH, "\"b\""), (header::IF_NONE_MATCH, TAG)];
        assert_eq!(judged(&Method::HEAD, &second, 10), Wanted::Known);
    }
}
