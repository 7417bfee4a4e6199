//! The server tries to start, and cannot.

use charla_wire::Cause;

use crate::checks::{Check, Step, serving};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ServerStartupError, step: Step::Logs, judge };

const EXPLAINS: [Cause; 4] = [Cause::ServerDown, Cause::RestartLoop, Cause::ProxyUpstreamWrongPort, Cause::ServerRestarting];

fn judge(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    let pasted = serving::is_pasted(evidence);
    if !pasted && serving::seen(evidence).is_some() && !serving::is_absent(evidence) {
        return Outcome::Pass(both!("it has started", "ha arrancado"));
    }
    // A module that is missing in a request's traceback is the application's own affair.
    let started = logs.sign(Sign::Started).is_some();
    let said = logs.sign(Sign::StartupError).or_else(|| logs.sign(Sign::ModuleMissing).filter(|_| !started && logs.sign(Sign::AppException).is_none()));
    let Some(seen) = said else {
        return if logs.sources.is_empty() { Outcome::Skip(both!("its log was not read", "no se leyó su registro")) } else { Outcome::Pass(both!("no start failed", "ningún arranque falló")) };
    };
    let works = logs.statuses.contains_key(&101);
    if pasted && works {
        return Outcome::Pass(both!("it started all the same", "arrancó de todos modos"));
    }
    let unit = evidence.server.as_ref().and_then(|server| server.unit.as_ref());
    let failed = unit.is_some_and(|unit| unit.result == "exit-code" || unit.sub == "auto-restart");
    // An old line beside a server that is down for another reason proves nothing.
    let certainty = if pasted || failed || logs.fresh(&[Sign::StartupError]).is_some() { Certainty::Certain } else { Certainty::Likely };
    let word = seen.quotes.last().map(|quote| quote.line.trim().chars().take(160).collect::<String>()).unwrap_or_default();
    let name = serving::unit(evidence);
    let finding = Finding::new(certainty, both!("The server cannot start: {word}", "El servidor no logra arrancar: {word}"), serving::quotes(seen));
    Outcome::Fail(finding.fix(import_by_hand(evidence, &word)).fix(format!("systemctl restart {name}\njournalctl -u {name} -n 40 --no-pager")).explains(&EXPLAINS))
}

/// The import that failed, to be tried by hand in the folder and with the Python of the service.
fn import_by_hand(evidence: &Evidence, word: &str) -> String {
    let named = word.split('"').nth(1).map(|module| module.split(':').next().unwrap_or(module).to_owned());
    let module = named.unwrap_or_else(|| "app.asgi".to_owned());
    let process = evidence.server.as_ref().and_then(|server| server.process.as_ref());
    let folder = process.and_then(|process| process.folder.clone()).map_or_else(String::new, |folder| format!("cd {folder} && "));
    format!("{folder}python -c 'import {module}'    # as the service's user, in its environment")
}
