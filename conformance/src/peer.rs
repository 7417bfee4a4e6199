//! One socket to the server: speaks bytes, hears frames strictly, waits with a patience that ends.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use serde_json::Value;

use crate::case::Opening;
use crate::request::{KEY, Request};
use crate::squeeze;
use crate::wire::{self, CLOSE, Heard, PONG, TEXT};

/// How long an answer may take. Machines are busy, and most answers come within a millisecond.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the server's answers to permessage-deflate are.
pub(crate) const ACCEPTED: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// Where the server is, and who may enter.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Its address.
    pub(crate) address: SocketAddr,
    /// Its process, for its memory.
    pub(crate) pid: u32,
    /// The path of a chat.
    pub(crate) path: String,
    /// An access token for it.
    pub(crate) token: String,
}

impl Place {
    /// Lets [`Place::peak`] begin anew (`clear_refs` 5, proc_pid_clear_refs(5)).
    pub(crate) fn forget_peak(&self) -> Result<(), String> {
        fs::write(format!("/proc/{}/clear_refs", self.pid), "5")
            .map_err(|error| format!("clear_refs: {error}"))
    }

    /// The most resident bytes of the server.
    pub(crate) fn peak(&self) -> Result<u64, String> {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.pid)).map_err(|error| error.to_string())?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| "no VmHWM".to_owned())
    }
}

