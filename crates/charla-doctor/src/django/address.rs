//! Values that settings write as text: lists, truths, and databases as addresses.

use percent_encoding::percent_decode_str;

use super::value::Value;

/// `a, b,c`: a list of texts.
pub(super) fn list_of(text: &str) -> Value {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    Value::List(parts.map(|part| Value::Text(part.to_owned())).collect())
}

/// As python-decouple and django-environ read a truth.
pub(super) fn truth_of(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" | "ok" => Some(true),
        "0" | "false" | "f" | "no" | "n" | "off" | "" => Some(false),
        _ => None,
    }
}

/// `postgres://user:password@host:5432/name` as Django's dict.
pub(super) fn database(url: &str) -> Option<Vec<(Value, Value)>> {
    let (scheme, rest) = url.split_once("://")?;
    let engine = match scheme {
        "postgres" | "postgresql" | "psql" | "pgsql" => "django.db.backends.postgresql",
        "postgis" => "django.contrib.gis.db.backends.postgis",
        "mysql" | "mysql2" => "django.db.backends.mysql",
        "sqlite" | "sqlite3" => "django.db.backends.sqlite3",
        "oracle" => "django.db.backends.oracle",
        _ => return None,
    };
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (place, name) = rest.split_once('/').unwrap_or((rest, ""));
    let (who, place) = place.rsplit_once('@').unwrap_or(("", place));
    let (user, password) = who.split_once(':').unwrap_or((who, ""));
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (place, ""),
    };
    let name = if engine.ends_with("sqlite3") && name.is_empty() {
        ":memory:"
    } else {
        name
    };
    let rows = [
        ("ENGINE", engine),
        ("NAME", name),
        ("USER", user),
        ("PASSWORD", password),
        ("HOST", host),
        ("PORT", port),
    ];
    Some(
        rows.into_iter()
            .map(|(key, value)| (Value::Text(key.into()), Value::Text(unquoted(value))))
            .collect(),
    )
}

/// `%40` as `@`.
pub(super) fn unquoted(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The parts of an address as `urllib.parse.urlsplit` names them.
pub(super) fn split(url: &str) -> Option<Value> {
    let (scheme, rest) = url.split_once("://")?;
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let at = rest.find('/').unwrap_or(rest.len());
    let (netloc, path) = rest.split_at(at);
    let (who, place) = match netloc.rsplit_once('@') {
        Some((who, place)) => (Some(who), place),
        None => (None, netloc),
    };
    let (user, password) = match who.map(|who| who.split_once(':').ok_or(who)) {
        Some(Ok((user, password))) => (Some(user), Some(password)),
        Some(Err(user)) => (Some(user), None),
        None => (None, None),
    };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && !port.contains(']') => (host, Some(port.parse().ok()?)),
        _ => (place.trim_end_matches(':'), None),
    };
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_ascii_lowercase();
    let text = |text: &str| Value::Text(text.to_owned());
    let or_none = |part: Option<&str>| part.map_or(Value::None, text);
    let rows = [
        ("scheme", text(&scheme.to_ascii_lowercase())),
        ("netloc", text(netloc)),
        ("path", text(path)),
        ("query", text(query)),
        ("fragment", text(fragment)),
        ("username", or_none(user)),
        ("password", or_none(password)),
        (
            "hostname",
            or_none(Some(host.as_str()).filter(|host| !host.is_empty())),
        ),
        ("port", port.map_or(Value::None, Value::Int)),
    ];
    Some(Value::Dict(
        rows.into_iter().map(|(key, value)| (text(key), value)).collect(),
    ))
}
