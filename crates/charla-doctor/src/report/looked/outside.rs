//! What was seen from the network: names, certificates, handshakes, the proxy in between.

use super::{Mark, Row};
use crate::checks::Step;
use crate::evidence::{After, Answer, Evidence, HopKind, Reached, Shape};
use crate::text::{Text, both};

pub(super) fn handshakes(evidence: &Evidence, rows: &mut Vec<Row>) {
    for hop in &evidence.hops {
        for tried in &hop.tried {
            let shape = shape(tried.shape);
            let (answer, good) = answer(&tried.answer);
            let (at, ms) = (&hop.at, tried.ms);
            let place = match hop.kind {
                HopKind::Given => both!("the address given, {at}", "la dirección dada, {at}"),
                HopKind::Proxy => both!("the proxy, {at}", "el proxy, {at}"),
                HopKind::Server => both!("the server itself, {at}", "el propio servidor, {at}"),
            };
            // Other shapes than the browser's are experiments: no answer of theirs is a fault.
            let mark = if good || tried.shape != Shape::Browser {
                Mark::Good
            } else {
                Mark::Fault
            };
            rows.push((
                Step::Handshake,
                mark,
                Text {
                    en: format!("{}{}: {} ({ms} ms)", place.en, shape.en, answer.en),
                    es: format!("{}{}: {} ({ms} ms)", place.es, shape.es, answer.es),
                },
            ));
        }
    }
    conduct(evidence, rows);
}

/// How the open connection behaved.
fn conduct(evidence: &Evidence, rows: &mut Vec<Row>) {
    let Some(conduct) = &evidence.conduct else { return };
    if conduct.pinged {
        rows.push(match conduct.ping_ms {
            Some(ms) => (
                Step::Handshake,
                Mark::Good,
                both!(
                    "a ping was answered in {ms} ms",
                    "un ping recibió respuesta en {ms} ms"
                ),
            ),
            None => (
                Step::Handshake,
                Mark::Warning,
                both!("a ping was not answered", "un ping no recibió respuesta"),
            ),
        });
    }
    if let Some(wanted) = conduct.idle_wanted_ms {
        let seconds = wanted / 1_000;
        rows.push(match &conduct.idle_end {
            None => (
                Step::Handshake,
                Mark::Good,
                both!(
                    "survived {seconds} s of silence",
                    "sobrevivió a {seconds} s de silencio"
                ),
            ),
            Some(end) => {
                let end = after(end);
                (
                    Step::Handshake,
                    Mark::Fault,
                    Text {
                        en: format!("in silence: {}", end.en),
                        es: format!("en silencio: {}", end.es),
                    },
                )
            }
        });
    }
    if let Some(bytes) = conduct.sent_bytes {
        rows.push(match &conduct.sent_end {
            None => (
                Step::Handshake,
                Mark::Good,
                both!(
                    "a message of {bytes} bytes left it open",
                    "un mensaje de {bytes} bytes la dejó abierta"
                ),
            ),
            Some(end) => (Step::Handshake, Mark::Fault, {
                let end = after(end);
                both!(
                    "a message of {bytes} bytes: {end}",
                    "un mensaje de {bytes} bytes: {end}",
                    end
                )
            }),
        });
    }
}

fn shape(shape: Shape) -> Text {
    match shape {
        Shape::Browser => Text::default(),
        Shape::NoOrigin => both!(", without Origin", ", sin Origin"),
        Shape::OwnOrigin => both!(
            ", with its own host as Origin",
            ", con su propio host como Origin"
        ),
        Shape::NoToken => both!(", without a token", ", sin token"),
        Shape::BadToken => both!(", with a wrong token", ", con un token falso"),
        Shape::OtherSlash => both!(", with the other slash", ", con la otra barra final"),
        Shape::NoProtocol => both!(", without sub-protocol", ", sin subprotocolo"),
        Shape::Plain => both!(", as plain HTTP", ", como HTTP normal"),
    }
}

