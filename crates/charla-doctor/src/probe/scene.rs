//! Who stands where: the address, whoever listens on it, the proxy, the application behind, and the ways to each of them.

use std::collections::BTreeSet;
use std::net::{IpAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;

use super::{PATIENCE, Run};
use crate::evidence::{Answer, Hop, HopKind, HostSeen, NginxSeen, Skipped, SourceKind, TlsSeen};
use crate::explain::Reader;
use crate::plan::{ANSWER_WITHIN, LOGS_SINCE, Wanted};
use crate::probe::ask::{Ask, TokenIn};
use crate::probe::chain::Upstream;
use crate::probe::handshake::Patience;
use crate::probe::held::Held;
use crate::probe::host::{About, Before};
use crate::probe::place::Place;
use crate::probe::server::{App, Expected, Looked};
use crate::probe::tls::Trust;
use crate::probe::{handshake, host, names, server, tls, unit};
use crate::target::Address;
use crate::text::{Text, both};
use crate::token::Given;

/// One way to try a handshake.
#[derive(Clone)]
pub(super) struct Way {
    /// Where it leads, without what was tried.
    pub(super) hop: Hop,
    place: Place,
    ask: Ask,
}

/// What is known of the places, with what the evidence does not hold.
#[derive(Default)]
pub(super) struct Scene {
    pub(super) address: Option<Address>,
    pub(super) app: Option<App>,
    /// Processes that may be the application, as the run found them.
    pub(super) candidates: BTreeSet<u32>,
    ways: Vec<Way>,
    pub(super) nginx_logs: Vec<(PathBuf, Option<SourceKind>)>,
    /// nginx after nginx, from the given address inwards: the evidence holds the one whose part it is.
    pub(super) chain: Vec<NginxSeen>,
}

impl Scene {
    pub(super) fn new(address: Option<Address>) -> Self {
        Self {
            address,
            ..Self::default()
        }
    }

    pub(super) fn ways(&self) -> &[Way] {
        &self.ways
    }

    pub(super) fn add_way(&mut self, kind: HopKind, at: String, from: &str, place: Place, ask: Ask) {
        let from = from.to_owned();
        let hop = Hop {
            kind,
            at,
            from,
            ..Hop::default()
        };
        self.ways.push(Way { hop, place, ask });
    }

    /// Files that the application's process writes to.
    pub(super) fn log_files(&self) -> &[PathBuf] {
        self.app.as_ref().map_or(&[], |app| &app.log_files)
    }

    /// The logs in force for the path.
    pub(super) fn nginx_logs(&self) -> &[(PathBuf, Option<SourceKind>)] {
        &self.nginx_logs
    }

    /// The certificate at the given address.
    pub(super) async fn ask_tls(&self) -> Option<TlsSeen> {
        let given = self.ways.iter().find(|way| way.hop.kind == HopKind::Given)?;
        let secure = given.place.tls.as_ref()?;
        Some(tls::look(&given.place, secure, ANSWER_WITHIN).await)
    }

    /// Whether a given address that hung up on plain HTTP speaks TLS.
    pub(super) async fn ask_tls_behind(&self, answer: Option<&Answer>) -> Option<TlsSeen> {
        let given = self.ways.iter().find(|way| way.hop.kind == HopKind::Given)?;
        let name = &self.address.as_ref()?.target.host;
        tls::behind(&given.place, name, answer?, ANSWER_WITHIN).await
    }

    /// What the kernel counted meanwhile, where the application is on this machine.
    pub(super) async fn ask_host(&self, before: Option<Before>) -> Option<(HostSeen, Vec<Skipped>)> {
        let app = self.app.as_ref()?;
        let about = About {
            pid: app.pid,
            logs: app.log_files.clone(),
            since: LOGS_SINCE,
        };
        Some(host::look(before?, &about).await)
    }

    /// The journal of the application's unit: what it says since `began` is fresh.
    pub(super) async fn read_journal(
        &self,
        reader: &mut Reader,
        since: Duration,
        began: f64,
    ) -> Vec<Skipped> {
        let Some(name) = self.app.as_ref().and_then(|app| app.unit.as_deref()) else {
            return Vec::new();
        };
        match unit::journal(name, since, JOURNAL_LINES).await {
            Ok(bytes) => {
                let fresh_from = fresh_from(&bytes, began);
                // Bytes in memory are read to their end.
                let _ = reader.read(
                    &format!("journalctl -u {name}"),
                    None,
                    bytes.as_slice(),
                    Some(fresh_from),
                );
                Vec::new()
            }
            Err(unit::NoLog::None) => Vec::new(),
            Err(unit::NoLog::Forbidden(words)) => vec![Skipped {
                what: both!("the journal of {name}", "el diario de {name}"),
                why: Text::same(words),
                try_this: Some(format!(
                    "sudo journalctl -u {name} -o json --since -15min | charla explain -"
                )),
            }],
        }
    }
}

/// How a lone listener elsewhere became known.
pub(super) const WHO_LISTENS: &str = "who listens there";
/// Looking a name up and reaching its addresses may take so long.
const NAME_WITHIN: Duration = Duration::from_millis(800);
/// Lines of a journal that are read, newest ones.
const JOURNAL_LINES: u32 = 5_000;

/// Where the lines since a moment begin in a journal's JSON lines.
fn fresh_from(bytes: &[u8], began: f64) -> u64 {
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let time = serde_json::from_slice::<serde_json::Value>(line).ok();
        let micros = time
            .as_ref()
            .and_then(|line| line.get("__REALTIME_TIMESTAMP")?.as_str()?.parse::<f64>().ok());
        if micros.is_some_and(|micros| micros / 1e6 >= began) {
            break;
        }
        at += line.len() as u64;
    }
    at
}

