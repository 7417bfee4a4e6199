//! The certificate names other hosts than the one in the address.

use charla_wire::Cause;

use super::handshakes::{lines, no_handshake, plain};
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::TlsWrongHost, step: Step::Names, judge };

fn judge(evidence: &Evidence) -> Outcome {
    let Some(tls) = evidence.tls.as_ref().filter(|tls| tls.chain_length > 0) else {
        return plain(evidence).map_or_else(|| of_logs(evidence), Outcome::Pass);
    };
    let asked = &tls.asked;
    if tls.name_matches {
        return Outcome::Pass(both!("the certificate names {asked}", "el certificado nombra a {asked}"));
    }
    let names = if tls.names.is_empty() { tls.subject.clone() } else { tls.names.join(", ") };
    let mut facts = vec![Fact::said(both!("it names: {names}", "nombra a: {names}"))];
    let mut finding_fix = format!("certbot --nginx -d {asked}");
    if asked.parse::<std::net::IpAddr>().is_ok()
        && let Some(name) = tls.names.first()
    {
        facts.push(Fact::said(both!("{asked} is an address, and the certificate names hosts", "{asked} es una dirección, y el certificado nombra hosts")));
        let path = evidence.target.as_ref().map_or("/ws/", |target| target.path.as_str());
        finding_fix = format!("new WebSocket(\"wss://{name}{path}\");");
    }
    let mut finding = Finding::certain(
        both!("The certificate is not for {asked} but for {names}.", "El certificado no es para {asked}, sino para {names}."),
        facts,
    )
    .fix(finding_fix);
    if let Some(nginx) = evidence.nginx.as_ref().filter(|nginx| !nginx.server_at.is_empty()) {
        let at = &nginx.server_at;
        finding = finding.fix(format!("# the server block that answers is at {at}: give it this name and its own certificate\nserver_name {asked};"));
    }
    Outcome::Fail(finding)
}

fn of_logs(evidence: &Evidence) -> Outcome {
    match evidence.logs.fresh(&[Sign::BrowserCertName]) {
        Some((_, seen)) => Outcome::Fail(Finding::certain(
            both!("The client found another host's name in the certificate.", "El cliente encontró en el certificado el nombre de otro host."),
            lines(seen),
        )),
        None => Outcome::Skip(no_handshake()),
    }
}
