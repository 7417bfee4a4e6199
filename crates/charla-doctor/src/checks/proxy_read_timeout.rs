//! nginx cuts a connection that was silent for `proxy_read_timeout`.
//!
//! Seen at an idle connection that the doctor held, in nginx' own line (level info), in the lives of connections; foreseen as
//! arithmetic: who pings less often than nginx cuts.

use charla_wire::Cause;

use crate::checks::{Check, Step, proxied};
use crate::evidence::{After, Conduct, Evidence, NginxLocation};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ProxyReadTimeout, step: Step::Proxy, judge };

/// nginx' default, in seconds.
const DEFAULT_S: f64 = 60.0;
/// How far an end may be from the time-out, in seconds: timers are late on a busy machine.
const LATE_S: f64 = 1.5;
/// Lives below which a peak says nothing.
const LIVES: u64 = 5;

fn judge(evidence: &Evidence) -> Outcome {
    let location = proxied::location(evidence).map(|(_, location)| location).filter(|location| location.proxy_pass.is_some());
    let cut = evidence.logs.sign(Sign::NginxIdleCut);
    if let Some(found) = evidence.conduct.as_ref().and_then(|conduct| held(evidence, conduct, location)) {
        return Outcome::Fail(fixed(found, location));
    }
    if let Some(seen) = cut {
        let count = seen.count;
        let finding = Finding::certain(
            both!("nginx cut {count} open connections that were silent for `proxy_read_timeout`.", "nginx cortó {count} conexiones abiertas que llevaban en silencio `proxy_read_timeout`."),
            proxied::lines(seen),
        );
        let finding = fixed(finding, location).explains(&[Cause::BalancerIdleTimeout]);
        return if proxied::pasted(evidence) { Outcome::Fail(finding) } else { Outcome::Warn(finding) };
    }
    if let Some(found) = peak(evidence, location) {
        return Outcome::Fail(fixed(found, location));
    }
    match location {
        Some(location) => arithmetic(evidence, location),
        None => Outcome::Skip(proxied::unseen()),
    }
}

fn fixed(finding: Finding, location: Option<&NginxLocation>) -> Finding {
    let Some(location) = location else { return finding };
    let at = location.read_timeout_at.as_ref().unwrap_or(&location.at);
    finding.fix(format!("# {at}\nproxy_read_timeout 3600s;\nproxy_send_timeout 3600s;")).fix("nginx -t && systemctl reload nginx")
}

fn timeout(location: &NginxLocation) -> Fact {
    let seconds = location.read_timeout_s;
    match &location.read_timeout_at {
        Some(at) => Fact::at(both!("`proxy_read_timeout` is {seconds} s", "`proxy_read_timeout` es {seconds} s"), at.clone()),
        None => Fact::at(both!("`proxy_read_timeout` is not set: {seconds} s", "`proxy_read_timeout` no está puesto: {seconds} s"), location.at.clone()),
    }
}

/// The connection that was held in silence.
fn held(evidence: &Evidence, conduct: &Conduct, location: Option<&NginxLocation>) -> Option<Finding> {
    let Some(After::Cut { ms, .. }) = conduct.idle_end else { return None };
    let lived = f64::from(u32::try_from(ms).ok()?) / 1000.0;
    let limit = location.map_or(DEFAULT_S, |location| location.read_timeout_s);
    // Silence began when the server last spoke.
    let spoke = conduct.server_pings_ms.last().copied().unwrap_or(0);
    let silent = f64::from(u32::try_from(ms.saturating_sub(spoke)).ok()?) / 1000.0;
    if !(limit - 0.2..limit + LATE_S).contains(&silent) {
        return None;
    }
    let survived = conduct.idle_direct && conduct.idle_direct_end.is_none();
    let logged = proxied::now(evidence, Sign::NginxIdleCut);
    let mut facts = vec![Fact::at(both!("held in silence, cut after {lived:.1} s without a close frame (1006)", "mantenida en silencio, cortada a los {lived:.1} s sin trama de cierre (1006)"), conduct.at.clone())];
    facts.extend(location.map(timeout));
    if survived {
        facts.push(Fact::said(both!("at the application itself the same silence was borne", "ante la propia aplicación se soportó el mismo silencio")));
    }
    facts.extend(logged.into_iter().flat_map(proxied::lines));
    facts.extend(below(evidence));
    let certainty = match (location, survived || logged.is_some()) {
        (Some(_), true) => Certainty::Certain,
        (Some(_), false) | (None, true) => Certainty::Likely,
        (None, false) => Certainty::Possible,
    };
    Some(Finding::new(certainty, both!("nginx cuts a connection after {limit} s of silence.", "nginx corta una conexión tras {limit} s de silencio."), facts).explains(&[Cause::BalancerIdleTimeout]))
}

