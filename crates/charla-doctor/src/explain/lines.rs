//! Lines of a source in bounded memory: whatever is longer than [`LONGEST`] is cut.

use std::io::{self, BufRead};

/// Bytes of one line that are looked at; the rest of it is passed over.
pub(super) const LONGEST: usize = 64 * 1024;

/// Hands each line to `take`, without its end, and with the offset of its first byte.
pub(super) fn each_line(mut from: impl BufRead, mut take: impl FnMut(&[u8], u64)) -> io::Result<u64> {
    let mut carried = Vec::new();
    let (mut offset, mut line_at) = (0_u64, 0_u64);
    loop {
        let buffer = match from.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            break;
        }
        let whole = buffer.len();
        let mut rest = buffer;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            if carried.is_empty() {
                take(trimmed(line), line_at);
            } else {
                carry(&mut carried, line);
                take(trimmed(&carried), line_at);
                carried.clear();
            }
            offset += end as u64 + 1;
            line_at = offset;
            rest = after.get(1..).unwrap_or_default();
        }
        carry(&mut carried, rest);
        offset += rest.len() as u64;
        from.consume(whole);
    }
    if offset > line_at {
        take(trimmed(&carried), line_at);
    }
    Ok(offset)
}

fn carry(carried: &mut Vec<u8>, part: &[u8]) {
    let room = LONGEST.saturating_sub(carried.len());
    carried.extend_from_slice(part.get(..room).unwrap_or(part));
}

fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.get(..LONGEST).unwrap_or(line)
}

/// The line without escape sequences of a terminal; `None` when it has none.
pub(super) fn without_colours(line: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(0x1b, line)?;
    let mut plain = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = memchr::memchr(0x1b, rest) {
        let (before, from) = rest.split_at(at);
        plain.extend_from_slice(before);
        // CSI: parameters, then one letter (ECMA-48, 5.4).
        let body = from.get(2..).unwrap_or_default();
        let length = body.iter().position(|byte| (0x40..=0x7e).contains(byte));
        rest = length
            .and_then(|length| body.get(length + 1..))
            .unwrap_or_default();
    }
    plain.extend_from_slice(rest);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], buffer: usize) -> Vec<(usize, u64)> {
        let mut seen = Vec::new();
        let from = io::BufReader::with_capacity(buffer, text);
        each_line(from, |line, at| seen.push((line.len(), at))).unwrap();
        seen
    }

    #[test]
    fn lines_keep_their_place_and_their_bound() {
        for buffer in [1, 3, 1024] {
            assert_eq!(lines(b"ab\r\n\nc", buffer), [(2, 0), (0, 4), (1, 5)]);
        }
        let long = vec![b'x'; 3 * LONGEST];
        assert_eq!(lines(&long, 4096), [(LONGEST, 0)]);
        let two = [long.as_slice(), b"\nend\n"].concat();
        assert_eq!(lines(&two, 4096), [(LONGEST, 0), (3, 3 * LONGEST as u64 + 1)]);
        assert!(lines(b"", 8).is_empty());
    }

    #[test]
    fn colours_go() {
        assert_eq!(without_colours(b"plain"), None);
        assert_eq!(
            without_colours(b"\x1b[32m INFO\x1b[0m x\x1b").unwrap(),
            b" INFO x"
        );
    }
}
