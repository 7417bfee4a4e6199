//! Why a connection was refused, cut or could not be made: one closed list for everybody.
//!
//! [`Cause`] and its rows are generated from `protocol/causes.toml` by `cargo xtask codegen`; this file
//! says what a cause can be asked. It knows nothing of sockets: who decides a cause also carries it out.
//! A cause travels as its id, in a close frame as [`close_reason`] writes it.

#[rustfmt::skip]
mod table;

use std::fmt;

use serde::{Serialize, Serializer};

pub use table::Cause;

/// The longest reason of a close frame: a control frame carries 125 bytes, two of which are the code (RFC 6455, 5.5).
pub const CLOSE_REASON_MAX: usize = 123;

/// One row of the table; the generated file holds one for each cause.
#[derive(Debug)]
struct Row {
    id: &'static str,
    side: Side,
    group: Group,
    code: Option<u16>,
    status: Option<u16>,
    retry: Retry,
    en: Words,
    es: Words,
}

/// What a person reads about a cause, in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Words {
    /// A short statement, without a full stop.
    pub title: &'static str,
    /// One sentence that explains it.
    pub explain: &'static str,
    /// Commands or configuration to copy, each complete in itself.
    pub fix: &'static [&'static str],
    /// How to see that the fix worked.
    pub check: &'static str,
}

/// The languages in which every cause is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lang {
    /// English, also the answer to a wish that cannot be met.
    #[default]
    En,
    /// Spanish.
    Es,
}

/// What a client does about a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Get a new token, then connect again; stop when the new one is refused for the same cause.
    Refresh,
    /// Connect again after a growing, jittered delay, within the budget of attempts.
    Backoff,
    /// Wait for the named time (`retry in N ms`) or event, without spending the budget.
    Wait,
    /// Stop and say why: trying again cannot help.
    Stop,
    /// Connect again at once and resume after the last sequence number seen.
    Resume,
}

/// Where the cause sits, and so who can know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The chat server decided it.
    Server,
    /// Something between client and server: proxy, balancer, TLS, names.
    Path,
    /// The page or its browser; no packet leaves the device.
    Page,
    /// The machine and the services behind the chat: processes, Redis, database.
    Host,
    /// The client's own code.
    Client,
}

/// The chapter of the table in which a cause stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// A connection's life: restarts, time-outs, overload.
    Lifecycle,
    /// Tokens, tickets and their users.
    Token,
    /// Who may enter and do what.
    Permission,
    /// Names that lead to nothing: tenants, chats, messages.
    Lookup,
    /// Frames and requests that are wrong in themselves.
    Request,
    /// Bounds that were reached.
    Limit,
    /// Answers that only the REST interface gives.
    Rest,
    /// The state of a Redis server.
    Redis,
    /// Django's channel layer.
    ChannelLayer,
    /// The process that serves the chat, and its machine.
    Server,
    /// Proxies and balancers.
    Path,
    /// Certificates, names and addresses.
    Tls,
    /// The page's rules and the browser's state.
    Page,
    /// The client's behaviour over time.
    Client,
}

