//! Support closed the chat.

use charla_wire::Cause;

use crate::checks::access::{named, not_named};
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ChatClosed, step: Step::Access, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if let Some(finding) = named(evidence, Cause::ChatClosed) {
        return Outcome::Fail(finding);
    }
    let told = evidence.charla.as_ref().and_then(|charla| charla.chat_closed);
    if told == Some(true) {
        let chat = evidence.target.as_ref().and_then(|target| target.chat.clone()).unwrap_or_default();
        let fact = Fact {
            what: both!("the server's own word", "lo dice el propio servidor"),
            quote: Some("\"state\":\"closed\"".to_owned()),
            at: Some(format!("/api/v1/chats/{chat}")),
        };
        return Outcome::Warn(Finding::certain(
            both!("The chat is closed: it can be read, but nothing can be sent.", "El chat está cerrado: se puede leer, pero no enviar nada."),
            vec![fact],
        ));
    }
    match evidence.database.as_ref().and_then(|database| Some((database, database.chat_closed?))) {
        Some((database, true)) => {
            let fact = Fact::at(both!("closed_at of the chat's row", "closed_at de la fila del chat"), database.url.clone());
            Outcome::Warn(Finding::certain(
                both!("The chat is closed: it can be read, but nothing can be sent.", "El chat está cerrado: se puede leer, pero no enviar nada."),
                vec![fact],
            ))
        }
        Some((_, false)) => Outcome::Pass(both!("the chat's row says open", "la fila del chat dice abierto")),
        None if told == Some(false) => Outcome::Pass(both!("the server says that it is open", "el servidor dice que está abierto")),
        None => not_named(evidence),
    }
}
