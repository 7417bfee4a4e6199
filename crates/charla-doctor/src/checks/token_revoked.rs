//! The token was taken back before its time.

use charla_wire::Cause;

use crate::checks::access::{explained, logged, named, refusal, said_by_log, token_accepted, unsaid};
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::TokenRevoked, step: Step::Access, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if let Some(finding) = named(evidence, Cause::TokenRevoked) {
        return Outcome::Fail(finding);
    }
    let sentence = both!("The token is on the application's blacklist.", "El token está en la lista negra de la aplicación.");
    let said = logged(evidence, &[Sign::TokenBlacklisted]);
    if evidence.token.is_none() {
        return said.map_or_else(|| unsaid(evidence), |said| said_by_log(evidence, said, sentence));
    }
    if let Some(text) = token_accepted(evidence) {
        return Outcome::Pass(text);
    }
    match (said, refusal(evidence)) {
        (Some(said), Some(refusal)) => {
            let mut facts = said.facts;
            facts.push(refusal.fact);
            Outcome::Fail(explained(evidence, Finding::certain(sentence, facts)))
        }
        (Some(_) | None, _) => Outcome::Skip(both!(
            "only the application knows what it took back",
            "solo la aplicación sabe qué ha revocado",
        )),
    }
}
