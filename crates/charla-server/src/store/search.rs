//! Messages by their words.
//!
//! A chat is taken in when it is searched for the first time, the newest messages first, some at a time; sending a message
//! costs nothing. Words are folded here and not by the databases, so that both find the same: [`words`].

use charla_core::{RoomKey, Seq, Stored};

use super::StoreFuture;

pub mod words;

pub use words::{Query, QueryError};

/// How much of a chat is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenIn {
    /// Whether that is all of it.
    pub all: bool,
}

/// What messages are found by.
pub trait Search {
    /// Takes in at most `limit` messages of a chat that are not yet: the newest first, then towards the oldest.
    fn take_in<'a>(&'a self, room: &'a RoomKey, limit: usize) -> StoreFuture<'a, TakenIn>;
    /// Messages with all of the words, newest first, before a number if one is given. Deleted ones are never found.
    fn find<'a>(
        &'a self,
        room: &'a RoomKey,
        query: &'a Query,
        before: Option<Seq>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Stored>>;
}
