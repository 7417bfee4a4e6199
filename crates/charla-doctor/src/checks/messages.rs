//! One message that ends a connection: what it was, as the server's log, the close code or the client says.

use charla_wire::Cause;

use crate::checks::access::named;
use crate::checks::handshakes::lines;
use crate::checks::{Check, Step};
use crate::evidence::{After, Evidence, SourceKind};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Certainty, Fact, Finding, Outcome};

macro_rules! family {
    ($($module:ident $cause:ident;)*) => {
        $(
            pub(super) mod $module {
                use super::{Cause, Check, Step};

                pub(in crate::checks) const CHECK: Check = Check {
                    cause: Cause::$cause,
                    step: Step::Logs,
                    judge: |evidence| super::judge(evidence, Cause::$cause),
                };
            }
        )*
    };
}

family! {
    message_too_big MessageTooBig;
    invalid_utf8 InvalidUtf8;
    protocol_error ProtocolError;
    unsupported_data UnsupportedData;
    invalid_json InvalidJson;
}

/// The message is the root: the exception, and the loop that sends it again, follow.
const LEADS_TO: [Cause; 2] = [Cause::AppException, Cause::InternalError];

/// Its sign, its close code, and how sure the sign alone makes it.
#[allow(clippy::wildcard_enum_match_arm, reason = "the family above is the closed list")]
fn told_by(evidence: &Evidence, cause: Cause) -> (Sign, u16, Certainty) {
    match cause {
        Cause::MessageTooBig => (Sign::MessageTooBig, 1009, Certainty::Certain),
        Cause::InvalidUtf8 => (Sign::InvalidUtf8, 1007, Certainty::Certain),
        Cause::ProtocolError => (Sign::ProtocolError, 1002, Certainty::Certain),
        Cause::UnsupportedData => (Sign::BinaryFrame, 1003, Certainty::Certain),
        // Django reads JSON in other places too.
        _ => {
            let consumer = evidence.logs.fresh(&[Sign::ConsumerDecode]).is_some();
            let sure = if consumer { Certainty::Certain } else { Certainty::Likely };
            (Sign::InvalidJson, 4400, sure)
        }
    }
}

fn judge(evidence: &Evidence, cause: Cause) -> Outcome {
    let logs = &evidence.logs;
    let (sign, code, certainty) = told_by(evidence, cause);
    if let Some((_, seen)) = logs.fresh(&[sign]) {
        let mut facts = lines(seen);
        if let Some(count) = logs.closes.get(&code) {
            facts.push(Fact::said(both!("close code {code}, {count} times", "código de cierre {code}, {count} veces")));
        }
        return Outcome::Fail(Finding::new(certainty, sentence(cause), facts).explains(&LEADS_TO));
    }
    if let Some(finding) = named(evidence, cause).or_else(|| tried(evidence, code, cause)) {
        return Outcome::Fail(finding);
    }
    // 4400 is everybody's.
    let counted = logs.closes.get(&code).filter(|_| code < 4_000 && !logs.live);
    if let Some(count) = counted {
        let fact = Fact::said(both!("close code {code}, {count} times", "código de cierre {code}, {count} veces"));
        return Outcome::Fail(Finding::certain(sentence(cause), vec![fact]).explains(&LEADS_TO));
    }
    let tellers = [SourceKind::Uvicorn, SourceKind::Daphne, SourceKind::Django, SourceKind::Console, SourceKind::Client, SourceKind::Charla];
    if tellers.iter().any(|kind| logs.has(*kind)) {
        return Outcome::Pass(both!("no log tells of such a message", "ningún registro habla de un mensaje así"));
    }
    Outcome::Skip(both!("no log of the application or a client was read", "no se leyó ningún registro de la aplicación ni de un cliente"))
}

/// What became of the doctor's own large message.
fn tried(evidence: &Evidence, code: u16, cause: Cause) -> Option<Finding> {
    let conduct = evidence.conduct.as_ref()?;
    let (bytes, end) = (conduct.sent_bytes?, conduct.sent_end.as_ref()?);
    let After::Closed { code: closed, reason, .. } = end else { return None };
    if *closed != code {
        return None;
    }
    let fact = Fact {
        what: both!("a message of {bytes} bytes, sent by the doctor", "un mensaje de {bytes} bytes, enviado por el doctor"),
        quote: Some(format!("{closed} \"{reason}\"")),
        at: Some(conduct.at.clone()),
    };
    Some(Finding::certain(sentence(cause), vec![fact]))
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the family above is the closed list")]
fn sentence(cause: Cause) -> Text {
    match cause {
        Cause::MessageTooBig => both!(
            "A message was longer than the other side takes, which closed with 1009.",
            "Un mensaje era más largo de lo que acepta el otro lado, que cerró con 1009."
        ),
        Cause::InvalidUtf8 => both!(
            "A text message was not UTF-8, and the connection ended with 1007.",
            "Un mensaje de texto no era UTF-8 y la conexión terminó con 1007."
        ),
        Cause::ProtocolError => both!(
            "A frame broke the WebSocket protocol, and the connection ended with 1002.",
            "Una trama incumplió el protocolo WebSocket y la conexión terminó con 1002."
        ),
        Cause::UnsupportedData => both!(
            "A binary frame came to a consumer that takes text only; it raised, and the socket was cut.",
            "Llegó una trama binaria a un consumer que solo acepta texto; lanzó una excepción y el socket se cortó."
        ),
        _ => both!(
            "A message was no JSON; the consumer raised, and the socket was cut (1006).",
            "Un mensaje no era JSON; el consumer lanzó una excepción y el socket se cortó (1006)."
        ),
    }
}
