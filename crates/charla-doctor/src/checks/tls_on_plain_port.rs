//! `wss://` to a port that speaks plain HTTP.

use charla_wire::Cause;

use super::handshakes::{lines, lines_with, no_handshake, pasted, plain};
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::TlsOnPlainPort, step: Step::Names, judge };

fn judge(evidence: &Evidence) -> Outcome {
    let secure = evidence.target.as_ref().filter(|target| target.secure);
    if let (Some(tls), Some(target)) = (&evidence.tls, secure) {
        let (host, port, path) = (&target.host, target.port, &target.path);
        let Some(instead) = &tls.instead else {
            return if tls.spoke_tls {
                Outcome::Pass(both!("{host}:{port} speaks TLS", "{host}:{port} habla TLS"))
            } else {
                Outcome::Skip(both!("{host}:{port} answered nothing to TLS", "{host}:{port} no respondió nada a TLS"))
            };
        };
        let what = both!("instead of TLS the port answers", "en vez de TLS el puerto responde");
        let mut facts = vec![Fact { what, quote: Some(instead.clone()), at: Some(format!("{host}:{port}")) }];
        facts.extend(evidence.logs.fresh(&[Sign::InvalidHttp]).into_iter().flat_map(|(_, seen)| lines(seen)));
        return Outcome::Fail(
            Finding::certain(
                both!(
                    "wss:// is used on {host}:{port}, which speaks plain HTTP.",
                    "Se usa wss:// en {host}:{port}, que habla HTTP sin cifrar."
                ),
                facts,
            )
            .fix(format!("// without TLS on that port\nnew WebSocket(\"ws://{host}:{port}{path}\");"))
            .fix("# or wss:// on the port where the proxy speaks TLS: which ports do?\nnginx -T 2>/dev/null | grep -nE 'listen .*ssl|server_name'")
            .explains(&[Cause::BadRequest]),
        );
    }
    if let Some(why) = plain(evidence) {
        return Outcome::Pass(why);
    }
    if let Some((_, seen)) = evidence.logs.fresh(&[Sign::BrowserNoTls]) {
        let openssl = !lines_with(evidence, Sign::BrowserNoTls, &["wrong version number"]).is_empty();
        let server = evidence.logs.fresh(&[Sign::InvalidHttp]);
        // The browser's word alone would also fit versions or ciphers that do not agree.
        let certain = openssl || server.is_some();
        let certainty = if certain { Certainty::Certain } else { Certainty::Likely };
        let mut facts = lines(seen);
        facts.extend(server.into_iter().flat_map(|(_, seen)| lines(seen)));
        return Outcome::Fail(Finding::new(
            certainty,
            both!(
                "The client spoke TLS (wss://) to a port that answers in plain HTTP.",
                "El cliente habló TLS (wss://) con un puerto que responde en HTTP sin cifrar."
            ),
            facts,
        ).explains(&[Cause::BadRequest]));
    }
    if pasted(evidence, &[101]) > 0 {
        return Outcome::Pass(both!("handshakes went through", "hubo conexiones que se abrieron"));
    }
    match evidence.logs.fresh(&[Sign::InvalidHttp]) {
        Some((_, seen)) if evidence.hops.is_empty() => Outcome::Fail(Finding::possible(
            both!(
                "Bytes that are no HTTP reached the server: wss:// on a plain port sends them, and so do port scanners.",
                "Al servidor llegaron bytes que no son HTTP: los envía un wss:// a un puerto sin cifrar, y también quien escanea puertos."
            ),
            lines(seen),
        )),
        Some(_) | None => Outcome::Skip(no_handshake()),
    }
}
