//! All words that say something, found in one pass over each line.
//!
//! Two sorts are looked for at once: the words of the [signs](crate::signs), and marks that tell what kind of line it is, so
//! that a line without any of them costs one scan and nothing else.

use std::collections::HashMap;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::explain::starts::Starts;
use crate::signs::Sign;

macro_rules! marks {
    ($($(#[$doc:meta])* $name:ident: $($word:literal),+;)*) => {
        /// A word that tells what a line is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Mark {
            $($(#[$doc])* $name,)*
        }

        const MARKS: &[(Mark, &[&str])] = &[$((Mark::$name, &[$($word),+])),*];
    };
}

marks! {
    /// The end of a request in an access log.
    Request: "HTTP/1.1\"", "HTTP/1.0\"", "HTTP/2.0\"", "HTTP/3.0\"";
    /// nginx' error log: level and process.
    NginxLevel: "[error] ", "[warn] ", "[info] ", "[crit] ", "[alert] ", "[emerg] ", "[notice] ";
    /// nginx' error log: which upstream.
    NginxUpstream: ", upstream: \"";
    /// uvicorn: a handshake.
    UvicornHandshake: "\"WebSocket /";
    /// uvicorn: a handshake that was refused.
    UvicornRejected: "connection rejected (";
    /// uvicorn: routine.
    UvicornLine: "connection open", "connection closed", "INFO:     ", "WARNING:  ", "ERROR:    ", "Uvicorn running on http";
    /// A server says where it listens.
    Listens: "Uvicorn running on http", "Listening on TCP address ", "Starting development server at http", "Listening at: http";
    /// daphne: handshakes and closes.
    Daphne: "\"WSCONNECTING /", "\"WSCONNECT /", "\"WSREJECT /", "\"WSDISCONNECT /", "daphne.server", "daphne.http_protocol";
    /// Django's or Python's logging, and tracebacks.
    Python: "Traceback (most recent call last):", "  File \"/", " WARNING ", " ERROR ", " INFO ", "django.", "channels";
    /// The application loses a client and says the code: `Desconectado chat 5 code=1005`.
    AppClose: "Desconectado", "disconnected", "Disconnected";
    /// A browser's console.
    Console: "WebSocket connection to '", "WebSocket is closed before", "Firefox can", "Firefox no puede",
        "connection to ws", "conexión a ws", "webSocketCreated", "Mixed Content:", "Content Security Policy", "net::ERR_";
    /// A console: a new socket.
    Opening: "webSocketCreated", "Conectando WebSocket", "Connecting WebSocket";
    /// A console: the handshake failed.
    Failed: "' failed:", "Firefox can\u{2019}t establish", "Firefox can't establish", "Firefox no puede establecer", "connect failed:";
    /// A client: open.
    Opened: " onopen ", "WebSocket conectado", "WebSocket connected", "Connected (press", " OPEN {";
    /// A client: over.
    Closed: " onclose ", "WebSocket cerrado", "WebSocket closed", "Disconnected (code:", " CLOSED ", "CloseEvent {";
    /// Python's `websockets`: a close.
    PythonClosed: "received ", "no close frame received or sent";
    /// The guide's and Charla's front end.
    FrontEnd: "WebSocket cerrado", "WebSocket closed:", "Conectando WebSocket", "Connecting WebSocket",
        "Error en WebSocket", "WebSocket error:", "Reintentando en", "Retrying in", "token actualizado", "with a fresh token",
        "↳ ";
    /// The cause that Charla's front end names: `   ↳ The token has expired (token_expired).`
    Named: "↳ ";
    /// wscat, curl, Python's `websockets`.
    Client: "Unexpected server response:", "error: connect E", "error: socket hang up", "curl: (", "websockets.exceptions.",
        "connect failed:", "Connected (press", "Disconnected (code:";
    /// curl: the head of an answer.
    Head: "HTTP/1.1 ", "HTTP/1.0 ", "http_code=";
    /// What somebody wrote or received in the chat: never a sign.
    Payload: " onmessage ", "webSocketFrameReceived", "webSocketFrameSent", " recv '", " sent '", " recv b'", " sent b'";
    /// Charla's log and whatever else names a cause.
    Cause: "cause=", "\"cause\":\"", "\"cause\": \"";
    /// Charla's log.
    Charla: "charla_server", "charla_core", "charla_postgres", "charla_redis", " charla::";
    /// Charla's browser report.
    Report: "\"charla_report\"", "charla_report:";
    /// journald.
    Journal: "\"__REALTIME_TIMESTAMP\"";
    /// Redis' log.
    Redis: ":M ", ":S ", "Ready to accept connections", "overcoming of output buffer limits";
    /// The kernel's log.
    Kernel: "] Out of memory: Killed process", "oom-kill:", "kernel: ", "nf_conntrack:", "TCP: ";
    /// systemd.
    Systemd: "systemd[";
    /// `redis-cli ping`.
    RedisCli: "$ redis-cli", "PONG", "Could not connect to Redis at";
    /// `ps aux`.
    Ps: "uvicorn ", "daphne ", "gunicorn ", "hypercorn ";
    /// Something ended with a code: `code=1006`, `{code: 1006`.
    Code: "code=", "code: ", "\"code\":";
    /// A WebSocket's address, as clients write it.
    Address: "ws://", "wss://";
    /// A refusal on this side, with its address.
    Refused: "ECONNREFUSED", "ERR_CONNECTION_REFUSED", "Failed to connect to ", "Connect call failed";
}

/// What stands in a line.
#[derive(Debug, Default)]
pub(super) struct Hits {
    /// One bit for each mark.
    marks: u64,
    /// Words of signs with several words.
    words: Vec<u32>,
    /// The signs, each once.
    pub(super) signs: Vec<Sign>,
}

impl Hits {
    pub(super) fn has(&self, mark: Mark) -> bool {
        self.marks & (1 << (mark as u8)) != 0
    }

    pub(super) fn any(&self) -> bool {
        self.marks != 0 || !self.signs.is_empty()
    }

    fn clear(&mut self) {
        self.marks = 0;
        self.words.clear();
        self.signs.clear();
    }
}

/// What a word means.
#[derive(Debug, Default)]
struct Meaning {
    /// Bits of its marks.
    marks: u64,
    /// Signs that it says alone.
    alone: Vec<Sign>,
    /// Signs that need further words: positions in [`Words::rules`].
    shared: Vec<usize>,
}

#[derive(Debug)]
struct Rule {
    sign: Sign,
    words: Vec<u32>,
}

/// The words and what they mean.
#[derive(Debug)]
pub(super) struct Words {
    starts: Starts,
    meanings: Vec<Meaning>,
    rules: Vec<Rule>,
    /// How every JWT begins.
    token: Finder<'static>,
}

/// Built once: it takes some ten milliseconds.
pub(super) static WORDS: LazyLock<Words> = LazyLock::new(Words::new);

impl Words {
    fn new() -> Self {
        let mut words: Vec<&'static str> = Vec::new();
        let mut known = HashMap::new();
        let mut meanings: Vec<Meaning> = Vec::new();
        let mut rules = Vec::new();
        let mut number = |word: &'static str, meanings: &mut Vec<Meaning>| -> usize {
            *known.entry(word).or_insert_with(|| {
                words.push(word);
                meanings.push(Meaning::default());
                words.len() - 1
            })
        };
        for (mark, of_mark) in MARKS {
            for word in *of_mark {
                let at = number(word, &mut meanings);
                if let Some(meaning) = meanings.get_mut(at) {
                    meaning.marks |= 1 << (*mark as u8);
                }
            }
        }
        for sign in Sign::ALL.iter().copied() {
            for pattern in sign.patterns() {
                let numbers: Vec<usize> = pattern.iter().map(|word| number(word, &mut meanings)).collect();
                if let [only] = numbers.as_slice() {
                    if let Some(meaning) = meanings.get_mut(*only) {
                        meaning.alone.push(sign);
                    }
                    continue;
                }
                for at in &numbers {
                    if let Some(meaning) = meanings.get_mut(*at) {
                        meaning.shared.push(rules.len());
                    }
                }
                let words = numbers.iter().filter_map(|at| u32::try_from(*at).ok()).collect();
                rules.push(Rule { sign, words });
            }
        }
        Self {
            starts: Starts::new(words),
            meanings,
            rules,
            token: Finder::new(b"eyJ"),
        }
    }

    /// Finds what stands in a line. Tokens are passed over: no word of any meaning is in them, and they are most of many lines.
    pub(super) fn look(&self, line: &[u8], hits: &mut Hits) {
        hits.clear();
        let mut rest = line;
        while let Some(at) = self.token.find(rest) {
            let (before, token) = rest.split_at(at);
            self.scan(before, hits);
            let end = token
                .iter()
                .position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_' | b'.'));
            rest = end.and_then(|end| token.get(end..)).unwrap_or_default();
        }
        self.scan(rest, hits);
        self.combine(hits);
    }

    fn scan(&self, part: &[u8], hits: &mut Hits) {
        self.starts.each(part, |word| self.note(word, hits));
    }

    fn note(&self, word: u32, hits: &mut Hits) {
        let Some(meaning) = usize::try_from(word).ok().and_then(|at| self.meanings.get(at)) else {
            return;
        };
        hits.marks |= meaning.marks;
        for sign in &meaning.alone {
            if !hits.signs.contains(sign) {
                hits.signs.push(*sign);
            }
        }
        if !meaning.shared.is_empty() && !hits.words.contains(&word) {
            hits.words.push(word);
        }
    }

    /// Adds the signs of which all words were found.
    fn combine(&self, hits: &mut Hits) {
        if hits.words.len() < 2 {
            return;
        }
        for word in &hits.words {
            let Ok(at) = usize::try_from(*word) else { continue };
            let shared = self.meanings.get(at).map_or(&[][..], |meaning| &meaning.shared);
            for rule in shared.iter().filter_map(|at| self.rules.get(*at)) {
                let whole = rule.words.iter().all(|word| hits.words.contains(word));
                if whole && !hits.signs.contains(&rule.sign) {
                    hits.signs.push(rule.sign);
                }
            }
        }
    }
}
