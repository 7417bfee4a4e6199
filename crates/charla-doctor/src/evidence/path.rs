//! Names, certificates and handshakes: what can be seen from the network.

use serde::{Deserialize, Serialize};

/// What the host's name leads to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NameSeen {
    /// The name asked for; an address when it was one.
    pub name: String,
    /// What the resolver said when it found nothing.
    pub error: Option<String>,
    /// One entry an address, in the resolver's order.
    pub tried: Vec<Tried>,
}

/// One TCP connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tried {
    /// `127.0.0.1:9001`, `[::1]:9001`.
    pub address: String,
    /// How it went.
    pub reached: Reached,
    /// How long that took.
    pub ms: u64,
}

/// How a TCP connection went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// Accepted (by the kernel: a frozen process too is reached).
    #[default]
    Connected,
    /// Nobody listens (ECONNREFUSED).
    Refused,
    /// Nothing came back in time.
    TimedOut,
    /// No route, or a firewall that says so.
    Unreachable,
    /// No such Unix socket (ENOENT).
    NoSocket,
    /// Not allowed (EACCES, EPERM).
    Forbidden,
}

/// The certificate and the TLS handshake.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each was seen or not, whatever the others are"
)]
pub struct TlsSeen {
    /// Whether the peer spoke TLS at all.
    pub spoke_tls: bool,
    /// What the peer answered instead: `HTTP/1.1 400 Bad Request`.
    pub instead: Option<String>,
    /// The library's words when the certificate was not accepted; none when it was.
    pub error: Option<String>,
    /// The leaf's subject.
    pub subject: String,
    /// The leaf's issuer.
    pub issuer: String,
    /// Names and addresses in the leaf.
    pub names: Vec<String>,
    /// The name or address that was asked for.
    pub asked: String,
    /// Whether one of the names is the one asked for.
    pub name_matches: bool,
    /// Not before.
    pub not_before: f64,
    /// Not after.
    pub not_after: f64,
    /// Certificates that the server sent.
    pub chain_length: usize,
    /// The leaf signed itself.
    pub self_signed: bool,
    /// The chain leads to an authority that this machine trusts (dates and name aside).
    pub trusted: bool,
    /// The chain that was sent ends in a certificate that signed itself: nothing is missing from it.
    pub ends_in_root: bool,
    /// The issuer's organisation is that of an authority that this machine trusts: an intermediate of it.
    pub issuer_known: bool,
    /// Where the issuer's certificate can be had, as public authorities say in theirs.
    pub issuer_url: Option<String>,
    /// What ALPN chose, or would choose: `h2`, `http/1.1`.
    pub alpn: Option<String>,
    /// TLS version.
    pub version: Option<String>,
}

/// One place on the way, and the handshakes that were tried there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hop {
    /// Which place.
    pub kind: HopKind,
    /// Where: `ws://127.0.0.1:9001`.
    pub at: String,
    /// How this place became known: "proxy_pass in /etc/nginx/...:12".
    pub from: String,
    /// The handshakes.
    pub tried: Vec<Handshake>,
}

impl Hop {
    /// The handshake of one shape.
    #[must_use]
    pub fn shaped(&self, shape: Shape) -> Option<&Answer> {
        let tried = self.tried.iter().find(|tried| tried.shape == shape);
        tried.map(|tried| &tried.answer)
    }

    /// The browser's own handshake.
    #[must_use]
    pub fn browser(&self) -> Option<&Answer> {
        self.shaped(Shape::Browser)
    }
}

/// A place on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HopKind {
    /// The address that was given.
    #[default]
    Given,
    /// A proxy on this machine.
    Proxy,
    /// The server's own socket.
    Server,
}

/// One handshake.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Handshake {
    /// What was sent.
    pub shape: Shape,
    /// What came back.
    pub answer: Answer,
    /// Until the answer, or until it was given up.
    pub ms: u64,
}

