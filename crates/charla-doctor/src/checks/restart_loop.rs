//! The service starts, fails and is started again, over and over.

use charla_wire::Cause;

use crate::checks::{Check, Step, serving};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::RestartLoop, step: Step::Server, judge };

const EXPLAINS: [Cause; 4] = [Cause::ServerDown, Cause::ServerKilled, Cause::ServerRestarting, Cause::ProxyUpstreamWrongPort];

/// Restarts that are no coincidence.
const MANY: u64 = 3;
/// A process younger than this may be one turn of a loop, in seconds.
const YOUNG_S: f64 = 60.0;

fn judge(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    let said = logs.any(&[Sign::RestartLimit, Sign::RestartScheduled]).filter(|(sign, seen)| *sign == Sign::RestartLimit || seen.count >= MANY);
    if serving::is_pasted(evidence) {
        return match said {
            Some((_, seen)) => Outcome::Fail(Finding::certain(both!("systemd starts the server again and again.", "systemd arranca el servidor una y otra vez."), serving::quotes(seen)).explains(&EXPLAINS)),
            None if logs.sources.is_empty() => Outcome::Skip(serving::unseen()),
            None => Outcome::Pass(both!("nothing is started again and again", "nada se arranca una y otra vez")),
        };
    }
    let Some(server) = serving::seen(evidence) else {
        return Outcome::Skip(serving::unseen());
    };
    let Some(unit) = server.unit.as_ref().filter(|unit| !unit.active.is_empty()) else {
        return Outcome::Skip(both!("no unit of systemd is known", "no se conoce ninguna unidad de systemd"));
    };
    let (name, active, sub) = (&unit.name, &unit.active, &unit.sub);
    let restarts = unit.restarts.unwrap_or_default();
    let young = server.process.as_ref().and_then(|process| process.age_s).is_some_and(|age| age < YOUNG_S);
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
