//! What a NATS server says, as much of it as a bus needs: [`take`] reads it off the front of what came in.

use bytes::{Buf as _, Bytes, BytesMut};

use crate::broker::remote::PAYLOAD_MAX;

/// The longest line. The server's own description names every server that it knows.
const LINE_MAX: usize = 256 * 1024;

/// One thing that a server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// About itself, in JSON.
    Info(String),
    /// Something published under a subject.
    Message { subject: String, payload: Bytes },
    /// It wants to know whether we are there.
    Ping,
    /// Everything said before the ping has been done.
    Pong,
    /// Nothing of interest.
    Fine,
    /// A refusal.
    Refused(String),
}

/// These bytes are no NATS, or more than a bus says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Garbled;

/// Takes the first whole thing off the front; `None` while it is not all there.
pub(crate) fn take(buffer: &mut BytesMut) -> Result<Option<Heard>, Garbled> {
    let Some(end) = buffer.iter().take(LINE_MAX).position(|byte| *byte == b'\n') else {
        return if buffer.len() >= LINE_MAX {
            Err(Garbled)
        } else {
            Ok(None)
        };
    };
    let line = std::str::from_utf8(buffer.get(..end).unwrap_or_default()).map_err(|_| Garbled)?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let heard = match word.to_ascii_uppercase().as_str() {
        "MSG" => return message(buffer, end + 1),
        "INFO" => Heard::Info(rest.trim().to_owned()),
        "PING" => Heard::Ping,
        "PONG" => Heard::Pong,
        "+OK" => Heard::Fine,
        "-ERR" => Heard::Refused(rest.trim().trim_matches('\'').to_owned()),
        _ => return Err(Garbled),
    };
    buffer.advance(end + 1);
    Ok(Some(heard))
}

/// `MSG <subject> <sid> [reply-to] <size>`, and the payload behind it.
fn message(buffer: &mut BytesMut, from: usize) -> Result<Option<Heard>, Garbled> {
    let line = std::str::from_utf8(buffer.get(..from).unwrap_or_default()).map_err(|_| Garbled)?;
    let words: Vec<&str> = line.split_ascii_whitespace().skip(1).collect();
    let ([subject, _, size] | [subject, _, _, size]) = words.as_slice() else {
        return Err(Garbled);
    };
    let subject = (*subject).to_owned();
    let size: usize = size.parse().map_err(|_| Garbled)?;
    if size > PAYLOAD_MAX {
        return Err(Garbled);
    }
    if buffer.len() < from + size + 2 {
        return Ok(None);
    }
    buffer.advance(from);
    let payload = buffer.split_to(size).freeze();
    if !buffer.starts_with(b"\r\n") {
        return Err(Garbled);
    }
    buffer.advance(2);
    Ok(Some(Heard::Message { subject, payload }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_wherever_it_is_cut() {
        let bytes = b"INFO {\"a\":1} \r\nMSG a.b 1 5\r\nhe\r\nl\r\nPING\r\nPONG\r\n+OK\r\n-ERR 'Permissions Violation'\r\nMSG c 2 re 0\r\n\r\n";
        let message = |subject: &str, payload: &'static [u8]| Heard::Message {
            subject: subject.into(),
            payload: Bytes::from_static(payload),
        };
        let expected = [
            Heard::Info("{\"a\":1}".into()),
            message("a.b", b"he\r\nl"),
            Heard::Ping,
            Heard::Pong,
            Heard::Fine,
            Heard::Refused("Permissions Violation".into()),
            message("c", b""),
        ];
        for step in 1..bytes.len() {
            let (mut buffer, mut read) = (BytesMut::new(), Vec::new());
            for piece in bytes.chunks(step) {
                buffer.extend_from_slice(piece);
                while let Some(heard) = take(&mut buffer).unwrap() {
                    read.push(heard);
                }
            }
            assert_eq!(read, expected, "in pieces of {step}");
        }
    }

    #[test]
    fn what_is_no_nats_is_refused() {
        for bad in [
            "HTTP/1.1 400\r\n",
            "MSG a 1\r\n",
            "MSG a 1 99999999999\r\n",
            "MSG a 1 1\r\nabc",
            "\r\n",
            "\u{7f}\n",
        ] {
            let mut buffer = BytesMut::from(bad);
            assert_eq!(take(&mut buffer), Err(Garbled), "{bad:?}");
        }
    }
}
