//! What nodes tell each other about those who repeat themselves, so that a loop spread over them is one loop.
//!
//! Counts are added up, and of two waits the longer one holds, so it does not matter who tells what first, nor how
//! often a wait is told. What is lost on the way is counted by whoever saw it alone.

use std::hash::Hash;

use charla_wire::Cause;

use super::{Held, Loops, Phase, TOLD_MAX};
use crate::Millis;

/// News of one key, from one node to the others. Times are spans: nodes have no clock in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told<N> {
    /// It goes on.
    Again {
        /// What it is refused for.
        cause: Cause,
        /// How often since the last news.
        count: u32,
        /// Since when it has been, in milliseconds before now.
        lasting: Millis,
        /// How often it has waited in a row; 0 while it is only counted.
        waits: u32,
        /// How much longer it waits.
        left: Millis,
        /// Who it is, as far as known.
        note: Option<N>,
    },
    /// It was let in.
    Over,
}

impl<K: Hash + Eq + Clone, N: Clone> Loops<K, N> {
    /// What others should know by now: keys that came `at_least` so often within a minute and again since the last
    /// time, or that wait. Nothing while nobody repeats himself.
    pub fn tell(&mut self, at_least: u32, now: Millis) -> Vec<(K, Told<N>)> {
        let mut news: Vec<_> = self.over.drain(..).map(|key| (key, Told::Over)).collect();
        let worth_it = self.keys.iter_mut().filter(|(_, repeat)| {
            repeat.untold > 0 && (repeat.minute.count(now) >= at_least || repeat.nth() > 0)
        });
        for (key, repeat) in worth_it.take(TOLD_MAX.saturating_sub(news.len())) {
            repeat.known = true;
            let told = Told::Again {
                cause: repeat.cause,
                count: std::mem::take(&mut repeat.untold),
                lasting: now.saturating_sub(repeat.since),
                waits: repeat.nth(),
                left: repeat.until().map_or(0, |until| until.saturating_sub(now)),
                note: repeat.note.clone(),
            };
            news.push((key.clone(), told));
        }
        news
    }

    /// Another node's news. Comes back with the wait that begins here, if one does: theirs, or because the sum of all
    /// has reached the key's `limit`.
    pub fn heard(&mut self, key: &K, told: Told<N>, limit: u32, now: Millis) -> Option<Held> {
        let Told::Again {
            cause,
            count,
            lasting,
            waits,
            left,
            note,
        } = told
        else {
            if let Some(repeat) = self.keys.get_mut(key) {
                repeat.end(now);
            }
            return None;
        };
        let longest_wait = self.longest_wait;
        let left = left.min(longest_wait);
        let repeat = self.repeat(key, cause, now);
        if matches!(repeat.phase, Phase::Over { until } if now < until) {
            return None;
        }
        repeat.minute.add(count, now);
        repeat.last = now;
        repeat.since = repeat.since.min(now.saturating_sub(lasting));
        repeat.known = true;
        if note.is_some() {
            repeat.note = note;
        }
        if waits == 0 || left == 0 {
            return match repeat.phase {
                Phase::Counted | Phase::Over { .. } => repeat.judge(limit, longest_wait, now),
                Phase::Waiting { .. } | Phase::Judged { .. } => None,
            };
        }
        let (nth, until) = (waits.max(repeat.nth()), now + left);
        if repeat.until().is_some_and(|known| known >= until) {
            return None;
        }
        let begins = repeat.until().is_none_or(|known| known <= now);
        repeat.cause = cause;
        repeat.phase = Phase::Waiting { nth, until };
        begins.then(|| Held {
            cause,
            count: repeat.minute.count(now),
            retry_in: left,
        })
    }
}