/// What `Sec-WebSocket-Accept` must be (RFC 6455, section 4.2.2).
pub(crate) fn accept(key: &str) -> String {
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64::engine::general_purpose::STANDARD.encode(hash.digest().bytes())
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Peer {
    stream: TcpStream,
    heard: Vec<u8>,
    head: Vec<String>,
    speaks_v1: bool,
}

impl Peer {
    /// Connects, and shakes hands where the opening says so.
    pub(crate) fn open(place: &Place, opening: Opening) -> Result<Self, String> {
        let stream = TcpStream::connect_timeout(&place.address, PATIENCE)
            .map_err(|error| format!("connect: {error}"))?;
        let set = stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(PATIENCE)))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
        set.map_err(|error| error.to_string())?;
        let mut peer = Self {
            stream,
            heard: Vec::new(),
            head: Vec::new(),
            speaks_v1: opening == Opening::V1,
        };
        let request = Request::handshake(place);
        let request = match opening {
            Opening::Bare => return Ok(peer),
            Opening::Plain => request,
            Opening::V1 => request.with("Sec-WebSocket-Protocol", "charla.v1"),
            Opening::Deflate => request.with("Sec-WebSocket-Extensions", "permessage-deflate"),
        };
        let bytes = request.bytes();
        peer.send(&bytes, bytes.len())?;
        peer.expect_status(101)?;
        if peer.headers("sec-websocket-accept") != [accept(KEY)] {
            return Err("a wrong `Sec-WebSocket-Accept`".into());
        }
        let extensions = peer.headers("sec-websocket-extensions");
        match (opening, extensions.as_slice()) {
            (Opening::Deflate, [one]) if *one == ACCEPTED => Ok(peer),
            (Opening::Plain | Opening::V1, []) => Ok(peer),
            (_, other) => Err(format!("extensions {other:?}")),
        }
    }

    /// Writes everything, `size` bytes at a time.
    pub(crate) fn send(&mut self, bytes: &[u8], size: usize) -> Result<(), String> {
        for part in bytes.chunks(size.max(1)) {
            match self.stream.write_all(part) {
                Ok(()) => {}
                // Whether the server had enough of it is for the next step to say.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
                    ) =>
                {
                    return Ok(());
                }
                Err(error) => return Err(format!("write: {error}")),
            }
        }
        Ok(())
    }

    /// More bytes; false at the end.
    fn fill(&mut self) -> Result<bool, String> {
        let mut part = [0; 16 * 1024];
        match self.stream.read(&mut part) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.heard.extend(part.get(..count).unwrap_or_default());
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Err(format!("nothing came for {} s", PATIENCE.as_secs()))
            }
            Err(error) => Err(format!("the socket broke: {error}")),
        }
    }

    /// Reads an answer's head.
    pub(crate) fn expect_status(&mut self, status: u16) -> Result<(), String> {
        let end = loop {
            if let Some(end) = self.heard.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if !self.fill()? {
                return Err(format!("expected status {status}, the socket ended"));
            }
        };
        let head: Vec<u8> = self.heard.drain(..end + 4).collect();
        self.head = String::from_utf8_lossy(&head)
            .lines()
            .map(ToOwned::to_owned)
            .collect();
        let line = self.head.first().map_or("", String::as_str);
        match line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)) {
            Some(said) if said == status.to_string() => Ok(()),
            _ => Err(format!("expected status {status}, got {line:?}")),
        }
    }

    /// The values of a header of the answer.
    pub(crate) fn headers(&self, name: &str) -> Vec<String> {
        let lines = self.head.iter().filter_map(|line| line.split_once(':'));
        let named = lines.filter(|(said, _)| said.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.trim().to_owned()).collect()
    }

    /// The answer's body.
    pub(crate) fn body(&mut self) -> Result<Vec<u8>, String> {
        let length = self.headers("content-length");
        let length: usize = match length.as_slice() {
            [one] => one.parse().map_err(|_| format!("content-length {one:?}"))?,
            other => return Err(format!("content-length {other:?}")),
        };
        while self.heard.len() < length {
            if !self.fill()? {
                return Err("the body ends early".into());
            }
        }
        Ok(self.heard.drain(..length).collect())
    }

    /// The answer's body names this cause.
    pub(crate) fn expect_body_cause(&mut self, cause: &str) -> Result<(), String> {
        let body = self.body()?;
        let body: Value = serde_json::from_slice(&body).map_err(|error| format!("the body: {error}"))?;
        match body.get("cause").and_then(Value::as_str) {
            Some(said) if said == cause => Ok(()),
            said => Err(format!("expected cause {cause}, got {said:?}")),
        }
    }

    fn frame(&mut self) -> Result<Heard, String> {
        loop {
            if let Some((heard, size)) = wire::hear(&self.heard)? {
                self.heard.drain(..size);
                return Ok(heard);
            }
            if !self.fill()? {
                return Err("the socket ended without a close frame".into());
            }
        }
    }

    /// Whether the next frame is a pong; it stays the next one.
    pub(crate) fn next_is_pong(&mut self) -> Result<bool, String> {
        while self.heard.is_empty() {
            if !self.fill()? {
                return Err("the socket ended without a close frame".into());
            }
        }
        Ok(self.heard.first() == Some(&PONG))
    }

    /// The next object that the server says in a text message, and whether it was compressed.
    fn said(&mut self) -> Result<(Value, bool), String> {
        loop {
            let frame = self.frame()?;
            if frame.first != TEXT {
                return Err(format!("expected a text message, got {}", told(&frame)));
            }
            let payload = if frame.compressed {
                squeeze::inflate(&frame.payload)?
            } else {
                frame.payload
            };
            let text = String::from_utf8(payload).map_err(|_| "the server's text is not UTF-8".to_owned())?;
            let value: Value =
                serde_json::from_str(&text).map_err(|error| format!("the server's JSON: {error}"))?;
            let kind = value.get("type").and_then(Value::as_str);
            // What `charla.v1` says besides: who is here, what was stored.
            if !(self.speaks_v1 && matches!(kind, Some("welcome" | "subscribed" | "ack" | "presence"))) {
                return Ok((value, frame.compressed));
            }
        }
    }

    /// The next message says this.
    pub(crate) fn expect_message(&mut self, text: &str, compressed: Option<bool>) -> Result<(), String> {
        let (value, was_compressed) = self.said()?;
        if value.get("text").and_then(Value::as_str) != Some(text) || value.get("seq").is_none() {
            return Err(format!(
                "expected the text {:?}, got {}",
                short(text),
                short(&value.to_string())
            ));
        }
        match compressed {
            Some(expected) if expected != was_compressed => Err(format!("compressed: {was_compressed}")),
            Some(_) | None => Ok(()),
        }
    }

    /// The next thing said is an error.
    pub(crate) fn expect_error(&mut self, cause: &str) -> Result<(), String> {
        let (value, _) = self.said()?;
        match value.get("cause").and_then(Value::as_str) {
            Some(said) if said == cause => Ok(()),
            _ => Err(format!(
                "expected the error {cause}, got {}",
                short(&value.to_string())
            )),
        }
    }

    /// The next frame is a pong.
    pub(crate) fn expect_pong(&mut self, payload: &[u8]) -> Result<(), String> {
        loop {
            let frame = self.frame()?;
            if frame.first == PONG && frame.payload == payload {
                return Ok(());
            }
            if !(self.speaks_v1 && frame.first == TEXT) {
                return Err(format!(
                    "expected the pong {}, got {}",
                    bytes(payload),
                    told(&frame)
                ));
            }
        }
    }

    /// The next frame, or after some others, closes; the frame that answers it.
    pub(crate) fn expect_close(&mut self, code: Option<u16>, at_last: bool) -> Result<Vec<u8>, String> {
        let frame = loop {
            let frame = self.frame()?;
            if frame.first == CLOSE || !(at_last || self.speaks_v1) {
                break frame;
            }
        };
        let (said, reason) = match (frame.first, frame.payload.as_slice()) {
            (CLOSE, []) => (None, &[][..]),
            (CLOSE, [high, low, reason @ ..]) => (Some(u16::from_be_bytes([*high, *low])), reason),
            _ => {
                return Err(format!(
                    "expected to be closed with {code:?}, got {}",
                    told(&frame)
                ));
            }
        };
        if std::str::from_utf8(reason).is_err() {
            return Err(format!("the reason of {said:?} is not UTF-8"));
        }
        if said != code {
            let reason = String::from_utf8_lossy(reason);
            return Err(format!(
                "expected to be closed with {code:?}, got {said:?} {reason:?}"
            ));
        }
        Ok(wire::frame(CLOSE, frame.payload.get(..2).unwrap_or_default()))
    }

    /// Sends nothing more and hears nothing more.
    pub(crate) fn part(&mut self) -> Result<(), String> {
        // The server may have ended the socket already.
        let _ = self.stream.shutdown(Shutdown::Write);
        self.expect_end()
    }

    /// The socket ends without a further byte.
    pub(crate) fn expect_end(&mut self) -> Result<(), String> {
        if self.heard.is_empty() && !self.fill()? {
            return Ok(());
        }
        Err(format!("expected the end, got {}", bytes(&self.heard)))
    }

    /// Whether the server has ended the socket by now.
    pub(crate) fn has_ended(&mut self) -> Result<bool, String> {
        self.stream
            .set_nonblocking(true)
            .map_err(|error| error.to_string())?;
        let mut one = [0];
        let ended = match self.stream.peek(&mut one) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        self.stream
            .set_nonblocking(false)
            .map_err(|error| error.to_string())?;
        Ok(ended)
    }
}

fn told(frame: &Heard) -> String {
    match (frame.first, frame.payload.as_slice()) {
        (CLOSE, [high, low, reason @ ..]) => format!(
            "a close with {} {:?}",
            u16::from_be_bytes([*high, *low]),
            String::from_utf8_lossy(reason)
        ),
        (TEXT, text) => format!("the text {}", short(&String::from_utf8_lossy(text))),
        (first, payload) => format!("a frame {first:#04x} {}", bytes(payload)),
    }
}

fn short(text: &str) -> String {
    text.chars().take(160).collect()
}

fn bytes(bytes: &[u8]) -> String {
    format!("{:02x?}", bytes.get(..24).unwrap_or(bytes))
}
