//! What clients tell: browsers' consoles, the guide's and Charla's front ends, wscat, curl, Python's `websockets`.
//!
//! A handshake is counted when its end is told: a failure's line, an open, or a close without an open before it.

use charla_wire::{Cause, cause::parse_close_reason};

use super::{Line, Source, number_after, number_at, quote, shell::Command};
use crate::evidence::SourceKind;
use crate::explain::Sums;
use crate::explain::clock::Stamp;
use crate::explain::held::Place;
use crate::explain::needle::{after, any, needle, needles};
use crate::explain::words::{Hits, Mark};
use crate::signs::Sign;

/// Where the socket that is told of stands. Several at once are told apart by nobody's console.
#[derive(Debug, Default, Clone, Copy)]
enum Socket {
    #[default]
    None,
    /// Begun, with its token's hash.
    Opening(Option<u64>),
    /// Its failure was told already; a close may follow.
    Failed,
    /// Open since.
    Open(Option<Stamp>),
}

/// The clients of a source.
#[derive(Debug, Default)]
pub(super) struct Clients {
    socket: Socket,
    /// The last address that was dialled.
    port: Option<u16>,
    kind: SourceKind,
}

impl Source {
    pub(super) fn client(&mut self, kind: SourceKind, line: Line<'_>, hits: &Hits, sums: &mut Sums) {
        self.clients.kind = kind;
        if hits.has(Mark::Address) && !hits.has(Mark::Payload) {
            self.clients.port = tried(line, sums).or(self.clients.port);
        }
        if hits.has(Mark::Opening) {
            self.clients.socket = Socket::Opening(sums.tokens.of(line.text));
            return;
        }
        if hits.has(Mark::Opened) {
            let token = self.token();
            self.clients.socket = Socket::Open(line.at);
            self.attempt(kind, 101, token, line, sums);
            return;
        }
        if let Some(status) = failure(line.text, hits, self.shell.command) {
            let after_open = matches!(self.clients.socket, Socket::Open(_)) && breaks_an_open_one(hits);
            if !after_open && !matches!(self.clients.socket, Socket::Failed) {
                let token = sums.tokens.of(line.text).or_else(|| self.token());
                self.clients.socket = if status == 101 {
                    Socket::Open(line.at)
                } else {
                    Socket::Failed
                };
                self.attempt(kind, status, token, line, sums);
                self.refused(line, hits, sums);
            }
            if is_timeout(line.text) {
                sums.unanswered.add(line.text, line.place);
            }
        }
        if hits.has(Mark::Closed) {
            self.closed(kind, line, sums);
        }
    }

    fn token(&self) -> Option<u64> {
        match self.clients.socket {
            Socket::Opening(token) => token,
            Socket::None | Socket::Failed | Socket::Open(_) => None,
        }
    }

    fn closed(&mut self, kind: SourceKind, line: Line<'_>, sums: &mut Sums) {
        let Some(code) = code(line.text) else { return };
        *sums.closes.entry(code).or_default() += 1;
        if let Some((cause, _)) = reason(line.text).and_then(|reason| parse_close_reason(reason)) {
            sums.causes
                .entry(cause.id())
                .or_default()
                .add(line.text, line.place);
        }
        match std::mem::take(&mut self.clients.socket) {
            Socket::Open(since) => {
                let lived = match (since, line.at) {
                    (Some(Stamp::At(since)), Some(Stamp::At(at)))
                    | (Some(Stamp::Since(since)), Some(Stamp::Since(at))) => {
                        Some(at - since).filter(|lived| *lived >= 0.0)
                    }
                    _ => None,
                };
                self.lives.entry(kind).or_default().ended(lived, line.at);
                if code == 1006 {
                    sums.dropped.add(line.text, line.place);
                }
            }
            Socket::Opening(token) => self.attempt(kind, 0, token, line, sums),
            Socket::None | Socket::Failed => {}
        }
    }

    fn refused(&mut self, line: Line<'_>, hits: &Hits, sums: &mut Sums) {
        if !hits.has(Mark::Refused) && !hits.signs.contains(&Sign::BrowserRefused) {
            return;
        }
        if let Some(port) = refused_port(line.text).or(self.clients.port) {
            sums.ports.refused.entry(port).or_insert_with(|| quote(line));
        }
    }

