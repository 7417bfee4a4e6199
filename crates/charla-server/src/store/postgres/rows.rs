//! From columns to types.
//!
//! What stands in the database was checked before it was written; a text that is no id any more is an error,
//! not a panic. PostgreSQL's texts cannot hold U+0000, which people may send all the same: see [`escaped`].

use std::borrow::Cow;
use std::str::FromStr;

use charla_core::{Author, Draft, RoomKey, Stored, UserKey};
use charla_wire::{Attachment, IdError, Timestamp};
use tokio_postgres::Row;
use uuid::Uuid;

use super::fault::Fault;
use crate::store::columns;
pub(super) use crate::store::columns::{
    CHAT_WIDTH, MESSAGE_WIDTH, TENANT_WIDTH, USER_WIDTH, chat_columns, limit, message_columns, number,
    tenant_columns, user_columns,
};
use crate::store::{Chat, Closed, Role, Tenant, User, UserState};

/// Stands before the mark of an escaped character: the last code point, which is no character (Unicode, 23.7).
const ESCAPE: char = '\u{10FFFF}';
/// Marks an escaped U+0000.
const NUL_MARK: char = '0';
/// Marks an escaped [`ESCAPE`].
const ESCAPE_MARK: char = '1';

/// Words as PostgreSQL can keep them: verbatim, unless they have a U+0000 or the escape itself in them.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => kept.extend([ESCAPE, NUL_MARK]),
            ESCAPE => kept.extend([ESCAPE, ESCAPE_MARK]),
            other => kept.push(other),
        }
    }
    Cow::Owned(kept)
}

/// The words behind [`escaped`].
fn plain(kept: &str) -> Cow<'_, str> {
    if !kept.contains(ESCAPE) {
        return Cow::Borrowed(kept);
    }
    let mut text = String::with_capacity(kept.len());
    let mut chars = kept.chars();
    while let Some(c) = chars.next() {
        match (c, c == ESCAPE) {
            (_, true) => match chars.next() {
                Some(NUL_MARK) => text.push('\0'),
                Some(ESCAPE_MARK) | None => text.push(ESCAPE),
                Some(other) => text.extend([ESCAPE, other]),
            },
            (other, false) => text.push(other),
        }
    }
    Cow::Owned(text)
}

/// Words that were [`escaped`].
pub(super) fn words<T: for<'a> From<Cow<'a, str>>>(row: &Row, at: usize) -> Result<T, Fault> {
    Ok(plain(row.try_get(at)?).into())
}

/// Words that were [`escaped`], if there are any.
pub(super) fn words_or_none<T: for<'a> From<Cow<'a, str>>>(row: &Row, at: usize) -> Result<Option<T>, Fault> {
    let kept: Option<&str> = row.try_get(at)?;
    Ok(kept.map(|kept| plain(kept).into()))
}

/// A number that is never negative.
pub(super) fn unsigned(row: &Row, at: usize) -> Result<u64, Fault> {
    let value: i64 = row.try_get(at)?;
    u64::try_from(value).map_err(|_| Fault::Contradiction(format!("a negative number: {value}")))
}

/// An id of any kind.
pub(super) fn id<T: FromStr<Err = IdError>>(row: &Row, at: usize) -> Result<T, Fault> {
    parsed(row.try_get(at)?)
}

/// An id of any kind that may be missing.
pub(super) fn id_or_none<T: FromStr<Err = IdError>>(row: &Row, at: usize) -> Result<Option<T>, Fault> {
    let text: Option<&str> = row.try_get(at)?;
    text.map(parsed).transpose()
}

fn parsed<T: FromStr<Err = IdError>>(text: &str) -> Result<T, Fault> {
    text.parse()
        .map_err(|error: IdError| Fault::Contradiction(format!("a stored id is none: {error}")))
}

/// A time.
pub(super) fn time(row: &Row, at: usize) -> Result<Timestamp, Fault> {
    Ok(Timestamp::from_millis(row.try_get(at)?))
}

