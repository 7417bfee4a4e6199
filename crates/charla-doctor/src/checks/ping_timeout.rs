//! A server's ping was not answered in time.

use charla_wire::Cause;

use crate::checks::handshakes::lines;
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, SourceKind};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::PingTimeout, step: Step::Logs, judge };

fn judge(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    if let Some((_, seen)) = logs.fresh(&[Sign::PingTimeout]) {
        let count = seen.count;
        let mut facts = lines(seen);
        let herd = logs.lifetimes.most_ends_in_a_second;
        if herd >= 10 {
            facts.push(Fact::said(both!(
                "{herd} connections ended in one second: the server itself was too busy to read the answers",
                "{herd} conexiones terminaron en un segundo: el propio servidor estaba demasiado ocupado para leer las respuestas"
            )));
        }
        return Outcome::Fail(Finding::certain(
            both!(
                "The server closed with 1011 because its pings were not answered in time ({count} lines): the other side slept, lost its network, or does not answer pings.",
                "El servidor cerró con 1011 porque sus pings no tuvieron respuesta a tiempo ({count} líneas): el otro lado dormía, perdió la red o no contesta a los pings."
            ),
            facts,
        ));
    }
    let tellers = [SourceKind::Uvicorn, SourceKind::Daphne, SourceKind::Console, SourceKind::Client, SourceKind::Charla];
    if tellers.iter().any(|kind| logs.has(*kind)) {
        return Outcome::Pass(both!("no log tells of an unanswered ping", "ningún registro habla de un ping sin respuesta"));
    }
    Outcome::Skip(both!("no log of the server or a client was read", "no se leyó ningún registro del servidor ni de un cliente"))
}
