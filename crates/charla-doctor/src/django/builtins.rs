//! What Python's own functions and methods make of values: nothing here needs the environment or a file.

use std::path::{Component, Path, PathBuf};

use super::address::{split, truth_of, unquoted};
use super::eval::shown;
use super::value::Value;

/// Arguments, carried out.
pub(super) struct Given {
    pub(super) places: Vec<Value>,
    pub(super) names: Vec<(String, Value)>,
}

impl Given {
    /// By name, else by place.
    pub(super) fn get(&self, name: &str, place: usize) -> Option<&Value> {
        let named = self
            .names
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value);
        named.or_else(|| self.places.get(place))
    }

    pub(super) fn first(&self) -> Option<&Value> {
        self.places.first()
    }

    pub(super) fn text(&self, place: usize) -> Option<String> {
        self.places.get(place)?.text()
    }
}

/// Functions that are there without an import.
pub(super) fn is_builtin(name: &str) -> bool {
    const NAMES: [&str; 20] = [
        "dict",
        "list",
        "tuple",
        "set",
        "frozenset",
        "int",
        "float",
        "bool",
        "str",
        "len",
        "filter",
        "map",
        "sorted",
        "any",
        "all",
        "print",
        "bytes",
        "min",
        "max",
        "open",
    ];
    NAMES.contains(&name)
}

/// Functions that need nothing but their arguments.
pub(super) fn plain(name: &str, given: &Given) -> Option<Value> {
    let first = given.first();
    Some(match name {
        "dict" => {
            let mut rows = match first {
                Some(Value::Dict(rows)) => rows.clone(),
                Some(_) => return None,
                None => Vec::new(),
            };
            given
                .names
                .iter()
                .for_each(|(name, value)| Value::set(&mut rows, Value::Text(name.clone()), value.clone()));
            Value::Dict(rows)
        }
        "list" | "tuple" | "set" | "frozenset" | "sorted" => match first {
            Some(Value::List(items)) => Value::List(items.clone()),
            Some(Value::Dict(rows)) => Value::List(rows.iter().map(|(key, _)| key.clone()).collect()),
            Some(_) => return None,
            None => Value::List(Vec::new()),
        },
        "filter" | "map" => return sequence(name, given),
        "int" => match first? {
            Value::Text(text) => Value::Int(text.trim().parse().ok()?),
            Value::Int(number) => Value::Int(*number),
            Value::Bool(value) => Value::Int(i64::from(*value)),
            _ => return None,
        },
        "float" => Value::Float(
            first?
                .text()
                .and_then(|text| text.trim().parse().ok())
                .or_else(|| first?.number())?,
        ),
        "bool" => Value::Bool(first.map_or(Some(false), Value::truth)?),
        "str" | "django.utils.encoding.force_str" => Value::Text(shown(first?)?),
        "bytes" => first?.clone(),
        "len" => Value::Int(i64::try_from(first?.list()?.len()).ok()?),
        "print" => Value::None,
        "decouple.Csv" => Value::Known("Csv()".into()),
        "distutils.util.strtobool" | "strtobool" => Value::Bool(truth_of(&first?.text()?)?),
        "json.loads" => Value::from(serde_json::from_str::<serde_json::Value>(&first?.text()?).ok()?),
        "urllib.parse.quote" | "urllib.parse.quote_plus" => Value::Text(
            percent_encoding::utf8_percent_encode(&first?.text()?, percent_encoding::NON_ALPHANUMERIC)
                .to_string(),
        ),
        "urllib.parse.unquote" | "urllib.parse.unquote_plus" => Value::Text(unquoted(&first?.text()?)),
        "urllib.parse.urlsplit" | "urllib.parse.urlparse" => split(&first?.text()?)?,
        _ if name.starts_with("django.utils.translation.") => first?.clone(),
        _ => return None,
    })
}

