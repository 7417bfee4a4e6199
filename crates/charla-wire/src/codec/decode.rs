//! Frames as they arrive: [`Decoder`] turns bytes from a peer into messages and control frames.

use std::borrow::Cow;

use super::deflate;
use super::header::{Fault, Header, Opcode};

/// What one message may be at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message, all fragments together, after inflating.
    pub message_bytes: usize,
    /// Frames of a message: a thousand empty ones cost more than their bytes.
    pub fragments: usize,
    /// Whether permessage-deflate was agreed on.
    pub compression: bool,
}

/// Something whole that a peer said.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'b> {
    /// A text message.
    Text(Cow<'b, str>),
    /// A binary message; its bytes are of no interest here.
    Binary,
    /// A ping to answer.
    Ping(&'b [u8]),
    /// A pong.
    Pong,
    /// The peer's last word.
    Close {
        /// Its code, if it gave one.
        code: Option<u16>,
        /// Its reason.
        reason: &'b str,
    },
}

/// One step of decoding.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded<'b> {
    /// A frame needs more bytes than there are.
    Incomplete,
    /// `consumed` bytes made a frame that only adds to a message.
    Piece {
        /// Bytes to skip.
        consumed: usize,
    },
    /// `consumed` bytes made something whole.
    Whole {
        /// Bytes to skip.
        consumed: usize,
        /// What was said.
        event: Event<'b>,
    },
}

/// A fragmented message that has begun.
#[derive(Debug)]
struct Begun {
    opcode: Opcode,
    compressed: bool,
    fragments: usize,
    bytes: Vec<u8>,
    /// Bytes at the front that are UTF-8 for certain.
    judged: usize,
}

impl Begun {
    /// Tells text that can no longer become UTF-8 before its message is whole (RFC 6455, section 8.1).
    fn judge(&mut self) -> Result<(), Fault> {
        if self.compressed || self.opcode != Opcode::Text {
            return Ok(());
        }
        let fresh = self.bytes.get(self.judged..).unwrap_or_default();
        match simdutf8::compat::from_utf8(fresh) {
            Ok(_) => self.judged = self.bytes.len(),
            Err(error) if error.error_len().is_some() => return Err(Fault::utf8()),
            // A letter that goes on in the next piece.
            Err(error) => self.judged += error.valid_up_to(),
        }
        Ok(())
    }
}

/// Reads a client's frames. Holds memory only between a message's first and last fragment.
#[derive(Debug, Default)]
pub struct Decoder {
    // Boxed: nearly every connection is between messages, and pays a pointer for this.
    begun: Option<Box<Begun>>,
}