/// What a handshake looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A browser's: Origin, sub-protocols, extension offer.
    #[default]
    Browser,
    /// The same without `Origin`, as wscat sends it.
    NoOrigin,
    /// The same with the server's own host as `Origin`.
    OwnOrigin,
    /// The same without any token.
    NoToken,
    /// The same with a token that cannot be right: proves everything up to the token's check, and touches neither
    /// database nor Redis.
    BadToken,
    /// With the slash at the end of the path added, or taken away.
    OtherSlash,
    /// Offering no sub-protocol where the browser's offers one.
    NoProtocol,
    /// Without the `Upgrade` and `Connection` headers: a plain GET.
    Plain,
}

/// What a handshake was answered with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// 101, and what came after it.
    Upgraded {
        /// The sub-protocol chosen.
        protocol: Option<String>,
        /// Whether one was offered.
        offered: bool,
        /// Extensions agreed on.
        extensions: Option<String>,
        /// Whether `Sec-WebSocket-Accept` and the other headers are right.
        valid: bool,
        /// What happened next.
        after: After,
    },
    /// Another status.
    Http {
        /// The status.
        status: u16,
        /// The reason phrase.
        reason: String,
        /// `Server`.
        server: Option<String>,
        /// `Location`.
        location: Option<String>,
        /// `Content-Type`.
        content_type: Option<String>,
        /// `Date`, in seconds since 1970.
        date: Option<f64>,
        /// The first 512 characters of the body.
        body: String,
        /// The cause that a Charla server names in its JSON.
        cause: Option<String>,
    },
    /// Nobody listens.
    Refused,
    /// No such socket, not allowed, or no route: the system's words.
    Unreachable(String),
    /// Connected, and nothing came within the time.
    Silent,
    /// No connection within the time.
    NoConnection,
    /// Closed or reset without a byte.
    HungUp {
        /// By RST.
        reset: bool,
    },
    /// Something that is not HTTP; its first bytes.
    NotHttp(String),
    /// TLS failed before it; see [`TlsSeen`].
    Tls(String),
    /// Not tried.
    #[default]
    Untried,
}

impl Answer {
    /// The HTTP status, 101 included.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Upgraded { .. } => Some(101),
            Self::Http { status, .. } => Some(*status),
            Self::Refused
            | Self::Unreachable(_)
            | Self::Silent
            | Self::NoConnection
            | Self::HungUp { .. }
            | Self::NotHttp(_)
            | Self::Tls(_)
            | Self::Untried => None,
        }
    }

    /// 101, and still open when the probe looked away.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(
            self,
            Self::Upgraded {
                after: After::Open { .. },
                ..
            }
        )
    }
}

/// Two neighbours on the way whose answers to the same handshake differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference<'e> {
    /// The one nearer to the browser: what makes the difference stands here.
    pub outer: &'e Hop,
    /// The one behind it.
    pub inner: &'e Hop,
}

/// The first place, from the browser inwards, that answers otherwise than the one behind it. A 502 of a proxy whose upstream
/// refuses is the same failure told on, and no difference.
#[must_use]
pub fn first_difference(hops: &[Hop]) -> Option<Difference<'_>> {
    let pairs = hops.iter().zip(hops.iter().skip(1));
    let mut differing = pairs.filter(|(outer, inner)| match (outer.browser(), inner.browser()) {
        (Some(outer), Some(inner)) => !outer.tells_on(inner),
        (_, None) | (None, _) => false,
    });
    differing.next().map(|(outer, inner)| Difference { outer, inner })
}

