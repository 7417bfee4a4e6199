//! What the logs say, summed up: lines known by their words, attempts, lifetimes. Bounded, however long a log is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::signs::Sign;

/// Everything that was read, summed up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogsSeen {
    /// The sources, in the order in which they were read.
    pub sources: Vec<SourceSeen>,
    /// Lines known by their words.
    pub signs: BTreeMap<Sign, Seen>,
    /// Handshakes that the logs tell of.
    pub attempts: Attempts,
    /// How long connections lived.
    pub lifetimes: Lifetimes,
    /// Close codes that somebody saw, with how often: 1006, 4401. Clients' codes (browsers, wscat, Python), those that an
    /// application logs as it loses a client (`Desconectado chat 5 code=1005`), and Charla's own.
    pub closes: BTreeMap<u16, Count>,
    /// HTTP statuses that handshakes got, wherever they were seen: unlike [`Attempts::by_status`] this counts one
    /// handshake once for each log that tells of it. 0: none (refused, reset, timed out).
    pub statuses: BTreeMap<u16, Seen>,
    /// Statuses that nginx gave itself, without asking any upstream: its access log names no upstream status (`us=-`).
    pub nginx_own: BTreeMap<u16, Seen>,
    /// Connections that were open and ended with 1006 (no close frame), as a client saw it.
    pub dropped: Seen,
    /// Handshakes that a client waited for in vain until it, or the text, ended; nginx' 499 without an upstream's answer.
    pub unanswered: Seen,
    /// Causes that Charla itself named: `cause=...` in its log, reasons of close frames, browser reports, answers. By id;
    /// applications that close with the same words (`not_a_member`) are counted as well.
    pub causes: BTreeMap<String, Seen>,
    /// Exceptions of Python, each by the last line of its traceback; at most 64 different ones.
    pub exceptions: BTreeMap<String, Seen>,
    /// Ports and what was said of them.
    pub ports: Ports,
    /// What tokens of refused handshakes say of themselves.
    pub claims: ClaimsSeen,
    /// Whether the sources are live (read by the doctor beside its own handshake) or pasted.
    pub live: bool,
}

impl LogsSeen {
    /// What is known of a sign.
    #[must_use]
    pub fn sign(&self, sign: Sign) -> Option<&Seen> {
        self.signs.get(&sign)
    }

    /// The first of some signs that was seen, in the given order.
    #[must_use]
    pub fn any(&self, signs: &[Sign]) -> Option<(Sign, &Seen)> {
        let mut found = signs.iter().filter_map(|sign| Some((*sign, self.sign(*sign)?)));
        found.next()
    }

    /// The first of some signs that was seen fresh: since the doctor's own handshake began; in pasted logs, at all.
    #[must_use]
    pub fn fresh(&self, signs: &[Sign]) -> Option<(Sign, &Seen)> {
        let mut found = signs.iter().filter_map(|sign| Some((*sign, self.sign(*sign)?)));
        found.find(|(_, seen)| !self.live || seen.fresh > 0)
    }

    /// Whether lines of a kind were read, in a source of their own or amid others.
    #[must_use]
    pub fn has(&self, kind: SourceKind) -> bool {
        let holds = |source: &SourceSeen| source.kind == kind || source.holds.contains_key(&kind);
        self.sources.iter().any(holds)
    }
}

/// Ports and what was said of them, each with the line that said it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ports {
    /// A server said that it listens there: `Uvicorn running on http://127.0.0.1:9001`.
    pub listening: BTreeMap<u16, Quote>,
    /// A client was refused there: `connect ECONNREFUSED 127.0.0.1:9001`.
    pub refused: BTreeMap<u16, Quote>,
    /// nginx was refused there: `upstream: "http://127.0.0.1:9001/..."`.
    pub upstream_refused: BTreeMap<u16, Quote>,
    /// Clients tried the WebSocket there, whatever came of it.
    pub tried: BTreeMap<u16, Quote>,
}

/// Handshakes that were answered with 401 or 403, and whose token says why. Of the tokens nothing else is kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimsSeen {
    /// `exp` had passed at the line's own time.
    pub expired: Seen,
    /// `exp` of the last of those.
    pub expires_at: Option<f64>,
    /// The time of its line.
    pub refused_at: Option<f64>,
    /// No zone that the log does not name could make up for it.
    pub sure: bool,
    /// `alg` is `none`.
    pub unsigned: Seen,
    /// `token_type` is `refresh`.
    pub refresh: Seen,
}

