//! The vectors that every implementation of the protocol is held to.
#![allow(clippy::unwrap_used, reason = "tests")]

use charla_wire::cause::{close_reason, parse_close_reason, retry_in_ms};
use charla_wire::{Cause, ClientFrame};
use serde::Deserialize;

#[derive(Deserialize)]
struct Closes {
    closes: Vec<Close>,
}

#[derive(Deserialize)]
struct Close {
    code: u16,
    reason: String,
    cause: String,
    retry: String,
    #[serde(default)]
    detail: String,
    retry_in_ms: Option<u64>,
}

#[derive(Deserialize)]
struct Frames {
    frames: Vec<Frame>,
}

#[derive(Deserialize)]
struct Frame {
    text: String,
    takes: bool,
    #[serde(rename = "ref")]
    reference: Option<u64>,
}

#[test]
fn closes_are_written_and_read_alike() {
    let vectors: Closes =
        serde_json::from_str(include_str!("../../../../protocol/vectors/closes.json")).unwrap();
    for close in vectors.closes {
        let cause = Cause::from_id(&close.cause).unwrap();
        assert_eq!(
            parse_close_reason(&close.reason),
            Some((cause, close.detail.as_str())),
            "{}",
            close.reason
        );
        assert_eq!(close_reason(cause, &close.detail), close.reason);
        assert_eq!(
            (cause.close_code(), cause.retry().as_str()),
            (close.code, close.retry.as_str()),
            "{cause}"
        );
        assert_eq!(retry_in_ms(&close.reason), close.retry_in_ms, "{}", close.reason);
    }
}

#[test]
fn client_frames_are_taken_or_answered() {
    let vectors: Frames =
        serde_json::from_str(include_str!("../../../../protocol/vectors/client_frames.json")).unwrap();
    for frame in vectors.frames {
        let (takes, reference) = match ClientFrame::parse(&frame.text) {
            Ok((_, reference)) => (true, reference),
            Err(error) => (false, error.reference),
        };
        assert_eq!(
            (takes, reference),
            (frame.takes, frame.reference),
            "{}",
            frame.text
        );
    }
}
