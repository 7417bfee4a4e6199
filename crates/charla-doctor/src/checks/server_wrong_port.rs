//! The server runs, and listens where nobody looks for it.
//!
//! Through a proxy whose upstream is the odd one out this is the proxy's fault ([`Cause::ProxyUpstreamWrongPort`]), unless
//! that upstream worked before or the unit names its port: then the server moved.

use charla_wire::Cause;

use crate::checks::{Check, Step, serving};
use crate::evidence::{Evidence, ServerSeen};
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ServerWrongPort, step: Step::Server, judge };

const EXPLAINS: [Cause; 2] = [Cause::ServerDown, Cause::ProxyUpstreamWrongPort];

fn judge(evidence: &Evidence) -> Outcome {
    if serving::is_pasted(evidence) {
        return told(evidence);
    }
    let Some(server) = serving::seen(evidence) else {
        return Outcome::Skip(serving::unseen());
    };
    if !serving::is_absent(evidence) {
        return Outcome::Pass(both!("somebody listens where the server is expected", "alguien escucha donde se espera al servidor"));
    }
    let Some(listener) = serving::elsewhere(server).next() else {
        return Outcome::Pass(both!("no server listens elsewhere", "ningún servidor escucha en otra parte"));
    };
    let upstreams = is_upstreams(evidence, server);
    if upstreams && !worked(evidence) {
        return Outcome::Pass(both!("the proxy's upstream is the odd one out", "lo que no encaja es el upstream del proxy"));
    }
    let answer = serving::other_hop(evidence, listener).and_then(|hop| hop.browser());
    let alone = serving::elsewhere(server).count() == 1;
    // A foreign application refuses too: only one that lets this token into this chat is surely the one that was meant.
    let refuses = answer.is_some_and(|answer| serving::is_applications(answer) && !answer.is_open());
    let certainty = match answer {
        // Either may have moved: the server, or what nginx is told.
        Some(answer) if answer.is_open() && upstreams => Certainty::Likely,
        Some(answer) if answer.is_open() => Certainty::Certain,
        Some(answer) if answer.status() == Some(404) => return Outcome::Pass(both!("what listens elsewhere is another application", "lo que escucha en otra parte es otra aplicación")),
        Some(_) | None if alone && !refuses => Certainty::Likely,
        Some(_) | None => Certainty::Possible,
    };
    let place = serving::place(server);
    let (en, es, other) = (place.en, place.es, listener.address.clone());
    let mut facts = vec![serving::listens(listener), serving::nobody(server)];
    facts.extend(serving::own_hop(evidence).map(serving::answered));
    facts.extend(serving::other_hop(evidence, listener).map(serving::answered));
    let port = server.expected_port.map_or_else(|| "9001".to_owned(), |port| port.to_string());
    let finding = Finding::new(
        certainty,
        both!("The server listens on {other}, but it is looked for on {en}.", "El servidor escucha en {other}, pero se le busca en {es}."),
        facts,
    );
    let name = serving::unit(evidence);
    let finding = finding.fix(format!("# start the server with --port {port}\nsystemctl edit --full {name}\nsystemctl restart {name}"));
    Outcome::Fail(if refuses { finding } else { finding.explains(&EXPLAINS) })
}

/// Whether the place is only the proxy's word: neither the unit names it, nor has the server ever said that it listens there.
fn is_upstreams(evidence: &Evidence, server: &ServerSeen) -> bool {
    let location = evidence.nginx.as_ref().and_then(|nginx| nginx.location.as_ref());
    let upstreams = location.map_or(&[][..], |location| location.upstreams.as_slice());
    let end = match (&server.expected_socket, server.expected_port) {
        (Some(socket), _) => format!("unix:{socket}"),
        (None, Some(port)) => format!(":{port}"),
        (None, None) => return false,
    };
    let named = server.unit.as_ref().is_some_and(|unit| unit.port.is_some() && unit.port == server.expected_port);
    let said = server.expected_port.is_some_and(|port| evidence.logs.ports.listening.contains_key(&port));
    upstreams.iter().any(|upstream| upstream.ends_with(&end)) && !named && !said
}

/// Whether nginx' own log tells of handshakes that went through: what it sends to now may have worked. The application's
/// log cannot tell which way its clients came.
fn worked(evidence: &Evidence) -> bool {
    let log = evidence.nginx.as_ref().and_then(|nginx| nginx.access_log.as_ref());
    let made = evidence.logs.statuses.get(&101);
    log.zip(made).is_some_and(|(log, made)| made.quotes.iter().any(|quote| quote.at.starts_with(&log.path)))
}

fn told(evidence: &Evidence) -> Outcome {
    let ports = &evidence.logs.ports;
    // Refused directly: what nginx alone is refused is nginx' own mistake.
    let mut refused = ports.refused.iter().filter(|(port, _)| !ports.listening.contains_key(port));
    let Some((other, up)) = ports.listening.iter().next() else {
        return Outcome::Skip(both!("no log says where the server listens", "ningún registro dice dónde escucha el servidor"));
    };
    let Some((port, quote)) = refused.next() else {
        return Outcome::Pass(both!("clients are not refused elsewhere", "a los clientes no se les rechaza en otra parte"));
    };
    let mut facts = vec![
        Fact::quoted(both!("the server says where it listens", "el servidor dice dónde escucha"), up),
        Fact::quoted(both!("the client was refused", "al cliente se le rechazó"), quote),
    ];
    facts.extend(ports.upstream_refused.get(port).map(|quote| Fact::quoted(both!("nginx was refused there too", "a nginx también se le rechazó allí"), quote)));
    let finding = Finding::likely(
        both!("The server listens on port {other}, but clients and proxy look for it on port {port}.", "El servidor escucha en el puerto {other}, pero clientes y proxy lo buscan en el {port}."),
        facts,
    );
    Outcome::Fail(finding.fix(format!("# either start the server with --port {port}, or point clients and proxy to {other}")).explains(&EXPLAINS))
}
