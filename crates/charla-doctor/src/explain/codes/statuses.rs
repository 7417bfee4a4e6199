//! HTTP statuses that a WebSocket's handshake can get instead of 101; browsers show them as close code 1006.

use charla_wire::Cause;

use super::{CodeMeaning, doctor};
use crate::text::{Text, both};

pub(super) fn meaning(number: u16) -> Option<CodeMeaning> {
    let (name, meaning, causes) = assigned(number).or_else(|| behind(number))?;
    Some(CodeMeaning {
        code: format!("HTTP {number}"),
        name: Text::same(name),
        meaning,
        causes: causes.to_vec(),
        next: doctor(),
    })
}

#[expect(clippy::too_many_lines, reason = "a table: one row a code")]
fn assigned(number: u16) -> Option<(&'static str, Text, &'static [Cause])> {
    Some(match number {
        101 => (
            "Switching Protocols",
            both!(
                "The handshake went through; whatever fails now fails afterwards.",
                "El handshake funcionó; lo que falle ahora falla después."
            ),
            &[],
        ),
        200 => (
            "OK",
            both!(
                "A page answered where the socket should be: the proxy serves this path from disk (a single-page application's fallback) or sends it elsewhere.",
                "Respondió una página donde debería estar el socket: el proxy sirve esa ruta desde el disco (el index.html de una SPA) o la manda a otro sitio."
            ),
            &[Cause::ProxyWrongLocation],
        ),
        301 | 302 | 307 | 308 => (
            "Redirect",
            both!(
                "Browsers follow no redirect for a WebSocket. To the same path with a slash: write the slash. To https: use wss.",
                "Los navegadores no siguen redirecciones en un WebSocket. A la misma ruta con barra: escribe la barra. A https: usa wss."
            ),
            &[Cause::RedirectSlash, Cause::RedirectHttps],
        ),
        400 => (
            "Bad Request",
            both!(
                "The peer did not understand the request: plain HTTP on a TLS port, a header that is too long, HTTP/2 in front of the upgrade, or a missing field of the handshake.",
                "El otro lado no entendió la petición: HTTP sin TLS en un puerto TLS, una cabecera demasiado larga, HTTP/2 delante del upgrade, o falta un campo del handshake."
            ),
            &[
                Cause::PlainOnTlsPort,
                Cause::TlsOnPlainPort,
                Cause::HeaderTooLarge,
                Cause::ProxyHttp2,
                Cause::BadRequest,
            ],
        ),
        401 => (
            "Unauthorized",
            both!(
                "Somebody wants a password or a token first: auth_basic in the proxy (with WWW-Authenticate: Basic), or the application. Chromium writes `HTTP Authentication failed; no valid credentials available`.",
                "Alguien pide antes una contraseña o un token: auth_basic en el proxy (con WWW-Authenticate: Basic) o la aplicación. Chromium escribe `HTTP Authentication failed; no valid credentials available`."
            ),
            &[
                Cause::ProxyAuthRequired,
                Cause::TokenExpired,
                Cause::TokenMissing,
                Cause::TokenInvalid,
            ],
        ),
        403 => (
            "Forbidden",
            both!(
                "Rejected before accept. In Django Channels under uvicorn, 4401, 4403, 4404 and a foreign Origin all look exactly like this, and only the application's own log line tells them apart; no line at all points to the Origin. It can also be the proxy's (deny, a firewall), which the application's log then knows nothing of.",
                "Rechazado antes de accept. En Django Channels con uvicorn, 4401, 4403, 4404 y un Origin ajeno se ven exactamente así, y solo los distingue la línea que registra la propia aplicación; si no hay ninguna, apunta al Origin. También puede ser del proxy (deny, un cortafuegos), y entonces el registro de la aplicación no sabe nada."
            ),
            &[
                Cause::RejectBeforeAccept,
                Cause::TokenExpired,
                Cause::TokenInvalid,
                Cause::NotAMember,
                Cause::ChatNotFound,
                Cause::OriginForbidden,
            ],
        ),
        404 => (
            "Not Found",
            both!(
                "The path is not a WebSocket's here: the proxy does not pass Upgrade on, so that Django sees a plain GET; the proxy has no location for it; the server has no WebSocket library, or runs WSGI.",
                "Esa ruta no es aquí un WebSocket: el proxy no pasa Upgrade y Django ve un GET normal; el proxy no tiene un location para ella; el servidor no tiene biblioteca de WebSocket o funciona con WSGI."
            ),
            &[
                Cause::ProxyNoUpgrade,
                Cause::ProxyWrongLocation,
                Cause::NoWebsocketLibrary,
                Cause::NotAsgi,
                Cause::ChatNotFound,
            ],
        ),
        407 => (
            "Proxy Authentication Required",
            both!(
                "A company's proxy wants a password before it lets anything through.",
                "Un proxy de empresa pide contraseña antes de dejar pasar nada."
            ),
            &[],
        ),
        408 => (
            "Request Timeout",
            both!(
                "The request did not arrive whole in time.",
                "La petición no llegó entera a tiempo."
            ),
            &[Cause::HandshakeTimeout],
        ),
        414 => (
            "URI Too Long",
            both!(
                "The address is longer than the server or proxy takes; mostly a long token in the query.",
                "La dirección es más larga de lo que acepta el servidor o el proxy; casi siempre por un token largo en la consulta."
            ),
            &[Cause::UriTooLarge],
        ),
        413 | 431 => (
            "Too Large",
            both!(
                "The headers are larger than the server or proxy takes; mostly cookies, and then only of those who are signed in.",
                "Las cabeceras ocupan más de lo que acepta el servidor o el proxy; casi siempre por las cookies, y entonces solo a quien ha iniciado sesión."
            ),
            &[Cause::HeaderTooLarge],
        ),
        426 => (
            "Upgrade Required",
            both!(
                "The server wants the upgrade that the request no longer has (a proxy took it), or another version of the protocol.",
                "El servidor pide el upgrade que la petición ya no trae (lo quitó un proxy) u otra versión del protocolo."
            ),
            &[Cause::ProxyNoUpgrade, Cause::WebsocketVersion],
        ),
        429 => (
            "Too Many Requests",
            both!(
                "Too many attempts or connections.",
                "Demasiados intentos o conexiones."
            ),
            &[
                Cause::RateLimited,
                Cause::TooManyConnections,
                Cause::ReconnectLoop,
            ],
        ),
        _ => return None,
    })
}

