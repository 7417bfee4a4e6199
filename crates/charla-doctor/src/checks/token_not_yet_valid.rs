//! The token's `nbf` or `iat` lies in the future of the server's clock.

use charla_wire::Cause;

use crate::checks::access::{explained, jwt, let_in, logged, named, now, raised, refusal, span, unsaid};
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::TokenNotYetValid, step: Step::Access, judge };

/// A `Date` header is cut to the second, and a token may be as old as its own handshake.
const GRACE: f64 = 2.0;

fn judge(evidence: &Evidence) -> Outcome {
    if let Some(finding) = named(evidence, Cause::TokenNotYetValid) {
        return Outcome::Fail(finding);
    }
    let said = logged(evidence, &[Sign::TokenNotYetValid]);
    let Some(token) = jwt(evidence) else {
        if evidence.token.is_some() {
            return Outcome::Pass(both!("there is no token with times", "no hay ningún token con tiempos"));
        }
        let Some(said) = said else {
            return unsaid(evidence);
        };
        let finding = Finding::new(said.certainty, both!(
            "The token is not valid yet: the clock that made it is ahead of the server's.",
            "El token aún no es válido: el reloj que lo hizo va por delante del del servidor.",
        ), said.facts);
        return Outcome::Fail(explained(evidence, finding).explains(&[Cause::TokenInvalid]));
    };
    let clock = now(token);
    let times = [("nbf", token.not_before), ("iat", token.issued_at)];
    let future = times.into_iter().filter_map(|(name, time)| Some((name, time?))).find(|(_, time)| *time > clock + GRACE);
    let Some((name, time)) = future else {
        return Outcome::Pass(both!("nbf and iat are in the past, or not there", "nbf e iat están en el pasado, o no están"));
    };
    if let Some(text) = let_in(evidence) {
        return Outcome::Pass(text);
    }
    let ahead = span(time - clock);
    let sentence = both!(
        "The token's {name} lies {ahead} in the future of the server's clock: the machine that made it is ahead.",
        "El {name} del token está {ahead} en el futuro del reloj del servidor: la máquina que lo hizo va adelantada.",
        ahead
    );
    let mut facts = vec![Fact {
        what: both!("{name} against the clock", "{name} frente al reloj"),
        quote: Some(format!("{name} {time:.0}, now {clock:.0}")),
        at: Some(token.given_in.clone()),
    }];
    let refused = refusal(evidence).filter(|refusal| !refusal.known_person()).map(|refusal| refusal.fact);
    let sure = refused.is_some() && name == "nbf" || said.is_some();
    let Some(answer) = refused.or_else(|| raised(evidence)) else {
        return Outcome::Warn(Finding::likely(sentence, facts));
    };
    facts.push(answer);
    facts.extend(said.into_iter().flat_map(|said| said.facts));
    // Not everybody looks at iat.
    let finding = if sure { Finding::certain(sentence, facts) } else { Finding::likely(sentence, facts) };
    Outcome::Fail(explained(evidence, finding).explains(&[Cause::TokenInvalid]))
}
