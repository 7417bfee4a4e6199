//! Something takes the connection and closes it without a byte.

use charla_wire::Cause;

use super::handshakes::{browsers, lines, no_handshake, pasted, was_answered};
use crate::checks::{Check, Step};
use crate::evidence::{Answer, Evidence, Hop};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ProxyClosedSilently, step: Step::Proxy, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if let Some(answer) = evidence.answer() {
        let Answer::HungUp { reset } = answer else {
            return Outcome::Pass(both!("the handshake gets an answer", "la conexión recibe una respuesta"));
        };
        return Outcome::Fail(unintroduced(evidence).unwrap_or_else(|| live(evidence, *reset)));
    }
    if let Some(finding) = unintroduced(evidence) {
        return Outcome::Fail(finding);
    }
    let silent = pasted(evidence, &[444]);
    if silent > 0 {
        let at = evidence.logs.attempts.counted_in.clone();
        return Outcome::Fail(Finding::certain(
            both!("nginx closes handshakes without an answer: status 444.", "nginx cierra conexiones sin responder: estado 444."),
            vec![Fact::at(both!("handshakes with status 444: {silent}", "conexiones con estado 444: {silent}"), at)],
        ));
    }
    if let Some((_, seen)) = evidence.logs.fresh(&[Sign::BrowserNoAnswer]) {
        // curl says the same of a connection that opened and was cut before its first frame.
        let certainty = if pasted(evidence, &[101]) > 0 { Certainty::Possible } else { Certainty::Likely };
        return Outcome::Fail(Finding::new(
            certainty,
            both!("The connection was closed before the handshake got an answer.", "La conexión se cerró antes de que la apertura recibiera respuesta."),
            lines(seen),
        ));
    }
    if let Some((_, seen)) = evidence.logs.fresh(&[Sign::BrowserReset]) {
        return Outcome::Fail(Finding::possible(
            both!("The connection was reset during the handshake.", "La conexión se cortó durante la apertura."),
            lines(seen),
        ));
    }
    if was_answered(evidence) {
        return Outcome::Pass(both!("handshakes get an answer", "las conexiones reciben respuesta"));
    }
    Outcome::Skip(no_handshake())
}

/// A Charla server that demands a PROXY header of whoever asked, and got none: its own log says so.
fn unintroduced(evidence: &Evidence) -> Option<Finding> {
    let (_, seen) = evidence.logs.fresh(&[Sign::ProxyHeaderMissing])?;
    let mut facts = browsers(evidence);
    facts.extend(lines(seen));
    let sentence = both!(
        "The server demands a PROXY header of this address (`server.proxy_protocol`), and the connection did not begin with one.",
        "El servidor exige a esta dirección una cabecera PROXY (`server.proxy_protocol`), y la conexión no empezó con ella."
    );
    Some(
        Finding::certain(sentence, facts)
            .fix("# clients come through the proxy: ask it, by their address\ncharla doctor wss://chat.example.org/ws/chat/5/")
            .fix("# the proxy has to send the header\nproxy_protocol on;                    # nginx, in its stream block\nserver charla 10.0.0.5:9001 send-proxy  # HAProxy")
            .fix("# or no proxy in server.trusted_proxies sends one: charla.toml\n[server]\nproxy_protocol = false"),
    )
}

fn live(evidence: &Evidence, reset: bool) -> Finding {
    let mut facts = browsers(evidence);
    let silent = evidence.nginx.as_ref().and_then(|nginx| nginx.location.as_ref()).and_then(|location| location.returns.as_ref());
    let silent = silent.filter(|returns| returns.args.first().is_some_and(|status| status == "444"));
    if let Some(returns) = silent {
        let at = returns.at.clone();
        facts.push(Fact { what: both!("nginx", "nginx"), quote: Some("return 444;".into()), at: Some(at.clone()) });
        let host = evidence.target.as_ref().map_or("", |target| target.host.as_str());
        return Finding::certain(
                both!(
                    "nginx closes the connection without an answer: `return 444` at {at} serves this host and path.",
                    "nginx cierra la conexión sin responder: `return 444` en {at} atiende este host y esta ruta."
                ),
                facts,
            )
            .fix(format!("# name the host in the server block that has the WebSocket's location\nserver_name {host};"));
    }
    // The server itself hangs up: out of descriptors or worker connections, or no HTTP at all; others know that better.
    let inner = evidence.hops.iter().skip(1).filter_map(Hop::browser);
    let answers = inner.filter(|answer| answer.status().is_some()).count() > 0;
    let full = [Sign::NginxWorkerConnections, Sign::NginxTooManyFiles, Sign::TooManyFiles];
    let certainty = match (answers, reset) {
        _ if evidence.logs.fresh(&full).is_some() || out_of_descriptors(evidence) => Certainty::Possible,
        (true, false) => Certainty::Certain,
        (true, true) | (false, false) => Certainty::Likely,
        (false, true) => Certainty::Possible,
    };
    Finding::new(
        certainty,
        if answers {
            both!(
                "Something in front of the server closes the connection without a byte: behind it the handshake is answered.",
                "Algo delante del servidor cierra la conexión sin un byte: detrás de ello la conexión recibe respuesta."
            )
        } else {
            both!("The connection is taken and closed without a byte.", "La conexión se acepta y se cierra sin un byte.")
        },
        facts,
    )
}

/// A server that can open no more descriptors accepts and hangs up.
fn out_of_descriptors(evidence: &Evidence) -> bool {
    let process = evidence.server.as_ref().and_then(|server| server.process.as_ref());
    let counts = process.and_then(|process| Some((process.descriptors?, process.descriptor_limit?)));
    counts.is_some_and(|(open, limit)| open.saturating_add(8) >= limit)
}
