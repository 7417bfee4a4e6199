//! There is no chat with this id.

use charla_wire::{Cause, ChatId, TenantId};

use crate::checks::access::{explained, let_in, logged, mentions, named, raised, refusal, unsaid};
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, Lookup};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ChatNotFound, step: Step::Access, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if let Some(finding) = named(evidence, Cause::ChatNotFound)
        && (finding.certainty == Certainty::Certain || evidence.logs.fresh(&[Sign::ChatMissing]).is_none())
    {
        return Outcome::Fail(for_chat(evidence, finding));
    }
    if let Some(text) = let_in(evidence) {
        return Outcome::Pass(text);
    }
    let said = logged(evidence, &[Sign::ChatMissing]);
    if evidence.hops.is_empty() {
        return pasted(evidence);
    }
    let refused = refusal(evidence);
    let closed = refused.as_ref().is_some_and(|refusal| refusal.close == Some(4404));
    let Some(answer) = refused.map(|refusal| refusal.fact).or_else(|| raised(evidence)) else {
        return Outcome::Skip(both!("the application did not refuse the handshake", "la aplicación no rechazó el handshake"));
    };
    let said = said.filter(|_| mentions(evidence, Sign::ChatMissing));
    let chat = evidence.target.as_ref().and_then(|target| target.chat.clone()).unwrap_or_else(|| "?".into());
    let mut facts = vec![answer];
    facts.extend(said.iter().flat_map(|said| said.facts.clone()));
    let lookup = evidence.database.as_ref().map(|database| database.chat).unwrap_or_default();
    let (by, sure, schema) = evidence.database.as_ref().map_or_else(Default::default, |database| {
        (format!("{} {}", database.url, database.chat_by), database.chat_sure, database.schema.clone())
    });
    let certainty = match lookup {
        Lookup::Missing => {
            facts.push(Fact { what: both!("no row for this chat", "ninguna fila para este chat"), quote: Some(chat.clone()), at: Some(by) });
            if sure || closed || said.is_some() { Certainty::Certain } else { Certainty::Likely }
        }
        Lookup::There if said.is_none() => {
            return Outcome::Pass(both!("the chat is there ({by})", "el chat está ({by})"));
        }
        Lookup::There | Lookup::Unknown if said.is_some() => Certainty::Certain,
        Lookup::There | Lookup::Unknown if closed => Certainty::Likely,
        Lookup::There | Lookup::Unknown => {
            return Outcome::Skip(both!("no database was given to look the chat up", "no se dio ninguna base de datos donde buscar el chat"));
        }
    };
    let place = schema.map(|schema| both!(" in the schema {schema}", " en el esquema {schema}")).unwrap_or_default();
    let sentence = both!("There is no chat {chat}{place}.", "No existe el chat {chat}{place}.", place);
    Outcome::Fail(for_chat(evidence, explained(evidence, Finding::new(certainty, sentence, facts))))
}

/// With the catalogue's commands for the very chat and tenant that were asked for, where they can be ids of any.
fn for_chat(evidence: &Evidence, finding: Finding) -> Finding {
    let Some(target) = &evidence.target else { return finding };
    let Some(chat) = target.chat.as_deref().filter(|chat| ChatId::parse(chat).is_ok()) else {
        return finding;
    };
    // As the server reads it: what the address names, else what the token does.
    let claimed = evidence.token.as_ref().and_then(|token| token.tenant.as_deref());
    let tenant = target.tenant.as_deref().or(claimed).filter(|tenant| TenantId::parse(tenant).is_ok());
    let of_tenant = tenant.map(|tenant| format!(" --tenant {tenant}")).unwrap_or_default();
    finding.fix(format!("charla chat list{of_tenant}")).fix(format!("charla chat add{of_tenant} {chat}"))
}

fn pasted(evidence: &Evidence) -> Outcome {
    if let Some(said) = logged(evidence, &[Sign::ChatMissing]) {
        let count = said.count;
        let sentence = both!("The chat does not exist: the log says so {count} times.", "El chat no existe: el registro lo dice {count} veces.");
        return Outcome::Fail(explained(evidence, Finding::new(said.certainty, sentence, said.facts)));
    }
    let Some(said) = logged(evidence, &[Sign::Closed4404]) else {
        return unsaid(evidence);
    };
    let sentence = both!("The application closes with 4404: there is no such chat.", "La aplicación cierra con 4404: no existe ese chat.");
    Outcome::Fail(explained(evidence, Finding::likely(sentence, said.facts)))
}
