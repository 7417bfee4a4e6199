//! What servers tell: uvicorn, daphne, Django, Charla, nginx' error log, and journald's and other JSON around them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use charla_wire::Cause;
use serde::Deserialize;

use super::clients::{code, port_of};
use super::journal::time_of;
use super::{Line, Source, number_after, number_at, quote, sign};
use crate::evidence::{SourceKind, SourceSeen};
use crate::explain::Sums;
use crate::explain::access::{self, JsonRequest};
use crate::explain::clock::Stamp;
use crate::explain::held::Place;
use crate::explain::needle::{after, any, needle, needles};
use crate::explain::tally::common;
use crate::explain::words::{Hits, Mark};
use crate::signs::Sign;

/// Connections of daphne that are remembered until they end.
const OPEN: usize = 65_536;

/// The servers of a source.
#[derive(Debug, Default)]
pub(super) struct Servers {
    /// It has said where it listens, and not yet that it ends.
    pub(super) up: bool,
    /// Refusals of uvicorn whose second line (`connection rejected`) is still to come.
    awaited: u32,
    /// daphne's clients by address, and since when they are open.
    open: HashMap<Vec<u8>, Option<Stamp>>,
    /// The last event of Charla's JSON as the line it would have been: its memory is used again.
    plain: String,
}

impl Servers {
    /// Whose a line of Python's logging is: the server's among whose lines it stands, else Django's.
    #[allow(
        clippy::unused_self,
        reason = "reads as one question to the servers of a source"
    )]
    pub(super) fn python(&self, seen: &SourceSeen) -> SourceKind {
        let servers = [SourceKind::Uvicorn, SourceKind::Daphne, SourceKind::Charla];
        let known = servers.into_iter().find(|kind| seen.holds.contains_key(kind));
        known.unwrap_or(SourceKind::Django)
    }
}

impl Source {
    pub(super) fn server(&mut self, kind: SourceKind, line: Line<'_>, hits: &Hits, sums: &mut Sums) {
        if hits.has(Mark::Listens)
            && let Some(port) = listens(line.text)
        {
            sums.ports.listening.entry(port).or_insert_with(|| quote(line));
            if std::mem::replace(&mut self.servers.up, true) {
                sign(Sign::StartedAgain, line, sums);
            }
        }
        if hits.has(Mark::AppClose)
            && let Some(code) = code(line.text)
        {
            *sums.closes.entry(code).or_default() += 1;
        }
        if kind == SourceKind::Daphne {
            self.daphne(line, sums);
        } else if kind == SourceKind::Charla {
            self.charla(line, sums);
        } else {
            self.uvicorn(kind, line, hits, sums);
        }
    }

    fn uvicorn(&mut self, kind: SourceKind, line: Line<'_>, hits: &Hits, sums: &mut Sums) {
        if hits.has(Mark::UvicornHandshake) {
            let Some(rest) = after(line.text, needle!(b"\"WebSocket ")) else {
                return;
            };
            let end = memchr::memchr(b'"', rest).unwrap_or(rest.len());
            let token = sums.tokens.of(rest.get(..end).unwrap_or_default());
            let answer = rest.get(end + 1..).unwrap_or_default().trim_ascii_start();
            let status = if answer.starts_with(b"[accepted]") {
                Some(101)
            } else {
                number_at(answer)
            };
            if let Some(status) = status {
                self.servers.awaited += u32::from(status != 101);
                self.attempt(kind, status, token, line, sums);
            }
        } else if hits.has(Mark::UvicornRejected) {
            // An exception before accept has this line alone.
            match self.servers.awaited.checked_sub(1) {
                Some(left) => self.servers.awaited = left,
                None => {
                    if let Some(status) = number_after(line.text, needle!(b"connection rejected (")) {
                        self.attempt(kind, status, None, line, sums);
                    }
                }
            }
        } else if hits.has(Mark::Request)
            && let Some(request) = access::request(line.text)
            && access::is_socket(request.target)
        {
            // The request came without its upgrade.
            let token = sums.tokens.of(request.target);
            self.attempt(kind, request.status, token, line, sums);
            sign(Sign::PlainGet, line, sums);
        }
    }

    /// `ADDR - - [date] "WSCONNECTING /ws/chat/5/" - -`; runserver: `WebSocket CONNECT /ws/chat/5/ [ADDR]`.
    fn daphne(&mut self, line: Line<'_>, sums: &mut Sums) {
        let steps = [
            needles![b"\"WSCONNECTING /", b"WebSocket HANDSHAKING /"],
            needles![b"\"WSCONNECT /", b"WebSocket CONNECT /"],
            needles![b"\"WSREJECT /", b"WebSocket REJECT /"],
            needles![b"\"WSDISCONNECT /", b"WebSocket DISCONNECT /"],
        ];
        let step = steps.iter().position(|words| any(line.text, words));
        let address = line
            .text
            .split(u8::is_ascii_whitespace)
            .next()
            .unwrap_or_default()
            .to_vec();
        match step {
            Some(1) => {
                if self.servers.open.len() < OPEN {
                    self.servers.open.insert(address, line.at);
                }
                self.attempt(SourceKind::Daphne, 101, None, line, sums);
            }
            Some(2) => self.attempt(SourceKind::Daphne, 403, None, line, sums),
            Some(3) => {
                let lived = match (
                    self.servers.open.remove(&address).flatten().and_then(common),
                    line.at.and_then(common),
                ) {
                    (Some(since), Some(at)) => Some(at - since).filter(|lived| *lived >= 0.0),
                    _ => None,
                };
                self.lives
                    .entry(SourceKind::Daphne)
                    .or_default()
                    .ended(lived, line.at);
            }
            _ => {}
        }
    }

