//! permessage-deflate (RFC 7692) without context take-over on either side: a message is compressed
//! once for all its receivers, and no connection owns a window.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::header::Fault;

/// What every compressed message ends with before it is cut off (RFC 7692, section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The parameters that go with the answer to an offer.
pub const ACCEPTED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// Whether a `Sec-WebSocket-Extensions` value has an offer of permessage-deflate that [`ACCEPTED`] satisfies.
#[must_use]
pub fn offered(extensions: &str) -> bool {
    extensions.split(',').any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        parts.next() == Some("permessage-deflate")
            && parts.all(|parameter| {
                let name = parameter.split('=').next().unwrap_or("").trim();
                // A smaller server window is a wish that we could not keep.
                matches!(
                    name,
                    "client_max_window_bits" | "client_no_context_takeover" | "server_no_context_takeover"
                )
            })
    })
}

/// Deflates one message.
#[must_use]
pub fn deflate(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() / 2 + 64);
    let mut compress = Compress::new(Compression::fast(), false);
    loop {
        let read = usize::try_from(compress.total_in()).unwrap_or(usize::MAX);
        let status = compress.compress_vec(
            payload.get(read..).unwrap_or_default(),
            &mut out,
            FlushCompress::Sync,
        );
        let done = usize::try_from(compress.total_in()).unwrap_or(usize::MAX) >= payload.len();
        if status.is_err() || (done && out.len() < out.capacity()) {
            break;
        }
        out.reserve(out.capacity());
    }
    if out.ends_with(&TAIL) {
        out.truncate(out.len() - TAIL.len());
    }
    out
}

/// Inflates one message, stopping before `max` bytes are passed.
///
/// # Errors
/// `message_too_big` beyond `max`, `protocol_error` for what is no deflate stream.
pub fn inflate(payload: &[u8], max: usize) -> Result<Vec<u8>, Fault> {
    let mut input = Vec::with_capacity(payload.len() + TAIL.len());
    input.extend_from_slice(payload);
    input.extend_from_slice(&TAIL);
    let mut inflate = Decompress::new(false);
    let mut out = Vec::with_capacity((payload.len() * 4).clamp(256, max + 1));
    loop {
        let read = usize::try_from(inflate.total_in()).unwrap_or(usize::MAX);
        let rest = input.get(read..).unwrap_or_default();
        let before = out.len();
        let status = inflate
            .decompress_vec(rest, &mut out, FlushDecompress::Sync)
            .map_err(|_| Fault::protocol("not a deflate stream"))?;
        if out.len() > max {
            return Err(Fault::too_big("inflated message over the limit"));
        }
        let consumed = usize::try_from(inflate.total_in()).unwrap_or(usize::MAX);
        if status == Status::StreamEnd || (consumed >= input.len() && out.len() < out.capacity()) {
            return Ok(out);
        }
        if out.len() == out.capacity() {
            out.reserve_exact(
                (out.len() * 2)
                    .clamp(256, max + 1)
                    .saturating_sub(out.len())
                    .max(1),
            );
        } else if out.len() == before && consumed == read {
            return Err(Fault::protocol("deflate stream ends early"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        for payload in ["", "hola", &"la ".repeat(20_000)] {
            let squeezed = deflate(payload.as_bytes());
            assert_eq!(inflate(&squeezed, 65_536).unwrap(), payload.as_bytes());
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = deflate(&vec![0; 6 << 20]);
        assert!(bomb.len() < 65_536, "{}", bomb.len());
        assert_eq!(
            inflate(&bomb, 65_536),
            Err(Fault::too_big("inflated message over the limit"))
        );
    }

    #[test]
    fn noise_is_named() {
        assert_eq!(
            inflate(&[0xff; 40], 65_536),
            Err(Fault::protocol("not a deflate stream"))
        );
    }

    #[test]
    fn only_offers_that_can_be_kept() {
        for (offer, answer) in [
            ("permessage-deflate", true),
            ("permessage-deflate; client_max_window_bits", true),
            ("x-webkit, permessage-deflate; server_no_context_takeover", true),
            ("permessage-deflate; server_max_window_bits=9", false),
            ("permessage-bzip2", false),
            ("", false),
        ] {
            assert_eq!(offered(offer), answer, "{offer}");
        }
    }
}