impl Decoder {
    /// Takes the frame at the front of `input`, unmasking it in place.
    ///
    /// # Errors
    /// [`Fault`] names the breach and how to close; the decoder is of no use afterwards.
    pub fn decode<'b>(&mut self, input: &'b mut [u8], limits: &Limits) -> Result<Decoded<'b>, Fault> {
        let Some(header) = Header::parse(input)? else {
            return Ok(Decoded::Incomplete);
        };
        let length = self.admit(&header, limits)?;
        let consumed = header.size + length;
        let Some(payload) = input.get_mut(header.size..consumed) else {
            return Ok(Decoded::Incomplete);
        };
        if let Some(mask) = header.mask {
            unmask(payload, mask);
        }
        let event = match header.opcode {
            Opcode::Ping => Event::Ping(payload),
            Opcode::Pong => Event::Pong,
            Opcode::Close => close(payload)?,
            Opcode::Text | Opcode::Binary if header.fin => {
                message(header.opcode, header.compressed, Cow::Borrowed(payload), limits)?
            }
            Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                let Some(event) = self.piece(&header, payload, limits)? else {
                    return Ok(Decoded::Piece { consumed });
                };
                event
            }
        };
        Ok(Decoded::Whole { consumed, event })
    }

    /// Whether this frame may come now and be this long; judged before its payload has arrived.
    fn admit(&self, header: &Header, limits: &Limits) -> Result<usize, Fault> {
        if header.mask.is_none() {
            return Err(Fault::protocol("client frame without mask"));
        }
        let starts = matches!(header.opcode, Opcode::Text | Opcode::Binary);
        if header.compressed && !(limits.compression && starts) {
            return Err(Fault::protocol("compressed frame that was not agreed on"));
        }
        let before = match (&self.begun, header.opcode) {
            (Some(_), Opcode::Text | Opcode::Binary) => {
                return Err(Fault::protocol("new message inside a fragmented one"));
            }
            (None, Opcode::Continuation) => return Err(Fault::protocol("continuation of nothing")),
            (Some(begun), Opcode::Continuation) => {
                if begun.fragments >= limits.fragments {
                    return Err(Fault::too_big("too many fragments"));
                }
                begun.bytes.len()
            }
            (_, Opcode::Text | Opcode::Binary | Opcode::Close | Opcode::Ping | Opcode::Pong) => 0,
        };
        usize::try_from(header.length)
            .ok()
            .filter(|length| before.saturating_add(*length) <= limits.message_bytes)
            .ok_or(Fault::too_big("message over the limit"))
    }

    /// Adds a fragment; the whole message when it was the last.
    fn piece<'b>(
        &mut self,
        header: &Header,
        payload: &[u8],
        limits: &Limits,
    ) -> Result<Option<Event<'b>>, Fault> {
        let begun = self.begun.get_or_insert_with(|| {
            Box::new(Begun {
                opcode: header.opcode,
                compressed: header.compressed,
                fragments: 0,
                bytes: Vec::new(),
                judged: 0,
            })
        });
        begun.fragments += 1;
        begun.bytes.extend_from_slice(payload);
        if !header.fin {
            begun.judge()?;
            return Ok(None);
        }
        match self.begun.take() {
            Some(whole) => message(whole.opcode, whole.compressed, Cow::Owned(whole.bytes), limits).map(Some),
            None => Ok(None),
        }
    }
}

fn message<'b>(
    opcode: Opcode,
    compressed: bool,
    payload: Cow<'b, [u8]>,
    limits: &Limits,
) -> Result<Event<'b>, Fault> {
    if opcode == Opcode::Binary {
        return Ok(Event::Binary);
    }
    let payload = if compressed {
        Cow::Owned(deflate::inflate(&payload, limits.message_bytes)?)
    } else {
        payload
    };
    let text = match payload {
        Cow::Borrowed(bytes) => Cow::Borrowed(simdutf8::basic::from_utf8(bytes).map_err(|_| Fault::utf8())?),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).map_err(|_| Fault::utf8())?),
    };
    Ok(Event::Text(text))
}

fn close(payload: &[u8]) -> Result<Event<'_>, Fault> {
    match payload {
        [] => Ok(Event::Close {
            code: None,
            reason: "",
        }),
        [_] => Err(Fault::protocol("close body of one byte")),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            // RFC 6455, section 7.4: what may be sent, less what only stands for "none came".
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(Fault::protocol("close code that may not be sent"));
            }
            let reason = simdutf8::basic::from_utf8(reason).map_err(|_| Fault::utf8())?;
            Ok(Event::Close {
                code: Some(code),
                reason,
            })
        }
    }
}

