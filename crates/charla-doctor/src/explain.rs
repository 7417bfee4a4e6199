//! Logs and pasted text, of whatever kind and mixed, summed up as evidence in bounded memory.
//!
//! Each line is known by its words: one text may hold a browser's console, uvicorn's log and nginx' together. What is
//! counted how is said at [`LogsSeen`]. Nothing here decides what any of it means.
//!
//! Comments (`# ...`) are passed over, and what people wrote in the chat (frames that a console shows) is never taken for
//! a sign.

mod access;
mod claims;
mod clock;
mod codes;
mod documents;
mod held;
mod lines;
mod needle;
mod opened;
pub mod paste;
mod source;
mod starts;
mod tally;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead};
use std::time::SystemTime;

pub use codes::{CodeMeaning, code};

use crate::evidence::{LogsSeen, Ports, SourceKind};
use crate::explain::claims::Claims;
use crate::explain::clock::Clock;
use crate::explain::held::Held;
use crate::explain::source::Source;
use crate::explain::tally::TokenIds;
use crate::signs::Sign;

/// Called with the bytes that were read since the last call.
type Progress = Box<dyn FnMut(u64) + Send>;

/// Reads sources one after the other and sums them up.
pub struct Reader {
    seen: LogsSeen,
    sums: Sums,
    progress: Option<Progress>,
}

/// What is summed up over all sources.
#[derive(Debug)]
struct Sums {
    clock: Clock,
    tokens: TokenIds,
    claims: Claims,
    signs: BTreeMap<Sign, Held>,
    statuses: BTreeMap<u16, Held>,
    nginx_own: BTreeMap<u16, Held>,
    causes: BTreeMap<&'static str, Held>,
    dropped: Held,
    unanswered: Held,
    closes: BTreeMap<u16, u64>,
    ports: Ports,
    exceptions: BTreeMap<String, Held>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("sums", &self.sums)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// `live`: the sources are read by the doctor beside its own handshake, so that what is older is history.
    #[must_use]
    pub fn new(live: bool) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            seen: LogsSeen {
                live,
                ..LogsSeen::default()
            },
            sums: Sums {
                clock: Clock::new(now.map_or(0.0, |now| now.as_secs_f64())),
                tokens: TokenIds::default(),
                claims: Claims::default(),
                signs: BTreeMap::new(),
                statuses: BTreeMap::new(),
                nginx_own: BTreeMap::new(),
                causes: BTreeMap::new(),
                dropped: Held::default(),
                unanswered: Held::default(),
                closes: BTreeMap::new(),
                ports: Ports::default(),
                exceptions: BTreeMap::new(),
            },
            progress: None,
        }
    }

    /// Tells how many bytes were read, about every megabyte.
    #[must_use]
    pub fn with_progress(mut self, progress: impl FnMut(u64) + Send + 'static) -> Self {
        self.progress = Some(Box::new(progress));
        self
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
        from: impl BufRead,
        fresh_from: Option<u64>,
    ) -> io::Result<()> {
        let mut source = Source::new(name, kind);
        let read = self.read_into(&mut source, from, fresh_from);
        source.end_section(&mut self.sums);
        self.keep(source);
        read
    }

    fn read_into(
        &mut self,
        source: &mut Source,
        mut from: impl BufRead,
        fresh_from: Option<u64>,
    ) -> io::Result<()> {
        if let Some(document) = documents::kind(from.fill_buf()?) {
            return documents::read(document, from, source, &mut self.sums);
        }
        let mut told = 0;
        let (sums, progress) = (&mut self.sums, &mut self.progress);
        let bytes = lines::each_line(from, |line, at| {
            source.line(line, fresh_from.is_some_and(|from| at >= from), sums);
            if let Some(progress) = progress
                && at - told >= STEP
            {
                progress(at - told);
                told = at;
            }
        })?;
        source.seen.bytes = bytes;
        if let Some(progress) = progress {
            progress(bytes - told);
        }
        Ok(())
    }

    /// Keeps what a source saw, if it saw more than those before it.
    fn keep(&mut self, source: Source) {
        let (seen, attempts, lives) = source.finish();
        for (_, tally) in attempts {
            if tally.total() > self.seen.attempts.total {
                self.seen.attempts = tally.finish(&seen.name);
            }
        }
        for (_, tally) in lives {
            let lifetimes = &mut self.seen.lifetimes;
            if tally.known() > lifetimes.known {
                (lifetimes.known, lifetimes.by_second) = (tally.known(), tally.lives().by_second);
            }
            if tally.most_ends() > lifetimes.most_ends_in_a_second {
                (lifetimes.most_ends_in_a_second, lifetimes.most_ends_at) =
                    (tally.most_ends(), tally.ends_at());
            }
        }
        self.seen.sources.push(seen);
    }

    /// What was read.
    #[must_use]
    pub fn finish(self) -> LogsSeen {
        let Sums {
            signs,
            statuses,
            nginx_own,
            causes,
            dropped,
            unanswered,
            closes,
            ports,
            exceptions,
            claims,
            ..
        } = self.sums;
        LogsSeen {
            signs: signs.iter().map(|(sign, held)| (*sign, held.seen())).collect(),
            statuses: statuses
                .iter()
                .map(|(status, held)| (*status, held.seen()))
                .collect(),
            nginx_own: nginx_own
                .iter()
                .map(|(status, held)| (*status, held.seen()))
                .collect(),
            causes: causes
                .iter()
                .map(|(id, held)| ((*id).to_owned(), held.seen()))
                .collect(),
            exceptions: exceptions
                .into_iter()
                .map(|(name, held)| (name, held.seen()))
                .collect(),
            dropped: dropped.seen(),
            claims: claims.seen(),
            unanswered: unanswered.seen(),
            closes,
            ports,
            ..self.seen
        }
    }
}

/// Bytes between two calls of a progress bar.
const STEP: u64 = 1024 * 1024;