fn answer(answer: &Answer) -> (Text, bool) {
    let text = match answer {
        Answer::Upgraded { after: end, .. } => {
            let open = matches!(end, After::Open { .. });
            let end = after(end);
            return (
                Text {
                    en: format!("101, {}", end.en),
                    es: format!("101, {}", end.es),
                },
                open,
            );
        }
        Answer::Http {
            status,
            reason,
            location: Some(to),
            ..
        } => Text::same(format!("{status} {reason} -> {to}")),
        Answer::Http { status, reason, .. } => Text::same(format!("{status} {reason}")),
        Answer::Refused => both!("connection refused", "conexión rechazada"),
        Answer::Unreachable(said) => Text::same(said.clone()),
        Answer::Silent => both!(
            "connected, and no answer in time",
            "conectado, y sin respuesta a tiempo"
        ),
        Answer::NoConnection => both!("no connection in time", "sin conexión a tiempo"),
        Answer::HungUp { .. } => both!("hung up without a byte", "colgó sin enviar un byte"),
        Answer::NotHttp(bytes) => both!("not HTTP: {bytes}", "no es HTTP: {bytes}"),
        Answer::Tls(said) => Text::same(format!("TLS: {said}")),
        Answer::Untried => both!("not tried", "no se probó"),
    };
    (text, false)
}

fn after(end: &After) -> Text {
    match end {
        After::Open { .. } => both!("stays open", "se mantiene abierta"),
        After::Closed { code, reason, ms } => both!(
            "closed after {ms} ms with {code} \"{reason}\"",
            "cerrada a los {ms} ms con {code} \"{reason}\""
        ),
        After::Cut { ms, .. } => both!(
            "cut after {ms} ms without a close frame (1006)",
            "cortada a los {ms} ms sin trama de cierre (1006)"
        ),
    }
}

pub(super) fn nginx(evidence: &Evidence, rows: &mut Vec<Row>) {
    let Some(nginx) = &evidence.nginx else { return };
    let from = &nginx.from;
    let version = nginx.version.as_deref().unwrap_or("?");
    rows.push((
        Step::Proxy,
        Mark::Good,
        both!(
            "nginx {version}, configuration from {from}",
            "nginx {version}, configuración de {from}"
        ),
    ));
    if let Some(location) = &nginx.location {
        let (pattern, at) = (&location.pattern, &location.at);
        let to = match location.upstreams.as_slice() {
            [] => Text::same("-"),
            upstreams => Text::same(upstreams.join(", ")),
        };
        let to = to.en;
        rows.push((
            Step::Proxy,
            Mark::Good,
            both!(
                "{pattern} ({at}) serves the path, upstream {to}",
                "{pattern} ({at}) sirve la ruta, upstream {to}"
            ),
        ));
        let seconds = location.read_timeout_s;
        let http = &location.http_version;
        rows.push((
            Step::Proxy,
            Mark::Good,
            both!(
                "HTTP/{http} upstream, cuts after {seconds} s of silence",
                "HTTP/{http} hacia el upstream, corta tras {seconds} s de silencio"
            ),
        ));
    }
    for error in &nginx.errors {
        rows.push((Step::Proxy, Mark::Warning, Text::same(error.clone())));
    }
}

pub(super) fn names(evidence: &Evidence, rows: &mut Vec<Row>) {
    if let Some(name) = &evidence.name {
        let host = &name.name;
        if let Some(error) = &name.error {
            rows.push((Step::Names, Mark::Fault, Text::same(format!("{host}: {error}"))));
        }
        for tried in &name.tried {
            let (address, ms) = (&tried.address, tried.ms);
            let (mark, how) = match tried.reached {
                Reached::Connected => (Mark::Good, both!("reached", "alcanzado")),
                Reached::Refused => (Mark::Fault, both!("refused", "rechazado")),
                Reached::TimedOut => (Mark::Fault, both!("no answer in time", "sin respuesta a tiempo")),
                Reached::Unreachable => (Mark::Fault, both!("unreachable", "inalcanzable")),
                Reached::NoSocket => (Mark::Fault, both!("no such socket", "no existe el socket")),
                Reached::Forbidden => (Mark::Fault, both!("not allowed", "sin permiso")),
            };
            rows.push((
                Step::Names,
                mark,
                Text {
                    en: format!("{address}: {} ({ms} ms)", how.en),
                    es: format!("{address}: {} ({ms} ms)", how.es),
                },
            ));
        }
    }
    let Some(tls) = &evidence.tls else { return };
    let (subject, issuer) = (&tls.subject, &tls.issuer);
    match (&tls.error, tls.spoke_tls) {
        (_, false) => rows.push((
            Step::Names,
            Mark::Fault,
            both!("the peer speaks no TLS", "el otro extremo no habla TLS"),
        )),
        (Some(error), true) => rows.push((
            Step::Names,
            Mark::Fault,
            Text::same(format!("TLS: {subject}: {error}")),
        )),
        (None, true) => rows.push((
            Step::Names,
            Mark::Good,
            both!(
                "certificate of {subject}, by {issuer}",
                "certificado de {subject}, emitido por {issuer}"
            ),
        )),
    }
}
