//! Messages that were said elsewhere before, on their way in: numbered behind what a chat has, in the order given.
//!
//! Numbers follow time. So a message that is older than its chat's last one has no place any more, and its chat stops
//! there: what would come behind it does not get its number first. What is there already, by author and id, is passed over.

use charla_core::{Draft, Seq};
use charla_wire::Timestamp;

use super::StoreFuture;

/// A store that takes what was said elsewhere before.
pub trait Backfill {
    /// Stores messages in one commit, behind what their chats have; what becomes of each, in the order given. Nobody is told
    /// of them: whoever is there hears of the gap with the next message. Chats that are closed take them too. Without
    /// `write`, what would become of them.
    fn backfill(&self, past: Vec<Past>, write: bool) -> StoreFuture<'_, Vec<Fate>>;
}

/// A message of before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// What was said, where and by whom.
    pub draft: Draft,
    /// When.
    pub sent_at: Timestamp,
}

/// What became of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is new under this number.
    New(Seq),
    /// Its author has stored a message under its id before, whatever the words are now.
    Known,
    /// There is no such chat.
    NoChat,
    /// The chat's last message was said at this time, which is later.
    Newer(Timestamp),
    /// A message before it in the same chat was not taken.
    Behind,
}

/// A chat while its messages are numbered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// The number of its last message.
    pub(super) last_seq: Seq,
    /// When that was said; `None` for a chat without messages.
    pub(super) last_sent_at: Option<Timestamp>,
    /// Whether one of its messages was not taken.
    stopped: bool,
}

impl Standing {
    pub(super) const fn new(last_seq: Seq, last_sent_at: Option<Timestamp>) -> Self {
        Self {
            last_seq,
            last_sent_at,
            stopped: false,
        }
    }

    /// Gives the next message its number, or says why not.
    pub(super) fn number(&mut self, sent_at: Timestamp, is_known: bool) -> Fate {
        if self.stopped {
            return Fate::Behind;
        }
        if is_known {
            return Fate::Known;
        }
        if let Some(last) = self.last_sent_at.filter(|last| *last > sent_at) {
            self.stopped = true;
            return Fate::Newer(last);
        }
        self.last_seq += 1;
        self.last_sent_at = Some(sent_at);
        Fate::New(self.last_seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_time_and_a_chat_stops_at_what_has_no_place() {
        let at = Timestamp::from_millis;
        let mut chat = Standing::new(3, Some(at(100)));
        for (sent_at, is_known, fate) in [
            (50, true, Fate::Known),
            (100, false, Fate::New(4)),
            (120, false, Fate::New(5)),
            (119, true, Fate::Known),
            (119, false, Fate::Newer(at(120))),
            (130, false, Fate::Behind),
            (50, true, Fate::Behind),
        ] {
            assert_eq!(chat.number(at(sent_at), is_known), fate, "{sent_at}");
        }
        let mut empty = Standing::new(0, None);
        assert_eq!(empty.number(at(0), false), Fate::New(1));
    }
}
