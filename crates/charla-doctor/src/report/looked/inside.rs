//! What was seen on the machine: the server, Redis, its logs, its database.

use charla_wire::Lang;

use super::{Mark, Row};
use crate::checks::Step;
use crate::evidence::{
    Evidence, KeyCheck, Lookup, Membership, RedisAnswer, RedisSeen, ServerSeen, SourceKind, TokenForm,
};
use crate::text::{Text, both};

pub(super) fn server(evidence: &Evidence, rows: &mut Vec<Row>) {
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
    process(server, rows);
    unit(server, rows);
}

fn process(server: &ServerSeen, rows: &mut Vec<Row>) {
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
        let peers = process.connections.map_or_else(Text::default, |peers| {
            both!(", {peers} connections", ", {peers} conexiones")
        });
        rows.push((
            Step::Server,
            mark,
            both!(
                "state {state}, running for {age}, {open} of {limit} descriptors{peers}",
                "estado {state}, en marcha desde hace {age}, {open} de {limit} descriptores{peers}",
                peers
            ),
        ));
    }
}

fn unit(server: &ServerSeen, rows: &mut Vec<Row>) {
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

pub(super) fn redis(evidence: &Evidence, rows: &mut Vec<Row>) {
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
        RedisAnswer::Pong => pong(redis, rows),
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

fn pong(redis: &RedisSeen, rows: &mut Vec<Row>) {
    let url = &redis.url;
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

pub(super) fn logs(evidence: &Evidence, lang: Lang, rows: &mut Vec<Row>) {
    let logs = &evidence.logs;
    for source in &logs.sources {
        let (name, lines) = (&source.name, source.lines);
        let kind = if source.kind == SourceKind::Unknown {
            String::new()
        } else {
            format!(" ({})", source.kind.title())
        };
        rows.push((
            Step::Logs,
            Mark::Good,
            both!("{name}: {lines} lines{kind}", "{name}: {lines} líneas{kind}"),
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

pub(super) fn access(evidence: &Evidence, rows: &mut Vec<Row>) {
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
    database(evidence, rows);
}

fn database(evidence: &Evidence, rows: &mut Vec<Row>) {
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
