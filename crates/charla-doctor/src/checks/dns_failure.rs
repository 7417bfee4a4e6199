//! The host's name leads nowhere.

use charla_wire::Cause;

use super::handshakes::{lines, no_handshake, was_answered};
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::DnsFailure, step: Step::Names, judge };

/// What follows from a name that is not known.
const EXPLAINS: [Cause; 2] = [Cause::ServerUnreachable, Cause::ServerDown];

fn judge(evidence: &Evidence) -> Outcome {
    if let Some(name) = &evidence.name {
        if let Some(words) = &name.error {
            let host = &name.name;
            // A resolver that is late may know the name all the same.
            let certainty = if words.contains("in time") { Certainty::Likely } else { Certainty::Certain };
            let what = both!("the system's resolver", "el servidor de nombres del sistema");
            let fact = Fact { what, quote: Some(words.clone()), at: Some(host.clone()) };
            return Outcome::Fail(
                Finding::new(
                    certainty,
                    both!("The name {host} does not resolve on this machine.", "El nombre {host} no se resuelve en esta máquina."),
                    vec![fact],
                )
                .fix(format!("getent ahosts {host}\ndig +short A {host} @1.1.1.1; dig +short AAAA {host} @1.1.1.1"))
                .explains(&EXPLAINS),
            );
        }
        let (host, count) = (&name.name, name.tried.len());
        if evidence.logs.fresh(&[Sign::NginxNoName]).is_none() {
            return Outcome::Pass(both!("{host} resolves: {count} addresses", "{host} se resuelve: {count} direcciones"));
        }
    }
    if let Some((_, seen)) = evidence.logs.fresh(&[Sign::NginxNoName]) {
        return Outcome::Fail(Finding::certain(
            both!("nginx cannot resolve the name of its upstream.", "nginx no puede resolver el nombre de su upstream."),
            lines(seen),
        ));
    }
    if let Some((_, seen)) = evidence.logs.fresh(&[Sign::BrowserNoName]) {
        // Without a network no name resolves.
        let offline = evidence.logs.fresh(&[Sign::BrowserOffline]).is_some();
        let certainty = if offline { Certainty::Possible } else { Certainty::Certain };
        return Outcome::Fail(
            Finding::new(
                certainty,
                both!("The client could not resolve the host's name.", "El cliente no pudo resolver el nombre del host."),
                lines(seen),
            )
            .explains(&EXPLAINS),
        );
    }
    if was_answered(evidence) {
        return Outcome::Pass(both!("the handshakes reached a server", "las conexiones llegaron a un servidor"));
    }
    Outcome::Skip(no_handshake())
}
