//! Who repeats the same failure over and over, and for how long it is answered without being judged again: [`Loops`].
//!
//! A key stands for a question whose answer has been no: the same credential, say, or the same credential at the same
//! chat. What a key is, and which of them a caller holds back, is the caller's to decide. Nothing here says that somebody
//! is bad, only that the same question came too often; so whoever asks another question, with a new token above all, is
//! judged as if nothing had been.
//!
//! # The waits
//! After its limit of refusals in a minute a key waits: 5 s, then twice that each time, up to the longest wait. What asks
//! meanwhile is told so and costs a look into a map. When the wait is over **one** is let through to be judged: refused,
//! it begins the next wait; accepted, the key is forgotten. So a loop that never ends is judged once a wait, and whatever
//! was wrong is found mended within the longest wait, even by a client that never stopped. Asking during a wait
//! does not lengthen it. A key that kept away for as long as it waited, and a minute at least, starts afresh.
//!
//! # Bounds
//! [`KEYS_MAX`] keys. When there is no room, those that came back least are forgotten, half of all: a flood of
//! questions that come once each pushes out its own, never the one that repeats itself. Counts are of the last 50 to
//! 60 seconds, in slots of ten.

use std::collections::HashMap;
use std::hash::Hash;

use charla_wire::Cause;

use crate::Millis;
use minute::Minute;

mod minute;
mod told;

pub use told::Told;

/// Keys kept at once, some 4 MB.
pub const KEYS_MAX: usize = 16_384;
/// Keys that are told to others at once; the others wait for the next telling.
pub const TOLD_MAX: usize = 256;
/// The first wait: shorter than a person needs to read what is wrong, long against a loop without pause.
pub const FIRST_WAIT: Millis = 5_000;
/// Within this time whoever was let through after a wait has to be judged; then the next one is.
const JUDGED_WITHIN: Millis = 5_000;
/// News is told every second, and no older than this when it is heard.
const NEWS_WITHIN: Millis = 3_000;
/// What a key is counted for.
const MINUTE: Millis = 60_000;

/// Those who repeat themselves. `N` is what is known about who it is: for people, never for decisions.
#[derive(Debug)]
pub struct Loops<K, N> {
    longest_wait: Millis,
    keys: HashMap<K, Repeat<N>>,
    /// Accepted since the last telling though others know them as waiting; at most [`TOLD_MAX`].
    over: Vec<K>,
}

/// One key's life.
#[derive(Debug)]
struct Repeat<N> {
    minute: Minute,
    cause: Cause,
    note: Option<N>,
    since: Millis,
    last: Millis,
    phase: Phase,
    /// Answered without being judged.
    saved: u64,
    /// Counted here since others were told.
    untold: u32,
    /// Whether others hear of it at all.
    known: bool,
}

/// Where a key is in its waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Only counted.
    Counted,
    /// Held back until then, for the `nth` time.
    Waiting { nth: u32, until: Millis },
    /// One is being judged, until then at most; the others wait.
    Judged { nth: u32, until: Millis },
    /// Let in. Until then nobody's older news brings it back.
    Over { until: Millis },
}

/// The answer to a key in its wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// What it was refused for, over and over.
    pub cause: Cause,
    /// How often it came in the last minute, on all nodes.
    pub count: u32,
    /// When it may ask again.
    pub retry_in: Millis,
}

/// A key and what became of it, to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen<K, N> {
    /// Which.
    pub key: K,
    /// What it was refused for last.
    pub cause: Cause,
    /// Who that is, as far as known.
    pub note: Option<N>,
    /// How often it came in the last minute, on all nodes.
    pub count: u32,
    /// When it was first refused.
    pub since: Millis,
    /// Until when it is held back; `None` while it is only counted.
    pub until: Option<Millis>,
    /// How often it has waited in a row.
    pub waits: u32,
    /// How often this node answered it without judging.
    pub saved: u64,
}

impl<K: Hash + Eq + Clone, N: Clone> Loops<K, N> {
    /// Nobody, and waits up to `longest_wait`.
    #[must_use]
    pub fn new(longest_wait: Millis) -> Self {
        Self {
            longest_wait,
            keys: HashMap::new(),
            over: Vec::new(),
        }
    }