    /// `INFO charla_server::handshake: no handshake cause=token_expired detail=... path=/ws/chat/5/`
    fn charla(&mut self, line: Line<'_>, sums: &mut Sums) {
        if needle!(b"no handshake").find(line.text).is_none() {
            return;
        }
        let cause = after(line.text, needle!(b"cause=")).and_then(|rest| {
            let word = rest.split(u8::is_ascii_whitespace).next()?;
            Cause::from_id(std::str::from_utf8(word).ok()?.trim_matches('"'))
        });
        if let Some(cause) = cause {
            self.attempt(SourceKind::Charla, cause.http_status(), None, line, sums);
        }
    }

    /// A line that is one JSON object: journald's, Charla's, an access log's.
    pub(super) fn json(&mut self, text: &[u8], fresh: bool, sums: &mut Sums) -> bool {
        if needle!(b"\"__REALTIME_TIMESTAMP\"").find(text).is_some() {
            let Ok(entry) = serde_json::from_slice::<Entry<'_>>(text) else {
                return false;
            };
            self.count(Some(SourceKind::Journal));
            let at = entry.time.as_deref().and_then(|time| time_of(time.as_bytes()));
            let message = entry.message.text();
            for inner in message.split(|byte| *byte == b'\n') {
                self.coloured(inner, fresh, at, sums);
            }
            return true;
        }
        let charla = needles![
            b"charla_server",
            b"charla_core",
            b"charla_postgres",
            b"charla_redis",
            b" charla::"
        ];
        if any(text, charla) {
            let Ok(event) = serde_json::from_slice::<Event<'_>>(text) else {
                return false;
            };
            let mut plain = std::mem::take(&mut self.servers.plain);
            plain.clear();
            for part in [
                &event.timestamp,
                " ",
                &event.level,
                " ",
                &event.target,
                ": ",
                &event.message,
            ] {
                plain.push_str(part);
            }
            if let Some(cause) = event.cause {
                plain.push_str(" cause=");
                plain.push_str(&cause);
            }
            self.plain(plain.as_bytes(), fresh, None, sums);
            self.servers.plain = plain;
            return true;
        }
        let Ok(found) = serde_json::from_slice::<JsonRequest>(text) else {
            return false;
        };
        let Some((request, further)) = found.request() else {
            return false;
        };
        let at = sums
            .clock
            .read(format!("[{}]", found.time).as_bytes())
            .or_else(|| sums.clock.read(found.time.as_bytes()));
        self.count(Some(SourceKind::NginxAccess));
        let name = Arc::clone(&self.name);
        let place = Place {
            source: &name,
            line: self.seen.lines,
            at: at.and_then(common),
            fresh,
        };
        if request.counts() {
            self.request(&request, &further, Line { text, at, place }, sums);
        }
        true
    }
}

/// One entry of `journalctl -o json`.
#[derive(Debug, Deserialize)]
struct Entry<'a> {
    #[serde(rename = "MESSAGE", default, borrow)]
    message: Message<'a>,
    #[serde(rename = "__REALTIME_TIMESTAMP", borrow)]
    time: Option<Cow<'a, str>>,
}

/// A message; journald writes those that are no plain text as an array of bytes, and too long ones as null.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Message<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Bytes(Vec<u8>),
    #[default]
    None,
}

impl Message<'_> {
    fn text(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
            Self::None => &[],
        }
    }
}

/// One event of Charla's log as JSON.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    level: Cow<'a, str>,
    #[serde(borrow)]
    target: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow)]
    cause: Option<Cow<'a, str>>,
}

/// nginx' error log: the upstream that refused.
pub(super) fn nginx_error(line: Line<'_>, hits: &Hits, sums: &mut Sums) {
    if !hits.signs.contains(&Sign::NginxRefused) {
        return;
    }
    let upstream = after(line.text, needle!(b"upstream: \""));
    if let Some(port) = upstream.and_then(port_of) {
        sums.ports
            .upstream_refused
            .entry(port)
            .or_insert_with(|| quote(line));
    }
}

/// `Uvicorn running on http://127.0.0.1:9001`, `Listening on TCP address 127.0.0.1:8000`.
fn listens(text: &[u8]) -> Option<u16> {
    if any(text, needles![b"http://", b"https://"]) {
        return port_of(text);
    }
    let rest = after(text, needle!(b"TCP address "))?;
    let colon = rest.iter().rposition(|byte| *byte == b':')?;
    number_at(rest.get(colon + 1..)?)
}
