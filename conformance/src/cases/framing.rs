//! Base framing (RFC 6455, sections 5.1, 5.2 and 5.6): masks, reserved bits, opcodes, lengths.

use super::{closed, heard, hola_in};
use crate::case::{Case, Opening, Step};
use crate::wire::{
    BINARY, CLOSE, ENDS, GOES_ON, PING, PONG, TEXT, TEXT_BEGINS, Width, close, frame, header, masked, pieces,
    unmasked, wide,
};

pub(super) fn cases() -> Vec<Case> {
    [masks(), reserved(), lengths(), trickles(), packets(), data()].concat()
}

fn masks() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, first, payload) in [
        ("text", TEXT, &b"hola"[..]),
        ("empty text", TEXT, b""),
        ("binary", BINARY, b"hola"),
        ("ping", PING, b""),
        ("pong", PONG, b""),
        ("close", CLOSE, b"\x03\xe8"),
    ] {
        let name = format!("{name} without mask");
        cases.push(Case::plain(
            "6455 5.1",
            name,
            closed(unmasked(first, payload), 1002),
        ));
    }
    let behind = [frame(TEXT_BEGINS, b"ho"), unmasked(ENDS, b"la")].concat();
    cases.push(Case::plain(
        "6455 5.1",
        "continuation without mask",
        closed(behind, 1002),
    ));
    for mask in [[0, 0, 0, 0], [255; 4], [0, 1, 2, 3], *b"hola"] {
        for length in [1_usize, 3, 4, 5, 7, 8, 9, 13] {
            let text = "abcdefghijklm".get(..length).unwrap_or_default();
            let bytes = masked(TEXT, text.as_bytes(), Width::Seven, mask);
            let name = format!("mask {mask:02x?} over {length} bytes");
            cases.push(Case::plain("6455 5.3", name, heard(bytes, text)));
        }
    }
    cases
}

fn reserved() -> Vec<Case> {
    let mut cases = Vec::new();
    for bits in 1..8_u8 {
        for (name, first) in [
            ("text", TEXT),
            ("ping", PING),
            ("close", CLOSE),
            ("binary", BINARY),
        ] {
            let bytes = frame(first | bits << 4, if first == CLOSE { b"\x03\xe8" } else { b"" });
            let name = format!("{name} with reserved bits {bits:03b}");
            cases.push(Case::plain("6455 5.2", name, closed(bytes, 1002)));
        }
    }
    let late = [frame(TEXT_BEGINS, b"ho"), frame(ENDS | 0x20, b"la")].concat();
    cases.push(Case::plain(
        "6455 5.2",
        "continuation with a reserved bit",
        closed(late, 1002),
    ));
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15_u8] {
        for (name, payload) in [("empty", &b""[..]), ("with payload", b"hola")] {
            let bytes = frame(0x80 | opcode, payload);
            let name = format!("reserved opcode {opcode}, {name}");
            cases.push(Case::plain("6455 5.2", name, closed(bytes, 1002)));
        }
    }
    let inside = [frame(TEXT_BEGINS, b"ho"), frame(0x83, b""), frame(ENDS, b"la")].concat();
    cases.push(Case::plain(
        "6455 5.2",
        "reserved opcode inside a message",
        closed(inside, 1002),
    ));
    let steps = vec![
        Step::Send(frame(TEXT, b"hola")),
        Step::Message("hola".into()),
        Step::Send(frame(0x8b, b"")),
        Step::Close(Some(1002)),
    ];
    cases.push(Case::plain(
        "6455 5.2",
        "reserved opcode behind a good message",
        steps,
    ));
    cases
}

fn lengths() -> Vec<Case> {
    let mut cases = Vec::new();
    for length in [
        15_usize, 16, 124, 125, 126, 127, 128, 255, 256, 4_096, 32_768, 65_534, 65_535, 65_536,
    ] {
        let bytes = frame(TEXT, &hola_in(length));
        let name = format!("text of {length} bytes");
        cases.push(Case::plain("6455 5.2", name, heard(bytes, "hola")));
    }
    for length in [1_usize, 2, 125, 126, 1_000, 16_384] {
        let text = "x".repeat(length);
        let name = format!("{length} bytes come back whole");
        cases.push(Case::plain(
            "6455 5.6",
            name,
            heard(frame(TEXT, text.as_bytes()), text),
        ));
    }
    for (length, width) in [
        (15_usize, Width::Sixteen),
        (125, Width::Sixteen),
        (15, Width::SixtyFour),
        (125, Width::SixtyFour),
        (126, Width::SixtyFour),
        (65_535, Width::SixtyFour),
    ] {
        let bytes = wide(TEXT, &hola_in(length), width);
        let name = format!("{length} bytes, their length not in its shortest form ({width:?})");
        cases.push(Case::plain("6455 5.2", name, closed(bytes, 1002)));
    }
    for width in [Width::Sixteen, Width::SixtyFour] {
        let name = format!("a ping whose length is not in its shortest form ({width:?})");
        cases.push(Case::plain(
            "6455 5.2",
            name,
            closed(wide(PING, b"hola", width), 1002),
        ));
        let name = format!("nothing, its length not in its shortest form ({width:?})");
        cases.push(Case::plain(
            "6455 5.2",
            name,
            closed(wide(TEXT, b"", width), 1002),
        ));
    }
    for (length, code) in [
        (1_u64 << 63, 1002),
        (u64::MAX, 1002),
        ((1 << 63) - 1, 1009),
        (1 << 32, 1009),
    ] {
        let name = format!("a length of {length:#x} is declared");
        let bytes = header(TEXT, length, Width::SixtyFour);
        cases.push(Case::plain("6455 5.2", name, closed(bytes, code)));
    }
    cases
}

