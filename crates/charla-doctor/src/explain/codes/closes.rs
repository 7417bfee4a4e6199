//! Close codes: RFC 6455 (7.4.1), IANA's registry of them, and Charla's own.

use charla_wire::Cause;

use super::{CodeMeaning, doctor, unassigned};
use crate::text::{Text, both};

/// Number, name, meaning, causes that do not have the code themselves.
#[expect(clippy::too_many_lines, reason = "a table: one row a code")]
fn assigned(number: u16) -> Option<(&'static str, Text, &'static [Cause])> {
    Some(match number {
        1000 => (
            "Normal Closure",
            both!(
                "One side closed on purpose and said so. Nothing failed; ask who called close().",
                "Un lado cerró a propósito y lo dijo. No falló nada; mira quién llamó a close()."
            ),
            &[],
        ),
        1001 => (
            "Going Away",
            both!(
                "The peer goes away: a server that stops, or a page that was left or reloaded.",
                "El otro lado se va: un servidor que se detiene o una página que se abandonó o se recargó."
            ),
            &[Cause::ServerRestarting],
        ),
        1002 => (
            "Protocol Error",
            both!(
                "A frame broke RFC 6455: not masked, a reserved bit, a wrong length. Often a proxy or an extension that rewrites bytes, or compression that only one side speaks.",
                "Una trama incumplió la RFC 6455: sin máscara, un bit reservado, una longitud errónea. A menudo es un proxy que reescribe bytes, o compresión que solo habla un lado."
            ),
            &[],
        ),
        1003 => (
            "Unsupported Data",
            both!(
                "The peer does not take this kind of message: binary where it wants text.",
                "El otro lado no acepta ese tipo de mensaje: binario donde espera texto."
            ),
            &[],
        ),
        1004 => (
            "Reserved",
            both!(
                "Reserved by RFC 6455 and never sent.",
                "Reservado por la RFC 6455; nunca se envía."
            ),
            &[],
        ),
        1005 => (
            "No Status Received",
            both!(
                "Never sent: the close frame came without a code, as after close() without arguments. It is a clean close.",
                "Nunca se envía: la trama de cierre llegó sin código, como tras un close() sin argumentos. Es un cierre limpio."
            ),
            &[],
        ),
        1006 => (
            "Abnormal Closure",
            both!(
                "Never sent: the browser says it whenever no close frame came, and it hides why. Before onopen: the handshake failed, and the HTTP status (403, 404, 500, 502...) stands only in the developer tools' console and in the server's logs. A rejection with 4401 before accept looks like this as well. After onopen: the connection was cut; how long it had lived tells who did it (5 s: redis-py, 60 s: nginx, at once: an exception).",
                "Nunca se envía: el navegador lo dice siempre que no llegó trama de cierre, y oculta el motivo. Antes de onopen: falló el handshake, y el estado HTTP (403, 404, 500, 502...) solo está en la consola de las herramientas de desarrollo y en los registros del servidor. Un rechazo con 4401 antes de accept se ve igual. Después de onopen: se cortó la conexión; cuánto había vivido dice quién la cortó (5 s: redis-py, 60 s: nginx, al momento: una excepción)."
            ),
            &[
                Cause::RejectBeforeAccept,
                Cause::TokenExpired,
                Cause::NotAMember,
                Cause::ChatNotFound,
                Cause::RedisDown,
                Cause::ServerDown,
                Cause::ProxyNoUpgrade,
                Cause::ProxyReadTimeout,
                Cause::RedisClientTimeout,
                Cause::AppException,
            ],
        ),
        1007 => (
            "Invalid Payload",
            both!(
                "A text message was not UTF-8: bytes of another encoding, or a character cut in two.",
                "Un mensaje de texto no era UTF-8: bytes de otra codificación, o un carácter partido en dos."
            ),
            &[],
        ),
        1008 => (
            "Policy Violation",
            both!(
                "The peer refuses for a reason of its own, often authentication in servers that have no codes of their own; the reason's text says which.",
                "El otro lado se niega por un motivo propio, a menudo la autenticación en servidores sin códigos propios; el texto del motivo dice cuál."
            ),
            &[Cause::TokenInvalid, Cause::Forbidden, Cause::OriginForbidden],
        ),
        1009 => (
            "Message Too Big",
            both!(
                "A message was longer than the peer takes: uvicorn 16 MiB (--ws-max-size), daphne 1 MiB.",
                "Un mensaje era más largo de lo que el otro lado acepta: uvicorn 16 MiB (--ws-max-size), daphne 1 MiB."
            ),
            &[],
        ),
        1010 => (
            "Mandatory Extension",
            both!(
                "The client wanted an extension that the server did not agree to.",
                "El cliente quería una extensión que el servidor no aceptó."
            ),
            &[],
        ),
        1011 => (
            "Internal Error",
            both!(
                "The server met something it could not handle: an exception in the application (daphne says 1011, uvicorn cuts with 1006), or with the reason `keepalive ping timeout` a client that did not answer its pings.",
                "El servidor se topó con algo que no supo tratar: una excepción en la aplicación (daphne dice 1011, uvicorn corta con 1006) o, con el motivo `keepalive ping timeout`, un cliente que no contestó a sus pings."
            ),
            &[Cause::AppException, Cause::PingTimeout],
        ),
        1012 => (
            "Service Restart",
            both!(
                "The server restarts, as in a deploy. uvicorn says it on SIGTERM. Come back after a short random wait.",
                "El servidor se reinicia, como en un despliegue. uvicorn lo dice al recibir SIGTERM. Vuelve tras una espera corta y aleatoria."
            ),
            &[Cause::ServerRestarting],
        ),
        1013 => (
            "Try Again Later",
            both!(
                "The server cannot serve now: overloaded, or its store is away. Come back later.",
                "El servidor no puede atender ahora: sobrecargado, o sin su base de datos. Vuelve más tarde."
            ),
            &[],
        ),
        1014 => (
            "Bad Gateway",
            both!(
                "A gateway got no usable answer from the server behind it.",
                "Una pasarela no obtuvo una respuesta válida del servidor que tiene detrás."
            ),
            &[Cause::ServerDown],
        ),
        1015 => (
            "TLS Handshake",
            both!(
                "Never sent: TLS failed before anything else, by the certificate, its name or its date.",
                "Nunca se envía: falló TLS antes que nada, por el certificado, su nombre o su fecha."
            ),
            &[
                Cause::TlsExpired,
                Cause::TlsSelfSigned,
                Cause::TlsWrongHost,
                Cause::TlsChain,
                Cause::TlsOnPlainPort,
            ],
        ),
        3000 => (
            "Unauthorized",
            both!(
                "Registered at IANA: who connects did not prove who they are.",
                "Registrado en la IANA: quien se conecta no demostró quién es."
            ),
            &[Cause::TokenMissing, Cause::TokenInvalid, Cause::TokenExpired],
        ),
        3003 => (
            "Forbidden",
            both!(
                "Registered at IANA: known, but not allowed.",
                "Registrado en la IANA: se sabe quién es, pero no puede."
            ),
            &[Cause::Forbidden, Cause::NotAMember],
        ),
        3008 => (
            "Timeout",
            both!(
                "Registered at IANA: something took too long.",
                "Registrado en la IANA: algo tardó demasiado."
            ),
            &[Cause::HeartbeatTimeout],
        ),
        _ => return None,
    })
}

