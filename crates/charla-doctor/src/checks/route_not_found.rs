//! No WebSocket route of the application matches the path.

use charla_wire::Cause;

use super::handshakes::{fact, lines, named, no_handshake, pasted};
use crate::checks::{Check, Step};
use crate::evidence::{Answer, Evidence, Hop, Kind, Shape};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::RouteNotFound, step: Step::Server, judge };

const EXPLAINS: [Cause; 2] = [Cause::AppException, Cause::NotFound];

fn judge(evidence: &Evidence) -> Outcome {
    if let Some((_, seen)) = evidence.logs.fresh(&[Sign::NoRoute]) {
        let routed = seen.quotes.iter().rev().find_map(|quote| path_in(&quote.line));
        return Outcome::Fail(with_fix(told(evidence, routed.as_deref(), lines(seen)), evidence));
    }
    let Some(hop) = evidence.innermost().or_else(|| evidence.given()) else {
        if pasted(evidence, &[101]) > 0 && pasted(evidence, &[404, 500]) == 0 {
            return Outcome::Pass(both!("handshakes find their route", "las conexiones encuentran su ruta"));
        }
        return Outcome::Skip(no_handshake());
    };
    let Some(answer) = hop.browser() else {
        return Outcome::Skip(no_handshake());
    };
    let redirected = answer.status().is_some_and(|status| (300..400).contains(&status));
    if !redirected && hop.shaped(Shape::OtherSlash).is_some_and(Answer::is_open) {
        let path = path(evidence);
        let facts = [Shape::Browser, Shape::OtherSlash].into_iter().filter_map(|shape| fact(hop, shape)).collect();
        let sentence = both!(
            "The application answers {path} with an error, and the same path with the other form of its last slash with 101.",
            "La aplicación responde a {path} con un error, y a la misma ruta con la barra final cambiada, con 101."
        );
        return Outcome::Fail(with_fix(Finding::certain(sentence, facts), evidence));
    }
    if named(answer) == Some(Cause::NotFound) {
        let sentence = both!("The server knows no WebSocket at this path.", "El servidor no conoce ningún WebSocket en esta ruta.");
        return Outcome::Fail(Finding::certain(sentence, fact(hop, Shape::Browser).into_iter().collect()).explains(&EXPLAINS));
    }
    match answer {
        Answer::Http { status: 404, .. } => of_404(evidence, hop),
        Answer::Http { status: 500, .. } => Outcome::Skip(both!(
            "a 500 whose reason stands in the application's log only",
            "un 500 cuyo motivo solo está en el registro de la aplicación"
        )),
        Answer::Upgraded { .. }
        | Answer::Http { .. }
        | Answer::Refused
        | Answer::Unreachable(_)
        | Answer::Silent
        | Answer::NoConnection
        | Answer::HungUp { .. }
        | Answer::NotHttp(_)
        | Answer::Tls(_)
        | Answer::Untried => Outcome::Pass(both!("the answer is not that of a missing route", "la respuesta no es la de una ruta que falta")),
    }
}

/// The path that the application was asked for, in its exception: `No route found for path 'ws/chat/5'.`
fn path_in(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("No route found for path ")?;
    let quote = rest.chars().next()?;
    let (path, _) = rest.strip_prefix(quote)?.split_once(quote)?;
    Some(format!("/{path}"))
}

fn path(evidence: &Evidence) -> String {
    evidence.target.as_ref().map_or_else(|| "?".to_owned(), |target| target.path.clone())
}

fn told(evidence: &Evidence, routed: Option<&str>, facts: Vec<Fact>) -> Finding {
    let Some(routed) = routed else {
        return Finding::certain(
            both!("No WebSocket route of the application matches the path.", "Ninguna ruta de WebSocket de la aplicación coincide con la dirección."),
            facts,
        );
    };
    let asked = evidence.target.as_ref().map(|target| target.path.clone());
    let sentence = match asked.filter(|asked| asked != routed) {
        Some(asked) => both!(
            "{asked} was asked for and the application got {routed}, which none of its routes matches.",
            "Se pidió {asked} y a la aplicación le llegó {routed}, que no coincide con ninguna de sus rutas."
        ),
        None => reason(routed),
    };
    Finding::certain(sentence, facts)
}

fn reason(routed: &str) -> Text {
    if routed.ends_with('/') {
        return both!(
            "The application has no WebSocket route that matches {routed}.",
            "La aplicación no tiene ninguna ruta de WebSocket que coincida con {routed}."
        );
    }
    both!(
        "The application has no WebSocket route that matches {routed}: most probably the slash at the end is missing.",
        "La aplicación no tiene ninguna ruta de WebSocket que coincida con {routed}: lo más probable es que falte la barra final."
    )
}

fn with_fix(finding: Finding, evidence: &Evidence) -> Finding {
    let mut finding = finding.explains(&EXPLAINS);
    let routes = evidence.django.iter().flat_map(|django| &django.routes);
    finding.facts.extend(routes.take(4).map(|(route, at)| Fact {
        what: both!("a route", "una ruta"),
        quote: Some(route.clone()),
        at: Some(at.clone()),
    }));
    let path = path(evidence);
    if !path.ends_with('/') && path.starts_with('/') {
        finding = finding.fix(format!("// with the slash at the end\nnew WebSocket(`wss://${{location.host}}{path}/?token=${{encodeURIComponent(token)}}`);"));
    }
    finding
}

/// uvicorn, daphne and their like never answer an upgrade by 404 for want of a route; other servers do.
fn of_404(evidence: &Evidence, hop: &Hop) -> Outcome {
    let kind = evidence.server.as_ref().and_then(|server| server.process.as_ref()).map(|process| process.kind);
    let certainty = match kind {
        Some(Kind::Charla | Kind::Node) if evidence.innermost().is_some() => Certainty::Likely,
        Some(Kind::Charla | Kind::Node | Kind::Other) | None => Certainty::Possible,
        Some(
            Kind::Uvicorn
            | Kind::Daphne
            | Kind::Hypercorn
            | Kind::GunicornAsgi
            | Kind::GunicornWsgi
            | Kind::Runserver
            | Kind::Nginx
            | Kind::Redis
            | Kind::Postgres,
        ) => {
            return Outcome::Pass(both!(
                "this server does not answer an upgrade by 404 for want of a route",
                "este servidor no responde 404 a una conexión por falta de ruta"
            ));
        }
    };
    let path = path(evidence);
    let facts = [Shape::Browser, Shape::OtherSlash, Shape::BadToken].into_iter().filter_map(|shape| fact(hop, shape)).collect();
    Outcome::Fail(
        Finding::new(
            certainty,
            both!("The server answers {path} with 404.", "El servidor responde a {path} con 404."),
            facts,
        )
        .explains(&EXPLAINS),
    )
}
