//! What a setting is worth, as far as that can be told without running anything.
//!
//! No `Debug`: passwords and keys are among them.

use std::path::PathBuf;

use super::syntax::Function;

/// Elements of a list, pairs of a dict.
const ELEMENTS: usize = 5_000;
/// Characters of a string.
const CHARACTERS: usize = 1 << 20;

/// A value.
#[derive(Clone)]
pub enum Value {
    /// `None`.
    None,
    /// `True`, `False`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A string, or bytes.
    Text(String),
    /// A list, tuple or set.
    List(Vec<Self>),
    /// A dict, in order.
    Dict(Vec<(Self, Self)>),
    /// A `timedelta`, in seconds.
    Duration(f64),
    /// A path.
    Path(PathBuf),
    /// What cannot be told.
    Unknown(Unknown),
    /// Something imported, by its full name.
    Known(String),
    /// django-environ's `Env`, with the casts and defaults it was made with.
    Env(Vec<(String, Self)>),
    /// A function of the settings' own.
    Function(std::sync::Arc<Function>),
}

/// A value that cannot be told without running the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// File and line.
    pub at: String,
    /// The environment variable that it depends on, where it is one.
    pub needs: Option<String>,
}

impl Value {
    /// The text of it; a path's too.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Path(path) => Some(path.display().to_string()),
            Self::Int(number) => Some(number.to_string()),
            Self::None
            | Self::Bool(_)
            | Self::Float(_)
            | Self::List(_)
            | Self::Dict(_)
            | Self::Duration(_)
            | Self::Unknown(_)
            | Self::Known(_)
            | Self::Env(_)
            | Self::Function(_) => None,
        }
    }

    /// The number of it: a duration's is in seconds.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(number) => number.to_string().parse().ok(),
            Self::Float(number) | Self::Duration(number) => Some(*number),
            Self::Bool(_)
            | Self::None
            | Self::Text(_)
            | Self::List(_)
            | Self::Dict(_)
            | Self::Path(_)
            | Self::Unknown(_)
            | Self::Known(_)
            | Self::Env(_)
            | Self::Function(_) => None,
        }
    }

    /// Its elements, where it has some.
    #[must_use]
    pub fn list(&self) -> Option<&[Self]> {
        if let Self::List(items) = self {
            Some(items)
        } else {
            None
        }
    }

    /// What a dict has under a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Dict(rows) = self else { return None };
        let found = rows
            .iter()
            .find(|(name, _)| matches!(name, Self::Text(name) if name == key));
        found.map(|(_, value)| value)
    }

    /// Along some keys.
    #[must_use]
    pub fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |value, key| value.get(key))
    }

    /// What cannot be told in it: itself, or anything within.
    #[must_use]
    pub fn unknown(&self) -> Option<&Unknown> {
        match self {
            Self::Unknown(unknown) => Some(unknown),
            Self::List(items) => items.iter().find_map(Self::unknown),
            Self::Dict(rows) => rows
                .iter()
                .find_map(|(key, value)| key.unknown().or_else(|| value.unknown())),
            Self::None
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Duration(_)
            | Self::Path(_)
            | Self::Known(_)
            | Self::Env(_)
            | Self::Function(_) => None,
        }
    }

    /// Whether `if` would take it; none when that cannot be told.
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::None => Some(false),
            Self::Bool(value) => Some(*value),
            Self::Int(number) => Some(*number != 0),
            Self::Float(number) | Self::Duration(number) => Some(*number != 0.0),
            Self::Text(text) => Some(!text.is_empty()),
            Self::List(items) if items.is_empty() => Some(false),
            // One that may hold nothing is not told.
            Self::List(items) => {
                if items.iter().all(|item| matches!(item, Self::Unknown(_))) {
                    None
                } else {
                    Some(true)
                }
            }
            Self::Dict(rows) => Some(!rows.is_empty()),
            Self::Unknown(_) => None,
            Self::Path(_) | Self::Known(_) | Self::Env(_) | Self::Function(_) => Some(true),
        }
    }

    /// Whether two are the same; none when that cannot be told.
    pub(super) fn same(&self, other: &Self) -> Option<bool> {
        if self.unknown().is_some() || other.unknown().is_some() {
            return None;
        }
        Some(match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Bool(a), Self::Int(b)) | (Self::Int(b), Self::Bool(a)) => i64::from(*a) == *b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Text(a), Self::Text(b)) | (Self::Known(a), Self::Known(b)) => a == b,
            (Self::Path(a), Self::Path(b)) => a == b,
            (
                Self::Float(_) | Self::Int(_) | Self::Duration(_),
                Self::Float(_) | Self::Int(_) | Self::Duration(_),
            ) => self
                .number()
                .zip(other.number())
                .is_some_and(|(a, b)| a.total_cmp(&b).is_eq()),
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b) == Some(true))
            }
            (Self::Dict(a), Self::Dict(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b)
                        .all(|(a, b)| a.0.same(&b.0) == Some(true) && a.1.same(&b.1) == Some(true))
            }
            _ => false,
        })
    }

    /// Sets a key of a dict.
    pub(super) fn set(rows: &mut Vec<(Self, Self)>, key: Self, value: Self) {
        let room = rows.len() < ELEMENTS;
        match rows.iter_mut().find(|(known, _)| known.same(&key) == Some(true)) {
            Some(row) => row.1 = value,
            None if room => rows.push((key, value)),
            None => {}
        }
    }

    /// A list of what is not too much.
    pub(super) fn of_list(mut items: Vec<Self>) -> Self {
        items.truncate(ELEMENTS);
        Self::List(items)
    }

    /// A string of what is not too long.
    pub(super) fn of_text(mut text: String) -> Self {
        if text.len() > CHARACTERS {
            text.clear();
        }
        Self::Text(text)
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::None,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(number) => Self::Int(number),
                None => Self::Float(number.as_f64().unwrap_or_default()),
            },
            serde_json::Value::String(text) => Self::Text(text),
            serde_json::Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            serde_json::Value::Object(rows) => Self::Dict(
                rows.into_iter()
                    .map(|(key, value)| (Self::Text(key), Self::from(value)))
                    .collect(),
            ),
        }
    }
}