/// One file, journal or pasted text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceSeen {
    /// Its path, unit or `-`.
    pub name: String,
    /// What it is: what most of its known lines are.
    pub kind: SourceKind,
    /// How many lines of which kind.
    pub holds: BTreeMap<SourceKind, Count>,
    /// Lines read.
    pub lines: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Lines that nothing here knows.
    pub unknown: u64,
    /// The first time in it.
    pub first: Option<f64>,
    /// The last.
    pub last: Option<f64>,
}

/// What a log is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A browser's console.
    Console,
    /// A HAR file.
    Har,
    /// A net-export of Chrome.
    NetExport,
    /// uvicorn, with what the application wrote between its lines.
    Uvicorn,
    /// daphne likewise.
    Daphne,
    /// Django's own log.
    Django,
    /// nginx's error log.
    NginxError,
    /// nginx's access log.
    NginxAccess,
    /// `journalctl -o json`.
    Journal,
    /// A Charla server's log.
    Charla,
    /// The report of Charla's browser client.
    CharlaReport,
    /// Redis' own log.
    Redis,
    /// The kernel's log.
    Kernel,
    /// What wscat, curl or Python's `websockets` printed.
    Client,
    /// What the debug guide's commands printed: `ps`, `redis-cli ping`.
    Shell,
    /// Something else.
    #[default]
    Unknown,
}

impl SourceKind {
    /// What people call it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Console => "browser console",
            Self::Har => "HAR",
            Self::NetExport => "Chrome net-export",
            Self::Uvicorn => "uvicorn",
            Self::Daphne => "daphne",
            Self::Django => "Django",
            Self::NginxError => "nginx error.log",
            Self::NginxAccess => "nginx access.log",
            Self::Journal => "journald",
            Self::Charla => "charla",
            Self::CharlaReport => "charla-client",
            Self::Redis => "redis-server",
            Self::Kernel => "kernel",
            Self::Client => "wscat, curl",
            Self::Shell => "ps, redis-cli",
            Self::Unknown => "?",
        }
    }
}

/// How often a line was seen, and when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seen {
    /// How often.
    pub count: u64,
    /// How often since the doctor's own handshake began (its offset in the file); 0 for pasted logs.
    pub fresh: u64,
    /// When first, where the line has a time.
    pub first: Option<f64>,
    /// When last.
    pub last: Option<f64>,
    /// Up to three examples: the first, and the last two.
    pub quotes: Vec<Quote>,
}

/// A line as it stands, redacted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quote {
    /// `uvicorn.log:17`.
    pub at: String,
    /// At most 300 characters of it.
    pub line: String,
}

/// A number of times.
pub type Count = u64;

/// Handshakes that the logs tell of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Attempts {
    /// All of them, counted at the source that saw most.
    pub total: Count,
    /// By HTTP status, as that source saw it; 0: none (refused, hung up, timed out).
    pub by_status: BTreeMap<u16, Count>,
    /// With the token that came most often: only a hash of it was kept, and not here.
    pub with_same_token: Count,
    /// Different tokens.
    pub tokens: Count,
    /// When the first was.
    pub first: Option<f64>,
    /// When the last was.
    pub last: Option<f64>,
    /// In the busiest minute.
    pub most_in_a_minute: Count,
    /// In the busiest second, and when: many at once is a herd.
    pub most_in_a_second: Count,
    /// The longest row of failures without a success between them: how many.
    pub longest_failing: Count,
    /// When that row began.
    pub failing_since: Option<f64>,
    /// And ended.
    pub failing_until: Option<f64>,
    /// The source that they were counted in.
    pub counted_in: String,
}

/// How long connections lived, in whole seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lifetimes {
    /// Connections whose life is known.
    pub known: Count,
    /// By second, at most 4,096 different ones; longer lives by the minute.
    pub by_second: BTreeMap<u32, Count>,
    /// Ends within one second: the most, and when. Many at once is a deploy, a reload, a kill.
    pub most_ends_in_a_second: Count,
    /// When that was.
    pub most_ends_at: Option<f64>,
}
