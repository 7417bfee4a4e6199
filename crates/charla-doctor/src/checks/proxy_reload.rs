//! A reload of nginx ends its old workers' connections when `worker_shutdown_timeout` is over: all of them at once.

use charla_wire::Cause;

use crate::checks::{Check, Step, proxied};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ProxyReload, step: Step::Proxy, judge };

/// Ends within one second that are a herd.
const HERD: u64 = 5;
/// The longest `worker_shutdown_timeout` in common use, that of ingress-nginx, in seconds.
const LONGEST_S: f64 = 240.0;

fn judge(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    let reloaded = logs.sign(Sign::NginxReload);
    let lives = &logs.lifetimes;
    let near = reloaded.and_then(|seen| {
        let (first, last, ends) = (seen.first?, seen.last?, lives.most_ends_at?);
        (first - 1.0..last + LONGEST_S + 10.0).contains(&ends).then_some(ends - last)
    });
    if let (Some(seen), Some(after), true) = (reloaded, near, lives.most_ends_in_a_second >= HERD) {
        let count = lives.most_ends_in_a_second;
        let mut facts = proxied::lines(seen);
        facts.push(Fact::said(both!("{count} connections ended within one second, {after:.0} s after the last reload", "{count} conexiones acabaron en un mismo segundo, {after:.0} s después de la última recarga")));
        // uvicorn that stops in order leaves a herd of its own.
        if logs.sign(Sign::ShuttingDown).is_none() {
            let finding = Finding::likely(both!("A reload of nginx cut {count} connections at once.", "Una recarga de nginx cortó {count} conexiones a la vez."), facts);
            return if proxied::pasted(evidence) { Outcome::Fail(finding) } else { Outcome::Warn(finding) };
        }
    }
    let Some(nginx) = &evidence.nginx else {
        return if proxied::pasted(evidence) && (logs.attempts.total > 0 || lives.known > 0) {
            Outcome::Pass(both!("connections did not end together after a reload", "las conexiones no acabaron juntas tras una recarga"))
        } else {
            Outcome::Skip(proxied::unseen())
        };
    };
    let leaving = nginx.workers_shutting_down;
    match &nginx.worker_shutdown_timeout {
        Some(timeout) if leaving > 0 => {
            let after = timeout.args.first().cloned().unwrap_or_default();
            let facts = vec![Fact::at(both!("{leaving} workers of nginx are shutting down since a reload", "{leaving} workers de nginx se están cerrando desde una recarga"), "/proc"), proxied::set(timeout)];
            let finding = Finding::certain(both!("nginx was reloaded: the connections of {leaving} old workers are all cut {after} after that.", "nginx se recargó: las conexiones de {leaving} workers viejos se cortan todas {after} después."), facts);
            Outcome::Warn(finding.fix(format!("# {}\nworker_shutdown_timeout 1h;", timeout.at)))
        }
        Some(_) | None => Outcome::Pass(both!("no worker of nginx is about to be ended", "ningún worker de nginx está a punto de terminar")),
    }
}
