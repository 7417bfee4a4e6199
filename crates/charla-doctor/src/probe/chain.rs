//! What stands between the given address and the application: an nginx, or several in a row, each found by the port to
//! which the one before it sends.
//!
//! Of several the evidence holds the one whose part it is ([`choose`]): that from which the answers differ.

use std::net::SocketAddr;

use crate::evidence::{Answer, Evidence, Hop, HopKind, NginxSeen, Target, first_difference};
use crate::plan::Wanted;
use crate::probe::ask::Ask;
use crate::probe::scene::{again, is_here, place_of};
use crate::probe::{Run, nginx, sockets};
use crate::target::Address;

/// nginx behind nginx is followed so far.
const CHAIN_MAX: usize = 4;

impl Run<'_> {
    /// The nginx on the address's port, or the one whose configuration was given, and each that it sends the path to; the
    /// upstream of the last.
    pub(super) async fn look_at_proxies(&mut self, address: &Address, here: bool) -> Option<Upstream> {
        if !here && self.wanted.nginx_conf.is_none() {
            return None;
        }
        let first = self.evidence.name.as_ref().and_then(|name| name.tried.first());
        let mut known = nginx::Known {
            address: first
                .and_then(|tried| tried.address.parse::<SocketAddr>().ok())
                .map(|address| address.ip()),
            listening: sockets::listening(),
            again: again(Some(address)),
        };
        let looked = nginx::look(self.wanted, &address.target, &known).await;
        self.evidence.found.extend(looked.found);
        self.evidence.skipped.extend(looked.skipped);
        self.scene.nginx_logs = looked.logs;
        self.scene.chain.extend(looked.seen);
        // What was given on the command line is about the first.
        let found = Wanted::default();
        let mut target = address.target.clone();
        while self.scene.chain.len() < CHAIN_MAX
            && let Some(next) = self.scene.chain.last().and_then(|outer| behind(outer, &target))
        {
            target = next;
            known.address = target.host.parse().ok().or(known.address);
            let looked = nginx::look(&found, &target, &known).await;
            let Some(seen) = looked.seen.filter(|seen| seen.running == Some(true)) else {
                break;
            };
            self.evidence.found.extend(looked.found);
            self.evidence.skipped.extend(looked.skipped);
            self.scene.nginx_logs.extend(looked.logs);
            self.scene.chain.push(seen);
        }
        self.evidence.nginx = self.scene.chain.first().cloned();
        self.scene.chain.last().and_then(Upstream::of)
    }

    /// The ways to the proxies behind the first; what the last of them is asked.
    pub(super) fn lay_proxies(&mut self, ask: Ask) -> Ask {
        let mut ask = ask;
        let inner = self.scene.chain.len().saturating_sub(1);
        for at in 0..inner {
            let Some(outer) = self.scene.chain.get(at) else {
                break;
            };
            let host = host_sent(outer);
            let Some(upstream) = Upstream::of(outer) else {
                break;
            };
            let Some(place) = place_of(&upstream.at) else {
                break;
            };
            ask = upstream.asked(&ask);
            if let Some(host) = host {
                ask.host = host;
            }
            let name = format!("ws://{}", upstream.at);
            self.scene
                .add_way(HopKind::Proxy, name, &upstream.from, place, ask.clone());
        }
        ask
    }

    /// Which of several in a row the evidence is about.
    pub(super) fn choose_nginx(&mut self) {
        if let Some(at) = choose(&self.scene.chain, &self.evidence) {
            self.evidence.nginx = self.scene.chain.get(at).cloned();
        }
    }
}

/// The address that an nginx sends the path to, as the one behind it is asked; none where that is no port of this machine.
fn behind(outer: &NginxSeen, target: &Target) -> Option<Target> {
    let location = outer.location.as_ref()?;
    let pass = location.proxy_pass.as_ref()?.args.first()?;
    let upstream = Upstream::of(outer)?;
    let port = upstream.port()?;
    if pass.starts_with("https") || !upstream.place_is_here() {
        return None;
    }
    let host = host_sent(outer).unwrap_or_else(|| upstream.at.clone());
    let path = location
        .upstream_path
        .clone()
        .unwrap_or_else(|| target.path.clone());
    Some(Target {
        secure: false,
        host: without_port(&host).to_owned(),
        port,
        path,
        local: true,
        ..target.clone()
    })
}

