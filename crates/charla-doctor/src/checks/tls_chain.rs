//! The server sends its certificate without the intermediate one that leads to a trusted authority.

use charla_wire::Cause;

use super::handshakes::{lines_with, no_handshake, plain};
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::TlsChain, step: Step::Names, judge };

/// Issuers whose roots have another organisation in their name.
const PUBLIC: [&str; 4] = ["O=Let's Encrypt", "O=ZeroSSL", "O=cPanel", "O=Gandi"];

fn judge(evidence: &Evidence) -> Outcome {
    let Some(tls) = evidence.tls.as_ref().filter(|tls| tls.chain_length > 0) else {
        return plain(evidence).map_or_else(|| of_logs(evidence), Outcome::Pass);
    };
    if tls.trusted || tls.self_signed || tls.ends_in_root {
        let length = tls.chain_length;
        return Outcome::Pass(both!("nothing is missing in the chain of {length}", "en la cadena de {length} no falta nada"));
    }
    let known = tls.issuer_known || PUBLIC.iter().any(|name| tls.issuer.contains(name));
    let certainty = match (known, tls.chain_length, &tls.issuer_url) {
        (true, 1, _) => Certainty::Certain,
        (true, _, _) | (false, _, Some(_)) => Certainty::Likely,
        (false, _, None) => Certainty::Possible,
    };
    let (asked, issuer, length) = (&tls.asked, &tls.issuer, tls.chain_length);
    let mut facts = vec![
        Fact::said(both!("certificates sent: {length}", "certificados enviados: {length}")),
        Fact::said(both!("issuer of the first: {issuer}", "emisor del primero: {issuer}")),
    ];
    if let Some(url) = &tls.issuer_url {
        facts.push(Fact::at(both!("the missing one can be had at", "el que falta se consigue en"), url.clone()));
    }
    Outcome::Fail(Finding::new(
        certainty,
        both!(
            "{asked} does not send the certificate of {issuer}, which links its own to a trusted authority.",
            "{asked} no envía el certificado de {issuer}, que une el suyo con una autoridad de confianza."
        ),
        facts,
    ))
}

fn of_logs(evidence: &Evidence) -> Outcome {
    let node = lines_with(evidence, Sign::BrowserAuthority, &["unable to verify the first certificate"]);
    if !node.is_empty() {
        return Outcome::Fail(Finding::likely(
            both!(
                "The client could not link the server's certificate to a trusted authority: the intermediate one is missing.",
                "El cliente no pudo unir el certificado del servidor con una autoridad de confianza: falta el intermedio."
            ),
            node,
        ));
    }
    let other = lines_with(evidence, Sign::BrowserAuthority, &["unable to get local issuer certificate"]);
    if !other.is_empty() {
        return Outcome::Fail(Finding::possible(
            both!("The client does not know who signed the server's certificate.", "El cliente no conoce a quien firmó el certificado del servidor."),
            other,
        ));
    }
    Outcome::Skip(no_handshake())
}
