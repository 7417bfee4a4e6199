//! Which span of which trace: [`TraceContext`], and the header `traceparent` that carries it (W3C Trace Context, level 1).

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

use http::HeaderMap;

/// The header that carries a context.
pub(crate) const TRACEPARENT: &str = "traceparent";
/// Of the flags: the trace is recorded.
const SAMPLED: u8 = 1;

/// A span that is recorded, and its trace. What is not recorded has no context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    // In halves: a whole one would align everything that holds it to 16 bytes.
    trace: (u64, u64),
    span: NonZeroU64,
}

/// A trace's id, as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId(u128);

impl fmt::Display for TraceId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", self.0)
    }
}

impl TraceContext {
    /// A span of a trace.
    pub(super) const fn new(trace: NonZeroU128, span: NonZeroU64) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = trace.get().to_be_bytes();
        Self {
            trace: (
                u64::from_be_bytes([a, b, c, d, e, f, g, h]),
                u64::from_be_bytes([i, j, k, l, m, n, o, p]),
            ),
            span,
        }
    }

    /// Another span of the same trace.
    pub(super) const fn with_span(self, span: NonZeroU64) -> Self {
        Self { span, ..self }
    }

    /// The trace.
    #[must_use]
    pub const fn trace(self) -> TraceId {
        TraceId(((self.trace.0 as u128) << 64) | self.trace.1 as u128)
    }

    /// The trace's id in bytes.
    pub(super) const fn trace_bytes(self) -> [u8; 16] {
        self.trace().0.to_be_bytes()
    }

    /// The span's id in bytes.
    pub(super) const fn span_bytes(self) -> [u8; 8] {
        self.span.get().to_be_bytes()
    }

    /// The context as `traceparent` says it.
    #[must_use]
    pub fn traceparent(self) -> String {
        format!("00-{}-{:016x}-01", self.trace(), self.span)
    }

    /// Reads a `traceparent` of any version, and whether its trace is recorded; `None` for anything malformed, which
    /// begins a trace of its own (section 4.2).
    #[must_use]
    pub fn parse(text: &str) -> Option<(Self, bool)> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        hex(version, 2)?;
        let trace = NonZeroU128::new(hex(trace, 32)?)?;
        let span = NonZeroU64::new(u64::try_from(hex(span, 16)?).ok()?)?;
        let flags = u8::try_from(hex(flags, 2)?).ok()?;
        Some((Self::new(trace, span), flags & SAMPLED != 0))
    }

    /// What a request's headers say.
    pub(super) fn of_headers(headers: &HeaderMap) -> Option<(Self, bool)> {
        Self::parse(headers.get(TRACEPARENT)?.to_str().ok()?)
    }
}

/// Lower-case digits, so many of them.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if text.len() != digits || !text.bytes().all(is_digit) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparent_is_read_as_the_recommendation_says() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let (context, sampled) = TraceContext::parse(good).unwrap();
        assert!(sampled);
        assert_eq!(context.traceparent(), good);
        assert_eq!(context.trace().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let rows = [
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
                Some(false),
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03",
                Some(true),
            ),
            (
                "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                Some(true),
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                None,
            ),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", None),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", None),
            ("", None),
        ];
        for (text, expected) in rows {
            let read = TraceContext::parse(text).map(|(_, sampled)| sampled);
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn a_context_is_small() {
        assert_eq!(size_of::<Option<TraceContext>>(), 24);
    }
}
