//! `CHANNEL_LAYERS["default"]`, with the addresses as redis-py would use them.

use std::fmt::Write as _;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::value::Value;
use crate::evidence::LayerSetting;
use crate::probe::redis::shown;

/// A channel layer. Holds passwords.
#[derive(Clone)]
pub struct Layer {
    /// `channels_redis.core.RedisChannelLayer`.
    pub backend: String,
    /// Addresses as URLs, with user and password.
    pub hosts: Vec<String>,
    /// `prefix`.
    pub prefix: String,
    /// `capacity`, when it is given.
    pub capacity: Option<u64>,
    /// `symmetric_encryption_keys`.
    pub keys: Vec<String>,
    /// `serializer_format`, by default `msgpack`.
    pub serializer: String,
    /// `socket_timeout` of the first host: `none`, or seconds.
    pub socket_timeout: Option<String>,
    /// File and line.
    pub at: String,
}

impl Layer {
    pub(super) fn read(given: &Value, at: &str) -> Option<Self> {
        let backend = given.get("BACKEND")?.text()?;
        let config = |name: &str| given.at(&["CONFIG", name]);
        let hosts = match config("hosts") {
            Some(Value::List(items)) => items.clone(),
            // It is not what the documentation says, but one address alone is what was meant.
            Some(Value::Text(text)) => vec![Value::Text(text.clone())],
            Some(_) => Vec::new(),
            None if backend.contains("channels_redis") => vec![Value::Text("redis://localhost:6379".into())],
            None => Vec::new(),
        };
        Some(Self {
            socket_timeout: hosts.first().and_then(timeout),
            hosts: hosts.iter().filter_map(url).collect(),
            prefix: config("prefix").and_then(Value::text).unwrap_or_else(|| {
                if backend.contains("InMemory") {
                    String::new()
                } else {
                    "asgi".into()
                }
            }),
            capacity: config("capacity")
                .and_then(Value::text)
                .and_then(|text| text.parse().ok()),
            keys: config("symmetric_encryption_keys")
                .and_then(Value::list)
                .unwrap_or_default()
                .iter()
                .filter_map(Value::text)
                .collect(),
            serializer: config("serializer_format")
                .and_then(Value::text)
                .unwrap_or_else(|| "msgpack".into()),
            backend,
            at: at.to_owned(),
        })
    }

    pub(super) fn seen(&self) -> LayerSetting {
        LayerSetting {
            backend: self.backend.clone(),
            hosts: self.hosts.iter().map(|url| shown(url)).collect(),
            prefix: self.prefix.clone(),
            capacity: self.capacity,
            socket_timeout: self.socket_timeout.clone(),
            encrypted: !self.keys.is_empty(),
            at: self.at.clone(),
        }
    }
}

/// `("127.0.0.1", 6379)`, `"redis://..."`, `{"address": "redis://...", "db": 1}`, `{"host": ..., "port": ...}`
fn url(host: &Value) -> Option<String> {
    match host {
        Value::Text(text) => Some(text.clone()),
        Value::List(pair) => {
            let (name, port) = (pair.first()?.text()?, pair.get(1)?.text()?);
            Some(format!("redis://{}:{port}/0", bracketed(&name)))
        }
        Value::Dict(_) => of_dict(host),
        _ => None,
    }
}

fn of_dict(host: &Value) -> Option<String> {
    let text = |name: &str| host.get(name).and_then(Value::text);
    let mut url = match host.get("address") {
        Some(address) => url(address)?,
        None if host.get("path").is_some() => format!("unix://{}", text("path")?),
        None => {
            let secure = host.get("ssl").and_then(Value::truth) == Some(true);
            let scheme = if secure { "rediss" } else { "redis" };
            let name = text("host").unwrap_or_else(|| "localhost".into());
            let port = text("port").unwrap_or_else(|| "6379".into());
            format!("{scheme}://{}:{port}", bracketed(&name))
        }
    };
    // What stands in the address wins over what stands beside it.
    let (place, query) = url
        .split_once('?')
        .map_or((url.as_str(), ""), |(place, query)| (place, query));
    let has_user = place.contains('@');
    let has_database = place
        .split_once("://")
        .is_some_and(|(_, rest)| rest.split_once('/').is_some_and(|(_, path)| !path.is_empty()));
    let has_database = has_database && !place.starts_with("unix");
    let queried = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let mut more = String::new();
    for (name, taken) in [
        ("username", has_user),
        ("password", has_user),
        ("db", has_database),
    ] {
        if let Some(value) = text(name).filter(|_| !taken && !queried(name)) {
            // Writing to a string does not fail.
            let _ = write!(more, "&{name}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC));
        }
    }
    if !more.is_empty() {
        if query.is_empty() && !url.contains('?') {
            more.replace_range(..1, "?");
        }
        url.push_str(&more);
    }
    Some(url)
}

fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

fn timeout(host: &Value) -> Option<String> {
    let of_url = |url: &str| {
        let (_, query) = url.split_once('?')?;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(name, _)| *name == "socket_timeout")
            .map(|(_, value)| value.to_ascii_lowercase())
    };
    match host {
        Value::Text(url) => of_url(url),
        Value::Dict(_) => {
            let url = host.get("address").and_then(Value::text);
            let of_url = url.as_deref().and_then(of_url);
            of_url.or_else(|| match host.get("socket_timeout")? {
                Value::None => Some("none".into()),
                Value::Unknown(_) => Some("unknown".into()),
                value => value.number().map(|seconds| seconds.to_string()),
            })
        }
        _ => None,
    }
}