impl Cause {
    /// The stable name: the documentation's address, the metric label and the word on the wire.
    #[must_use]
    pub const fn id(self) -> &'static str {
        self.row().id
    }

    /// The close code that the table gives this cause, if it has one of its own.
    #[must_use]
    pub const fn own_close_code(self) -> Option<u16> {
        self.row().code
    }

    /// The code of a close frame that names this cause.
    ///
    /// A cause that refuses a request has no code of its own; should a connection have to end for it, the
    /// code is 4400 when the request was at fault (its HTTP status is 4xx) and 1011 otherwise.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match (self.row().code, self.row().status) {
            (Some(code), _) => code,
            (None, Some(400..=499)) => 4400,
            (None, _) => 1011,
        }
    }

    /// The HTTP status that a preflight or REST answer carries; 500 for what Charla never answers itself.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self.row().status {
            Some(status) => status,
            None => 500,
        }
    }

    /// What a client does next.
    #[must_use]
    pub const fn retry(self) -> Retry {
        self.row().retry
    }

    /// Who can know it.
    #[must_use]
    pub const fn side(self) -> Side {
        self.row().side
    }

    /// Its chapter.
    #[must_use]
    pub const fn group(self) -> Group {
        self.row().group
    }

    /// What a person reads.
    #[must_use]
    pub const fn words(self, lang: Lang) -> &'static Words {
        match lang {
            Lang::En => &self.row().en,
            Lang::Es => &self.row().es,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl Retry {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Backoff => "backoff",
            Self::Wait => "wait",
            Self::Stop => "stop",
            Self::Resume => "resume",
        }
    }

    /// Reads [`Retry::as_str`] back; `None` for the word of a later server.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Refresh, Self::Backoff, Self::Wait, Self::Stop, Self::Resume];
        all.into_iter().find(|retry| retry.as_str() == word)
    }
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Retry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Side {
    /// The word used in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Path => "path",
            Self::Page => "page",
            Self::Host => "host",
            Self::Client => "client",
        }
    }
}

impl Group {
    /// The word used in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lifecycle => "lifecycle",
            Self::Token => "token",
            Self::Permission => "permission",
            Self::Lookup => "lookup",
            Self::Request => "request",
            Self::Limit => "limit",
            Self::Rest => "rest",
            Self::Redis => "redis",
            Self::ChannelLayer => "channel_layer",
            Self::Server => "server",
            Self::Path => "path",
            Self::Tls => "tls",
            Self::Page => "page",
            Self::Client => "client",
        }
    }
}

impl Lang {
    /// Both languages, English first.
    pub const ALL: &'static [Self] = &[Self::En, Self::Es];

    /// The primary subtag (BCP 47): `en` or `es`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Es => "es",
        }
    }

    /// The language of a tag such as `es`, `es-MX` or the locale `es_ES.UTF-8`; `None` for any other.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_', '.']).next().unwrap_or_default();
        Self::ALL
            .iter()
            .copied()
            .find(|lang| lang.tag().eq_ignore_ascii_case(primary.trim()))
    }

    /// The language that an `Accept-Language` header (RFC 9110, 12.5.4) likes best; English when it names neither.
    #[must_use]
    pub fn from_accept_language(header: &str) -> Self {
        let mut best = (0.0, Self::default());
        for range in header.split(',') {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default();
            let quality = parts
                .find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok())
                .filter(|quality| (0.0..=1.0).contains(quality))
                .unwrap_or(1.0);
            if let Some(lang) = Self::from_tag(tag)
                && quality > best.0
            {
                best = (quality, lang);
            }
        }
        best.1
    }
}

/// The reason of a close frame: `<id>`, or `<id>: <detail>` cut at a character's end after 123 bytes.
#[must_use]
pub fn close_reason(cause: Cause, detail: &str) -> String {
    if detail.is_empty() {
        return cause.id().to_owned();
    }
    let mut reason = format!("{}: {detail}", cause.id());
    reason.truncate(reason.floor_char_boundary(CLOSE_REASON_MAX));
    reason
}

/// The cause and the detail of a close frame's reason; `None` when it names no cause that is known here.
#[must_use]
pub fn parse_close_reason(reason: &str) -> Option<(Cause, &str)> {
    let (id, detail) = reason.split_once(':').unwrap_or((reason, ""));
    Some((Cause::from_id(id)?, detail.trim_start()))
}

