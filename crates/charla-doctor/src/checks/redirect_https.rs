//! A redirect from plain HTTP to https; and what both redirects that are known by name have in common.

use charla_client::diagnose::redirect;
use charla_wire::Cause;

use super::handshakes::{browsers, lines, lines_with, no_handshake, pasted};
use crate::checks::{Check, Step};
use crate::evidence::{Answer, Evidence, Shape, Target};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::RedirectHttps, step: Step::Handshake, judge };

/// The statuses that send a browser elsewhere.
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

fn judge(evidence: &Evidence) -> Outcome {
    judge_redirect(evidence, Cause::RedirectHttps)
}

/// A redirect of this kind, in the doctor's own handshake or in pasted logs.
pub(super) fn judge_redirect(evidence: &Evidence, cause: Cause) -> Outcome {
    if let Some(answer) = evidence.answer() {
        let Answer::Http { status, location: Some(place), .. } = answer else {
            return Outcome::Pass(both!("nobody redirects the handshake", "nadie redirige la conexión"));
        };
        let target = evidence.target.clone().unwrap_or_default();
        if !(300..400).contains(status) || redirect(&target.path, place) != cause {
            return Outcome::Pass(both!("the answer is another: {status}", "la respuesta es otra: {status}"));
        }
        return Outcome::Fail(found(evidence, &target, place, cause));
    }
    if pasted(evidence, &REDIRECTS) == 0 {
        if evidence.logs.attempts.total > 0 {
            return Outcome::Pass(both!("no handshake was redirected", "ninguna conexión fue redirigida"));
        }
        return Outcome::Skip(no_handshake());
    }
    of_logs(evidence, cause)
}

fn found(evidence: &Evidence, target: &Target, place: &str, cause: Cause) -> Finding {
    let mut facts = browsers(evidence);
    let hop = evidence.given();
    facts.extend(hop.and_then(|hop| super::handshakes::fact(hop, Shape::OtherSlash)));
    if let Some(nginx) = &evidence.nginx
        && let Some(location) = &nginx.location
    {
        let directives = location.returns.iter().chain(&location.rewrites);
        facts.extend(directives.map(|one| Fact {
            what: both!("nginx", "nginx"),
            quote: Some(format!("{} {};", one.name, one.args.join(" "))),
            at: Some(one.at.clone()),
        }));
    }
    let path = &target.path;
    let place = place.split('?').next().unwrap_or_default();
    let led = place.replacen("https://", "wss://", 1).replacen("http://", "ws://", 1);
    let led = if led.starts_with('/') { format!("{}{led}", origin(target)) } else { led };
    Finding::certain(sentence(cause, path, place), facts)
        .fix(format!("// the address at the end of the redirect\nnew WebSocket(`{led}?token=${{encodeURIComponent(token)}}`);"))
}

fn origin(target: &Target) -> String {
    let scheme = if target.secure { "wss" } else { "ws" };
    format!("{scheme}://{}:{}", target.host, target.port)
}

fn sentence(cause: Cause, path: &str, place: &str) -> Text {
    if cause == Cause::RedirectHttps {
        return both!(
            "The handshake for {path} is redirected to {place}: https is wanted, and a WebSocket follows no redirect.",
            "La conexión a {path} se redirige a {place}: se pide https, y un WebSocket no sigue redirecciones."
        );
    }
    both!(
        "The handshake for {path} is redirected to {place}: only the slash at the end differs, and a WebSocket follows no redirect.",
        "La conexión a {path} se redirige a {place}: solo cambia la barra final, y un WebSocket no sigue redirecciones."
    )
}

/// Pasted lines: where one says what was asked and one where it led, that proves it; else the address suggests it.
fn of_logs(evidence: &Evidence, cause: Cause) -> Outcome {
    let statuses: Vec<String> = REDIRECTS.iter().map(ToString::to_string).collect();
    let statuses: Vec<&str> = statuses.iter().map(String::as_str).collect();
    let asked = lines_with(evidence, Sign::UnexpectedStatus, &statuses);
    let mut address = asked.iter().find_map(|fact| address(fact.quote.as_deref()?, &["ws://", "wss://"]));
    let led = evidence.logs.fresh(&[Sign::RedirectedTo]);
    let place = led.and_then(|(_, seen)| seen.quotes.iter().find_map(|quote| address_of_place(&quote.line)));
    if let Some(place) = &place {
        let path = address.as_deref().map_or("", path);
        let is = if path.is_empty() {
            // Only the place is known: with https in it the scheme is what both have in common.
            if place.starts_with("https://") { Cause::RedirectHttps } else { Cause::RedirectSlash }
        } else {
            redirect(path, place)
        };
        if is != cause {
            return Outcome::Pass(both!("it leads to {place}", "lleva a {place}"));
        }
        let mut facts = asked;
        facts.extend(led.into_iter().flat_map(|(_, seen)| lines(seen)));
        let sentence = sentence(cause, if path.is_empty() { "?" } else { path }, place);
        return Outcome::Fail(if path.is_empty() { Finding::likely(sentence, facts) } else { Finding::certain(sentence, facts) });
    }
    let Some(address) = address.take() else {
        let count = pasted(evidence, &REDIRECTS);
        let at = evidence.logs.attempts.counted_in.clone();
        let fact = Fact::at(both!("redirected handshakes: {count}", "conexiones redirigidas: {count}"), at);
        return Outcome::Fail(Finding::possible(
            both!("Handshakes are answered by a redirect.", "Las conexiones reciben una redirección."),
            vec![fact],
        ));
    };
    let bare = !path(&address).ends_with('/');
    let is = if bare { Cause::RedirectSlash } else { Cause::RedirectHttps };
    if is != cause || (cause == Cause::RedirectHttps && address.starts_with("wss://")) {
        return Outcome::Pass(both!("{address} suggests otherwise", "{address} hace pensar otra cosa"));
    }
    let what = if bare {
        both!("{address} has no slash at the end, and is answered by a redirect.", "{address} no acaba en barra y recibe una redirección.")
    } else {
        both!("{address} is not encrypted, and is answered by a redirect.", "{address} va sin cifrar y recibe una redirección.")
    };
    Outcome::Fail(Finding::likely(what, asked))
}

/// The first address in a line that begins with one of some schemes, without its query.
fn address(line: &str, schemes: &[&str]) -> Option<String> {
    let at = schemes.iter().filter_map(|scheme| line.find(scheme)).min()?;
    let rest = line.get(at..)?;
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '?' | '#' | '`')).unwrap_or(rest.len());
    rest.get(..end).map(str::to_owned)
}

fn address_of_place(line: &str) -> Option<String> {
    address(line, &["http://", "https://"])
}

fn path(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}