    /// Whether nobody was refused lately: then there is nothing to look up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a key was refused in the last minute, or waits.
    #[must_use]
    pub fn knows(&self, key: &K, now: Millis) -> bool {
        self.keys
            .get(key)
            .is_some_and(|repeat| repeat.minute.count(now) > 0 || !matches!(repeat.phase, Phase::Counted))
    }

    /// A key asks. Whoever is not held back has to be [`Self::refused`] or [`Self::accepted`].
    ///
    /// # Errors
    /// [`Held`], in its wait.
    pub fn knock(&mut self, key: &K, now: Millis) -> Result<(), Held> {
        let Some(repeat) = self.keys.get_mut(key) else {
            return Ok(());
        };
        let (nth, until) = match repeat.phase {
            Phase::Counted | Phase::Over { .. } => return Ok(()),
            Phase::Waiting { nth, until } | Phase::Judged { nth, until } => (nth, until),
        };
        if now >= until {
            repeat.phase = if now >= until + quiet(wait(nth, self.longest_wait)) {
                Phase::Counted
            } else {
                Phase::Judged {
                    nth,
                    until: now + JUDGED_WITHIN,
                }
            };
            return Ok(());
        }
        repeat.count(now);
        repeat.saved += 1;
        Err(Held {
            cause: repeat.cause,
            count: repeat.minute.count(now),
            retry_in: until - now,
        })
    }

    /// A key was refused; with its `limit` in a minute it begins to wait. `note` says who it is, and is asked only
    /// from the second time on. Comes back with the wait that begins now, if one does.
    pub fn refused(
        &mut self,
        key: &K,
        limit: u32,
        cause: Cause,
        now: Millis,
        note: impl FnOnce() -> N,
    ) -> Option<Held> {
        let longest_wait = self.longest_wait;
        let repeat = self.repeat(key, cause, now);
        if repeat.minute.count(now) > 0 {
            repeat.note = Some(note());
        }
        repeat.cause = cause;
        repeat.count(now);
        repeat.judge(limit, longest_wait, now)
    }

    /// A key was let in: it is forgotten, by other nodes too.
    pub fn accepted(&mut self, key: &K, now: Millis) {
        let Some(repeat) = self.keys.get_mut(key) else {
            return;
        };
        if repeat.known && self.over.len() < TOLD_MAX {
            self.over.push(key.clone());
        }
        if repeat.known {
            repeat.end(now);
        } else {
            self.keys.remove(key);
        }
    }

    /// Has those who begin to wait from now on wait at most so long.
    pub const fn wait_at_most(&mut self, longest_wait: Millis) {
        self.longest_wait = longest_wait;
    }

    /// More is known about a key than when it was refused.
    pub fn name(&mut self, key: &K, note: N) {
        if let Some(repeat) = self.keys.get_mut(key) {
            repeat.note = Some(note);
        }
    }

    /// Forgets those that are quiet.
    pub fn forget(&mut self, now: Millis) {
        let longest_wait = self.longest_wait;
        self.keys.retain(|_, repeat| match repeat.phase {
            Phase::Counted => repeat.minute.count(now) > 0,
            Phase::Waiting { nth, until } | Phase::Judged { nth, until } => {
                now < until + quiet(wait(nth, longest_wait))
            }
            Phase::Over { until } => now < until || repeat.minute.count(now) > 0,
        });
        if self.keys.is_empty() {
            // What a flood needed is not kept for the next one.
            self.keys.shrink_to_fit();
        }
    }

    /// How many wait now.
    #[must_use]
    pub fn waiting(&self, now: Millis) -> usize {
        let waits = |repeat: &&Repeat<N>| repeat.until().is_some_and(|until| until > now);
        self.keys.values().filter(waits).count()
    }

