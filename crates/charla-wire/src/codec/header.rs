//! The two to fourteen bytes in front of a payload (RFC 6455, section 5.2).

use crate::Cause;

/// What a peer did against the protocol, as the cause to close with and our words for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// `protocol_error`, `invalid_utf8` or `message_too_big`.
    pub cause: Cause,
    /// What was wrong, for the close reason.
    pub detail: &'static str,
}

impl Fault {
    /// A breach of RFC 6455: code 1002.
    pub(crate) const fn protocol(detail: &'static str) -> Self {
        Self {
            cause: Cause::ProtocolError,
            detail,
        }
    }

    /// Text that is not UTF-8: code 1007.
    pub(crate) const fn utf8() -> Self {
        Self {
            cause: Cause::InvalidUtf8,
            detail: "text must be UTF-8",
        }
    }

    /// More than the limit: code 1009.
    pub(crate) const fn too_big(detail: &'static str) -> Self {
        Self {
            cause: Cause::MessageTooBig,
            detail,
        }
    }
}

/// What kind of frame it is (RFC 6455, section 11.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// A further piece of a fragmented message.
    Continuation,
    /// Text in UTF-8.
    Text,
    /// Bytes.
    Binary,
    /// The end, with code and reason.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
}

impl Opcode {
    const fn parse(nibble: u8) -> Option<Self> {
        Some(match nibble {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    pub(crate) const fn nibble(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    /// Close, ping and pong: never fragmented, never over 125 bytes.
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A frame's header, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The last piece of its message.
    pub fin: bool,
    /// RSV1: the message is compressed (RFC 7692).
    pub compressed: bool,
    /// The kind.
    pub opcode: Opcode,
    /// The mask that a client must use.
    pub mask: Option<[u8; 4]>,
    /// Bytes of payload as declared; never a reason to reserve memory.
    pub length: u64,
    /// Bytes of the header itself.
    pub size: usize,
}

impl Header {
    /// Reads a header from the front of `bytes`; `None` when more bytes are needed.
    ///
    /// # Errors
    /// What no peer may send whatever its limits: reserved bits and opcodes, long or fragmented control frames.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        let opcode = Opcode::parse(first & 0x0f).ok_or(Fault::protocol("reserved opcode"))?;
        let fin = first & 0x80 != 0;
        let compressed = first & 0x40 != 0;
        if first & 0x30 != 0 {
            return Err(Fault::protocol("reserved bits set"));
        }
        let (length, rest, extended) = match (second & 0x7f, rest) {
            (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest, 2),
            (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
                (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest, 8)
            }
            (126 | 127, _) => return Ok(None),
            (short, rest) => (u64::from(short), rest, 0),
        };
        if opcode.is_control() && (length > 125 || !fin) {
            return Err(Fault::protocol("control frame fragmented or over 125 bytes"));
        }
        if length > i64::MAX as u64 {
            return Err(Fault::protocol("length with its highest bit set"));
        }
        let shortest = match length {
            0..=125 => 0,
            126..=0xffff => 2,
            _ => 8,
        };
        if extended != shortest {
            return Err(Fault::protocol("length not in its shortest form"));
        }
        let (mask, size) = match (second & 0x80 != 0, rest) {
            (false, _) => (None, 2 + extended),
            (true, [a, b, c, d, ..]) => (Some([*a, *b, *c, *d]), 6 + extended),
            (true, _) => return Ok(None),
        };
        Ok(Some(Self {
            fin,
            compressed,
            opcode,
            mask,
            length,
            size,
        }))
    }
}