impl Answer {
    /// Whether this is what a proxy makes of the other answer when nothing is wrong with the proxy.
    fn tells_on(&self, inner: &Self) -> bool {
        match (self, inner) {
            (_, Self::Untried) | (Self::Untried, _) => true,
            (
                Self::Http {
                    status: 502 | 503, ..
                },
                Self::Refused | Self::Unreachable(_) | Self::HungUp { .. },
            ) => true,
            (Self::Http { status: 502, .. }, Self::NotHttp(_) | Self::Tls(_)) => true,
            (Self::Http { status: 504, .. } | Self::Silent, Self::Silent | Self::NoConnection) => true,
            (Self::Upgraded { after: outer, .. }, Self::Upgraded { after: inner, .. }) => {
                std::mem::discriminant(outer) == std::mem::discriminant(inner)
            }
            (Self::Http { status: outer, .. }, Self::Http { status: inner, .. }) => outer == inner,
            (outer, inner) => std::mem::discriminant(outer) == std::mem::discriminant(inner),
        }
    }
}

/// What happened after a 101.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// Still open after so many milliseconds, having said so much.
    Open {
        /// How long it was watched.
        ms: u64,
        /// The first frame's text, redacted, at most 512 characters.
        first: Option<String>,
    },
    /// Closed with a close frame.
    Closed {
        /// The code; 1005 for a frame without one.
        code: u16,
        /// The reason.
        reason: String,
        /// After so many milliseconds.
        ms: u64,
    },
    /// Cut without a close frame: a browser says 1006.
    Cut {
        /// By RST.
        reset: bool,
        /// After so many milliseconds.
        ms: u64,
    },
}

/// How an open connection behaves, as far as that was tried.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conduct {
    /// Through which place: the given address.
    pub at: String,
    /// A protocol ping's answer took so long; none when it did not come in time.
    pub ping_ms: Option<u64>,
    /// A ping was sent.
    pub pinged: bool,
    /// The code with which the server answered our close frame; none when it cut or stayed silent.
    pub close_relayed: Option<u16>,
    /// A close was tried.
    pub closed: bool,
    /// `--idle`: how long the connection was to stay silent.
    pub idle_wanted_ms: Option<u64>,
    /// How that ended: none when it was still open.
    pub idle_end: Option<After>,
    /// Server pings seen meanwhile, in milliseconds since the opening.
    pub server_pings_ms: Vec<u64>,
    /// `--idle` held at the server's own socket too: how that ended.
    pub idle_direct_end: Option<After>,
    /// Whether it was held there too.
    pub idle_direct: bool,
    /// `--message-size`: the largest text sent, when it was asked for.
    pub sent_bytes: Option<u64>,
    /// What became of it: none when the connection stayed open.
    pub sent_end: Option<After>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(answer: Answer) -> Hop {
        let tried = vec![Handshake {
            answer,
            ..Handshake::default()
        }];
        Hop {
            tried,
            ..Hop::default()
        }
    }

    fn http(status: u16) -> Answer {
        Answer::Http {
            status,
            reason: String::new(),
            server: None,
            location: None,
            content_type: None,
            date: None,
            body: String::new(),
            cause: None,
        }
    }

    fn open() -> Answer {
        Answer::Upgraded {
            protocol: None,
            offered: false,
            extensions: None,
            valid: true,
            after: After::Open { ms: 1, first: None },
        }
    }

    #[test]
    fn the_first_place_that_answers_otherwise_is_found_from_the_browser_inwards() {
        let silent = || Answer::HungUp { reset: false };
        let rows: [(Vec<Answer>, Option<usize>); 9] = [
            (vec![open(), open(), open()], None),
            (vec![http(502), http(502), Answer::Refused], None),
            (vec![http(504), Answer::Silent], None),
            (vec![http(403), http(403)], None),
            (vec![http(404), open()], Some(0)),
            (vec![http(502), http(502), open()], Some(1)),
            (vec![silent(), http(403), http(403)], Some(0)),
            (vec![http(200), http(502), Answer::Refused], Some(0)),
            (vec![open()], None),
        ];
        for (answers, expected) in rows {
            let hops: Vec<Hop> = answers.iter().cloned().map(hop).collect();
            let found = first_difference(&hops).map(|found| found.outer);
            let place = found.and_then(|outer| hops.iter().position(|hop| std::ptr::eq(hop, outer)));
            assert_eq!(place, expected, "{answers:?}");
        }
    }
}