/// What applications close with by custom; the guide's Django application and Charla among them.
fn of_applications(number: u16) -> Option<(&'static str, Text)> {
    Some(match number {
        4400 => (
            "Bad Request",
            both!(
                "The application did not understand what the client asked for.",
                "La aplicación no entendió lo que pidió el cliente."
            ),
        ),
        4401 => (
            "Unauthorized",
            both!(
                "The application refuses the token: missing, expired or invalid. A page sees 4401 only when the server accepts first and closes then; a middleware that closes before accept shows up as HTTP 403 and close code 1006.",
                "La aplicación rechaza el token: falta, ha caducado o no vale. Una página solo ve 4401 si el servidor acepta primero y cierra después; un middleware que cierra antes de accept se ve como HTTP 403 y código de cierre 1006."
            ),
        ),
        4403 => (
            "Forbidden",
            both!(
                "The application knows the user and refuses: not a member of the chat, another tenant, a foreign origin.",
                "La aplicación conoce al usuario y se niega: no es miembro del chat, es de otro tenant, o el origen es ajeno."
            ),
        ),
        4404 => (
            "Not Found",
            both!(
                "The application knows no such chat (or tenant).",
                "La aplicación no conoce ese chat (o ese tenant)."
            ),
        ),
        4408 => (
            "Timeout",
            both!(
                "The client was silent for too long, at the handshake or afterwards.",
                "El cliente calló demasiado tiempo, en el handshake o después."
            ),
        ),
        4409 => (
            "Conflict",
            both!(
                "Another connection took this one's place.",
                "Otra conexión ocupó el lugar de esta."
            ),
        ),
        4410 => ("Gone", both!("The chat was closed.", "El chat se cerró.")),
        4413 => (
            "Too Much",
            both!(
                "The client sends or subscribes more than it may.",
                "El cliente envía o se suscribe a más de lo permitido."
            ),
        ),
        4429 => (
            "Too Many",
            both!(
                "Too many connections or attempts; the reason says when to come back.",
                "Demasiadas conexiones o intentos; el motivo dice cuándo volver."
            ),
        ),
        4508 => (
            "Slow Consumer",
            both!(
                "The client did not read fast enough, and its queue was full.",
                "El cliente no leía lo bastante rápido y su cola se llenó."
            ),
        ),
        _ => return None,
    })
}

pub(super) fn meaning(number: u16) -> Option<CodeMeaning> {
    let mut causes: Vec<Cause> = Vec::new();
    let own = Cause::ALL
        .iter()
        .copied()
        .filter(|cause| cause.own_close_code() == Some(number));
    let (name, text, further) = match (assigned(number), of_applications(number)) {
        (Some(known), _) => known,
        (None, Some((name, text))) => (name, text, &[][..]),
        (None, None) => return range(number),
    };
    causes.extend(own);
    causes.extend(
        further
            .iter()
            .copied()
            .filter(|cause| !causes.contains(cause))
            .collect::<Vec<_>>(),
    );
    let mut next = match causes.as_slice() {
        [only] => vec![format!("charla causes {}", only.id())],
        _ => Vec::new(),
    };
    next.extend(doctor());
    Some(CodeMeaning {
        code: number.to_string(),
        name: Text::same(name),
        meaning: text,
        causes,
        next,
    })
}

/// Codes of no name (RFC 6455, 7.4.2).
fn range(number: u16) -> Option<CodeMeaning> {
    let text = match number {
        1000..=2999 => both!(
            "This range belongs to the protocol itself.",
            "Este rango es del propio protocolo."
        ),
        3000..=3999 => both!(
            "This range belongs to libraries and frameworks, registered at IANA.",
            "Este rango es de bibliotecas y frameworks, registrados en la IANA."
        ),
        4000..=4999 => both!(
            "This range belongs to applications: the application's source or the close reason says what it means there.",
            "Este rango es de las aplicaciones: su código o el motivo del cierre dicen qué significa ahí."
        ),
        _ => return None,
    };
    Some(unassigned(number, &text))
}
