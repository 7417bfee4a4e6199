//! What is counted while a crowd comes back, and what it comes to.

use serde_json::{Value, json};

use super::scene::Scene;

/// Counts of one policy's storm.
#[derive(Debug, PartialEq)]
pub(super) struct Tally {
    attempts: u64,
    /// Of the client that made the most.
    most: u32,
    /// When each that is back came back.
    back_ms: Vec<u32>,
    /// Attempts and preflights of each second.
    pub(super) asked: Vec<u32>,
    /// Handshakes that the server finished in each second.
    pub(super) accepted: Vec<u32>,
    tokens: Vec<u32>,
    preflights: u64,
    gave_up: u32,
    trying: u32,
    clients: u32,
}

/// What a table says of a policy; times are seconds after the loss.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Summary {
    pub(super) attempts: u64,
    pub(super) most: u32,
    pub(super) preflights: u64,
    pub(super) tokens: u64,
    pub(super) token_peak: u32,
    pub(super) peak: u32,
    pub(super) accepted: u64,
    pub(super) back_50_s: Option<f64>,
    pub(super) back_95_s: Option<f64>,
    pub(super) back_all_s: Option<f64>,
    pub(super) back: u32,
    pub(super) gave_up: u32,
    pub(super) trying: u32,
}

impl Tally {
    pub(super) fn new(scene: &Scene) -> Self {
        let seconds = scene.end_ms as usize / 1_000 + 1;
        Self {
            attempts: 0,
            most: 0,
            back_ms: Vec::with_capacity(scene.clients as usize),
            asked: vec![0; seconds],
            accepted: vec![0; seconds],
            tokens: vec![0; seconds],
            preflights: 0,
            gave_up: 0,
            trying: 0,
            clients: scene.clients,
        }
    }

    pub(super) fn attempt(&mut self, at_ms: u32) {
        self.attempts += 1;
        count(&mut self.asked, at_ms);
    }

    pub(super) fn preflight(&mut self, at_ms: u32) {
        self.preflights += 1;
        count(&mut self.asked, at_ms);
    }

    pub(super) fn token(&mut self, at_ms: u32) {
        count(&mut self.tokens, at_ms);
    }

    pub(super) fn accepted(&mut self, at_ms: u32) {
        count(&mut self.accepted, at_ms);
    }

    pub(super) fn back(&mut self, at_ms: u32) {
        self.back_ms.push(at_ms);
    }

    pub(super) fn gave_up(&mut self) {
        self.gave_up += 1;
    }

    /// Nothing is counted any more: so many still try, and so often has each tried.
    pub(super) fn close(&mut self, trying: u32, attempts: impl Iterator<Item = u32>) {
        self.trying = trying;
        self.most = attempts.max().unwrap_or(0);
        self.back_ms.sort_unstable();
    }

    /// Seconds until this share of all clients was back.
    fn back_s(&self, share: f64) -> Option<f64> {
        let nth = (f64::from(self.clients) * share).ceil();
        let at_ms = (0..)
            .zip(&self.back_ms)
            .find(|&(place, _)| f64::from(place + 1) >= nth);
        at_ms.map(|(_, &at_ms)| f64::from(at_ms) / 1_000.0)
    }

    pub(super) fn summary(&self) -> Summary {
        let sum = |counts: &[u32]| counts.iter().map(|&count| u64::from(count)).sum();
        let most = |counts: &[u32]| counts.iter().copied().max().unwrap_or(0);
        Summary {
            attempts: self.attempts,
            most: self.most,
            preflights: self.preflights,
            tokens: sum(&self.tokens),
            token_peak: most(&self.tokens),
            peak: most(&self.asked),
            accepted: sum(&self.accepted),
            back_50_s: self.back_s(0.5),
            back_95_s: self.back_s(0.95),
            back_all_s: self.back_s(1.0),
            back: u32::try_from(self.back_ms.len()).unwrap_or(u32::MAX),
            gave_up: self.gave_up,
            trying: self.trying,
        }
    }

    /// Clients back at the end of each second, as shares of all.
    pub(super) fn back_shares(&self) -> Vec<f64> {
        let mut back = self.back_ms.iter().peekable();
        let mut count = 0_u32;
        let ends_ms = (1..=self.asked.len()).map(|second| second as u64 * 1_000);
        ends_ms
            .map(|end_ms| {
                while back.next_if(|&&at_ms| u64::from(at_ms) < end_ms).is_some() {
                    count += 1;
                }
                f64::from(count) / f64::from(self.clients.max(1))
            })
            .collect()
    }
}

fn count(seconds: &mut [u32], at_ms: u32) {
    // What the server still does after the end is nobody's business.
    if let Some(second) = seconds.get_mut(at_ms as usize / 1_000) {
        *second += 1;
    }
}

/// The largest of each of `count` stretches of `0..end`.
pub(super) fn buckets(seconds: &[u32], end: usize, count: usize) -> Vec<u32> {
    let count = count.min(end.max(1));
    let stretch = |nth: usize| nth * end / count..((nth + 1) * end / count).max(nth * end / count + 1);
    (0..count)
        .map(|nth| {
            let part = seconds.get(stretch(nth)).unwrap_or_default();
            part.iter().copied().max().unwrap_or(0)
        })
        .collect()
}

impl Summary {
    /// One of `policies`; null means never within the time that was watched.
    pub(super) fn as_json(&self, name: &str) -> Value {
        json!({
            "name": name,
            "attempts_total": self.attempts,
            "attempts_per_client_max": self.most,
            "peak_per_s": self.peak,
            "back_50_s": self.back_50_s,
            "back_95_s": self.back_95_s,
            "back_all_s": self.back_all_s,
            "stranded": self.gave_up,
            "still_trying": self.trying,
            "back": self.back,
            "preflights": self.preflights,
            "token_refreshes": self.tokens,
            "token_peak_per_s": self.token_peak,
            "accepted": self.accepted,
        })
    }
}
