//! What is kept of lines that were seen: how often, when, and three of them.

use crate::evidence::{Quote, Seen};
use crate::redact::redact;

/// Characters of a line that a quote shows.
const SHOWN: usize = 300;
/// Bytes of a line that are kept until it is redacted and cut.
const KEPT: usize = 4_096;

/// Where and when a line stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The source's name.
    pub(super) source: &'a str,
    /// Its line, from 1.
    pub(super) line: u64,
    /// Its time, on the common clock.
    pub(super) at: Option<f64>,
    /// Written since the doctor's own handshake began.
    pub(super) fresh: bool,
}

/// Lines of one sort.
#[derive(Debug, Default)]
pub(super) struct Held {
    count: u64,
    fresh: u64,
    first: Option<f64>,
    last: Option<f64>,
    quotes: Vec<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    at: String,
    line: Vec<u8>,
}

impl Held {
    pub(super) fn add(&mut self, line: &[u8], place: Place<'_>) {
        self.count += 1;
        self.fresh += u64::from(place.fresh);
        if let Some(at) = place.at {
            self.first = Some(self.first.map_or(at, |first| first.min(at)));
            self.last = Some(self.last.map_or(at, |last| last.max(at)));
        }
        let mut kept = if self.quotes.len() < 3 {
            Kept::default()
        } else {
            // The first stays, of the others the older goes; its memory is used again.
            self.quotes.remove(1)
        };
        kept.at.clear();
        kept.at.push_str(place.source);
        kept.at.push(':');
        push_number(&mut kept.at, place.line);
        kept.line.clear();
        kept.line.extend_from_slice(line.get(..KEPT).unwrap_or(line));
        self.quotes.push(kept);
    }

    pub(super) fn seen(&self) -> Seen {
        let quote = |kept: &Kept| Quote {
            at: kept.at.clone(),
            line: shown(&kept.line),
        };
        Seen {
            count: self.count,
            fresh: self.fresh,
            first: self.first,
            last: self.last,
            quotes: self.quotes.iter().map(quote).collect(),
        }
    }
}

/// A line as it may be shown.
pub(super) fn shown(line: &[u8]) -> String {
    let text = redact(String::from_utf8_lossy(line).trim());
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(SHOWN).collect()
}

fn push_number(out: &mut String, number: u64) {
    use std::fmt::Write as _;
    let _ = write!(out, "{number}");
}
