//! The chat exists and the token is good, but this user may not enter.

use charla_wire::Cause;

use crate::checks::access::{explained, let_in, logged, membership, mentions, named, refusal, unsaid};
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, Lookup, Membership};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::NotAMember, step: Step::Access, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if let Some(finding) = named(evidence, Cause::NotAMember)
        && (finding.certainty == Certainty::Certain || evidence.logs.fresh(&[Sign::NotAMember]).is_none())
    {
        return Outcome::Fail(finding);
    }
    if let Some(text) = let_in(evidence) {
        return Outcome::Pass(text);
    }
    let said = logged(evidence, &[Sign::NotAMember]);
    let Some(refused) = refusal(evidence) else {
        if !evidence.hops.is_empty() {
            return Outcome::Skip(both!("the application did not refuse the handshake", "la aplicación no rechazó el handshake"));
        }
        let Some(said) = said else {
            return closed(evidence);
        };
        let count = said.count;
        let finding = Finding::new(said.certainty, both!(
            "The user may not enter this chat: the log says so {count} times.",
            "El usuario no puede entrar en este chat: el registro lo dice {count} veces.",
        ), said.facts);
        return Outcome::Fail(explained(evidence, finding));
    };
    let who = evidence.token.as_ref().and_then(|token| token.user.clone()).unwrap_or_else(|| "?".into());
    let sentence = both!("User {who} may not enter this chat.", "El usuario {who} no puede entrar en este chat.");
    let known = refused.known_person();
    let closed = refused.close == Some(4403);
    let mut facts = vec![refused.fact];
    let said = said.filter(|_| mentions(evidence, Sign::NotAMember));
    facts.extend(said.iter().flat_map(|said| said.facts.clone()));
    let sure = evidence.database.as_ref().is_some_and(|database| database.membership_sure);
    let by = evidence.database.as_ref().map(|database| format!("{} {}", database.url, database.membership_by)).unwrap_or_default();
    let certainty = match membership(evidence) {
        Membership::Neither => {
            facts.push(Fact::at(both!("neither a member nor staff", "ni miembro ni personal"), by));
            if sure || said.is_some() || closed { Certainty::Certain } else { Certainty::Likely }
        }
        Membership::Member | Membership::Staff if said.is_none() => {
            return Outcome::Pass(both!("the user may enter ({by})", "el usuario puede entrar ({by})"));
        }
        Membership::Member | Membership::Staff | Membership::Unknown if said.is_some() => Certainty::Certain,
        Membership::Member | Membership::Staff | Membership::Unknown => {
            let missing = evidence.database.as_ref().is_some_and(|database| database.chat == Lookup::Missing);
            if missing {
                return Outcome::Pass(both!("the chat is not there at all", "el chat no existe"));
            }
            if !closed {
                return Outcome::Skip(if known {
                    both!("the application refuses something else", "la aplicación rechaza otra cosa")
                } else {
                    both!("no database was given to look the membership up", "no se dio ninguna base de datos donde mirar quién es miembro")
                });
            }
            Certainty::Likely
        }
    };
    Outcome::Fail(explained(evidence, Finding::new(certainty, sentence, facts)))
}

/// A close code without the words for it.
fn closed(evidence: &Evidence) -> Outcome {
    let Some(said) = logged(evidence, &[Sign::Closed4403]) else {
        return unsaid(evidence);
    };
    let finding = Finding::likely(both!(
        "The application closes with 4403: this user may not enter.",
        "La aplicación cierra con 4403: este usuario no puede entrar.",
    ), said.facts);
    Outcome::Fail(explained(evidence, finding))
}
