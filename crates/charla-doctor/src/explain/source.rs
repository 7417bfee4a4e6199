//! One source: what each of its lines is, and what that adds to the sums.

use std::collections::BTreeMap;
use std::sync::Arc;

use memchr::memmem::Finder;

use crate::evidence::{Quote, SourceKind, SourceSeen};
use crate::explain::Sums;
use crate::explain::access;
use crate::explain::clock::Stamp;
use crate::explain::held::{Place, shown};
use crate::explain::lines::without_colours;
use crate::explain::needle::{after, needle};
use crate::explain::tally::{Attempt, AttemptTally, LifeTally, common};
use crate::explain::words::{Hits, Mark, WORDS};
use crate::signs::Sign;

mod clients;
mod documents;
mod journal;
mod servers;
mod shell;

/// Signs of a server's own life: they count while it goes down as well.
const LIFECYCLE: [Sign; 8] = [
    Sign::ShuttingDown,
    Sign::Started,
    Sign::RequestLimit,
    Sign::WorkerKilled,
    Sign::WorkerTimeout,
    Sign::OutOfMemory,
    Sign::RestartScheduled,
    Sign::RestartLimit,
];

/// Different exceptions that are kept.
const EXCEPTIONS: usize = 64;

/// What is known of one source so far.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) seen: SourceSeen,
    name: Arc<str>,
    /// The server goes down: what it says from then on until it starts again is no cause of anything.
    ending: bool,
    /// Inside a traceback, whose last line is still to come.
    traceback: bool,
    /// Given by whoever reads it.
    given: bool,
    attempts: BTreeMap<SourceKind, AttemptTally>,
    lives: BTreeMap<SourceKind, LifeTally>,
    clients: clients::Clients,
    servers: servers::Servers,
    shell: shell::Shell,
    /// The entry of a journal's export that the lines belong to.
    export: Option<journal::Entry>,
    /// The last time of a line: those that have none of their own (tracebacks, uvicorn) are of that moment.
    last: Option<Stamp>,
    hits: Hits,
}

/// A line on its way through.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    text: &'a [u8],
    at: Option<Stamp>,
    place: Place<'a>,
}

impl Source {
    pub(super) fn new(name: &str, kind: Option<SourceKind>) -> Self {
        Self {
            seen: SourceSeen {
                name: name.to_owned(),
                kind: kind.unwrap_or_default(),
                ..SourceSeen::default()
            },
            name: name.into(),
            ending: false,
            traceback: false,
            given: kind.is_some(),
            attempts: BTreeMap::new(),
            lives: BTreeMap::new(),
            clients: clients::Clients::default(),
            servers: servers::Servers::default(),
            shell: shell::Shell::default(),
            export: None,
            last: None,
            hits: Hits::default(),
        }
    }

    /// Takes a line.
    pub(super) fn line(&mut self, line: &[u8], fresh: bool, sums: &mut Sums) {
        self.seen.lines += 1;
        if self.export.is_some() || line.starts_with(journal::FIRST) {
            self.exported(line, fresh, sums);
        } else {
            self.coloured(line, fresh, None, sums);
        }
    }

    fn coloured(&mut self, line: &[u8], fresh: bool, at: Option<Stamp>, sums: &mut Sums) {
        match without_colours(line) {
            Some(plain) => self.plain(&plain, fresh, at, sums),
            None => self.plain(line, fresh, at, sums),
        }
    }

    /// `at`: the time that a journal gave the line.
    fn plain(&mut self, line: &[u8], fresh: bool, at: Option<Stamp>, sums: &mut Sums) {
        // JSON text sequences (RFC 7464) have a mark before each record.
        let text = line.strip_prefix(b"\x1e").unwrap_or(line).trim_ascii();
        if text.is_empty() {
            return;
        }
        if text.starts_with(b"#") {
            if text.starts_with(b"# ---") {
                self.end_section(sums);
            }
            return;
        }
        if text.starts_with(b"{") && self.json(text, fresh, sums) {
            return;
        }
        let mut hits = std::mem::take(&mut self.hits);
        WORDS.look(line, &mut hits);
        let indented = matches!(line.first(), Some(b' ' | b'\t'));
        let own = at.or_else(|| sums.clock.read(line));
        if own.is_some() {
            self.last = own;
        }
        if let Some(at) = own.and_then(common) {
            self.seen.first = Some(self.seen.first.map_or(at, |first| first.min(at)));
            self.seen.last = Some(self.seen.last.map_or(at, |last| last.max(at)));
        }
        let at = own.or(self.last);
        let name = Arc::clone(&self.name);
        let place = Place {
            source: &name,
            line: self.seen.lines,
            at: at.and_then(common),
            fresh,
        };
        let line = Line { text, at, place };
        if !indented {
            self.exception(line, sums);
        }
        self.place(line, &hits, sums);
        self.hits = hits;
    }

