//! Access logs: nginx' stock format, formats with further fields, Apache's and gunicorn's likewise, and JSON.

use memchr::memmem::Finder;
use serde::Deserialize;

use crate::explain::needle::{after, any, needle, needles};

/// One request.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Request<'a> {
    /// Path and query.
    pub(super) target: &'a [u8],
    /// The status that the client got.
    pub(super) status: u16,
    /// What stands before the request in its line, and after it.
    around: [&'a [u8]; 2],
}

/// What only the formats that log more say of a request.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Further {
    /// Seconds from the request's first byte to the answer's last: for a WebSocket, its life.
    pub(super) lived: Option<f64>,
    /// The upstream's status: `Some(None)` where the log says that none was asked or none answered (`-`).
    pub(super) upstream: Option<Option<u16>>,
}

/// The request in a line that holds `HTTP/x.y"`, unless it is nginx' error log or has no status.
pub(super) fn request(line: &[u8]) -> Option<Request<'_>> {
    let end = needle!(b"HTTP/").find(line).and_then(|at| {
        let close = line.get(at + 8..)?;
        (close.first() == Some(&b'"')).then_some(at + 8)
    })?;
    let (before, rest) = line.split_at(end);
    let rest = rest.get(1..)?;
    if rest.first() == Some(&b',') {
        return None;
    }
    let open = memchr::memrchr(b'"', before)?;
    let quoted = before.get(open + 1..)?;
    let mut parts = quoted.split(|byte| *byte == b' ');
    let (_method, target) = (parts.next()?, parts.next()?);
    let around = [before.get(..open).unwrap_or_default(), rest];
    let mut numbers = rest.trim_ascii_start().split(|byte| *byte == b' ');
    let status = numbers
        .next()
        .and_then(status)
        .or_else(|| field(around, needles![b" status=", b" code="]).and_then(status))
        .or_else(|| bare_status(before))?;
    Some(Request {
        target,
        status,
        around,
    })
}

impl Request<'_> {
    /// Whether it is a WebSocket's handshake.
    pub(super) fn counts(&self) -> bool {
        self.status == 101 || is_socket(self.target)
    }

    /// What else its line says; worth its price for WebSockets alone.
    pub(super) fn further(&self) -> Further {
        let lived = needles![
            b" rt=",
            b" request_time=",
            b" reqtime=",
            b" request_time:",
            b" duration="
        ];
        let upstream = needles![b" us=", b" upstream_status=", b" ustatus="];
        let [_, rest] = self.around;
        Further {
            lived: field(self.around, lived)
                .and_then(decimal)
                .or_else(|| trailing(rest)),
            upstream: field(self.around, upstream).map(|text| last_of(text).and_then(status_of)),
        }
    }
}

/// The value after one of some names, up to the next space.
fn field<'a>(around: [&'a [u8]; 2], names: &[Finder<'_>]) -> Option<&'a [u8]> {
    let within = |part| names.iter().find_map(|name| after(part, name));
    around.into_iter().find_map(within).map(|value| {
        let end = value.iter().position(|byte| matches!(byte, b' ' | b'"'));
        let value = end.and_then(|end| value.get(..end)).unwrap_or(value);
        value.strip_suffix(b",").unwrap_or(value)
    })
}

/// A word of three digits before the request: some formats begin with the status.
fn bare_status(before: &[u8]) -> Option<u16> {
    before.split(|byte| *byte == b' ').find_map(status)
}

/// The last word of the line, when it is a time such as `60.012`: many formats append it.
fn trailing(rest: &[u8]) -> Option<f64> {
    let last = rest.trim_ascii_end().rsplit(|byte| *byte == b' ').next()?;
    let last = last
        .strip_prefix(b"\"")
        .and_then(|inner| inner.strip_suffix(b"\""))
        .unwrap_or(last);
    let dot = last.iter().position(|byte| *byte == b'.')?;
    (last.len() == dot + 4).then(|| decimal(last)).flatten()
}

/// Several upstreams were asked: the last one's.
fn last_of(text: &[u8]) -> Option<&[u8]> {
    text.rsplit(|byte| matches!(byte, b',' | b':' | b'/')).next()
}

fn status_of(text: &[u8]) -> Option<u16> {
    status(text)
}

fn status(text: &[u8]) -> Option<u16> {
    let value = (text.len() == 3).then(|| integer(text)).flatten()?;
    u16::try_from(value)
        .ok()
        .filter(|value| (100..600).contains(value))
}

fn integer(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn decimal(text: &[u8]) -> Option<f64> {
    let plain = !text.is_empty() && text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    plain
        .then(|| std::str::from_utf8(text).ok()?.parse().ok())
        .flatten()
}

/// Whether a request's target is a WebSocket's: by its path's words, or by a token in its query.
pub(super) fn is_socket(target: &[u8]) -> bool {
    const NAMES: [&[u8]; 8] = [
        b"ws",
        b"wss",
        b"websocket",
        b"websockets",
        b"socket",
        b"sockets",
        b"socket.io",
        b"cable",
    ];
    let query = memchr::memchr(b'?', target).unwrap_or(target.len());
    let (path, query) = target.split_at(query);
    let named = path
        .split(|byte| *byte == b'/')
        .any(|part| NAMES.iter().any(|name| part.eq_ignore_ascii_case(name)));
    named || any(query, needles![b"token=", b"ticket="])
}

/// An access log of one JSON object a line, under nginx' own names of variables.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct JsonRequest {
    #[serde(alias = "request_uri", alias = "uri", alias = "path")]
    pub(super) request: String,
    pub(super) status: serde_json::Value,
    pub(super) request_time: serde_json::Value,
    pub(super) upstream_status: Option<serde_json::Value>,
    #[serde(
        alias = "time_iso8601",
        alias = "@timestamp",
        alias = "timestamp",
        alias = "time_local"
    )]
    pub(super) time: String,
}

