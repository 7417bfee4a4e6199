//! The page's origin is refused, where another would be let in.

use charla_wire::Cause;

use super::handshakes::{fact, named, no_handshake, pasted};
use crate::checks::{Check, Step};
use crate::evidence::{Answer, DjangoSeen, Evidence, Hop, Shape, SourceKind};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::OriginForbidden, step: Step::Access, judge };

/// What a refused origin leads to; a proxy may be the one who refuses it.
const EXPLAINS: [Cause; 2] = [Cause::RejectBeforeAccept, Cause::ProxyWrongLocation];

/// Lines by which an application says why it refused: with one of them it was not the origin.
pub(super) const REASONS: [Sign; 14] = [
    Sign::TokenExpired,
    Sign::TokenInvalid,
    Sign::TokenNotYetValid,
    Sign::TokenAlgorithm,
    Sign::TokenMalformed,
    Sign::TokenWrongType,
    Sign::TokenBlacklisted,
    Sign::TokenMissing,
    Sign::UserUnknown,
    Sign::UserInactive,
    Sign::Closed4401,
    Sign::Closed4403,
    Sign::Closed4404,
    Sign::NotAMember,
];

fn judge(evidence: &Evidence) -> Outcome {
    let (Some(answer), Some(hop)) = (evidence.answer(), evidence.given()) else {
        return of_logs(evidence);
    };
    let origin = evidence.target.as_ref().map_or("", |target| target.origin.as_str());
    if named(answer) == Some(Cause::OriginForbidden) {
        return Outcome::Fail(refused(origin, hop, Certainty::Certain));
    }
    if answer.is_open() {
        return Outcome::Pass(both!("the origin {origin} is let in", "el origen {origin} puede entrar"));
    }
    let open = |shape| hop.shaped(shape).is_some_and(Answer::is_open);
    if open(Shape::OwnOrigin) || open(Shape::NoOrigin) {
        return Outcome::Fail(refused(origin, hop, Certainty::Certain));
    }
    let Answer::Http { status: 403, .. } = answer else {
        return Outcome::Pass(both!("it is not answered by 403", "la respuesta no es un 403"));
    };
    if let Some(django) = &evidence.django
        && let Some(allows) = allows(django, origin)
    {
        let (validator, hosts) = (django.origin_validator.clone().unwrap_or_default(), shown(django));
        if allows {
            return Outcome::Pass(both!("{validator} lets {origin} in: {hosts}", "{validator} deja entrar a {origin}: {hosts}"));
        }
        let reason = evidence.logs.fresh(&REASONS).is_some();
        let certainty = if reason { Certainty::Likely } else { Certainty::Certain };
        let mut finding = refused(origin, hop, certainty);
        let what = both!("{validator} compares with ALLOWED_HOSTS", "{validator} compara con ALLOWED_HOSTS");
        finding.facts.push(Fact { what, quote: Some(hosts), at: django.allowed_hosts_at.clone() });
        let (host, settings) = (host(origin), &django.settings);
        return Outcome::Fail(finding.fix(format!("# {settings}: add the page's host\nALLOWED_HOSTS += [\"{host}\"]")));
    }
    // The answer to any other origin would be the same, as far as it was tried.
    if hop.shaped(Shape::NoOrigin).is_some() || hop.shaped(Shape::OwnOrigin).is_some() {
        return Outcome::Pass(both!("another Origin changes nothing", "otro Origin no cambia nada"));
    }
    Outcome::Skip(both!("no other Origin was tried", "no se probó ningún otro Origin"))
}

fn refused(origin: &str, hop: &Hop, certainty: Certainty) -> Finding {
    let shapes = [Shape::Browser, Shape::OwnOrigin, Shape::NoOrigin];
    let facts = shapes.into_iter().filter_map(|shape| fact(hop, shape)).collect();
    Finding::new(
        certainty,
        both!("The server refuses pages of the origin {origin}.", "El servidor rechaza las páginas del origen {origin}."),
        facts,
    )
    .explains(&EXPLAINS)
}

/// Whether Channels' validator lets an origin in (`channels.security.websocket`); none where that cannot be told.
fn allows(django: &DjangoSeen, origin: &str) -> Option<bool> {
    // Another validator has a list of its own, which is not known here.
    django.origin_validator.as_ref().filter(|name| name.as_str() == "AllowedHostsOriginValidator")?;
    let hosts = django.allowed_hosts.as_ref()?;
    let host = host(origin);
    if hosts.is_empty() {
        return Some(django.debug? && matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]"));
    }
    Some(hosts.iter().any(|pattern| {
        let pattern = pattern.to_ascii_lowercase();
        match pattern.strip_prefix('.') {
            Some(domain) => host == domain || host.ends_with(&pattern),
            None => pattern == "*" || pattern == host,
        }
    }))
}

fn shown(django: &DjangoSeen) -> String {
    format!("ALLOWED_HOSTS = {:?}", django.allowed_hosts.clone().unwrap_or_default())
}

/// The host of an origin, in lower case, without its port.
fn host(origin: &str) -> String {
    let rest = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    let end = match rest.find(']') {
        Some(at) => at + 1,
        None => rest.find([':', '/']).unwrap_or(rest.len()),
    };
    rest.get(..end).unwrap_or(rest).to_ascii_lowercase()
}

/// Channels writes nothing of an origin that it refuses: a 403 in the server's log beside which the application says
/// nothing at all.
fn of_logs(evidence: &Evidence) -> Outcome {
    let rejected = evidence.logs.fresh(&[Sign::UvicornRejected, Sign::DaphneRejected]);
    let Some((_, seen)) = rejected.filter(|_| evidence.hops.is_empty()) else {
        if pasted(evidence, &[101]) > 0 && pasted(evidence, &[403]) == 0 {
            return Outcome::Pass(both!("handshakes are let in", "las conexiones pueden entrar"));
        }
        return Outcome::Skip(no_handshake());
    };
    if evidence.logs.any(&REASONS).is_some() {
        return Outcome::Pass(both!("the application gives another reason", "la aplicación da otro motivo"));
    }
    let server = evidence.logs.has(SourceKind::Uvicorn) || evidence.logs.has(SourceKind::Daphne);
    if !server || evidence.logs.live {
        return Outcome::Skip(no_handshake());
    }
    Outcome::Fail(
        Finding::possible(
            both!(
                "Handshakes are refused with 403 and the application logs no reason: Channels' origin check does just that.",
                "Las conexiones se rechazan con 403 y la aplicación no registra el motivo: es lo que hace la comprobación de origen de Channels."
            ),
            super::handshakes::lines(seen),
        )
        .fix("# the same handshake with the page's Origin and with the server's own\ncharla doctor URL --origin https://the-page.example")
        .explains(&EXPLAINS),
    )
}
