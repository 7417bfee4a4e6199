//! `ws://` to a port that speaks TLS.

use charla_wire::Cause;

use super::handshakes::{browsers, lines, no_handshake, pasted, was_answered};
use crate::checks::{Check, Step};
use crate::evidence::{Answer, Evidence};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::PlainOnTlsPort, step: Step::Names, judge };

/// What servers say to plain HTTP on a TLS port: nginx, Go, Apache, Jetty.
const SAID: [&str; 4] = [
    "plain HTTP request was sent to HTTPS port",
    "Client sent an HTTP request to an HTTPS server",
    "speaking plain HTTP to an SSL-enabled server port",
    "requires TLS",
];

fn judge(evidence: &Evidence) -> Outcome {
    if let Some(target) = &evidence.target {
        if target.secure {
            let url = &target.url;
            return Outcome::Pass(both!("{url} uses TLS", "{url} usa TLS"));
        }
        let speaks = evidence.tls.as_ref().is_some_and(|tls| tls.spoke_tls);
        let tells = match evidence.answer() {
            Some(Answer::NotHttp(bytes)) => bytes.starts_with("15 03") || bytes.starts_with("16 03"),
            Some(Answer::Http { status: 400, body, .. }) => SAID.iter().any(|words| body.contains(words)),
            Some(Answer::Http { status: 497, .. }) => true,
            Some(_) | None => false,
        };
        if tells || (speaks && !evidence.answer().is_some_and(Answer::is_open)) {
            let (host, port, path) = (&target.host, target.port, &target.path);
            let mut facts = browsers(evidence);
            if speaks {
                let what = both!("a TLS handshake is answered there", "allí se responde a un saludo TLS");
                facts.push(Fact::at(what, format!("{host}:{port}")));
            }
            return Outcome::Fail(
                Finding::certain(
                    both!("ws:// is used on {host}:{port}, which speaks TLS.", "Se usa ws:// en {host}:{port}, que habla TLS."),
                    facts,
                )
                .fix(format!("new WebSocket(\"wss://{host}:{port}{path}\");"))
                .explains(&[Cause::BadRequest, Cause::ProxyClosedSilently]),
            );
        }
    }
    if evidence.hops.is_empty()
        && pasted(evidence, &[101]) == 0
        && let Some((_, seen)) = evidence.logs.fresh(&[Sign::NginxPlainOnTls])
    {
        return Outcome::Fail(
            Finding::certain(
                both!("Plain HTTP (ws://) reached a TLS port of nginx.", "A un puerto TLS de nginx llegó HTTP sin cifrar (ws://)."),
                lines(seen),
            )
            .explains(&[Cause::BadRequest]),
        );
    }
    if was_answered(evidence) {
        return Outcome::Pass(both!("the port speaks as it is spoken to", "el puerto habla como se le habla"));
    }
    Outcome::Skip(no_handshake())
}
