//! Words of the wire but the frames themselves.

use charla_wire::codec::deflate;
use charla_wire::plain::{Dialect, Preset};
use charla_wire::proxy_header::{HEADER_MAX, Progress, parse};
use charla_wire::{ClientFrame, check_json};
use serde_json::Value;

/// What is taken is JSON that everybody else would read too.
pub(super) fn client_frame(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let judged = check_json(text);
    match ClientFrame::parse(text) {
        Ok(_) => {
            let value: Value = serde_json::from_str(text).expect("what is taken is JSON");
            assert!(value.is_object() && judged.is_ok(), "{text}");
        }
        Err(error) => assert!(!error.detail.contains('\n'), "{}", error.detail),
    }
}

/// A line's fields stay a JSON object, whatever the dialect.
pub(super) fn plain(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for preset in [Preset::Plain, Preset::ChannelsEs] {
        for bare_text in [false, true] {
            let dialect = Dialect {
                bare_text,
                ..Dialect::of(preset)
            };
            if let Ok(line) = dialect.read(text)
                && let Some(data) = line.data
            {
                let data: Value = serde_json::from_str(&data).expect("fields are JSON");
                assert!(data.is_object(), "{data}");
            }
        }
    }
}

/// However many bytes are there, what is known of the header does not contradict what is known later.
pub(super) fn proxy_header(bytes: &[u8]) {
    let whole = parse(bytes);
    for end in 0..=bytes.len().min(HEADER_MAX + 1) {
        let Some(front) = bytes.get(..end) else { break };
        match parse(front) {
            Ok(Progress::Needs(size)) => {
                assert!(size > end && size <= HEADER_MAX, "{size} after {end}");
                if let Ok(Progress::Whole { size: found, .. }) = whole {
                    assert!(size <= found, "asked for {size} bytes of {found}");
                }
            }
            done @ Ok(Progress::Whole { size, .. }) => {
                assert!(size <= end);
                assert_eq!(done, whole, "more bytes changed what was whole");
                break;
            }
            error @ Err(_) => {
                assert_eq!(error, whole, "more bytes changed what was refused");
                break;
            }
        }
    }
}

/// An offer is taken or not; there is no third.
pub(super) fn extensions(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = deflate::offered(&text);
}
