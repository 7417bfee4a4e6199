//! Who sees all tenants: by the operator's key, by a name that a trusted proxy vouches for, or at the machine of a demo.

use std::fmt;
use std::net::IpAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use http::header;
use http::request::Parts;

use super::Api;
use super::caller::{bearer, no_key};
use super::problem::Problem;
use crate::auth::API_KEY_PREFIX;
use crate::listen::{ClientAddress, Neighbour};
use crate::node::Node;
use crate::settings::ConsoleSettings;

/// Letters of an operator's name.
const NAME_MAX: usize = 128;
/// A page of ours sends it with what changes something, and a form of another site cannot.
const MEANT: &str = "charla-console";
/// Where the browser says that a request comes from.
const FETCH_SITE: &str = "sec-fetch-site";

/// Somebody who sees all tenants.
pub(super) struct Overseer {
    name: String,
    address: Option<IpAddr>,
    may_change: bool,
}

/// The same, where the console is on: elsewhere there is nothing to be found.
pub(super) struct ConsoleOverseer(pub Overseer);

impl FromRequestParts<Api> for ConsoleOverseer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        if !api.node.console.is_enabled() {
            return Err(Problem::not_found("the console is off: set console.enabled"));
        }
        Overseer::from_request_parts(parts, api).await.map(Self)
    }
}

impl FromRequestParts<Api> for Overseer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let address = parts.extensions.get::<ConnectInfo<ClientAddress>>();
        let address = address.map(|ConnectInfo(ClientAddress(address))| *address);
        let vouched = vouched(&api.node, parts);
        // A proxy may pass on a token of its own beside the name.
        let shown = bearer(parts)?.filter(|shown| vouched.is_none() || shown.starts_with(API_KEY_PREFIX));
        if let Some(bearer) = shown {
            let key = api.node.auth.api_keys.authenticate(bearer).await?;
            if let Some(tenant) = &key.tenant {
                tracing::warn!(target: "charla::audit", %tenant, key = key.label, "a key of one tenant was shown where all are seen");
                return Err(Problem::forbidden("this takes an API key for all tenants"));
            }
            let name = format!("key {:?}", key.label);
            return Ok(Self {
                name,
                address,
                may_change: true,
            });
        }
        let console = &api.node.settings.console;
        let may_change = vouched.as_deref().is_none_or(|name| is_changer(console, name));
        let name = vouched
            .map(|name| format!("user {name:?}"))
            .or_else(|| at_the_machine(console, parts))
            .ok_or_else(no_key)?;
        let overseer = Self {
            name,
            address,
            may_change,
        };
        if !parts.method.is_safe() {
            overseer.check_change(parts)?;
        }
        Ok(overseer)
    }
}

impl Overseer {
    /// Who it is, for the log.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it may change something, and does not only look.
    pub(super) const fn may_change(&self) -> bool {
        self.may_change
    }

    /// Without a key: one of those who may, by a page of our own.
    fn check_change(&self, parts: &Parts) -> Result<(), Problem> {
        if !is_meant(parts) {
            return Err(Problem::forbidden(
                "without a key this takes the header `Charla-Console: 1`, from this server's own page",
            ));
        }
        if !self.may_change {
            self.note("refused", format_args!("{} {}", parts.method, parts.uri.path()));
            return Err(Problem::forbidden(
                "you may look and not change: you are none of console.changers",
            ));
        }
        Ok(())
    }

    /// Writes down what it does.
    pub(super) fn note(&self, action: &'static str, whom: impl fmt::Display) {
        tracing::warn!(
            target: "charla::audit", by = self.name, action, %whom,
            address = self.address.as_ref().map(tracing::field::display), "an operator acts"
        );
    }
}

fn neighbour(parts: &Parts) -> Option<IpAddr> {
    let Neighbour(address) = parts.extensions.get::<Neighbour>()?;
    Some(address.to_canonical())
}

/// The name that a trusted proxy vouches for.
fn vouched(node: &Node, parts: &Parts) -> Option<String> {
    let settings = &node.settings;
    let header = settings
        .console
        .user_header
        .as_deref()
        .filter(|_| settings.console.enabled)?;
    let proxy = neighbour(parts)?;
    if !settings.server.trusts(&proxy) {
        return None;
    }
    let mut values = parts.headers.get_all(header).iter();
    let (Some(name), None) = (values.next(), values.next()) else {
        return None;
    };
    let name = name.to_str().ok()?.trim();
    (1..=NAME_MAX).contains(&name.len()).then(|| name.to_owned())
}

/// Whether whom a proxy names may change something.
fn is_changer(console: &ConsoleSettings, name: &str) -> bool {
    console.changers.is_empty() || console.changers.iter().any(|one| one == name)
}

/// Whoever sits at the machine where the demo runs: not a page of another site by a name that it points here, nor what a proxy
/// passes on.
fn at_the_machine(console: &ConsoleSettings, parts: &Parts) -> Option<String> {
    let is_here = console.enabled && console.open_on_loopback && neighbour(parts)?.is_loopback();
    let forwarded = ["x-forwarded-for", "x-real-ip", "forwarded", "via"];
    if !is_here || forwarded.iter().any(|name| parts.headers.contains_key(*name)) {
        return None;
    }
    let host = parts.headers.get(header::HOST)?.to_str().ok()?;
    let host = match host.strip_prefix('[') {
        Some(literal) => literal.split_once(']')?.0,
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_own_name = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback());
    is_own_name.then(|| "somebody at this machine".to_owned())
}

/// Not by a form or an image of another site.
fn is_meant(parts: &Parts) -> bool {
    let site = parts.headers.get(FETCH_SITE);
    let is_own = site.is_none_or(|site| site == "same-origin");
    is_own && parts.headers.contains_key(MEANT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(from: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri("/api/v1/nodes");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(Neighbour(from.parse().unwrap()));
        parts
    }

    #[test]
    fn a_demo_is_open_to_its_own_machine_alone() {
        let demo = ConsoleSettings {
            enabled: true,
            open_on_loopback: true,
            ..ConsoleSettings::default()
        };
        let opens =
            |from: &str, headers: &[(&str, &str)]| at_the_machine(&demo, &parts(from, headers)).is_some();
        for host in ["127.0.0.1:9001", "localhost", "[::1]:9001"] {
            assert!(opens("127.0.0.1", &[("host", host)]), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "", "[::1"] {
            assert!(!opens("127.0.0.1", &[("host", host)]), "{host}");
        }
        assert!(!opens("192.0.2.1", &[("host", "127.0.0.1")]));
        assert!(!opens(
            "127.0.0.1",
            &[("host", "localhost"), ("x-forwarded-for", "127.0.0.1")]
        ));
        let off = ConsoleSettings::default();
        assert!(at_the_machine(&off, &parts("127.0.0.1", &[("host", "localhost")])).is_none());
    }

    #[test]
    fn what_another_site_sends_is_not_meant() {
        assert!(is_meant(&parts("127.0.0.1", &[(MEANT, "1")])));
        assert!(!is_meant(&parts("127.0.0.1", &[])));
        assert!(!is_meant(&parts(
            "127.0.0.1",
            &[(MEANT, "1"), (FETCH_SITE, "cross-site")]
        )));
    }
}
