//! Names that travel: [`TenantId`], [`ChatId`], [`UserId`], and the time stamp beside them.
//!
//! Each is parsed once, at the door, and cloning one copies a pointer. What stands inside has passed
//! the rule of its kind; nothing behind the door checks again.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Letters a chat id may have at most (`PROTOCOL.md`, chat ids).
pub const CHAT_ID_MAX: usize = 64;
/// Letters a tenant id may have at most: PostgreSQL's limit for a schema's name.
pub const TENANT_ID_MAX: usize = 63;
/// Bytes a user id may have at most.
pub const USER_ID_MAX: usize = 128;

/// Why a text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdError {
    /// Nothing between the quotes.
    Empty,
    /// More bytes than this kind of id may have.
    TooLong {
        /// The limit of its kind, in bytes.
        max: usize,
    },
    /// A character outside the kind's alphabet.
    Character,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong { max } => write!(f, "is longer than {max} characters"),
            Self::Character => f.write_str("has a character that is not allowed"),
        }
    }
}

impl std::error::Error for IdError {}

fn check(text: &str, max: usize, allowed: impl Fn(char) -> bool) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > max {
        return Err(IdError::TooLong { max });
    }
    if !text.chars().all(allowed) {
        return Err(IdError::Character);
    }
    Ok(())
}

fn word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// Spaces inside a user id would read as two ids in a log line; control characters could write one.
fn user_character(c: char) -> bool {
    !c.is_control() && !c.is_whitespace()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $max:expr, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a text that keeps the rule of its kind.
            ///
            /// # Errors
            /// [`IdError`] says which part of the rule it breaks.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check(text, $max, $allowed)?;
                Ok(Self(text.into()))
            }

            /// The id as it came.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A customer of the operator: its users, chats and keys stand apart from every other tenant's.
    TenantId, TENANT_ID_MAX, word
);
id!(
    /// A chat, unique within its tenant: 1 to 64 of `A-Z a-z 0-9 _ -`.
    ChatId, CHAT_ID_MAX, word
);
id!(
    /// A person or program, unique within its tenant; the token's subject as text.
    UserId, USER_ID_MAX, user_character
);

/// Milliseconds since 1970-01-01 UTC; for display and expiry, never for order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This time moved by `millis`, held at the ends of the range.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339, UTC, three decimals: `2026-11-23T10:00:00.123Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => f.write_str(if self.0 < 0 {
                "-009999-01-02T01:59:59.000Z"
            } else {
                "9999-12-30T22:00:00.999Z"
            }),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let time: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self(time.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_id_is_a_short_word() {
        for good in ["5", "a", "Room_1-b", &"x".repeat(64)] {
            assert_eq!(ChatId::parse(good).unwrap().as_str(), good);
        }
        for (bad, error) in [
            ("", IdError::Empty),
            ("1\0", IdError::Character),
            ("../admin", IdError::Character),
            ("1;drop", IdError::Character),
            ("٥", IdError::Character),
        ] {
            assert_eq!(ChatId::parse(bad), Err(error), "{bad:?}");
        }
        assert_eq!(ChatId::parse(&"x".repeat(65)), Err(IdError::TooLong { max: 64 }));
    }

    #[test]
    fn a_user_id_cannot_write_a_log_line() {
        assert!(UserId::parse("ana@example.org").is_ok());
        for bad in ["a b", "a\r\nb", "\u{1b}[2J"] {
            assert_eq!(UserId::parse(bad), Err(IdError::Character), "{bad:?}");
        }
    }

    #[test]
    fn a_time_stamp_reads_back_what_it_wrote() {
        let time = Timestamp::from_millis(1_795_428_000_123);
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(json, "\"2026-11-23T10:00:00.123Z\"");
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
    }
}
