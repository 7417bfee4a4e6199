//! permessage-deflate (RFC 7692) without context take-over on either side: a message is compressed
//! once for all its receivers, and no connection owns a window.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::extensions::{Offer, offers};
use super::header::Fault;

/// What every compressed message ends with before it is cut off (RFC 7692, section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// An empty final block: a stream that does not end with it ended in the middle of a block.
const LAST: [u8; 5] = [1, 0, 0, 0xff, 0xff];

/// The parameters that go with the answer to an offer.
pub const ACCEPTED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// Whether a `Sec-WebSocket-Extensions` value has an offer of permessage-deflate that [`ACCEPTED`] satisfies; `None` when it
/// is no list of extensions, which fails the handshake (RFC 6455, section 9.1).
#[must_use]
pub fn offered(extensions: &str) -> Option<bool> {
    Some(offers(extensions)?.iter().any(can_be_kept))
}

/// RFC 7692, section 7.1: what must be declined, and a smaller server window, which is a wish that we could not keep.
fn can_be_kept(offer: &Offer<'_>) -> bool {
    let mut names: Vec<&str> = offer.parameters.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    let is_doubled = names.windows(2).any(|pair| matches!(pair, [a, b] if a == b));
    offer.name == "permessage-deflate"
        && !is_doubled
        && offer
            .parameters
            .iter()
            .all(|(name, value)| match (*name, value.as_deref()) {
                (
                    "client_no_context_takeover" | "server_no_context_takeover" | "client_max_window_bits",
                    None,
                ) => true,
                ("client_max_window_bits", Some(bits)) => {
                    matches!(bits, "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")
                }
                _ => false,
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
    if payload.is_empty() {
        // Strictly one byte of zero (section 7.2.3.6), but nothing else can be meant.
        return Ok(Vec::new());
    }
    let input = [payload, &TAIL, &LAST].concat();
    let mut inflate = Decompress::new(false);
    let mut out = Vec::with_capacity((payload.len() * 4).max(256).min(max.saturating_add(1)));
    // Where the stream begins that is being read: behind a final block another may follow (section 7.2.1).
    let mut begun = 0;
    let place = |begun: usize, inflate: &Decompress| {
        begun.saturating_add(usize::try_from(inflate.total_in()).unwrap_or(usize::MAX))
    };
    loop {
        let read = place(begun, &inflate);
        let rest = input.get(read..).unwrap_or_default();
        let before = out.len();
        let status = inflate
            .decompress_vec(rest, &mut out, FlushDecompress::Sync)
            .map_err(|_| Fault::protocol("not a deflate stream"))?;
        if out.len() > max {
            return Err(Fault::too_big("inflated message over the limit"));
        }
        let consumed = place(begun, &inflate);
        if status == Status::StreamEnd {
            if consumed == input.len() || consumed == payload.len() {
                return Ok(out);
            }
            if consumed > payload.len() {
                return Err(Fault::protocol("deflate stream ends early"));
            }
            inflate.reset(false);
            begun = consumed;
        } else if out.len() == out.capacity() {
            out.reserve_exact(
                (out.len() * 2)
                    .max(256)
                    .min(max.saturating_add(1))
                    .saturating_sub(out.len())
                    .max(1),
            );
        } else if consumed >= input.len() || out.len() == before && consumed == read {
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
    fn a_limit_of_a_few_bytes_is_a_limit() {
        for max in [1, 4, 100, 255, 256] {
            let fits = "a".repeat(max);
            assert_eq!(
                inflate(&deflate(fits.as_bytes()), max).as_deref(),
                Ok(fits.as_bytes())
            );
            assert!(inflate(&deflate("a".repeat(max + 1).as_bytes()), max).is_err());
        }
        assert_eq!(inflate(&deflate(b""), 0).as_deref(), Ok(&b""[..]));
    }

    #[test]
    fn noise_is_named() {
        assert_eq!(
            inflate(&[0xff; 40], 65_536),
            Err(Fault::protocol("not a deflate stream"))
        );
    }

    #[test]
    fn a_message_goes_on_behind_a_final_block() {
        let last = |payload: &[u8]| {
            let mut out = Vec::with_capacity(64);
            let status = Compress::new(Compression::fast(), false).compress_vec(
                payload,
                &mut out,
                FlushCompress::Finish,
            );
            assert_eq!(status.unwrap(), Status::StreamEnd);
            out
        };
        for (parts, text) in [
            (vec![last(b"hola"), vec![0]], &b"hola"[..]),
            (vec![last(b"hola")], b"hola"),
            (vec![last(b"ho"), deflate(b"la")], b"hola"),
            (vec![last(b"u"), last(b"n"), last(b"o"), vec![0]], b"uno"),
        ] {
            assert_eq!(inflate(&parts.concat(), 65_536).unwrap(), text);
        }
        assert_eq!(inflate(b"", 65_536).unwrap(), b"");
    }

    #[test]
    fn a_stream_cut_short_is_named() {
        let whole = deflate(b"hola, hola y adios");
        for cut in 1..whole.len() - 1 {
            assert!(inflate(&whole[..cut], 65_536).is_err(), "{cut}");
        }
    }

    #[test]
    fn only_offers_that_can_be_kept() {
        for (offer, answer) in [
            ("permessage-deflate", Some(true)),
            ("permessage-deflate; client_max_window_bits", Some(true)),
            ("permessage-deflate; client_max_window_bits=\"10\"", Some(true)),
            (
                "x-webkit, permessage-deflate; server_no_context_takeover",
                Some(true),
            ),
            ("permessage-deflate; server_max_window_bits=9", Some(false)),
            (
                "permessage-deflate; server_max_window_bits=9, permessage-deflate",
                Some(true),
            ),
            ("permessage-deflate; server_no_context_takeover=1", Some(false)),
            ("permessage-deflate; client_max_window_bits=7", Some(false)),
            ("permessage-deflate; client_max_window_bits=08", Some(false)),
            (
                "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
                Some(false),
            ),
            ("permessage-deflate; nonsense", Some(false)),
            ("permessage-bzip2", Some(false)),
            ("", Some(false)),
            ("permessage-deflate;", None),
        ] {
            assert_eq!(offered(offer), answer, "{offer}");
        }
    }
}
