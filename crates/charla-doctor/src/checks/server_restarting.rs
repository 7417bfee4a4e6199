//! The server was stopped in order: a deploy or a restart.

use charla_wire::Cause;

use crate::checks::{Check, Step, serving};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ServerRestarting, step: Step::Server, judge };

const EXPLAINS: [Cause; 2] = [Cause::ServerDown, Cause::ProxyUpstreamWrongPort];

/// uvicorn's close code as it stops.
const SERVICE_RESTART: u16 = 1012;

fn judge(evidence: &Evidence) -> Outcome {
    if serving::is_pasted(evidence) {
        return told(evidence);
    }
    let Some(server) = serving::seen(evidence) else {
        return Outcome::Skip(serving::unseen());
    };
    let now = evidence.logs.fresh(&[Sign::ShuttingDown]);
    if let Some((_, seen)) = now.filter(|_| evidence.hops.iter().any(|hop| hop.browser().is_some_and(|answer| !answer.is_open()))) {
        return Outcome::Fail(Finding::likely(both!("The server is being stopped at this very moment.", "Están deteniendo el servidor en este mismo momento."), serving::quotes(seen)).explains(&EXPLAINS));
    }
    let unit = server.unit.as_ref().filter(|unit| matches!(unit.active.as_str(), "deactivating" | "reloading") || unit.sub.starts_with("start-"));
    if let Some(unit) = unit.filter(|_| serving::is_absent(evidence)) {
        let (name, active, sub) = (&unit.name, &unit.active, &unit.sub);
        let facts = vec![Fact::at(both!("the unit is {active} ({sub})", "la unidad está {active} ({sub})"), name.clone()), serving::nobody(server)];
        return Outcome::Fail(Finding::likely(both!("{name} is on its way down or up: {active}.", "{name} se está deteniendo o arrancando: {active}."), facts).explains(&EXPLAINS));
    }
    Outcome::Pass(both!("nobody stops it now", "nadie lo está deteniendo ahora"))
}

fn told(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    let told = logs.closes.get(&SERVICE_RESTART).copied().unwrap_or_default();
    let stopping = logs.sign(Sign::ShuttingDown);
    // Where something else went wrong before, stopping may have been somebody's answer to it.
    let failing = logs.statuses.keys().any(|status| *status != 101)
        || logs.dropped.count > 0
        || logs.sign(Sign::AppException).is_some();
    match stopping {
        Some(seen) if told > 0 => {
            let mut facts = serving::quotes(seen);
            facts.push(Fact::said(both!("{told} times a client was told 1012, service restart", "{told} veces se le dijo 1012 a un cliente: reinicio del servicio")));
            let certainty = if failing { Certainty::Possible } else { Certainty::Certain };
            Outcome::Fail(Finding::new(certainty, both!("The server was stopped in order, by a deploy or a restart, and told its clients so (1012).", "El servidor se detuvo en orden, por un despliegue o un reinicio, y así lo dijo a sus clientes (1012)."), facts).explains(&EXPLAINS))
        }
        Some(seen) if logs.dropped.count > 1 && seen.quotes.iter().any(|quote| quote.line.contains("pending application instances")) => {
            Outcome::Fail(Finding::likely(both!("daphne was stopped in order, and says nothing to its clients as it ends.", "daphne se detuvo en orden, y no dice nada a sus clientes al terminar."), serving::quotes(seen)).explains(&EXPLAINS))
        }
        Some(_) | None if logs.sources.is_empty() => Outcome::Skip(serving::unseen()),
        Some(_) | None => Outcome::Pass(both!("no client was told that the server stops", "a ningún cliente se le dijo que el servidor se detenía")),
    }
}
