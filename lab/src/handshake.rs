//! WebSocket handshakes by hand: the lab's own eyes, which know nothing of the doctor.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use charla_ground::{Failure, Outcome};

/// How long an answer may take: longer than any that comes, on a busy machine.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// How long is silence, where silence is what is meant.
pub(crate) const SILENCE: Duration = Duration::from_millis(2_500);

/// What a handshake came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nobody listens.
    Refused,
    /// Taken, and not a word.
    Silent,
    /// Taken, and dropped without a word.
    Cut,
    /// An HTTP answer: status and head.
    Http(u16, String),
}

impl Answer {
    /// In a few words.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Refused => "connection refused".to_owned(),
            Self::Silent => format!("no answer in {} s", SILENCE.as_secs_f32()),
            Self::Cut => "closed without an answer".to_owned(),
            Self::Http(_, head) => head.lines().next().unwrap_or_default().to_owned(),
        }
    }
}

/// What an open connection did next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Then {
    /// Stayed open.
    Open(String),
    /// A close frame.
    Closed(u16, String),
    /// The end without one.
    Cut,
}

/// A connection that was answered with 101.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An address, taken apart.
struct Address {
    host: String,
    socket: SocketAddr,
    path: String,
}

fn address(url: &str) -> Outcome<Address> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut sockets = authority.to_socket_addrs()?;
    let socket = sockets.find(SocketAddr::is_ipv4);
    let socket = socket.ok_or_else(|| Failure::NotStarted(format!("{authority} has no address")))?;
    Ok(Address {
        host: authority.to_owned(),
        socket,
        path: format!("/{path}"),
    })
}

/// Shakes hands as a browser does.
pub(crate) fn answer(url: &str, headers: &[(&str, &str)], within: Duration) -> Outcome<Answer> {
    Ok(match open_within(url, headers, within)? {
        Ok(_) => Answer::Http(101, "HTTP/1.1 101 Switching Protocols".to_owned()),
        Err(answer) => answer,
    })
}

/// The same, and keeps the connection if it opens.
pub(crate) fn open(url: &str, headers: &[(&str, &str)]) -> Outcome<Result<Client, Answer>> {
    open_within(url, headers, ANSWER_WITHIN)
}

fn open_within(url: &str, headers: &[(&str, &str)], within: Duration) -> Outcome<Result<Client, Answer>> {
    let address = address(url)?;
    let Ok(mut stream) = TcpStream::connect_timeout(&address.socket, within) else {
        return Ok(Err(Answer::Refused));
    };
    let scheme = if url.starts_with("wss") { "https" } else { "http" };
    let mut head = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        address.path, address.host
    );
    if !headers.iter().any(|(name, _)| *name == "Origin") {
        head += &format!("Origin: {scheme}://{}\r\n", address.host);
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    stream.set_read_timeout(Some(within))?;
    if stream.write_all(head.as_bytes()).is_err() {
        return Ok(Err(Answer::Cut));
    }
    let mut buffer = Vec::new();
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
        match some(&mut stream, &mut buffer) {
            Took::Bytes => {}
            Took::Nothing => return Ok(Err(Answer::Silent)),
            Took::End => return Ok(Err(Answer::Cut)),
        }
    };
    let head = String::from_utf8_lossy(buffer.get(..end).unwrap_or_default()).into_owned();
    buffer.drain(..end);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    match status {
        Some(101) => Ok(Ok(Client { stream, buffer })),
        Some(status) => Ok(Err(Answer::Http(status, head))),
        None => Ok(Err(Answer::Cut)),
    }
}

enum Took {
    Bytes,
    Nothing,
    End,
}

fn some(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Took {
    let mut chunk = [0; 4096];
    match stream.read(&mut chunk) {
        Ok(0) => Took::End,
        Ok(count) => {
            buffer.extend_from_slice(chunk.get(..count).unwrap_or_default());
            Took::Bytes
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Took::Nothing,
        Err(_) => Took::End,
    }
}

impl Client {
    /// What it does for at most `long`; pings are not answered. Texts are gathered.
    pub(crate) fn watch(&mut self, long: Duration) -> Outcome<Then> {
        self.watch_for("\0", long)
    }

    /// The same until it has said `words`.
    pub(crate) fn watch_for(&mut self, words: &str, long: Duration) -> Outcome<Then> {
        let deadline = Instant::now() + long;
        let mut heard = String::new();
        loop {
            while let Some((kind, payload)) = self.frame() {
                match kind {
                    1 => heard += &String::from_utf8_lossy(&payload),
                    8 => {
                        let code = payload.get(..2).map_or(1005, |code| {
                            code.iter().fold(0, |sum, byte| sum * 256 + u16::from(*byte))
                        });
                        let reason = payload.get(2..).unwrap_or_default();
                        return Ok(Then::Closed(code, String::from_utf8_lossy(reason).into_owned()));
                    }
                    _ => {}
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || heard.contains(words) {
                return Ok(Then::Open(heard));
            }
            self.stream.set_read_timeout(Some(left))?;
            match some(&mut self.stream, &mut self.buffer) {
                Took::Bytes => {}
                Took::Nothing => return Ok(Then::Open(heard)),
                Took::End => return Ok(Then::Cut),
            }
        }
    }

    /// Takes a whole frame off the front: its opcode and payload.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let kind = self.buffer.first()? & 15;
        let (start, length) = match self.buffer.get(1)? & 127 {
            126 => (
                4,
                usize::from(u16::from_be_bytes([*self.buffer.get(2)?, *self.buffer.get(3)?])),
            ),
            // The lab's servers say nothing that long.
            127 => return None,
            short => (2, usize::from(short)),
        };
        let payload = self.buffer.get(start..start + length)?.to_vec();
        self.buffer.drain(..start + length);
        Some((kind, payload))
    }

    /// Says a short text, masked with zeros.
    pub(crate) fn say(&mut self, text: &str) -> Outcome<()> {
        let mut frame = vec![0x81];
        match u8::try_from(text.len()) {
            Ok(short) if short < 126 => frame.push(0x80 | short),
            _ => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        Ok(self.stream.write_all(&frame)?)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
