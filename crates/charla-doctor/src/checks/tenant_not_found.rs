//! The tenant of the address does not exist.

use charla_wire::Cause;

use crate::checks::access::{explained, let_in, logged, named, not_named, raised, refusal};
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::signs::Sign;
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
    if let Some(finding) = said_of(evidence) {
        return Outcome::Fail(explained(evidence, finding));
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

/// The application's own line, closed with 4404, that says of the address's tenant that it is not there.
fn said_of(evidence: &Evidence) -> Option<Finding> {
    let tenant = evidence.target.as_ref()?.tenant.as_ref()?;
    let said = logged(evidence, &[Sign::Closed4404])?;
    let is_so = said.facts.iter().any(|fact| fact.quote.as_deref().is_some_and(|line| misses(line, tenant)));
    let sentence = both!("There is no tenant {tenant}: the application says so itself.", "No existe el tenant {tenant}: lo dice la propia aplicación.");
    is_so.then(|| Finding::likely(sentence, said.facts))
}

/// Whether a line reads `Tenant initech no existe`, `unknown tenant initech` or the like; `chat 7 of tenant initech not found`
/// is about a chat.
fn misses(line: &str, tenant: &str) -> bool {
    const WORDS: [&str; 3] = ["tenant", "schema", "esquema"];
    const OF: [&str; 9] = ["of", "in", "for", "the", "de", "del", "en", "el", "al"];
    const AFTER: [&str; 5] = ["no existe", "does not exist", "not found", "desconocid", "unknown"];
    const BEFORE: [&str; 3] = ["unknown", "no such", "no existe el"];
    let line = line.to_lowercase();
    let Some((before, after)) = line.split_once(&tenant.to_lowercase()) else {
        return false;
    };
    let is_mark = |of: char| of.is_whitespace() || matches!(of, '\'' | '"' | '`' | ':' | '=');
    let before = before.trim_end_matches(is_mark);
    let Some(before) = WORDS.iter().find_map(|word| before.strip_suffix(word)).map(str::trim_end) else {
        return false;
    };
    let last = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let after = after.trim_start_matches(is_mark);
    BEFORE.iter().any(|words| before.ends_with(words))
        || (!OF.contains(&last) && AFTER.iter().any(|words| after.starts_with(words)))
}

#[cfg(test)]
mod tests {
    use super::misses;

    #[test]
    fn a_line_about_a_chat_is_not_one_about_its_tenant() {
        for line in [
            "WARNING chat.middleware Tenant initech no existe -> 4404",
            "unknown tenant 'initech' -> 4404",
            "schema \"initech\" does not exist -> 4404",
        ] {
            assert!(misses(line, "initech"), "{line}");
        }
        for line in [
            "Chat 7 of tenant initech not found -> 4404",
            "Chat 7 no existe en el tenant initech -> 4404",
            "Tenant acme no existe -> 4404",
        ] {
            assert!(!misses(line, "initech"), "{line}");
        }
    }
}
