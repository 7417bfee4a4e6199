//! The codec.

use charla_wire::codec::{Decoded, Decoder, Event, Limits, Opcode, accept_key, deflate, masked};

/// As a server has it.
const LIMITS: Limits = Limits {
    message_bytes: 64 * 1024,
    fragments: 64,
    compression: true,
};

/// Bytes of the longest incomplete frame that is held against what it was.
const COPIED_MAX: usize = 1024;
/// Frames that are spoken at most: with payloads of 64 KiB they would be gigabytes.
const SPOKEN_MAX: usize = 24;

/// What was heard, and how it ended: with a breach, perhaps.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    events: Vec<String>,
    fault: Option<String>,
}

/// Reads a stream that comes in pieces of a size.
fn hear(stream: &[u8], piece: usize, compression: bool) -> Heard {
    let limits = Limits {
        compression,
        ..LIMITS
    };
    let mut decoder = Decoder::default();
    let mut heard = Heard {
        events: Vec::new(),
        fault: None,
    };
    let mut unread: Vec<u8> = Vec::new();
    for new in stream.chunks(piece.max(1)) {
        unread.extend_from_slice(new);
        loop {
            // A decoder unmasks in place: what it could not take yet it must not have touched. Short ones tell, and cost little.
            let before = (unread.len() <= COPIED_MAX).then(|| unread.clone());
            match decoder.decode(&mut unread, &limits) {
                Ok(Decoded::Incomplete) => {
                    if let Some(before) = before {
                        assert_eq!(unread, before, "bytes of an incomplete frame were changed");
                    }
                    break;
                }
                Ok(Decoded::Piece { consumed }) => {
                    assert!(consumed > 0);
                    unread.drain(..consumed);
                }
                Ok(Decoded::Whole { consumed, event }) => {
                    assert!(consumed > 0);
                    if let Event::Text(text) = &event {
                        assert!(text.len() <= LIMITS.message_bytes);
                    }
                    heard.events.push(format!("{event:?}"));
                    unread.drain(..consumed);
                }
                Err(fault) => {
                    heard.fault = Some(format!("{fault:?}"));
                    return heard;
                }
            }
        }
    }
    heard
}

/// The first byte says how the stream is cut and whether compression was agreed on; the rest is the stream.
pub(super) fn stream(bytes: &[u8]) {
    let Some((&how, stream)) = bytes.split_first() else {
        return;
    };
    let compression = how & 1 == 1;
    let whole = hear(stream, stream.len(), compression);
    let cut = hear(stream, usize::from(how >> 1) + 1, compression);
    assert_eq!(whole, cut, "cut into pieces it reads otherwise");
}

/// Three bytes a frame (opcode and flags, length, filling) make frames whose form is right.
pub(super) fn spoken(bytes: &[u8]) {
    let Some((&how, rest)) = bytes.split_first() else {
        return;
    };
    let mut frames = vec![how];
    for said in rest.chunks_exact(3).take(SPOKEN_MAX) {
        let &[first, length, filling] = said else { continue };
        let payload = match filling {
            0 => vec![0; usize::from(length) * 257],
            1 => "ñ€😀".repeat(usize::from(length)).into_bytes(),
            2 => deflate::deflate("hola ".repeat(usize::from(length)).as_bytes()),
            3 => vec![3, 0xe8]
                .into_iter()
                .chain(vec![b'x'; usize::from(length)])
                .collect(),
            byte => vec![byte; usize::from(length)],
        };
        let mut frame = masked(Opcode::Text, [filling, 2, 3, length], &payload).to_vec();
        if let Some(head) = frame.first_mut() {
            *head = first;
        }
        frames.extend(frame);
    }
    stream(&frames);
}

/// The bytes as compressed data, as text to compress, and as a key to answer.
pub(super) fn deflate(bytes: &[u8]) {
    for max in [0, 100, 64 * 1024] {
        if let Ok(inflated) = deflate::inflate(bytes, max) {
            assert!(
                inflated.len() <= max,
                "{} bytes where {max} are the most",
                inflated.len()
            );
        }
    }
    let packed = deflate::deflate(bytes);
    assert_eq!(
        deflate::inflate(&packed, bytes.len().max(1)).as_deref(),
        Ok(bytes)
    );
    let key = String::from_utf8_lossy(bytes);
    assert_eq!(accept_key(&key).len(), 28);
}
