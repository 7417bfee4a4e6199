//! Which proxy an address is reached through, and how a proxy is asked for the way: HTTP CONNECT or SOCKS5.
//!
//! The choice is pure: the environment is handed in as a function. A WebSocket needs a tunnel whether it is encrypted or
//! not, so CONNECT is asked for `ws://` too, as browsers do.

use std::fmt;
use std::io;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::address::Address;
use crate::transport::ConnectError;

/// The head of a proxy's answer; a longer one is no answer.
const ANSWER_MAX_BYTES: usize = 8 * 1024;

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Connect,
    Socks5,
}

/// A proxy: where it listens and who may use it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    endpoint: String,
    credentials: Option<(String, String)>,
}

/// Why a text is no proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Another scheme than http or socks5.
    #[error("the proxy's scheme {0:?} is not one of http, socks5, socks5h")]
    Scheme(String),
    /// No host, or a port that is no number.
    #[error("the proxy has no host, or a port that is no number")]
    Endpoint,
}

impl Proxy {
    /// Reads `http://[user:password@]host:port` or `socks5://...`; without a scheme it is an HTTP proxy.
    ///
    /// # Errors
    /// [`ProxyError`] says which part is wrong.
    pub fn parse(text: &str) -> Result<Self, ProxyError> {
        let (scheme, rest) = text.trim().split_once("://").unwrap_or(("http", text.trim()));
        let (kind, port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Kind::Connect, 80),
            // A name is always resolved by the proxy: that is what both are used for.
            "socks5" | "socks5h" => (Kind::Socks5, 1080),
            _ => return Err(ProxyError::Scheme(scheme.to_owned())),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user.split_once(':').unwrap_or((user, ""))), host),
            None => (None, authority),
        };
        let address = Address::parse(&format!("ws://{host}")).map_err(|_| ProxyError::Endpoint)?;
        let endpoint = if address.endpoint() == host {
            host.to_owned()
        } else {
            format!("{host}:{port}")
        };
        Ok(Self {
            kind,
            endpoint,
            credentials: credentials.map(|(name, password)| (decoded(name), decoded(password))),
        })
    }

    /// Host and port.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Asks for the way to `endpoint`; afterwards the stream leads there.
    pub(crate) async fn tunnel(&self, stream: &mut TcpStream, endpoint: &str) -> Result<(), ConnectError> {
        let asked = match self.kind {
            Kind::Connect => self.connect(stream, endpoint).await,
            Kind::Socks5 => self.socks5(stream, endpoint).await,
        };
        asked.map_err(|refusal| match refusal {
            Refusal::Status(status) => ConnectError::Proxy {
                proxy: self.endpoint.clone(),
                status: Some(status),
                said: format!("it answered {status} when asked for the way"),
            },
            Refusal::Said(said) => ConnectError::Proxy {
                proxy: self.endpoint.clone(),
                status: None,
                said,
            },
            Refusal::Broken(error) => ConnectError::Reach {
                host: format!("{endpoint} through the proxy {}", self.endpoint),
                error,
            },
        })
    }

    /// RFC 9110, 9.3.6.
    async fn connect(&self, stream: &mut TcpStream, endpoint: &str) -> Result<(), Refusal> {
        let mut request = format!("CONNECT {endpoint} HTTP/1.1\r\nHost: {endpoint}\r\n");
        if let Some((name, password)) = &self.credentials {
            let basic = BASE64_STANDARD.encode(format!("{name}:{password}"));
            request.push_str(&format!("Proxy-Authorization: Basic {basic}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        // Byte by byte: what follows the head belongs to the tunnel already.
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() == ANSWER_MAX_BYTES {
                return Err(Refusal::Said("its answer has no end".into()));
            }
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head);
        let status = head
            .strip_prefix("HTTP/1.")
            .and_then(|line| line.get(2..5))
            .and_then(|status| status.parse::<u16>().ok());
        match status {
            Some(200..=299) => Ok(()),
            Some(status) => Err(Refusal::Status(status)),
            None => Err(Refusal::Said("it does not speak HTTP".into())),
        }
    }

    /// RFC 1928, and RFC 1929 for the password.
    async fn socks5(&self, stream: &mut TcpStream, endpoint: &str) -> Result<(), Refusal> {
        let refused = |said: &str| Refusal::Said(format!("SOCKS5: {said}"));
        let (host, port) = endpoint.rsplit_once(':').ok_or_else(|| refused("no port"))?;
        let port: u16 = port.parse().map_err(|_| refused("no port"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let short = |text: &str| u8::try_from(text.len()).map_err(|_| refused("a name is too long"));

        let method = if self.credentials.is_some() { 2 } else { 0 };
        stream.write_all(&[5, 1, method]).await?;
        let mut chosen = [0; 2];
        stream.read_exact(&mut chosen).await?;
        if chosen != [5, method] {
            return Err(refused("it wants another way to sign in"));
        }
        if let Some((name, password)) = &self.credentials {
            let mut hello = vec![1, short(name)?];
            hello.extend_from_slice(name.as_bytes());
            hello.push(short(password)?);
            hello.extend_from_slice(password.as_bytes());
            stream.write_all(&hello).await?;
            stream.read_exact(&mut chosen).await?;
            if chosen != [1, 0] {
                return Err(Refusal::Status(407));
            }
        }
        let mut request = vec![5, 1, 0, 3, short(host)?];
        request.extend_from_slice(host.as_bytes());
        request.extend_from_slice(&port.to_be_bytes());
        stream.write_all(&request).await?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await?;
        let [_, reply, _, kind] = answer;
        if reply != 0 {
            return Err(refused(&format!("it answered {reply}")));
        }
        let bound = match kind {
            1 => 4,
            4 => 16,
            _ => usize::from(stream.read_u8().await?),
        };
        let mut rest = vec![0; bound + 2];
        stream.read_exact(&mut rest).await?;
        Ok(())
    }
}

impl fmt::Debug for Proxy {
    /// Without the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({:?} at {})", self.kind, self.endpoint)
    }
}

enum Refusal {
    Status(u16),
    Said(String),
    Broken(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// The proxies of this machine, and what is reached without one.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    plain: Option<Proxy>,
    secure: Option<Proxy>,
    /// Whether this machine itself is reached through them.
    here_too: bool,
    without: Vec<String>,
}

impl Proxies {
    /// None at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// This one for everything, this machine itself too.
    #[must_use]
    pub fn always(proxy: Proxy) -> Self {
        Self {
            plain: Some(proxy.clone()),
            secure: Some(proxy),
            here_too: true,
            without: Vec::new(),
        }
    }

    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say, in capitals or not. What is no proxy is passed over,
    /// as other programs do.
    #[must_use]
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let named = |name: &str| {
            let value = variable(name).or_else(|| variable(&name.to_ascii_lowercase()))?;
            Some(value).filter(|value| !value.trim().is_empty())
        };
        let proxy = |name: &str| {
            let text = named(name).or_else(|| named("ALL_PROXY"))?;
            Proxy::parse(&text).ok()
        };
        Self {
            plain: proxy("HTTP_PROXY"),
            secure: proxy("HTTPS_PROXY"),
            here_too: false,
            without: named("NO_PROXY")
                .unwrap_or_default()
                .split(',')
                .map(|entry| entry.trim().to_ascii_lowercase())
                .filter(|entry| !entry.is_empty())
                .collect(),
        }
    }

    /// The proxy for an address, if it needs one.
    #[must_use]
    pub fn for_address(&self, address: &Address) -> Option<&Proxy> {
        let proxy = if address.secure() {
            &self.secure
        } else {
            &self.plain
        };
        let endpoint = address.endpoint().to_ascii_lowercase();
        let host = endpoint
            .rsplit_once(':')
            .map_or(endpoint.as_str(), |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let here = host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        let excepted = self.without.iter().any(|entry| {
            let suffix = entry.trim_start_matches("*.").trim_start_matches('.');
            entry == "*"
                || entry == &endpoint
                || host == suffix
                || host.strip_suffix(suffix).is_some_and(|left| left.ends_with('.'))
        });
        proxy.as_ref().filter(|_| (self.here_too || !here) && !excepted)
    }
}

/// `%40` and the like, as they are needed in a password.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => {
                let pair = [*high, *low];
                let pair = std::str::from_utf8(&pair).unwrap_or_default();
                u8::from_str_radix(pair, 16).ok()
            }
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() {
            after.get(2..).unwrap_or_default()
        } else {
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_with_its_credentials_and_shown_without() {
        let proxy = Proxy::parse("http://ana:p%40ss%3A@proxy.example:3128/").unwrap();
        assert_eq!(proxy.endpoint(), "proxy.example:3128");
        assert_eq!(proxy.credentials, Some(("ana".into(), "p@ss:".into())));
        assert!(!format!("{proxy:?}").contains("p@ss"));
        assert_eq!(Proxy::parse("proxy").unwrap().endpoint(), "proxy:80");
        assert_eq!(Proxy::parse("socks5h://[::1]").unwrap().endpoint(), "[::1]:1080");
        assert_eq!(Proxy::parse("ftp://h"), Err(ProxyError::Scheme("ftp".into())));
        assert_eq!(Proxy::parse("http://"), Err(ProxyError::Endpoint));
    }

    #[test]
    fn the_environment_says_which_proxy_and_what_goes_without() {
        let environment = |name: &str| match name {
            "HTTPS_PROXY" => Some("http://secure:1".to_owned()),
            "http_proxy" => Some("plain:2".to_owned()),
            "NO_PROXY" => Some("intra.example, .corp.example,10.0.0.7,h.example:8443".to_owned()),
            _ => None,
        };
        let proxies = Proxies::of_environment(environment);
        let rows = [
            ("wss://chat.example/", Some("secure:1")),
            ("ws://chat.example/", Some("plain:2")),
            ("wss://intra.example", None),
            ("wss://a.intra.example", None),
            ("wss://notintra.example", Some("secure:1")),
            ("wss://x.corp.example:9001", None),
            ("ws://10.0.0.7:9001", None),
            ("wss://h.example:8443", None),
            ("wss://h.example", Some("secure:1")),
            ("ws://localhost:9001", None),
            ("ws://[::1]:9001", None),
            ("ws://127.0.0.2", None),
        ];
        for (address, expected) in rows {
            let address = Address::parse(address).unwrap();
            let chosen = proxies.for_address(&address).map(Proxy::endpoint);
            assert_eq!(chosen, expected, "{address}");
        }
        let everything = Proxies::of_environment(|name| (name == "NO_PROXY").then(|| "*".into()));
        assert!(
            everything
                .for_address(&Address::parse("ws://h").unwrap())
                .is_none()
        );
    }
}
