//! nginx does not pass `Upgrade` and `Connection` on: the application sees an ordinary GET.

use charla_wire::Cause;

use crate::checks::{Check, Step, proxied};
use crate::evidence::{Evidence, NginxLocation, NginxSeen, Seen};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ProxyNoUpgrade, step: Step::Proxy, judge };

/// What a GET where an upgrade belongs looks like to other checks.
const EXPLAINS: [Cause; 5] = [Cause::RouteNotFound, Cause::NoWebsocketRoute, Cause::NotAsgi, Cause::NoWebsocketLibrary, Cause::ProxyHttp10];

/// Statuses that an application has for a plain GET of a WebSocket's path.
const OF_A_GET: [u16; 6] = [200, 400, 404, 405, 426, 500];

fn judge(evidence: &Evidence) -> Outcome {
    match proxied::location(evidence) {
        Some((nginx, location)) if location.proxy_pass.is_some() => of_config(evidence, nginx, location),
        _ => of_logs(evidence),
    }
}

/// A `Connection` that nginx takes for an upgrade; a variable that could not be worked out may be one.
fn passes(location: &NginxLocation) -> bool {
    let connection = location.connection.as_deref().unwrap_or("close");
    location.upgrade.is_some() && (connection.to_ascii_lowercase().contains("upgrade") || connection.contains('$'))
}

fn of_config(evidence: &Evidence, nginx: &NginxSeen, location: &NginxLocation) -> Outcome {
    if passes(location) {
        let at = location.headers_at.clone().unwrap_or_default();
        return Outcome::Pass(both!("`Upgrade` and `Connection` are passed on ({at})", "se pasan `Upgrade` y `Connection` ({at})"));
    }
    if proxied::opened(evidence) {
        return Outcome::Pass(proxied::went_through());
    }
    let pattern = &location.pattern;
    let mut facts = vec![proxied::serves(location)];
    facts.extend(location.proxy_pass.as_ref().map(proxied::set));
    if let Some(at) = &location.headers_lost_at {
        facts.push(Fact::at(both!("set here, and lost: a nearer level sets headers of its own, which replace all of these", "puestas aquí, y perdidas: un nivel más cercano pone cabeceras propias, que sustituyen a todas estas"), at.clone()));
    } else if let (Some(_), Some(at)) = (&location.upgrade, &location.headers_at) {
        let connection = location.connection.as_deref().unwrap_or("close");
        facts.push(Fact::at(both!("`Connection` is sent as \"{connection}\"", "`Connection` se envía como «{connection}»"), at.clone()));
    }
    facts.extend(proxied::answers(evidence));
    let sentence = both!("nginx does not pass the upgrade on in `{pattern}`: the application sees an ordinary GET.", "nginx no deja pasar el upgrade en `{pattern}`: la aplicación ve un GET corriente.");
    let status = proxied::http(proxied::front(evidence)).map(|(status, ..)| status);
    let finding = match status {
        Some(status) if OF_A_GET.contains(&status) => Finding::new(proxied::certainty(nginx, location), sentence, facts),
        None if evidence.hops.is_empty() => Finding::likely(sentence, facts),
        // Something else keeps it from being made; this would be next.
        Some(_) | None => return Outcome::Warn(fix(Finding::certain(sentence, facts), location)),
    };
    Outcome::Fail(fix(finding, location).explains(&EXPLAINS))
}

fn fix(finding: Finding, location: &NginxLocation) -> Finding {
    let (at, pattern) = (&location.at, &location.pattern);
    finding
        .fix(format!("# {at}, {pattern} {{ }}\nproxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection \"upgrade\";\nproxy_set_header Host $host;"))
        .fix("nginx -t && systemctl reload nginx")
}

/// A GET of a WebSocket's path that the server itself logged: uvicorn's lines have a reason phrase.
fn plain(evidence: &Evidence) -> Option<&Seen> {
    let own = |seen: &&Seen| seen.quotes.iter().any(|quote| quote.line.contains("\" 404 Not Found"));
    proxied::now(evidence, Sign::PlainAtServer).or_else(|| proxied::now(evidence, Sign::PlainGet).filter(own))
}

fn of_logs(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    let Some(plain) = plain(evidence) else {
        if proxied::opened(evidence) || (proxied::pasted(evidence) && logs.sign(Sign::UvicornAccepted).is_some()) {
            return Outcome::Pass(proxied::went_through());
        }
        return Outcome::Skip(proxied::unseen());
    };
    let other = [Sign::UnsupportedUpgrade, Sign::NoLibrary, Sign::UvicornAccepted, Sign::UvicornRejected, Sign::UvicornFailed];
    if let Some((_, seen)) = logs.any(&other) {
        let at = seen.quotes.first().map_or_else(String::new, |quote| quote.at.clone());
        return Outcome::Pass(both!("upgrades do reach the server ({at})", "los upgrades sí llegan al servidor ({at})"));
    }
    let mut facts = proxied::lines(plain);
    let failed = logs.sign(Sign::UnexpectedStatus).filter(|seen| seen.quotes.iter().any(|quote| quote.line.contains("404")));
    facts.extend(failed.into_iter().flat_map(proxied::lines));
    // A person may have asked by hand; a browser that got the 404 for its handshake has not.
    let certainty = if failed.is_some() || plain.count >= 3 { Certainty::Likely } else { Certainty::Possible };
    Outcome::Fail(
        Finding::new(
            certainty,
            both!("The server was asked for the WebSocket's path by a plain GET: something on the way took the Upgrade header away.", "Al servidor le pidieron la ruta del WebSocket con un GET corriente: algo en el camino quitó la cabecera Upgrade."),
            facts,
        )
        .explains(&EXPLAINS),
    )
}
