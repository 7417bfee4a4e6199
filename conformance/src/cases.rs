//! The table, section by section.

use crate::case::{Case, Step};
use crate::peer::Place;

mod closing;
mod control;
mod deflate;
mod fragments;
mod framing;
mod handshake;
mod limits;
mod negotiation;
mod utf8;

/// All rows.
pub(crate) fn all(place: &Place) -> Vec<Case> {
    [
        handshake::cases(place),
        framing::cases(),
        fragments::cases(),
        control::cases(),
        closing::cases(),
        utf8::cases(),
        limits::cases(),
        negotiation::cases(place),
        deflate::cases(),
    ]
    .concat()
}

/// Expectations that are knowingly wrong: one that is met is a checker that sees nothing.
pub(crate) fn wrong(place: &Place) -> Vec<Case> {
    use crate::request::Request;
    use crate::wire::{PING, TEXT, close, frame, unmasked};
    let text = || frame(TEXT, b"hola");
    let row = |name: &str, steps| Case::plain("self", name, steps);
    vec![
        row(
            "another text",
            vec![Step::Send(text()), Step::Message("adios".into())],
        ),
        row(
            "a message where an error is due",
            vec![Step::Send(frame(TEXT, b"{")), Step::Message("{".into())],
        ),
        row(
            "another code",
            vec![Step::Send(unmasked(TEXT, b"a")), Step::Close(Some(1003))],
        ),
        row(
            "no code",
            vec![Step::Send(close(1000, b"")), Step::Answered(None)],
        ),
        row(
            "life after a breach",
            vec![Step::Send(unmasked(TEXT, b"a")), Step::Lives],
        ),
        row(
            "silence where an error is due",
            vec![Step::Send(frame(TEXT, b"{")), Step::Lives],
        ),
        row(
            "another pong",
            vec![Step::Send(frame(PING, b"a")), Step::Pong(b"b".to_vec())],
        ),
        row(
            "a close that nobody asked for",
            vec![Step::Send(text()), Step::Close(Some(1000))],
        ),
        row(
            "an end that nobody asked for",
            vec![Step::Send(text()), Step::End],
        ),
        row(
            "compression without an agreement",
            vec![Step::Send(text()), Step::Squeezed("hola".into())],
        ),
        row(
            "another status",
            vec![
                Step::Send(Request::handshake(place).method("POST").bytes()),
                Step::Status(101),
            ],
        )
        .over(crate::case::Opening::Bare),
        row(
            "another header",
            vec![
                Step::Send(Request::handshake(place).bytes()),
                Step::Status(101),
                Step::Header("sec-websocket-accept", "x".into()),
            ],
        )
        .over(crate::case::Opening::Bare),
    ]
}

/// Sends these bytes and hears this text.
fn heard(bytes: Vec<u8>, text: impl Into<String>) -> Vec<Step> {
    vec![Step::Send(bytes), Step::Message(text.into()), Step::Lives]
}

/// Sends these bytes and is closed with this code.
fn closed(bytes: Vec<u8>, code: u16) -> Vec<Step> {
    vec![Step::Send(bytes), Step::Close(Some(code))]
}

/// A line of the plain dialect that says "hola" in so many bytes: white space counts on the wire and nowhere else.
fn hola_in(length: usize) -> Vec<u8> {
    let mut line = br#"{"text":"hola""#.to_vec();
    line.resize(length.saturating_sub(1).max(line.len()), b' ');
    line.push(b'}');
    line
}
