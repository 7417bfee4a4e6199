//! One connection to a Redis: RESP2 over TCP, TLS or a Unix socket, as much of it as a doctor needs.
//!
//! It has no time limits of its own: callers have them. What it reads is bounded, whatever the peer sends.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use charla_trust::tls;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream, lookup_host};

use super::address::{Address, Place, Trust};
use crate::evidence::RedisAnswer;

/// Longer answers are not read: `CLIENT LIST` of some thousand clients is less.
const ANSWER_BYTES: usize = 8 << 20;
/// More elements are not read.
const ELEMENTS: usize = 20_000;
/// Arrays in arrays in arrays.
const DEPTH: u32 = 6;
/// Where this machine keeps the authorities that OpenSSL, and so Python, believes.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What Redis answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// `+OK`.
    Status(String),
    /// `-ERR ...`.
    Error(String),
    /// `:1`.
    Integer(i64),
    /// `$3`; bytes that are no UTF-8 are replaced.
    Bulk(Option<String>),
    /// `*2`.
    Array(Option<Vec<Self>>),
}

impl Reply {
    /// The text of it, where it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Status(text) | Self::Bulk(Some(text)) => Some(text),
            Self::Error(_) | Self::Integer(_) | Self::Bulk(None) | Self::Array(_) => None,
        }
    }

    /// The number of it, where it is one.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => u64::try_from(*number).ok(),
            Self::Status(_) | Self::Error(_) | Self::Bulk(_) | Self::Array(_) => None,
        }
    }

    /// The elements of it; none for anything else.
    pub(super) fn elements(&self) -> &[Self] {
        match self {
            Self::Array(Some(elements)) => elements,
            Self::Status(_) | Self::Error(_) | Self::Integer(_) | Self::Bulk(_) | Self::Array(None) => &[],
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection; its end is its drop.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    read: Vec<u8>,
}

impl Connection {
    /// Connects to the first address that accepts, as redis-py does.
    ///
    /// # Errors
    /// How far it went.
    pub(super) async fn open(address: &Address) -> Result<Self, RedisAnswer> {
        Self::open_noting(address, &AtomicBool::new(false)).await
    }

    /// The same, and notes when it was reached: what comes then is TLS.
    ///
    /// # Errors
    /// How far it went.
    pub(super) async fn open_noting(address: &Address, reached: &AtomicBool) -> Result<Self, RedisAnswer> {
        let stream: Box<dyn Stream> = match &address.place {
            Place::Unix(path) => {
                let stream = UnixStream::connect(path).await;
                Box::new(stream.map_err(|error| RedisAnswer::Unreachable(error.to_string()))?)
            }
            Place::Tcp { host, port, tls } => {
                let stream = tcp(host, *port).await?;
                reached.store(true, Ordering::Relaxed);
                match tls {
                    None => Box::new(stream),
                    Some(trust) => Box::new(under_tls(stream, host, trust).await?),
                }
            }
        };
        Ok(Self {
            stream,
            read: Vec::new(),
        })
    }

    /// Sends one command and waits for its answer.
    ///
    /// # Errors
    /// It hung up, or is no Redis.
    pub(super) async fn ask(&mut self, words: &[&str]) -> Result<Reply, RedisAnswer> {
        // A server that turns clients away writes its reason and hangs up: the reason is read all the same.
        let sent = self.stream.write_all(&command(words)).await;
        match self.answer().await {
            Err(RedisAnswer::HungUp) if sent.is_err() => Err(RedisAnswer::HungUp),
            answer => answer,
        }
    }

    /// Sends some commands at once and waits for their answers.
    ///
    /// # Errors
    /// As [`Connection::ask`].
    pub(super) async fn ask_all(&mut self, commands: &[Vec<&str>]) -> Result<Vec<Reply>, RedisAnswer> {
        let bytes: Vec<u8> = commands.iter().flat_map(|words| command(words)).collect();
        self.stream
            .write_all(&bytes)
            .await
            .map_err(|_| RedisAnswer::HungUp)?;
        let mut replies = Vec::with_capacity(commands.len());
        for _ in commands {
            replies.push(self.answer().await?);
        }
        Ok(replies)
    }

    /// The next answer, or what was published.
    ///
    /// # Errors
    /// As [`Connection::ask`].
    pub(super) async fn answer(&mut self) -> Result<Reply, RedisAnswer> {
        loop {
            match parse(&self.read, 0) {
                Parsed::Whole(reply, length) => {
                    self.read.drain(..length);
                    return Ok(reply);
                }
                Parsed::More if self.read.len() > ANSWER_BYTES => {
                    return Err(RedisAnswer::NotRedis("an answer without end".into()));
                }
                Parsed::More => {}
                Parsed::Wrong => return Err(RedisAnswer::NotRedis(beginning(&self.read))),
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk).await {
                Ok(0) | Err(_) if self.read.is_empty() => return Err(RedisAnswer::HungUp),
                Ok(0) | Err(_) => return Err(RedisAnswer::NotRedis(beginning(&self.read))),
                Ok(length) => self.read.extend(chunk.iter().take(length)),
            }
        }
    }

    /// Says goodbye.
    pub(super) async fn close(mut self) {
        // Nothing hangs on it: Redis forgets a client that is gone.
        let _ = self.stream.write_all(&command(&["QUIT"])).await;
        let _ = self.stream.shutdown().await;
    }
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, RedisAnswer> {
    let found = lookup_host((host, port)).await;
    let addresses = found.map_err(|error| RedisAnswer::NoName(error.to_string()))?;
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(match last {
        Some(error) => RedisAnswer::Unreachable(error.to_string()),
        None => RedisAnswer::NoName("no address".into()),
    })
}

async fn under_tls(
    stream: TcpStream,
    host: &str,
    trust: &Trust,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, RedisAnswer> {
    let config = config(trust).map_err(RedisAnswer::Tls)?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| RedisAnswer::Tls(error.to_string()))?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let connected = connector.connect(name, stream).await;
    connected.map_err(|error| {
        if error.kind() == io::ErrorKind::UnexpectedEof || error.kind() == io::ErrorKind::ConnectionReset {
            RedisAnswer::Tls("the peer hung up in the TLS handshake".into())
        } else {
            RedisAnswer::Tls(error.to_string())
        }
    })
}

fn config(trust: &Trust) -> Result<rustls::ClientConfig, String> {
    // The application was told so (`ssl_cert_reqs=none`): the doctor then sees what it sees.
    if trust.anything {
        return Ok(tls::anybody());
    }
    let mut roots = tls::browsers();
    let given = trust.authorities.as_deref();
    let file = given.unwrap_or_else(|| std::path::Path::new(SYSTEM_AUTHORITIES));
    match CertificateDer::pem_file_iter(file) {
        Ok(certificates) => roots.add_parsable_certificates(certificates.flatten()),
        Err(error) if given.is_some() => return Err(format!("{}: {error}", file.display())),
        Err(_) => (0, 0),
    };
    Ok(tls::believing(roots).with_no_client_auth())
}

fn command(words: &[&str]) -> Vec<u8> {
    let mut text = format!("*{}\r\n", words.len());
    for word in words {
        // Writing to a string does not fail.
        let _ = write!(text, "${}\r\n{word}\r\n", word.len());
    }
    text.into_bytes()
}

fn beginning(bytes: &[u8]) -> String {
    let bytes: Vec<u8> = bytes.iter().copied().take(60).collect();
    let text = String::from_utf8_lossy(&bytes);
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .trim()
        .to_owned()
}

#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    Whole(Reply, usize),
    More,
    Wrong,
}

fn parse(bytes: &[u8], depth: u32) -> Parsed {
    let Some((kind, rest)) = bytes.split_first() else {
        return Parsed::More;
    };
    if !b"+-:$*".contains(kind) || depth > DEPTH {
        return Parsed::Wrong;
    }
    let Some(end) = memchr::memmem::find(rest, b"\r\n") else {
        return if rest.len() > 64 * 1024 {
            Parsed::Wrong
        } else {
            Parsed::More
        };
    };
    let line = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
    let after = 1 + end + 2;
    match kind {
        b'+' => Parsed::Whole(Reply::Status(line), after),
        b'-' => Parsed::Whole(Reply::Error(line), after),
        b':' => line.parse().map_or(Parsed::Wrong, |number| {
            Parsed::Whole(Reply::Integer(number), after)
        }),
        b'$' => bulk(bytes, &line, after),
        _ => array(bytes, &line, after, depth),
    }
}

fn bulk(bytes: &[u8], line: &str, after: usize) -> Parsed {
    if line == "-1" {
        return Parsed::Whole(Reply::Bulk(None), after);
    }
    let Some(length) = line
        .parse::<usize>()
        .ok()
        .filter(|length| *length <= ANSWER_BYTES)
    else {
        return Parsed::Wrong;
    };
    match bytes.get(after..after + length + 2) {
        Some(found) => {
            let text = String::from_utf8_lossy(found.get(..length).unwrap_or_default());
            Parsed::Whole(Reply::Bulk(Some(text.into_owned())), after + length + 2)
        }
        None => Parsed::More,
    }
}

fn array(bytes: &[u8], line: &str, after: usize, depth: u32) -> Parsed {
    if line == "-1" {
        return Parsed::Whole(Reply::Array(None), after);
    }
    let Some(count) = line.parse::<usize>().ok().filter(|count| *count <= ELEMENTS) else {
        return Parsed::Wrong;
    };
    let mut elements = Vec::new();
    let mut at = after;
    for _ in 0..count {
        match parse(bytes.get(at..).unwrap_or_default(), depth + 1) {
            Parsed::Whole(reply, length) => {
                elements.push(reply);
                at += length;
            }
            other @ (Parsed::More | Parsed::Wrong) => return other,
        }
    }
    Parsed::Whole(Reply::Array(Some(elements)), at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whole_or_waited_for() {
        let text = |text: &str| Reply::Bulk(Some(text.into()));
        let whole = "*3\r\n$1\r\na\r\n:7\r\n*1\r\n$-1\r\n";
        let reply = Reply::Array(Some(vec![
            text("a"),
            Reply::Integer(7),
            Reply::Array(Some(vec![Reply::Bulk(None)])),
        ]));
        assert_eq!(parse(whole.as_bytes(), 0), Parsed::Whole(reply, whole.len()));
        for length in 0..whole.len() {
            assert_eq!(parse(&whole.as_bytes()[..length], 0), Parsed::More, "{length}");
        }
        let error = Reply::Error("ERR max number of clients reached".into());
        assert_eq!(
            parse(b"-ERR max number of clients reached\r\n+", 0),
            Parsed::Whole(error, 36)
        );
    }

    #[test]
    fn what_is_no_answer_is_told_at_once() {
        for text in [
            "HTTP/1.1 400 Bad Request\r\n",
            "$9999999999\r\n",
            "*99999999\r\n",
            ":x\r\n",
        ] {
            assert_eq!(parse(text.as_bytes(), 0), Parsed::Wrong, "{text}");
        }
        assert_eq!(parse("*1\r\n".repeat(20).as_bytes(), 0), Parsed::Wrong);
        assert_eq!(
            beginning(b"HTTP/1.1 400 Bad Request\r\nServer: x"),
            "HTTP/1.1 400 Bad Request  Server: x"
        );
    }
}
