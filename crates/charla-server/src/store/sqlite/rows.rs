//! From columns to types.
//!
//! What stands in the file was checked before it was written; a text that is no id any more is an error, not a panic.

use std::str::FromStr;
use std::sync::Arc;

use charla_core::{Author, Draft, RoomKey, Seq, Stored, UserKey};
use charla_wire::{IdError, TenantId, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Error, Result, Row};
use uuid::Uuid;

use crate::store::columns;
pub(super) use crate::store::columns::{
    CHAT_WIDTH, MESSAGE_WIDTH, TENANT_WIDTH, USER_WIDTH, attachments_text, chat_columns, limit,
    message_columns, number, tenant_columns, user_columns,
};
use crate::store::{Chat, Closed, Role, Tenant, User, UserState};

/// A number that is never negative.
pub(super) fn unsigned(row: &Row<'_>, at: usize) -> Result<u64> {
    let value: i64 = row.get(at)?;
    u64::try_from(value).map_err(|_| Error::IntegralValueOutOfRange(at, value))
}

/// An id of any kind.
pub(super) fn id<T: FromStr<Err = IdError>>(row: &Row<'_>, at: usize) -> Result<T> {
    row.get_ref(at)?
        .as_str()?
        .parse()
        .map_err(|error| contradiction(at, error))
}

/// A time.
pub(super) fn time(row: &Row<'_>, at: usize) -> Result<Timestamp> {
    row.get(at).map(Timestamp::from_millis)
}

fn contradiction(at: usize, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::FromSqlConversionFailure(at, Type::Text, Box::new(error))
}

/// A word that the schema's own CHECK should have kept out.
#[derive(Debug, thiserror::Error)]
#[error("an unknown word in a closed list")]
struct UnknownWord;

fn role(row: &Row<'_>, at: usize) -> Result<Role> {
    columns::role_of(row.get_ref(at)?.as_str()?).ok_or_else(|| contradiction(at, UnknownWord))
}

fn state(row: &Row<'_>, at: usize) -> Result<UserState> {
    columns::state_of(row.get_ref(at)?.as_str()?).ok_or_else(|| contradiction(at, UnknownWord))
}

/// Reads [`tenant_columns`] that begin at `first`.
pub(super) fn tenant(row: &Row<'_>, first: usize) -> Result<Tenant> {
    Ok(Tenant {
        id: id(row, first)?,
        name: row.get(first + 1)?,
        created_at: time(row, first + 2)?,
    })
}

/// Reads [`user_columns`] that begin at `first`.
pub(super) fn user(row: &Row<'_>, first: usize) -> Result<User> {
    Ok(User {
        key: UserKey {
            tenant: id(row, first)?,
            user: id(row, first + 1)?,
        },
        name: row.get(first + 2)?,
        role: role(row, first + 3)?,
        state: state(row, first + 4)?,
        password: row.get(first + 5)?,
        tokens_valid_from: time(row, first + 6)?,
        created_at: time(row, first + 7)?,
    })
}

/// Reads [`chat_columns`] that begin at `first`.
pub(super) fn chat(row: &Row<'_>, first: usize) -> Result<Chat> {
    Ok(Chat {
        key: RoomKey {
            tenant: id(row, first)?,
            chat: id(row, first + 1)?,
        },
        title: row.get(first + 2)?,
        customer: match row.get_ref(first + 3)?.as_str_or_null()? {
            Some(text) => Some(
                text.parse()
                    .map_err(|error: IdError| contradiction(first + 3, error))?,
            ),
            None => None,
        },
        last_seq: unsigned(row, first + 4)?,
        rev: unsigned(row, first + 5)?,
        closed: closed(row, first + 6)?,
        created_at: time(row, first + 10)?,
    })
}

fn closed(row: &Row<'_>, first: usize) -> Result<Option<Closed>> {
    let Some(at) = row.get(first + 2)? else {
        return Ok(None);
    };
    Ok(Some(Closed {
        by: Author {
            id: id(row, first)?,
            name: row.get(first + 1)?,
        },
        at: Timestamp::from_millis(at),
        reason: row.get(first + 3)?,
    }))
}

/// Reads [`message_columns`] that begin at `first`.
pub(super) fn message(row: &Row<'_>, first: usize, room: RoomKey) -> Result<Stored> {
    let seq: Seq = unsigned(row, first)?;
    Ok(Stored {
        draft: Draft {
            room,
            id: Uuid::from_bytes(row.get(first + 1)?),
            author: Author {
                id: id(row, first + 2)?,
                name: row.get(first + 3)?,
            },
            text: row.get(first + 4)?,
            data: row.get::<_, Option<Arc<str>>>(first + 5)?,
            attachments: columns::attachments_of(row.get_ref(first + 9)?.as_str_or_null()?)
                .map_err(|error| contradiction(first + 9, error))?,
        },
        seq,
        sent_at: time(row, first + 6)?,
        edited_at: row.get::<_, Option<i64>>(first + 7)?.map(Timestamp::from_millis),
        deleted: row.get(first + 8)?,
    })
}

/// A tenant id that may be missing.
pub(super) fn tenant_or_none(row: &Row<'_>, at: usize) -> Result<Option<TenantId>> {
    match row.get_ref(at)?.as_str_or_null()? {
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|error: IdError| contradiction(at, error)),
        None => Ok(None),
    }
}
