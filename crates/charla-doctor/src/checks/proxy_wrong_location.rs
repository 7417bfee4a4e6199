//! The path falls into another location than the application's: a page for everything, files, another program.

use charla_wire::Cause;

use crate::checks::{Check, Step, proxied};
use crate::evidence::{Answer, Evidence, NginxLocation, NginxSeen};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ProxyWrongLocation, step: Step::Proxy, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if proxied::opened(evidence) {
        return Outcome::Pass(proxied::went_through());
    }
    match proxied::location(evidence) {
        Some((nginx, location)) => of_config(evidence, nginx, location),
        None => of_answers(evidence).unwrap_or_else(|| of_logs(evidence)),
    }
}

/// A redirect is another cause's; so is a refusal that is meant (`return 403`, 444).
fn redirects(location: &NginxLocation) -> bool {
    let code = location.returns.as_ref().map(|node| (node.name.as_str(), node.args.first().map_or("", String::as_str)));
    location.adds_slash || code.is_some_and(|(name, first)| name == "rewrite" || first.starts_with('3') || first.contains("://") || (first.starts_with('4') && first != "404"))
}

fn of_config(evidence: &Evidence, nginx: &NginxSeen, location: &NginxLocation) -> Outcome {
    let pattern = &location.pattern;
    let (status, page) = proxied::http(proxied::front(evidence)).map_or((None, false), |(status, body, kind)| (Some(status), is_page(body, kind)));
    let elsewhere = location.upgrade.is_none() && !nginx.others.is_empty() && status == Some(200) && page;
    if (location.proxy_pass.is_some() && !elsewhere) || redirects(location) {
        return Outcome::Pass(both!("`{pattern}` hands the path to the application", "`{pattern}` entrega la ruta a la aplicación"));
    }
    let mut facts = vec![proxied::serves(location)];
    let own = location.returns.iter().chain(&location.other_pass).chain(&location.proxy_pass);
    facts.extend(own.chain(&location.files).map(proxied::set));
    for (pattern, at, pass) in nginx.others.iter().take(3) {
        facts.push(Fact { what: both!("this location passes upgrades on to {pass}", "esta location sí deja pasar upgrades hacia {pass}"), quote: Some(pattern.clone()), at: Some(at.clone()) });
    }
    facts.extend(proxied::answers(evidence));
    let sentence = both!("The path falls into `{pattern}`, which does not lead to the application.", "La ruta cae en `{pattern}`, que no lleva a la aplicación.");
    let certainty = match status {
        Some(200 | 400 | 403 | 404 | 405) => proxied::certainty(nginx, location),
        Some(_) | None => Certainty::Likely,
    };
    let finding = Finding::new(certainty, sentence, facts).explains(&[Cause::RouteNotFound, Cause::ProxyNoUpgrade]);
    let path = evidence.target.as_ref().map_or("/ws/", |target| target.path.as_str());
    let first = path.trim_start_matches('/').split('/').next().unwrap_or("ws");
    let upstream = nginx.others.first().map_or("http://127.0.0.1:9001", |(_, _, pass)| pass.as_str());
    let at = if nginx.server_at.is_empty() { &location.at } else { &nginx.server_at };
    Outcome::Fail(
        finding
            .fix(format!("# {at}, in that server {{ }}\nlocation ^~ /{first}/ {{\n    proxy_pass {upstream};\n    proxy_http_version 1.1;\n    proxy_set_header Upgrade $http_upgrade;\n    proxy_set_header Connection \"upgrade\";\n    proxy_set_header Host $host;\n}}"))
            .fix("nginx -t && systemctl reload nginx"),
    )
}

fn is_page(body: &str, kind: &str) -> bool {
    let start = body.trim_start().get(..9).unwrap_or_default().to_ascii_lowercase();
    kind.starts_with("text/html") || start == "<!doctype" || start.starts_with("<html")
}

/// Without the configuration: what came back, against what the application itself says.
fn of_answers(evidence: &Evidence) -> Option<Outcome> {
    let (status, body, kind) = proxied::http(proxied::front(evidence))?;
    let page = status == 200 && is_page(body, kind);
    let files = status == 404 && proxied::is_nginx_page(body);
    if !page && !files {
        return matches!(proxied::front(evidence), Some(Answer::Http { .. })).then(|| Outcome::Pass(both!("HTTP {status} is the application's own answer", "HTTP {status} es respuesta de la propia aplicación")));
    }
    // Without a server of its own to ask, what came may be all there is.
    let behind = evidence.hops.iter().any(|hop| hop.kind == crate::evidence::HopKind::Server);
    let differs = proxied::upgrades(evidence);
    let certainty = match (differs, behind) {
        (true, _) => Certainty::Certain,
        (false, true) => Certainty::Possible,
        (false, false) => Certainty::Likely,
    };
    let sentence = if page {
        both!("The handshake is answered with a page (HTTP 200): the path leads to the front end, not to the application.", "La conexión se responde con una página (HTTP 200): la ruta lleva al front end, no a la aplicación.")
    } else {
        both!("nginx itself answers 404: no location leads the path to the application.", "El propio nginx responde 404: ninguna location lleva la ruta a la aplicación.")
    };
    Some(Outcome::Fail(Finding::new(certainty, sentence, proxied::answers(evidence)).explains(&[Cause::RouteNotFound])))
}

fn of_logs(evidence: &Evidence) -> Outcome {
    let handshake = |line: &str| ["/ws", "socket", "/chat"].iter().any(|word| line.contains(word));
    let missing = proxied::now(evidence, Sign::NginxNoFile).filter(|seen| seen.quotes.iter().any(|quote| handshake(&quote.line)));
    if let (Some(_), Some(route)) = (missing, evidence.logs.sign(Sign::NoRoute)) {
        let at = route.quotes.first().map_or_else(String::new, |quote| quote.at.clone());
        return Outcome::Pass(both!("the application has no route for the path either ({at})", "la aplicación tampoco tiene ruta para ese camino ({at})"));
    }
    if let Some(seen) = missing {
        return Outcome::Fail(
            Finding::likely(both!("nginx looked for a file where the WebSocket's path is: no location leads it to the application.", "nginx buscó un archivo en la ruta del WebSocket: ninguna location la lleva a la aplicación."), proxied::lines(seen)),
        );
    }
    let page = proxied::now(evidence, Sign::UnexpectedStatus).filter(|seen| seen.quotes.iter().any(|quote| quote.line.contains("code: 200") || quote.line.contains("response: 200") || quote.line.contains("HTTP 200")));
    if let Some(seen) = page {
        return Outcome::Fail(Finding::likely(both!("A handshake was answered with 200: an ordinary page came from where the WebSocket should be.", "Una conexión se respondió con 200: llegó una página corriente de donde debía estar el WebSocket."), proxied::lines(seen)));
    }
    let count = proxied::status_in_logs(evidence, 200);
    if count > 0 {
        let at = evidence.logs.attempts.counted_in.clone();
        return Outcome::Fail(Finding::likely(both!("{count} handshakes were answered with 200: an ordinary page came from where the WebSocket should be.", "{count} conexiones se respondieron con 200: llegó una página corriente de donde debía estar el WebSocket."), vec![Fact::at(both!("{count} answers with 200", "{count} respuestas con 200"), at)]));
    }
    if proxied::pasted(evidence) && evidence.logs.attempts.total > 0 {
        return Outcome::Pass(both!("no handshake was answered with a page or a missing file", "ninguna conexión se respondió con una página o un archivo inexistente"));
    }
    Outcome::Skip(proxied::unseen())
}
