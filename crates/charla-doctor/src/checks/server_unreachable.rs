//! No packet comes back from the given address: nothing behind it can be judged.

use charla_wire::Cause;

use super::handshakes::{browsers, lines_with, no_handshake, was_answered};
use crate::checks::{Check, Step};
use crate::evidence::{Answer, Evidence};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ServerUnreachable, step: Step::Names, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if let Some(name) = evidence.name.as_ref().filter(|name| name.error.is_some()) {
        let host = &name.name;
        return Outcome::Pass(both!("{host} does not even resolve", "{host} ni siquiera se resuelve"));
    }
    let unreached = match evidence.answer() {
        Some(Answer::NoConnection) => true,
        Some(Answer::Unreachable(words)) => !words.contains("No such file") && !words.contains("Permission denied"),
        Some(_) => return Outcome::Pass(both!("the address can be reached", "se puede llegar a la dirección")),
        None => false,
    };
    if unreached {
        let mut facts = browsers(evidence);
        let tried = evidence.name.iter().flat_map(|name| &name.tried);
        facts.extend(tried.map(|one| {
            let (reached, ms) = (one.reached, one.ms);
            Fact::at(both!("TCP: {reached:?} after {ms} ms", "TCP: {reached:?} a los {ms} ms"), one.address.clone())
        }));
        let (host, port) = evidence.target.as_ref().map_or(("", 0), |target| (target.host.as_str(), target.port));
        return Outcome::Fail(
            Finding::likely(
                both!(
                    "No connection to {host}:{port} comes about from here: a firewall, a host that is off, or the network between.",
                    "Desde aquí no se llega a conectar con {host}:{port}: un cortafuegos, un host apagado o la red de en medio."
                ),
                facts,
            )
            .fix(format!("# does the port answer at all, and where do packets end?\nnc -vz -w 3 {host} {port}\ntraceroute -T -p {port} {host}")),
        );
    }
    let words = ["ERR_CONNECTION_TIMED_OUT", "ERR_TIMED_OUT", "ERR_ADDRESS_UNREACHABLE"];
    let said = lines_with(evidence, Sign::BrowserTimedOut, &words);
    if !said.is_empty() {
        return Outcome::Fail(Finding::likely(
            both!("The client got no TCP connection to the server.", "El cliente no consiguió conexión TCP con el servidor."),
            said,
        ));
    }
    if was_answered(evidence) {
        return Outcome::Pass(both!("the handshakes reached a server", "las conexiones llegaron a un servidor"));
    }
    Outcome::Skip(no_handshake())
}
