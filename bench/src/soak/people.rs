//! Who is there and what they do, and what an evening counts.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What people do, and so many milliseconds between two of a kind.
pub(super) const HABITS: [(Habit, u64); 9] = [
    (Habit::Say, 50),
    (Habit::Type, 200),
    (Habit::Read, 200),
    (Habit::LookBack, 1_000),
    (Habit::Edit, 1_000),
    (Habit::Leave, 1_000),
    (Habit::KnockInVain, 2_000),
    (Habit::Call, 1_000),
    (Habit::StopReading, 20_000),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    Say,
    Type,
    Read,
    LookBack,
    Edit,
    Leave,
    KnockInVain,
    Call,
    StopReading,
}

/// What an evening came to.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) sent: u64,
    pub(crate) acked: u64,
    pub(crate) heard: u64,
    pub(crate) refused: u64,
    pub(crate) missed: u64,
    pub(crate) doubled: u64,
    pub(crate) returned: u64,
    pub(crate) edits: u64,
    pub(crate) typed: u64,
    pub(crate) marks: u64,
    pub(crate) pages: u64,
    pub(crate) knocks: u64,
    pub(crate) let_in: u64,
    pub(crate) calls: u64,
    pub(crate) rest_failed: u64,
    /// Connections that stopped reading and had the time to be let go.
    pub(crate) slow: u64,
    pub(crate) cut_off: u64,
    /// Why, of those who were cut off.
    pub(crate) reasons: BTreeMap<String, u64>,
}

/// A message that somebody said.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) chat: String,
    /// Its acknowledged number.
    pub(crate) seq: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Phase {
    Away { until: Instant },
    Coming,
    There,
}

pub(super) struct Person {
    pub(super) phase: Phase,
    pub(super) connection: usize,
    /// The last message and revision heard, once it has been there.
    pub(super) place: Option<(u64, u64)>,
    /// The last message of its own.
    pub(super) own: Option<u64>,
}

impl Person {
    /// Hears message `seq`, which must be the next.
    pub(super) fn advance(&mut self, seq: u64, figures: &mut Figures) {
        let Some((seen, _)) = &mut self.place else {
            return;
        };
        figures.missed += seq.saturating_sub(*seen + 1);
        figures.doubled += u64::from(seq <= *seen);
        *seen = seq.max(*seen);
    }
}

/// Whose a connection is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owner {
    Person(usize),
    Knocking,
    /// Will stop reading, has or is to be dropped at this time.
    Slow {
        ends: Instant,
    },
    Nobody,
}

/// The id of a message, of version 7: time, then its number.
pub(super) fn id(number: u64) -> ([u8; 16], String) {
    let millis = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let bits = (millis & 0xffff_ffff_ffff) << 80
        | 0x7000_u128 << 64
        | 0x8000_u128 << 48
        | u128::from(number & 0xffff_ffff_ffff);
    let hex = format!("{bits:032x}");
    let mut uuid = hex.clone();
    for place in [20, 16, 12, 8] {
        uuid.insert(place, '-');
    }
    (bits.to_be_bytes(), uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missed_or_doubled_is_counted() {
        let mut person = Person {
            phase: Phase::There,
            connection: 0,
            place: Some((200, 0)),
            own: None,
        };
        let mut figures = Figures::default();
        for seq in [201, 202, 202, 205, 206] {
            person.advance(seq, &mut figures);
        }
        assert_eq!((figures.missed, figures.doubled), (2, 1));
        assert_eq!(person.place, Some((206, 0)));
    }

    #[test]
    fn ids_are_of_version_seven_and_as_written() {
        let (bytes, text) = id(42);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text.replace('-', ""), hex);
        assert_eq!(
            (text.len(), text.get(14..15), text.get(19..20)),
            (36, Some("7"), Some("8"))
        );
        assert_ne!(id(42).0, id(43).0);
    }
}
