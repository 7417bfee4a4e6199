//! nginx' `limit_conn` turns handshakes away: every open WebSocket counts as long as it lives.

use charla_wire::Cause;

use crate::checks::{Check, Step, proxied};
use crate::evidence::{Directive, Evidence};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ProxyConnectionsLimited, step: Step::Proxy, judge };

/// What nginx answers (`limit_conn_status`): 503 unless another is set.
const STATUSES: [u16; 2] = [503, 429];

fn judge(evidence: &Evidence) -> Outcome {
    let location = proxied::location(evidence).map(|(_, location)| location);
    let limits: Vec<&Directive> = location.iter().flat_map(|location| &location.limits).filter(|limit| limit.name == "limit_conn").collect();
    let status = proxied::http(proxied::front(evidence)).map(|(status, ..)| status).filter(|status| STATUSES.contains(status));
    if let Some(seen) = proxied::now(evidence, Sign::NginxConnectionsLimited) {
        let count = seen.count;
        let mut facts = proxied::lines(seen);
        facts.extend(limits.iter().map(|limit| proxied::set(limit)));
        facts.extend(proxied::answered(evidence, true));
        let finding = Finding::certain(both!("nginx turns handshakes away because too many are open (`limit_conn`): {count} in the log.", "nginx rechaza conexiones porque hay demasiadas abiertas (`limit_conn`): {count} en el registro."), facts);
        return if proxied::opened(evidence) { Outcome::Warn(finding) } else { Outcome::Fail(finding) };
    }
    if let (Some(_), false) = (status, limits.is_empty()) {
        let mut facts: Vec<_> = limits.iter().map(|limit| proxied::set(limit)).collect();
        facts.extend(proxied::answers(evidence));
        return Outcome::Fail(Finding::likely(both!("nginx turns handshakes away because too many are open (`limit_conn`).", "nginx rechaza conexiones porque hay demasiadas abiertas (`limit_conn`)."), facts));
    }
    if let Some(seen) = evidence.logs.sign(Sign::NginxConnectionsLimited) {
        let count = seen.count;
        return Outcome::Warn(Finding::certain(both!("nginx turns handshakes away because too many are open (`limit_conn`): {count} in the log, none now.", "nginx rechaza conexiones porque hay demasiadas abiertas (`limit_conn`): {count} en el registro, ninguna ahora."), proxied::lines(seen)));
    }
    if location.is_some() || (proxied::pasted(evidence) && evidence.logs.attempts.total > 0) {
        return Outcome::Pass(both!("no handshake was turned away by `limit_conn`", "`limit_conn` no rechazó ninguna conexión"));
    }
    Outcome::Skip(proxied::unseen())
}
