//! What answers cannot speak WebSocket: a WSGI server, or an ASGI application without its WebSocket half.

use charla_wire::Cause;

use crate::checks::{Check, Step, serving};
use crate::evidence::{Answer, Evidence, Kind, ProcessSeen};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Certainty, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::NotAsgi, step: Step::Server, judge };

const EXPLAINS: [Cause; 5] = [Cause::AppException, Cause::ProxyNoUpgrade, Cause::RouteNotFound, Cause::NoWebsocketRoute, Cause::ServerDown];

fn judge(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    if let Some((_, seen)) = logs.fresh(&[Sign::NotAsgi]) {
        let sentence = both!("The application that the server loads has no WebSocket half: asgi.py does not route `websocket` (`ProtocolTypeRouter`).", "La aplicación que carga el servidor no tiene parte de WebSocket: asgi.py no enruta `websocket` (`ProtocolTypeRouter`).");
        return Outcome::Fail(Finding::certain(sentence, serving::quotes(seen)).fix(ROUTER).explains(&EXPLAINS));
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

/// What to write into asgi.py.
const ROUTER: &str = r#"# asgi.py
application = ProtocolTypeRouter({
    "http": get_asgi_application(),
    "websocket": JWTAuthMiddleware(URLRouter(chat.routing.websocket_urlpatterns)),
})"#;

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
