//! Where a handshake is sent: a name, an address or a Unix socket, with or without TLS; and the bytes to and from there.
//!
//! Nothing here knows HTTP. A place says how far the way to it goes; what that means is for others.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::evidence::Answer;
use crate::probe::tls::{self, Trust};

/// Head start of one address before the next is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// One place that may answer a handshake.
#[derive(Debug, Clone)]
pub struct Place {
    /// The way to it.
    pub door: Door,
    /// TLS, where it is spoken there.
    pub tls: Option<Secure>,
}

/// The way to a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// By name: every address of it, as a browser tries them.
    Name(String, u16),
    /// One address.
    Address(SocketAddr),
    /// A Unix socket.
    Socket(PathBuf),
}

/// How TLS is spoken at a place.
#[derive(Debug, Clone)]
pub struct Secure {
    /// The name that the certificate must have.
    pub name: String,
    /// Who is believed.
    pub trust: Arc<Trust>,
}

/// A stream of bytes to a place: a socket, or TLS over one.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Whatever carries bytes.
pub(crate) type Wire = Box<dyn Stream>;

impl Place {
    /// A host and port, without TLS. The host may be an address, with or without brackets.
    #[must_use]
    pub fn tcp(host: &str, port: u16) -> Self {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let door = match host.parse() {
            Ok(address) => Door::Address(SocketAddr::new(address, port)),
            Err(_) => Door::Name(host.to_owned(), port),
        };
        Self { door, tls: None }
    }

    /// A Unix socket.
    #[must_use]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self {
            door: Door::Socket(path.into()),
            tls: None,
        }
    }

    /// The same place, spoken to by TLS.
    #[must_use]
    pub fn secure(mut self, name: &str, trust: &Arc<Trust>) -> Self {
        let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
        self.tls = Some(Secure {
            name,
            trust: Arc::clone(trust),
        });
        self
    }

    /// The same place, spoken to without TLS.
    #[must_use]
    pub fn plain(&self) -> Self {
        Self {
            door: self.door.clone(),
            tls: None,
        }
    }

    /// Connects, and speaks TLS where the place does. `strict` refuses a certificate that a browser would refuse.
    ///
    /// # Errors
    /// The answer that the failure amounts to.
    pub(crate) async fn connect(&self, deadline: Instant, strict: bool) -> Result<Wire, Answer> {
        let socket = self.reach(deadline).await?;
        let Some(secure) = &self.tls else {
            return Ok(socket);
        };
        let spoken = timeout_at(deadline, tls::speak(socket, secure)).await;
        let (stream, spoken) = spoken.map_err(|_| Answer::Silent)?.map_err(Answer::Tls)?;
        match spoken.refused {
            Some(why) if strict => Err(Answer::Tls(why.to_string())),
            Some(_) | None => Ok(stream),
        }
    }

    /// The socket alone.
    ///
    /// # Errors
    /// The answer that the failure amounts to.
    pub(crate) async fn reach(&self, deadline: Instant) -> Result<Wire, Answer> {
        let reached = timeout_at(deadline, self.socket()).await;
        reached
            .map_err(|_| Answer::NoConnection)?
            .map_err(|error| unreached(&error))
    }

    async fn socket(&self) -> io::Result<Wire> {
        match &self.door {
            Door::Name(host, port) => {
                let found = tokio::net::lookup_host((host.as_str(), *port)).await?;
                Ok(Box::new(reach_any(found.take(ADDRESSES_MAX).collect()).await?))
            }
            Door::Address(address) => Ok(Box::new(reach_one(*address).await?)),
            Door::Socket(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        }
    }
}

/// Tries the addresses of a name in the system's order: the next one when one fails, and beside it when it takes long.
async fn reach_any(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut untried = addresses.into_iter();
    let mut trying = JoinSet::new();
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    loop {
        let more = match untried.next() {
            Some(address) => {
                trying.spawn(reach_one(address));
                true
            }
            None if trying.is_empty() => return Err(last),
            None => false,
        };
        tokio::select! {
            Some(tried) = trying.join_next() => match tried {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => {}
            },
            () = sleep(HEAD_START), if more => {}
        }
    }
}

async fn reach_one(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // Only speeds the measurements up; a socket that refuses it still works.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

fn unreached(error: &io::Error) -> Answer {
    let kind = error.kind();
    if kind == io::ErrorKind::ConnectionRefused {
        Answer::Refused
    } else if kind == io::ErrorKind::TimedOut {
        Answer::NoConnection
    } else if kind == io::ErrorKind::ConnectionReset {
        Answer::HungUp { reset: true }
    } else {
        // No route, no such socket, not allowed, no such name: the system says it best.
        Answer::Unreachable(error.to_string())
    }
}
