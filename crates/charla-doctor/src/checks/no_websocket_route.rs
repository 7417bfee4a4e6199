//! The ASGI application has no part for WebSockets.

use charla_wire::Cause;

use super::handshakes::{browsers, lines_with, no_handshake, pasted};
use crate::checks::{Check, Step};
use crate::evidence::{Answer, Evidence};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::NoWebsocketRoute, step: Step::Server, judge };

/// What Django and Channels say; the sign's other words are a WSGI application's.
const SAID: [&str; 2] = [
    "Django can only handle ASGI/HTTP connections, not websocket",
    "No application configured for scope type 'websocket'",
];

const EXPLAINS: [Cause; 2] = [Cause::AppException, Cause::NotAsgi];

fn judge(evidence: &Evidence) -> Outcome {
    let said = lines_with(evidence, Sign::NotAsgi, &SAID);
    if !said.is_empty() {
        return Outcome::Fail(
            Finding::certain(
                both!("The ASGI application has no `websocket` part.", "La aplicación ASGI no tiene parte `websocket`."),
                said,
            )
            .explains(&EXPLAINS),
        );
    }
    let inner = evidence.hops.last().and_then(|hop| hop.browser());
    if inner.is_some_and(|answer| matches!(answer, Answer::Upgraded { .. })) || pasted(evidence, &[101]) > 0 {
        return Outcome::Pass(both!("the application accepts WebSockets", "la aplicación acepta WebSockets"));
    }
    let Some(django) = &evidence.django else {
        return Outcome::Skip(no_handshake());
    };
    match (django.routes_websocket, inner.and_then(Answer::status)) {
        (Some(false), Some(500)) => {
            let (module, settings) = (django.asgi_application.clone().unwrap_or_default(), django.settings.clone());
            let mut facts = browsers(evidence);
            facts.push(Fact::at(both!("{module} has no ProtocolTypeRouter with `websocket`", "{module} no tiene ProtocolTypeRouter con `websocket`"), settings));
            Outcome::Fail(
                Finding::likely(
                    both!("{module} routes no WebSockets, and the handshake ends in a 500.", "{module} no enruta WebSockets, y la conexión acaba en un 500."),
                    facts,
                )
                .explains(&EXPLAINS),
            )
        }
        (Some(true), _) => Outcome::Pass(both!("asgi.py routes WebSockets", "asgi.py enruta WebSockets")),
        (Some(false) | None, _) => Outcome::Skip(both!("no log tells, and asgi.py was not read", "ningún registro lo dice, y no se leyó asgi.py")),
    }
}