/// Those that say something of what stands behind, or were never sent.
#[expect(clippy::too_many_lines, reason = "a table: one row a code")]
fn behind(number: u16) -> Option<(&'static str, Text, &'static [Cause])> {
    Some(match number {
        405 | 421 | 501 | 505 => (
            "Refused",
            both!(
                "Something that speaks no WebSocket answered: another server, or HTTP/2 where the upgrade needs HTTP/1.1.",
                "Respondió algo que no habla WebSocket: otro servidor, o HTTP/2 donde el upgrade necesita HTTP/1.1."
            ),
            &[Cause::ProxyHttp2, Cause::ProxyWrongLocation],
        ),
        444 => (
            "No Response",
            both!(
                "nginx was told to hang up without an answer (return 444): no server block fits the name, or a rule against bots. The page sees `Connection closed before receiving a handshake response`.",
                "nginx tiene orden de colgar sin responder (return 444): ningún bloque server encaja con el nombre, o una regla contra bots. La página ve `Connection closed before receiving a handshake response`."
            ),
            &[Cause::ProxyClosedSilently],
        ),
        499 => (
            "Client Closed Request",
            both!(
                "nginx' word for a client that gave up while it waited: the handshake took too long, mostly a frozen Redis, database or server.",
                "Así llama nginx a un cliente que se cansó de esperar: el handshake tardó demasiado, casi siempre por Redis, la base de datos o el servidor colgados."
            ),
            &[
                Cause::RedisFrozen,
                Cause::ServerFrozen,
                Cause::EventLoopBlocked,
                Cause::DatabaseDown,
            ],
        ),
        500 => (
            "Internal Server Error",
            both!(
                "An exception in the application before accept; its log has the traceback, whose last line names the cause: Redis, the database, a route that is missing.",
                "Una excepción en la aplicación antes de accept; su registro tiene el traceback, y la última línea nombra la causa: Redis, la base de datos, una ruta que falta."
            ),
            &[
                Cause::AppException,
                Cause::RedisDown,
                Cause::RedisAuth,
                Cause::RouteNotFound,
                Cause::NotAsgi,
                Cause::DatabaseDown,
            ],
        ),
        502 => (
            "Bad Gateway",
            both!(
                "The proxy got no usable answer from the server. Its error log says which: 111 nobody listens there, 13 not allowed, 2 no such socket, `prematurely closed` the server hung up.",
                "El proxy no obtuvo una respuesta válida del servidor. Su registro de errores dice cuál: 111 allí no escucha nadie, 13 sin permiso, 2 no existe el socket, `prematurely closed` el servidor colgó."
            ),
            &[
                Cause::ServerDown,
                Cause::ServerWrongPort,
                Cause::ProxyUpstreamWrongPort,
                Cause::ProxyUpstreamPermission,
                Cause::DescriptorLimit,
                Cause::ServerRestarting,
            ],
        ),
        503 => (
            "Service Unavailable",
            both!(
                "Refused for now: limit_req or limit_conn in nginx, uvicorn's --limit-concurrency, a balancer without a healthy server, or Charla as it restarts.",
                "Rechazado por ahora: limit_req o limit_conn en nginx, --limit-concurrency de uvicorn, un balanceador sin servidores sanos, o Charla mientras se reinicia."
            ),
            &[
                Cause::ProxyRateLimited,
                Cause::ProxyConnectionsLimited,
                Cause::Overloaded,
                Cause::ServerRestarting,
            ],
        ),
        504 => (
            "Gateway Timeout",
            both!(
                "The server took the connection and did not answer the handshake in time: it is frozen, or waits for Redis or the database.",
                "El servidor tomó la conexión y no respondió al handshake a tiempo: está colgado, o espera a Redis o a la base de datos."
            ),
            &[Cause::ServerFrozen, Cause::RedisFrozen, Cause::EventLoopBlocked],
        ),
        520..=526 | 530 => (
            "Cloudflare",
            both!(
                "Cloudflare's own: the server behind it did not answer as it should (521 refused, 522 and 524 timed out, 525 and 526 its certificate, 530 its name).",
                "Propio de Cloudflare: el servidor de detrás no respondió como debía (521 rechazó, 522 y 524 agotaron el tiempo, 525 y 526 su certificado, 530 su nombre)."
            ),
            &[
                Cause::ServerDown,
                Cause::TlsExpired,
                Cause::TlsChain,
                Cause::DnsFailure,
            ],
        ),
        _ => return None,
    })
}