/// The delay that a reason or detail names as `retry in N ms`.
#[must_use]
pub fn retry_in_ms(reason: &str) -> Option<u64> {
    let (_, after) = reason.split_once("retry in ")?;
    let (number, unit) = after.split_once(' ')?;
    unit.starts_with("ms").then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_back_to_their_cause() {
        for &cause in Cause::ALL {
            assert_eq!(Cause::from_id(cause.id()), Some(cause));
            assert!(close_reason(cause, "").len() <= CLOSE_REASON_MAX);
        }
        assert_eq!(Cause::from_id("no_such_cause"), None);
        assert_eq!(Cause::from_id(""), None);
    }

    #[test]
    fn codes_follow_the_protocol() {
        let rows = [
            (Cause::Restarting, 1012, 503, Retry::Wait),
            (Cause::TokenExpired, 4401, 401, Retry::Refresh),
            (Cause::NotAMember, 4403, 403, Retry::Stop),
            (Cause::ChatNotFound, 4404, 404, Retry::Stop),
            (Cause::RateLimited, 4429, 429, Retry::Wait),
            (Cause::SlowConsumer, 4508, 503, Retry::Resume),
            (Cause::IdConflict, 4400, 409, Retry::Stop),
            (Cause::RedisDown, 1011, 500, Retry::Backoff),
        ];
        for (cause, code, status, retry) in rows {
            assert_eq!(
                (cause.close_code(), cause.http_status(), cause.retry()),
                (code, status, retry),
                "{cause}"
            );
        }
        assert_eq!(Cause::IdConflict.own_close_code(), None);
    }

    #[test]
    fn a_reason_ends_at_a_characters_end() {
        assert_eq!(close_reason(Cause::ChatClosed, ""), "chat_closed");
        assert_eq!(
            close_reason(Cause::ChatClosed, "by sofia"),
            "chat_closed: by sofia"
        );
        for length in 0..130 {
            let detail = format!("{}ñññññ", "x".repeat(length));
            let reason = close_reason(Cause::TokenExpired, &detail);
            assert!(reason.len() <= CLOSE_REASON_MAX);
            assert!(
                reason.len() == "token_expired: ".len() + detail.len()
                    || reason.len() >= CLOSE_REASON_MAX - 1
            );
            assert!(format!("token_expired: {detail}").starts_with(&reason));
        }
    }

    #[test]
    fn a_reason_is_read_back() {
        let reason = close_reason(Cause::Restarting, "retry in 1840 ms");
        assert_eq!(
            parse_close_reason(&reason),
            Some((Cause::Restarting, "retry in 1840 ms"))
        );
        assert_eq!(retry_in_ms(&reason), Some(1840));
        assert_eq!(parse_close_reason("chat_closed"), Some((Cause::ChatClosed, "")));
        assert_eq!(parse_close_reason("keepalive ping timeout"), None);
        for text in [
            "",
            "retry in",
            "retry in  ms",
            "retry in -5 ms",
            "retry in 5 s",
            "retry in 99999999999999999999 ms",
        ] {
            assert_eq!(retry_in_ms(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_language_is_found_in_a_header() {
        let rows = [
            ("", Lang::En),
            ("es", Lang::Es),
            ("es-MX,es;q=0.9,en;q=0.8", Lang::Es),
            ("en-GB, es;q=0.5", Lang::En),
            ("fr, de;q=0.9, es;q=0.3, en;q=0.2", Lang::Es),
            ("en;q=0.1, ES;q=0.2", Lang::Es),
            ("es;q=0", Lang::En),
            ("es;q=nan, fr", Lang::Es),
            ("*", Lang::En),
        ];
        for (header, lang) in rows {
            assert_eq!(Lang::from_accept_language(header), lang, "{header:?}");
        }
        assert_eq!(Lang::from_tag("es_ES.UTF-8"), Some(Lang::Es));
        assert_eq!(Lang::from_tag("est"), None);
    }

    #[test]
    fn a_cause_is_written_as_its_id() {
        assert_eq!(
            serde_json::to_string(&Cause::TokenExpired).unwrap(),
            r#""token_expired""#
        );
        assert_eq!(format!("{:>15}", Cause::ChatClosed), "    chat_closed");
    }
}
