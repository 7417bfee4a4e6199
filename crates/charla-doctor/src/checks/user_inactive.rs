//! The token's user is deactivated.

use charla_wire::Cause;

use crate::checks::access::{explained, let_in, logged, named, raised, refusal, said_by_log, unsaid};
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, Lookup};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::UserInactive, step: Step::Access, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if let Some(finding) = named(evidence, Cause::UserInactive) {
        return Outcome::Fail(finding);
    }
    if let Some(text) = let_in(evidence) {
        return Outcome::Pass(text);
    }
    let said = logged(evidence, &[Sign::UserInactive]);
    let Some(database) = evidence.database.as_ref().filter(|database| database.user != Lookup::Unknown) else {
        if evidence.token.is_some() {
            return Outcome::Skip(both!("no database was given to look the user up", "no se dio ninguna base de datos donde buscar al usuario"));
        }
        if evidence.logs.fresh(&[Sign::UserUnknown]).is_some() && said.is_none() {
            return Outcome::Skip(both!("the log does not say whether the user is gone or deactivated", "el registro no dice si el usuario falta o está desactivado"));
        }
        let sentence = both!("The token's user is deactivated.", "El usuario del token está desactivado.");
        return said.map_or_else(|| unsaid(evidence), |said| said_by_log(evidence, said, sentence));
    };
    let by = &database.user_by;
    if database.user_active != Some(false) {
        return Outcome::Pass(both!("the user is active, or not there ({by})", "el usuario está activo, o no está ({by})"));
    }
    let user = evidence.token.as_ref().and_then(|token| token.user.clone()).unwrap_or_else(|| "?".into());
    let answer = refusal(evidence).map(|refusal| refusal.fact).or_else(|| raised(evidence));
    let Some(answer) = answer else {
        return Outcome::Skip(both!("nothing refused the handshake for its user", "nada rechazó el handshake por su usuario"));
    };
    let mut facts = vec![
        Fact { what: both!("is_active of this user", "is_active de este usuario"), quote: Some(format!("{user}: false")), at: Some(format!("{} {by}", database.url)) },
        answer,
    ];
    facts.extend(said.into_iter().flat_map(|said| said.facts));
    let sentence = both!("User {user} exists but is deactivated.", "El usuario {user} existe, pero está desactivado.");
    let mut finding = Finding::certain(sentence, facts);
    if evidence.django.is_some() && user.bytes().all(|byte| byte.is_ascii_digit()) {
        finding = finding.fix(format!("python manage.py shell -c \"from django.contrib.auth import get_user_model as U; U().objects.filter(pk={user}).update(is_active=True)\""));
    }
    Outcome::Fail(explained(evidence, finding).explains(&[Cause::UserUnknown]))
}