impl JsonRequest {
    /// The same as in other formats, if it has a status and a target.
    pub(super) fn request(&self) -> Option<(Request<'_>, Further)> {
        let plain =
            |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let target = self.request.split(' ').find(|part| part.starts_with('/'))?;
        let request = Request {
            target: target.as_bytes(),
            status: status(plain(&self.status).as_bytes())?,
            around: [&[], &[]],
        };
        let further = Further {
            lived: decimal(plain(&self.request_time).as_bytes()),
            upstream: self
                .upstream_status
                .as_ref()
                .map(|value| last_of(plain(value).as_bytes()).and_then(status_of)),
        };
        Some((request, further))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read() {
        let stock = br#"127.0.0.1 - - [22/Nov/2026:21:51:01 +0000] "GET /ws/chat/5/?token=x HTTP/1.1" 101 55 "-" "curl/7.88.1""#;
        let read = request(stock).unwrap();
        assert_eq!((read.target, read.status), (&b"/ws/chat/5/?token=x"[..], 101));
        assert_eq!(read.further(), Further::default());

        let extended =
            br#"8080 499 ut=0.001/-/7.003 us=- rt=7.003 sent=0 recv=439 "GET /ws/chat/5/ HTTP/1.1""#;
        let read = request(extended).unwrap();
        let further = read.further();
        assert_eq!(
            (read.status, further.lived, further.upstream),
            (499, Some(7.003), Some(None))
        );

        let appended = br#"1.2.3.4 - - [22/Nov/2026:21:51:01 +0000] "GET /ws HTTP/1.1" 101 9 "-" "Mozilla/5.0 (X11)" 60.012"#;
        assert_eq!(request(appended).unwrap().further().lived, Some(60.012));
        let two = br#"x "GET /ws HTTP/1.1" 502 9 upstream_status=502,403 request_time=0.100"#;
        assert_eq!(request(two).unwrap().further().upstream, Some(Some(403)));
    }

    #[test]
    fn what_is_no_access_line_is_left() {
        let error = br#"2026/11/22 22:46:44 [error] 1#1: *2 x, request: "GET /ws/ HTTP/1.1", upstream: "http://127.0.0.1:9/""#;
        assert!(request(error).is_none());
        for line in [&b"HTTP/1.1 403 Forbidden"[..], b"\"", b"HTTP/1.1\"", b""] {
            assert!(request(line).is_none());
        }
    }

    #[test]
    fn sockets_are_told_from_other_requests() {
        for yes in [
            "/ws/chat/5/",
            "/chat/5/?token=x",
            "/app/websocket",
            "/socket.io/?EIO=4",
        ] {
            assert!(is_socket(yes.as_bytes()), "{yes}");
        }
        for no in ["/", "/api/chats/5/", "/news/", "/static/ws.js", "/api/x?q=1"] {
            assert!(!is_socket(no.as_bytes()), "{no}");
        }
    }
}