/// `filter(None, list)`, `map(str.strip, list)`
fn sequence(name: &str, given: &Given) -> Option<Value> {
    let first = given.first();
    let items = given.places.get(1)?.list()?;
    if name == "filter" {
        return Some(Value::List(
            items
                .iter()
                .filter(|item| item.truth() != Some(false))
                .cloned()
                .collect(),
        ));
    }
    let Value::Known(function) = first? else {
        return None;
    };
    let none = || Given {
        places: Vec::new(),
        names: Vec::new(),
    };
    let one = |item: &Value| match function.strip_prefix("str.") {
        Some(method) => text_method(&item.text()?, method, &none()),
        None => plain(
            function,
            &Given {
                places: vec![item.clone()],
                ..none()
            },
        ),
    };
    let mapped: Option<Vec<Value>> = items.iter().map(one).collect();
    mapped.map(Value::List)
}

pub(super) fn text_method(text: &str, method: &str, given: &Given) -> Option<Value> {
    let first = given.text(0);
    let all = |parts: Vec<&str>| {
        Value::List(
            parts
                .into_iter()
                .map(|part| Value::Text(part.to_owned()))
                .collect(),
        )
    };
    Some(match method {
        "split" => match (first.as_deref(), given.get("maxsplit", 1)) {
            (None, _) => all(text.split_whitespace().collect()),
            (Some(""), _) => return None,
            (Some(by), Some(Value::Int(most))) => all(text
                .splitn(usize::try_from(*most).ok()?.saturating_add(1), by)
                .collect()),
            (Some(by), _) => all(text.split(by).collect()),
        },
        "splitlines" => all(text.lines().collect()),
        "strip" | "lstrip" | "rstrip" => {
            let is = |c: char| first.as_ref().map_or(c.is_whitespace(), |set| set.contains(c));
            let text = if method == "rstrip" {
                text
            } else {
                text.trim_start_matches(is)
            };
            Value::Text(
                if method == "lstrip" {
                    text
                } else {
                    text.trim_end_matches(is)
                }
                .to_owned(),
            )
        }
        "lower" | "casefold" => Value::Text(text.to_lowercase()),
        "upper" => Value::Text(text.to_uppercase()),
        "title" | "capitalize" => return None,
        "replace" => Value::of_text(text.replace(&first?, &given.text(1)?)),
        "startswith" => Value::Bool(text.starts_with(&first?)),
        "endswith" => Value::Bool(text.ends_with(&first?)),
        "encode" | "decode" => Value::Text(text.to_owned()),
        "join" => {
            let parts: Option<Vec<String>> = given.first()?.list()?.iter().map(Value::text).collect();
            Value::of_text(parts?.join(text))
        }
        "format" => Value::of_text(formatted(text, given)?),
        "isdigit" => Value::Bool(!text.is_empty() && text.chars().all(|c| c.is_ascii_digit())),
        _ => return None,
    })
}

/// `"redis://{}:{port}".format(host, port=6379)`
fn formatted(text: &str, given: &Given) -> Option<String> {
    let mut out = String::new();
    let mut next = 0;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('{') {
            out.push('{');
            rest = after;
            continue;
        }
        let (name, after) = after.split_once('}')?;
        let value = if name.is_empty() {
            next += 1;
            given.places.get(next - 1)?
        } else if let Ok(place) = name.parse::<usize>() {
            given.places.get(place)?
        } else {
            given.get(name, usize::MAX)?
        };
        out.push_str(&shown(value)?);
        rest = after;
    }
    out.push_str(&rest.replace("}}", "}"));
    Some(out)
}

pub(super) fn duration(given: &Given) -> Option<Value> {
    const UNITS: [(&str, f64); 7] = [
        ("days", 86_400.0),
        ("seconds", 1.0),
        ("microseconds", 1e-6),
        ("milliseconds", 1e-3),
        ("minutes", 60.0),
        ("hours", 3_600.0),
        ("weeks", 604_800.0),
    ];
    let mut total = 0.0;
    for (place, (unit, seconds)) in UNITS.iter().enumerate() {
        if let Some(value) = given.get(unit, place) {
            total += value.number()? * seconds;
        }
    }
    Some(Value::Duration(total))
}

/// Without `.` and `..`; links are not followed.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => out.push(part),
        }
    }
    out
}
