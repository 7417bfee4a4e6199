//! What a room's listeners know of a chat beside its messages: which changes of old ones they were told, and whether it
//! is closed. Changes may arrive in any order, and each is passed on once.

use charla_wire::Timestamp;

/// Revisions beyond the first that is missing of which is remembered that they were told. What is beyond is told again
/// by whoever reads the store.
pub const AHEAD_MAX: usize = 64;

/// A change of a chat that is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// An edit or a deletion, by its revision.
    Revision(u64),
    /// It was closed, then.
    Closed(Timestamp),
    /// It was opened again.
    Reopened,
}

/// What is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    upto: u64,
    // Told out of turn, in order; all above `upto + 1`.
    ahead: Vec<u64>,
    closed: Option<Timestamp>,
}

impl Known {
    /// What the store said to the first listener.
    #[must_use]
    pub const fn new(rev: u64, closed: Option<Timestamp>) -> Self {
        Self {
            upto: rev,
            ahead: Vec::new(),
            closed,
        }
    }

    /// All revisions up to here are known.
    #[must_use]
    pub const fn upto(&self) -> u64 {
        self.upto
    }

    /// Since when the chat is closed, if it is.
    #[must_use]
    pub const fn closed(&self) -> Option<Timestamp> {
        self.closed
    }

    /// Notes a change; whether it is news.
    pub fn note(&mut self, change: Change) -> bool {
        match change {
            Change::Revision(rev) => self.note_revision(rev),
            Change::Closed(at) => self.closed.replace(at) != Some(at),
            Change::Reopened => self.closed.take().is_some(),
        }
    }

    fn note_revision(&mut self, rev: u64) -> bool {
        if rev <= self.upto {
            return false;
        }
        if rev == self.upto + 1 {
            self.settle(rev);
            return true;
        }
        let Err(place) = self.ahead.binary_search(&rev) else {
            return false;
        };
        if self.ahead.len() < AHEAD_MAX {
            self.ahead.insert(place, rev);
        }
        true
    }

    /// Everything up to a revision was told: what stood between was read in the store.
    pub fn settle(&mut self, rev: u64) {
        self.upto = self.upto.max(rev);
        let upto = &mut self.upto;
        self.ahead.retain(|ahead| {
            let next = *ahead == *upto + 1;
            *upto += u64::from(next);
            *ahead > *upto
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_news_once_in_any_order() {
        let mut known = Known::new(3, None);
        let news: Vec<bool> = [5, 3, 5, 7, 4, 4, 5, 6, 9, 8]
            .map(|rev| known.note(Change::Revision(rev)))
            .into();
        let expected = [true, false, false, true, true, false, false, true, true, true];
        assert_eq!(news, expected);
        assert_eq!(known, Known::new(9, None));
    }

    #[test]
    fn what_was_read_in_the_store_is_known() {
        let mut known = Known::new(0, None);
        for rev in [3, 6, 7, 9] {
            known.note(Change::Revision(rev));
        }
        known.settle(5);
        assert_eq!(known.upto(), 7, "what was told out of turn follows on");
        known.settle(2);
        assert_eq!(known.upto(), 7, "never back");
        assert!(!known.note(Change::Revision(9)));
        assert!(known.note(Change::Revision(8)));
        assert_eq!(known, Known::new(9, None));
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let mut known = Known::new(0, None);
        let last = 2 * AHEAD_MAX as u64;
        for rev in 2..=last {
            assert!(known.note(Change::Revision(rev)));
        }
        assert!(known.note(Change::Revision(last)), "told again");
        known.settle(1);
        assert_eq!(known.upto(), AHEAD_MAX as u64 + 1);
    }

    #[test]
    fn a_chat_is_closed_and_opened_once() {
        let (then, later) = (Timestamp::from_millis(1), Timestamp::from_millis(2));
        let mut known = Known::new(0, Some(then));
        for (change, news) in [
            (Change::Closed(then), false),
            (Change::Reopened, true),
            (Change::Reopened, false),
            (Change::Closed(then), true),
            (Change::Closed(later), true),
            (Change::Closed(later), false),
        ] {
            assert_eq!(known.note(change), news, "{change:?}");
        }
        assert_eq!(known.closed(), Some(later));
    }
}
