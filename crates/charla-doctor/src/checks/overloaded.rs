//! The server refuses because it has as many connections as it was told to have: uvicorn by its option, Charla by its own word.

use charla_wire::Cause;

use crate::checks::{Check, Step, server_named, serving};
use crate::evidence::{Answer, Evidence};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::Overloaded, step: Step::Server, judge };

fn judge(evidence: &Evidence) -> Outcome {
    let process = evidence.server.as_ref().and_then(|server| server.process.as_ref());
    let limit = process.and_then(|process| process.limit_concurrency);
    let refusing = evidence.hops.iter().find(|hop| hop.browser().is_some_and(is_refusal));
    let said = evidence.logs.fresh(&[Sign::ConcurrencyLimit]).map(|(_, seen)| seen);
    let mut facts: Vec<_> = said.into_iter().flat_map(serving::quotes).collect();
    facts.extend(refusing.map(serving::answered));
    if said.is_some() || (refusing.is_some() && limit.is_some()) {
        facts.extend(process.map(serving::process));
        let limit = limit.map_or_else(String::new, |limit| format!(" ({limit})"));
        let sentence = both!("uvicorn answers 503: it has more connections than `--limit-concurrency`{limit} allows.", "uvicorn responde 503: tiene más conexiones de las que permite `--limit-concurrency`{limit}.");
        let finding = Finding::certain(sentence, facts);
        return Outcome::Fail(finding.fix("# each WebSocket counts: raise it above the sockets of the busiest hour, or leave it out\nuvicorn app.asgi:application --limit-concurrency 10000"));
    }
    match (server_named::overloaded::CHECK.judge)(evidence) {
        Outcome::Skip(_) if !evidence.hops.is_empty() || !evidence.logs.sources.is_empty() => Outcome::Pass(both!(
            "nobody is refused for their number",
            "a nadie se le rechaza por ser demasiados"
        )),
        outcome @ (Outcome::Pass(_)
        | Outcome::Warn(_)
        | Outcome::Fail(_)
        | Outcome::Skip(_)
        | Outcome::Crashed(_)) => outcome,
    }
}

/// uvicorn's own 503.
fn is_refusal(answer: &Answer) -> bool {
    match answer {
        Answer::Http { status: 503, server, .. } => server.as_deref() == Some("uvicorn"),
        Answer::Http { .. } | Answer::Upgraded { .. } | Answer::Refused | Answer::Unreachable(_) | Answer::Silent | Answer::NoConnection | Answer::HungUp { .. } | Answer::NotHttp(_) | Answer::Tls(_) | Answer::Untried => false,
    }
}
