//! The kernel killed the server, because memory ran out.

use charla_wire::Cause;

use crate::checks::{Check, Step, serving};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::OutOfMemoryKill, step: Step::Machine, judge };

const EXPLAINS: [Cause; 5] = [Cause::ServerKilled, Cause::ServerDown, Cause::RestartLoop, Cause::ServerRestarting, Cause::ProxyUpstreamWrongPort];

/// Names that a server's process has in the kernel's log.
const NAMES: [&str; 7] = ["(uvicorn)", "(daphne)", "(hypercorn)", "(gunicorn", "(python", "(charla)", "(node)"];

fn judge(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    let is_servers = |line: &str| NAMES.iter().any(|name| line.contains(name)) || line.contains("oom-kill'") || line.contains("of this unit");
    if serving::is_pasted(evidence) {
        let said = logs.any(&[Sign::OutOfMemory, Sign::WorkerKilled]).map(|(_, seen)| seen);
        let killed = said.filter(|seen| seen.quotes.iter().any(|quote| is_servers(&quote.line) && is_memory(&quote.line)));
        return match killed {
            Some(seen) => Outcome::Fail(Finding::certain(both!("The kernel killed the server's process: memory had run out.", "El kernel mató el proceso del servidor: se había agotado la memoria."), serving::quotes(seen)).explains(&EXPLAINS)),
            None if logs.sources.is_empty() => Outcome::Skip(serving::unseen()),
            None => Outcome::Pass(both!("no process was killed for memory", "no se mató ningún proceso por falta de memoria")),
        };
    }
    let unit = evidence.server.as_ref().and_then(|server| server.unit.as_ref()).filter(|unit| unit.result == "oom-kill");
    let mut facts: Vec<Fact> = unit.iter().map(|unit| Fact::at(both!("the unit's result is oom-kill", "el resultado de la unidad es oom-kill"), unit.name.clone())).collect();
    let lines = evidence.host.as_ref().map(|host| host.oom_kills.as_slice()).unwrap_or_default();
    let lines = lines.iter().filter(|line| is_servers(line));
    facts.extend(lines.map(|line| Fact {
        what: both!("the kernel's log says", "el registro del kernel dice"),
        quote: Some(line.clone()),
        at: Some("dmesg".to_owned()),
    }));
    let in_group = evidence.host.as_ref().and_then(|host| host.cgroup_oom_kills).filter(|count| *count > 0);
    facts.extend(in_group.map(|count| Fact::said(both!("{count} processes of its control group were killed for memory", "en su grupo de control se mataron {count} procesos por falta de memoria"))));
    if facts.is_empty() {
        return match &evidence.host {
            Some(_) => Outcome::Pass(both!("nobody was killed for memory", "no se mató a nadie por falta de memoria")),
            None => Outcome::Skip(both!("the kernel's log was not read", "no se leyó el registro del kernel")),
        };
    }
    let name = serving::unit(evidence);
    let sentence = both!("The kernel killed the server for lack of memory.", "El kernel mató el servidor por falta de memoria.");
    let absent = serving::is_absent(evidence);
    let finding = if unit.is_some() || !absent { Finding::certain(sentence, facts) } else { Finding::likely(sentence, facts) };
    let finding = finding.fix(format!("systemctl show -p MemoryPeak,MemoryMax {name}\nsystemctl edit {name}    # [Service] MemoryMax=2G\nsystemctl restart {name}")).explains(&EXPLAINS);
    if absent { Outcome::Fail(finding) } else { Outcome::Warn(finding) }
}

fn is_memory(line: &str) -> bool {
    ["ut of memory", "oom", "OOM"].iter().any(|word| line.contains(word))
}