fn role(word: &str) -> Result<Role, Fault> {
    columns::role_of(word).ok_or_else(|| Fault::Contradiction(format!("no role: {word}")))
}

fn state(word: &str) -> Result<UserState, Fault> {
    columns::state_of(word).ok_or_else(|| Fault::Contradiction(format!("no state of a user: {word}")))
}

/// Reads [`tenant_columns`] that begin at `first`.
pub(super) fn tenant(row: &Row, first: usize) -> Result<Tenant, Fault> {
    Ok(Tenant {
        id: id(row, first)?,
        name: words(row, first + 1)?,
        created_at: time(row, first + 2)?,
    })
}

/// Reads [`user_columns`] that begin at `first`.
pub(super) fn user(row: &Row, first: usize) -> Result<User, Fault> {
    Ok(User {
        key: UserKey {
            tenant: id(row, first)?,
            user: id(row, first + 1)?,
        },
        name: words(row, first + 2)?,
        role: role(row.try_get(first + 3)?)?,
        state: state(row.try_get(first + 4)?)?,
        password: row.try_get(first + 5)?,
        tokens_valid_from: time(row, first + 6)?,
        created_at: time(row, first + 7)?,
    })
}

/// Reads [`chat_columns`] that begin at `first`.
pub(super) fn chat(row: &Row, first: usize) -> Result<Chat, Fault> {
    Ok(Chat {
        key: RoomKey {
            tenant: id(row, first)?,
            chat: id(row, first + 1)?,
        },
        title: words(row, first + 2)?,
        customer: id_or_none(row, first + 3)?,
        last_seq: unsigned(row, first + 4)?,
        rev: unsigned(row, first + 5)?,
        closed: closed(row, first)?,
        created_at: time(row, first + 10)?,
    })
}

fn closed(row: &Row, first: usize) -> Result<Option<Closed>, Fault> {
    let Some(at) = row.try_get(first + 8)? else {
        return Ok(None);
    };
    Ok(Some(Closed {
        by: Author {
            id: id(row, first + 6)?,
            name: words(row, first + 7)?,
        },
        at: Timestamp::from_millis(at),
        reason: words_or_none(row, first + 9)?,
    }))
}

/// Reads [`message_columns`] that begin at `first`.
pub(super) fn message(row: &Row, first: usize, room: RoomKey) -> Result<Stored, Fault> {
    let id_of_message: Uuid = row.try_get(first + 1)?;
    let edited_at: Option<i64> = row.try_get(first + 7)?;
    Ok(Stored {
        draft: Draft {
            room,
            id: id_of_message,
            author: Author {
                id: id(row, first + 2)?,
                name: words(row, first + 3)?,
            },
            text: words(row, first + 4)?,
            data: words_or_none(row, first + 5)?,
            attachments: attachments(row, first + 9)?,
        },
        seq: unsigned(row, first)?,
        sent_at: time(row, first + 6)?,
        edited_at: edited_at.map(Timestamp::from_millis),
        deleted: row.try_get(first + 8)?,
    })
}

/// [`columns::attachments_text`] as this database can keep it.
pub(super) fn attachments_text(attachments: &[Attachment]) -> Option<String> {
    columns::attachments_text(attachments).map(|text| escaped(&text).into_owned())
}

fn attachments(row: &Row, at: usize) -> Result<Vec<Attachment>, Fault> {
    let text: Option<&str> = row.try_get(at)?;
    let read = columns::attachments_of(text.map(plain).as_deref());
    read.map_err(|error| Fault::Contradiction(format!("a message's attachments: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_a_nul_come_back() {
        for text in [
            "",
            "plain ñ",
            "a\0b",
            "\0",
            "\u{10FFFF}",
            "\u{10FFFF}0\0\u{10FFFF}1",
            "0\u{10FFFF}",
        ] {
            let kept = escaped(text);
            assert!(!kept.contains('\0'), "{kept:?}");
            assert_eq!(plain(&kept), text);
        }
        assert!(matches!(escaped("plain"), Cow::Borrowed(_)));
    }
}
