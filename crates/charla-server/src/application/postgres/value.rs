//! Values on their way to PostgreSQL and back.
//!
//! A value goes as text, which the server reads by the type that it found for the placeholder. Whether it can be of that
//! type is judged here first: a text is a number only if it is written as the database would write it, so that `05` is
//! not chat 5 by another name.

use std::error::Error;
use std::sync::Arc;

use bytes::BytesMut;
use tokio_postgres::types::{Format, FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use super::super::{Row, Value};

/// From 1970-01-01, where times are counted from here, to 2000-01-01, where PostgreSQL counts from, in microseconds.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
/// The same in days.
const EPOCH_DAYS: i64 = 10_957;

/// A value that its placeholder takes.
#[derive(Debug, PartialEq)]
pub(super) struct Bound(Option<String>);

impl ToSql for Bound {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(self.0.as_ref().map_or(IsNull::Yes, |text| {
            out.extend_from_slice(text.as_bytes());
            IsNull::No
        }))
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// The value for a placeholder of a type; `None` when nothing of that type is equal to it.
pub(super) fn bind(ty: &Type, value: &Value) -> Option<Bound> {
    let text = match value {
        Value::Null => return Some(Bound(None)),
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
    };
    fits(ty, &text).then_some(Bound(Some(text)))
}

fn fits(ty: &Type, text: &str) -> bool {
    if let Kind::Enum(words) = ty.kind() {
        return words.iter().any(|word| word == text);
    }
    if let Kind::Domain(inner) = ty.kind() {
        return fits(inner, text);
    }
    match *ty {
        Type::INT2 => is_written::<i16>(text),
        Type::INT4 => is_written::<i32>(text),
        Type::INT8 | Type::NUMERIC | Type::FLOAT4 | Type::FLOAT8 => is_written::<i64>(text),
        Type::OID => is_written::<u32>(text),
        Type::BOOL => is_written::<bool>(text),
        Type::UUID => is_written::<Uuid>(text),
        _ => !text.contains('\0'),
    }
}

/// Whether a text is one of a type, and written the one way that it would be written.
fn is_written<T: std::str::FromStr + ToString>(text: &str) -> bool {
    text.parse::<T>().is_ok_and(|value| value.to_string() == text)
}

/// Rows as everybody reads them.
pub(super) fn rows(rows: &[tokio_postgres::Row]) -> Result<Vec<Row>, String> {
    let Some(first) = rows.first() else {
        return Ok(Vec::new());
    };
    let columns: Arc<[String]> = first
        .columns()
        .iter()
        .map(|column| column.name().to_owned())
        .collect();
    let row = |row: &tokio_postgres::Row| {
        let value = |at: usize| {
            let cell = row.try_get::<_, Cell>(at);
            cell.map(|cell| cell.0).map_err(|_| {
                let column = row.columns().get(at);
                let (name, ty) = column.map_or(("?", "?"), |column| (column.name(), column.type_().name()));
                format!(
                    "the column `{name}` is of the type {ty}, which is not read here; write `{name}::text`"
                )
            })
        };
        let values = (0..row.len()).map(value).collect::<Result<_, _>>()?;
        Ok(Row {
            columns: Arc::clone(&columns),
            values,
        })
    };
    rows.iter().map(row).collect()
}

/// A column's value.
pub(super) struct Cell(Value);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        if let Kind::Domain(inner) = ty.kind() {
            return Self::from_sql(inner, raw);
        }
        let inner = if matches!(ty.kind(), Kind::Enum(_)) {
            &Type::TEXT
        } else {
            ty
        };
        let value = match *inner {
            Type::BOOL => Value::Boolean(bool::from_sql(ty, raw)?),
            Type::INT2 => Value::Integer(i16::from_sql(ty, raw)?.into()),
            Type::INT4 => Value::Integer(i32::from_sql(ty, raw)?.into()),
            Type::INT8 => Value::Integer(i64::from_sql(ty, raw)?),
            Type::OID => Value::Integer(u32::from_sql(ty, raw)?.into()),
            Type::FLOAT4 => Value::Text(f32::from_sql(ty, raw)?.to_string()),
            Type::FLOAT8 => Value::Text(f64::from_sql(ty, raw)?.to_string()),
            Type::UUID => Value::Text(Uuid::from_slice(raw)?.to_string()),
            Type::TIMESTAMPTZ | Type::TIMESTAMP => Value::Text(moment(i64::from_sql(&Type::INT8, raw)?)?),
            Type::DATE => {
                let days = EPOCH_DAYS + i64::from(i32::from_sql(&Type::INT4, raw)?);
                let date = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(days)?)?;
                Value::Text(date.to_string())
            }
            Type::JSONB => Value::Text(std::str::from_utf8(raw.get(1..).unwrap_or_default())?.to_owned()),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON | Type::UNKNOWN => {
                Value::Text(std::str::from_utf8(raw)?.to_owned())
            }
            _ if inner.name() == "citext" => Value::Text(std::str::from_utf8(raw)?.to_owned()),
            _ => return Err("a type that is not read here".into()),
        };
        Ok(Self(value))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn moment(micros: i64) -> Result<String, jiff::Error> {
    Ok(jiff::Timestamp::from_microsecond(micros.saturating_add(EPOCH_MICROS))?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_number_only_as_the_database_writes_it() {
        let id = "0b1e0a38-7f5e-4f0c-8a54-5d9c4f7f2a10";
        for (ty, text, expected) in [
            (Type::INT8, "5", true),
            (Type::INT8, "-5", true),
            (Type::INT8, "9223372036854775807", true),
            (Type::INT8, "9223372036854775808", false),
            (Type::INT4, "2147483648", false),
            (Type::INT8, "05", false),
            (Type::INT8, "+5", false),
            (Type::INT8, " 5", false),
            (Type::INT8, "5.0", false),
            (Type::INT8, "abc", false),
            (Type::INT8, "5 OR 1=1", false),
            (Type::UUID, id, true),
            (Type::UUID, "0B1E0A38-7F5E-4F0C-8A54-5D9C4F7F2A10", false),
            (Type::UUID, "5", false),
            (Type::BOOL, "true", true),
            (Type::BOOL, "t", false),
            (Type::TEXT, "5' OR '1'='1", true),
            (Type::TEXT, "a\0b", false),
        ] {
            let bound = bind(&ty, &Value::Text(text.into()));
            assert_eq!(bound.is_some(), expected, "{ty} {text:?}");
        }
        assert_eq!(bind(&Type::INT8, &Value::Null), Some(Bound(None)));
        assert_eq!(
            bind(&Type::TEXT, &Value::Integer(5)),
            Some(Bound(Some("5".into())))
        );
    }

    #[test]
    fn times_are_told_in_utc() {
        assert_eq!(moment(0).unwrap(), "2000-01-01T00:00:00Z");
        assert_eq!(moment(849_168_000_500_000).unwrap(), "2026-11-28T08:00:00.5Z");
    }
}
