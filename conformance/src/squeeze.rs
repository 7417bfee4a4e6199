//! Deflate for the cases of RFC 7692: by a library where the stream is in due form, by hand where it must not be.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// What a compressed message leaves out at its end (RFC 7692, section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// More than any message of the server's inflates to.
const INFLATED_MAX: usize = 1 << 20;

/// One message without the tail, at this level (0 to 9).
pub(crate) fn deflate(payload: &[u8], level: u32) -> Vec<u8> {
    let mut out = flushed(&mut Compress::new(Compression::new(level), false), payload);
    out.truncate(out.len().saturating_sub(TAIL.len()));
    out
}

/// Two messages of which the second looks back into the first, as with context take-over.
pub(crate) fn with_take_over(first: &[u8], second: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut compress = Compress::new(Compression::best(), false);
    let mut cut = |payload| {
        let mut out = flushed(&mut compress, payload);
        out.truncate(out.len().saturating_sub(TAIL.len()));
        out
    };
    (cut(first), cut(second))
}

/// One message flushed after each part: a block or more each.
pub(crate) fn in_blocks(parts: &[&[u8]]) -> Vec<u8> {
    let mut compress = Compress::new(Compression::default(), false);
    let mut out: Vec<u8> = parts
        .iter()
        .flat_map(|part| flushed(&mut compress, part))
        .collect();
    out.truncate(out.len().saturating_sub(TAIL.len()));
    out
}

/// A stream that says it is the last, and the empty block that section 7.2.3.4 puts behind it.
pub(crate) fn final_block(payload: &[u8]) -> Vec<u8> {
    let mut out = finished(payload);
    out.push(0);
    out
}

/// The same without anything behind it.
pub(crate) fn finished(payload: &[u8]) -> Vec<u8> {
    let mut compress = Compress::new(Compression::default(), false);
    let mut out = Vec::with_capacity(payload.len() + 128);
    // Room for everything is reserved, so one call ends it.
    let status = compress.compress_vec(payload, &mut out, FlushCompress::Finish);
    debug_assert!(matches!(status, Ok(Status::StreamEnd)), "{status:?}");
    out
}

/// A stored block (RFC 1951, section 3.2.4).
pub(crate) fn stored(payload: &[u8], is_final: bool) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let mut out = vec![u8::from(is_final)];
    out.extend(length.to_le_bytes());
    out.extend((!length).to_le_bytes());
    out.extend(payload.get(..usize::from(length)).unwrap_or_default());
    out
}

fn flushed(compress: &mut Compress, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + payload.len() / 100 + 256);
    let status = compress.compress_vec(payload, &mut out, FlushCompress::Sync);
    debug_assert!(status.is_ok() && out.len() < out.capacity(), "{status:?}");
    out
}

/// What a message of the server's says, with a window of its own.
///
/// # Errors
/// When it is no deflate stream, or needs an earlier message.
pub(crate) fn inflate(payload: &[u8]) -> Result<Vec<u8>, String> {
    let input = [payload, &TAIL].concat();
    let mut inflate = Decompress::new(false);
    let mut out = Vec::with_capacity(INFLATED_MAX);
    let status = inflate.decompress_vec(&input, &mut out, FlushDecompress::Sync);
    status.map_err(|error| format!("the server's message does not inflate alone: {error}"))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 7692, sections 7.2.3.1, 7.2.3.3 and 7.2.3.4.
        let compressed = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(inflate(&compressed).unwrap(), b"Hello");
        assert_eq!(deflate(b"Hello", 6), compressed);
        assert_eq!(
            final_block(b"Hello"),
            [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]
        );
        let (_, second) = with_take_over(b"Hello", b"Hello");
        assert!(inflate(&second).is_err(), "{second:02x?}");
        assert_eq!(
            inflate(&[&stored(b"Hello", false), &[0][..]].concat()).unwrap(),
            b"Hello"
        );
    }
}
