//! `journalctl -o export`: an entry is a row of fields, of which the time and the message count.
//!
//! A field is `NAME=value`; a value that is no single line of plain text (colours, a traceback) comes as the name, its
//! length in eight bytes, and itself (systemd, "Journal Export Formats").

use super::Source;
use crate::evidence::SourceKind;
use crate::explain::Sums;
use crate::explain::clock::Stamp;

/// The field with which every entry begins.
pub(super) const FIRST: &[u8] = b"__CURSOR=";

/// The entry that is being read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    at: Option<Stamp>,
    value: Option<Value>,
}

/// A value with a length.
#[derive(Debug, Clone, Copy)]
struct Value {
    /// It is the message.
    told: bool,
    /// Bytes of its length that are still to come: one may be a line's end.
    length_left: u32,
    /// Bytes of it that are still to come, its last line's end among them.
    left: u64,
}

impl Source {
    /// Takes a line of an entry. A blank one ends it.
    pub(super) fn exported(&mut self, line: &[u8], fresh: bool, sums: &mut Sums) {
        if line.starts_with(FIRST) {
            self.export = Some(Entry::default());
            self.count(Some(SourceKind::Journal));
            return;
        }
        let Some(mut entry) = self.export.take() else {
            return;
        };
        if let Some(value) = &mut entry.value {
            let text = value.take(line);
            let told = value.told;
            if value.length_left == 0 && value.left == 0 {
                entry.value = None;
            }
            self.export = Some(entry);
            if let Some(text) = text.filter(|_| told) {
                self.coloured(text, fresh, entry.at, sums);
            }
            return;
        }
        if line.is_empty() {
            return;
        }
        if let Some(time) = line.strip_prefix(b"__REALTIME_TIMESTAMP=") {
            entry.at = time_of(time);
        }
        if !line.contains(&b'=') {
            entry.value = Some(Value {
                told: line == b"MESSAGE",
                length_left: 8,
                left: 1,
            });
        }
        self.export = Some(entry);
        if let Some(text) = line.strip_prefix(b"MESSAGE=") {
            self.coloured(text, fresh, entry.at, sums);
        }
    }
}

impl Value {
    /// What of it stands in a line, without the length.
    fn take<'a>(&mut self, line: &'a [u8]) -> Option<&'a [u8]> {
        let mut text = line;
        while self.length_left > 0 {
            let (byte, rest) = match text {
                [byte, rest @ ..] => (*byte, Some(rest)),
                [] => (b'\n', None),
            };
            self.left = self
                .left
                .saturating_add(u64::from(byte) << (8 * (8 - self.length_left)));
            self.length_left -= 1;
            text = rest?;
        }
        self.left = self.left.saturating_sub(text.len() as u64 + 1);
        Some(text)
    }
}

/// Microseconds since 1970.
#[allow(clippy::cast_precision_loss, reason = "microseconds of this era need 51 bits")]
pub(super) fn time_of(text: &[u8]) -> Option<Stamp> {
    let micros: u64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(Stamp::At(micros as f64 / 1_000_000.0))
}
