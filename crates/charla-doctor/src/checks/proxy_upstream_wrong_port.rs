//! nginx sends to a port where nobody listens, and the application listens on another one.

use charla_wire::Cause;

use crate::checks::{Check, Step, proxied, serving};
use crate::evidence::{Answer, Evidence, Kind, Listener, ServerSeen};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ProxyUpstreamWrongPort, step: Step::Proxy, judge };

const EXPLAINS: [Cause; 2] = [Cause::ServerDown, Cause::ProxyUpstreamPermission];

fn judge(evidence: &Evidence) -> Outcome {
    if proxied::opened(evidence) {
        return Outcome::Pass(proxied::went_through());
    }
    let Some((nginx, location)) = proxied::location(evidence).filter(|(_, location)| location.proxy_pass.is_some()) else { return of_logs(evidence) };
    let Some(server) = &evidence.server else { return of_logs(evidence) };
    let refused = proxied::now(evidence, Sign::NginxRefused).or_else(|| proxied::now(evidence, Sign::NginxNoSocket));
    let status = proxied::http(proxied::front(evidence)).map(|(status, ..)| status);
    if status != Some(502) && refused.is_none() {
        return Outcome::Pass(both!("nginx reaches something", "nginx alcanza algo"));
    }
    let Some(upstream) = location.upstreams.iter().find(|upstream| is_expected(server, upstream)) else {
        return Outcome::Skip(both!("who listens at the upstream was not looked at", "no se miró quién escucha en el upstream"));
    };
    if !server.listeners.is_empty() {
        return Outcome::Pass(both!("somebody listens at {upstream}", "alguien escucha en {upstream}"));
    }
    if server.unit.as_ref().is_some_and(|unit| unit.port.is_some() && unit.port == server.expected_port) {
        return Outcome::Pass(both!("the application's unit names the same port", "la unidad de la aplicación nombra el mismo puerto"));
    }
    let Some(app) = application(server) else {
        return Outcome::Pass(both!("no single application listens on another port", "ninguna aplicación única escucha en otro puerto"));
    };
    // Another application may listen there; one that lets the token in is the one that was meant.
    let open = serving::other_hop(evidence, app).and_then(|hop| hop.browser()).is_some_and(Answer::is_open);
    let certainty = if open { proxied::certainty(nginx, location) } else { Certainty::Likely };
    let address = &app.address;
    let mut facts = vec![proxied::serves(location)];
    facts.extend(location.proxy_pass.as_ref().map(proxied::set));
    facts.push(Fact::at(both!("nobody listens at {upstream}", "nadie escucha en {upstream}"), "/proc/net/tcp"));
    facts.push(Fact { what: both!("the application listens at {address}", "la aplicación escucha en {address}"), quote: Some(app.command.clone()), at: None });
    facts.extend(proxied::answered(evidence, true));
    facts.extend(refused.into_iter().flat_map(proxied::lines));
    let at = location.proxy_pass.as_ref().map_or_else(String::new, |pass| pass.at.clone());
    Outcome::Fail(
        Finding::new(certainty, both!("nginx sends to {upstream}, where nobody listens; the application listens at {address}.", "nginx envía a {upstream}, donde no escucha nadie; la aplicación escucha en {address}."), facts)
            .explains(&EXPLAINS)
            .fix(format!("# {at}\nproxy_pass http://{address};"))
            .fix("nginx -t && systemctl reload nginx"),
    )
}

/// The one application that listens elsewhere; where a Unix socket is looked for, the one with a socket in the same folder.
fn application(server: &ServerSeen) -> Option<&Listener> {
    let apps = || server.elsewhere.iter().filter(|listener| serves(listener.kind));
    let folder = server.expected_socket.as_deref().and_then(folder);
    let mut beside = apps().filter(|app| folder.is_some() && app.address.strip_prefix("unix:").and_then(self::folder) == folder);
    if let (Some(app), None) = (beside.next(), beside.next()) {
        return Some(app);
    }
    let mut all = apps();
    all.next().filter(|_| all.next().is_none())
}

fn folder(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(folder, _)| folder)
}

/// Whether an upstream is the place whose listener was looked for.
fn is_expected(server: &ServerSeen, upstream: &str) -> bool {
    let port = server.expected_port.is_some_and(|port| upstream.ends_with(&format!(":{port}")));
    let socket = server.expected_socket.as_deref();
    port || socket.is_some_and(|socket| upstream.strip_prefix("unix:") == Some(socket))
}

fn serves(kind: Kind) -> bool {
    match kind {
        Kind::Uvicorn | Kind::Daphne | Kind::Hypercorn | Kind::GunicornAsgi | Kind::Charla => true,
        Kind::GunicornWsgi | Kind::Runserver | Kind::Node | Kind::Nginx | Kind::Redis | Kind::Postgres | Kind::Other => false,
    }
}

/// The port in `upstream: "http://127.0.0.1:9001/..."` or `Uvicorn running on http://127.0.0.1:9001`.
fn port_after(line: &str, word: &str) -> Option<u16> {
    let (_, rest) = line.split_once(word)?;
    let (_, rest) = rest.split_once("://")?;
    let (_, port) = rest.split(['/', ' ', '"']).next()?.rsplit_once(':')?;
    port.parse().ok()
}

/// Pasted: nginx' refused port beside the one that the server says it runs on.
fn of_logs(evidence: &Evidence) -> Outcome {
    if !proxied::pasted(evidence) {
        return Outcome::Skip(proxied::unseen());
    }
    let logs = &evidence.logs;
    let Some(refused) = logs.sign(Sign::NginxRefused) else {
        return if logs.attempts.total > 0 { Outcome::Pass(both!("no upstream was refused", "ningún upstream rechazó la conexión")) } else { Outcome::Skip(proxied::unseen()) };
    };
    let sent = refused.quotes.iter().filter_map(|quote| port_after(&quote.line, "upstream: \"")).next_back();
    let started = logs.sign(Sign::Started);
    let runs = started.iter().flat_map(|seen| &seen.quotes).filter_map(|quote| port_after(&quote.line, "running on")).next_back();
    match (sent, runs) {
        (Some(sent), Some(runs)) if sent != runs => {
            let mut facts = proxied::lines(refused);
            facts.extend(started.into_iter().flat_map(proxied::lines));
            let finding = Finding::new(Certainty::Likely, both!("nginx sends to port {sent}, where nobody listens; the server runs on port {runs}.", "nginx envía al puerto {sent}, donde no escucha nadie; el servidor está en el puerto {runs}."), facts);
            Outcome::Fail(finding.explains(&EXPLAINS).fix(format!("proxy_pass http://127.0.0.1:{runs};")).fix("nginx -t && systemctl reload nginx"))
        }
        (Some(port), Some(_)) => Outcome::Pass(both!("nginx and the server name the same port, {port}", "nginx y el servidor nombran el mismo puerto, {port}")),
        (Some(_), None) | (None, Some(_) | None) => Outcome::Skip(both!("no line names the port that the server runs on", "ninguna línea nombra el puerto del servidor")),
    }
}
