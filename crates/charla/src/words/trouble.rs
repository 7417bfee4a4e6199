//! Errors of the client and of ids, as people read them. What the system itself says stays as it says it.

use charla_client::{AddressError, ConnectError, ProxyError};
use charla_wire::{IdError, Lang};

/// Why a text is no address.
pub(crate) fn address(lang: Lang, error: &AddressError) -> String {
    match (lang, error) {
        (Lang::En, _) => error.to_string(),
        (Lang::Es, AddressError::Scheme(scheme)) => {
            format!("el esquema {scheme:?} no es ws, wss, http ni https")
        }
        (Lang::Es, AddressError::Host) => "falta el host".into(),
        (Lang::Es, AddressError::Port(port)) => format!("el puerto {port:?} no es un número de 1 a 65535"),
        (Lang::Es, AddressError::UserInfo) => "no se admite un nombre de usuario en la dirección".into(),
        (Lang::Es, AddressError::Character) => "tiene un espacio o un carácter de control".into(),
    }
}

/// Why a text is no proxy.
pub(crate) fn proxy(lang: Lang, error: &ProxyError) -> String {
    match (lang, error) {
        (Lang::En, _) => error.to_string(),
        (Lang::Es, ProxyError::Scheme(scheme)) => {
            format!("el esquema del proxy {scheme:?} no es http, socks5 ni socks5h")
        }
        (Lang::Es, ProxyError::Endpoint) => "el proxy no tiene host, o su puerto no es un número".into(),
    }
}

/// Why a text is no id.
pub(crate) fn id(lang: Lang, error: IdError) -> String {
    match (lang, error) {
        (Lang::En, _) => format!("it {error}"),
        (Lang::Es, IdError::Empty) => "está vacío".into(),
        (Lang::Es, IdError::TooLong { max }) => format!("tiene más de {max} caracteres"),
        (Lang::Es, IdError::Character) => "tiene un carácter que no se permite".into(),
    }
}

/// Why a connection could not be made.
pub(crate) fn connect(lang: Lang, error: &ConnectError) -> String {
    match (lang, error) {
        (Lang::En, ConnectError::NoSubprotocol) => format!("{error}; try --plain"),
        (Lang::En, _) => error.to_string(),
        (Lang::Es, ConnectError::Resolve { host, error }) => format!("no se encuentra {host}: {error}"),
        (Lang::Es, ConnectError::Reach { host, error }) => format!("no se llega a {host}: {error}"),
        (Lang::Es, ConnectError::Cut { host, error }) => {
            format!("{host} aceptó la conexión y la cerró sin responder: {error}")
        }
        (
            Lang::Es,
            ConnectError::Proxy {
                proxy,
                status: Some(status),
                ..
            },
        ) => {
            format!("el proxy {proxy} no lleva a ninguna parte: respondió {status}")
        }
        (Lang::Es, ConnectError::Proxy { proxy, said, .. }) => {
            format!("el proxy {proxy} no lleva a ninguna parte: {said}")
        }
        (Lang::Es, ConnectError::Tls { said, .. }) => format!("falló TLS: {said}"),
        (Lang::Es, ConnectError::Timeout(time)) => format!("sin respuesta en {} s", time.as_secs()),
        (Lang::Es, ConnectError::Refused { status, .. }) => {
            format!("el servidor respondió {status} en lugar de aceptar el WebSocket")
        }
        (Lang::Es, ConnectError::NotWebSocket(error)) => format!("eso no es un WebSocket: {error}"),
        (Lang::Es, ConnectError::NotHttp(error)) => format!("eso no habla HTTP: {error}"),
        (Lang::Es, ConnectError::NoSubprotocol) => {
            "el servidor no habla charla.v1; prueba con --plain".into()
        }
        (Lang::Es, ConnectError::Token) => {
            "el token tiene un carácter que no puede ir en una cabecera".into()
        }
    }
}