impl Run<'_> {
    /// Finds who listens on the address's port, what stands behind it, and the ways to each.
    pub(super) async fn locate(&mut self) {
        let address = self.scene.address.clone();
        let mut here = false;
        let mut proxied = None;
        if let Some(address) = &address {
            here = self.look_at_name(address).await;
            proxied = self.look_at_proxies(address, here).await;
        }
        let expected = self.expected(address.as_ref(), proxied.as_ref());
        let upstream_here = proxied.as_ref().is_none_or(|upstream| upstream.place_is_here());
        if (here && upstream_here) || self.wanted.server.is_some() || self.wanted.unit.is_some() {
            let looked = server::look(&expected).await;
            self.take_server(looked);
        } else if let Some(address) = &address {
            let host = proxied.map_or_else(|| address.target.host.clone(), |upstream| upstream.at);
            let again = expected.again;
            self.evidence.skipped.push(Skipped {
                what: both!("the server's own machine", "la máquina del servidor"),
                why: both!("{host} is not this machine", "{host} no es esta máquina"),
                try_this: Some(format!("ssh {host} {again}")),
            });
        }
        if let Some(address) = &address {
            self.lay_ways(address);
        }
    }

    /// Looks the name up; whether the host is this machine.
    async fn look_at_name(&mut self, address: &Address) -> bool {
        let target = &address.target;
        let seen = names::look(&target.host, target.port, NAME_WITHIN).await;
        let mut hosts = seen
            .tried
            .iter()
            .filter_map(|tried| tried.address.rsplit_once(':'));
        let here = is_here(&target.host) || hosts.any(|(host, _)| is_here(host.trim_matches(['[', ']'])));
        self.evidence.name = Some(seen);
        if let Some(target) = &mut self.evidence.target {
            target.local = here;
        }
        here
    }

    fn expected(&self, address: Option<&Address>, proxied: Option<&Upstream>) -> Expected {
        let mut expected = Expected {
            unit: self.wanted.unit.clone(),
            again: again(address),
            ..Expected::default()
        };
        if let Some(port) = server_port(self.wanted.server.as_deref()) {
            (expected.port, expected.from) = (Some(port), "--server".into());
        } else if let Some(upstream) = proxied {
            expected.socket = upstream.at.strip_prefix("unix:").map(PathBuf::from);
            expected.port = upstream.port();
            expected.from.clone_from(&upstream.from);
        } else if let Some(address) = address {
            (expected.port, expected.from) = (Some(address.target.port), "the address".into());
        }
        expected
    }

    fn take_server(&mut self, looked: Looked) {
        self.evidence.server = Some(looked.seen);
        self.scene.app = looked.app;
        self.scene.candidates = looked.candidates;
        self.evidence.found.extend(looked.found);
        self.evidence.skipped.extend(looked.skipped);
    }

    /// The given address; the upstream behind the proxy, or `--server`; and a lone listener elsewhere, where nobody serves the
    /// port that is expected.
    fn lay_ways(&mut self, address: &Address) {
        let target = &address.target;
        let mut place = Place::tcp(&target.host, target.port);
        if target.secure {
            match Trust::load(self.wanted.ca_file.as_deref()) {
                Ok(trust) => place = place.secure(&target.host, &trust),
                Err(error) => self.evidence.skipped.push(Skipped {
                    what: both!("the certificate", "el certificado"),
                    why: Text::same(error.to_string()),
                    try_this: None,
                }),
            }
        }
        let ask = self.ask_of(address);
        let scheme = if target.secure { "wss" } else { "ws" };
        self.scene.add_way(
            HopKind::Given,
            format!("{scheme}://{}", address.authority),
            "the address given",
            place,
            ask.clone(),
        );
        let ask = self.lay_proxies(ask);
        let upstream = self.scene.chain.last().and_then(Upstream::of);
        let given = self.wanted.server.as_ref().map(|server| Upstream::given(server));
        if let Some(upstream) = given.or(upstream)
            && let Some(place) = place_of(&upstream.at)
        {
            let ask = upstream.asked(&ask);
            self.scene.add_way(
                HopKind::Server,
                format!("ws://{}", upstream.at),
                &upstream.from,
                place,
                ask,
            );
        }
        // One other listener may well be the application; of several nobody knows which.
        let elsewhere = self
            .evidence
            .server
            .as_ref()
            .map(|server| (server.listeners.is_empty(), server.elsewhere.as_slice()));
        if let Some((true, [listener])) = elsewhere
            && let Some(place) = place_of(&listener.address)
        {
            self.scene.add_way(
                HopKind::Server,
                format!("ws://{}", listener.address),
                WHO_LISTENS,
                place,
                ask,
            );
        }
    }

    fn ask_of(&self, address: &Address) -> Ask {
        let page = if address.target.secure { "https" } else { "http" };
        Ask {
            target: address.wire.clone(),
            host: address.authority.clone(),
            origin: address.target.origin.clone(),
            own_origin: format!("{page}://{}", address.authority),
            token: token_in(self.given.as_ref(), self.wanted),
            headers: self.wanted.headers.clone(),
            protocols: self.wanted.protocols.clone(),
        }
    }
}

