//! `proxy_pass http://localhost`: nginx tries `::1`, where the application does not listen.

use charla_wire::Cause;

use crate::checks::{Check, Step, proxied};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ProxyUpstreamIpv6, step: Step::Proxy, judge };

fn judge(evidence: &Evidence) -> Outcome {
    let location = proxied::location(evidence).map(|(_, location)| location);
    let upstream = location.and_then(|location| location.upstreams.iter().find(|upstream| upstream.starts_with("localhost:")));
    let refused = evidence.logs.sign(Sign::NginxRefused);
    let six = refused.filter(|seen| seen.quotes.iter().any(|quote| quote.line.contains("upstream: \"http://[::1]")));
    let Some(six) = six else {
        return match location {
            Some(_) => Outcome::Pass(both!("no connection to [::1] was refused", "no se rechazó ninguna conexión a [::1]")),
            None if evidence.logs.attempts.total > 0 && proxied::pasted(evidence) => Outcome::Pass(both!("no line tells of [::1]", "ninguna línea habla de [::1]")),
            None => Outcome::Skip(proxied::unseen()),
        };
    };
    if six.quotes.iter().any(|quote| quote.line.contains("upstream: \"http://127.0.0.1")) {
        return Outcome::Pass(both!("127.0.0.1 was refused too: nobody listens at all", "127.0.0.1 también rechazó: no escucha nadie"));
    }
    let mut facts = proxied::lines(six);
    facts.extend(location.and_then(|location| location.proxy_pass.as_ref()).filter(|_| upstream.is_some()).map(proxied::set));
    let at = location.and_then(|location| location.proxy_pass.as_ref()).map_or_else(String::new, |pass| format!("# {}\n", pass.at));
    let finding = Finding::likely(both!("nginx tries [::1] for `localhost`, where the application does not listen.", "nginx prueba [::1] para `localhost`, donde la aplicación no escucha."), facts);
    let port = upstream.and_then(|upstream| upstream.rsplit(':').next()).unwrap_or("9001");
    let finding = finding.fix(format!("{at}proxy_pass http://127.0.0.1:{port};")).fix("nginx -t && systemctl reload nginx");
    let broken = proxied::http(proxied::front(evidence)).is_some_and(|(status, ..)| status == 502);
    if proxied::pasted(evidence) || broken {
        Outcome::Fail(finding.explains(&[Cause::ServerDown]))
    } else if proxied::opened(evidence) && upstream.is_none() {
        Outcome::Pass(proxied::went_through())
    } else {
        // The second address is tried then: until both count as failed.
        Outcome::Warn(finding)
    }
}
