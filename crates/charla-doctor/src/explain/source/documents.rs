//! Handshakes and lives that a HAR or a net-export tells of.

use std::sync::Arc;

use super::clients::tried;
use super::{Line, Source, number_after, sign};
use crate::evidence::SourceKind;
use crate::explain::Sums;
use crate::explain::clock::Stamp;
use crate::explain::held::Place;
use crate::explain::needle::needle;
use crate::explain::tally::common;
use crate::explain::words::{Hits, WORDS};

impl Source {
    /// A handshake that a document tells of, as the console's line for it. `error` may name
    /// the status, where the document has none of its own (0).
    pub(in crate::explain) fn document(
        &mut self,
        status: u16,
        url: &str,
        error: &str,
        at: Option<Stamp>,
        sums: &mut Sums,
    ) {
        let said = number_after(error.as_bytes(), needle!(b"Unexpected response code: "));
        let status = if status == 0 { said.unwrap_or(0) } else { status };
        let text = match (status, error) {
            (101, _) => format!("WebSocket connection to '{url}' 101"),
            (0, error) => format!("WebSocket connection to '{url}' failed: {error}"),
            (status, _) => {
                format!("WebSocket connection to '{url}' failed: Unexpected response code: {status}")
            }
        };
        let mut hits = Hits::default();
        WORDS.look(text.as_bytes(), &mut hits);
        let name = Arc::clone(&self.name);
        let place = Place {
            source: &name,
            line: self.seen.lines,
            at: at.and_then(common),
            fresh: false,
        };
        let line = Line {
            text: text.as_bytes(),
            at,
            place,
        };
        for found in &hits.signs {
            sign(*found, line, sums);
        }
        tried(line, sums);
        let token = sums.tokens.of(url.as_bytes());
        self.attempt(SourceKind::Har, status, token, line, sums);
        if let Some(at) = place.at {
            self.seen.first = Some(self.seen.first.map_or(at, |first| first.min(at)));
            self.seen.last = Some(self.seen.last.map_or(at, |last| last.max(at)));
        }
    }

    /// A connection that a document tells of ended.
    pub(in crate::explain) fn lived(&mut self, lived: Option<f64>, began: Option<Stamp>) {
        let ended = match (began, lived) {
            (Some(Stamp::At(at)), Some(lived)) => Some(Stamp::At(at + lived)),
            _ => None,
        };
        self.lives.entry(SourceKind::Har).or_default().ended(lived, ended);
    }
}
