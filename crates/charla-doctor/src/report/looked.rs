//! Everything that was looked at, as lines under the guide's steps: what was seen, and whether it is as it should be.

use charla_wire::Lang;

use super::Report;
use crate::checks::Step;
use crate::evidence::{
    After, Answer, Evidence, HopKind, KeyCheck, Lookup, Membership, Reached, RedisAnswer, Shape, TokenForm,
};
use crate::text::{Text, both};
use crate::verdict::Outcome;

/// Whether what was seen is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// As it should be.
    Good,
    /// Will hurt.
    Warning,
    /// Wrong.
    Fault,
    /// Not looked at.
    Skipped,
}

impl Mark {
    /// As programs read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Fault => "fault",
            Self::Skipped => "skipped",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How it is.
    pub mark: Mark,
    /// What it is, in the report's language.
    pub text: String,
}

/// A line under a chapter, before its language is chosen.
type Row = (Step, Mark, Text);

pub(super) fn chapters(report: &Report) -> Vec<(Step, Vec<Line>)> {
    let mut rows = Vec::new();
    let evidence = &report.evidence;
    server(evidence, &mut rows);
    redis(evidence, &mut rows);
    logs(evidence, report.lang, &mut rows);
    handshakes(evidence, &mut rows);
    nginx(evidence, &mut rows);
    access(evidence, &mut rows);
    names(evidence, &mut rows);
    judged(report, &mut rows);
    let chapter = |step: Step| {
        let lines = rows
            .iter()
            .filter(|(of, ..)| *of == step)
            .map(|(_, mark, text)| Line {
                mark: *mark,
                text: text.lang(report.lang).to_owned(),
            });
        (step, lines.collect::<Vec<_>>())
    };
    Step::ALL
        .into_iter()
        .map(chapter)
        .filter(|(_, lines)| !lines.is_empty())
        .collect()
}

/// What the checks found, beside what was seen.
fn judged(report: &Report, rows: &mut Vec<Row>) {
    for row in &report.verdict.judged {
        let id = row.cause.id();
        let (mark, finding) = match &row.outcome {
            Outcome::Fail(finding) => (Mark::Fault, finding),
            Outcome::Warn(finding) => (Mark::Warning, finding),
            Outcome::Crashed(said) => {
                rows.push((
                    row.step,
                    Mark::Warning,
                    both!(
                        "the check `{id}` fell over: {said}",
                        "la comprobación `{id}` falló: {said}"
                    ),
                ));
                continue;
            }
            Outcome::Pass(_) | Outcome::Skip(_) => continue,
        };
        let Text { en, es } = &finding.sentence;
        rows.push((row.step, mark, both!("{id}: {en}", "{id}: {es}")));
    }
}

fn server(evidence: &Evidence, rows: &mut Vec<Row>) {
    let Some(server) = &evidence.server else { return };
    for listener in &server.listeners {
        let (address, command) = (&listener.address, &listener.command);
        let pid = listener.pid.map_or_else(|| "?".to_owned(), |pid| pid.to_string());
        rows.push((
            Step::Server,
            Mark::Good,
            both!(
                "pid {pid} listens on {address}: {command}",
                "el pid {pid} escucha en {address}: {command}"
            ),
        ));
    }
    if let (true, Some(port)) = (server.listeners.is_empty(), server.expected_port) {
        let from = &server.expected_from;
        rows.push((
            Step::Server,
            Mark::Fault,
            both!(
                "nobody listens on port {port} ({from})",
                "nadie escucha en el puerto {port} ({from})"
            ),
        ));
    }
    // Where the port is served, other servers of the machine are of no interest.
    let elsewhere = server.elsewhere.iter().filter(|_| server.listeners.is_empty());
    for listener in elsewhere {
        let (address, command) = (&listener.address, &listener.command);
        rows.push((
            Step::Server,
            Mark::Good,
            both!(
                "elsewhere: {address}: {command}",
                "en otro sitio: {address}: {command}"
            ),
        ));
    }
    if let Some(process) = &server.process {
        let state = &process.state;
        let mark = if state == "T" || state == "Z" {
            Mark::Fault
        } else {
            Mark::Good
        };
        let age = process
            .age_s
            .map_or_else(|| "?".into(), |age| format!("{age:.0} s"));
        let open = process
            .descriptors
            .map_or_else(|| "?".into(), |open| open.to_string());
        let limit = process
            .descriptor_limit
            .map_or_else(|| "?".into(), |limit| limit.to_string());
        let peers = process
            .connections
            .map_or_else(|| "?".into(), |peers| peers.to_string());
        rows.push((Step::Server, mark, both!(
            "state {state}, running for {age}, {open} of {limit} descriptors, {peers} connections",
            "estado {state}, en marcha desde hace {age}, {open} de {limit} descriptores, {peers} conexiones",
        )));
    }
    if let Some(unit) = &server.unit {
        let mark = if unit.active == "active" {
            Mark::Good
        } else {
            Mark::Fault
        };
        let (name, active, sub, result) = (&unit.name, &unit.active, &unit.sub, &unit.result);
        let restarts = unit.restarts.unwrap_or_default();
        rows.push((
            Step::Server,
            mark,
            both!(
                "unit {name}: {active} ({sub}), result {result}, {restarts} restarts",
                "unidad {name}: {active} ({sub}), resultado {result}, {restarts} reinicios",
            ),
        ));
    }
}

