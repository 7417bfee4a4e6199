//! A message's values as the application's columns take them: Django's keys are numbers, ours are text.

use std::borrow::Cow;
use std::error::Error;

use bytes::{BufMut as _, BytesMut};
use charla_core::Stored;
use charla_wire::Timestamp;
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};
use uuid::Uuid;

/// 2000-01-01 in ms since 1970, where PostgreSQL counts its times from.
const EPOCH_2000: i64 = 946_684_800_000;

/// A value on its way into a statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bound<'a> {
    Null,
    Text(Cow<'a, str>),
    Small(i16),
    Integer(i32),
    Big(i64),
    Real(f64),
    Uuid(Uuid),
    /// JSON as text; PostgreSQL judges it.
    Json(&'a str),
    /// With the version byte in front.
    Jsonb(&'a str),
}

/// A value that no column of this type can hold: the chat `abc` where chats are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Misfit;

/// What a name of a statement stands for, before it is known what takes it.
enum Value<'a> {
    Text(&'a str),
    Number(u64),
    Uuid(Uuid),
    Json(Option<&'a str>),
    Time(Option<Timestamp>),
}

fn value<'a>(name: &str, message: &'a Stored) -> Value<'a> {
    let draft = &message.draft;
    match name {
        "tenant" => Value::Text(draft.room.tenant.as_str()),
        "chat" => Value::Text(draft.room.chat.as_str()),
        "seq" => Value::Number(message.seq),
        "id" => Value::Uuid(draft.id),
        "author" => Value::Text(draft.author.id.as_str()),
        "author_name" => Value::Text(&draft.author.name),
        "data" => Value::Json(draft.data.as_deref()),
        "sent_at" => Value::Time(Some(message.sent_at)),
        "edited_at" => Value::Time(message.edited_at),
        // The settings let no other name pass.
        _ => Value::Text(&draft.text),
    }
}

/// The type below a domain.
fn base(of: &Type) -> &Type {
    if let Kind::Domain(inner) = of.kind() {
        base(inner)
    } else {
        of
    }
}

fn is_text(of: &Type) -> bool {
    [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, Type::UNKNOWN].contains(of)
        || of.name() == "citext"
        || matches!(of.kind(), Kind::Enum(_))
}

fn is_integer(of: &Type) -> bool {
    [Type::INT2, Type::INT4, Type::INT8].contains(of)
}

/// Whether a name's values can go into a type at all, some of them at least.
pub(super) fn fits(name: &str, of: &Type) -> bool {
    let of = base(of);
    let more: &[Type] = match name {
        "id" => &[Type::UUID],
        "tenant" | "chat" | "author" => &[Type::INT2, Type::INT4, Type::INT8, Type::UUID],
        "seq" => &[Type::INT2, Type::INT4, Type::INT8],
        "data" => &[Type::JSON, Type::JSONB],
        "sent_at" | "edited_at" => &[Type::TIMESTAMPTZ, Type::TIMESTAMP, Type::INT8, Type::FLOAT8],
        _ => &[],
    };
    is_text(of) || more.contains(of)
}

/// The value of a name, for a column of this type.
pub(super) fn bind<'a>(name: &str, message: &'a Stored, of: &Type) -> Result<Bound<'a>, Misfit> {
    let of = base(of);
    match value(name, message) {
        Value::Text(text) if is_text(of) => Ok(Bound::Text(without_nul(text))),
        Value::Text(text) if is_integer(of) => integer(text.parse().map_err(|_| Misfit)?, of),
        Value::Text(text) if *of == Type::UUID => Uuid::parse_str(text).map(Bound::Uuid).map_err(|_| Misfit),
        Value::Number(number) if is_text(of) => Ok(Bound::Text(number.to_string().into())),
        Value::Number(number) => integer(i64::try_from(number).map_err(|_| Misfit)?, of),
        Value::Uuid(id) if *of == Type::UUID => Ok(Bound::Uuid(id)),
        Value::Uuid(id) if is_text(of) => Ok(Bound::Text(id.hyphenated().to_string().into())),
        Value::Json(None) | Value::Time(None) => Ok(Bound::Null),
        Value::Json(Some(json)) if *of == Type::JSON => Ok(Bound::Json(json)),
        Value::Json(Some(json)) if *of == Type::JSONB => Ok(Bound::Jsonb(json)),
        Value::Json(Some(json)) if is_text(of) => Ok(Bound::Text(without_nul(json))),
        Value::Time(Some(time)) => moment(time, of),
        Value::Text(_) | Value::Uuid(_) | Value::Json(Some(_)) => Err(Misfit),
    }
}