/// The browser's handshake on every way, side by side; connections that are open are held.
pub(super) async fn ask_browser(ways: &[Way], patience: Patience) -> Vec<(Hop, Option<Held>)> {
    let asked = ways
        .iter()
        .map(|way| handshake::browser(way.hop.clone(), &way.place, &way.ask, patience));
    join_all(asked).await
}

/// Variations, where the browser's handshake failed.
pub(super) async fn vary(hops: Vec<Hop>, ways: &[Way]) -> Vec<Hop> {
    let varied = hops.into_iter().zip(ways).map(|(hop, way)| async {
        let shapes = hop.browser().map_or(&[][..], handshake::worth_trying);
        // Whoever let the first one wait in vain is not waited for as long again.
        let answer_within = match hop.browser() {
            Some(Answer::Silent) => PATIENCE.answer_within.mul_f64(0.6),
            Some(_) | None => PATIENCE.answer_within,
        };
        let patience = Patience {
            answer_within,
            ..PATIENCE
        };
        handshake::others(hop, &way.place, &way.ask, shapes, patience).await
    });
    join_all(varied).await
}

/// Whether a name or address is this machine: a socket can be bound to it.
pub(super) fn is_here(host: &str) -> bool {
    if host == "localhost" {
        return true;
    }
    host.parse::<IpAddr>()
        .is_ok_and(|address| UdpSocket::bind((address, 0)).is_ok())
}

/// This run's command line without secrets: whoever runs it again puts the token back in.
pub(super) fn again(address: Option<&Address>) -> String {
    let Some(address) = address else {
        return "charla doctor".to_owned();
    };
    // A token is struck out there as `***`: it is given apart.
    let (path, query) = address
        .target
        .url
        .split_once('?')
        .unwrap_or((&address.target.url, ""));
    let (secret, kept): (Vec<&str>, Vec<&str>) = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .partition(|pair| pair.ends_with("=***"));
    let query = if kept.is_empty() {
        String::new()
    } else {
        format!("?{}", kept.join("&"))
    };
    let token = if secret.is_empty() {
        ""
    } else {
        " --token \"$TOKEN\""
    };
    format!("charla doctor '{path}{query}'{token}")
}

/// The port in `--server 9001` or `--server 127.0.0.1:9001`.
fn server_port(server: Option<&str>) -> Option<u16> {
    server?.rsplit(':').next()?.parse().ok()
}

/// The way to a listener's address: `0.0.0.0` and `[::]` are reached over loopback.
pub(super) fn place_of(listener: &str) -> Option<Place> {
    if let Some(path) = listener.strip_prefix("unix:") {
        return Some(Place::unix(path));
    }
    let (host, port) = listener.rsplit_once(':')?;
    let host = match host {
        "0.0.0.0" | "*" => "127.0.0.1",
        "[::]" => "::1",
        host => host,
    };
    Some(Place::tcp(host, port.parse().ok()?))
}

fn token_in(given: Option<&Given>, wanted: &Wanted) -> TokenIn {
    let Some(given) = given else {
        return TokenIn::Nowhere;
    };
    let header = |name: &str| {
        wanted
            .headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .cloned()
    };
    match given
        .place
        .strip_prefix('?')
        .and_then(|name| name.strip_suffix('='))
    {
        Some(parameter) => TokenIn::Query(parameter.to_owned()),
        None => match (given.place.as_str(), header("authorization")) {
            ("Authorization", Some((name, _))) => TokenIn::Header(name, given.token.clone()),
            ("--token", None) => TokenIn::Query("token".to_owned()),
            _ => TokenIn::Protocol(given.token.clone()),
        },
    }
}
