//! The way to a server: name, address, proxy and TLS, up to the stream over which HTTP is spoken.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::address::Address;
use crate::proxy::{Proxies, Proxy};
use crate::tls::{self, AuthorityError};
use crate::transport::ConnectError;

/// Head start of one address before the next is tried beside it (RFC 8305, 5: Connection Attempt Delay).
const HEAD_START: Duration = Duration::from_millis(250);

/// Packets that nobody answers are given up before the whole attempt is: a host that is away is told from one that hangs.
const REACH_WITHIN: Duration = Duration::from_secs(7);

/// A stream of bytes to a server: a socket, or TLS over one.
pub trait Stream: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin> Stream for S {}

/// How this machine reaches servers: whom it believes and through which proxy it goes. Cheap to clone.
#[derive(Clone)]
pub struct Dialer {
    tls: Arc<ClientConfig>,
    proxies: Arc<Proxies>,
}

impl Dialer {
    /// With the authorities that browsers believe, through the proxies that the environment names.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tls: tls::built_in(),
            proxies: Arc::new(Proxies::of_environment(|name| std::env::var(name).ok())),
        }
    }

    /// Believing the authorities in a PEM file besides.
    ///
    /// # Errors
    /// [`AuthorityError`] when the file cannot be used.
    pub fn with_authorities(mut self, file: &Path) -> Result<Self, AuthorityError> {
        self.tls = tls::with_file(file)?;
        Ok(self)
    }

    /// Through these proxies, whatever the environment says.
    #[must_use]
    pub fn with_proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = Arc::new(proxies);
        self
    }

    /// A stream to the server at an address.
    ///
    /// # Errors
    /// [`ConnectError`], by how far it came.
    pub async fn dial(&self, address: &Address) -> Result<Box<dyn Stream>, ConnectError> {
        let endpoint = address.endpoint();
        let socket = match self.proxies.for_address(address) {
            Some(proxy) => through(proxy, &endpoint).await?,
            None => reach(&endpoint).await?,
        };
        if !address.secure() {
            return Ok(Box::new(socket));
        }
        let host = endpoint.rsplit_once(':').map_or("", |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(|error| ConnectError::Tls {
            said: error.to_string(),
            cause: None,
        })?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        match connector.connect(name, socket).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(ConnectError::Tls {
                cause: tls::cause(&error),
                said: error.to_string(),
            }),
            Err(error) => Err(ConnectError::Cut {
                host: endpoint,
                error,
            }),
        }
    }
}

impl Default for Dialer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer")
            .field("proxies", &self.proxies)
            .finish_non_exhaustive()
    }
}

async fn through(proxy: &Proxy, endpoint: &str) -> Result<TcpStream, ConnectError> {
    let mut socket = reach(proxy.endpoint())
        .await
        .map_err(|error| ConnectError::Proxy {
            proxy: proxy.endpoint().to_owned(),
            status: None,
            said: error.to_string(),
        })?;
    proxy.tunnel(&mut socket, endpoint).await?;
    Ok(socket)
}

async fn reach(endpoint: &str) -> Result<TcpStream, ConnectError> {
    let tried = timeout(REACH_WITHIN, reach_any(endpoint)).await;
    tried.unwrap_or_else(|_| {
        Err(ConnectError::Reach {
            host: endpoint.to_owned(),
            error: io::ErrorKind::TimedOut.into(),
        })
    })
}

/// Tries the addresses of a name, IPv6 and IPv4 by turns: the next one when one fails, and beside it when it takes long.
async fn reach_any(endpoint: &str) -> Result<TcpStream, ConnectError> {
    let resolve = |error| ConnectError::Resolve {
        host: endpoint.to_owned(),
        error,
    };
    let found = tokio::net::lookup_host(endpoint).await.map_err(resolve)?;
    let mut untried = by_turns(found);
    let mut trying = FuturesUnordered::new();
    let mut last = None;
    while let Some(address) = untried.pop_front() {
        trying.push(TcpStream::connect(address));
        while !trying.is_empty() {
            let head_start = sleep(HEAD_START);
            tokio::select! {
                Some(tried) = trying.next() => match tried {
                    Ok(socket) => {
                        // A chat's frames are small, and each waits for a reader. Without it they are only later.
                        let _ = socket.set_nodelay(true);
                        return Ok(socket);
                    }
                    Err(error) => {
                        last = Some(error);
                        if !untried.is_empty() {
                            break;
                        }
                    }
                },
                () = head_start, if !untried.is_empty() => break,
            }
        }
    }
    match last {
        Some(error) => Err(ConnectError::Reach {
            host: endpoint.to_owned(),
            error,
        }),
        None => Err(resolve(io::ErrorKind::NotFound.into())),
    }
}

/// The system's order, the families alternating.
fn by_turns(addresses: impl Iterator<Item = SocketAddr>) -> VecDeque<SocketAddr> {
    let addresses: Vec<_> = addresses.collect();
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut lead, mut follow): (VecDeque<_>, VecDeque<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut turns = VecDeque::new();
    while let Some(address) = lead.pop_front() {
        turns.push_back(address);
        turns.extend(follow.pop_front());
    }
    turns.extend(follow);
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_alternate_in_the_systems_order() {
        let parse =
            |list: &[&str]| -> VecDeque<SocketAddr> { list.iter().map(|one| one.parse().unwrap()).collect() };
        let turns =
            by_turns(parse(&["[::1]:1", "[::2]:1", "1.1.1.1:1", "2.2.2.2:1", "3.3.3.3:1"]).into_iter());
        assert_eq!(
            turns,
            parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "3.3.3.3:1"])
        );
    }
}
