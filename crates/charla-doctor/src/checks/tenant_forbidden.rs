//! The token belongs to another tenant than the one in the address.

use charla_wire::Cause;

use crate::checks::access::{explained, jwt, let_in, named, not_named, refusal};
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::TenantForbidden, step: Step::Access, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if let Some(finding) = named(evidence, Cause::TenantForbidden) {
        return Outcome::Fail(finding);
    }
    let own = jwt(evidence).and_then(|token| Some((token.tenant.clone()?, token.given_in.clone())));
    let wanted = evidence.target.as_ref().and_then(|target| target.tenant.clone());
    let (Some((own, given_in)), Some(wanted)) = (own, wanted) else {
        return not_named(evidence);
    };
    if own == wanted {
        return Outcome::Pass(both!("the token is of the tenant {own}", "el token es del tenant {own}"));
    }
    let mut facts = vec![Fact { what: both!("tenant of the token, and of the address", "tenant del token, y de la dirección"), quote: Some(format!("{own}, {wanted}")), at: Some(given_in) }];
    if let_in(evidence).is_some() {
        return Outcome::Warn(Finding::likely(
            both!(
                "A token of the tenant {own} is let into {wanted}: tenants are not kept apart.",
                "Un token del tenant {own} entra en {wanted}: los tenants no están separados.",
            ),
            facts,
        ));
    }
    let Some(refused) = refusal(evidence) else {
        return Outcome::Skip(both!("the application did not refuse the handshake", "la aplicación no rechazó el handshake"));
    };
    facts.push(refused.fact);
    let sentence = both!("The token belongs to the tenant {own}, the address asks for {wanted}.", "El token es del tenant {own}; la dirección pide {wanted}.");
    // A server that keeps tenants apart says of another's chat that there is none.
    let finding = Finding::likely(sentence, facts).explains(&[Cause::ChatNotFound]);
    Outcome::Fail(explained(evidence, finding))
}
