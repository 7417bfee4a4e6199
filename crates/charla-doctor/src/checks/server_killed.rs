//! The process was ended by a signal that it could not answer.

use charla_wire::Cause;

use crate::checks::{Check, Step, serving};
use crate::evidence::{Evidence, Seen};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ServerKilled, step: Step::Server, judge };

const EXPLAINS: [Cause; 2] = [Cause::ServerDown, Cause::ProxyUpstreamWrongPort];

/// Sockets that broke at once: from so many on it is no coincidence.
const AT_ONCE: u64 = 2;

fn judge(evidence: &Evidence) -> Outcome {
    if serving::is_pasted(evidence) {
        return told(evidence);
    }
    let Some(server) = serving::seen(evidence) else {
        return Outcome::Skip(serving::unseen());
    };
    let absent = serving::is_absent(evidence);
    let unit = server.unit.as_ref().filter(|unit| {
        let killed = matches!(unit.exit_code.as_deref(), Some("killed" | "dumped"));
        // systemd's own stop is TERM, and uvicorn passes it on.
        let by_order = unit.exit_status == Some(15) && unit.result == "success";
        unit.result != "oom-kill" && !by_order && (killed || matches!(unit.result.as_str(), "signal" | "core-dump"))
    });
    if let Some(unit) = unit.filter(|_| absent) {
        let (name, result) = (&unit.name, &unit.result);
        let signal = unit.exit_status.map_or_else(|| "?".to_owned(), |status| status.to_string());
        let mut facts = vec![Fact::at(both!("its last process ended by signal {signal}, result {result}", "su último proceso terminó por la señal {signal}, resultado {result}"), name.clone())];
        facts.push(serving::nobody(server));
        return Outcome::Fail(Finding::certain(both!("The server was killed by signal {signal} and has not come back ({name}).", "Al servidor lo mató la señal {signal} y no ha vuelto ({name})."), facts).explains(&EXPLAINS));
    }
    match killed(evidence) {
        Some(seen) if absent => Outcome::Fail(Finding::likely(both!("The server was killed and has not come back.", "Al servidor lo mataron y no ha vuelto."), serving::quotes(seen)).explains(&EXPLAINS)),
        Some(seen) => Outcome::Warn(Finding::certain(both!("A process of the server was killed a short while ago; all of its sockets broke at once.", "Hace poco mataron un proceso del servidor; todos sus sockets se rompieron a la vez."), serving::quotes(seen))),
        None => Outcome::Pass(both!("nothing says that it was killed", "nada dice que lo mataran")),
    }
}

/// A line about a kill that was not the usual stop (TERM), nor for memory.
fn killed(evidence: &Evidence) -> Option<&Seen> {
    let seen = evidence.logs.sign(Sign::WorkerKilled)?;
    let kill = |line: &str| !line.contains("status=15/TERM") && !line.contains("ut of memory");
    seen.quotes.iter().any(|quote| kill(&quote.line)).then_some(seen).filter(|_| evidence.logs.sign(Sign::OutOfMemory).is_none())
}

fn told(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    if let Some(seen) = killed(evidence) {
        return Outcome::Fail(Finding::certain(both!("A process of the server was killed, and all of its sockets broke at once.", "Mataron un proceso del servidor, y todos sus sockets se rompieron a la vez."), serving::quotes(seen)).explains(&EXPLAINS));
    }
    // It was up, its sockets broke without a close frame, and it said nothing of it: neither an error nor a farewell.
    let silent = logs.any(&[Sign::ShuttingDown, Sign::AppException, Sign::PubSubLost, Sign::OutOfMemory]).is_none();
    let (up, gone) = (logs.sign(Sign::UvicornAccepted), logs.sign(Sign::ProcessMissing));
    let Some(up) = up.filter(|_| silent && logs.dropped.count >= AT_ONCE) else {
        return if logs.sources.is_empty() { Outcome::Skip(serving::unseen()) } else { Outcome::Pass(both!("sockets did not break all at once without a word", "los sockets no se rompieron todos a la vez sin una palabra")) };
    };
    let Some(gone) = gone else {
        return Outcome::Pass(both!("the process is not said to be gone", "nada dice que el proceso ya no esté"));
    };
    let dropped = logs.dropped.count;
    let facts = [serving::quotes(&logs.dropped), serving::quotes(gone), serving::quotes(up).into_iter().take(1).collect()].concat();
    Outcome::Fail(Finding::likely(
        both!("{dropped} open connections broke without a close frame, the server's log ends without a farewell, and its process is gone: it was killed.", "{dropped} conexiones abiertas se rompieron sin trama de cierre, el registro del servidor acaba sin despedida y su proceso ya no está: lo mataron."),
        facts,
    ).explains(&EXPLAINS))
}
