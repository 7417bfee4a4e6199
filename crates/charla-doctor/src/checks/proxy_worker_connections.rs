//! nginx has no connection left: each WebSocket through it takes two, and descriptors likewise.

use charla_wire::Cause;

use crate::checks::{Check, Step, proxied};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ProxyWorkerConnections, step: Step::Proxy, judge };

/// nginx' default.
const DEFAULT: u64 = 512;

fn judge(evidence: &Evidence) -> Outcome {
    let signs = [Sign::NginxWorkerConnections, Sign::NginxTooManyFiles];
    let limit = evidence.nginx.as_ref().and_then(|nginx| nginx.worker_connections.as_ref());
    if let Some((_, seen)) = evidence.logs.fresh(&signs) {
        let mut facts = proxied::lines(seen);
        facts.extend(limit.map(proxied::set));
        let finding = Finding::certain(both!("nginx has no connection left: it drops new ones without a word to the browser.", "A nginx no le quedan conexiones: cierra las nuevas sin decir nada al navegador."), facts);
        let finding = finding.explains(&[Cause::ProxyClosedSilently]);
        return if proxied::opened(evidence) { Outcome::Warn(finding) } else { Outcome::Fail(finding) };
    }
    if let Some((_, seen)) = evidence.logs.any(&signs) {
        let count = seen.count;
        return Outcome::Warn(Finding::certain(both!("nginx ran out of connections before: {count} lines in its log.", "A nginx se le acabaron las conexiones antes: {count} líneas en su registro."), proxied::lines(seen)));
    }
    let Some(nginx) = &evidence.nginx else {
        return if proxied::pasted(evidence) && evidence.logs.attempts.total > 0 {
            Outcome::Pass(both!("no line tells of connections running out", "ninguna línea habla de conexiones agotadas"))
        } else {
            Outcome::Skip(proxied::unseen())
        };
    };
    let each = limit.and_then(|limit| limit.args.first()?.parse::<u64>().ok()).unwrap_or(DEFAULT);
    let workers = nginx.worker_processes.as_ref().map_or(Some(1), |count| count.parse::<u64>().ok());
    match (nginx.connections, workers.map(|workers| workers * each)) {
        // A tenth left: two more sockets a worker on a small limit, a busy minute on a large one.
        (Some(used), Some(all)) if used * 10 >= all * 9 => {
            let mut facts = vec![Fact::said(both!("{used} of {all} connections are in use", "{used} de {all} conexiones están en uso"))];
            facts.extend(limit.map(proxied::set));
            Outcome::Warn(Finding::certain(both!("nginx is about to run out of connections: {used} of {all}.", "A nginx están a punto de acabársele las conexiones: {used} de {all}."), facts))
        }
        (Some(used), Some(all)) => Outcome::Pass(both!("{used} of {all} connections are in use", "{used} de {all} conexiones están en uso")),
        (Some(_) | None, Some(_) | None) => Outcome::Pass(both!("no line tells of connections running out", "ninguna línea habla de conexiones agotadas")),
    }
}