fn redis(evidence: &Evidence, rows: &mut Vec<Row>) {
    if let Some(layer) = evidence.django.as_ref().and_then(|django| django.layer.as_ref()) {
        let (backend, at) = (&layer.backend, &layer.at);
        rows.push((
            Step::Redis,
            Mark::Good,
            both!(
                "channel layer {backend} ({at})",
                "capa de canales {backend} ({at})"
            ),
        ));
    }
    let Some(redis) = &evidence.redis else { return };
    let url = &redis.url;
    let fault = |said: String| {
        (
            Step::Redis,
            Mark::Fault,
            Text {
                en: format!("{url}: {said}"),
                es: format!("{url}: {said}"),
            },
        )
    };
    match &redis.answer {
        RedisAnswer::Pong => {
            let ms = redis.ping_ms.unwrap_or_default();
            let version = redis.version.as_deref().unwrap_or("?");
            let role = redis.role.as_deref().unwrap_or("?");
            rows.push((
                Step::Redis,
                Mark::Good,
                both!(
                    "{url}: PONG in {ms:.1} ms, version {version}, role {role}",
                    "{url}: PONG en {ms:.1} ms, versión {version}, rol {role}"
                ),
            ));
            if redis.round_trip_tried {
                rows.push(match redis.round_trip_ms {
                    Some(ms) => (
                        Step::Redis,
                        Mark::Good,
                        both!(
                            "a published message came back in {ms:.1} ms",
                            "un mensaje publicado volvió en {ms:.1} ms"
                        ),
                    ),
                    None => (
                        Step::Redis,
                        Mark::Fault,
                        both!(
                            "a published message did not come back",
                            "un mensaje publicado no volvió"
                        ),
                    ),
                });
            }
            if let (Some(clients), Some(most)) = (redis.clients, redis.max_clients) {
                let mark = if clients.saturating_add(1) >= most {
                    Mark::Fault
                } else {
                    Mark::Good
                };
                rows.push((
                    Step::Redis,
                    mark,
                    both!("{clients} of {most} clients", "{clients} de {most} clientes"),
                ));
            }
            let (groups, boxes) = (redis.groups.len(), redis.mailboxes.len());
            if groups + boxes > 0 {
                rows.push((
                    Step::Redis,
                    Mark::Good,
                    both!(
                        "{groups} groups and {boxes} mailboxes of the channel layer",
                        "{groups} grupos y {boxes} buzones de la capa de canales"
                    ),
                ));
            }
        }
        RedisAnswer::NoName(said)
        | RedisAnswer::Unreachable(said)
        | RedisAnswer::Error(said)
        | RedisAnswer::NotRedis(said)
        | RedisAnswer::Tls(said)
        | RedisAnswer::BadAddress(said) => rows.push(fault(said.clone())),
        RedisAnswer::NoConnection => rows.push((
            Step::Redis,
            Mark::Fault,
            both!("{url}: no connection in time", "{url}: sin conexión a tiempo"),
        )),
        RedisAnswer::Silent => rows.push((
            Step::Redis,
            Mark::Fault,
            both!(
                "{url}: connected, and no answer in time",
                "{url}: conectado, y sin respuesta a tiempo"
            ),
        )),
        RedisAnswer::HungUp => rows.push((
            Step::Redis,
            Mark::Fault,
            both!("{url}: it hung up", "{url}: colgó"),
        )),
    }
}