    fn place(&mut self, line: Line<'_>, hits: &Hits, sums: &mut Sums) {
        if self.shell(line, hits, sums) {
            self.count(Some(SourceKind::Shell));
            return;
        }
        let kind = if hits.any() {
            self.kind_of(line, hits)
        } else {
            None
        };
        match kind {
            Some(kind) => self.count(Some(kind)),
            None if line.place.line > 0 && !hits.any() => self.count(None),
            None => {}
        }
        if !hits.any() {
            return;
        }
        let silent = hits.has(Mark::Payload) || self.ends(kind, hits);
        for sign in hits
            .signs
            .iter()
            .filter(|sign| !silent || LIFECYCLE.contains(sign))
        {
            sums.signs.entry(*sign).or_default().add(line.text, line.place);
        }
        let told = |kind: &SourceKind| {
            !self.ending
                || !matches!(
                    kind,
                    SourceKind::Uvicorn | SourceKind::Daphne | SourceKind::Django
                )
        };
        if let Some(kind) = kind.filter(told) {
            self.tell(kind, line, hits, sums);
        }
        if hits.has(Mark::Cause) || hits.has(Mark::Named) {
            clients::causes(line, sums);
        }
    }

    /// The last line of a traceback: `redis.exceptions.TimeoutError: Timeout reading from 127.0.0.1:6379`.
    fn exception(&mut self, line: Line<'_>, sums: &mut Sums) {
        if line.text.starts_with(b"Traceback (most recent call last):") {
            self.traceback = true;
            return;
        }
        if !std::mem::take(&mut self.traceback) || self.ending {
            return;
        }
        let end = line
            .text
            .iter()
            .position(|byte| *byte == b':')
            .unwrap_or(line.text.len());
        let class = line.text.get(..end).unwrap_or_default();
        let named = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_');
        if class.is_empty() || !class.iter().all(named) {
            return;
        }
        let name: String = shown(line.text).chars().take(160).collect();
        if sums.exceptions.len() < EXCEPTIONS || sums.exceptions.contains_key(&name) {
            sums.exceptions
                .entry(name)
                .or_default()
                .add(line.text, line.place);
        }
    }

    /// Whether the server that writes the line is going down.
    fn ends(&mut self, kind: Option<SourceKind>, hits: &Hits) -> bool {
        let server = matches!(
            kind,
            Some(SourceKind::Uvicorn | SourceKind::Daphne | SourceKind::Django)
        );
        if server && hits.signs.contains(&Sign::ShuttingDown) {
            self.ending = true;
            self.servers.up = false;
        } else if hits.signs.contains(&Sign::Started) {
            self.ending = false;
        }
        // A traceback's lines are of no kind.
        self.ending && (server || kind.is_none())
    }

    /// What the line's kind adds.
    fn tell(&mut self, kind: SourceKind, line: Line<'_>, hits: &Hits, sums: &mut Sums) {
        match kind {
            SourceKind::NginxAccess => self.access(line, sums),
            SourceKind::NginxError => servers::nginx_error(line, hits, sums),
            SourceKind::Uvicorn | SourceKind::Daphne | SourceKind::Django | SourceKind::Charla => {
                self.server(kind, line, hits, sums);
            }
            SourceKind::Console | SourceKind::Client | SourceKind::CharlaReport => {
                self.client(kind, line, hits, sums)
            }
            SourceKind::Har
            | SourceKind::NetExport
            | SourceKind::Journal
            | SourceKind::Redis
            | SourceKind::Kernel
            | SourceKind::Shell
            | SourceKind::Unknown => {}
        }
    }

    /// The end of a section: what was being waited for is not coming any more.
    pub(super) fn end_section(&mut self, sums: &mut Sums) {
        let name = Arc::clone(&self.name);
        let place = Place {
            source: &name,
            line: self.seen.lines,
            at: None,
            fresh: false,
        };
        self.end_clients(place, sums);
        self.end_shell(place, sums);
        if matches!(self.last, Some(Stamp::Since(_))) {
            self.last = None;
        }
    }

    fn count(&mut self, kind: Option<SourceKind>) {
        let Some(kind) = kind else {
            self.seen.unknown += 1;
            return;
        };
        *self.seen.holds.entry(kind).or_default() += 1;
    }

