//! What answers cannot speak WebSocket: a WSGI server or application. An ASGI application without its WebSocket half is
//! `no_websocket_route`.

use charla_wire::Cause;

use crate::checks::handshakes::lines_with;
use crate::checks::{Check, Step, serving};
use crate::evidence::{Answer, Evidence, Kind, ProcessSeen};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Certainty, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::NotAsgi, step: Step::Server, judge };

const EXPLAINS: [Cause; 5] = [Cause::AppException, Cause::ProxyNoUpgrade, Cause::RouteNotFound, Cause::NoWebsocketRoute, Cause::ServerDown];

fn judge(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    let said = lines_with(evidence, Sign::NotAsgi, &["start_response"]);
    if !said.is_empty() {
        let sentence = both!(
            "The server loads a WSGI application where an ASGI one belongs: it calls it as ASGI, and it asks for `start_response`.",
            "El servidor carga una aplicación WSGI donde va una ASGI: la llama como ASGI, y ella pide `start_response`."
        );
        return Outcome::Fail(Finding::certain(sentence, said).fix(MODULE).explains(&EXPLAINS));
    }
    if serving::is_pasted(evidence) {
        return match logs.sign(Sign::WsgiServer) {
            Some(seen) if logs.statuses.contains_key(&404) && !logs.statuses.contains_key(&101) && logs.sign(Sign::Started).is_none() => {
                Outcome::Fail(Finding::certain(both!("A WSGI server answers: it knows no WebSockets, and Django's 404 is all it has.", "Responde un servidor WSGI: no conoce WebSockets, y solo tiene el 404 de Django."), serving::quotes(seen)).explains(&EXPLAINS))
            }
            Some(_) | None if logs.sources.is_empty() => Outcome::Skip(serving::unseen()),
            Some(_) | None => Outcome::Pass(both!("no WSGI server is seen", "no se ve ningún servidor WSGI")),
        };
    }
    let Some(server) = serving::seen(evidence) else {
        return Outcome::Skip(serving::unseen());
    };
    let Some(process) = &server.process else {
        return Outcome::Skip(both!("its process could not be seen", "no se pudo ver su proceso"));
    };
    let hop = serving::own_hop(evidence);
    if hop.and_then(|hop| hop.browser()).is_some_and(|answer| answer.status() == Some(101)) {
        return Outcome::Pass(both!("it speaks WebSocket", "habla WebSocket"));
    }
    let Some((certainty, why)) = is_wsgi(evidence, process) else {
        return Outcome::Pass(both!("the server speaks ASGI", "el servidor habla ASGI"));
    };
    let plain = hop.filter(|hop| matches!(hop.browser(), Some(Answer::Http { status: 200 | 301 | 302 | 400 | 404 | 405 | 426, .. })));
    let certainty = if plain.is_some() { certainty } else { Certainty::Possible };
    let mut facts = vec![serving::process(process)];
    facts.extend(plain.map(serving::answered));
    Outcome::Fail(Finding::new(certainty, why, facts).explains(&EXPLAINS))
}

/// What to start instead.
const MODULE: &str = "# asgi, not wsgi\nuvicorn app.asgi:application --host 127.0.0.1 --port 9001";

fn is_wsgi(evidence: &Evidence, process: &ProcessSeen) -> Option<(Certainty, Text)> {
    let by_server = |name: &str| {
        let name = name.to_owned();
        both!("The server is {name}, a WSGI server: it knows no WebSockets.", "El servidor es {name}, un servidor WSGI: no conoce WebSockets.")
    };
    match process.kind {
        Kind::GunicornWsgi => {
            let told = process.worker_class.is_some() || process.module.as_deref().is_some_and(|module| module.contains("wsgi"));
            Some((if told { Certainty::Certain } else { Certainty::Likely }, by_server("gunicorn (sync)")))
        }
        Kind::Runserver => match evidence.django.as_ref().and_then(|django| django.daphne_installed) {
            Some(true) => None,
            Some(false) => Some((Certainty::Certain, both!("The server is Django's `runserver` without `daphne` in INSTALLED_APPS: it speaks WSGI and knows no WebSockets.", "El servidor es `runserver` de Django sin `daphne` en INSTALLED_APPS: habla WSGI y no conoce WebSockets."))),
            None => Some((Certainty::Likely, by_server("runserver"))),
        },
        Kind::Uvicorn if process.interface.as_deref() == Some("wsgi") => Some((Certainty::Certain, by_server("uvicorn --interface wsgi"))),
        Kind::Uvicorn | Kind::Daphne | Kind::Hypercorn | Kind::GunicornAsgi => without_router(evidence),
        Kind::Charla | Kind::Node | Kind::Nginx | Kind::Redis | Kind::Postgres | Kind::Other => None,
    }
}

fn without_router(evidence: &Evidence) -> Option<(Certainty, Text)> {
    let routes = evidence.django.as_ref()?.routes_websocket?;
    (!routes).then(|| (Certainty::Likely, both!("asgi.py names no `websocket` in a ProtocolTypeRouter.", "asgi.py no nombra `websocket` en un ProtocolTypeRouter.")))
}
