//! Sends one handshake and reads what comes back, up to the 101 or to what stands in its place.

use std::io;
use std::time::Duration;

use charla_wire::codec::accept_key;
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use crate::evidence::Answer;
use crate::probe::ask::Request;
use crate::probe::place::Wire;
use crate::redact::redact;

/// A head may be so long; whoever sends more is cut off.
const HEAD_MAX: usize = 64 * 1024;
/// Header lines in it.
const LINES_MAX: usize = 128;
/// Of a body so much is read.
const BODY_MAX: usize = 8 * 1024;
/// And so long is waited for it, once its head is there.
const BODY_WITHIN: Duration = Duration::from_millis(250);
/// Characters of a body that are kept.
const KEPT: usize = 512;

/// A 101, with what was agreed on.
pub(crate) struct Upgrade {
    pub(crate) wire: Wire,
    /// Bytes that came behind the head.
    pub(crate) rest: Vec<u8>,
    pub(crate) protocol: Option<String>,
    pub(crate) offered: bool,
    pub(crate) extensions: Option<String>,
    pub(crate) valid: bool,
}

/// Asks, and reads the head of the answer.
///
/// # Errors
/// The answer, when it is not 101.
pub(crate) async fn ask(mut wire: Wire, request: &Request, deadline: Instant) -> Result<Upgrade, Answer> {
    let sent = timeout_at(deadline, async {
        wire.write_all(&request.bytes).await?;
        wire.flush().await
    });
    // A peer may refuse and hang up before it has read everything: what it said is still there to be read.
    if sent.await.is_err() {
        return Err(Answer::Silent);
    }
    let mut bytes = Vec::new();
    loop {
        match Head::parse(&bytes) {
            Ok(Some(head)) if (100..200).contains(&head.status) && head.status != 101 => {
                bytes.drain(..head.size.min(bytes.len()));
                continue;
            }
            Ok(Some(head)) => return finish(wire, request, head, bytes, deadline).await,
            Ok(None) if bytes.len() < HEAD_MAX => {}
            Ok(None) | Err(()) => return Err(Answer::NotHttp(sample(&bytes))),
        }
        match timeout_at(deadline, wire.read_buf(&mut bytes)).await {
            Err(_) if bytes.is_empty() || bytes.starts_with(b"HTTP/") => return Err(Answer::Silent),
            Err(_) => return Err(Answer::NotHttp(sample(&bytes))),
            Ok(Ok(0)) if bytes.is_empty() => return Err(Answer::HungUp { reset: false }),
            Ok(Err(error)) if bytes.is_empty() => return Err(broken(&error)),
            Ok(Ok(0) | Err(_)) => return Err(Answer::NotHttp(sample(&bytes))),
            Ok(Ok(_)) => {}
        }
    }
}

fn broken(error: &io::Error) -> Answer {
    let kind = error.kind();
    if matches!(kind, io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) {
        Answer::HungUp { reset: true }
    } else if kind == io::ErrorKind::UnexpectedEof {
        Answer::HungUp { reset: false }
    } else {
        // An alert of TLS 1.3 comes after the handshake: a client's certificate is wanted, for one.
        Answer::Tls(error.to_string())
    }
}

async fn finish(
    mut wire: Wire,
    request: &Request,
    head: Head,
    mut bytes: Vec<u8>,
    deadline: Instant,
) -> Result<Upgrade, Answer> {
    bytes.drain(..head.size.min(bytes.len()));
    if head.status == 101 {
        return Ok(head.upgrade(wire, request, bytes));
    }
    let until = deadline.min(Instant::now() + BODY_WITHIN);
    let wanted = head.length.unwrap_or(BODY_MAX).min(BODY_MAX);
    while bytes.len() < wanted {
        match timeout_at(until, wire.read_buf(&mut bytes)).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(0) | Err(_)) | Err(_) => break,
        }
    }
    Err(head.refusal(&bytes))
}

/// A response's head, taken apart.
struct Head {
    status: u16,
    reason: String,
    size: usize,
    length: Option<usize>,
    lines: Vec<(String, String)>,
}

