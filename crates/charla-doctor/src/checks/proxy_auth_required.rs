//! nginx itself asks for a password (or forbids the address) before the application sees the handshake.

use charla_wire::Cause;

use crate::checks::{Check, Step, proxied};
use crate::evidence::{Answer, Directive, Evidence, SourceKind};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ProxyAuthRequired, step: Step::Proxy, judge };

/// Lines of an application that refuses by itself.
const APPLICATION: [Sign; 8] = [Sign::TokenExpired, Sign::TokenInvalid, Sign::TokenMissing, Sign::TokenWrongType, Sign::UserUnknown, Sign::AppReturned, Sign::Closed4401, Sign::CharlaCause];

fn judge(evidence: &Evidence) -> Outcome {
    if proxied::opened(evidence) {
        return Outcome::Pass(proxied::went_through());
    }
    if let Some((_, seen)) = evidence.logs.fresh(&[Sign::NginxNoPassword, Sign::NginxDenied]) {
        let mut facts = proxied::lines(seen);
        facts.extend(proxied::answers(evidence));
        return Outcome::Fail(finding(Certainty::Certain, facts, guards(evidence).first().copied()));
    }
    match proxied::front(evidence) {
        Some(Answer::Http { status, cause, server, .. }) => {
            let (status, charla) = (*status, cause.is_some());
            if charla || !matches!(status, 401 | 403) {
                return Outcome::Pass(both!("HTTP {status} is not nginx asking for a password", "HTTP {status} no es nginx pidiendo contraseña"));
            }
            of_answer(evidence, status, server.as_deref().unwrap_or_default())
        }
        Some(_) => Outcome::Pass(both!("no password was asked for", "no se pidió contraseña")),
        None => of_logs(evidence),
    }
}

fn guards(evidence: &Evidence) -> Vec<&Directive> {
    let location = proxied::location(evidence).map(|(_, location)| location);
    location.iter().flat_map(|location| &location.guards).collect()
}

fn finding(certainty: Certainty, facts: Vec<Fact>, guard: Option<&Directive>) -> Finding {
    let name = guard.map_or("auth_basic", |guard| guard.name.as_str());
    let finding = Finding::new(certainty, both!("nginx itself turns the handshake away (`{name}`): a browser's WebSocket cannot send a password.", "El propio nginx rechaza la conexión (`{name}`): el WebSocket de un navegador no puede enviar contraseña."), facts);
    let finding = finding.explains(&[Cause::TokenInvalid, Cause::RejectBeforeAccept]);
    match guard {
        Some(guard) if guard.name.starts_with("auth") => finding.fix(format!("# for the WebSocket's location; inherited from {}\n{} off;", guard.at, guard.name)).fix("nginx -t && systemctl reload nginx"),
        Some(_) | None => finding,
    }
}

fn of_answer(evidence: &Evidence, status: u16, server: &str) -> Outcome {
    let wanted = if status == 401 { "auth" } else { "deny" };
    let guards = guards(evidence);
    let guard = guards.iter().copied().find(|guard| guard.name.starts_with(wanted));
    let own = proxied::direct(evidence).and_then(Answer::status);
    if own == Some(status) {
        return Outcome::Pass(both!("the application itself answers HTTP {status}", "la propia aplicación responde HTTP {status}"));
    }
    let mut facts: Vec<Fact> = guards.iter().map(|guard| proxied::set(guard)).collect();
    facts.extend(proxied::answers(evidence));
    let body = proxied::http(proxied::front(evidence)).is_some_and(|(_, body, _)| proxied::is_nginx_page(body));
    match (guard, own) {
        (Some(_), Some(_)) => Outcome::Fail(finding(Certainty::Certain, facts, guard)),
        (Some(guard), None) if guard.name == "auth_basic" && body => Outcome::Fail(finding(Certainty::Certain, facts, Some(guard))),
        (Some(_), None) => Outcome::Fail(finding(Certainty::Likely, facts, guard)),
        (None, Some(101)) if evidence.nginx.is_none() => Outcome::Fail(finding(Certainty::Likely, facts, None)),
        (None, _) if body && status == 401 => Outcome::Fail(finding(Certainty::Likely, facts, None)),
        (None, _) => Outcome::Pass(both!("no password or address rule is in force ({server})", "no hay ninguna regla de contraseña o dirección vigente ({server})")),
    }
}

fn of_logs(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    if !proxied::pasted(evidence) {
        return Outcome::Skip(proxied::unseen());
    }
    let asked = logs.sign(Sign::AuthenticationFailed);
    let count = proxied::status_in_logs(evidence, 401);
    if asked.is_none() && count == 0 {
        return if logs.attempts.total > 0 { Outcome::Pass(both!("no handshake was answered with 401", "ninguna conexión se respondió con 401")) } else { Outcome::Skip(proxied::unseen()) };
    }
    if logs.any(&APPLICATION).is_some() {
        return Outcome::Pass(both!("the application itself refuses, and says why", "la propia aplicación rechaza, y dice por qué"));
    }
    let at = logs.attempts.counted_in.clone();
    let mut facts: Vec<Fact> = asked.into_iter().flat_map(proxied::lines).collect();
    if count > 0 {
        facts.push(Fact::at(both!("{count} handshakes answered with 401", "{count} conexiones respondidas con 401"), at));
    }
    // An application that was read and says nothing was not reached.
    let silent = logs.has(SourceKind::Uvicorn) || logs.has(SourceKind::NginxAccess);
    Outcome::Fail(finding(if silent { Certainty::Likely } else { Certainty::Possible }, facts, None))
}
