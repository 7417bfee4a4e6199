//! Handshakes and lives, counted one source at a time: several logs tell of the same connection, so only the one that saw
//! most is believed in the end. Bounded, however many there are.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};

use crate::evidence::{Attempts, Lifetimes};
use crate::explain::clock::{Stamp, whole};
use crate::explain::needle::{after, needles};

/// Different tokens that are told apart; further ones count as one.
const TOKENS: usize = 65_536;
/// Seconds, and minutes, that are kept open for lines out of order.
const WINDOW: usize = 256;
/// Different seconds of a [`Lifetimes::by_second`].
const SECONDS: usize = 4_096;

/// One handshake.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    /// Its status; 0: none.
    pub(super) status: u16,
    /// When.
    pub(super) at: Option<Stamp>,
    /// Its token's hash.
    pub(super) token: Option<u64>,
}

/// Tells tokens apart without keeping any: a hash whose key dies with the process.
#[derive(Debug, Default)]
pub(super) struct TokenIds {
    key: RandomState,
}

impl TokenIds {
    /// The hash of a token in an address, if it has one: the value of `token=`, `ticket=`, `access_token=` or `jwt=`.
    pub(super) fn of(&self, address: &[u8]) -> Option<u64> {
        let value = token_in(address)?;
        // A recorder's or redactor's mark is no identity.
        let struck = value.is_empty()
            || value.starts_with(b"***")
            || value.starts_with(b"(hidden)")
            || value.starts_with(b"<");
        (!struck).then(|| self.key.hash_one(value))
    }
}

/// The value of a token's parameter in an address.
pub(super) fn token_in(address: &[u8]) -> Option<&[u8]> {
    let names = needles![b"token=", b"ticket=", b"jwt="];
    let value = names.iter().find_map(|name| after(address, name))?;
    let end = value
        .iter()
        .position(|byte| matches!(byte, b'&' | b' ' | b'"' | b'\'' | b'#' | b',' | b'}'));
    Some(end.and_then(|end| value.get(..end)).unwrap_or(value))
}

/// How many in each unit of time: the most, in bounded memory.
#[derive(Debug, Default)]
struct Busiest {
    open: BTreeMap<i64, u64>,
    most: u64,
    when: Option<i64>,
}

impl Busiest {
    fn add(&mut self, unit: i64) {
        let count = self.open.entry(unit).or_default();
        *count += 1;
        if *count > self.most {
            (self.most, self.when) = (*count, Some(unit));
        }
        if self.open.len() > WINDOW {
            self.open.pop_first();
        }
    }
}

/// The attempts of one source.
#[derive(Debug, Default)]
pub(super) struct AttemptTally {
    seen: Attempts,
    tokens: HashMap<u64, u64>,
    further_tokens: u64,
    minutes: Busiest,
    seconds: Busiest,
    failing: u64,
    failing_since: Option<f64>,
}

impl AttemptTally {
    pub(super) fn add(&mut self, attempt: Attempt) {
        self.seen.total += 1;
        *self.seen.by_status.entry(attempt.status).or_default() += 1;
        if let Some(token) = attempt.token {
            if self.tokens.len() < TOKENS || self.tokens.contains_key(&token) {
                *self.tokens.entry(token).or_default() += 1;
            } else {
                self.further_tokens += 1;
            }
        }
        let (Some(Stamp::At(seconds) | Stamp::Since(seconds)), at) =
            (attempt.at, attempt.at.and_then(common))
        else {
            self.row(attempt.status, None);
            return;
        };
        let second = whole(seconds);
        self.seconds.add(second);
        self.minutes.add(second.div_euclid(60));
        if let Some(at) = at {
            self.seen.first = Some(self.seen.first.map_or(at, |first| first.min(at)));
            self.seen.last = Some(self.seen.last.map_or(at, |last| last.max(at)));
        }
        self.row(attempt.status, at);
    }

    fn row(&mut self, status: u16, at: Option<f64>) {
        if status == 101 {
            self.failing = 0;
            return;
        }
        if self.failing == 0 {
            self.failing_since = at;
        }
        self.failing += 1;
        self.failing_since = self.failing_since.or(at);
        if self.failing > self.seen.longest_failing {
            self.seen.longest_failing = self.failing;
            self.seen.failing_since = self.failing_since;
            self.seen.failing_until = at.or(self.seen.failing_until);
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.seen.total
    }

    pub(super) fn finish(self, counted_in: &str) -> Attempts {
        Attempts {
            with_same_token: self.tokens.values().copied().max().unwrap_or(0),
            tokens: self.tokens.len() as u64 + u64::from(self.further_tokens > 0),
            most_in_a_minute: self.minutes.most,
            most_in_a_second: self.seconds.most,
            counted_in: counted_in.to_owned(),
            ..self.seen
        }
    }
}

/// The lives of one source.
#[derive(Debug, Default)]
pub(super) struct LifeTally {
    known: u64,
    by_second: BTreeMap<u32, u64>,
    ends: Busiest,
}

impl LifeTally {
    /// A connection ended: after `lived` seconds, if that is known.
    pub(super) fn ended(&mut self, lived: Option<f64>, at: Option<Stamp>) {
        if let Some(lived) = lived {
            self.known += 1;
            let mut second = u32::try_from(whole(lived).max(0)).unwrap_or(u32::MAX);
            if second >= 4_096 || self.by_second.len() >= SECONDS {
                second -= second % 60;
            }
            *self.by_second.entry(second).or_default() += 1;
            // By the minute there are still weeks of them: the last ones are put together.
            if self.by_second.len() > 2 * SECONDS
                && let Some((longest, count)) = self.by_second.pop_last()
                && let Some(mut next) = self.by_second.last_entry()
            {
                let _ = longest;
                *next.get_mut() += count;
            }
        }
        if let Some(at) = at.and_then(common) {
            self.ends.add(whole(at));
        }
    }

    pub(super) fn known(&self) -> u64 {
        self.known
    }

    pub(super) fn most_ends(&self) -> u64 {
        self.ends.most
    }

    pub(super) fn lives(&self) -> Lifetimes {
        Lifetimes {
            known: self.known,
            by_second: self.by_second.clone(),
            ..Lifetimes::default()
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "seconds of this era need 31 bits")]
    pub(super) fn ends_at(&self) -> Option<f64> {
        self.ends.when.map(|at| at as f64)
    }
}

/// On the common clock, if it is.
pub(super) fn common(stamp: Stamp) -> Option<f64> {
    match stamp {
        Stamp::At(at) => Some(at),
        Stamp::Since(_) => None,
    }
}
