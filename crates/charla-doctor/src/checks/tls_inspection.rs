//! The certificate was made by a program or gateway that opens TLS on the way.

use charla_wire::Cause;

use super::handshakes::{browsers, no_handshake, plain};
use crate::checks::{Check, Step};
use crate::evidence::{Answer, Evidence};
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::TlsInspection, step: Step::Names, judge };

/// What such products call the authority that they make up.
const PRODUCTS: [&str; 26] = [
    "Zscaler", "Netskope", "Fortinet", "FortiGate", "Sophos", "Kaspersky", "ESET SSL Filter", "Bitdefender", "Avast", "AVG Web",
    "Palo Alto", "Blue Coat", "Cisco Umbrella", "McAfee", "Check Point", "WatchGuard", "Barracuda", "Untangle", "Norton Web",
    "Cloudflare for Teams", "Gateway CA - Cloudflare", "mitmproxy", "Charles Proxy", "PortSwigger", "FiddlerRoot", "Squid",
];

/// The product in an issuer's name.
pub(super) fn product(issuer: &str) -> Option<&'static str> {
    PRODUCTS.iter().copied().find(|product| issuer.contains(product))
}

fn judge(evidence: &Evidence) -> Outcome {
    let Some(tls) = evidence.tls.as_ref().filter(|tls| tls.chain_length > 0) else {
        return plain(evidence).map_or_else(|| Outcome::Skip(no_handshake()), Outcome::Pass);
    };
    let issuer = &tls.issuer;
    let Some(product) = product(issuer) else {
        return Outcome::Pass(both!("{issuer} signed the certificate", "el certificado lo firmó {issuer}"));
    };
    if evidence.answer().is_some_and(Answer::is_open) {
        return Outcome::Pass(both!(
            "{product} opens the traffic and lets the WebSocket through",
            "{product} abre el tráfico y deja pasar el WebSocket"
        ));
    }
    // A certificate that is refused is this alone; behind one that is trusted anything may be wrong.
    let certainty = if tls.trusted { Certainty::Possible } else { Certainty::Likely };
    let mut facts = vec![Fact::said(both!("issuer: {issuer}", "emisor: {issuer}"))];
    facts.extend(browsers(evidence));
    Outcome::Fail(
        Finding::new(
            certainty,
            both!(
                "{product} opens the TLS traffic on this network, and the WebSocket does not get through.",
                "{product} abre el tráfico TLS en esta red, y el WebSocket no pasa."
            ),
            facts,
        )
        .explains(&[Cause::TlsSelfSigned, Cause::TlsChain]),
    )
}