    /// What was begun and never ended, was never answered.
    pub(super) fn end_clients(&mut self, place: Place<'_>, sums: &mut Sums) {
        if let Socket::Opening(token) = std::mem::take(&mut self.clients.socket) {
            let line = Line {
                text: b"(no answer until the end of the text)",
                at: None,
                place,
            };
            self.attempt(self.clients.kind, 0, token, line, sums);
            sums.unanswered.add(line.text, place);
        }
        self.clients.port = None;
    }
}

/// The status of a handshake that a line says failed (or, from curl's head, went through); 0: none.
fn failure(text: &[u8], hits: &Hits, command: Command) -> Option<u16> {
    for before in needles![
        b"Unexpected response code: ",
        b"Unexpected server response: ",
        b"server rejected WebSocket connection: HTTP "
    ] {
        if let Some(status) = number_after(text, before) {
            return Some(status);
        }
    }
    if needle!(b"HTTP Authentication failed").find(text).is_some() {
        return Some(401);
    }
    if needle!(b"before the connection is established")
        .find(text)
        .is_some()
    {
        return None;
    }
    if hits.has(Mark::Head) && text.starts_with(b"HTTP/") {
        let status = number_at(text.get(9..)?)?;
        return (status == 101 || command == Command::Handshake).then_some(status);
    }
    if let Some(rest) = after(text, needle!(b"curl: (")) {
        let code = number_at(rest)?;
        // 28 after an open one: curl's own limit.
        let nothing = needle!(b" 0 bytes received").find(text).is_some();
        return (code != 28 || nothing).then_some(0);
    }
    let told = hits.has(Mark::Failed) || any(text, needles![b"error: connect E", b"error: socket hang up"]);
    told.then_some(0)
}

/// Chromium tells of broken frames with the words of a failed connection.
fn breaks_an_open_one(hits: &Hits) -> bool {
    let frames = [Sign::InvalidUtf8, Sign::ProtocolError, Sign::MessageTooBig];
    frames.iter().any(|sign| hits.signs.contains(sign))
}

fn is_timeout(text: &[u8]) -> bool {
    let words = needles![
        b"WebSocket opening handshake timed out",
        b"timed out during opening handshake",
        b" 0 bytes received"
    ];
    any(text, words)
}

/// The close code in a line: `"code":1006`, `code: 1006`, `code=1006`, `received 1011 (`.
pub(super) fn code(text: &[u8]) -> Option<u16> {
    if needle!(b"no close frame received or sent").find(text).is_some() {
        return Some(1006);
    }
    let known = |code: &u16| (1_000..5_000).contains(code);
    if let Some(code) = number_after(text, needle!(b" received ")).filter(known) {
        return Some(code);
    }
    needle!(b"code").find_iter(text).find_map(|at| {
        let rest = text.get(at + 4..)?;
        let gap = rest
            .iter()
            .take(4)
            .take_while(|byte| matches!(byte, b'"' | b':' | b'=' | b' '))
            .count();
        number_at(rest.get(gap..)?).filter(known)
    })
}

/// The reason of a close, as consoles and wscat show it.
fn reason(text: &[u8]) -> Option<&str> {
    let names = needles![b"\"reason\":\"", b"reason: \"", b"reason: '", b"reason='"];
    let named = names.iter().find_map(|name| after(text, name));
    // Python: `received 4401 (private use) token_invalid; then sent ...`
    let rest = named.or_else(|| after(text, needle!(b"(private use) ")))?;
    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\'' | b';'));
    std::str::from_utf8(end.and_then(|end| rest.get(..end)).unwrap_or(rest)).ok()
}

/// Notes the port of a WebSocket's address, if the line has one.
pub(super) fn tried(line: Line<'_>, sums: &mut Sums) -> Option<u16> {
    let port = port_of(line.text)?;
    sums.ports.tried.entry(port).or_insert_with(|| quote(line));
    Some(port)
}

/// The port of the first address in a text, its scheme's own where none is written.
pub(super) fn port_of(text: &[u8]) -> Option<u16> {
    let schemes = [
        (needle!(b"ws://"), 80),
        (needle!(b"wss://"), 443),
        (needle!(b"http://"), 80),
        (needle!(b"https://"), 443),
    ];
    let found = schemes
        .iter()
        .filter_map(|(scheme, port)| Some((after(text, scheme)?, *port)));
    let (rest, default) = found.max_by_key(|(rest, _)| rest.len())?;
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'\'' | b'"' | b' ' | b','));
    let authority = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
    let host_end = authority.iter().rposition(|byte| *byte == b']').unwrap_or(0);
    let colon = authority
        .iter()
        .rposition(|byte| *byte == b':')
        .filter(|at| *at > host_end);
    Some(
        colon
            .and_then(|at| number_at(authority.get(at + 1..)?))
            .unwrap_or(default),
    )
}

