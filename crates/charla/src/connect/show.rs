//! Frames as a person reads them.

use std::io;

use charla_wire::{Cause, ChatId};
use owo_colors::OwoColorize as _;
use serde_json::Value;

use crate::screen::{Screen, plain};
use crate::words;

/// The first and last sequence number of the messages that were shown.
pub(super) type Span = Option<(u64, u64)>;

fn text<'f>(frame: &'f Value, field: &str) -> &'f str {
    frame.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn number(frame: &Value, field: &str) -> u64 {
    frame.get(field).and_then(Value::as_u64).unwrap_or_default()
}

fn name(frame: &Value, field: &str) -> String {
    let person = frame.get(field).unwrap_or(&Value::Null);
    plain(person.as_str().unwrap_or_else(|| text(person, "name")))
}

/// Prints a frame of charla.v1.
pub(super) fn frame(frame: &Value, chat: Option<&ChatId>, screen: &mut Screen) -> io::Result<Span> {
    let lang = screen.lang;
    match text(frame, "type") {
        "welcome" => {
            let user = frame.get("user").unwrap_or(&Value::Null);
            let (user, tenant) = (plain(text(user, "name")), text(frame, "tenant"));
            screen.note(words::connected(lang, user, tenant, text(frame, "session")));
        }
        "subscribed" => return subscribed(frame, chat, screen),
        "history" => return history(frame, chat, screen),
        "message" => {
            message(frame, chat, screen)?;
            let seq = number(frame, "seq");
            return Ok(Some((seq, seq)));
        }
        "edited" => {
            let (seq, by) = (number(frame, "seq"), changer(frame));
            screen.line(words::edited(lang, seq, by, plain(text(frame, "text"))))?;
        }
        "deleted" => screen.line(words::deleted(lang, number(frame, "seq"), changer(frame)))?,
        "presence" if text(frame, "state") == "joined" => {
            screen.note(words::came(lang, name(frame, "user")).dimmed())
        }
        "presence" => screen.note(words::went(lang, name(frame, "user")).dimmed()),
        "typing" if frame.get("on") == Some(&Value::Bool(true)) => {
            screen.note(words::types(lang, name(frame, "user")).dimmed());
        }
        "chat_closed" => {
            let closed = words::chat_was_closed(lang, name(frame, "by"));
            let reason = plain(text(frame, "reason"));
            screen.line(if reason.is_empty() {
                closed
            } else {
                format!("{closed}: {reason}")
            })?;
        }
        "chat_reopened" => screen.line(words::chat_was_reopened(lang, name(frame, "by")))?,
        "notification" => screen.line(words::notified(
            lang,
            plain(text(frame, "kind")),
            plain(text(frame, "text")),
        ))?,
        "inbox" => {
            let title = plain(text(frame, "title"));
            screen.note(words::inbox_line(
                lang,
                text(frame, "chat"),
                title,
                number(frame, "unread"),
            ));
        }
        "token_expiring" => screen.note(words::token_runs_out(lang, number(frame, "in_ms") / 1000)),
        "error" => refusal(text(frame, "cause"), text(frame, "detail"), screen),
        // Answers that need no words, and frames of a later version.
        _ => {}
    }
    Ok(None)
}

/// Who changed a message; what was changed while we were away only says whose it is.
fn changer(frame: &Value) -> String {
    let by = name(frame, "by");
    if by.is_empty() { name(frame, "author") } else { by }
}

/// The cause in this language, and what the server adds to it.
pub(super) fn refusal(cause: &str, detail: &str, screen: &Screen) {
    let lang = screen.lang;
    let title = Cause::from_id(cause).map_or("", |cause| cause.words(lang).title);
    let said = [title, detail].into_iter().filter(|said| !said.is_empty());
    let said = plain(&said.collect::<Vec<_>>().join(": "));
    screen.error(&words::not_done(lang, plain(cause), said));
}

fn subscribed(frame: &Value, chat: Option<&ChatId>, screen: &mut Screen) -> io::Result<Span> {
    let online = frame.get("members_online").and_then(Value::as_array);
    let online: Vec<String> = online
        .into_iter()
        .flatten()
        .map(|person| plain(text(person, "name")))
        .collect();
    let online = if online.is_empty() {
        words::nobody(screen.lang)
    } else {
        online.join(", ")
    };
    let title = plain(text(frame, "title"));
    screen.note(words::in_chat(screen.lang, title, text(frame, "chat"), online));
    messages(frame, chat, screen)
}

fn history(frame: &Value, chat: Option<&ChatId>, screen: &mut Screen) -> io::Result<Span> {
    let shown = messages(frame, chat, screen)?;
    match shown {
        Some((first, _)) if frame.get("more") == Some(&Value::Bool(true)) => {
            screen.note(words::more_before(screen.lang, first).dimmed());
        }
        _ => screen.note(words::no_more(screen.lang).dimmed()),
    }
    Ok(shown)
}

fn messages(frame: &Value, chat: Option<&ChatId>, screen: &mut Screen) -> io::Result<Span> {
    let list = frame.get("messages").and_then(Value::as_array);
    let mut span: Span = None;
    for said in list.into_iter().flatten() {
        message(said, chat, screen)?;
        let seq = number(said, "seq");
        span = Some(span.map_or((seq, seq), |(first, last)| (first.min(seq), last.max(seq))));
    }
    Ok(span)
}

/// `#12 10:32:07 Ana: hola`, and the chat before it where it is not the one in view.
pub(crate) fn message(said: &Value, chat: Option<&ChatId>, screen: &mut Screen) -> io::Result<()> {
    let from = text(said, "chat");
    let elsewhere = !from.is_empty() && chat.is_none_or(|chat| chat.as_str() != from);
    let place = if elsewhere {
        format!("[{from}] ")
    } else {
        String::new()
    };
    let words = if said.get("deleted") == Some(&Value::Bool(true)) {
        words::deleted_text(screen.lang)
    } else {
        plain(text(said, "text"))
    };
    let data = said
        .get("data")
        .map(|data| format!(" {data}"))
        .unwrap_or_default();
    let mark = format!(
        "{place}#{} {}",
        number(said, "seq"),
        time_of_day(text(said, "sent_at"))
    );
    let author = name(said, "author");
    screen.line(format_args!(
        "{} {}: {words}{}",
        mark.dimmed(),
        author.bold(),
        data.dimmed()
    ))
}

/// The time of a time stamp here, on this machine's clock; the stamp itself if it is none.
fn time_of_day(stamp: &str) -> String {
    stamp.parse::<jiff::Timestamp>().map_or_else(
        |_| plain(stamp),
        |time| {
            time.to_zoned(jiff::tz::TimeZone::system())
                .strftime("%H:%M:%S")
                .to_string()
        },
    )
}

/// Prints an object of the plain dialect, by the names of either preset.
pub(super) fn plain_frame(frame: &Value, screen: &mut Screen) -> io::Result<()> {
    let first = |fields: &[&str]| {
        let mut found = fields.iter().map(|field| text(frame, field));
        plain(found.find(|text| !text.is_empty()).unwrap_or_default())
    };
    let said = first(&["text", "texto", "mensaje"]);
    let author = first(&["author", "autor"]);
    if said.is_empty() {
        screen.line(plain(&frame.to_string()))
    } else if author.is_empty() {
        screen.line(said)
    } else {
        screen.line(format_args!("{}: {said}", author.bold()))
    }
}
