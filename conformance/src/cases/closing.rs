//! The closing handshake (RFC 6455, sections 5.5.1 and 7).

use super::closed;
use crate::case::{Case, Opening, Step};
use crate::wire::{CLOSE, PING, TEXT, TEXT_BEGINS, close, frame};

pub(super) fn cases() -> Vec<Case> {
    [codes(), bodies(), order()].concat()
}

fn codes() -> Vec<Case> {
    let mut cases = Vec::new();
    let valid = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3001, 3999, 4000, 4001,
        4500, 4999,
    ];
    for code in valid {
        let steps = vec![Step::Send(close(code, b"")), Step::Answered(Some(code))];
        cases.push(Case::plain(
            "6455 7.4",
            format!("code {code} is answered with itself"),
            steps,
        ));
    }
    let invalid = [
        0, 1, 500, 999, 1004, 1005, 1006, 1015, 1016, 1017, 1100, 1500, 2000, 2500, 2999, 5000, 5001, 6000,
        32_768, 65_535,
    ];
    for code in invalid {
        for (name, reason) in [("", &b""[..]), (" with a reason", b"adios")] {
            let name = format!("code {code}{name} may not be sent");
            cases.push(Case::plain("6455 7.4", name, closed(close(code, reason), 1002)));
        }
    }
    cases
}

fn bodies() -> Vec<Case> {
    let mut cases = Vec::new();
    let row = |name: &str, bytes: Vec<u8>, code| {
        let last = if matches!(code, Some(1002 | 1007)) {
            Step::Close(code)
        } else {
            Step::Answered(code)
        };
        Case::plain("6455 5.5.1", name, vec![Step::Send(bytes), last])
    };
    cases.push(row("without body", frame(CLOSE, b""), None));
    cases.push(row("with a body of one byte", frame(CLOSE, b"\x03"), Some(1002)));
    let longest = "ñ".repeat(61) + "n";
    cases.push(row(
        "with a reason of 123 bytes",
        close(1000, longest.as_bytes()),
        Some(1000),
    ));
    cases.push(row(
        "with a reason of 124 bytes",
        close(1000, &[b'x'; 124]),
        Some(1002),
    ));
    cases.push(row("with a reason of one letter", close(4000, b"x"), Some(4000)));
    for (name, reason) in [
        ("a lone byte", &b"\xff"[..]),
        ("a surrogate", b"\xed\xa0\x80"),
        ("a letter cut short", b"a\xc3"),
        ("an overlong form", b"\xc0\xaf"),
        ("beyond U+10FFFF", b"\xf4\x90\x80\x80"),
    ] {
        let name = format!("with a reason that is not UTF-8: {name}");
        cases.push(row(&name, close(1000, reason), Some(1007)));
    }
    for size in [1, 2, 3] {
        let steps = vec![
            Step::Trickle(close(1000, b"adios"), size),
            Step::Answered(Some(1000)),
        ];
        cases.push(Case::plain(
            "6455 5.5.1",
            format!("{size} bytes at a time"),
            steps,
        ));
    }
    cases
}

fn order() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, behind) in [
        ("a text", frame(TEXT, b"hola")),
        ("a ping", frame(PING, b"p")),
        ("a second close", close(1001, b"")),
        ("a breach", frame(0x83, b"")),
        ("noise", vec![0xff; 40]),
    ] {
        let behind_breach = behind.clone();
        let bytes = [close(1000, b""), behind].concat();
        let steps = vec![Step::Send(bytes), Step::Answered(Some(1000))];
        cases.push(Case::plain(
            "6455 5.5.1",
            format!("{name} behind a close is not heard"),
            steps,
        ));
        let breach = [frame(0x83, b""), behind_breach].concat();
        cases.push(Case::plain(
            "6455 7.1.7",
            format!("{name} behind a breach is not heard"),
            closed(breach, 1002),
        ));
    }
    let steps = vec![
        Step::Send(frame(TEXT_BEGINS, b"ho")),
        Step::Send(close(1000, b"")),
        Step::Answered(Some(1000)),
    ];
    cases.push(Case::plain("6455 5.5.1", "a close inside a message", steps));
    for opening in [Opening::Plain, Opening::V1, Opening::Deflate] {
        let name = format!("the server ends the socket when it is answered, {opening:?}");
        cases.push(Case::plain("6455 7.1.1", name, vec![Step::EndsFirst(1003)]).over(opening));
    }
    let refused = Case::plain(
        "6455 7.1.1",
        "the server ends the socket when a refusal is answered",
        vec![Step::EndsFirst(4401)],
    );
    cases.push(refused.over(Opening::Bare));
    let steps = vec![
        Step::Send(frame(TEXT, b"hola")),
        Step::Message("hola".into()),
        Step::Leaves,
    ];
    cases.push(Case::plain(
        "6455 7.1.5",
        "a client that goes without a word",
        steps,
    ));
    cases
}
