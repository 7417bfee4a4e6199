//! Compressed messages (RFC 7692, sections 6 and 7.2).

use super::{closed, heard, hola_in};
use crate::case::{Case, Opening, Step};
use crate::squeeze::{deflate, final_block, finished, in_blocks, stored, with_take_over};
use crate::wire::{BINARY, CLOSE, ENDS, GOES_ON, PING, PONG, RSV1, TEXT, TEXT_BEGINS, frame, pieces};

/// More than inflating a bomb may cost the server.
const MEMORY: u64 = 8 << 20;

pub(super) fn cases() -> Vec<Case> {
    let cases = [
        messages(),
        pieces_of_them(),
        blocks(),
        behind_final_blocks(),
        answers(),
        breaches(),
        bombs(),
    ]
    .concat();
    let over = |case: Case| {
        if case.opening == Opening::V1 {
            case
        } else {
            case.over(Opening::Deflate)
        }
    };
    let mut cases: Vec<Case> = cases.into_iter().map(over).collect();
    let squeezed = frame(TEXT | RSV1, &deflate(b"hola", 6));
    cases.push(Case::plain(
        "7692 6",
        "compressed, though nobody offered it",
        closed(squeezed.clone(), 1002),
    ));
    cases.push(Case::plain("7692 6", "the same in charla.v1", closed(squeezed, 1002)).over(Opening::V1));
    cases
}

fn squeezed(payload: &[u8]) -> Vec<u8> {
    frame(TEXT | RSV1, payload)
}

fn messages() -> Vec<Case> {
    let mut cases = Vec::new();
    for level in 0..=9 {
        for length in [1_usize, 100, 5_000] {
            let text: String = ('a'..='z').cycle().take(length).collect();
            let name = format!("{length} letters at level {level}");
            cases.push(Case::plain(
                "7692 7.2.2",
                name,
                heard(squeezed(&deflate(text.as_bytes(), level)), text),
            ));
        }
    }
    for length in [126_usize, 65_535, 65_536] {
        let name = format!("{length} bytes when inflated");
        cases.push(Case::plain(
            "7692 7.2.2",
            name,
            heard(squeezed(&deflate(&hola_in(length), 6)), "hola"),
        ));
    }
    cases.push(Case::plain(
        "7692 6",
        "not compressed, though it might be",
        heard(frame(TEXT, b"hola"), "hola"),
    ));
    let both = [
        squeezed(&deflate(b"uno", 6)),
        frame(TEXT, b"dos"),
        squeezed(&deflate(b"tres", 6)),
    ]
    .concat();
    let steps = ["uno", "dos", "tres"].map(|text| Step::Message(text.into()));
    let steps = [vec![Step::Send(both)], steps.into()].concat();
    cases.push(Case::plain("7692 6", "compressed and not, in turn", steps));
    for (name, empty) in [
        ("one byte of zero", &b"\x00"[..]),
        ("no byte at all", b""),
        ("a block of its own", b"\x02\x00"),
    ] {
        let steps = vec![
            Step::Send(squeezed(empty)),
            Step::Refused("bad_request"),
            Step::Lives,
        ];
        cases.push(Case::plain(
            "7692 7.2.3.6",
            format!("an empty message as {name}"),
            steps,
        ));
    }
    cases
}

fn pieces_of_them() -> Vec<Case> {
    let mut cases = Vec::new();
    let whole = deflate("hola, ¿qué tal?".as_bytes(), 6);
    for size in 1..whole.len() {
        let parts: Vec<&[u8]> = whole.chunks(size).collect();
        let steps = heard(pieces(TEXT | RSV1, &parts), "hola, ¿qué tal?");
        cases.push(Case::plain("7692 6.1", format!("pieces of {size} bytes"), steps));
    }
    let steps = vec![
        Step::Trickle(squeezed(&whole), 1),
        Step::Message("hola, ¿qué tal?".into()),
    ];
    cases.push(Case::plain("7692 6.1", "a byte at a time", steps));
    let (front, back) = whole.split_at(4);
    let around = [
        frame(TEXT_BEGINS | RSV1, front),
        frame(PING, b"p"),
        frame(ENDS, back),
    ]
    .concat();
    let steps = vec![
        Step::Send(around),
        Step::Pong(b"p".to_vec()),
        Step::Message("hola, ¿qué tal?".into()),
    ];
    cases.push(Case::plain(
        "7692 6.1",
        "a ping between pieces is not compressed",
        steps,
    ));
    cases
}

