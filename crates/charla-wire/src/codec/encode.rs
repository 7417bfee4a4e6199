//! Frames as the server writes them: encoded once, shared by every socket that gets them.

use bytes::{BufMut, Bytes, BytesMut};

use super::header::Opcode;
use crate::cause::{Cause, close_reason};

/// A whole frame, header and payload, ready for any number of sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    bytes: Bytes,
    header: u8,
}

impl Frame {
    fn new(opcode: Opcode, compressed: bool, payload: &[u8]) -> Self {
        let mut bytes = BytesMut::with_capacity(10 + payload.len());
        bytes.put_u8(0x80 | if compressed { 0x40 } else { 0 } | opcode.nibble());
        put_length(&mut bytes, payload.len(), 0);
        let header = u8::try_from(bytes.len()).unwrap_or(10);
        bytes.put_slice(payload);
        Self {
            bytes: bytes.freeze(),
            header,
        }
    }

    /// A text frame whose payload is deflated (RFC 7692) already.
    #[must_use]
    pub fn compressed_text(payload: &[u8]) -> Self {
        Self::new(Opcode::Text, true, payload)
    }

    /// What goes to the socket.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What stands behind the header.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        self.bytes.slice(usize::from(self.header)..)
    }
}

/// Puts a payload length in its shortest form; `mask_bit` is 0x80 for a client's frame.
fn put_length(bytes: &mut BytesMut, length: usize, mask_bit: u8) {
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => bytes.put_u8(mask_bit | short),
        (_, Ok(medium)) => {
            bytes.put_u8(mask_bit | 126);
            bytes.put_u16(medium);
        }
        _ => {
            bytes.put_u8(mask_bit | 127);
            bytes.put_u64(length as u64);
        }
    }
}

/// A text frame.
#[must_use]
pub fn text(payload: &[u8]) -> Frame {
    Frame::new(Opcode::Text, false, payload)
}

/// A control frame with a payload of at most 125 bytes.
#[must_use]
pub fn control(opcode: Opcode, payload: &[u8]) -> Frame {
    Frame::new(opcode, false, payload)
}

/// A ping without payload.
#[must_use]
pub fn ping() -> Frame {
    Frame::new(Opcode::Ping, false, b"")
}

/// The pong to a ping's payload.
#[must_use]
pub fn pong(payload: &[u8]) -> Frame {
    Frame::new(Opcode::Pong, false, payload)
}

/// The close frame of a cause, its reason cut to what a control frame carries.
#[must_use]
pub fn close(cause: Cause, detail: &str) -> Frame {
    let reason = close_reason(cause, detail);
    let mut payload = Vec::with_capacity(2 + reason.len());
    payload.extend_from_slice(&cause.close_code().to_be_bytes());
    payload.extend_from_slice(reason.as_bytes());
    Frame::new(Opcode::Close, false, &payload)
}

/// A frame as a client must send it, with the mask that it drew.
#[must_use]
pub fn masked(opcode: Opcode, mask: [u8; 4], payload: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(14 + payload.len());
    bytes.put_u8(0x80 | opcode.nibble());
    put_length(&mut bytes, payload.len(), 0x80);
    bytes.put_slice(&mask);
    bytes.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Header;

    #[test]
    fn a_length_takes_its_shortest_form() {
        for (length, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let frame = text(&vec![b'x'; length]);
            assert_eq!(frame.bytes().len(), header + length);
            assert_eq!(frame.payload().len(), length);
            let parsed = Header::parse(frame.bytes()).unwrap().unwrap();
            assert_eq!((parsed.length, parsed.size), (length as u64, header));
        }
    }

    #[test]
    fn a_close_frame_carries_code_and_cause() {
        let frame = close(Cause::TokenExpired, "37 s ago");
        assert_eq!(&frame.payload()[..2], &4401_u16.to_be_bytes());
        assert_eq!(&frame.payload()[2..], b"token_expired: 37 s ago");
    }
}
