//! Requests by the table.

use super::*;

fn parts(target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::get(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

const HOST: (&str, &str) = ("host", "chat.example.org");
const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
const UPGRADE: (&str, &str) = ("upgrade", "WebSocket");
const CONNECTION: (&str, &str) = ("connection", "keep-alive, Upgrade");
const VERSION: (&str, &str) = ("sec-websocket-version", "13");

/// Names and values.
type Headers<'a> = &'a [(&'a str, &'a str)];

#[test]
fn a_handshake_is_told_from_what_a_proxy_left_of_it() {
    let cases: [(Headers<'_>, Option<Cause>); 14] = [
        (&[], None),
        (&[HOST, KEY, UPGRADE, CONNECTION, VERSION], None),
        (&[KEY, UPGRADE, CONNECTION, VERSION], Some(Cause::BadRequest)),
        (
            &[HOST, HOST, KEY, UPGRADE, CONNECTION, VERSION],
            Some(Cause::BadRequest),
        ),
        (
            &[HOST, KEY, UPGRADE, CONNECTION, VERSION, VERSION],
            Some(Cause::WebsocketVersion),
        ),
        (
            &[HOST, KEY, UPGRADE, CONNECTION, ("sec-websocket-version", "8, 13")],
            Some(Cause::WebsocketVersion),
        ),
        (
            &[
                HOST,
                KEY,
                UPGRADE,
                CONNECTION,
                VERSION,
                ("sec-websocket-extensions", "permessage-deflate;"),
            ],
            Some(Cause::BadRequest),
        ),
        (&[KEY, VERSION], Some(Cause::ProxyNoUpgrade)),
        (&[KEY, UPGRADE, VERSION], Some(Cause::ProxyNoUpgrade)),
        (&[UPGRADE, CONNECTION, VERSION], Some(Cause::BadRequest)),
        (&[KEY, KEY, UPGRADE, CONNECTION, VERSION], Some(Cause::BadRequest)),
        (
            &[("sec-websocket-key", "short=="), UPGRADE, CONNECTION, VERSION],
            Some(Cause::BadRequest),
        ),
        (
            &[HOST, KEY, UPGRADE, CONNECTION, ("sec-websocket-version", "12")],
            Some(Cause::WebsocketVersion),
        ),
        (
            &[
                HOST,
                KEY,
                UPGRADE,
                CONNECTION,
                VERSION,
                ("sec-websocket-protocol", "b   x"),
            ],
            Some(Cause::BadRequest),
        ),
    ];
    for (headers, cause) in cases {
        assert_eq!(
            Kind::of(&parts("/ws/", headers)).err().map(|broken| broken.cause),
            cause,
            "{headers:?}"
        );
    }
}

#[test]
fn paths_name_a_chat_or_none() {
    for path in ["/ws", "/ws/"] {
        assert_eq!(chat(path).unwrap(), None);
    }
    for path in ["/ws/chat/5", "/ws/chat/5/", "/ws/chat/%35/"] {
        assert_eq!(chat(path).unwrap().unwrap().as_str(), "5", "{path}");
    }
    for path in [
        "/ws/chat/",
        "/ws/chat/1%00/",
        "/ws/chat/../admin",
        "/ws/other/",
        "/ws/chat/1%3Bdrop",
    ] {
        assert_eq!(chat(path).unwrap_err().cause, Cause::BadRequest, "{path}");
    }
}

#[test]
fn the_first_credential_counts() {
    let token = |text: &str| Credential::Token(text.to_owned());
    let bearer = ("authorization", "Bearer aaa");
    let cases: [(&str, Headers<'_>, Credential); 8] = [
        ("/ws/", &[], Credential::None),
        ("/ws/?token=", &[], Credential::None),
        ("/ws/?token=ttt", &[], token("ttt")),
        ("/ws/?token=ttt&ticket=kkk", &[], Credential::Ticket("kkk".into())),
        ("/ws/?token=ttt", &[bearer], token("aaa")),
        (
            "/ws/?token=ttt",
            &[("sec-websocket-protocol", "charla.v1, bearer.bbb")],
            token("bbb"),
        ),
        ("/ws/", &[("sec-websocket-protocol", "jwt, jjj")], token("jjj")),
        (
            "/ws/",
            &[("sec-websocket-protocol", "charla.v1")],
            Credential::None,
        ),
    ];
    for (target, headers, credential) in cases {
        assert_eq!(
            Asked::read(&parts(target, headers)).unwrap().credential,
            credential,
            "{target} {headers:?}"
        );
    }
    for target in [
        "/ws/?token=a&token=b",
        "/ws/?after=-1",
        "/ws/?after=9223372036854775808",
        "/ws/?tenant=a/b",
    ] {
        assert_eq!(
            Asked::read(&parts(target, &[])).unwrap_err().cause,
            Cause::BadRequest,
            "{target}"
        );
    }
}

#[test]
fn a_browser_gets_one_of_its_protocols_back() {
    let chosen = |offered| {
        let headers = [
            HOST,
            KEY,
            UPGRADE,
            CONNECTION,
            VERSION,
            ("sec-websocket-protocol", offered),
        ];
        let Ok(Kind::Upgrade(upgrade)) = Kind::of(&parts("/ws/", &headers)) else {
            panic!("{offered}")
        };
        (
            upgrade.chosen_protocol().map(ToOwned::to_owned),
            upgrade.dialect(),
            upgrade.known_protocol().is_ok(),
        )
    };
    assert_eq!(
        chosen("charla.v1, bearer.x"),
        (Some("charla.v1".into()), Dialect::V1, true)
    );
    assert_eq!(chosen("jwt, x"), (Some("jwt".into()), Dialect::Plain, true));
    assert_eq!(
        chosen("graphql-ws"),
        (Some("graphql-ws".into()), Dialect::Plain, false)
    );
}
