//! Which server answers: listening addresses first, then names (exact, wildcard at the front, wildcard at the end, regular
//! expressions in their order), else the default of that address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::effective::Request;
use super::pattern::{Captures, Pattern};
use super::tree::Node;
use super::values::matches_wildcard;

/// A `listen`.
#[derive(Debug, Clone, Copy)]
struct Listen<'a> {
    node: Option<&'a Node>,
    address: Option<IpAddr>,
    first: u16,
    last: u16,
    both_families: bool,
}

/// The server that answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Chosen<'a> {
    pub(super) server: Option<&'a Node>,
    pub(super) listen: Option<&'a Node>,
    pub(super) http2: bool,
    pub(super) captures: Option<Captures>,
    /// Names with a regular expression that could not be evaluated.
    pub(super) assumed: Vec<&'a Node>,
}

impl<'a> Listen<'a> {
    fn parse(node: &'a Node) -> Option<Self> {
        let text = node.arg(0);
        if text.starts_with("unix:") || node.args.iter().any(|arg| arg == "quic") {
            return None;
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            _ if text.starts_with(|char: char| char.is_ascii_digit()) && !text.contains('.') => ("*", text),
            _ => (text, "80"),
        };
        let (first, last) = port.split_once('-').unwrap_or((port, port));
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let address = match bare {
            "*" | "" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            _ => bare.parse().ok()?,
        };
        Some(Self {
            node: Some(node),
            address: Some(address),
            first: first.parse().ok()?,
            last: last.parse().ok()?,
            both_families: node.args.iter().any(|arg| arg == "ipv6only=off"),
        })
    }

    /// How narrowly it fits an address and port; none: not at all.
    fn fits(&self, address: Option<IpAddr>, port: u16) -> Option<u8> {
        if !(self.first..=self.last).contains(&port) {
            return None;
        }
        let own = self.address?;
        match (own, address) {
            (own, Some(address)) if own == address => Some(4),
            (IpAddr::V4(own), Some(IpAddr::V4(_))) if own.is_unspecified() => Some(3),
            (IpAddr::V6(own), Some(IpAddr::V6(_))) if own.is_unspecified() => Some(3),
            (IpAddr::V6(own), Some(IpAddr::V4(_))) if own.is_unspecified() && self.both_families => Some(2),
            (own, None) if own == Ipv4Addr::UNSPECIFIED => Some(3),
            (own, None) if own == Ipv6Addr::UNSPECIFIED => Some(2),
            // An address that is translated on the way is not one that nginx knows.
            _ => Some(1),
        }
    }

    fn has(&self, word: &str) -> bool {
        self.node
            .is_some_and(|node| node.args.iter().any(|arg| arg == word))
    }
}

fn listens(server: &Node) -> Vec<Listen<'_>> {
    let mut nodes = server.named("listen").peekable();
    if nodes.peek().is_some() {
        return nodes.filter_map(Listen::parse).collect();
    }
    // `*:80` for root, which is who starts a server on a port below 1024.
    vec![Listen {
        node: None,
        address: Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        first: 80,
        last: 80,
        both_families: false,
    }]
}

/// The names of a server; one empty name where it has none.
pub(super) fn names(server: &Node) -> Vec<&str> {
    let names: Vec<&str> = server
        .named("server_name")
        .flat_map(|node| node.args.iter().map(String::as_str))
        .collect();
    if names.is_empty() { vec![""] } else { names }
}

/// The server that answers a request.
pub(super) fn choose<'a>(http: &'a Node, request: &Request<'_>) -> Chosen<'a> {
    let mut bound: Vec<(u8, &Node, Listen<'_>)> = Vec::new();
    for server in http.named("server") {
        let fits = listens(server)
            .into_iter()
            .filter_map(|listen| Some((listen.fits(request.address, request.port)?, server, listen)));
        bound.extend(fits);
    }
    let narrowest = bound.iter().map(|(fit, ..)| *fit).max();
    bound.retain(|(fit, ..)| Some(*fit) == narrowest);
    let host = request.host.trim_end_matches('.').to_ascii_lowercase();
    let servers: Vec<&Node> = bound.iter().map(|(_, server, _)| *server).collect();
    let mut chosen = by_name(&servers, &host);
    if chosen.server.is_none() {
        let default = bound
            .iter()
            .find(|(_, _, listen)| listen.has("default_server") || listen.has("default"));
        chosen.server = default.or_else(|| bound.first()).map(|(_, server, _)| *server);
    }
    if bound.is_empty() {
        // Its port is another one, mapped on the way: the name alone decides, where it is exact.
        let exact = http
            .named("server")
            .find(|server| names(server).iter().any(|name| name.eq_ignore_ascii_case(&host)));
        chosen.server = exact;
    }
    let own = bound
        .iter()
        .find(|(_, server, _)| chosen.server.is_some_and(|chosen| std::ptr::eq(chosen, *server)));
    chosen.listen = own.and_then(|(_, _, listen)| listen.node);
    chosen.http2 = bound.iter().any(|(_, _, listen)| listen.has("http2"));
    chosen
}

fn by_name<'a>(servers: &[&'a Node], host: &str) -> Chosen<'a> {
    let mut chosen = Chosen::default();
    let named = || {
        servers
            .iter()
            .flat_map(|server| names(server).into_iter().map(move |name| (*server, name)))
    };
    let exact = named().find(|(_, name)| {
        name.strip_prefix('.').unwrap_or(name).eq_ignore_ascii_case(host) && !name.starts_with('~')
    });
    // Of the same length the first wins.
    let wild = |front: bool| {
        let wild = named().filter(|(_, name)| {
            name.starts_with(['*', '.']) == front && !name.starts_with('~') && matches_wildcard(name, host)
        });
        wild.fold(None, |best: Option<(&Node, &str)>, one| match best {
            Some(best) if best.1.trim_start_matches('*').len() >= one.1.trim_start_matches('*').len() => {
                Some(best)
            }
            _ => Some(one),
        })
    };
    if let Some((server, _)) = exact.or_else(|| wild(true)).or_else(|| wild(false)) {
        chosen.server = Some(server);
        return chosen;
    }
    for (server, name) in named() {
        let Some(text) = name.strip_prefix('~') else {
            continue;
        };
        match Pattern::new(text, true) {
            Some(pattern) => {
                if let Some(captures) = pattern.captures(host) {
                    chosen.server = Some(server);
                    chosen.captures = Some(captures);
                    return chosen;
                }
            }
            None => chosen.assumed.extend(server.named("server_name").next()),
        }
    }
    chosen
}
