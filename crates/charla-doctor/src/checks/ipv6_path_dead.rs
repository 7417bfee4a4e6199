//! The name has an IPv6 address behind which nobody answers, while IPv4 works.

use charla_wire::Cause;

use crate::checks::{Check, Step};
use crate::evidence::{Evidence, Reached, Tried};
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::Ipv6PathDead, step: Step::Names, judge };

fn judge(evidence: &Evidence) -> Outcome {
    let Some(name) = evidence.name.as_ref().filter(|name| !name.tried.is_empty()) else {
        return Outcome::Skip(both!("no name was looked up", "no se buscó ningún nombre"));
    };
    // On loopback `::1` is refused on many a healthy machine, and nobody waits for it.
    let far = |tried: &&Tried| tried.address.starts_with('[') && !tried.address.starts_with("[::1]");
    let sixth: Vec<&Tried> = name.tried.iter().filter(far).collect();
    let fourth = name.tried.iter().find(|tried| !tried.address.starts_with('[') && tried.reached == Reached::Connected);
    let dead = sixth.iter().find_map(|tried| match tried.reached {
        Reached::TimedOut => Some((*tried, Certainty::Likely)),
        Reached::Refused => Some((*tried, Certainty::Certain)),
        // This machine's own lack of IPv6 says nothing of the server.
        Reached::Connected | Reached::Unreachable | Reached::NoSocket | Reached::Forbidden => None,
    });
    let alive = sixth.iter().any(|tried| tried.reached == Reached::Connected);
    let (Some((dead, certainty)), Some(fourth), false) = (dead, fourth, alive) else {
        return Outcome::Pass(if sixth.is_empty() {
            both!("the name has no IPv6 address that could mislead", "el nombre no tiene ninguna dirección IPv6 que pueda engañar")
        } else {
            both!("IPv6 is no worse than IPv4", "IPv6 no va peor que IPv4")
        });
    };
    let (host, address, ms) = (&name.name, &dead.address, dead.ms);
    let said = if dead.reached == Reached::Refused { "ECONNREFUSED" } else { "no connection in time" };
    let facts = vec![
        Fact { what: both!("IPv6, after {ms} ms", "IPv6, a los {ms} ms"), quote: Some(said.into()), at: Some(address.clone()) },
        Fact { what: both!("IPv4", "IPv4"), quote: Some("connected".into()), at: Some(fourth.address.clone()) },
    ];
    Outcome::Warn(Finding::new(
        certainty,
        both!(
            "{host} has the IPv6 address {address}, which does not answer: clients with IPv6 lose time or fail.",
            "{host} tiene la dirección IPv6 {address}, que no responde: los clientes con IPv6 pierden tiempo o fallan."
        ),
        facts,
    ))
}
