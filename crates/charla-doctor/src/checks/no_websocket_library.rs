//! uvicorn runs without a library for WebSockets.

use charla_wire::Cause;

use crate::checks::{Check, Step, serving};
use crate::evidence::{Answer, Evidence, Kind, ServerSeen};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::NoWebsocketLibrary, step: Step::Server, judge };

const EXPLAINS: [Cause; 4] = [Cause::ProxyNoUpgrade, Cause::NotAsgi, Cause::RouteNotFound, Cause::NoWebsocketRoute];

fn judge(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    if let Some((_, seen)) = logs.fresh(&[Sign::NoLibrary]) {
        return Outcome::Fail(fixed(evidence, Finding::certain(both!("uvicorn has no WebSocket library, so it answers the handshake like an ordinary GET.", "uvicorn no tiene biblioteca de WebSocket, así que responde al handshake como a un GET corriente."), serving::quotes(seen))));
    }
    if serving::is_pasted(evidence) {
        return if logs.sources.is_empty() { Outcome::Skip(serving::unseen()) } else { Outcome::Pass(both!("no server complains about a missing library", "ningún servidor se queja de que falte una biblioteca")) };
    }
    let Some(server) = serving::seen(evidence) else {
        return Outcome::Skip(serving::unseen());
    };
    let Some(process) = server.process.as_ref().filter(|process| matches!(process.kind, Kind::Uvicorn | Kind::GunicornAsgi)) else {
        return Outcome::Pass(both!("the server is not uvicorn", "el servidor no es uvicorn"));
    };
    let upgraded = serving::own_hop(evidence).and_then(|hop| hop.browser()).is_some_and(|answer| matches!(answer.status(), Some(101 | 403)));
    if upgraded {
        return Outcome::Pass(both!("it speaks WebSocket", "habla WebSocket"));
    }
    let off = process.websockets.as_deref() == Some("none");
    let known = server.package("uvicorn").is_some();
    if !off && !known {
        return Outcome::Skip(both!("its Python environment was not found", "no se encontró su entorno de Python"));
    }
    if !off && has_library(server) {
        return Outcome::Pass(both!("a WebSocket library is installed", "hay una biblioteca de WebSocket instalada"));
    }
    let refused = serving::own_hop(evidence).filter(|hop| matches!(hop.browser(), Some(Answer::Http { status: 400 | 404 | 426 | 200, .. })));
    let mut facts = vec![serving::process(process)];
    if off {
        facts.push(Fact::said(both!("it was started with `--ws none`", "se arrancó con `--ws none`")));
    } else {
        let folder = server.site_packages.clone().unwrap_or_default();
        facts.push(Fact::at(both!("neither websockets nor wsproto is installed", "no están instalados ni websockets ni wsproto"), folder));
    }
    facts.extend(refused.map(serving::answered));
    let sentence = if off {
        both!("uvicorn was told to serve no WebSockets (`--ws none`).", "A uvicorn se le dijo que no sirva WebSockets (`--ws none`).")
    } else {
        both!("uvicorn's environment has neither `websockets` nor `wsproto`, so it answers the handshake like an ordinary GET.", "El entorno de uvicorn no tiene ni `websockets` ni `wsproto`, así que responde al handshake como a un GET corriente.")
    };
    // Packages may stand where the doctor did not look; together with the answer of a plain GET there is no doubt.
    let finding = if refused.is_some() { Finding::certain(sentence, facts) } else { Finding::possible(sentence, facts) };
    Outcome::Fail(fixed(evidence, finding))
}

fn has_library(server: &ServerSeen) -> bool {
    ["websockets", "wsproto"].iter().any(|name| server.package(name).is_some())
}

fn fixed(evidence: &Evidence, finding: Finding) -> Finding {
    let name = serving::unit(evidence);
    let folder = evidence.server.as_ref().and_then(|server| server.site_packages.as_deref());
    // /srv/venv/lib/python3.11/site-packages → /srv/venv
    let environment = folder.and_then(|folder| folder.split_once("/lib/python")).map(|(prefix, _)| format!("{prefix}/bin/"));
    let python = environment.unwrap_or_default();
    let off = evidence.server.as_ref().and_then(|server| server.process.as_ref()).is_some_and(|process| process.websockets.as_deref() == Some("none"));
    let line = if off { format!("# take `--ws none` out of the command line, then\nsystemctl restart {name}") } else { format!("{python}python -m pip install 'uvicorn[standard]' && systemctl restart {name}") };
    finding.fix(line).explains(&EXPLAINS)
}
