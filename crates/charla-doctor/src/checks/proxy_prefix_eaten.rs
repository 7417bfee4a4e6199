//! A path in `proxy_pass` replaces the location's prefix: the application gets another path than the browser asked for.

use charla_wire::Cause;

use crate::checks::{Check, Step, proxied};
use crate::evidence::{Evidence, Seen};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ProxyPrefixEaten, step: Step::Proxy, judge };

const EXPLAINS: [Cause; 3] = [Cause::RouteNotFound, Cause::AppException, Cause::NoWebsocketRoute];

fn judge(evidence: &Evidence) -> Outcome {
    if proxied::opened(evidence) {
        return Outcome::Pass(proxied::went_through());
    }
    let Some((nginx, location)) = proxied::location(evidence).filter(|(_, location)| location.proxy_pass.is_some()) else {
        return of_logs(evidence);
    };
    let Some(sent) = &location.upstream_path else {
        return Outcome::Pass(both!("the application gets the path as it was asked for", "la aplicación recibe la ruta tal como se pidió"));
    };
    let logged = proxied::now(evidence, Sign::NoRoute).filter(|seen| routes(seen).any(|route| route.trim_matches('/') == sent.trim_matches('/')));
    let status = proxied::http(proxied::front(evidence)).map(|(status, ..)| status);
    let certainty = match (logged, status) {
        (Some(_), _) => proxied::certainty(nginx, location),
        (None, Some(404 | 500)) => Certainty::Likely,
        (None, None) if evidence.hops.is_empty() => Certainty::Possible,
        (None, Some(_) | None) => return Outcome::Pass(both!("the answer is not that of a missing route", "la respuesta no es la de una ruta inexistente")),
    };
    let asked = evidence.target.as_ref().map_or("", |target| target.path.as_str());
    let mut facts = vec![proxied::serves(location)];
    facts.extend(location.proxy_pass.iter().chain(&location.rewrites).map(proxied::set));
    facts.push(Fact { what: both!("the application gets", "la aplicación recibe"), quote: Some(sent.clone()), at: None });
    facts.extend(logged.into_iter().flat_map(proxied::lines));
    facts.extend(proxied::answers(evidence));
    let at = location.proxy_pass.as_ref().map_or_else(String::new, |pass| pass.at.clone());
    let upstream = location.proxy_pass.as_ref().and_then(|pass| pass.args.first()).map_or("", String::as_str);
    let (scheme, rest) = upstream.split_once("://").unwrap_or(("http", upstream));
    let host = rest.split('/').next().unwrap_or(rest);
    Outcome::Fail(
        Finding::new(certainty, both!("nginx changes {asked} into {sent} before the application sees it.", "nginx convierte {asked} en {sent} antes de que la aplicación lo vea."), facts)
            .explains(&EXPLAINS)
            .fix(format!("# {at}\nproxy_pass {scheme}://{host};"))
            .fix("nginx -t && systemctl reload nginx"),
    )
}

/// The paths that no route was found for: `No route found for path 'chat/5/'.`
fn routes(seen: &Seen) -> impl Iterator<Item = &str> {
    let paths = seen.quotes.iter().filter_map(|quote| quote.line.split_once("No route found for path '"));
    paths.filter_map(|(_, rest)| rest.split('\'').next())
}

/// The path in `"GET /ws/chat/5/?...` or `connection to 'ws://host/ws/chat/5/?...`.
fn asked(line: &str) -> Option<&str> {
    let start = match line.split_once("://") {
        Some((_, rest)) => rest.get(rest.find('/')?..)?,
        None => line.split_once("GET ")?.1,
    };
    start.split(['?', ' ', '"', '\'']).next()
}

fn of_logs(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    let Some(route) = proxied::now(evidence, Sign::NoRoute) else {
        return if proxied::pasted(evidence) && logs.attempts.total > 0 {
            Outcome::Pass(both!("no line tells of a path without a route", "ninguna línea habla de una ruta sin destino"))
        } else {
            Outcome::Skip(proxied::unseen())
        };
    };
    let gets = logs.any(&[Sign::UnexpectedStatus, Sign::PlainGet]).map(|(_, seen)| seen);
    let longer = |wanted: &str| {
        let lines = gets.iter().flat_map(|seen| &seen.quotes);
        lines.filter_map(|quote| asked(&quote.line)).any(|path| path.len() > wanted.len() + 1 && path.ends_with(&format!("/{}", wanted.trim_start_matches('/'))))
    };
    let Some(path) = routes(route).find(|path| longer(path)) else {
        return Outcome::Pass(both!("no longer path was asked for", "no se pidió ninguna ruta más larga"));
    };
    let mut facts = proxied::lines(route);
    facts.extend(gets.into_iter().flat_map(proxied::lines));
    Outcome::Fail(
        Finding::likely(both!("The application looked for a route for `{path}`, and a longer path was asked for: a proxy cuts its beginning off.", "La aplicación buscó una ruta para `{path}`, y se había pedido una más larga: un proxy le corta el principio."), facts)
            .explains(&EXPLAINS),
    )
}
