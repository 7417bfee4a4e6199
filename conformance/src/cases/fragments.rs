//! Fragmentation (RFC 6455, section 5.4).

use super::{closed, heard};
use crate::case::{Case, Step};
use crate::wire::{
    BINARY, BINARY_BEGINS, ENDS, GOES_ON, PING, PONG, TEXT, TEXT_BEGINS, close, frame, pieces,
};

const SECTION: &str = "6455 5.4";

pub(super) fn cases() -> Vec<Case> {
    [chunkings(), interleaved(), breaches()].concat()
}

/// Every way to cut a short text into pieces.
fn chunkings() -> Vec<Case> {
    const TEXT_OF_SIX: &[u8] = "añ€".as_bytes();
    let mut cases = Vec::new();
    for cuts in 0..32_u32 {
        let mut parts = Vec::new();
        let mut begin = 0;
        for at in 1..TEXT_OF_SIX.len() {
            if cuts & (1 << (at - 1)) != 0 {
                parts.push(TEXT_OF_SIX.get(begin..at).unwrap_or_default());
                begin = at;
            }
        }
        parts.push(TEXT_OF_SIX.get(begin..).unwrap_or_default());
        let sizes: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        let name = format!("pieces of {sizes:?} bytes");
        cases.push(Case::plain(SECTION, name, heard(pieces(TEXT, &parts), "añ€")));
    }
    for (name, parts) in [
        ("an empty first piece", vec![&b""[..], b"hola"]),
        ("an empty last piece", vec![b"hola", b""]),
        ("an empty middle piece", vec![b"ho", b"", b"la"]),
        ("empty pieces all around", vec![b"", b"ho", b"", b"", b"la", b""]),
    ] {
        cases.push(Case::plain(SECTION, name, heard(pieces(TEXT, &parts), "hola")));
    }
    let long = "x".repeat(64);
    for count in [2_usize, 32, 64] {
        let parts: Vec<&[u8]> = long.as_bytes().chunks(64 / count).collect();
        let bytes = pieces(TEXT, &parts);
        let name = format!("{count} pieces");
        cases.push(Case::plain(SECTION, name, heard(bytes.clone(), long.clone())));
        let steps = vec![Step::Trickle(bytes, 1), Step::Message(long.clone()), Step::Lives];
        cases.push(Case::plain(
            SECTION,
            format!("{count} pieces, a byte at a time"),
            steps,
        ));
    }
    cases
}

fn interleaved() -> Vec<Case> {
    let mut cases = Vec::new();
    let around = |control: Vec<u8>| [frame(TEXT_BEGINS, b"ho"), control, frame(ENDS, b"la")].concat();
    let steps = vec![
        Step::Send(around(frame(PING, b"p"))),
        Step::Pong(b"p".to_vec()),
        Step::Message("hola".into()),
    ];
    cases.push(Case::plain(
        SECTION,
        "a ping between pieces is answered before the message",
        steps,
    ));
    let steps = heard(around(frame(PONG, b"p")), "hola");
    cases.push(Case::plain(SECTION, "a pong between pieces", steps));
    let steps = vec![
        Step::Send(frame(TEXT_BEGINS, b"ho")),
        Step::Lives,
        Step::Send(frame(ENDS, b"la")),
        Step::Message("hola".into()),
    ];
    cases.push(Case::plain(SECTION, "the connection lives between pieces", steps));
    let mut bytes = frame(TEXT_BEGINS, b"");
    for letter in [b"h", b"o", b"l", b"a"] {
        bytes.extend(frame(PING, letter));
        bytes.extend(frame(GOES_ON, letter));
    }
    bytes.extend(frame(ENDS, b""));
    let mut steps = vec![Step::Send(bytes)];
    steps.extend(["h", "o", "l", "a"].map(|letter| Step::Pong(letter.into())));
    steps.push(Step::Message("hola".into()));
    cases.push(Case::plain(SECTION, "a ping before every piece", steps));
    let steps = vec![Step::Send(around(close(1000, b""))), Step::Answered(Some(1000))];
    cases.push(Case::plain(
        SECTION,
        "a close between pieces ends it, the message is never said",
        steps,
    ));
    let twice = [pieces(TEXT, &[b"u", b"no"]), pieces(TEXT, &[b"do", b"s"])].concat();
    let steps = vec![
        Step::Send(twice),
        Step::Message("uno".into()),
        Step::Message("dos".into()),
    ];
    cases.push(Case::plain(
        SECTION,
        "two messages in pieces, one after the other",
        steps,
    ));
    cases
}

fn breaches() -> Vec<Case> {
    let mut cases = Vec::new();
    let whole = || pieces(TEXT, &[b"u", b"no"]);
    for (name, bytes) in [
        ("a last piece of nothing", frame(ENDS, b"la")),
        ("a middle piece of nothing", frame(GOES_ON, b"la")),
        ("an empty piece of nothing", frame(ENDS, b"")),
        (
            "a text inside a message",
            [frame(TEXT_BEGINS, b"ho"), frame(TEXT, b"x")].concat(),
        ),
        (
            "a binary inside a message",
            [frame(TEXT_BEGINS, b"ho"), frame(BINARY, b"x")].concat(),
        ),
        (
            "a second beginning",
            [frame(TEXT_BEGINS, b"ho"), frame(TEXT_BEGINS, b"x")].concat(),
        ),
        (
            "a binary beginning inside a text",
            [frame(TEXT_BEGINS, b"ho"), frame(BINARY_BEGINS, b"x")].concat(),
        ),
        (
            "a text inside a binary",
            [frame(BINARY_BEGINS, b"ho"), frame(TEXT, b"x")].concat(),
        ),
    ] {
        cases.push(Case::plain(SECTION, name, closed(bytes, 1002)));
    }
    for (name, last) in [("last", ENDS), ("middle", GOES_ON)] {
        // Sent when the message is back: a breach does not wait for what is being stored.
        let steps = vec![
            Step::Send(whole()),
            Step::Message("uno".into()),
            Step::Send(frame(last, b"x")),
            Step::Close(Some(1002)),
        ];
        cases.push(Case::plain(
            SECTION,
            format!("a {name} piece behind a whole message"),
            steps,
        ));
    }
    cases
}
