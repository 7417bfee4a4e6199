//! The close ledger of one node: who was refused, and how connections ended: [`Ledger`].
//!
//! A ring in memory, gone with its node. No token is ever in it: only what the log says too.

use std::collections::VecDeque;
use std::net::IpAddr;

use charla_wire::{ChatId, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::minutes::Why;
use crate::connection::Initiator;

/// Entries of a node; the oldest goes first. At most 1 KiB each: 20 MiB, some 6 MiB as ids usually are.
pub const ENTRIES_MAX: usize = 20_000;
/// Entries of one answer.
pub const FOUND_MAX: usize = 200;
/// Bytes of a detail that are kept: those of a close frame.
const DETAIL_MAX: usize = charla_wire::cause::CLOSE_REASON_MAX;

/// What became of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A connection that is open.
    Open,
    /// A connection that has ended.
    Ended,
    /// It was refused.
    Refused,
}

/// One handshake or connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// What became of it.
    pub kind: Kind,
    /// The connection's id, as in `welcome` and the log.
    #[schema(value_type = String)]
    pub connection: Uuid,
    /// The attempt's id, where the client gave one.
    #[schema(value_type = Option<String>)]
    pub attempt: Option<Box<str>>,
    /// When it was refused or ended, or, while it is open, opened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When it was opened.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub opened_at: Option<Timestamp>,
    /// Why it was refused or ended; `none` where the client just left, or it is open.
    #[schema(value_type = String, example = "token_expired")]
    pub cause: Why,
    /// Who ended it.
    pub initiator: Option<Initiator>,
    /// What was said beside the cause.
    #[schema(value_type = Option<String>)]
    pub detail: Option<Box<str>>,
    /// Milliseconds that it lasted, or has lasted.
    pub lasted_ms: Option<u64>,
    /// When the server pinged last.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub pinged_at: Option<Timestamp>,
    /// When the client's last pong came.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ponged_at: Option<Timestamp>,
    /// Bytes that waited for it at its end, or wait now.
    pub queued_bytes: u64,
    /// Bytes of frames that its socket took. A node of release 0.1 tells none.
    #[serde(default)]
    pub sent_bytes: u64,
    /// Where from.
    #[schema(value_type = String, example = "192.0.2.7")]
    pub address: IpAddr,
    /// As proved, or as the token or the address has it.
    #[schema(value_type = Option<String>)]
    pub tenant: Option<TenantId>,
    /// Who: as proved, or as a token says that was refused and has a good signature.
    #[schema(value_type = Option<String>)]
    pub user: Option<UserId>,
    /// The chat of the address.
    #[schema(value_type = Option<String>)]
    pub chat: Option<ChatId>,
}

/// What is looked for: everything that is given has to be so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// A user, a chat, an attempt, an address, or how a connection's id begins.
    pub text: Option<String>,
    /// Whose.
    pub tenant: Option<TenantId>,
    /// Who.
    pub user: Option<UserId>,
    /// The whole id.
    pub connection: Option<Uuid>,
    /// Where from.
    pub address: Option<IpAddr>,
    /// A cause's id, or `none`.
    pub cause: Option<String>,
    /// What became of it.
    pub kind: Option<Kind>,
    /// Only what is older.
    pub before: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
}

/// What one node has of that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The newest first.
    pub entries: Vec<Entry>,
    /// There are older ones.
    pub more: bool,
    /// How far back its ledger goes; `None` while it is empty.
    pub since: Option<Timestamp>,
}

impl Query {
    /// Whether this is looked for.
    #[must_use]
    pub fn wants(&self, entry: &Entry) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, has: Option<&T>) -> bool {
            wanted.is_none() || wanted == has
        }
        is(self.kind.as_ref(), Some(&entry.kind))
            && is(self.tenant.as_ref(), entry.tenant.as_ref())
            && is(self.user.as_ref(), entry.user.as_ref())
            && is(self.connection.as_ref(), Some(&entry.connection))
            && is(self.address.as_ref(), Some(&entry.address))
            && self
                .cause
                .as_ref()
                .is_none_or(|cause| entry.kind != Kind::Open && entry.cause.id() == cause)
            && self.before.is_none_or(|before| entry.at < before)
            && self.text.as_ref().is_none_or(|text| entry.reads(text))
    }

    /// The newest of what is looked for.
    fn pick(&self, mut entries: Vec<Entry>) -> (Vec<Entry>, bool) {
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        let more = entries.len() > self.limit;
        entries.truncate(self.limit);
        (entries, more)
    }
}

impl Entry {
    fn reads(&self, text: &str) -> bool {
        let is = |word: Option<&str>| word == Some(text);
        is(self.user.as_ref().map(UserId::as_str))
            || is(self.chat.as_ref().map(ChatId::as_str))
            || is(self.attempt.as_deref())
            || self.address.to_string() == text
            || self
                .connection
                .to_string()
                .starts_with(&text.to_ascii_lowercase())
    }
}