fn trickles() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, size) in [
        ("a byte", 1),
        ("2 bytes", 2),
        ("3 bytes", 3),
        ("5 bytes", 5),
        ("7 bytes", 7),
    ] {
        for length in [15_usize, 126, 300] {
            let bytes = frame(TEXT, &hola_in(length));
            let steps = vec![
                Step::Trickle(bytes, size),
                Step::Message("hola".into()),
                Step::Lives,
            ];
            cases.push(Case::plain(
                "6455 5.2",
                format!("text of {length} bytes, {name} at a time"),
                steps,
            ));
        }
    }
    for size in [997, 1_024, 4_096, 65_535] {
        let bytes = frame(TEXT, &hola_in(65_536));
        let steps = vec![
            Step::Trickle(bytes, size),
            Step::Message("hola".into()),
            Step::Lives,
        ];
        cases.push(Case::plain(
            "6455 5.2",
            format!("text of 65,536 bytes, {size} at a time"),
            steps,
        ));
    }
    cases
}

/// Several frames, cut where they should not matter.
fn packets() -> Vec<Case> {
    let mut cases = Vec::new();
    let said = || {
        vec![
            Step::Message("uno".into()),
            Step::Pong(b"p".to_vec()),
            Step::Message("dos".into()),
        ]
    };
    for size in [1, 2, 3, 4, 9, 1_000] {
        let name = format!("text, ping, pieces, pong and close, {size} bytes at a time");
        // What is stored and what is answered at once take different ways: the ping goes last.
        let bytes = [
            frame(TEXT, b"uno"),
            pieces(TEXT, &[b"d", b"o", b"s"]),
            frame(PONG, b""),
            frame(PING, b"p"),
        ]
        .concat();
        let steps = vec![
            Step::Trickle(bytes, size),
            Step::InAnyOrder(said()),
            Step::Trickle(close(1000, b"adios"), size),
            Step::Answered(Some(1000)),
        ];
        cases.push(Case::plain("6455 5.2", name, steps));
    }
    let all = [
        frame(PING, b"p"),
        frame(PONG, b""),
        frame(TEXT_BEGINS, b"d"),
        close(1000, b"adios"),
    ]
    .concat();
    let steps = vec![
        Step::Send(all),
        Step::Pong(b"p".to_vec()),
        Step::Answered(Some(1000)),
    ];
    cases.push(Case::plain(
        "6455 5.2",
        "ping, pong, a piece and the close in one packet",
        steps,
    ));
    cases
}

fn data() -> Vec<Case> {
    let mut cases = Vec::new();
    for opening in [Opening::Plain, Opening::V1] {
        for (name, bytes) in [
            ("a binary message", frame(BINARY, b"\x00\x01")),
            ("an empty binary message", frame(BINARY, b"")),
            ("a binary message in pieces", pieces(BINARY, &[b"\x00", b"\x01"])),
        ] {
            let name = format!("{name}, {opening:?}");
            cases.push(Case::plain("6455 5.6", name, closed(bytes, 1003)).over(opening));
        }
    }
    let send =
        br#"{"type":"send","ref":1,"chat":"5","id":"00000000-0000-4000-8000-00000000c0f1","text":"hola"}"#;
    let bytes = frame(TEXT, send);
    cases.push(Case::plain("6455 5.6", "a message of charla.v1", heard(bytes, "hola")).over(Opening::V1));
    for (name, first) in [("empty text", TEXT), ("empty text in two pieces", TEXT_BEGINS)] {
        let mut bytes = frame(first, b"");
        if first == TEXT_BEGINS {
            bytes.extend(frame(GOES_ON | 0x80, b""));
        }
        let steps = vec![Step::Send(bytes), Step::Refused("bad_request"), Step::Lives];
        cases.push(Case::plain(
            "6455 5.6",
            format!("{name} is a message, which is refused"),
            steps,
        ));
    }
    let many = (0..20).flat_map(|number| frame(TEXT, format!("n{number}").as_bytes()));
    let mut steps = vec![Step::Send(many.collect())];
    steps.extend((0..20).map(|number| Step::Message(format!("n{number}"))));
    cases.push(Case::plain(
        "6455 5.6",
        "twenty messages in one packet come back in order",
        steps,
    ));
    cases
}
