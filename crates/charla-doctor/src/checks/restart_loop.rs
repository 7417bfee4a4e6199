//! The service starts, fails and is started again, over and over.

use charla_wire::Cause;

use crate::checks::{Check, Step, serving};
use crate::evidence::{Answer, Evidence, Kind, ProcessSeen, ServerSeen};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::RestartLoop, step: Step::Server, judge };

const EXPLAINS: [Cause; 5] = [Cause::ServerDown, Cause::ServerKilled, Cause::ServerRestarting, Cause::ProxyUpstreamWrongPort, Cause::ProxyClosedSilently];

/// Restarts that are no coincidence.
const MANY: u64 = 3;
/// A process younger than this may be one turn of a loop, in seconds.
const YOUNG_S: f64 = 60.0;
/// Starts that are closer to each other than this, in seconds, are a loop.
const APART_S: f64 = 300.0;

fn judge(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    let said = logs.any(&[Sign::RestartLimit, Sign::RestartScheduled]).filter(|(sign, seen)| *sign == Sign::RestartLimit || seen.count >= MANY);
    if serving::is_pasted(evidence) {
        return match said {
            Some((_, seen)) => Outcome::Fail(Finding::certain(both!("systemd starts the server again and again.", "systemd arranca el servidor una y otra vez."), serving::quotes(seen)).explains(&EXPLAINS)),
            None if logs.sources.is_empty() => Outcome::Skip(serving::unseen()),
            None if falls_often(evidence) => {
                let facts = logs.sign(Sign::StartedAgain).map(serving::quotes).unwrap_or_default();
                Outcome::Fail(Finding::likely(both!("The server falls and is started again and again: start after start, and no orderly end between them.", "El servidor se cae y se arranca una y otra vez: un arranque tras otro, y ningún final en orden entre ellos."), facts).explains(&EXPLAINS))
            }
            None => Outcome::Pass(both!("nothing is started again and again", "nada se arranca una y otra vez")),
        };
    }
    let Some(server) = serving::seen(evidence) else {
        return Outcome::Skip(serving::unseen());
    };
    let Some(unit) = server.unit.as_ref().filter(|unit| !unit.active.is_empty()) else {
        return without_unit(evidence, server);
    };
    let (name, active, sub) = (&unit.name, &unit.active, &unit.sub);
    let restarts = unit.restarts.unwrap_or_default();
    let young = server.process.as_ref().is_some_and(is_young);
    let gave_up = active == "failed" && (unit.result == "start-limit-hit" || said.is_some());
    let looping = sub == "auto-restart" || (restarts >= MANY && (young || active == "activating"));
    if !gave_up && !looping {
        return Outcome::Pass(both!("{name} is {active}, restarted {restarts} times by systemd", "{name} está {active}, reiniciada {restarts} veces por systemd"));
    }
    let mut facts = vec![Fact::at(both!("{active} ({sub}), NRestarts={restarts}", "{active} ({sub}), NRestarts={restarts}"), name.clone())];
    facts.extend(said.into_iter().flat_map(|(_, seen)| serving::quotes(seen)));
    let sentence = if gave_up {
        both!("{name} failed so often that systemd starts it no more.", "{name} ha fallado tantas veces que systemd ya no la arranca.")
    } else {
        both!("{name} fails and is started again and again: {restarts} times so far.", "{name} falla y se arranca una y otra vez: {restarts} veces hasta ahora.")
    };
    let finding = Finding::certain(sentence, facts);
    Outcome::Fail(finding.fix(format!("journalctl -u {name} --since -30min | grep -m1 -B5 -A20 -iE 'error|traceback|panic'\nsystemctl reset-failed {name} && systemctl start {name}")).explains(&EXPLAINS))
}

/// Pasted: so many starts without an orderly end between them, minutes apart. A log without times may be years long.
fn falls_often(evidence: &Evidence) -> bool {
    let again = evidence.logs.sign(Sign::StartedAgain).filter(|seen| seen.count >= MANY);
    let known = again.and_then(|seen| Some((seen.last? - seen.first?, seen.count)));
    known.is_some_and(|(seconds, count)| seconds > 0.0 && seconds / (count as f64) < APART_S)
}

fn is_young(process: &ProcessSeen) -> bool {
    process.age_s.is_some_and(|age| age < YOUNG_S)
}

/// Started by a container, a supervisor or a shell: its own log tells of starts without an orderly end before them, and
/// the process is young, or came while the doctor looked.
fn without_unit(evidence: &Evidence, server: &ServerSeen) -> Outcome {
    let logs = &evidence.logs;
    // It starts itself again after every change of a file.
    let by_itself = server.process.as_ref().is_some_and(|process| process.kind == Kind::Runserver);
    let Some(again) = logs.sign(Sign::StartedAgain).filter(|seen| seen.count >= MANY && !by_itself) else {
        return match logs.sign(Sign::Started) {
            Some(_) => Outcome::Pass(both!("the log tells of no row of starts", "el registro no habla de una serie de arranques")),
            None => Outcome::Skip(both!("no unit of systemd is known", "no se conoce ninguna unidad de systemd")),
        };
    };
    let young = server.newcomer.as_ref().or(server.process.as_ref().filter(|process| is_young(process)));
    let fresh = logs.sign(Sign::Started).filter(|seen| seen.fresh > 0);
    if young.is_none() && fresh.is_none() {
        return Outcome::Pass(both!("the last start is long ago", "el último arranque fue hace tiempo"));
    }
    let count = again.count;
    let mut facts = serving::quotes(again);
    facts.extend(young.map(|process| {
        let (pid, age) = (process.pid, process.age_s.unwrap_or_default());
        Fact {
            what: both!("process {pid} is {age:.1} s old", "el proceso {pid} tiene {age:.1} s"),
            quote: Some(process.command.clone()),
            at: Some(format!("/proc/{pid}/stat")),
        }
    }));
    facts.extend(evidence.given().map(serving::answered));
    let sentence = both!("The server falls and is started again and again: its log tells of {count} starts after which it never came to an orderly end.", "El servidor se cae y se arranca una y otra vez: su registro habla de {count} arranques sin un final en orden.");
    let finding = Finding::likely(sentence, facts).fix("# why it ends: its last words before each start\ngrep -n -B20 'Started server process' server.log | grep -iE 'error|traceback|killed'").explains(&EXPLAINS);
    if evidence.answer().is_some_and(Answer::is_open) { Outcome::Warn(finding) } else { Outcome::Fail(finding) }
}
