//! Text is UTF-8 (RFC 6455, sections 5.6 and 8.1; RFC 3629).

use super::{closed, heard};
use crate::case::{Case, Step};
use crate::wire::{GOES_ON, TEXT, TEXT_BEGINS, frame, pieces};

const SECTION: &str = "6455 8.1";

/// The first and the last of each length, those around the surrogates, and those that are no characters.
const VALID: [char; 22] = [
    '\u{1}',
    '\u{7f}',
    '\u{80}',
    '\u{7ff}',
    '\u{800}',
    '\u{fff}',
    '\u{1000}',
    '\u{cfff}',
    '\u{d000}',
    '\u{d7ff}',
    '\u{e000}',
    '\u{fffd}',
    '\u{fffe}',
    '\u{ffff}',
    '\u{fdd0}',
    '\u{10000}',
    '\u{1fffe}',
    '\u{3ffff}',
    '\u{40000}',
    '\u{fffff}',
    '\u{100000}',
    '\u{10ffff}',
];

const INVALID: [(&str, &[u8]); 34] = [
    ("a continuation byte alone", b"\x80"),
    ("the last continuation byte alone", b"\xbf"),
    ("two continuation bytes", b"\x80\xbf"),
    ("seven continuation bytes", b"\x80\xbf\x80\xbf\x80\xbf\x80"),
    ("C0", b"\xc0"),
    ("C1 80", b"\xc1\x80"),
    ("C2 and a space", b"\xc2 "),
    ("DF and a letter", b"\xdfa"),
    ("E0 and a space", b"\xe0 "),
    ("EF and a letter", b"\xefa"),
    ("F0 and a space", b"\xf0 "),
    ("F4 and a letter", b"\xf4a"),
    ("two of three bytes", b"\xe2\x82a"),
    ("three of four bytes", b"\xf0\x9f\x98a"),
    ("C2 at the end", b"\xc2"),
    ("E2 82 at the end", b"\xe2\x82"),
    ("F0 9F 98 at the end", b"\xf0\x9f\x98"),
    ("an overlong slash in two bytes", b"\xc0\xaf"),
    ("an overlong slash in three", b"\xe0\x80\xaf"),
    ("an overlong slash in four", b"\xf0\x80\x80\xaf"),
    ("an overlong NUL", b"\xc0\x80"),
    ("the longest overlong in two", b"\xc1\xbf"),
    ("the longest overlong in three", b"\xe0\x9f\xbf"),
    ("the longest overlong in four", b"\xf0\x8f\xbf\xbf"),
    ("the first surrogate", b"\xed\xa0\x80"),
    ("the last surrogate", b"\xed\xbf\xbf"),
    ("a pair of surrogates", b"\xed\xa0\xbd\xed\xb8\x80"),
    ("U+110000", b"\xf4\x90\x80\x80"),
    ("F5", b"\xf5\x80\x80\x80"),
    ("F7 BF BF BF", b"\xf7\xbf\xbf\xbf"),
    ("five bytes", b"\xf8\x88\x80\x80\x80"),
    ("six bytes", b"\xfc\x84\x80\x80\x80\x80"),
    ("FE", b"\xfe"),
    ("FF", b"\xff"),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for letter in VALID {
        let text = format!("a{letter}z");
        let name = format!("U+{:04X}", u32::from(letter));
        cases.push(Case::plain(
            SECTION,
            name.clone(),
            heard(frame(TEXT, text.as_bytes()), text.clone()),
        ));
        if letter.len_utf8() > 1 {
            let parts: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            let steps = heard(pieces(TEXT, &parts), text.clone());
            cases.push(Case::plain(SECTION, format!("{name}, a byte a piece"), steps));
        }
    }
    for (name, wrong) in INVALID {
        let text = [b"hola ", wrong].concat();
        cases.push(Case::plain(SECTION, name, closed(frame(TEXT, &text), 1007)));
        let parts: Vec<&[u8]> = text.chunks(1).collect();
        let steps = closed(pieces(TEXT, &parts), 1007);
        cases.push(Case::plain(SECTION, format!("{name}, a byte a piece"), steps));
        let behind = [wrong, b" hola"].concat();
        let steps = closed(frame(TEXT, &behind), 1007);
        cases.push(Case::plain(SECTION, format!("{name}, with more behind"), steps));
    }
    early(&mut cases);
    cases
}

/// Text that can no longer become UTF-8 is told at its piece, not at the message's end.
fn early(cases: &mut Vec<Case>) {
    for (name, first, next) in [
        ("in the first piece", &b"hola \xff"[..], &b""[..]),
        ("in the second piece", b"hola ", b"\xed\xa0\x80"),
        ("where two pieces meet", b"hola \xe2", b"a"),
        ("a surrogate over two pieces", b"hola \xed", b"\xa0"),
        ("beyond U+10FFFF over two pieces", b"hola \xf4", b"\x90"),
    ] {
        let bytes = [frame(TEXT_BEGINS, first), frame(GOES_ON, next)].concat();
        cases.push(Case::plain(
            SECTION,
            format!("no UTF-8 {name}, the message unfinished"),
            closed(bytes, 1007),
        ));
    }
    let open = frame(TEXT_BEGINS, b"hola \xe2\x82");
    let rest = frame(0x80, b"\xac");
    let steps = vec![
        Step::Send(open),
        Step::Lives,
        Step::Send(rest),
        Step::Message("hola €".into()),
    ];
    cases.push(Case::plain(
        SECTION,
        "a letter over two pieces is waited for",
        steps,
    ));
}