    /// What the line is.
    fn kind_of(&self, line: Line<'_>, hits: &Hits) -> Option<SourceKind> {
        if self.given && self.seen.kind != SourceKind::Journal {
            return Some(self.seen.kind);
        }
        let has = |mark| hits.has(mark);
        let digit = line.text.first().is_some_and(u8::is_ascii_digit);
        if has(Mark::NginxLevel) && digit && line.text.get(4) == Some(&b'/') {
            return Some(SourceKind::NginxError);
        }
        if has(Mark::Daphne) {
            return Some(SourceKind::Daphne);
        }
        if has(Mark::UvicornHandshake) || has(Mark::UvicornRejected) || has(Mark::UvicornLine) {
            return Some(SourceKind::Uvicorn);
        }
        if has(Mark::Charla) {
            return Some(SourceKind::Charla);
        }
        if has(Mark::Request) && !has(Mark::NginxUpstream) {
            let django = needle!(b"django.server").find(line.text).is_some();
            let bare = line.text.starts_with(b"[");
            return Some(if django || bare {
                SourceKind::Django
            } else {
                SourceKind::NginxAccess
            });
        }
        if has(Mark::Report) {
            return Some(SourceKind::CharlaReport);
        }
        if has(Mark::Client) || has(Mark::PythonClosed) && needle!(b"CLOSED").find(line.text).is_some() {
            return Some(SourceKind::Client);
        }
        if has(Mark::FrontEnd) || has(Mark::Console) || has(Mark::Payload) {
            return Some(SourceKind::Console);
        }
        if has(Mark::Opened) || has(Mark::Closed) {
            let python = needle!(b" OPEN {").find(line.text).is_some();
            return Some(if python {
                SourceKind::Client
            } else {
                SourceKind::Console
            });
        }
        if has(Mark::Head) && line.text.starts_with(b"HTTP/") {
            return Some(SourceKind::Client);
        }
        if has(Mark::Redis) && digit {
            return Some(SourceKind::Redis);
        }
        if has(Mark::Python) {
            let known = self.servers.python(&self.seen);
            return Some(known);
        }
        if has(Mark::Kernel) {
            return Some(SourceKind::Kernel);
        }
        None
    }

    /// The source is a document of a kind.
    pub(super) fn given(&mut self, kind: SourceKind) {
        (self.given, self.seen.kind) = (true, kind);
    }

    fn attempt(
        &mut self,
        kind: SourceKind,
        status: u16,
        token: Option<u64>,
        line: Line<'_>,
        sums: &mut Sums,
    ) {
        let attempt = Attempt {
            status,
            at: line.at,
            token,
        };
        self.attempts.entry(kind).or_default().add(attempt);
        if matches!(status, 401 | 403) && token.is_some() {
            let zoned = sums.clock.zoned() || self.seen.holds.contains_key(&SourceKind::Journal);
            sums.claims.refused(line.text, line.at, zoned, line.place);
        }
        sums.statuses
            .entry(status)
            .or_default()
            .add(line.text, line.place);
    }

    /// An access log's line.
    fn access(&mut self, line: Line<'_>, sums: &mut Sums) {
        if let Some(request) = access::request(line.text).filter(access::Request::counts) {
            self.request(&request, &request.further(), line, sums);
        }
    }

    fn request(
        &mut self,
        request: &access::Request<'_>,
        further: &access::Further,
        line: Line<'_>,
        sums: &mut Sums,
    ) {
        let token = sums.tokens.of(request.target);
        // The log has the moment of the end.
        let began = match (line.at, further.lived) {
            (Some(Stamp::At(at)), Some(lived)) => Some(Stamp::At(at - lived)),
            (at, _) => at,
        };
        self.attempt(
            SourceKind::NginxAccess,
            request.status,
            token,
            Line { at: began, ..line },
            sums,
        );
        if request.status == 101 {
            self.lives
                .entry(SourceKind::NginxAccess)
                .or_default()
                .ended(further.lived, line.at);
            return;
        }
        match further.upstream {
            Some(None) if request.status == 499 => sums.unanswered.add(line.text, line.place),
            Some(None) => sums
                .nginx_own
                .entry(request.status)
                .or_default()
                .add(line.text, line.place),
            Some(Some(_)) | None => {}
        }
    }

    pub(super) fn finish(
        mut self,
    ) -> (
        SourceSeen,
        BTreeMap<SourceKind, AttemptTally>,
        BTreeMap<SourceKind, LifeTally>,
    ) {
        if !self.given {
            let most = self.seen.holds.iter().max_by_key(|(_, count)| **count);
            self.seen.kind = most.map_or(SourceKind::Unknown, |(kind, _)| *kind);
        }
        (self.seen, self.attempts, self.lives)
    }
}

fn quote(line: Line<'_>) -> Quote {
    Quote {
        at: format!("{}:{}", line.place.source, line.place.line),
        line: shown(line.text),
    }
}

/// A sign that a line's shape says, not its words.
fn sign(sign: Sign, line: Line<'_>, sums: &mut Sums) {
    sums.signs.entry(sign).or_default().add(line.text, line.place);
}

/// The number right after the first place where a text stands.
fn number_after(line: &[u8], word: &Finder<'_>) -> Option<u16> {
    number_at(after(line, word)?)
}

fn number_at(text: &[u8]) -> Option<u16> {
    let digits = text
        .iter()
        .take(6)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    std::str::from_utf8(text.get(..digits)?).ok()?.parse().ok()
}
