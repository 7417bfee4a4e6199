//! Sizes that an endpoint may bound (RFC 6455, sections 7.4.1 and 10.4); the server's bounds are its defaults.

use super::{closed, hola_in};
use crate::case::{Case, Opening, Step};
use crate::wire::{GOES_ON, TEXT, TEXT_BEGINS, Width, frame, header};

const SECTION: &str = "6455 10.4";
/// `limits.message_bytes`.
const MESSAGE: usize = 65_536;
/// More than a flood of bytes may cost the server.
const MEMORY: u64 = 8 << 20;

pub(super) fn cases() -> Vec<Case> {
    [sizes(), lines()].concat()
}

/// What ends a connection.
fn sizes() -> Vec<Case> {
    let row = |name: &str, bytes| Case::plain(SECTION, name, closed(bytes, 1009));
    let mut cases = vec![
        row("65,537 bytes", frame(TEXT, &hola_in(MESSAGE + 1))),
        row(
            "65,537 bytes declared, none sent",
            header(TEXT, 65_537, Width::SixtyFour),
        ),
        row(
            "2^62 bytes declared, none sent",
            header(TEXT, 1 << 62, Width::SixtyFour),
        ),
        row(
            "65,000 bytes and 600 more",
            [frame(TEXT_BEGINS, &[b'x'; 65_000]), frame(0x80, &[b'x'; 600])].concat(),
        ),
        row(
            "the 65th piece, empty",
            [frame(TEXT_BEGINS, b""), frame(GOES_ON, b"").repeat(64)].concat(),
        ),
        row(
            "the 65th piece, one byte each",
            [frame(TEXT_BEGINS, b"x"), frame(GOES_ON, b"x").repeat(64)].concat(),
        ),
    ];
    let whole = [frame(TEXT_BEGINS, &hola_in(60_000)), frame(0x80, &[b' '; 5_536])].concat();
    let steps = vec![Step::Send(whole), Step::Message("hola".into()), Step::Lives];
    cases.push(Case::plain(SECTION, "65,536 bytes in two pieces", steps));
    let endless = [
        frame(TEXT_BEGINS, b"x"),
        frame(GOES_ON, &[b'x'; 30_000]).repeat(100),
    ]
    .concat();
    let steps = vec![
        Step::ForgetPeak,
        Step::Send(endless),
        Step::Close(Some(1009)),
        Step::PeakBelow(MEMORY),
    ];
    cases.push(Case::plain(
        SECTION,
        "a message without end costs no memory",
        steps,
    ));
    cases
}

/// What only costs the message.
fn lines() -> Vec<Case> {
    let mut cases = Vec::new();
    let steps = vec![
        Step::Send(frame(TEXT, "x".repeat(16_385).as_bytes())),
        Step::Refused("message_too_long"),
        Step::Lives,
    ];
    cases.push(Case::plain(
        SECTION,
        "a text of 16,385 bytes is refused, the connection lives",
        steps,
    ));
    for (name, line) in [
        ("no JSON", &b"{hola"[..]),
        ("no text in it", b"{}"),
        ("nested 10,000 deep", &[b'['; 10_000]),
    ] {
        // A line that begins with a bracket is words in the plain dialect.
        let line = if line.starts_with(b"[") {
            [b"{\"text\":", line].concat()
        } else {
            line.to_vec()
        };
        let steps = vec![
            Step::Send(frame(TEXT, &line)),
            Step::Refused("bad_request"),
            Step::Lives,
        ];
        cases.push(Case::plain(
            SECTION,
            format!("a line with {name} is refused, the connection lives"),
            steps,
        ));
    }
    let three = frame(TEXT, b"{hola").repeat(3);
    let steps = vec![Step::Send(three), Step::CloseAtLast(4400)];
    cases.push(Case::plain(
        SECTION,
        "three lines that are no JSON in a row",
        steps,
    ));
    let steps = vec![
        Step::Send(frame(TEXT, b"hola")),
        Step::Refused("bad_request"),
        Step::Lives,
    ];
    cases.push(
        Case::plain(
            SECTION,
            "no JSON in charla.v1 is refused, the connection lives",
            steps,
        )
        .over(Opening::V1),
    );
    cases
}
