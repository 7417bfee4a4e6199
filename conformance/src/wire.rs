//! Frames by hand (RFC 6455, section 5.2), right ones and wrong ones, and a strict reader of the server's.
//!
//! Nothing here is the server's own code: a checker that shared it would share its mistakes.

/// The mask of every frame that has one; any four bytes do.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// First bytes of whole frames, and of a message's first, middle and last piece.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;
pub(crate) const TEXT_BEGINS: u8 = 0x01;
pub(crate) const BINARY_BEGINS: u8 = 0x02;
pub(crate) const GOES_ON: u8 = 0x00;
pub(crate) const ENDS: u8 = 0x80;
/// The bit that says "compressed" (RFC 7692, section 6).
pub(crate) const RSV1: u8 = 0x40;

/// How a length is written, whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// In the second byte.
    Seven,
    /// In two bytes more.
    Sixteen,
    /// In eight.
    SixtyFour,
}

impl Width {
    /// The shortest form, which is the only one allowed.
    pub(crate) fn shortest(length: usize) -> Self {
        match length {
            0..=125 => Self::Seven,
            126..=0xffff => Self::Sixteen,
            _ => Self::SixtyFour,
        }
    }
}

/// A header that declares `length`, with the mask bit and the mask.
pub(crate) fn header(first: u8, length: u64, width: Width) -> Vec<u8> {
    let mut bytes = vec![first];
    put_length(&mut bytes, length, width, 0x80);
    bytes.extend(MASK);
    bytes
}

fn put_length(bytes: &mut Vec<u8>, length: u64, width: Width, mask_bit: u8) {
    let [.., high, low] = length.to_be_bytes();
    match width {
        Width::Seven => bytes.push(mask_bit | low),
        Width::Sixteen => bytes.extend([mask_bit | 126, high, low]),
        Width::SixtyFour => {
            bytes.push(mask_bit | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
}

/// A masked frame in due form.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    wide(first, payload, Width::shortest(payload.len()))
}

/// A masked frame whose length is written so.
pub(crate) fn wide(first: u8, payload: &[u8], width: Width) -> Vec<u8> {
    masked(first, payload, width, MASK)
}

/// A masked frame with a mask of one's own.
pub(crate) fn masked(first: u8, payload: &[u8], width: Width, mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![first];
    put_length(&mut bytes, payload.len() as u64, width, 0x80);
    bytes.extend(mask);
    bytes.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    bytes
}

/// A frame without mask, which no client may send.
pub(crate) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    put_length(
        &mut bytes,
        payload.len() as u64,
        Width::shortest(payload.len()),
        0,
    );
    bytes.extend(payload);
    bytes
}

/// A close frame with code and reason.
pub(crate) fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// A message in these pieces.
pub(crate) fn pieces(first: u8, parts: &[&[u8]]) -> Vec<u8> {
    let last = parts.len().saturating_sub(1);
    let bytes = parts.iter().enumerate().flat_map(|(place, part)| {
        let opcode = if place == 0 { first & 0x4f } else { GOES_ON };
        frame(if place == last { opcode | 0x80 } else { opcode }, part)
    });
    bytes.collect()
}

/// A frame of the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Its payload is compressed.
    pub(crate) compressed: bool,
    /// With the FIN bit: the server sends whole messages only.
    pub(crate) first: u8,
    /// As it came.
    pub(crate) payload: Vec<u8>,
}

/// The frame at the front of `bytes` and its size; `None` as long as it is not whole.
///
/// # Errors
/// What the server must never send, whatever the case.
pub(crate) fn hear(bytes: &[u8]) -> Result<Option<(Heard, usize)>, String> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if second & 0x80 != 0 {
        return Err("the server masks (RFC 6455, 5.1)".into());
    }
    if first & 0x30 != 0 {
        return Err(format!("reserved bits in {first:#04x}"));
    }
    let is_control = first & 0x08 != 0;
    if first & 0x80 == 0 || is_control && first & RSV1 != 0 {
        return Err(format!("a frame that begins with {first:#04x}"));
    }
    if !matches!(first & 0x0f, 1 | 2 | 8 | 9 | 10) {
        return Err(format!("opcode {}", first & 0x0f));
    }
    let (length, size) = match (second & 0x7f, rest) {
        (126, [a, b, ..]) => (u64::from(u16::from_be_bytes([*a, *b])), 4),
        (127, [a, b, c, d, e, f, g, h, ..]) => (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), 10),
        (126 | 127, _) => return Ok(None),
        (short, _) => (u64::from(short), 2),
    };
    let length = usize::try_from(length).map_err(|_| "a length beyond memory".to_owned())?;
    let minimal = match Width::shortest(length) {
        Width::Seven => 2,
        Width::Sixteen => 4,
        Width::SixtyFour => 10,
    };
    if size != minimal || is_control && length > 125 {
        return Err(format!("a length of {length} in a header of {size} bytes"));
    }
    let Some(payload) = bytes.get(size..size + length) else {
        return Ok(None);
    };
    let heard = Heard {
        compressed: first & RSV1 != 0,
        first: first & !RSV1,
        payload: payload.to_vec(),
    };
    Ok(Some((heard, size + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 6455, section 5.7.
        assert_eq!(
            frame(TEXT, b"Hello"),
            [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]
        );
        assert_eq!(unmasked(TEXT, b"Hello"), b"\x81\x05Hello");
        assert_eq!(unmasked(BINARY, &[0; 256])[..4], [0x82, 0x7e, 0x01, 0x00]);
        assert_eq!(
            unmasked(BINARY, &[0; 65_536])[..10],
            [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]
        );
        let (heard, size) = hear(b"\x81\x05Hello").unwrap().unwrap();
        assert_eq!((heard.payload.as_slice(), size), (&b"Hello"[..], 7));
    }

    #[test]
    fn what_no_server_may_send_is_seen() {
        for wrong in [
            frame(TEXT, b"a"),
            unmasked(0xa1, b"a"),
            unmasked(0x83, b"a"),
            unmasked(0x09, b"a"),
            unmasked(0xc9, b"a"),
            b"\x81\x7e\x00\x01a".to_vec(),
            b"\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x01a".to_vec(),
            unmasked(PING, &[0; 126]),
        ] {
            assert!(hear(&wrong).is_err(), "{:02x?}", &wrong[..wrong.len().min(12)]);
        }
    }
}
