//! WebSocket frames as far as the load needs them (RFC 6455, section 5.2): unfragmented; compressed ones as they come.

/// A text frame.
pub(crate) const TEXT: u8 = 1;
/// A close frame.
pub(crate) const CLOSE: u8 = 8;
/// A ping.
pub(crate) const PING: u8 = 9;
/// A pong.
pub(crate) const PONG: u8 = 10;

/// The mask of every client frame: masking costs the server the same whatever it is.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// One whole frame at the start of some bytes.
pub(crate) struct Frame<'a> {
    /// What it is.
    pub(crate) opcode: u8,
    /// Whether its payload is compressed (RFC 7692, section 6).
    pub(crate) compressed: bool,
    /// Its payload, still masked if it was.
    pub(crate) payload: &'a [u8],
    /// The mask; zeros if there is none.
    pub(crate) mask: [u8; 4],
    /// Bytes that it takes, header and payload.
    pub(crate) size: usize,
}

/// The frame that `bytes` begin with, if it is all there.
pub(crate) fn next(bytes: &[u8]) -> Option<Frame<'_>> {
    let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match second & 0x7f {
        126 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk::<8>()?;
            (usize::try_from(u64::from_be_bytes(*length)).ok()?, rest)
        }
        short => (usize::from(short), rest),
    };
    let (mask, rest) = if second & 0x80 == 0 {
        ([0; 4], rest)
    } else {
        let (mask, rest) = rest.split_first_chunk::<4>()?;
        (*mask, rest)
    };
    let payload = rest.get(..length)?;
    let size = bytes.len() - rest.len() + length;
    Some(Frame {
        opcode: first & 0x0f,
        compressed: first & 0x40 != 0,
        payload,
        mask,
        size,
    })
}

/// Takes the mask off, or puts it on.
pub(crate) fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    for chunk in payload.chunks_mut(4) {
        for (byte, key) in chunk.iter_mut().zip(mask) {
            *byte ^= key;
        }
    }
}

/// Appends a server's frame: not masked.
pub(crate) fn write_server(opcode: u8, payload: &[u8], to: &mut Vec<u8>) {
    header(opcode, payload.len(), 0, to);
    to.extend_from_slice(payload);
}

/// Appends a client's frame: masked.
pub(crate) fn write_client(opcode: u8, payload: &[u8], to: &mut Vec<u8>) {
    header(opcode, payload.len(), 0x80, to);
    to.extend_from_slice(&MASK);
    let start = to.len();
    to.extend_from_slice(payload);
    unmask(to.get_mut(start..).unwrap_or_default(), MASK);
}

fn header(opcode: u8, length: usize, masked: u8, to: &mut Vec<u8>) {
    to.push(0x80 | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => to.push(masked | short),
        (_, Ok(medium)) => {
            to.push(masked | 126);
            to.extend_from_slice(&medium.to_be_bytes());
        }
        (_, Err(_)) => {
            to.push(masked | 127);
            to.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TEXT, next, unmask, write_client, write_server};

    #[test]
    fn frames_of_every_length_come_back_and_unfinished_ones_wait() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            for write in [write_server, write_client] {
                let mut bytes = Vec::new();
                write(TEXT, &payload, &mut bytes);
                assert!(next(&bytes[..bytes.len() - 1]).is_none(), "{length}");
                bytes.push(0);
                let found = next(&bytes).unwrap();
                assert_eq!((found.opcode, found.size), (TEXT, bytes.len() - 1));
                let mut seen = found.payload.to_vec();
                unmask(&mut seen, found.mask);
                assert_eq!(seen, payload);
            }
        }
    }
}
