//! The certificate was signed by nobody whom this machine believes: by itself, or by an authority of one's own.

use charla_wire::Cause;

use super::handshakes::{lines, lines_with, no_handshake, plain};
use super::tls_inspection;
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, TlsSeen};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::TlsSelfSigned, step: Step::Names, judge };

fn judge(evidence: &Evidence) -> Outcome {
    let Some(tls) = evidence.tls.as_ref().filter(|tls| tls.chain_length > 0) else {
        return plain(evidence).map_or_else(|| of_logs(evidence), Outcome::Pass);
    };
    if tls.trusted {
        let issuer = &tls.issuer;
        return Outcome::Pass(both!("this machine trusts {issuer}", "esta máquina confía en {issuer}"));
    }
    if tls_inspection::product(&tls.issuer).is_some() {
        return Outcome::Pass(both!("something on the way signed it", "lo firmó algo en el camino"));
    }
    if tls.self_signed || tls.ends_in_root {
        return Outcome::Fail(found(tls));
    }
    if tls.issuer_known || tls.issuer_url.is_some() {
        return Outcome::Pass(both!("a public authority signed it", "lo firmó una autoridad pública"));
    }
    // With nothing else in the chain it may as well be an intermediate that is missing.
    Outcome::Fail(found(tls))
}

fn found(tls: &TlsSeen) -> Finding {
    let (subject, issuer, asked) = (&tls.subject, &tls.issuer, &tls.asked);
    let facts = vec![
        Fact::said(both!("subject: {subject}", "sujeto: {subject}")),
        Fact::said(both!("issuer: {issuer}", "emisor: {issuer}")),
    ];
    let (certainty, sentence) = if tls.self_signed {
        let sentence = both!(
            "The certificate of {asked} signed itself, so no browser accepts it.",
            "El certificado de {asked} se firmó a sí mismo, así que ningún navegador lo acepta."
        );
        (Certainty::Certain, sentence)
    } else {
        let sentence = both!(
            "The certificate of {asked} was signed by {issuer}, whom neither browsers nor this machine trust.",
            "El certificado de {asked} lo firmó {issuer}, en quien no confían ni los navegadores ni esta máquina."
        );
        (Certainty::Likely, sentence)
    };
    Finding::new(certainty, sentence, facts)
        .fix(format!("certbot --nginx -d {asked}"))
        .fix("# with an authority of your own: give it to the devices, and to the doctor\ncharla doctor --ca-file /path/to/authority.pem ...")
        .explains(&[Cause::TlsExpired, Cause::TlsWrongHost, Cause::TlsChain])
}

fn of_logs(evidence: &Evidence) -> Outcome {
    let Some((_, seen)) = evidence.logs.fresh(&[Sign::BrowserAuthority]) else {
        return Outcome::Skip(no_handshake());
    };
    let own = lines_with(evidence, Sign::BrowserAuthority, &["self-signed certificate", "self signed certificate"]);
    let chain = lines_with(evidence, Sign::BrowserAuthority, &["first certificate", "local issuer"]);
    let certainty = match (own.is_empty(), chain.is_empty()) {
        (false, _) => Certainty::Certain,
        (true, true) => Certainty::Likely,
        (true, false) => Certainty::Possible,
    };
    let finding = Finding::new(
        certainty,
        both!("The client does not trust whoever signed the certificate.", "El cliente no confía en quien firmó el certificado."),
        lines(seen),
    );
    Outcome::Fail(if certainty == Certainty::Certain { finding.explains(&[Cause::TlsChain]) } else { finding })
}
