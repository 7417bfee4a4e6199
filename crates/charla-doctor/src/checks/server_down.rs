//! Nobody listens where the application is expected, and it does not run elsewhere either.

use charla_wire::Cause;

use crate::checks::{Check, Step, serving};
use crate::evidence::{Answer, Evidence, ServerSeen};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ServerDown, step: Step::Server, judge };

/// What a server that is not there leads to.
const EXPLAINS: [Cause; 1] = [Cause::ProxyUpstreamWrongPort];

fn judge(evidence: &Evidence) -> Outcome {
    if serving::is_pasted(evidence) {
        return told(evidence);
    }
    let Some(server) = serving::seen(evidence) else {
        return afar(evidence);
    };
    if !serving::is_absent(evidence) {
        return Outcome::Pass(both!("somebody listens there", "allí escucha alguien"));
    }
    if serving::elsewhere(server).next().is_some() {
        return lone(evidence, server);
    }
    Outcome::Fail(down(evidence, server))
}

/// From another machine only the answer speaks.
fn afar(evidence: &Evidence) -> Outcome {
    let Some(hop) = evidence.hops.first().filter(|_| evidence.server.is_none()) else {
        return Outcome::Skip(serving::unseen());
    };
    let at = hop.at.clone();
    match hop.browser() {
        Some(Answer::Refused) => {
            let sentence = both!(
                "Nobody listens at {at}: the server is down, listens elsewhere, or a firewall refuses in its name.",
                "Nadie escucha en {at}: el servidor no está en marcha, escucha en otra parte o un cortafuegos rechaza en su nombre."
            );
            Outcome::Fail(Finding::likely(sentence, vec![serving::answered(hop)]).explains(&EXPLAINS))
        }
        Some(Answer::Http { status: 502, server: Some(server), .. }) if server.starts_with("nginx") => {
            let sentence = both!(
                "nginx at {at} gets no answer from the server behind it (502): it is down, or the upstream is wrong.",
                "nginx en {at} no recibe respuesta del servidor que hay detrás (502): no está en marcha, o el upstream está mal."
            );
            Outcome::Fail(Finding::possible(sentence, vec![serving::answered(hop)]))
        }
        Some(answer) if answer.status().is_some() => Outcome::Pass(both!("something answers", "algo responde")),
        Some(_) | None => Outcome::Skip(serving::unseen()),
    }
}

fn down(evidence: &Evidence, server: &ServerSeen) -> Finding {
    let place = serving::place(server);
    let (en, es) = (place.en, place.es);
    let mut facts = vec![serving::nobody(server)];
    facts.extend(serving::own_hop(evidence).map(serving::answered));
    facts.extend(server.not_listening.first().map(serving::process));
    if let Some(unit) = &server.unit {
        let (name, active, sub, result) = (&unit.name, &unit.active, &unit.sub, &unit.result);
        facts.push(Fact::at(both!("the unit is {active} ({sub}), result {result}", "la unidad está {active} ({sub}), resultado {result}"), name.clone()));
    }
    // uvicorn ends by itself, and well, so that `Restart=on-failure` leaves it down.
    let limit = evidence.logs.sign(Sign::RequestLimit);
    facts.extend(limit.and_then(|seen| seen.quotes.last()).map(|quote| Fact::quoted(both!("its last words", "sus últimas palabras"), quote)));
    let name = serving::unit(evidence);
    let port = server.expected_port.map_or_else(String::new, |port| format!(" 'sport = :{port}'"));
    let mut finding = Finding::certain(
        both!("Nobody listens on {en}, and no process of the server runs elsewhere.", "Nadie escucha en {es}, y ningún proceso del servidor está en marcha en otra parte."),
        facts,
    );
    if let Some(process) = server.not_listening.first() {
        let pid = process.pid;
        finding.sentence = both!("Nobody listens on {en}; process {pid} runs, but does not listen anywhere.", "Nadie escucha en {es}; el proceso {pid} está en marcha, pero no escucha en ninguna parte.");
    }
    if limit.is_some() {
        finding.sentence = both!("Nobody listens on {en}: the server ended by itself after `--limit-max-requests` requests.", "Nadie escucha en {es}: el servidor terminó por sí mismo tras las peticiones de `--limit-max-requests`.");
        finding = finding.fix(format!("systemctl edit {name}    # [Service] Restart=always\nsystemctl restart {name}"));
    }
    finding.fix(format!("systemctl start {name}\njournalctl -u {name} -n 50 --no-pager\nss -ltnp{port}")).explains(&EXPLAINS)
}

/// Another server runs; where its answer shows that it is another application, this one is down.
fn lone(evidence: &Evidence, server: &ServerSeen) -> Outcome {
    let mut others = serving::elsewhere(server).filter_map(|listener| serving::other_hop(evidence, listener)).filter_map(|hop| hop.browser());
    let named = server.unit.as_ref().is_some_and(|unit| unit.port.is_some() && unit.port == server.expected_port);
    if named || others.any(|answer| matches!(answer.status(), Some(404))) {
        let mut finding = down(evidence, server);
        finding.certainty = crate::verdict::Certainty::Likely;
        finding.facts.extend(serving::elsewhere(server).take(3).map(serving::listens));
        return Outcome::Fail(finding);
    }
    Outcome::Pass(both!("a server runs on another port", "hay un servidor en marcha en otro puerto"))
}

/// Pasted logs: somebody was refused.
fn told(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    let ports = &logs.ports;
    let refused = ports.upstream_refused.iter().chain(&ports.refused);
    let Some((port, quote)) = refused.into_iter().next() else {
        return match logs.sign(Sign::NginxRefused) {
            Some(seen) => Outcome::Fail(Finding::likely(both!("nginx finds nobody where the server should listen.", "nginx no encuentra a nadie donde debería escuchar el servidor."), serving::quotes(seen)).explains(&EXPLAINS)),
            None if logs.sources.is_empty() => Outcome::Skip(serving::unseen()),
            None => Outcome::Pass(both!("nobody was refused", "a nadie se le rechazó la conexión")),
        };
    };
    let up_elsewhere = !ports.listening.is_empty() && !ports.listening.contains_key(port);
    let listed = logs.sign(Sign::ProcessListed).is_some();
    if up_elsewhere || listed {
        return Outcome::Pass(both!("a server runs, though not there", "hay un servidor en marcha, aunque no allí"));
    }
    let mut facts = vec![Fact::quoted(both!("refused there", "rechazado allí"), quote)];
    let direct = ports.refused.get(port).filter(|_| ports.upstream_refused.contains_key(port));
    facts.extend(direct.map(|quote| Fact::quoted(both!("and directly too", "y directamente también"), quote)));
    let missing = logs.sign(Sign::ProcessMissing);
    facts.extend(missing.into_iter().flat_map(serving::quotes));
    let sentence = both!("Nobody listens on port {port}: connections to the server are refused.", "Nadie escucha en el puerto {port}: las conexiones al servidor se rechazan.");
    // The process table proves that it does not run; a refusal alone that it does not listen there.
    let finding = if missing.is_some() && direct.is_some() { Finding::certain(sentence, facts) } else { Finding::likely(sentence, facts) };
    Outcome::Fail(finding.explains(&EXPLAINS))
}
