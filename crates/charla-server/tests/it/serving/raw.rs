//! A TCP client that writes what it is told and reads what comes: [`Raw`].

use std::net::{IpAddr, SocketAddr};

use charla_wire::codec::{Header, Opcode, accept_key, deflate, masked};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::soon;

/// A key as good as any: nobody counts on its being random.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const MASK: [u8; 4] = [0x5a, 0x01, 0xfe, 0x33];

/// A socket, and what was read of it beyond what was asked.
pub(crate) struct Raw {
    pub(crate) socket: TcpStream,
    unread: Vec<u8>,
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let line = self.headers.iter().find(|(other, _)| other == name);
        line.map(|(_, value)| &**value)
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// One request over a connection of its own.
pub(crate) async fn http(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> Reply {
    let mut raw = Raw::open(address).await;
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n{lines}\r\n",
        body.len()
    );
    raw.write(head.as_bytes()).await;
    raw.write(body).await;
    raw.reply().await
}

/// The lines of an upgrade but the first, without the empty one at the end.
pub(crate) fn upgrade_lines() -> String {
    format!(
        "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n\
         Sec-WebSocket-Version: 13\r\n"
    )
}

/// A client's frame with its first byte as told: opcode, FIN and the reserved bits.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = masked(Opcode::Text, MASK, payload).to_vec();
    bytes[0] = first;
    bytes
}

/// A client's text frame.
pub(crate) fn text(payload: &str) -> Vec<u8> {
    frame(0x81, payload.as_bytes())
}

impl Raw {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let socket = soon("connect", TcpStream::connect(address)).await.unwrap();
        Self::over(socket)
    }

    /// Connects from one of the machine's own addresses, so that tests do not use up each other's numbers.
    pub(crate) async fn open_from(from: IpAddr, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        Self::over(soon("connect", socket.connect(address)).await.unwrap())
    }

    fn over(socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        Self {
            socket,
            unread: Vec::new(),
        }
    }

    /// Says something in JSON.
    pub(crate) async fn say(&mut self, frame: &Value) {
        self.write(&text(&frame.to_string())).await;
    }

    /// Writes; that the server has hung up meanwhile is no fault.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let _ = soon("write", self.socket.write_all(bytes)).await;
    }

    /// Asks for an upgrade; more header lines as `"name: value"`.
    pub(crate) async fn ask_upgrade(&mut self, path: &str, headers: &[&str]) {
        let more: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let head = format!("GET {path} HTTP/1.1\r\n{}{more}\r\n", upgrade_lines());
        self.write(head.as_bytes()).await;
    }

    /// Asks for an upgrade and gets it; the answer's head.
    pub(crate) async fn upgrade(&mut self, path: &str, headers: &[&str]) -> Reply {
        self.ask_upgrade(path, headers).await;
        self.switched().await
    }

    /// The answer to an upgrade that was asked for.
    pub(crate) async fn switched(&mut self) -> Reply {
        let reply = self.reply().await;
        assert_eq!(reply.status, 101, "{}", String::from_utf8_lossy(&reply.body));
        assert_eq!(reply.header("sec-websocket-accept"), Some(&*accept_key(KEY)));
        reply
    }

    /// Reads more; false at the end, whether the server hung up or reset.
    pub(crate) async fn more(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        let count = soon("something to read", self.socket.read(&mut buffer)).await;
        let count = count.unwrap_or(0);
        self.unread.extend_from_slice(&buffer[..count]);
        count > 0
    }

    /// Everything until the server hangs up.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.unread)
    }

    /// An HTTP answer; its body by its length, or up to the end.
    pub(crate) async fn reply(&mut self) -> Reply {
        let end = loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            let heard = String::from_utf8_lossy(&self.unread).into_owned();
            assert!(self.more().await, "hung up without an answer, after {heard:?}");
        };
        let head: Vec<u8> = self.unread.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut reply = Reply {
            status,
            headers,
            body: Vec::new(),
        };
        let length: Option<usize> = reply
            .header("content-length")
            .map(|length| length.parse().unwrap());
        match (status, length) {
            (100..=199 | 204 | 304, _) => {}
            (_, Some(length)) => {
                while self.unread.len() < length && self.more().await {}
                reply.body = self.unread.drain(..length.min(self.unread.len())).collect();
            }
            (_, None) if reply.header("transfer-encoding").is_some() => {
                reply.body = chunks(&self.rest().await);
            }
            (_, None) => reply.body = self.rest().await,
        }
        reply
    }

    /// The next frame: its first byte and payload, inflated where it is deflated; `None` at the end.
    pub(crate) async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some(header) = Header::parse(&self.unread).unwrap() {
                let end = header.size + usize::try_from(header.length).unwrap();
                if let Some(payload) = self.unread.get(header.size..end) {
                    assert_eq!(header.mask, None, "a server does not mask");
                    let first = self.unread[0];
                    let payload = if header.compressed {
                        deflate::inflate(payload, 1 << 20).unwrap()
                    } else {
                        payload.to_vec()
                    };
                    self.unread.drain(..end);
                    return Some((first, payload));
                }
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// The next text frame as JSON, or how the connection ended: code and reason (1006 without a close frame).
    pub(crate) async fn hear(&mut self) -> Result<Value, (u16, String)> {
        loop {
            match self.frame().await {
                Some((first, payload)) if first & 0x0f == 1 => {
                    return Ok(serde_json::from_slice(&payload).unwrap());
                }
                Some((0x88, payload)) => return Err(close_words(&payload)),
                Some((0x89 | 0x8a, _)) => {}
                Some((first, payload)) => panic!("nobody sends this: {first:02x} {payload:?}"),
                None => return Err((1006, "no close frame".into())),
            }
        }
    }

    /// The next frame of a type; others before it are passed over.
    pub(crate) async fn next_of(&mut self, kind: &str) -> Value {
        self.next_of_either(kind, kind).await
    }

    /// The next frame of one of two types.
    pub(crate) async fn next_of_either(&mut self, one: &str, other: &str) -> Value {
        loop {
            match self.hear().await {
                Ok(frame) if frame["type"] == one || frame["type"] == other => return frame,
                Ok(_) => {}
                Err((code, reason)) => panic!("closed with {code} {reason} before `{one}` or `{other}`"),
            }
        }
    }

    /// How the connection ends; frames before are passed over.
    pub(crate) async fn end(&mut self) -> (u16, String) {
        loop {
            if let Err(end) = self.hear().await {
                return end;
            }
        }
    }
}

fn close_words(payload: &[u8]) -> (u16, String) {
    match payload {
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            (code, String::from_utf8(reason.to_vec()).unwrap())
        }
        _ => (1005, String::new()),
    }
}

/// A chunked body put together (RFC 9112, section 7.1).
fn chunks(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(line) = body.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&body[..line]).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        let from = line + 2;
        whole.extend_from_slice(&body[from..from + size]);
        body = &body[from + size + 2..];
    }
    whole
}