fn logs(evidence: &Evidence, lang: Lang, rows: &mut Vec<Row>) {
    let logs = &evidence.logs;
    for source in &logs.sources {
        let (name, lines) = (&source.name, source.lines);
        let kind = source.kind.title();
        rows.push((
            Step::Logs,
            Mark::Good,
            both!(
                "{name}: {lines} lines ({kind})",
                "{name}: {lines} líneas ({kind})"
            ),
        ));
    }
    let attempts = &logs.attempts;
    if attempts.total > 0 {
        let total = attempts.total;
        let mut by: Vec<String> = Vec::new();
        for (status, count) in &attempts.by_status {
            let status = match (*status, lang) {
                (0, Lang::En) => "no answer".to_owned(),
                (0, Lang::Es) => "sin respuesta".to_owned(),
                (status, _) => status.to_string(),
            };
            by.push(format!("{count} × {status}"));
        }
        let by = by.join(", ");
        let failed = attempts.by_status.keys().any(|status| *status != 101);
        let mark = if failed && !logs.live {
            Mark::Warning
        } else {
            Mark::Good
        };
        rows.push((
            Step::Logs,
            mark,
            both!("{total} handshakes: {by}", "{total} handshakes: {by}"),
        ));
    }
}

fn handshakes(evidence: &Evidence, rows: &mut Vec<Row>) {
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

fn nginx(evidence: &Evidence, rows: &mut Vec<Row>) {
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

fn access(evidence: &Evidence, rows: &mut Vec<Row>) {
    if let Some(token) = &evidence.token {
        let (mark, text) = match token.form {
            TokenForm::Missing => (Mark::Warning, both!("no token", "sin token")),
            TokenForm::Placeholder => (
                Mark::Fault,
                both!("the token is a placeholder", "el token es un valor de relleno"),
            ),
            TokenForm::NotJwt => (
                Mark::Warning,
                both!("the token is not a JWT", "el token no es un JWT"),
            ),
            TokenForm::Broken => (
                Mark::Fault,
                both!("the token cannot be read", "el token no se puede leer"),
            ),
            TokenForm::Jwt => {
                let user = token.user.as_deref().unwrap_or("?");
                let algorithm = token.algorithm.as_deref().unwrap_or("?");
                let left = token.expires_at.map_or_else(
                    || "?".into(),
                    |at| format!("{:.0} s", at - token.server_time.unwrap_or(token.local_time)),
                );
                (
                    Mark::Good,
                    both!(
                        "token of user {user}, {algorithm}, runs out in {left}",
                        "token del usuario {user}, {algorithm}, caduca en {left}"
                    ),
                )
            }
        };
        rows.push((Step::Access, mark, text));
        let from = token.key_from.clone().unwrap_or_default();
        match token.key {
            KeyCheck::NoKey => {}
            KeyCheck::Right => rows.push((
                Step::Access,
                Mark::Good,
                both!(
                    "its signature fits the key ({from})",
                    "su firma corresponde a la clave ({from})"
                ),
            )),
            KeyCheck::Wrong | KeyCheck::WrongAlgorithm => rows.push((
                Step::Access,
                Mark::Fault,
                both!(
                    "its signature does not fit the key ({from})",
                    "su firma no corresponde a la clave ({from})"
                ),
            )),
        }
    }
    let Some(database) = &evidence.database else {
        return;
    };
    let url = &database.url;
    match &database.error {
        Some(error) => rows.push((Step::Access, Mark::Fault, Text::same(format!("{url}: {error}")))),
        None => rows.push((Step::Access, Mark::Good, both!("{url} answers", "{url} responde"))),
    }
    let mut row = |lookup: Lookup, there: Text, missing: Text| match lookup {
        Lookup::Unknown => {}
        Lookup::There => rows.push((Step::Access, Mark::Good, there)),
        Lookup::Missing => rows.push((Step::Access, Mark::Fault, missing)),
    };
    row(
        database.user,
        both!("the user exists", "el usuario existe"),
        both!("there is no such user", "no existe tal usuario"),
    );
    row(
        database.chat,
        both!("the chat exists", "el chat existe"),
        both!("there is no such chat", "no existe tal chat"),
    );
    match database.membership {
        Membership::Unknown => {}
        Membership::Member | Membership::Staff => rows.push((
            Step::Access,
            Mark::Good,
            both!("the user may enter", "el usuario puede entrar"),
        )),
        Membership::Neither => rows.push((
            Step::Access,
            Mark::Fault,
            both!("the user is not a member", "el usuario no es miembro"),
        )),
    }
}

fn names(evidence: &Evidence, rows: &mut Vec<Row>) {
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
