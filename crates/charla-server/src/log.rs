//! What is written down: one event, one line, on standard error. No control character and no token gets through.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal as _};

use tracing::field::{Field, Visit};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{FormatFields, Writer};

use crate::settings::{LogFormat, LogSettings};

/// Whether a text is a level or filter that [`init`] understands.
#[must_use]
pub fn is_filter(text: &str) -> bool {
    // A word alone would be the name of a module: a level with a slip in it would write nothing down, and say so nowhere.
    let is_known = |one: &str| one.contains(['=', '[']) || one.parse::<LevelFilter>().is_ok();
    text.split(',')
        .map(str::trim)
        .filter(|one| !one.is_empty())
        .all(is_known)
        && EnvFilter::builder().parse(text).is_ok()
}

/// Starts to write events to standard error, once a process; a second call changes nothing.
pub fn init(settings: &LogSettings) {
    let filter = EnvFilter::new(&settings.filter);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(StderrLines);
    // Refused only where events are written already, by a test or an embedding program.
    let _ = match settings.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Pretty => builder.with_ansi(colours()).fmt_fields(EscapedFields).try_init(),
    };
}

/// Colours only for a person's terminal, and not against their wish (<https://no-color.org>).
fn colours() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes fields as `name=value`, control characters escaped so that a name cannot write a line of its own.
struct EscapedFields;

impl<'writer> FormatFields<'writer> for EscapedFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = FieldWriter {
            writer,
            result: Ok(()),
            first: true,
        };
        fields.record(&mut visitor);
        visitor.result
    }
}

struct FieldWriter<'writer> {
    writer: Writer<'writer>,
    result: fmt::Result,
    first: bool,
}

impl FieldWriter<'_> {
    fn write(&mut self, field: &Field, value: &str) {
        let gap = if std::mem::take(&mut self.first) { "" } else { " " };
        let value = escape(value);
        self.result = self.result.and_then(|()| match field.name() {
            "message" => write!(self.writer, "{gap}{value}"),
            name => write!(self.writer, "{gap}{name}={value}"),
        });
    }
}

impl Visit for FieldWriter<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let quoted = value.is_empty() || value.contains([' ', '"', '=']);
        if quoted && field.name() != "message" {
            self.write(field, &format!("{value:?}"));
        } else {
            self.write(field, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field, &format!("{value:?}"));
    }
}

/// Control characters, and those that turn the direction of writing, as `\u{..}`.
fn escape(text: &str) -> Cow<'_, str> {
    let risky = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(risky) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if risky(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Standard error, with whatever looks like a token masked: the last net, should one ever slip into an event.
struct StderrLines;

impl<'a> MakeWriter<'a> for StderrLines {
    type Writer = Masked;

    fn make_writer(&'a self) -> Self::Writer {
        Masked
    }
}

/// See [`StderrLines`]. The subscriber hands over a whole event with each write.
struct Masked;

impl io::Write for Masked {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        io::stderr().lock().write_all(mask(&text).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The beginning of every JWT: `{"` in base64url.
const JWT_START: &str = "eyJ";
/// Address parameters whose values let somebody in.
const SECRET_PARAMETERS: [&str; 3] = ["token=", "ticket=", "refresh="];
const MASK: &str = "(hidden)";

/// The text without what looks like a token.
fn mask(text: &str) -> Cow<'_, str> {
    let risky = text.contains(JWT_START) || SECRET_PARAMETERS.iter().any(|name| text.contains(name));
    if !risky {
        return Cow::Borrowed(text);
    }
    let in_token = |c: char| c.is_ascii_alphanumeric() || "-_.~%+/".contains(c);
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let starts = SECRET_PARAMETERS
            .iter()
            .filter_map(|name| rest.find(name).map(|at| at + name.len()))
            .chain(rest.find(JWT_START));
        let Some(start) = starts.min() else { break };
        let (before, from) = rest.split_at(start);
        masked.push_str(before);
        let end = from.find(|c| !in_token(c)).unwrap_or(from.len());
        if end > 0 {
            masked.push_str(MASK);
        }
        rest = from.split_at(end).1;
    }
    masked.push_str(rest);
    Cow::Owned(masked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_is_one_line() {
        assert_eq!(escape("hola, ¿qué tal? 👋"), "hola, ¿qué tal? 👋");
        assert_eq!(escape("a\r\nINFO b"), "a\\r\\nINFO b");
        assert_eq!(escape("\u{1b}[2J\u{7f}\u{9b}"), "\\u{1b}[2J\\u{7f}\\u{9b}");
        assert_eq!(escape("\u{202e}evil"), "\\u{202e}evil");
    }

    #[test]
    fn tokens_are_masked() {
        let rows = [
            ("nothing here", "nothing here"),
            (
                "GET /ws/chat/5/?token=abc.def&tenant=demo",
                "GET /ws/chat/5/?token=(hidden)&tenant=demo",
            ),
            ("Bearer eyJhbGciOi.J9.x-_ end", "Bearer (hidden) end"),
            ("token= and token=x", "token= and token=(hidden)"),
            ("a refresh=1 ticket=2\n", "a refresh=(hidden) ticket=(hidden)\n"),
        ];
        for (text, expected) in rows {
            assert_eq!(mask(text), expected);
        }
    }

    #[test]
    fn filters_are_judged() {
        for good in ["info", "info,charla_server=debug", "off"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["info,charla_server=loud", "a=b=c", "inof", "info,charla_server"] {
            assert!(!is_filter(bad), "{bad}");
        }
    }
}
