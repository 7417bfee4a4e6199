//! Which offers of extensions are taken (RFC 6455, section 9.1; RFC 7692, sections 5 and 7.1).

use crate::case::{Case, Opening, Step};
use crate::peer::{ACCEPTED, Place};
use crate::request::Request;
use crate::wire::{RSV1, TEXT, frame};

/// Offers that the server takes, always with [`ACCEPTED`].
const TAKEN: [&str; 19] = [
    "permessage-deflate",
    "permessage-deflate; server_no_context_takeover",
    "permessage-deflate; client_no_context_takeover",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; client_max_window_bits=8",
    "permessage-deflate; client_max_window_bits=15",
    "permessage-deflate; client_max_window_bits=\"10\"",
    "permessage-deflate;client_max_window_bits",
    "permessage-deflate ; client_max_window_bits = 10",
    "permessage-deflate; client_max_window_bits; server_no_context_takeover; client_no_context_takeover",
    "x-unknown, permessage-deflate",
    "x-unknown; a=b; c=\"d\", permessage-deflate",
    "x-unknown; a=\"b\\c\", permessage-deflate; client_max_window_bits=\"1\\0\"",
    ", permessage-deflate,",
    "permessage-deflate; server_max_window_bits=10, permessage-deflate",
    "permessage-deflate; nonsense, permessage-deflate; client_max_window_bits",
    "permessage-deflate, permessage-deflate; server_no_context_takeover",
    "permessage-bzip2, permessage-deflate",
];

/// Offers that it declines, as it must or may: the connection opens without compression.
const DECLINED: [&str; 25] = [
    "x-unknown",
    "permessage-bzip2",
    "x-webkit-deflate-frame",
    "PERMESSAGE-DEFLATE",
    "permessage-deflate; server_max_window_bits=8",
    "permessage-deflate; server_max_window_bits=10",
    "permessage-deflate; server_max_window_bits=15",
    "permessage-deflate; server_max_window_bits",
    "permessage-deflate; server_max_window_bits=16",
    "permessage-deflate; nonsense",
    "permessage-deflate; nonsense=1",
    "permessage-deflate; server_no_context_takeover=1",
    "permessage-deflate; server_no_context_takeover=\"true\"",
    "permessage-deflate; client_no_context_takeover=15",
    "permessage-deflate; client_max_window_bits=7",
    "permessage-deflate; client_max_window_bits=16",
    "permessage-deflate; client_max_window_bits=0",
    "permessage-deflate; client_max_window_bits=08",
    "permessage-deflate; client_max_window_bits=+9",
    "permessage-deflate; client_max_window_bits=9a",
    "permessage-deflate; client_max_window_bits=1000000000000000000000",
    "permessage-deflate; client_max_window_bits; client_max_window_bits",
    "permessage-deflate; client_max_window_bits=9; client_max_window_bits=10",
    "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
];

/// What is no list of extensions at all fails the handshake (RFC 6455, section 9.1).
const MALFORMED: [&str; 15] = [
    "x-unknown; a=\"b, c\", permessage-deflate",
    "x-unknown; a=\"b\\\"c\", permessage-deflate",
    "permessage-deflate; client_max_window_bits=\"10\\",
    "permessage-deflate;",
    "permessage-deflate;;client_max_window_bits",
    "; client_max_window_bits",
    "permessage-deflate; =10",
    "permessage-deflate; client_max_window_bits=",
    "permessage-deflate; client_max_window_bits=\"10",
    "permessage-deflate; client_max_window_bits=\"\"",
    "permessage-deflate; client_max_window_bits=\"1 0\"",
    "permessage deflate",
    "permessage-deflate client_max_window_bits",
    "permessage-deflate=10",
    "permessage-deflate; client_max_window_bits=10 11",
];

pub(super) fn cases(place: &Place) -> Vec<Case> {
    let asks = |offer: &str| Request::handshake(place).with("Sec-WebSocket-Extensions", offer);
    let row = |section, name: String, request: &Request, rest: Vec<Step>| {
        let steps = [vec![Step::Send(request.bytes())], rest].concat();
        Case::plain(section, name, steps).over(Opening::Bare)
    };
    let echo = || {
        vec![
            Step::Send(frame(TEXT, b"hola")),
            Step::Message("hola".into()),
            Step::Lives,
        ]
    };
    let taken = || {
        [
            vec![
                Step::Status(101),
                Step::Header("sec-websocket-extensions", ACCEPTED.into()),
            ],
            echo(),
        ]
        .concat()
    };
    let declined = || {
        [
            vec![Step::Status(101), Step::NoHeader("sec-websocket-extensions")],
            echo(),
        ]
        .concat()
    };
    let mut cases = Vec::new();
    for offer in TAKEN {
        cases.push(row("7692 7.1", format!("takes `{offer}`"), &asks(offer), taken()));
    }
    for offer in DECLINED {
        cases.push(row(
            "7692 7.1",
            format!("declines `{offer}`"),
            &asks(offer),
            declined(),
        ));
    }
    for offer in MALFORMED {
        let steps = vec![Step::Status(400), Step::Cause("bad_request")];
        cases.push(row("6455 9.1", format!("refuses `{offer}`"), &asks(offer), steps));
    }
    let lines = asks("x-unknown").with("Sec-WebSocket-Extensions", "permessage-deflate");
    cases.push(row("6455 11.3.2", "offers in two lines".into(), &lines, taken()));
    cases.push(row(
        "6455 9.1",
        "an empty list is none".into(),
        &asks(""),
        declined(),
    ));
    let squeezed = frame(TEXT | RSV1, &crate::squeeze::deflate(b"hola", 6));
    let steps = vec![
        Step::Status(101),
        Step::NoHeader("sec-websocket-extensions"),
        Step::Send(squeezed),
        Step::Close(Some(1002)),
    ];
    let name = "compressed, though the offer was declined".into();
    cases.push(row(
        "7692 6",
        name,
        &asks("permessage-deflate; server_max_window_bits=9"),
        steps,
    ));
    cases
}
