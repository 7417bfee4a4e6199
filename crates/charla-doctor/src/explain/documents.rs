//! HAR files and Chrome's net-export: one JSON document each, read event by event, whatever its size.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufRead};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::evidence::SourceKind;
use crate::explain::Sums;
use crate::explain::clock::Stamp;
use crate::explain::source::Source;

/// Requests of a net-export that are remembered until they end.
const REQUESTS: usize = 65_536;

/// What a source is whose first bytes are these, if it is one document.
pub(super) fn kind(start: &[u8]) -> Option<SourceKind> {
    let start = start
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(start)
        .trim_ascii_start();
    let head = start.get(..4_096).unwrap_or(start);
    if head.first() != Some(&b'{') {
        return None;
    }
    let holds = |word: &[u8]| memchr::memmem::find(head, word).is_some();
    if holds(b"\"log\"") && (holds(b"\"entries\"") || holds(b"\"creator\"") || holds(b"\"pages\"")) {
        return Some(SourceKind::Har);
    }
    (holds(b"\"constants\"") || holds(b"\"logEventTypes\"")).then_some(SourceKind::NetExport)
}

/// Reads a document to its end. One that breaks off counts as far as it goes.
pub(super) fn read(
    kind: SourceKind,
    from: impl BufRead,
    source: &mut Source,
    sums: &mut Sums,
) -> io::Result<()> {
    let mut counted = Counted { from, bytes: 0 };
    let mut document = serde_json::Deserializer::from_reader(&mut counted);
    let seed = Walk {
        kind,
        source,
        sums,
        export: Export::default(),
    };
    let read = document.deserialize_map(seed);
    source.seen.bytes = counted.bytes;
    source.given(kind);
    match read {
        Err(error) if error.is_io() => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

struct Counted<R> {
    from: R,
    bytes: u64,
}

impl<R: io::Read> io::Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.from.read(buffer)?;
        self.bytes += bytes as u64;
        Ok(bytes)
    }
}

/// Walks to the entries of a HAR, or the events of an export.
struct Walk<'a> {
    kind: SourceKind,
    source: &'a mut Source,
    sums: &'a mut Sums,
    export: Export,
}