fn blocks() -> Vec<Case> {
    let row = |section, name: &str, payload: &[u8], text: &str| {
        Case::plain(section, name, heard(squeezed(payload), text))
    };
    vec![
        row(
            "7692 7.2.3.1",
            "the RFC's own example",
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
            "Hello",
        ),
        row(
            "7692 7.2.3.3",
            "the RFC's stored block",
            &[0x00, 0x05, 0x00, 0xfa, 0xff, b'H', b'e', b'l', b'l', b'o', 0x00],
            "Hello",
        ),
        row(
            "7692 7.2.3.4",
            "the RFC's final block",
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            "Hello",
        ),
        row(
            "7692 7.2.3.5",
            "the RFC's two blocks",
            &[
                0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
            ],
            "Hello",
        ),
        row(
            "7692 7.2.1",
            "three flushes",
            &in_blocks(&[b"uno ", b"dos ", b"tres"]),
            "uno dos tres",
        ),
        row(
            "7692 7.2.1",
            "a block a letter",
            &in_blocks(&[b"h", b"o", b"l", b"a"]),
            "hola",
        ),
        row(
            "7692 7.2.1",
            "stored blocks",
            &[stored(b"ho", false), stored(b"la", false), vec![0]].concat(),
            "hola",
        ),
        row(
            "7692 7.2.1",
            "an empty stored block in front",
            &[stored(b"", false), stored(b"hola", false), vec![0]].concat(),
            "hola",
        ),
        row(
            "7692 7.2.1",
            "a stored block of 16,384 bytes",
            &[stored(&[b'x'; 16_384], false), vec![0]].concat(),
            &"x".repeat(16_384),
        ),
        row(
            "7692 7.2.1",
            "stored, then compressed",
            &[stored(b"ho", false), deflate(b"la", 6)].concat(),
            "hola",
        ),
    ]
}

/// A stream may say that it is the last and be followed by another.
fn behind_final_blocks() -> Vec<Case> {
    let hello = b"Hello";
    let row = |section, name: &str, payload: &[u8], text: &str| {
        Case::plain(section, name, heard(squeezed(payload), text))
    };
    vec![
        row("7692 7.2.3.4", "a final block", &final_block(hello), "Hello"),
        row(
            "7692 7.2.3.4",
            "a final block with nothing behind",
            &finished(hello),
            "Hello",
        ),
        row(
            "7692 7.2.3.4",
            "a final stored block",
            &[stored(hello, true), vec![0]].concat(),
            "Hello",
        ),
        row(
            "7692 7.2.1",
            "a block behind a final block",
            &[finished(b"ho"), deflate(b"la", 6)].concat(),
            "hola",
        ),
        row(
            "7692 7.2.1",
            "a stored block behind a final one",
            &[stored(b"ho", true), stored(b"la", false), vec![0]].concat(),
            "hola",
        ),
        row(
            "7692 7.2.1",
            "three final blocks",
            &[finished(b"u"), finished(b"n"), final_block(b"o")].concat(),
            "uno",
        ),
    ]
}

fn answers() -> Vec<Case> {
    let long = "la ".repeat(400) + "fin";
    let steps = |bytes: Vec<u8>| vec![Step::Send(bytes), Step::Squeezed(long.clone()), Step::Lives];
    let mut cases = vec![
        Case::plain(
            "7692 7.2.1",
            "what is long comes back compressed",
            steps(squeezed(&deflate(long.as_bytes(), 6))),
        ),
        Case::plain(
            "7692 7.2.1",
            "also when it came uncompressed",
            steps(frame(TEXT, long.as_bytes())),
        ),
    ];
    let both = [frame(TEXT, long.as_bytes()), frame(TEXT, long.as_bytes())].concat();
    let twice = vec![
        Step::Send(both),
        Step::Squeezed(long.clone()),
        Step::Squeezed(long),
    ];
    cases.push(Case::plain(
        "7692 7.1.1.1",
        "each answer inflates by itself",
        twice,
    ));
    let (first, second) = with_take_over(b"hola hola hola", b"hola hola hola");
    let steps = vec![
        Step::Send(squeezed(&first)),
        Step::Message("hola hola hola".into()),
        Step::Send(squeezed(&second)),
        Step::Close(Some(1002)),
    ];
    cases.push(Case::plain(
        "7692 7.1.1.2",
        "a message that needs the one before, against the agreement",
        steps,
    ));
    cases
}

