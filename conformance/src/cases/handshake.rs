//! The opening handshake (RFC 6455, sections 4.1 to 4.4).

use crate::case::{Case, Opening, Step};
use crate::peer::{Place, accept};
use crate::request::{KEY, Request};
use crate::wire::{PING, TEXT, frame};

pub(super) fn cases(place: &Place) -> Vec<Case> {
    let request = || Request::handshake(place);
    [
        good(place),
        keys(&request()),
        versions(&request()),
        forms(&request()),
        protocols(&request()),
        sizes(&request()),
        arrivals(&request()),
    ]
    .concat()
}

fn bare(section: &'static str, name: impl Into<String>, request: &Request, rest: Vec<Step>) -> Case {
    let mut steps = vec![Step::Send(request.bytes())];
    steps.extend(rest);
    Case::plain(section, name, steps).over(Opening::Bare)
}

fn opens(section: &'static str, name: impl Into<String>, request: &Request) -> Case {
    let rest = vec![
        Step::Status(101),
        Step::Header("sec-websocket-accept", accept(KEY)),
        Step::Send(frame(TEXT, b"hola")),
        Step::Message("hola".into()),
        Step::Lives,
    ];
    bare(section, name, request, rest)
}

fn refused(
    section: &'static str,
    name: impl Into<String>,
    request: &Request,
    status: u16,
    cause: &'static str,
) -> Case {
    bare(
        section,
        name,
        request,
        vec![Step::Status(status), Step::Cause(cause)],
    )
}

fn good(place: &Place) -> Vec<Case> {
    let request = || Request::handshake(place);
    let mut cases = vec![
        bare(
            "6455 4.2.2",
            "an answer in due form, and nothing that was not asked for",
            &request(),
            vec![
                Step::Status(101),
                Step::Header("upgrade", "websocket".into()),
                Step::Header("connection", "Upgrade".into()),
                Step::NoHeader("sec-websocket-protocol"),
                Step::NoHeader("sec-websocket-extensions"),
                Step::Lives,
            ],
        ),
        opens(
            "6455 4.2.1",
            "header names in lower case",
            &request().named(str::to_lowercase),
        ),
        opens(
            "6455 4.2.1",
            "header names in upper case",
            &request().named(str::to_uppercase),
        ),
        opens(
            "6455 4.2.1",
            "a query behind the path",
            &request().target("?a=b&c"),
        ),
        opens(
            "6455 4.2.1",
            "headers that nobody knows",
            &request().with("X-Any", "thing").with("Cookie", "a=b; c"),
        ),
        opens(
            "6455 4.2.1",
            "HTTP/1.0, as nginx sends it by default",
            &request().version("HTTP/1.0"),
        ),
        opens(
            "6455 4.2.1",
            "HTTP/1.0 without `Host`, which came with 1.1",
            &request().version("HTTP/1.0").without("Host"),
        ),
    ];
    cases.extend(spellings(&request()));
    cases
}

fn spellings(request: &Request) -> Vec<Case> {
    let request = || request.clone();
    let mut cases = Vec::new();
    for value in ["WebSocket", "WEBSOCKET", "h2c, websocket", "websocket, x/1"] {
        cases.push(opens(
            "6455 4.2.1",
            format!("`Upgrade: {value}`"),
            &request().set("Upgrade", value),
        ));
    }
    for value in [
        "upgrade",
        "UPGRADE",
        "keep-alive, Upgrade",
        "Upgrade,keep-alive",
        "Upgrade , x",
    ] {
        cases.push(opens(
            "6455 4.2.1",
            format!("`Connection: {value}`"),
            &request().set("Connection", value),
        ));
    }
    let lines = request()
        .set("Connection", "keep-alive")
        .with("Connection", "Upgrade");
    cases.push(opens("6455 4.2.1", "`Connection` in two lines", &lines));
    cases
}

