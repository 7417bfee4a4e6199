//! What became of the last handshakes, for clients that could not see it themselves.
//!
//! A client adds `attempt=<random id>` to the address; a preflight with the same id is told. An id that
//! is not here never reached the server: that, too, is an answer.

use std::collections::{HashMap, VecDeque};

use charla_core::Millis;
use charla_wire::{Cause, Timestamp};
use parking_lot::Mutex;
use serde::Serialize;

/// Receipts kept.
const KEPT: usize = 10_000;
/// How long a receipt is told.
const AGE: Millis = 10 * 60 * 1_000;
/// Letters of an attempt's id.
pub(crate) const ATTEMPT_MAX: usize = 64;

/// How an attempt went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// A gate said no.
    Refused,
    /// It is connected.
    Accepted,
    /// It was connected.
    Closed,
}

/// What became of one attempt.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Receipt {
    /// How it went.
    pub outcome: Outcome,
    /// Why it was refused or closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The close code that went with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// The connection's id, as in the logs.
    pub connection: String,
    /// When.
    pub at: Timestamp,
}

#[derive(Debug, Default)]
struct Kept {
    receipts: HashMap<String, (Millis, Receipt)>,
    order: VecDeque<String>,
}

/// The last attempts, bounded in number and age.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    kept: Mutex<Kept>,
}

impl Receipts {
    /// Notes what became of an attempt; the newest word counts.
    pub(crate) fn note(&self, attempt: &str, receipt: Receipt, now: Millis) {
        let mut kept = self.kept.lock();
        if kept.receipts.insert(attempt.to_owned(), (now, receipt)).is_none() {
            kept.order.push_back(attempt.to_owned());
        }
        while kept.order.len() > KEPT {
            if let Some(oldest) = kept.order.pop_front() {
                kept.receipts.remove(&oldest);
            }
        }
    }

    /// What became of an attempt, if it reached this node lately.
    #[must_use]
    pub(crate) fn find(&self, attempt: &str, now: Millis) -> Option<Receipt> {
        let kept = self.kept.lock();
        let (at, receipt) = kept.receipts.get(attempt)?;
        (now.saturating_sub(*at) <= AGE).then(|| receipt.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(outcome: Outcome) -> Receipt {
        Receipt {
            outcome,
            cause: None,
            code: None,
            connection: "c".into(),
            at: Timestamp::default(),
        }
    }

    #[test]
    fn the_newest_word_counts_for_a_while() {
        let receipts = Receipts::default();
        receipts.note("a", receipt(Outcome::Accepted), 0);
        receipts.note("a", receipt(Outcome::Closed), 5);
        assert_eq!(receipts.find("a", 5).unwrap().outcome, Outcome::Closed);
        assert!(receipts.find("a", 5 + AGE + 1).is_none());
        assert!(receipts.find("b", 0).is_none());
    }

    #[test]
    fn the_number_is_bounded() {
        let receipts = Receipts::default();
        for n in 0..KEPT + 10 {
            receipts.note(&n.to_string(), receipt(Outcome::Refused), 0);
        }
        assert!(receipts.find("9", 0).is_none());
        assert!(receipts.find("10", 0).is_some());
        assert_eq!(receipts.kept.lock().receipts.len(), KEPT);
    }
}