/// A detail as it is kept: cut at a character's end.
#[must_use]
pub fn detail(words: &str) -> Option<Box<str>> {
    let end = words.floor_char_boundary(DETAIL_MAX);
    let kept = words.get(..end).unwrap_or_default();
    (!kept.is_empty()).then(|| kept.into())
}

/// The last entries of this node.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: VecDeque<Entry>,
}

impl Ledger {
    /// One more.
    pub fn note(&mut self, entry: Entry) {
        if self.entries.len() >= ENTRIES_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// What is looked for, among these and the open ones that are passed in.
    #[must_use]
    pub fn search(&self, query: &Query, open: Vec<Entry>) -> Found {
        let closed = self.entries.iter().rev().filter(|entry| query.wants(entry));
        let mut entries: Vec<Entry> = closed.take(query.limit + 1).cloned().collect();
        entries.extend(open.into_iter().filter(|entry| query.wants(entry)));
        let (entries, more) = query.pick(entries);
        Found {
            entries,
            more,
            since: self.entries.front().map(|entry| entry.at),
        }
    }
}

/// All that the nodes found, the newest first, and whether there is more.
#[must_use]
pub fn together<T>(mut found: Vec<(T, Entry)>, limit: usize) -> (Vec<(T, Entry)>, bool) {
    found.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.at));
    let more = found.len() > limit;
    found.truncate(limit);
    (found, more)
}

#[cfg(test)]
mod tests {
    use charla_wire::Cause;
    use charla_wire::ids::{CHAT_ID_MAX, TENANT_ID_MAX, USER_ID_MAX};

    use super::*;
    use crate::receipts::ATTEMPT_MAX;

    fn entry(n: i64) -> Entry {
        Entry {
            kind: Kind::Ended,
            connection: Uuid::from_u128(n.unsigned_abs().into()),
            attempt: None,
            at: Timestamp::from_millis(n),
            opened_at: None,
            cause: Why(Some(Cause::SlowConsumer)),
            initiator: Some(Initiator::Server),
            detail: None,
            lasted_ms: Some(1),
            pinged_at: None,
            ponged_at: None,
            queued_bytes: 7,
            sent_bytes: 70,
            address: IpAddr::from([192, 0, 2, 7]),
            tenant: TenantId::parse("acme").ok(),
            user: UserId::parse("ana").ok(),
            chat: ChatId::parse("5").ok(),
        }
    }

    fn query() -> Query {
        Query {
            limit: FOUND_MAX,
            ..Query::default()
        }
    }

    #[test]
    fn the_newest_come_first_and_the_ring_has_a_bound() {
        let mut ledger = Ledger::default();
        let surplus = 10;
        for n in 0..i64::try_from(ENTRIES_MAX).unwrap() + surplus {
            ledger.note(entry(n));
        }
        assert_eq!(ledger.entries.len(), ENTRIES_MAX);
        let found = ledger.search(&query(), vec![entry(5_000_000)]);
        assert!(found.more && found.entries.len() == FOUND_MAX);
        assert_eq!(found.entries[0].at.as_millis(), 5_000_000);
        assert_eq!(found.since, Some(Timestamp::from_millis(surplus)));
        let before = Query {
            before: found.since.map(|at| at.plus_millis(2)),
            ..query()
        };
        let oldest = ledger.search(&before, Vec::new());
        assert_eq!((oldest.entries.len(), oldest.more), (2, false));
    }

    #[test]
    fn everything_that_is_asked_has_to_be_so() {
        let mut ledger = Ledger::default();
        ledger.note(entry(1));
        let finds = |change: &dyn Fn(&mut Query)| {
            let mut query = query();
            change(&mut query);
            ledger.search(&query, Vec::new()).entries.len()
        };
        let text = |text: &str| finds(&|query| query.text = Some(text.into()));
        for known in [
            "ana",
            "5",
            "192.0.2.7",
            "00000000-0000-0000-0000-000000000001",
            "00000000-0000",
        ] {
            assert_eq!(text(known), 1, "{known}");
        }
        for unknown in ["an", "192.0.2", "1", "acme"] {
            assert_eq!(text(unknown), 0, "{unknown}");
        }
        assert_eq!(finds(&|query| query.tenant = TenantId::parse("other").ok()), 0);
        assert_eq!(finds(&|query| query.cause = Some("slow_consumer".into())), 1);
        assert_eq!(finds(&|query| query.cause = Some("none".into())), 0);
        assert_eq!(finds(&|query| query.kind = Some(Kind::Refused)), 0);
    }

    #[test]
    fn an_entry_takes_a_kilobyte_at_most() {
        let ids = TENANT_ID_MAX + USER_ID_MAX + CHAT_ID_MAX + ATTEMPT_MAX;
        // Three shared ids with two counts each.
        let heap = ids + DETAIL_MAX + 3 * 2 * size_of::<usize>();
        assert!(
            size_of::<Entry>() + heap <= 1024,
            "{} + {heap}",
            size_of::<Entry>()
        );
        let words = detail(&"é".repeat(200)).unwrap();
        assert!(words.len() <= DETAIL_MAX && words.chars().all(|letter| letter == 'é'));
    }
}
