//! The tenant of the address does not exist.

use charla_wire::Cause;

use crate::checks::access::{explained, let_in, named, not_named, raised, refusal};
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::TenantNotFound, step: Step::Access, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if let Some(finding) = named(evidence, Cause::TenantNotFound) {
        return Outcome::Fail(finding);
    }
    if let Some(text) = let_in(evidence) {
        return Outcome::Pass(text);
    }
    let looked = evidence.database.as_ref().and_then(|database| Some((database, database.schema.as_ref()?, database.schema_exists?)));
    match looked {
        Some((database, schema, false)) => {
            let Some(answer) = refusal(evidence).map(|refusal| refusal.fact).or_else(|| raised(evidence)) else {
                return Outcome::Skip(both!("the application did not refuse the handshake", "la aplicación no rechazó el handshake"));
            };
            let fact = Fact { what: both!("no such tenant there", "ahí no existe ese tenant"), quote: Some(schema.clone()), at: Some(database.url.clone()) };
            let sentence = both!("There is no tenant {schema}.", "No existe el tenant {schema}.");
            Outcome::Fail(explained(evidence, Finding::certain(sentence, vec![fact, answer])))
        }
        Some((_, schema, true)) => Outcome::Pass(both!("the tenant {schema} is there", "el tenant {schema} existe")),
        None => not_named(evidence),
    }
}