/// `ECONNREFUSED 127.0.0.1:9001`, `port 9001`, `('127.0.0.1', 9001)`.
fn refused_port(text: &[u8]) -> Option<u16> {
    if let Some(port) = number_after(text, needle!(b" port ")) {
        return Some(port);
    }
    if let Some(rest) = after(text, needle!(b"ECONNREFUSED ")) {
        let end = rest
            .iter()
            .position(u8::is_ascii_whitespace)
            .unwrap_or(rest.len());
        let address = rest.get(..end)?;
        let colon = address.iter().rposition(|byte| *byte == b':')?;
        return number_at(address.get(colon + 1..)?);
    }
    if needle!(b"Connect call failed (").find(text).is_some() {
        return number_after(text, needle!(b"', "));
    }
    port_of(text)
}

/// Causes by their ids: `cause=token_expired`, `"cause":"token_expired"`, `↳ The token has expired (token_expired).`
pub(super) fn causes(line: Line<'_>, sums: &mut Sums) {
    let mut told: Vec<&'static str> = Vec::new();
    for name in needles![b"cause=\"", b"cause=", b"\"cause\":\"", b"\"cause\": \""] {
        for at in name.find_iter(line.text) {
            let id = line.text.get(at + name.needle().len()..).and_then(id);
            told.extend(id.filter(|id| !told.contains(id)));
        }
    }
    if needle!("↳ ".as_bytes()).find(line.text).is_some() {
        for at in memchr::memchr_iter(b'(', line.text) {
            told.extend(
                line.text
                    .get(at + 1..)
                    .and_then(id)
                    .filter(|id| !told.contains(id)),
            );
        }
    }
    for id in told {
        sums.causes.entry(id).or_default().add(line.text, line.place);
    }
}

fn id(text: &[u8]) -> Option<&'static str> {
    let length = text
        .iter()
        .take(64)
        .take_while(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || **byte == b'_')
        .count();
    let word = std::str::from_utf8(text.get(..length)?).ok()?;
    Cause::from_id(word).map(Cause::id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_reasons_are_read() {
        let rows: [(&str, Option<u16>, Option<&str>); 8] = [
            (
                r#"+1ms event onclose {"code":1006,"reason":"","wasClean":false}"#,
                Some(1006),
                Some(""),
            ),
            (
                "🔌 WebSocket cerrado: {code: 4401, reason: 'token_expired: 3 min', intento: 1}",
                Some(4401),
                Some("token_expired: 3 min"),
            ),
            (
                r#"Disconnected (code: 4403, reason: "not_a_member")"#,
                Some(4403),
                Some("not_a_member"),
            ),
            (
                "x CLOSED y: received 4401 (private use) token_invalid; then sent 4401 (private use)",
                Some(4401),
                Some("token_invalid"),
            ),
            ("x CLOSED y: no close frame received or sent", Some(1006), None),
            (
                "INFO chat.consumers Desconectado chat 5 code=1005",
                Some(1005),
                None,
            ),
            (
                "CloseEvent {isTrusted: true, wasClean: false, code: 1006, reason: ''}",
                Some(1006),
                Some(""),
            ),
            ("a code 7 of no close", None, None),
        ];
        for (text, expected, why) in rows {
            assert_eq!(code(text.as_bytes()), expected, "{text}");
            assert_eq!(reason(text.as_bytes()), why, "{text}");
        }
    }

    #[test]
    fn ports_are_read() {
        let rows = [
            ("new WebSocket('ws://127.0.0.1:9001/ws/')", Some(9001)),
            ("wss://chat.example.org/ws/?token=a:1", Some(443)),
            ("ws://[::1]/ws", Some(80)),
            ("ws://[::1]:8000/ws", Some(8000)),
            ("nothing", None),
        ];
        for (text, port) in rows {
            assert_eq!(port_of(text.as_bytes()), port, "{text}");
        }
        assert_eq!(refused_port(b"error: connect ECONNREFUSED ::1:9001"), Some(9001));
        assert_eq!(
            refused_port(b"[Errno 111] Connect call failed ('127.0.0.1', 9001)"),
            Some(9001)
        );
        assert_eq!(
            refused_port(b"curl: (7) Failed to connect to 127.0.0.1 port 9001 after 0 ms"),
            Some(9001)
        );
    }
}