/// XOR by eight bytes at a time; the compiler widens it further.
fn unmask(payload: &mut [u8], [a, b, c, d]: [u8; 4]) {
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, tail) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip([a, b, c, d].iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;
    use crate::codec::masked;

    const LIMITS: Limits = Limits {
        message_bytes: 65_536,
        fragments: 64,
        compression: false,
    };
    const MASK: [u8; 4] = [1, 2, 3, 4];

    /// A frame with its first byte replaced.
    fn raw(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = masked(Opcode::Text, MASK, payload).to_vec();
        bytes[0] = first;
        bytes
    }

    /// All that a byte stream says, or how it fails.
    fn hear(mut stream: Vec<u8>) -> Result<Vec<String>, Cause> {
        let mut decoder = Decoder::default();
        let mut heard = Vec::new();
        let mut at = 0;
        loop {
            match decoder
                .decode(&mut stream[at..], &LIMITS)
                .map_err(|fault| fault.cause)?
            {
                Decoded::Incomplete => return Ok(heard),
                Decoded::Piece { consumed } => at += consumed,
                Decoded::Whole { consumed, event } => {
                    heard.push(format!("{event:?}"));
                    at += consumed;
                }
            }
        }
    }

    #[test]
    fn messages_and_control_frames() {
        let cases: [(Vec<Vec<u8>>, Vec<&str>); 5] = [
            (vec![raw(0x81, b"hola")], vec![r#"Text("hola")"#]),
            (vec![raw(0x01, b"ho"), raw(0x80, b"la")], vec![r#"Text("hola")"#]),
            (
                vec![
                    raw(0x01, b"ho"),
                    raw(0x89, b"!"),
                    raw(0x00, b""),
                    raw(0x80, b"la"),
                ],
                vec!["Ping([33])", r#"Text("hola")"#],
            ),
            (vec![raw(0x01, &[0xc3]), raw(0x80, &[0xb1])], vec![r#"Text("ñ")"#]),
            (
                vec![raw(0x88, b"\x03\xe8adios"), raw(0x88, b"")],
                vec![
                    r#"Close { code: Some(1000), reason: "adios" }"#,
                    r#"Close { code: None, reason: "" }"#,
                ],
            ),
        ];
        for (frames, heard) in cases {
            assert_eq!(hear(frames.concat()).unwrap(), heard);
        }
    }

    #[test]
    fn breaches_are_named() {
        let unmasked = vec![0x81, 0];
        let huge = [&[0x81, 0xff, 0x7f][..], &[0xff; 7], &MASK].concat();
        let cases = [
            (unmasked, Cause::ProtocolError),
            (raw(0x83, b""), Cause::ProtocolError),
            (raw(0x8b, b""), Cause::ProtocolError),
            (raw(0xc1, b""), Cause::ProtocolError),
            (raw(0xa1, b""), Cause::ProtocolError),
            (raw(0x89, &[0; 126]), Cause::ProtocolError),
            (raw(0x09, b""), Cause::ProtocolError),
            (raw(0x80, b"of nothing"), Cause::ProtocolError),
            ([raw(0x01, b"a"), raw(0x81, b"b")].concat(), Cause::ProtocolError),
            (raw(0x81, &[0xff]), Cause::InvalidUtf8),
            ([raw(0x01, &[0xc3]), raw(0x80, b"x")].concat(), Cause::InvalidUtf8),
            (huge, Cause::MessageTooBig),
            (raw(0x81, &vec![b'x'; 65_537]), Cause::MessageTooBig),
            (
                [raw(0x01, &vec![b'x'; 65_000]), raw(0x00, &[b'x'; 600])].concat(),
                Cause::MessageTooBig,
            ),
            (
                [raw(0x01, b""), raw(0x00, b"").repeat(64)].concat(),
                Cause::MessageTooBig,
            ),
            (raw(0x01, b"a\xff"), Cause::InvalidUtf8),
            (
                [raw(0x01, b"a\xed"), raw(0x00, b"\xa0")].concat(),
                Cause::InvalidUtf8,
            ),
            (
                [&[0x81, 0xfe, 0, 1][..], &MASK, b"x"].concat(),
                Cause::ProtocolError,
            ),
            (
                [&[0x89, 0xff, 0, 0, 0, 0, 0, 0, 0, 1][..], &MASK, b"x"].concat(),
                Cause::ProtocolError,
            ),
            (raw(0x88, &[3]), Cause::ProtocolError),
            (raw(0x88, b"\x03\xe8\xff"), Cause::InvalidUtf8),
        ];
        for (stream, cause) in cases {
            assert_eq!(
                hear(stream.clone()),
                Err(cause),
                "{:02x?}",
                &stream[..stream.len().min(16)]
            );
        }
        for code in [0_u16, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
            assert_eq!(
                hear(raw(0x88, &code.to_be_bytes())),
                Err(Cause::ProtocolError),
                "{code}"
            );
        }
    }

    #[test]
    fn a_frame_cut_anywhere_waits_for_the_rest() {
        let whole = masked(Opcode::Text, MASK, &[b'x'; 200]).to_vec();
        for cut in 0..whole.len() {
            let mut part = whole[..cut].to_vec();
            assert_eq!(
                Decoder::default().decode(&mut part, &LIMITS),
                Ok(Decoded::Incomplete),
                "{cut}"
            );
        }
    }
}