    /// The worst, at most `most`: those that wait first, then those that came most often; none that came only once.
    #[must_use]
    pub fn worst(&self, most: usize, now: Millis) -> Vec<Seen<K, N>> {
        let repeats = self.keys.iter().filter(|(_, repeat)| {
            repeat.minute.count(now) > 1 || repeat.until().is_some_and(|until| until > now)
        });
        let mut all: Vec<_> = repeats.collect();
        all.sort_by_key(|(_, repeat)| std::cmp::Reverse(repeat.weight(now)));
        all.into_iter()
            .take(most)
            .map(|(key, repeat)| Seen {
                key: key.clone(),
                cause: repeat.cause,
                note: repeat.note.clone(),
                count: repeat.minute.count(now),
                since: repeat.since,
                until: repeat.until().filter(|until| *until > now),
                waits: repeat.nth(),
                saved: repeat.saved,
            })
            .collect()
    }

    fn repeat(&mut self, key: &K, cause: Cause, now: Millis) -> &mut Repeat<N> {
        if self.keys.len() >= KEYS_MAX && !self.keys.contains_key(key) {
            self.make_room(now);
        }
        self.keys
            .entry(key.clone())
            .or_insert_with(|| Repeat::new(cause, now))
    }

    /// Forgets the half that came back least.
    fn make_room(&mut self, now: Millis) {
        self.forget(now);
        if self.keys.len() < KEYS_MAX {
            return;
        }
        let mut all: Vec<_> = self.keys.drain().collect();
        all.sort_by_key(|(_, repeat)| std::cmp::Reverse(repeat.weight(now)));
        all.truncate(KEYS_MAX / 2);
        self.keys.extend(all);
    }
}

impl<N> Repeat<N> {
    fn new(cause: Cause, now: Millis) -> Self {
        Self {
            minute: Minute::default(),
            cause,
            note: None,
            since: now,
            last: now,
            phase: Phase::Counted,
            saved: 0,
            untold: 0,
            known: false,
        }
    }

    fn count(&mut self, now: Millis) {
        self.minute.add(1, now);
        self.untold = self.untold.saturating_add(1);
        self.last = now;
    }

    /// All that was is over; what others tell in the next seconds is older than that.
    fn end(&mut self, now: Millis) {
        self.minute = Minute::default();
        self.untold = 0;
        self.known = false;
        self.since = now;
        self.phase = Phase::Over {
            until: now + NEWS_WITHIN,
        };
    }

    /// What a refusal comes to.
    fn judge(&mut self, limit: u32, longest_wait: Millis, now: Millis) -> Option<Held> {
        let nth = match self.phase {
            Phase::Counted | Phase::Over { .. } if self.minute.count(now) < limit => return None,
            Phase::Counted | Phase::Over { .. } => 1,
            // Let through before the wait began.
            Phase::Waiting { until, .. } if now < until => return None,
            Phase::Waiting { nth, until } | Phase::Judged { nth, until } => {
                if now < until.saturating_add(quiet(wait(nth, longest_wait))) {
                    nth.saturating_add(1)
                } else {
                    1
                }
            }
        };
        let retry_in = wait(nth, longest_wait);
        self.phase = Phase::Waiting {
            nth,
            until: now + retry_in,
        };
        Some(Held {
            cause: self.cause,
            count: self.minute.count(now),
            retry_in,
        })
    }

    const fn until(&self) -> Option<Millis> {
        match self.phase {
            Phase::Counted | Phase::Over { .. } => None,
            Phase::Waiting { until, .. } | Phase::Judged { until, .. } => Some(until),
        }
    }

    const fn nth(&self) -> u32 {
        match self.phase {
            Phase::Counted | Phase::Over { .. } => 0,
            Phase::Waiting { nth, .. } | Phase::Judged { nth, .. } => nth,
        }
    }

    /// How much it is worth remembering.
    fn weight(&self, now: Millis) -> (u32, u32, Millis) {
        (self.nth(), self.minute.count(now), self.last)
    }
}

/// The `nth` wait, from 1.
fn wait(nth: u32, longest: Millis) -> Millis {
    // Beyond so many doublings every wait is the longest.
    let doublings = nth.saturating_sub(1).min(32);
    FIRST_WAIT.saturating_mul(1 << doublings).min(longest)
}

/// How long a key has to keep away after a wait to start afresh.
fn quiet(wait: Millis) -> Millis {
    wait.max(MINUTE)
}

#[cfg(test)]
mod tests;