fn breaches() -> Vec<Case> {
    let mut cases = Vec::new();
    let good = deflate(b"hola", 6);
    let (front, back) = good.split_at(2);
    for (name, bytes) in [
        ("a compressed ping", frame(PING | RSV1, b"")),
        ("a compressed pong", frame(PONG | RSV1, b"")),
        ("a compressed close", frame(CLOSE | RSV1, b"\x03\xe8")),
        (
            "a piece that says compressed",
            [frame(TEXT_BEGINS | RSV1, front), frame(ENDS | RSV1, back)].concat(),
        ),
        (
            "a piece that says so of a plain text",
            [frame(TEXT_BEGINS, b"ho"), frame(ENDS | RSV1, b"la")].concat(),
        ),
        (
            "a middle piece that says so",
            [frame(TEXT_BEGINS | RSV1, front), frame(GOES_ON | RSV1, b"")].concat(),
        ),
        ("RSV2", frame(TEXT | 0x20, b"hola")),
        ("RSV3", frame(TEXT | 0x10, b"hola")),
        ("RSV1 and RSV2", frame(TEXT | RSV1 | 0x20, &good)),
    ] {
        cases.push(Case::plain("7692 6", name, closed(bytes, 1002)));
    }
    for (name, payload) in [
        ("noise", &[0xff; 40][..]),
        ("a block of the reserved kind", &[0x06]),
        (
            "a stored block whose length belies itself",
            &[0x00, 0x05, 0x00, 0x00, 0x00, b'H', b'e', b'l', b'l', b'o', 0x00],
        ),
        (
            "a stored block that ends early",
            &[0x00, 0x05, 0x00, 0xfa, 0xff, b'H', b'e'],
        ),
        ("plain text that claims to be compressed", b"hola, hola, hola"),
        ("a distance before the beginning", &[0x4b, 0x04, 0x61, 0x00]),
        ("a compressed block cut short", front),
    ] {
        cases.push(Case::plain("7692 7.2.2", name, closed(squeezed(payload), 1002)));
    }
    for (name, text) in [
        ("a lone byte", &b"hola \xff"[..]),
        ("a surrogate", b"\xed\xa0\x80"),
        ("a letter cut short", b"hola \xc3"),
    ] {
        let name = format!("inflates to what is no UTF-8: {name}");
        cases.push(Case::plain(
            "6455 8.1",
            name,
            closed(squeezed(&deflate(text, 6)), 1007),
        ));
    }
    cases.push(Case::plain(
        "6455 5.6",
        "a compressed binary message",
        closed(frame(BINARY | RSV1, &good), 1003),
    ));
    cases
}

fn bombs() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, size) in [("65,537 bytes", 65_537), ("1 MiB", 1 << 20), ("60 MiB", 60 << 20)] {
        let bomb = deflate(&vec![b' '; size], 9);
        let steps = vec![
            Step::ForgetPeak,
            Step::Send(squeezed(&bomb)),
            Step::Close(Some(1009)),
            Step::PeakBelow(MEMORY),
        ];
        cases.push(Case::plain(
            "7692 8",
            format!("{} bytes that inflate to {name}", bomb.len()),
            steps,
        ));
    }
    let bomb = deflate(&vec![b' '; 30 << 20], 9);
    let parts: Vec<&[u8]> = bomb.chunks(bomb.len().div_ceil(50)).collect();
    let steps = vec![
        Step::ForgetPeak,
        Step::Send(pieces(TEXT | RSV1, &parts)),
        Step::Close(Some(1009)),
        Step::PeakBelow(MEMORY),
    ];
    cases.push(Case::plain("7692 8", "a bomb in fifty pieces", steps));
    cases
}
