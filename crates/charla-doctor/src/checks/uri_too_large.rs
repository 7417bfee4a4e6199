//! The address is longer than a hop takes; and what both limits of a request's head have in common.

use charla_wire::Cause;

use super::handshakes::{browsers, lines, lines_with, named, no_handshake, pasted};
use crate::checks::{Check, Step};
use crate::evidence::{Answer, Evidence};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::UriTooLarge, step: Step::Handshake, judge };

/// A limit of a request's head, and how it shows.
pub(super) struct Limit {
    pub(super) cause: Cause,
    pub(super) statuses: &'static [u16],
    /// Words in the body of a 400.
    pub(super) bodies: &'static [&'static str],
    /// nginx's line.
    pub(super) sign: Sign,
    /// Words of it in the line of the `websockets` library.
    pub(super) words: &'static [&'static str],
    pub(super) sentence: Text,
}

fn judge(evidence: &Evidence) -> Outcome {
    judge_limit(evidence, &Limit {
        cause: Cause::UriTooLarge,
        statuses: &[414],
        bodies: &["Request-URI Too Large", "Request-URI Too Long"],
        sign: Sign::NginxUriTooLong,
        words: &["414"],
        sentence: both!(
            "The address is longer than the server takes: usually its token.",
            "La dirección es más larga de lo que admite el servidor: suele ser por el token."
        ),
    })
}

/// A limit that was passed, in the doctor's own handshake or in a log.
pub(super) fn judge_limit(evidence: &Evidence, limit: &Limit) -> Outcome {
    let mut said: Vec<Fact> = evidence.logs.fresh(&[limit.sign]).into_iter().flat_map(|(_, seen)| lines(seen)).collect();
    said.extend(lines_with(evidence, Sign::HeadTooLong, limit.words));
    if let Some(answer) = evidence.answer() {
        let is = match answer {
            Answer::Http { status: 400, body, .. } => limit.bodies.iter().any(|words| body.contains(words)),
            Answer::Http { status, .. } => limit.statuses.contains(status),
            Answer::Upgraded { .. }
            | Answer::Refused
            | Answer::Unreachable(_)
            | Answer::Silent
            | Answer::NoConnection
            | Answer::HungUp { .. }
            | Answer::NotHttp(_)
            | Answer::Tls(_)
            | Answer::Untried => false,
        };
        if !is && named(answer) != Some(limit.cause) {
            return Outcome::Pass(both!("the request is not too large", "la petición no es demasiado grande"));
        }
        let mut facts = browsers(evidence);
        facts.extend(said);
        return Outcome::Fail(found(evidence, limit, facts));
    }
    let count = pasted(evidence, limit.statuses);
    if count > 0 {
        let at = evidence.logs.attempts.counted_in.clone();
        let status = limit.statuses.first().copied().unwrap_or_default();
        said.insert(0, Fact::at(both!("handshakes answered by {status}: {count}", "conexiones con respuesta {status}: {count}"), at));
    }
    if !said.is_empty() {
        return Outcome::Fail(found(evidence, limit, said));
    }
    if evidence.logs.attempts.total > 0 {
        return Outcome::Pass(both!("no request was too large", "ninguna petición fue demasiado grande"));
    }
    Outcome::Skip(no_handshake())
}

fn found(evidence: &Evidence, limit: &Limit, mut facts: Vec<Fact>) -> Finding {
    if let Some(token) = &evidence.token {
        let length = token.length;
        facts.push(Fact::said(both!("length of the token: {length}", "longitud del token: {length}")));
    }
    let buffers = evidence.nginx.as_ref().and_then(|nginx| nginx.location.as_ref()?.header_buffers.as_ref());
    if let Some(buffers) = buffers {
        let quote = Some(format!("{} {};", buffers.name, buffers.args.join(" ")));
        facts.push(Fact { what: both!("nginx", "nginx"), quote, at: Some(buffers.at.clone()) });
    }
    Finding::certain(limit.sentence.clone(), facts).explains(&[Cause::BadRequest, Cause::TokenMalformed])
}