/// What a net-export calls things, and what is under way.
#[derive(Default)]
struct Export {
    names: HashMap<u64, String>,
    errors: HashMap<i64, String>,
    /// Milliseconds to add to an event's time.
    offset: f64,
    /// WebSocket requests by the number of their source.
    requests: HashMap<u64, String>,
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a HAR or a net-export")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match (self.kind, key.as_str()) {
                (SourceKind::Har, "log") => map.next_value_seed(Log(&mut self))?,
                (SourceKind::NetExport, "constants") => {
                    let constants: Constants = map.next_value()?;
                    self.export.names = constants
                        .types
                        .into_iter()
                        .map(|(name, number)| (number, name))
                        .collect();
                    self.export.errors = constants
                        .errors
                        .into_iter()
                        .map(|(name, number)| (number, name))
                        .collect();
                    self.export.offset = constants
                        .offset
                        .as_f64()
                        .or_else(|| constants.offset.as_str()?.parse().ok())
                        .unwrap_or(0.0);
                }
                (SourceKind::NetExport, "events") => map.next_value_seed(Each(&mut self, event))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The `log` of a HAR.
struct Log<'a, 'b>(&'a mut Walk<'b>);

impl<'de> DeserializeSeed<'de> for Log<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Log<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a HAR's log")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "entries" {
                map.next_value_seed(Each(self.0, entry))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Items of an array, one at a time.
struct Each<'a, 'b, T>(&'a mut Walk<'b>, fn(&mut Walk<'b>, T));

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Each<'_, '_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Each<'_, '_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<T>()? {
            self.0.source.seen.lines += 1;
            self.1(self.0, item);
        }
        Ok(())
    }
}

/// A HAR's entry (HAR 1.2; `_webSocketMessages`, `_error` and `_resourceType` are Chrome's).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    #[serde(rename = "startedDateTime")]
    started: String,
    time: Option<f64>,
    request: HarRequest,
    response: HarResponse,
    #[serde(rename = "_resourceType")]
    resource: Option<String>,
    #[serde(rename = "_webSocketMessages")]
    messages: Option<Vec<Message>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HarRequest {
    url: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HarResponse {
    status: i64,
    #[serde(rename = "_error")]
    error: Option<String>,
    /// Playwright's, which leaves the status of a refused WebSocket at -1.
    #[serde(rename = "_failureText")]
    failure: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    time: f64,
}

fn entry(walk: &mut Walk<'_>, entry: Entry) {
    let url = &entry.request.url;
    let socket =
        url.starts_with("ws:") || url.starts_with("wss:") || entry.resource.as_deref() == Some("websocket");
    if !socket {
        return;
    }
    let at = walk.sums.clock.read(entry.started.as_bytes());
    let status = u16::try_from(entry.response.status).unwrap_or(0);
    let error = entry
        .response
        .error
        .or(entry.response.failure)
        .unwrap_or_default();
    walk.source.document(status, url, &error, at, walk.sums);
    if status == 101 {
        let lived = entry.time.filter(|time| *time > 0.0).map(|time| time / 1_000.0);
        let last = entry
            .messages
            .iter()
            .flatten()
            .map(|message| message.time)
            .fold(0.0, f64::max);
        let since = match at {
            Some(Stamp::At(at)) if last > at => Some(last - at),
            _ => None,
        };
        walk.source.lived(lived.max_of(since), at);
    }
}

/// The greater of two, where there are any.
trait MaxOf {
    fn max_of(self, other: Self) -> Self;
}

impl MaxOf for Option<f64> {
    fn max_of(self, other: Self) -> Self {
        match (self, other) {
            (Some(one), Some(two)) => Some(one.max(two)),
            (one, two) => one.or(two),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Constants {
    #[serde(rename = "logEventTypes")]
    types: HashMap<String, u64>,
    #[serde(rename = "netError")]
    errors: HashMap<String, i64>,
    #[serde(rename = "timeTickOffset")]
    offset: serde_json::Value,
}

/// One event of a net-export.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event {
    #[serde(rename = "type")]
    kind: u64,
    time: String,
    source: EventSource,
    params: Option<Params>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct EventSource {
    id: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Params {
    url: Option<String>,
    headers: Option<serde_json::Value>,
    net_error: Option<i64>,
    message: Option<String>,
}

fn event(walk: &mut Walk<'_>, event: Event) {
    let Some(params) = event.params else { return };
    let id = event.source.id;
    let name = walk.export.names.get(&event.kind).map(String::as_str);
    // The jobs below a request name its address as well.
    let begins = matches!(name, Some("REQUEST_ALIVE" | "URL_REQUEST_START_JOB"));
    if let Some(url) = params
        .url
        .filter(|url| begins && (url.starts_with("ws://") || url.starts_with("wss://")))
    {
        if walk.export.requests.len() < REQUESTS {
            walk.export.requests.entry(id).or_insert(url);
        }
        return;
    }
    let at = event
        .time
        .parse::<f64>()
        .ok()
        .map(|time| Stamp::At((time + walk.export.offset) / 1_000.0));
    if name == Some("HTTP_TRANSACTION_READ_RESPONSE_HEADERS") {
        let first = params
            .headers
            .as_ref()
            .and_then(|headers| headers.get(0)?.as_str());
        let status = first.and_then(|line| line.split(' ').nth(1)?.parse().ok());
        if let (Some(status), Some(url)) = (status, walk.export.requests.remove(&id)) {
            walk.source.document(status, &url, "", at, walk.sums);
        }
    } else if name == Some("WEBSOCKET_UPGRADE_FAILURE")
        && let (Some(said), Some(url)) = (params.message, walk.export.requests.remove(&id))
    {
        // The head of an answer that refuses has no event of its own; the message names its status.
        walk.source.document(0, &url, &said, at, walk.sums);
    } else if let Some(error) = params.net_error.filter(|error| *error < -1)
        && let Some(url) = walk.export.requests.remove(&id)
    {
        let name = walk
            .export
            .errors
            .get(&error)
            .map_or_else(|| error.to_string(), |name| format!("net::{name}"));
        walk.source.document(0, &url, &name, at, walk.sums);
    }
}
