//! How far one chat was read: what is new, what is a repeat, what is missing.
//!
//! A chat's messages are numbered 1, 2, 3 ... without gaps, so the last number seen says everything. A message beyond the
//! next number is kept back until history has filled the gap.

use std::collections::BTreeMap;

/// More than this behind is not a gap to mend but a page to load anew.
pub const HELD_MAX: usize = 200;

/// A gap in the numbers: what to ask history for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// Messages before this number.
    pub before: u64,
    /// This many.
    pub limit: usize,
}

/// A reader's place in a chat. `M` is whatever a message is to the caller.
#[derive(Debug, Clone)]
pub struct Cursor<M> {
    /// The last message handed on; `None` before the chat was first entered.
    seq: Option<u64>,
    /// The last edit or delete seen.
    rev: Option<u64>,
    held: BTreeMap<u64, M>,
}

impl<M> Cursor<M> {
    /// A place to begin from, where one is known.
    #[must_use]
    pub fn new(after: Option<u64>, rev: Option<u64>) -> Self {
        Self {
            seq: after,
            rev,
            held: BTreeMap::new(),
        }
    }

    /// The last message handed on.
    #[must_use]
    pub fn seq(&self) -> Option<u64> {
        self.seq
    }

    /// The last revision seen.
    #[must_use]
    pub fn rev(&self) -> Option<u64> {
        self.rev
    }

    /// A message came: what may be handed on now, in order, and the gap before it if it is the first to show one.
    pub fn accept(&mut self, seq: u64, message: M) -> (Vec<M>, Option<Missing>) {
        let last = *self.seq.get_or_insert_with(|| seq.saturating_sub(1));
        if seq <= last {
            return (Vec::new(), None);
        }
        let first = self.held.is_empty();
        if self.held.len() < HELD_MAX {
            self.held.insert(seq, message);
        }
        let deliver = self.run();
        // One request mends the gap; those that follow it are only kept.
        let missing = (deliver.is_empty() && first).then(|| Missing {
            before: seq,
            limit: usize::try_from(seq - last - 1).unwrap_or(HELD_MAX).min(HELD_MAX),
        });
        (deliver, missing)
    }

    /// History for a gap came. What it could not fill is given up: better late than never.
    pub fn fill(&mut self, messages: impl IntoIterator<Item = (u64, M)>) -> Vec<M> {
        let last = self.seq.unwrap_or(0);
        self.held
            .extend(messages.into_iter().filter(|(seq, _)| *seq > last));
        let mut deliver = self.run();
        while let Some(next) = self.held.keys().next().copied() {
            self.seq = Some(next - 1);
            deliver.extend(self.run());
        }
        deliver
    }

    /// The chat was entered anew, and what lies before is not going to come.
    pub fn jump(&mut self, seq: u64, rev: Option<u64>) {
        self.seq = Some(seq);
        self.rev = rev.or(self.rev);
        self.held.clear();
    }

    /// What was held back is forgotten: the next subscription brings it again.
    pub fn let_go(&mut self) {
        self.held.clear();
    }

    /// An edit or delete was seen.
    pub fn revised(&mut self, rev: Option<u64>) {
        self.rev = self.rev.max(rev);
    }

    fn run(&mut self) -> Vec<M> {
        let mut deliver = Vec::new();
        let mut last = self.seq.unwrap_or(0);
        while let Some(message) = self.held.remove(&(last + 1)) {
            last += 1;
            deliver.push(message);
        }
        self.seq = Some(last);
        deliver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seq: u64) -> Cursor<u64> {
        Cursor::new(Some(seq), None)
    }

    #[test]
    fn the_next_one_passes_and_a_repeat_does_not() {
        let mut cursor = at(3);
        assert_eq!(cursor.accept(4, 4), (vec![4], None));
        assert_eq!(cursor.accept(4, 4), (vec![], None));
        assert_eq!(cursor.accept(2, 2), (vec![], None));
        assert_eq!(cursor.seq(), Some(4));
    }

    #[test]
    fn without_a_place_the_first_message_makes_one() {
        let mut cursor = Cursor::new(None, None);
        assert_eq!(cursor.accept(70, 70), (vec![70], None));
        assert_eq!(cursor.accept(71, 71), (vec![71], None));
    }

    #[test]
    fn a_gap_is_asked_for_once_and_filled_in_order() {
        let mut cursor = at(3);
        let gap = Missing { before: 7, limit: 3 };
        assert_eq!(cursor.accept(7, 7), (vec![], Some(gap)));
        assert_eq!(cursor.accept(8, 8), (vec![], None));
        assert_eq!(cursor.fill([(3, 3), (4, 4), (5, 5), (6, 6)]), vec![4, 5, 6, 7, 8]);
        assert_eq!(cursor.accept(9, 9), (vec![9], None));
    }

    #[test]
    fn what_history_lacks_is_given_up() {
        let mut cursor = at(3);
        cursor.accept(7, 7);
        cursor.accept(9, 9);
        assert_eq!(cursor.fill([(5, 5)]), vec![5, 7, 9]);
        assert_eq!(cursor.seq(), Some(9));
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut cursor = at(0);
        for seq in 2..1_000 {
            cursor.accept(seq, seq);
        }
        assert_eq!(cursor.fill([(1, 1)]).len(), 1 + HELD_MAX);
    }

    #[test]
    fn revisions_only_grow() {
        let mut cursor = at(0);
        cursor.revised(Some(4));
        cursor.revised(Some(2));
        cursor.revised(None);
        assert_eq!(cursor.rev(), Some(4));
        cursor.jump(9, None);
        assert_eq!((cursor.seq(), cursor.rev()), (Some(9), Some(4)));
    }
}
