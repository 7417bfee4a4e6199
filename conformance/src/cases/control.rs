//! Control frames (RFC 6455, section 5.5): sizes, pings, pongs.

use super::{closed, heard};
use crate::case::{Case, Step};
use crate::wire::{CLOSE, PING, PONG, TEXT, Width, frame, header};

pub(super) fn cases() -> Vec<Case> {
    [forms(), pings(), pongs()].concat()
}

fn forms() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, opcode) in [("ping", PING), ("pong", PONG), ("close", CLOSE)] {
        let row =
            |what: &str, bytes| Case::plain("6455 5.5", format!("a {name} {what}"), closed(bytes, 1002));
        cases.push(row("of 126 bytes", frame(opcode, &[3; 126])));
        cases.push(row("of 65,536 bytes", frame(opcode, &[3; 65_536])));
        cases.push(row(
            "that declares 126 bytes and sends none",
            header(opcode, 126, Width::Sixteen),
        ));
        cases.push(row("that begins a fragment", frame(opcode & 0x0f, b"\x03\xe8")));
        cases.push(row("that begins an empty fragment", frame(opcode & 0x0f, b"")));
    }
    cases
}

fn pings() -> Vec<Case> {
    let mut cases = Vec::new();
    for length in [0_usize, 1, 4, 124, 125] {
        let payload: Vec<u8> = (0..=255).cycle().skip(200).take(length).collect();
        let steps = vec![
            Step::Send(frame(PING, &payload)),
            Step::Pong(payload),
            Step::Lives,
        ];
        cases.push(Case::plain(
            "6455 5.5.2",
            format!("a ping with {length} bytes of any kind"),
            steps,
        ));
    }
    for size in [1, 2, 5] {
        let steps = vec![
            Step::Trickle(frame(PING, &[9; 125]), size),
            Step::Pong(vec![9; 125]),
            Step::Lives,
        ];
        cases.push(Case::plain(
            "6455 5.5.2",
            format!("a ping of 125 bytes, {size} at a time"),
            steps,
        ));
    }
    let five = (0..5_u8).flat_map(|number| frame(PING, &[number]));
    let mut steps = vec![Step::Send(five.collect())];
    steps.extend((0..5).map(|number| Step::Pong(vec![number])));
    cases.push(Case::plain(
        "6455 5.5.2",
        "five pings are answered in order",
        steps,
    ));
    let bytes = [frame(TEXT, b"hola"), frame(PING, b"p")].concat();
    let steps = vec![
        Step::Send(bytes),
        Step::InAnyOrder(vec![Step::Message("hola".into()), Step::Pong(b"p".to_vec())]),
    ];
    cases.push(Case::plain("6455 5.5.2", "a ping behind a text", steps));
    let flood = frame(PING, b"").repeat(300);
    cases.push(Case::plain(
        "6455 5.5.2",
        "300 pings at once",
        vec![Step::Send(flood), Step::CloseAtLast(4413)],
    ));
    cases
}

fn pongs() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, payload) in [("empty", &b""[..]), ("of 125 bytes", &[7; 125])] {
        let bytes = [frame(PONG, payload), frame(TEXT, b"hola")].concat();
        cases.push(Case::plain(
            "6455 5.5.3",
            format!("a pong that nobody asked for, {name}"),
            heard(bytes, "hola"),
        ));
    }
    let bytes = [frame(PONG, b"x").repeat(300), frame(TEXT, b"hola")].concat();
    cases.push(Case::plain(
        "6455 5.5.3",
        "300 pongs that nobody asked for",
        heard(bytes, "hola"),
    ));
    cases
}
