//! The text of a source, whatever it comes in: gzip is unpacked, UTF-16 (as PowerShell's `>` writes it) becomes UTF-8, a
//! byte order mark goes. By its first bytes, not by its name, and in bounded memory.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

/// One read.
pub(super) const BUFFER: usize = 256 * 1024;
/// Bytes that say what a source comes in; a zero among them is in no text.
const HEAD: u64 = 8_192;

/// A source's text.
pub(super) struct Opened<'a> {
    /// It.
    pub(super) text: Box<dyn BufRead + 'a>,
    /// Whether it was packed.
    pub(super) packed: bool,
}

/// # Errors
/// Those of the source, and `InvalidData` for what is no text.
pub(super) fn opened<'a>(from: impl BufRead + 'a) -> io::Result<Opened<'a>> {
    let (head, from) = peeked(from)?;
    let packed = head.starts_with(&[0x1f, 0x8b]);
    let text = if packed {
        let inner = BufReader::with_capacity(BUFFER, MultiGzDecoder::new(from));
        let (head, inner) = peeked(inner)?;
        decoded(&head, inner)?
    } else {
        decoded(&head, from)?
    };
    Ok(Opened { text, packed })
}

/// A source that begins with bytes that were read already.
type Begun<R> = io::Chain<Cursor<Vec<u8>>, R>;

/// The first bytes, and a source that still begins with them.
fn peeked<R: BufRead>(mut from: R) -> io::Result<(Vec<u8>, Begun<R>)> {
    let mut head = Vec::new();
    from.by_ref().take(HEAD).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(from)))
}

fn decoded<'a>(head: &[u8], mut from: impl BufRead + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    let order = match head {
        [0xff, 0xfe, ..] => Order::Little,
        [0xfe, 0xff, ..] => Order::Big,
        [0xef, 0xbb, 0xbf, ..] => {
            from.consume(3);
            return Ok(Box::new(from));
        }
        // Lengths of values in a journal's export are no text, all else in it is.
        text if text.contains(&0) && !text.starts_with(b"__CURSOR=") => {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no text"));
        }
        _ => return Ok(Box::new(from)),
    };
    from.consume(2);
    Ok(Box::new(BufReader::with_capacity(
        BUFFER,
        Utf16::new(from, order),
    )))
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Little,
    Big,
}

/// UTF-16 as UTF-8; what is none becomes U+FFFD.
struct Utf16<R> {
    from: R,
    order: Order,
    /// The first byte of a unit whose second is still to come.
    half: Option<u8>,
    /// The first unit of a pair.
    high: Option<u16>,
    out: Vec<u8>,
    /// Bytes of `out` that were handed on.
    at: usize,
}

impl<R> Utf16<R> {
    fn new(from: R, order: Order) -> Self {
        Self {
            from,
            order,
            half: None,
            high: None,
            out: Vec::new(),
            at: 0,
        }
    }

    fn take(&mut self, unit: u16) {
        if self.high.is_none() && (0xd800..0xdc00).contains(&unit) {
            self.high = Some(unit);
            return;
        }
        for read in char::decode_utf16(self.high.take().into_iter().chain([unit])) {
            let read = read.unwrap_or(char::REPLACEMENT_CHARACTER);
            self.out
                .extend_from_slice(read.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

impl<R: BufRead> Read for Utf16<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.out.len() {
            self.out.clear();
            self.at = 0;
            let bytes = self.from.fill_buf()?.to_vec();
            if bytes.is_empty() {
                let torn = self.half.take().is_some() | self.high.take().is_some();
                if !torn {
                    return Ok(0);
                }
                self.out.extend_from_slice("\u{fffd}".as_bytes());
            }
            for byte in &bytes {
                let Some(first) = self.half.take() else {
                    self.half = Some(*byte);
                    continue;
                };
                self.take(match self.order {
                    Order::Little => u16::from_le_bytes([first, *byte]),
                    Order::Big => u16::from_be_bytes([first, *byte]),
                });
            }
            self.from.consume(bytes.len());
        }
        let read = self.out.get(self.at..).unwrap_or_default().read(into)?;
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        let mut text = String::new();
        // One byte at a time: units and pairs are torn everywhere.
        let from = BufReader::with_capacity(1, bytes);
        opened(from).unwrap().text.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn wide_text_is_read_in_either_order_and_to_its_torn_end() {
        let said = "cerró 😀\r\n".repeat(2_000);
        let little: Vec<u8> = said.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = said.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(text(&[b"\xff\xfe", little.as_slice()].concat()), said);
        assert_eq!(text(&[b"\xfe\xff", big.as_slice()].concat()), said);
        assert_eq!(text(b"\xff\xfea\0b"), "a\u{fffd}");
        assert_eq!(text(b"\xff\xfea\0\x3d\xd8"), "a\u{fffd}");
        assert_eq!(text(b"\xff\xfe\0\xdcb\0"), "\u{fffd}b");
        assert_eq!(text(b"\xff\xfe"), "");
        assert_eq!(text(b"\xef\xbb\xbfa"), "a");
        assert!(opened(b"PK\x03\x04\0".as_slice()).is_err());
    }
}
