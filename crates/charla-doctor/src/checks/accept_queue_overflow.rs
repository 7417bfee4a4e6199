//! Connections arrive faster than the server takes them, and the kernel drops what no longer fits.

use charla_wire::Cause;

use crate::checks::{Check, Step, serving};
use crate::evidence::{Answer, Evidence};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::AcceptQueueOverflow, step: Step::Machine, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if let Some((_, seen)) = evidence.logs.fresh(&[Sign::ListenQueueFull]) {
        let finding = Finding::likely(both!("The kernel says that more connections arrived than the listen queue holds.", "El kernel dice que llegaron más conexiones de las que caben en la cola de escucha."), serving::quotes(seen));
        return Outcome::Fail(finding);
    }
    if serving::is_pasted(evidence) {
        return if evidence.logs.sources.is_empty() { Outcome::Skip(serving::unseen()) } else { Outcome::Pass(both!("the kernel does not complain", "el kernel no se queja")) };
    }
    let Some(server) = serving::seen(evidence) else {
        return Outcome::Skip(serving::unseen());
    };
    let Some((listener, queue, backlog)) = server.listeners.iter().find_map(|listener| Some((listener, listener.queue.max(listener.queue_peak)?, listener.backlog?))) else {
        return Outcome::Skip(both!("nobody listens, or the queue cannot be seen", "nadie escucha, o no se puede ver la cola"));
    };
    let address = listener.address.clone();
    let mut facts = vec![Fact::at(both!("{queue} connections wait, {backlog} may (ss -ltn: Recv-Q, Send-Q)", "esperan {queue} conexiones, caben {backlog} (ss -ltn: Recv-Q, Send-Q)"), address.clone())];
    let host = evidence.host.as_ref();
    let grown = host.and_then(|host| host.listen_overflows).filter(|(before, after)| after > before);
    facts.extend(grown.map(|(before, after)| Fact::at(both!("ListenOverflows rose from {before} to {after} meanwhile", "ListenOverflows subió de {before} a {after} mientras tanto"), "/proc/net/netstat")));
    let hop = serving::own_hop(evidence);
    facts.extend(hop.map(serving::answered));
    let full = queue >= backlog;
    let stuck = hop.is_some_and(|hop| matches!(hop.browser(), Some(Answer::NoConnection | Answer::Silent)));
    let somaxconn = host.and_then(|host| host.somaxconn).map_or_else(String::new, |most| format!("sysctl -w net.core.somaxconn=4096    # now {most}\n"));
    let sentence = both!("The listen queue of {address} is full: {queue} of {backlog} connections wait to be accepted.", "La cola de escucha de {address} está llena: {queue} de {backlog} conexiones esperan a ser aceptadas.");
    let fix = |finding: Finding| finding.fix(format!("{somaxconn}# and a larger --backlog on the server's command line"));
    match (full, stuck || grown.is_some()) {
        (true, true) => Outcome::Fail(fix(Finding::certain(sentence, facts))),
        (true, false) => Outcome::Warn(fix(Finding::certain(sentence, facts))),
        (false, _) => Outcome::Pass(both!("{queue} of {backlog} connections wait", "esperan {queue} de {backlog} conexiones")),
    }
}
