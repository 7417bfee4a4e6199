//! Somebody blocked this user.

use charla_wire::Cause;

use crate::checks::access::{let_in, named, not_named, refusal};
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::UserBlocked, step: Step::Access, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if let Some(finding) = named(evidence, Cause::UserBlocked) {
        return Outcome::Fail(finding);
    }
    if let Some(text) = let_in(evidence) {
        return Outcome::Pass(text);
    }
    let Some((database, state)) = evidence.database.as_ref().and_then(|database| Some((database, database.user_state.as_deref()?))) else {
        return not_named(evidence);
    };
    if state != "blocked" {
        return Outcome::Pass(both!("the user's state is {state}", "el estado del usuario es {state}"));
    }
    let user = evidence.token.as_ref().and_then(|token| token.user.clone()).unwrap_or_default();
    let mut facts = vec![Fact { what: both!("state of the user", "estado del usuario"), quote: Some(format!("{user}: blocked")), at: Some(database.url.clone()) }];
    let sentence = both!("User {user} is blocked in this tenant.", "El usuario {user} está bloqueado en este tenant.");
    match refusal(evidence) {
        Some(refusal) => {
            facts.push(refusal.fact);
            let tenant = database.schema.as_ref().map(|tenant| format!("--tenant {tenant} ")).unwrap_or_default();
            Outcome::Fail(Finding::certain(sentence, facts).fix(format!("charla user unblock {tenant}{user}")))
        }
        None => Outcome::Warn(Finding::certain(sentence, facts)),
    }
}
