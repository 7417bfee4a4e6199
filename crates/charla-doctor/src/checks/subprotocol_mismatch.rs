//! The sub-protocols that the page offers and the one that the server chooses do not agree.

use charla_wire::Cause;

use super::handshakes::{fact, lines};
use crate::checks::{Check, Step};
use crate::evidence::{Answer, Evidence, Shape};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::SubprotocolMismatch, step: Step::Handshake, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if let (Some(answer), Some(hop)) = (evidence.answer(), evidence.given()) {
        let facts = || [Shape::Browser, Shape::NoProtocol].into_iter().filter_map(|shape| fact(hop, shape)).collect();
        let bare = hop.shaped(Shape::NoProtocol).is_some_and(Answer::is_open);
        if let Answer::Upgraded { protocol, offered, valid, .. } = answer {
            return match protocol {
                None if *offered => Outcome::Fail(none_chosen(facts())),
                Some(chosen) if !offered || !valid => Outcome::Fail(Finding::likely(
                    both!(
                        "The server chose the sub-protocol {chosen}, which was not offered: browsers give up.",
                        "El servidor eligió el subprotocolo {chosen}, que no se ofreció: el navegador se rinde."
                    ),
                    facts(),
                )),
                Some(chosen) => Outcome::Pass(both!("both agree on {chosen}", "ambos acuerdan {chosen}")),
                None => Outcome::Skip(both!(
                    "no sub-protocol was offered: give the page's with --protocol",
                    "no se ofreció ningún subprotocolo: da el de la página con --protocol"
                )),
            };
        }
        if bare {
            return Outcome::Fail(Finding::certain(
                both!(
                    "The handshake is refused with the sub-protocols that the page offers, and accepted without them.",
                    "La conexión se rechaza con los subprotocolos que ofrece la página y se acepta sin ellos."
                ),
                facts(),
            ).explains(&[Cause::RejectBeforeAccept]));
        }
    }
    match evidence.logs.fresh(&[Sign::SubprotocolMissing, Sign::SubprotocolForeign]) {
        Some((_, seen)) => Outcome::Fail(none_chosen(lines(seen))),
        None => Outcome::Skip(Text {
            en: "no answer shows whether sub-protocols agree".into(),
            es: "ninguna respuesta muestra si los subprotocolos coinciden".into(),
        }),
    }
}

fn none_chosen(facts: Vec<Fact>) -> Finding {
    Finding::certain(
        both!(
            "The server accepts without choosing one of the sub-protocols that the client offers: browsers then give up with 1006.",
            "El servidor acepta sin elegir ninguno de los subprotocolos que ofrece el cliente: el navegador se rinde con 1006."
        ),
        facts,
    )
}
