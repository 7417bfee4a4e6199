//! The server could not take its port, because another process holds it.

use charla_wire::Cause;

use crate::checks::{Check, Step, serving};
use crate::evidence::{Evidence, Kind};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::PortInUse, step: Step::Server, judge };

const EXPLAINS: [Cause; 4] = [Cause::ServerDown, Cause::RestartLoop, Cause::ServerStartupError, Cause::NotAsgi];

fn judge(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    let said = logs.sign(Sign::PortInUse);
    if serving::is_pasted(evidence) {
        return match said {
            Some(seen) => {
                let sentence = both!("A server could not take its port: another process holds it.", "Un servidor no pudo tomar su puerto: lo ocupa otro proceso.");
                let finding = Finding::certain(sentence, serving::quotes(seen)).explains(&EXPLAINS);
                // Somebody answers there: an older copy, most likely.
                if logs.statuses.contains_key(&101) { Outcome::Warn(finding) } else { Outcome::Fail(finding) }
            }
            None if logs.sources.is_empty() => Outcome::Skip(serving::unseen()),
            None => Outcome::Pass(both!("no server was kept from its port", "a ningún servidor se le impidió tomar su puerto")),
        };
    }
    let Some(server) = serving::seen(evidence) else {
        return Outcome::Skip(serving::unseen());
    };
    let Some(holder) = server.listeners.first() else {
        return Outcome::Pass(both!("nobody holds the port", "nadie ocupa el puerto"));
    };
    let unit = server.unit.as_ref().filter(|unit| unit.port == server.expected_port && matches!(unit.active.as_str(), "failed" | "activating"));
    let foreign = holder.kind == Kind::Other && unit.is_some();
    if said.is_none() && !foreign {
        return Outcome::Pass(both!("the server holds its port", "el servidor tiene su puerto"));
    }
    let address = holder.address.clone();
    let pid = holder.pid.map_or_else(|| "?".to_owned(), |pid| pid.to_string());
    let mut facts = vec![serving::listens(holder)];
    facts.extend(said.into_iter().flat_map(serving::quotes));
    facts.extend(unit.map(|unit| {
        let (active, sub) = (&unit.active, &unit.sub);
        Fact::at(both!("the unit is {active} ({sub})", "la unidad está {active} ({sub})"), unit.name.clone())
    }));
    let name = serving::unit(evidence);
    let finding = Finding::likely(both!("{address} is held by pid {pid}, so the server could not take it.", "{address} lo ocupa el pid {pid}, así que el servidor no pudo tomarlo."), facts);
    let finding = finding.fix(format!("ps -o pid,user,etime,args -p {pid}\n# an old copy? then\nkill {pid} && systemctl restart {name}")).explains(&EXPLAINS);
    let works = serving::own_hop(evidence).and_then(|hop| hop.browser()).is_some_and(serving::is_applications);
    match (works, said.is_some() || foreign) {
        (false, true) => Outcome::Fail(finding),
        (true, true) if unit.is_some() || said.is_some_and(|seen| seen.fresh > 0) => Outcome::Warn(finding),
        (true | false, _) => Outcome::Pass(both!("the server answers on its port", "el servidor responde en su puerto")),
    }
}
