//! As much of Redis' protocol (RESP3) as a bus needs: commands out, and replies and pushes in.

use bytes::{Buf as _, Bytes, BytesMut};

/// The largest bulk string that is read: far above any message, far below what would hurt.
const BULK_MAX: usize = 16 * 1024 * 1024;
/// The most values of one answer: the map of a cluster has as many as there are slots, where each moved alone; a group of
/// Django Channels as many as people listen to it.
const ITEMS_MAX: usize = 128 * 1024;
/// How deep answers may be nested.
const DEPTH_MAX: usize = 8;

/// Something that Redis said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// A word, a number, or a string.
    Text(Bytes),
    /// A refusal.
    Error(Bytes),
    /// Several, in answer to a command.
    Several(Vec<Self>),
    /// Several, unasked for.
    Push(Vec<Self>),
    /// Nothing.
    Null,
}

impl Value {
    /// As text; `None` for anything else.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => std::str::from_utf8(text).ok(),
            Self::Error(_) | Self::Several(_) | Self::Push(_) | Self::Null => None,
        }
    }

    /// Whether it is this text.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.text() == Some(text)
    }

    /// As a number.
    pub(crate) fn number<N: std::str::FromStr>(&self) -> Option<N> {
        self.text()?.parse().ok()
    }

    /// As a list; empty for anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::Several(items) => items,
            Self::Text(_) | Self::Error(_) | Self::Push(_) | Self::Null => &[],
        }
    }
}

/// These bytes are no RESP3, or more than a bus says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Garbled;

/// Takes the first whole value off the front; `None` while it is not all there.
pub(crate) fn take(buffer: &mut BytesMut) -> Result<Option<Value>, Garbled> {
    let mut at = 0;
    let Some(value) = value(buffer, &mut at, 0)? else {
        return Ok(None);
    };
    buffer.advance(at);
    Ok(Some(value))
}

fn value(bytes: &[u8], at: &mut usize, depth: usize) -> Result<Option<Value>, Garbled> {
    if depth > DEPTH_MAX {
        return Err(Garbled);
    }
    let Some(line) = line(bytes, at)? else {
        return Ok(None);
    };
    let (kind, rest) = line.split_first().ok_or(Garbled)?;
    match kind {
        b'+' | b':' | b',' | b'#' | b'(' => Ok(Some(Value::Text(Bytes::copy_from_slice(rest)))),
        b'-' => Ok(Some(Value::Error(Bytes::copy_from_slice(rest)))),
        b'_' => Ok(Some(Value::Null)),
        b'$' | b'=' | b'!' => {
            if rest == b"-1" {
                return Ok(Some(Value::Null));
            }
            let length = number(rest, BULK_MAX)?;
            let (from, end) = (*at, *at + length);
            if bytes.len() < end + 2 {
                return Ok(None);
            }
            let text = Bytes::copy_from_slice(bytes.get(from..end).ok_or(Garbled)?);
            *at = end + 2;
            Ok(Some(if *kind == b'!' {
                Value::Error(text)
            } else {
                Value::Text(text)
            }))
        }
        b'*' | b'~' | b'>' | b'%' => {
            if rest == b"-1" {
                return Ok(Some(Value::Null));
            }
            let pairs = if *kind == b'%' { 2 } else { 1 };
            let mut values = Vec::new();
            for _ in 0..number(rest, ITEMS_MAX)? * pairs {
                let Some(item) = value(bytes, at, depth + 1)? else {
                    return Ok(None);
                };
                values.push(item);
            }
            Ok(Some(if *kind == b'>' {
                Value::Push(values)
            } else {
                Value::Several(values)
            }))
        }
        _ => Err(Garbled),
    }
}

fn number(text: &[u8], max: usize) -> Result<usize, Garbled> {
    let number: usize = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(Garbled)?;
    if number > max { Err(Garbled) } else { Ok(number) }
}

/// The longest line that is no bulk string.
const LINE_MAX: usize = 64 * 1024;

fn line<'a>(bytes: &'a [u8], at: &mut usize) -> Result<Option<&'a [u8]>, Garbled> {
    let rest = bytes.get(*at..).unwrap_or_default();
    let Some(end) = rest.iter().take(LINE_MAX).position(|byte| *byte == b'\r') else {
        return if rest.len() >= LINE_MAX {
            Err(Garbled)
        } else {
            Ok(None)
        };
    };
    match rest.get(end + 1) {
        None => Ok(None),
        Some(b'\n') => {
            *at += end + 2;
            Ok(rest.get(..end))
        }
        Some(_) => Err(Garbled),
    }
}

/// Writes a command.
pub(crate) fn put(into: &mut Vec<u8>, words: &[&[u8]]) {
    into.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        into.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        into.extend_from_slice(word);
        into.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &'static str) -> Value {
        Value::Text(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn values_are_read_wherever_they_are_cut() {
        let bytes = b"+OK\r\n:12\r\n>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\na\r\nb\r\n%1\r\n+k\r\n*-1\r\n-NOPERM no\r\n_\r\n$-1\r\n";
        let expected = [
            text("OK"),
            text("12"),
            Value::Push(vec![text("message"), text("c"), text("a\r\nb")]),
            Value::Several(vec![text("k"), Value::Null]),
            Value::Error(Bytes::from_static(b"NOPERM no")),
            Value::Null,
            Value::Null,
        ];
        for step in 1..bytes.len() {
            let (mut buffer, mut read) = (BytesMut::new(), Vec::new());
            for piece in bytes.chunks(step) {
                buffer.extend_from_slice(piece);
                while let Some(value) = take(&mut buffer).unwrap() {
                    read.push(value);
                }
            }
            assert_eq!(read, expected, "in pieces of {step}");
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let deep = "*1\r\n".repeat(20);
        for bad in [
            "HTTP/1.1 400\r\n",
            "$99999999999\r\n",
            "*500000\r\n",
            "$x\r\n",
            "+a\rb",
            "\r\n",
            deep.as_str(),
        ] {
            let mut buffer = BytesMut::from(bad);
            assert_eq!(take(&mut buffer), Err(Garbled), "{bad:?}");
        }
    }

    #[test]
    fn a_command_is_written() {
        let mut bytes = Vec::new();
        put(&mut bytes, &[b"PUBLISH", b"c", b"hi"]);
        assert_eq!(bytes, b"*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$2\r\nhi\r\n");
    }
}