/// PostgreSQL's texts cannot hold U+0000; the application reads the sign for what could not be shown.
fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{FFFD}").into()
    } else {
        text.into()
    }
}

fn integer(number: i64, of: &Type) -> Result<Bound<'static>, Misfit> {
    if *of == Type::INT8 {
        Ok(Bound::Big(number))
    } else if *of == Type::INT4 {
        number.try_into().map(Bound::Integer).map_err(|_| Misfit)
    } else if *of == Type::INT2 {
        number.try_into().map(Bound::Small).map_err(|_| Misfit)
    } else {
        Err(Misfit)
    }
}

fn moment(time: Timestamp, of: &Type) -> Result<Bound<'static>, Misfit> {
    let millis = time.as_millis();
    if [Type::TIMESTAMPTZ, Type::TIMESTAMP].contains(of) {
        let micros = (millis - EPOCH_2000).checked_mul(1_000);
        micros.map(Bound::Big).ok_or(Misfit)
    } else if *of == Type::INT8 {
        Ok(Bound::Big(millis))
    } else if *of == Type::FLOAT8 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds of any year have room in 53 bits"
        )]
        Ok(Bound::Real(millis as f64 / 1_000.0))
    } else if is_text(of) {
        Ok(Bound::Text(time.to_string().into()))
    } else {
        Err(Misfit)
    }
}

impl ToSql for Bound<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Text(text) => out.put_slice(text.as_bytes()),
            Self::Small(number) => out.put_i16(*number),
            Self::Integer(number) => out.put_i32(*number),
            Self::Big(number) => out.put_i64(*number),
            Self::Real(number) => out.put_f64(*number),
            Self::Uuid(id) => out.put_slice(id.as_bytes()),
            Self::Json(json) => out.put_slice(json.as_bytes()),
            Self::Jsonb(json) => {
                out.put_u8(1);
                out.put_slice(json.as_bytes());
            }
        }
        Ok(IsNull::No)
    }

    /// The value was made for its type.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use charla_core::{Author, Draft, RoomKey};
    use charla_wire::{ChatId, TenantId, UserId};

    use super::*;

    fn message(chat: &str) -> Stored {
        Stored {
            draft: Draft {
                room: RoomKey {
                    tenant: TenantId::parse("acme").unwrap(),
                    chat: ChatId::parse(chat).unwrap(),
                },
                id: Uuid::from_u128(7),
                author: Author {
                    id: UserId::parse("42").unwrap(),
                    name: "Ana".into(),
                },
                text: "a\0b".into(),
                data: None,
                attachments: Vec::new(),
            },
            seq: 3,
            sent_at: Timestamp::from_millis(EPOCH_2000 + 1_500),
            edited_at: None,
            deleted: false,
        }
    }

    #[test]
    fn values_become_what_columns_are() {
        let message = message("5");
        for (name, of, bound) in [
            ("chat", Type::INT8, Bound::Big(5)),
            ("chat", Type::INT4, Bound::Integer(5)),
            ("chat", Type::VARCHAR, Bound::Text("5".into())),
            ("author", Type::INT2, Bound::Small(42)),
            ("seq", Type::INT4, Bound::Integer(3)),
            ("id", Type::UUID, Bound::Uuid(Uuid::from_u128(7))),
            ("text", Type::TEXT, Bound::Text("a\u{FFFD}b".into())),
            ("data", Type::JSONB, Bound::Null),
            ("sent_at", Type::TIMESTAMPTZ, Bound::Big(1_500_000)),
            ("sent_at", Type::INT8, Bound::Big(EPOCH_2000 + 1_500)),
            ("edited_at", Type::TIMESTAMPTZ, Bound::Null),
        ] {
            assert!(fits(name, &of), "{name} into {of}");
            assert_eq!(bind(name, &message, &of), Ok(bound), "{name} into {of}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told_before_anything_is_asked() {
        let message = message("sala-1");
        for (name, of) in [
            ("chat", Type::INT8),
            ("author", Type::UUID),
            ("tenant", Type::INT4),
        ] {
            assert!(fits(name, &of));
            assert_eq!(bind(name, &message, &of), Err(Misfit), "{name} into {of}");
        }
        for (name, of) in [
            ("text", Type::INT8),
            ("chat", Type::NUMERIC),
            ("seq", Type::BYTEA),
        ] {
            assert!(!fits(name, &of), "{name} into {of}");
        }
    }
}
