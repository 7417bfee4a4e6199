//! Logs and pasted text, of whatever kind and mixed, summed up as evidence in bounded memory.

use std::io::{self, BufRead};

use crate::evidence::{LogsSeen, Quote, Seen, SourceKind, SourceSeen};
use crate::redact::redact;
use crate::signs::Sign;

/// Reads sources one after the other and sums them up.
#[derive(Debug, Default)]
pub struct Reader {
    seen: LogsSeen,
}

impl Reader {
    /// `live`: the sources are read by the doctor beside its own handshake, so that what is older is history.
    #[must_use]
    pub fn new(live: bool) -> Self {
        Self {
            seen: LogsSeen {
                live,
                ..LogsSeen::default()
            },
        }
    }

    /// Reads one source to its end. `kind` is told by its lines where it is not given; lines from byte `fresh_from` on
    /// are fresh.
    ///
    /// # Errors
    /// Those of the source; what was read before counts.
    pub fn read(
        &mut self,
        name: &str,
        kind: Option<SourceKind>,
        mut from: impl BufRead,
        fresh_from: Option<u64>,
    ) -> io::Result<()> {
        let mut source = SourceSeen {
            name: name.to_owned(),
            kind: kind.unwrap_or_default(),
            ..SourceSeen::default()
        };
        let mut line = Vec::new();
        loop {
            line.clear();
            let at = source.bytes;
            let bytes = from.read_until(b'\n', &mut line)?;
            if bytes == 0 {
                break;
            }
            source.bytes += bytes as u64;
            source.lines += 1;
            let text = String::from_utf8_lossy(&line);
            let fresh = fresh_from.is_some_and(|from| at >= from);
            for sign in Sign::ALL.iter().copied() {
                let is = sign
                    .patterns()
                    .iter()
                    .any(|words| words.iter().all(|word| text.contains(word)));
                if is {
                    let seen: &mut Seen = self.seen.signs.entry(sign).or_default();
                    seen.count += 1;
                    seen.fresh += u64::from(fresh);
                    if seen.quotes.len() < 3 {
                        seen.quotes.push(Quote {
                            at: format!("{name}:{}", source.lines),
                            line: redact(text.trim_end()),
                        });
                    }
                }
            }
        }
        self.seen.sources.push(source);
        Ok(())
    }

    /// What was read.
    #[must_use]
    pub fn finish(self) -> LogsSeen {
        self.seen
    }
}
