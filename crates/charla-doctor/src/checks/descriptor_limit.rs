//! The server's process has as many files and sockets open as it may.

use charla_wire::Cause;

use crate::checks::{Check, Step, serving};
use crate::evidence::{Answer, Evidence, WorkerSeen};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::DescriptorLimit, step: Step::Machine, judge };

const EXPLAINS: [Cause; 3] = [Cause::AppException, Cause::AcceptQueueOverflow, Cause::ProxyClosedSilently];

/// Descriptors left at which new connections fail: accept() needs one, and asyncio keeps none in reserve.
const LEFT: u64 = 2;

fn judge(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    if serving::is_pasted(evidence) {
        return told(evidence);
    }
    if let Some((_, seen)) = logs.fresh(&[Sign::TooManyFiles]) {
        return Outcome::Fail(fixed(evidence, Finding::certain(both!("The server ran out of file descriptors.", "El servidor se quedó sin descriptores de archivo."), serving::quotes(seen))));
    }
    let Some(server) = serving::seen(evidence) else {
        return Outcome::Skip(serving::unseen());
    };
    let known = server.serving.iter().filter_map(|worker| Some((worker, worker.descriptors?, worker.descriptor_limit?)));
    let Some((worker, open, limit)) = known.min_by_key(|(_, open, limit)| limit.saturating_sub(*open)) else {
        return Outcome::Skip(both!("its descriptors could not be counted", "no se pudieron contar sus descriptores"));
    };
    let hung_up = serving::own_hop(evidence).filter(|hop| matches!(hop.browser(), Some(Answer::HungUp { .. })));
    let facts = |worker: &WorkerSeen| {
        let pid = worker.pid;
        let mut facts = vec![Fact::at(both!("process {pid} has {open} of {limit} descriptors open", "el proceso {pid} tiene abiertos {open} de {limit} descriptores"), format!("/proc/{pid}/fd, /proc/{pid}/limits"))];
        facts.extend(hung_up.map(serving::answered));
        facts
    };
    // When the doctor looks, its own refused connection has already given its descriptor back.
    if open + LEFT >= limit {
        let sentence = both!("The server has {open} of {limit} file descriptors open: new connections are accepted and dropped at once.", "El servidor tiene abiertos {open} de {limit} descriptores: las conexiones nuevas se aceptan y se cortan enseguida.");
        let finding = fixed(evidence, Finding::certain(sentence, facts(worker)));
        return if hung_up.is_some() { Outcome::Fail(finding) } else { Outcome::Warn(finding) };
    }
    if hung_up.is_some() && open.saturating_mul(10) >= limit.saturating_mul(9) {
        let sentence = both!("The server hung up without a word and has {open} of {limit} file descriptors open.", "El servidor colgó sin una palabra y tiene abiertos {open} de {limit} descriptores.");
        return Outcome::Fail(fixed(evidence, Finding::likely(sentence, facts(worker))));
    }
    if open.saturating_mul(10) >= limit.saturating_mul(9) {
        let sentence = both!("The server has {open} of {limit} file descriptors open; at the limit new connections are dropped.", "El servidor tiene abiertos {open} de {limit} descriptores; al llegar al límite se cortan las conexiones nuevas.");
        return Outcome::Warn(fixed(evidence, Finding::certain(sentence, facts(worker))));
    }
    Outcome::Pass(both!("{open} of {limit} descriptors open", "{open} de {limit} descriptores abiertos"))
}

fn fixed(evidence: &Evidence, finding: Finding) -> Finding {
    let name = serving::unit(evidence);
    let pid = evidence.server.as_ref().and_then(|server| server.serving.first()).map(|worker| worker.pid);
    // At once, without a restart that would break every socket.
    let now = pid.map_or_else(String::new, |pid| format!("sudo prlimit --pid {pid} --nofile=65536:65536    # at once\n"));
    finding.fix(format!("{now}systemctl edit {name}    # [Service] LimitNOFILE=65536\nsystemctl restart {name}")).explains(&EXPLAINS)
}

fn told(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    if let Some(seen) = logs.sign(Sign::TooManyFiles) {
        let nginx = seen.quotes.iter().all(|quote| quote.line.contains("accept4()"));
        let sentence = if nginx {
            both!("nginx ran out of file descriptors (raise `worker_rlimit_nofile`).", "nginx se quedó sin descriptores de archivo (sube `worker_rlimit_nofile`).")
        } else {
            both!("The server ran out of file descriptors.", "El servidor se quedó sin descriptores de archivo.")
        };
        let finding = Finding::certain(sentence, serving::quotes(seen)).explains(&EXPLAINS);
        return Outcome::Fail(if nginx { finding.fix("worker_rlimit_nofile 65536;    # nginx.conf, main context") } else { finding });
    }
    // uvicorn logs nothing: it takes the connection and lets it fall, before a single byte.
    let fell = logs.any(&[Sign::NginxHungUp]).zip(logs.any(&[Sign::BrowserReset]));
    let spoke = logs.any(&[Sign::AppException, Sign::UvicornAccepted, Sign::UvicornRejected, Sign::NginxWorkerConnections, Sign::AppReturned]).is_some();
    match fell {
        Some(((_, nginx), (_, browser))) if !spoke => {
            let mut facts = [serving::quotes(nginx), serving::quotes(browser)].concat();
            let running = logs.sign(Sign::ProcessListed);
            facts.extend(running.into_iter().flat_map(serving::quotes));
            let sentence = both!(
                "The server takes connections and drops them before a byte, runs, and logs nothing: its file descriptors are used up.",
                "El servidor toma las conexiones y las suelta antes de un byte, está en marcha y no registra nada: ha agotado sus descriptores de archivo."
            );
            let finding = if running.is_some() { Finding::likely(sentence, facts) } else { Finding::possible(sentence, facts) };
            Outcome::Fail(finding.explains(&EXPLAINS))
        }
        Some(_) | None if logs.sources.is_empty() => Outcome::Skip(serving::unseen()),
        Some(_) | None => Outcome::Pass(both!("nothing says that descriptors ran out", "nada dice que se agotaran los descriptores")),
    }
}