/// The proof would be below the level that is logged.
fn below(evidence: &Evidence) -> Option<Fact> {
    let log = evidence.nginx.as_ref()?.error_log.as_ref()?;
    if log.level == "info" || log.level == "debug" {
        return None;
    }
    let level = &log.level;
    Some(Fact::at(both!("nginx logs such a cut at level info only; its error_log is at {level}", "nginx solo registra ese corte con nivel info; su error_log está en {level}"), log.at.clone()))
}

/// Many lives that end at the time-out.
fn peak(evidence: &Evidence, location: Option<&NginxLocation>) -> Option<Finding> {
    let location = location?;
    let lives = &evidence.logs.lifetimes;
    let limit = location.read_timeout_s;
    let near = lives.by_second.iter().filter(|(second, _)| (limit - 1.0..limit + LATE_S).contains(&f64::from(**second)));
    let count: u64 = near.map(|(_, count)| count).sum();
    let known = lives.known;
    if known < LIVES || count * 3 < known {
        return None;
    }
    let mut facts = vec![Fact::said(both!("{count} of {known} connections lived {limit} s", "{count} de {known} conexiones vivieron {limit} s")), timeout(location)];
    facts.extend(below(evidence));
    Some(Finding::likely(both!("Connections end after {limit} s: nginx' `proxy_read_timeout`.", "Las conexiones acaban a los {limit} s: el `proxy_read_timeout` de nginx."), facts).explains(&[Cause::BalancerIdleTimeout]))
}

/// Client heartbeat < server ping < nginx.
fn arithmetic(evidence: &Evidence, location: &NginxLocation) -> Outcome {
    let limit = location.read_timeout_s;
    let process = evidence.server.as_ref().and_then(|server| server.process.as_ref());
    let heartbeat = evidence.charla.as_ref().and_then(|charla| charla.heartbeat_ms).and_then(|ms| u32::try_from(ms).ok());
    let heartbeat = heartbeat.map(|ms| f64::from(ms) / 1000.0);
    let Some(ping) = process.and_then(|process| process.ping_interval_s).or(heartbeat) else {
        return Outcome::Skip(both!("how often the server pings is not known", "no se sabe cada cuánto envía ping el servidor"));
    };
    if ping < limit {
        return Outcome::Pass(both!("the server pings every {ping} s, nginx waits {limit} s", "el servidor envía ping cada {ping} s, nginx espera {limit} s"));
    }
    let mut facts = vec![timeout(location)];
    facts.extend(process.map(|process| Fact {
        what: both!("the server pings every {ping} s", "el servidor envía ping cada {ping} s"),
        quote: Some(process.command.clone()),
        at: None,
    }));
    facts.extend(below(evidence));
    let finding = Finding::certain(
        both!("nginx cuts after {limit} s of silence, and the server pings only every {ping} s: idle connections will die with 1006.", "nginx corta tras {limit} s de silencio, y el servidor solo envía ping cada {ping} s: las conexiones inactivas morirán con 1006."),
        facts,
    );
    Outcome::Warn(fixed(finding, Some(location)))
}
