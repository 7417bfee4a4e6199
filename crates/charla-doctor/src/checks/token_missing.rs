//! No token in the handshake, or a word like `undefined` where it belongs.

use charla_wire::Cause;

use crate::checks::access::{explained, let_in, logged, named, refusal, said_by_log, unsaid};
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, TokenForm};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::TokenMissing, step: Step::Access, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if let Some(finding) = named(evidence, Cause::TokenMissing) {
        return Outcome::Fail(finding);
    }
    let said = logged(evidence, &[Sign::TokenMissing]);
    let Some(token) = &evidence.token else {
        return match said {
            Some(said) => {
                let count = said.count;
                said_by_log(evidence, said, both!(
                    "Handshakes came without a token ({count} times).",
                    "Llegaron handshakes sin token ({count} veces).",
                ))
            }
            None => unsaid(evidence),
        };
    };
    let place = &token.given_in;
    let placeholder = match token.form {
        TokenForm::Missing => false,
        TokenForm::Placeholder => true,
        TokenForm::Jwt | TokenForm::NotJwt | TokenForm::Broken => {
            return Outcome::Pass(both!("a token was sent: {place}", "se envió un token: {place}"));
        }
    };
    let Some(refusal) = refusal(evidence) else {
        return match let_in(evidence) {
            Some(text) => Outcome::Pass(text),
            None => Outcome::Skip(both!("nothing refused the handshake for a token", "nada rechazó el handshake por un token")),
        };
    };
    let mut facts = vec![refusal.fact];
    facts.extend(said.iter().flat_map(|said| said.facts.clone()));
    let finding = if placeholder {
        facts.push(Fact::at(both!("not a token, but the word for none", "no es un token, sino la palabra para ninguno"), place.clone()));
        Finding::certain(
            both!(
                "What stands in {place} is no token: the page connected before it had one.",
                "Lo que hay en {place} no es un token: la página se conectó antes de tener uno.",
            ),
            facts,
        )
    } else {
        let sentence = both!("The handshake carried no token, and was refused.", "El handshake no llevaba token, y se rechazó.");
        if said.is_some() {
            Finding::certain(sentence, facts)
        } else {
            Finding::likely(sentence, facts)
        }
    };
    Outcome::Fail(explained(evidence, finding))
}
