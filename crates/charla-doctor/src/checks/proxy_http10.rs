//! nginx speaks HTTP/1.0 to the application: its default before 1.29.7.

use charla_wire::Cause;

use crate::checks::{Check, Step, proxied};
use crate::evidence::Evidence;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ProxyHttp10, step: Step::Proxy, judge };

/// What a server says that does not upgrade HTTP/1.0.
const REFUSALS: [u16; 4] = [400, 404, 426, 505];

fn judge(evidence: &Evidence) -> Outcome {
    let Some((nginx, location)) = proxied::location(evidence) else { return Outcome::Skip(proxied::unseen()) };
    if location.proxy_pass.is_none() {
        return Outcome::Pass(both!("the path is not proxied", "la ruta no pasa por el proxy"));
    }
    match location.http_version.as_str() {
        "1.0" => {}
        "" => return Outcome::Skip(both!("nginx' version is not known", "no se conoce la versión de nginx")),
        version => return Outcome::Pass(both!("HTTP/{version} towards the application", "HTTP/{version} hacia la aplicación")),
    }
    let version = nginx.version.as_deref().unwrap_or("?");
    let what = both!("`proxy_http_version` is 1.0 (nginx {version})", "`proxy_http_version` es 1.0 (nginx {version})");
    let at = location.http_version_at.as_ref().unwrap_or(&location.at);
    let mut facts = vec![Fact::at(what, at.clone())];
    facts.extend(proxied::answers(evidence));
    let pattern = &location.pattern;
    let sentence = both!("nginx speaks HTTP/1.0 to the application in `{pattern}`; uvicorn and daphne upgrade all the same, others do not.", "nginx habla HTTP/1.0 con la aplicación en `{pattern}`; uvicorn y daphne hacen el upgrade igualmente, otros no.");
    let refused = proxied::http(proxied::front(evidence)).is_some_and(|(status, ..)| REFUSALS.contains(&status));
    let fixed = |finding: Finding| {
        let line = format!("# {at}\nproxy_http_version 1.1;");
        finding.fix(line).fix("nginx -t && systemctl reload nginx")
    };
    if refused && proxied::upgrades(evidence) && location.upgrade.is_some() {
        Outcome::Fail(fixed(Finding::likely(sentence, facts)))
    } else {
        Outcome::Warn(fixed(Finding::certain(sentence, facts)))
    }
}