/// `Host` as an nginx passes it on; none where that cannot be told.
fn host_sent(outer: &NginxSeen) -> Option<String> {
    let location = outer.location.as_ref()?;
    let host = location.host.as_ref().filter(|host| !host.contains('$'));
    host.cloned().or_else(|| {
        location
            .host
            .is_none()
            .then(|| location.upstreams.first().cloned())
            .flatten()
    })
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

/// The outermost whose answer differs from the one behind it. Where none does: of those that let the handshake through the
/// one with the shortest patience, else the last, whose upstream it is that fails.
fn choose(chain: &[NginxSeen], evidence: &Evidence) -> Option<usize> {
    let last = chain.len().checked_sub(1).filter(|last| *last > 0)?;
    if let Some(found) = first_difference(&evidence.hops) {
        let at = evidence
            .hops
            .iter()
            .position(|hop: &Hop| std::ptr::eq(hop, found.outer));
        return Some(at.unwrap_or(last).min(last));
    }
    if !evidence.answer().is_some_and(Answer::is_open) {
        return Some(last);
    }
    let patience = |seen: &NginxSeen| {
        seen.location
            .as_ref()
            .map_or(f64::INFINITY, |location| location.read_timeout_s)
    };
    let shortest = chain
        .iter()
        .enumerate()
        .min_by(|(_, one), (_, other)| patience(one).total_cmp(&patience(other)));
    shortest.map(|(at, _)| at)
}

/// What stands behind the proxy.
pub(super) struct Upstream {
    /// `127.0.0.1:9001`, `unix:/run/app.sock`.
    pub(super) at: String,
    /// Where that stands.
    pub(super) from: String,
    /// The path that it gets, where that is changed.
    path: Option<String>,
}

impl Upstream {
    /// Where the path goes; where it goes nowhere, the upstream of a location that does carry WebSockets.
    pub(super) fn of(nginx: &NginxSeen) -> Option<Self> {
        let location = nginx.location.as_ref();
        let proxied = location.and_then(|location| {
            let from = location
                .proxy_pass
                .as_ref()
                .map(|pass| format!("proxy_pass, {}", pass.at))?;
            Some(Self {
                at: location.upstreams.first()?.clone(),
                from,
                path: location.upstream_path.clone(),
            })
        });
        proxied.or_else(|| {
            let (_, at, upstream) = nginx.others.first()?;
            Some(Self {
                at: upstream.clone(),
                from: format!("proxy_pass, {at}"),
                path: None,
            })
        })
    }

    /// `--server 9001`, `--server 10.0.0.7:9001`, `--server unix:/run/app.sock`.
    pub(super) fn given(server: &str) -> Self {
        let at = if server.contains(':') {
            server.to_owned()
        } else {
            format!("127.0.0.1:{server}")
        };
        Self {
            at,
            from: "--server".into(),
            path: None,
        }
    }

    pub(super) fn port(&self) -> Option<u16> {
        self.at
            .rsplit_once(':')
            .filter(|_| !self.at.starts_with("unix:"))?
            .1
            .parse()
            .ok()
    }

    pub(super) fn place_is_here(&self) -> bool {
        let host = self
            .at
            .rsplit_once(':')
            .map_or(self.at.as_str(), |(host, _)| host);
        self.at.starts_with("unix:") || is_here(host.trim_matches(['[', ']']))
    }

    /// The same request as the upstream gets it.
    pub(super) fn asked(&self, ask: &Ask) -> Ask {
        let path = self.path.as_ref();
        path.map_or_else(|| ask.clone(), |path| with_path(ask, path))
    }
}

/// The same with the path that the upstream gets.
fn with_path(ask: &Ask, path: &str) -> Ask {
    let query = ask.target.split_once('?').map(|(_, query)| format!("?{query}"));
    Ask {
        target: format!("{path}{}", query.unwrap_or_default()),
        ..ask.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Directive, Handshake, NginxLocation};

    fn seen(read_timeout_s: f64, upstream: &str, host: Option<&str>) -> NginxSeen {
        let pass = Directive {
            args: vec![format!("http://{upstream}")],
            ..Directive::default()
        };
        NginxSeen {
            location: Some(NginxLocation {
                proxy_pass: Some(pass),
                upstreams: vec![upstream.to_owned()],
                host: host.map(str::to_owned),
                read_timeout_s,
                ..NginxLocation::default()
            }),
            ..NginxSeen::default()
        }
    }

    fn evidence(answers: &[&str]) -> Evidence {
        let hop = |answer: &&str| {
            let answer = serde_json::from_str(answer).unwrap();
            Hop {
                tried: vec![Handshake {
                    answer,
                    ..Handshake::default()
                }],
                ..Hop::default()
            }
        };
        Evidence {
            hops: answers.iter().map(hop).collect(),
            ..Evidence::default()
        }
    }

    #[test]
    fn the_evidence_is_about_the_proxy_from_which_the_answers_differ() {
        let missing = r#"{"http":{"status":404,"reason":"","body":""}}"#;
        let gateway = r#"{"http":{"status":502,"reason":"","body":""}}"#;
        let open = r#"{"upgraded":{"offered":false,"valid":true,"after":{"open":{"ms":1}}}}"#;
        let refused = "\"refused\"";
        let chain = [seen(60.0, "127.0.0.1:2", None), seen(30.0, "127.0.0.1:3", None)];
        let rows: [(&[&str], usize); 5] = [
            (&[missing, missing, open], 1),
            (&[missing, open, open], 0),
            (&[gateway, gateway, refused], 1),
            (&[gateway, open, open], 0),
            (&[open, open, open], 1),
        ];
        for (answers, expected) in rows {
            assert_eq!(choose(&chain, &evidence(answers)), Some(expected), "{answers:?}");
        }
        assert_eq!(choose(&chain[..1], &evidence(&[missing, open])), None);
    }

    #[test]
    fn the_next_one_is_asked_as_the_one_before_it_asks() {
        let target = Target {
            host: "chat.example.com".into(),
            port: 443,
            secure: true,
            path: "/ws/chat/5/".into(),
            ..Target::default()
        };
        let next = behind(&seen(60.0, "127.0.0.1:8080", Some("chat.example.com")), &target).unwrap();
        assert_eq!(
            (next.host.as_str(), next.port, next.secure),
            ("chat.example.com", 8080, false)
        );
        let next = behind(&seen(60.0, "127.0.0.1:8080", None), &target).unwrap();
        assert_eq!(next.host, "127.0.0.1");
        assert!(behind(&seen(60.0, "192.0.2.7:8080", None), &target).is_none());
        assert!(behind(&seen(60.0, "unix:/run/app.sock", None), &target).is_none());
    }
}