fn keys(request: &Request) -> Vec<Case> {
    let key = |value: &str| request.clone().set("Sec-WebSocket-Key", value);
    let mut cases = Vec::new();
    for good in [
        "AAAAAAAAAAAAAAAAAAAAAA==",
        "/////////////////////w==",
        "x3JJHMbDL1EzLkh9GBhXDw==",
    ] {
        let steps = vec![
            Step::Status(101),
            Step::Header("sec-websocket-accept", accept(good)),
            Step::Lives,
        ];
        cases.push(bare("6455 4.2.2", format!("the key {good}"), &key(good), steps));
    }
    for (name, value) in [
        ("empty", ""),
        ("of 15 bytes", "AAAAAAAAAAAAAAAAAAAA"),
        ("of 17 bytes", "AAAAAAAAAAAAAAAAAAAAAAA="),
        ("of 1 byte", "AA=="),
        ("of 32 bytes", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("without its padding", "dGhlIHNhbXBsZSBub25jZQ"),
        ("with a letter that is not base64", "dGhlIHNhbXBsZSBub25j*Q=="),
        ("in the alphabet of addresses", "dGhlIHNhbXBsZSBub2_-ZQ=="),
        (
            "twice in one line",
            "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
        ),
    ] {
        cases.push(refused(
            "6455 4.2.1",
            format!("a key {name}"),
            &key(value),
            400,
            "bad_request",
        ));
    }
    let none = request.clone().without("Sec-WebSocket-Key");
    cases.push(refused("6455 4.2.1", "no key", &none, 400, "bad_request"));
    let two = request
        .clone()
        .with("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==");
    cases.push(refused("6455 11.3.1", "two keys", &two, 400, "bad_request"));
    cases
}

fn versions(request: &Request) -> Vec<Case> {
    let mut cases = Vec::new();
    let version = |value: &str| request.clone().set("Sec-WebSocket-Version", value);
    for value in [
        "0", "7", "8", "12", "14", "255", "130", "013", "thirteen", "", "8, 13",
    ] {
        let steps = vec![
            Step::Status(426),
            Step::Header("sec-websocket-version", "13".into()),
            Step::Header("upgrade", "websocket".into()),
            Step::Cause("websocket_version"),
        ];
        cases.push(bare(
            "6455 4.4",
            format!("`Sec-WebSocket-Version: {value}`"),
            &version(value),
            steps,
        ));
    }
    for (name, request) in [
        ("no version", request.clone().without("Sec-WebSocket-Version")),
        ("two versions", request.clone().with("Sec-WebSocket-Version", "8")),
        (
            "the version twice",
            request.clone().with("Sec-WebSocket-Version", "13"),
        ),
    ] {
        let steps = vec![
            Step::Status(426),
            Step::Header("sec-websocket-version", "13".into()),
        ];
        cases.push(bare("6455 11.3.5", name, &request, steps));
    }
    cases
}

fn forms(request: &Request) -> Vec<Case> {
    let request = || request.clone();
    let mut cases = Vec::new();
    for method in ["POST", "PUT", "DELETE", "HEAD", "CONNECT", "PATCH"] {
        let steps = vec![Step::Status(405), Step::Header("allow", "GET, OPTIONS".into())];
        cases.push(bare(
            "6455 4.1",
            format!("method {method}"),
            &request().method(method),
            steps,
        ));
    }
    for (name, bent) in [
        ("HTTP/0.9", request().version("HTTP/0.9")),
        ("HTTP/2.0", request().version("HTTP/2.0")),
        ("no version of HTTP", request().version("")),
        ("a folded header", request().with("X-Folded", "a\r\n b")),
        ("a header's name with a space", request().with("X Any", "a")),
        ("a header's value with NUL", request().with("X-Any", "a\0b")),
        ("a target with a space", request().target(" x")),
        (
            "two lengths",
            request().with("Content-Length", "0").with("Content-Length", "1"),
        ),
    ] {
        cases.push(refused("6455 4.2.1", name, &bent, 400, "bad_request"));
    }
    for (name, bent) in [
        ("no `Host`", request().without("Host")),
        ("two `Host`", request().with("Host", "other.example")),
    ] {
        cases.push(refused("6455 4.2.1", name, &bent, 400, "bad_request"));
    }
    for (name, bent) in [
        ("no `Upgrade`", request().without("Upgrade")),
        ("no `Connection`", request().without("Connection")),
        (
            "neither, but a key",
            request().without("Upgrade").without("Connection"),
        ),
        ("`Upgrade: h2c`", request().set("Upgrade", "h2c")),
        ("`Upgrade: websockets`", request().set("Upgrade", "websockets")),
        ("`Connection: close`", request().set("Connection", "close")),
    ] {
        cases.push(refused("6455 4.2.1", name, &bent, 426, "proxy_no_upgrade"));
    }
    let ask = request()
        .without("Upgrade")
        .without("Connection")
        .without("Sec-WebSocket-Key");
    let steps = vec![
        Step::Status(200),
        Step::Header("content-type", "application/json".into()),
    ];
    cases.push(bare("6455 4.2.1", "a plain GET is no handshake", &ask, steps));
    cases
}

fn protocols(request: &Request) -> Vec<Case> {
    let mut cases = Vec::new();
    let offer = |value: &str| request.clone().with("Sec-WebSocket-Protocol", value);
    for (value, chosen) in [
        ("charla.v1", "charla.v1"),
        ("other, charla.v1", "charla.v1"),
        ("charla.v1,other", "charla.v1"),
        ("charla.v1, charla.v1", "charla.v1"),
        ("jwt, x", "jwt"),
    ] {
        let steps = vec![
            Step::Status(101),
            Step::Header("sec-websocket-protocol", chosen.into()),
        ];
        cases.push(bare(
            "6455 4.2.2",
            format!("offers {value}, gets {chosen}"),
            &offer(value),
            steps,
        ));
    }
    let lines = offer("other").with("Sec-WebSocket-Protocol", "charla.v1");
    let steps = vec![
        Step::Status(101),
        Step::Header("sec-websocket-protocol", "charla.v1".into()),
    ];
    cases.push(bare("6455 11.3.4", "offers in two lines", &lines, steps));
    // A browser whose offer gets no answer fails without a word, so the refusal comes behind the 101.
    let steps = vec![
        Step::Status(101),
        Step::Header("sec-websocket-protocol", "other".into()),
        Step::Close(Some(4400)),
    ];
    cases.push(bare(
        "6455 4.2.2",
        "offers nothing that is known",
        &offer("other, more"),
        steps,
    ));
    let steps = vec![
        Step::Status(101),
        Step::Header("sec-websocket-protocol", "CHARLA.V1".into()),
        Step::Close(Some(4400)),
    ];
    cases.push(bare(
        "6455 4.2.2",
        "names of protocols have a case",
        &offer("CHARLA.V1"),
        steps,
    ));
    for (name, value) in [
        ("an empty one", String::new()),
        ("one empty among others", "charla.v1,,x".into()),
        ("one with a space", "charla v1".into()),
        ("one with a bracket", "charla(v1)".into()),
        ("32,000 spaces between two", format!("b{}x", " ".repeat(6_000))),
    ] {
        cases.push(refused(
            "6455 4.1",
            format!("offers {name}"),
            &offer(&value),
            400,
            "bad_request",
        ));
    }
    cases
}

fn sizes(request: &Request) -> Vec<Case> {
    let request = || request.clone();
    let many = (0..200).fold(request(), |request, number| {
        request.with(&format!("X-{number}"), "a")
    });
    vec![
        refused(
            "6455 10.4",
            "a header of 100 KB",
            &request().with("X-Any", &"a".repeat(100_000)),
            431,
            "header_too_large",
        ),
        refused("6455 10.4", "200 headers", &many, 431, "header_too_large"),
        refused(
            "6455 10.4",
            "an address of 100 KB",
            &request().target(&format!("?{}", "a".repeat(100_000))),
            414,
            "uri_too_large",
        ),
        opens(
            "6455 10.4",
            "a header of 4 KB",
            &request().with("X-Any", &"a".repeat(4_096)),
        ),
    ]
}

fn arrivals(request: &Request) -> Vec<Case> {
    let mut cases = Vec::new();
    let bytes = request.bytes();
    for size in [1, 2, 3, 100] {
        let steps = vec![
            Step::Trickle(bytes.clone(), size),
            Step::Status(101),
            Step::Send(frame(TEXT, b"hola")),
            Step::Message("hola".into()),
        ];
        let name = format!("the handshake, {size} bytes at a time");
        cases.push(Case::plain("6455 4.2", name, steps).over(Opening::Bare));
    }
    for (name, behind, step) in [
        ("a text", frame(TEXT, b"hola"), Step::Message("hola".into())),
        ("a ping", frame(PING, b"p"), Step::Pong(b"p".to_vec())),
        (
            "a close",
            crate::wire::close(1000, b""),
            Step::Answered(Some(1000)),
        ),
        ("a breach", frame(0x83, b""), Step::Close(Some(1002))),
    ] {
        let together = [bytes.clone(), behind].concat();
        for (how, size) in [("in the same packet", together.len()), ("a byte at a time", 1)] {
            let steps = vec![
                Step::Trickle(together.clone(), size),
                Step::Status(101),
                step.clone(),
            ];
            let name = format!("{name} behind the handshake, {how}");
            cases.push(Case::plain("6455 4.1", name, steps).over(Opening::Bare));
        }
    }
    let after = Request::clone(request)
        .without("Upgrade")
        .without("Connection")
        .without("Sec-WebSocket-Key");
    let steps = vec![
        Step::Send(after.bytes()),
        Step::Status(200),
        Step::Body,
        Step::Send(bytes),
        Step::Status(101),
        Step::Send(frame(TEXT, b"hola")),
        Step::Message("hola".into()),
    ];
    cases.push(
        Case::plain("6455 4.1", "a handshake on a connection that asked before", steps).over(Opening::Bare),
    );
    cases
}
