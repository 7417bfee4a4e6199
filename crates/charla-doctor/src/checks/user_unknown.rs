//! The token names a user that does not exist.

use charla_wire::Cause;

use crate::checks::access::{explained, let_in, logged, named, raised, refusal, unsaid};
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, Lookup};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::UserUnknown, step: Step::Access, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if let Some(finding) = named(evidence, Cause::UserUnknown) {
        return Outcome::Fail(finding);
    }
    if let Some(text) = let_in(evidence) {
        return Outcome::Pass(text);
    }
    let said = logged(evidence, &[Sign::UserUnknown]);
    let claim = evidence.token.as_ref().and_then(|token| Some((token.user_claim.as_deref()?, token.user.as_deref()?)));
    if let Some(database) = &evidence.database {
        let by = &database.user_by;
        match database.user {
            Lookup::There => {
                return Outcome::Pass(both!("the user is there ({by})", "el usuario está ({by})"));
            }
            Lookup::Missing => {
                let (name, user) = claim.unwrap_or(("user", "?"));
                let at = database.url.clone();
                let mut facts = vec![Fact { what: both!("no row for this user", "ninguna fila para este usuario"), quote: Some(format!("{name}: {user}")), at: Some(format!("{at} {by}")) }];
                let answer = refusal(evidence).map(|refusal| refusal.fact).or_else(|| raised(evidence));
                let Some(answer) = answer else {
                    return Outcome::Skip(both!("nothing refused the handshake for its user", "nada rechazó el handshake por su usuario"));
                };
                facts.push(answer);
                facts.extend(said.iter().flat_map(|said| said.facts.clone()));
                // What `sub` holds is each application's own; `user_id` is the row's key (SimpleJWT's USER_ID_FIELD).
                let sure = name == "user_id" || said.is_some();
                let certainty = if sure { Certainty::Certain } else { Certainty::Likely };
                let sentence = both!("The user that the token names ({user}) does not exist.", "El usuario que nombra el token ({user}) no existe.");
                return Outcome::Fail(explained(evidence, Finding::new(certainty, sentence, facts)));
            }
            Lookup::Unknown => {}
        }
    }
    let Some(said) = said else {
        return if evidence.token.is_some() {
            Outcome::Skip(both!("no database was given to look the user up", "no se dio ninguna base de datos donde buscar al usuario"))
        } else {
            unsaid(evidence)
        };
    };
    // One text for two causes: then it is one of the two.
    let either = said.facts.iter().any(|fact| fact.quote.as_ref().is_some_and(|line| line.contains("inactiv")));
    let (certainty, sentence) = if either {
        (Certainty::Likely, both!("The token's user does not exist, or is deactivated: the application has one text for both.", "El usuario del token no existe, o está desactivado: la aplicación tiene un solo texto para ambos."))
    } else {
        (said.certainty, both!("The token's user does not exist.", "El usuario del token no existe."))
    };
    let mut finding = Finding::new(certainty, sentence, said.facts);
    if either {
        finding = finding.fix("python manage.py shell -c \"from django.contrib.auth import get_user_model as U; print(U().objects.filter(pk=1).values('pk', 'is_active'))\"");
    }
    Outcome::Fail(explained(evidence, finding).explains(&[Cause::TokenInvalid]))
}
