//! A listener speaks HTTP/2 where the handshake needs HTTP/1.1.
//!
//! nginx has no WebSockets over HTTP/2 (RFC 8441): beside TLS, browsers open a second connection for HTTP/1.1. What fails is
//! `http2` on a listener without TLS, which before 1.25.1 speaks nothing else, and a hop that chooses `h2` for everybody.

use charla_wire::Cause;

use crate::checks::{Check, Step, proxied};
use crate::evidence::{Answer, Evidence};
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ProxyHttp2, step: Step::Proxy, judge };

/// Since then a listener without TLS tells the two apart (nginx' CHANGES).
const TELLS_APART_SINCE: [u32; 3] = [1, 25, 1];

fn judge(evidence: &Evidence) -> Outcome {
    let location = proxied::location(evidence);
    let front = proxied::front(evidence);
    let h2 = evidence.tls.as_ref().is_some_and(|tls| tls.alpn.as_deref() == Some("h2"));
    let foreign = matches!(front, Some(Answer::NotHttp(_) | Answer::HungUp { .. }));
    let only = location.is_some_and(|(nginx, location)| location.http2 && !location.tls && nginx.version.as_deref().is_some_and(is_older));
    if let (true, true, Some((nginx, location))) = (foreign, only, location) {
        let mut facts = vec![Fact::at(both!("this listener has `http2` and no `ssl`: it speaks HTTP/2 only", "este listener tiene `http2` y no `ssl`: solo habla HTTP/2"), nginx.server_at.clone())];
        facts.extend(proxied::answers(evidence));
        let certainty = if matches!(front, Some(Answer::NotHttp(_))) { proxied::certainty(nginx, location) } else { Certainty::Likely };
        let finding = Finding::new(certainty, both!("nginx' listener speaks HTTP/2 only, and a WebSocket's handshake is HTTP/1.1.", "El listener de nginx solo habla HTTP/2, y la conexión de un WebSocket es HTTP/1.1."), facts);
        let at = &nginx.server_at;
        return Outcome::Fail(finding.explains(&[Cause::ProxyClosedSilently, Cause::TlsOnPlainPort]).fix(format!("# {at}: without http2\nlisten 80;")).fix("nginx -t && systemctl reload nginx"));
    }
    if h2 && foreign {
        return Outcome::Fail(Finding::likely(both!("The address chooses HTTP/2 even for a WebSocket's handshake.", "La dirección elige HTTP/2 incluso para la conexión de un WebSocket."), proxied::answers(evidence)));
    }
    match front {
        Some(Answer::Untried) | None => Outcome::Skip(both!("no handshake was tried", "no se probó ninguna conexión")),
        Some(Answer::Upgraded { .. } | Answer::Http { .. }) => Outcome::Pass(both!("the address answers in HTTP/1.1", "la dirección responde en HTTP/1.1")),
        Some(_) => Outcome::Pass(both!("nothing speaks HTTP/2 there", "allí nada habla HTTP/2")),
    }
}

fn is_older(version: &str) -> bool {
    let numbers: Vec<u32> = version.split('.').map(|part| part.parse().unwrap_or(0)).collect();
    numbers.as_slice() < TELLS_APART_SINCE.as_slice()
}