impl Head {
    /// None when more bytes are needed.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, ()> {
        let mut lines = [httparse::EMPTY_HEADER; LINES_MAX];
        let mut response = httparse::Response::new(&mut lines);
        let size = match httparse::ParserConfig::default()
            .allow_obsolete_multiline_headers_in_responses(true)
            .parse_response(&mut response, bytes)
        {
            Ok(httparse::Status::Complete(size)) => size,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(()),
        };
        let lines = response.headers.iter();
        let lines: Vec<_> = lines
            .map(|line| {
                (
                    line.name.to_owned(),
                    String::from_utf8_lossy(line.value).trim().to_owned(),
                )
            })
            .collect();
        let mut head = Self {
            status: response.code.unwrap_or_default(),
            reason: response.reason.unwrap_or_default().to_owned(),
            size,
            length: None,
            lines,
        };
        head.length = head.line("content-length").and_then(|length| length.parse().ok());
        Ok(Some(head))
    }

    fn line(&self, name: &str) -> Option<&str> {
        let mut found = self
            .lines
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    fn lists(&self, name: &str, word: &str) -> bool {
        let mut words = self.line(name).unwrap_or_default().split(',');
        words.any(|one| one.trim().eq_ignore_ascii_case(word))
    }

    fn upgrade(&self, wire: Wire, request: &Request, rest: Vec<u8>) -> Upgrade {
        let valid = self.line("sec-websocket-accept") == Some(&accept_key(&request.key))
            && self.lists("upgrade", "websocket")
            && self.lists("connection", "upgrade");
        Upgrade {
            wire,
            rest,
            protocol: self.line("sec-websocket-protocol").map(redact),
            offered: !request.protocols.is_empty(),
            extensions: self.line("sec-websocket-extensions").map(redact),
            valid,
        }
    }

    fn refusal(&self, bytes: &[u8]) -> Answer {
        let body = if self.lists("transfer-encoding", "chunked") {
            unchunked(bytes)
        } else {
            bytes.to_vec()
        };
        let document: Value = serde_json::from_slice(&body).unwrap_or_default();
        let cause = document.get("cause").and_then(Value::as_str);
        Answer::Http {
            status: self.status,
            reason: redact(&self.reason),
            server: self.line("server").map(redact),
            location: self.line("location").map(redact),
            content_type: self.line("content-type").map(redact),
            date: self.line("date").and_then(seconds),
            body: kept(&redact(&String::from_utf8_lossy(&body))),
            cause: cause.map(str::to_owned),
        }
    }
}

/// An HTTP date (RFC 9110, section 5.6.7), in seconds since 1970.
fn seconds(date: &str) -> Option<f64> {
    let parsed = DateTimeParser::new().parse_timestamp(date).ok()?;
    Some(parsed.as_duration().as_secs_f64())
}

/// As much of a chunked body as is there.
fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(httparse::Status::Complete((at, size))) = httparse::parse_chunk_size(bytes) {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let rest = bytes.get(at..).unwrap_or_default();
        body.extend_from_slice(rest.get(..size).unwrap_or(rest));
        let Some(next) = at
            .checked_add(size)
            .and_then(|end| bytes.get(end.checked_add(2)?..))
        else {
            break;
        };
        if size == 0 {
            break;
        }
        bytes = next;
    }
    body
}

pub(crate) fn kept(text: &str) -> String {
    text.chars().take(KEPT).collect()
}

/// The beginning of something that is not HTTP: as text if it is some, else its bytes in hexadecimal.
pub(crate) fn sample(bytes: &[u8]) -> String {
    let first = bytes.get(..bytes.len().min(48)).unwrap_or_default();
    let readable = |byte: &u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\r' | b'\n' | b'\t');
    if !first.is_empty() && first.iter().all(readable) {
        let text = String::from_utf8_lossy(first);
        return redact(text.lines().next().unwrap_or_default());
    }
    let bytes: Vec<String> = first.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_its_head_and_body_say() {
        let text = "HTTP/1.1 404 Not Found\r\nServer: nginx/1.22.1\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
                    Transfer-Encoding: chunked\r\nLocation: /x?token=abc\r\n\r\n";
        let head = Head::parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(head.size, text.len());
        let answer = head.refusal(b"5\r\nhello\r\n6;x=y\r\n there\r\n0\r\n\r\n");
        let Answer::Http {
            status,
            server,
            location,
            date,
            body,
            ..
        } = answer
        else {
            panic!()
        };
        assert_eq!(status, 404);
        assert_eq!(server.unwrap(), "nginx/1.22.1");
        assert_eq!(location.unwrap(), "/x?token=***");
        assert_eq!(date, Some(784_111_777.0));
        assert_eq!(body, "hello there");
    }

    #[test]
    fn an_unfinished_chunk_is_kept_and_a_wrong_one_harms_nothing() {
        assert_eq!(unchunked(b"ff\r\nabc"), b"abc");
        assert_eq!(unchunked(b"ffffffffffffffff\r\nabc"), b"abc");
        assert_eq!(unchunked(b"zz\r\nabc"), b"");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_numbers() {
        assert_eq!(sample(&[0x15, 3, 1, 0, 2, 2, 70]), "15 03 01 00 02 02 46");
        assert_eq!(sample(b"SSH-2.0-OpenSSH_9.2\r\n"), "SSH-2.0-OpenSSH_9.2");
    }
}
