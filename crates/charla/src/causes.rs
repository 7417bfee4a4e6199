//! `charla causes`: the one table of causes, for people and for programs; and how a cause is told anywhere else.

use std::io;

use charla_wire::cause::Words;
use charla_wire::{Cause, Lang, Retry};
use owo_colors::OwoColorize as _;
use serde_json::{Value, json};

use crate::args::Causes;
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::Screen;
use crate::words;

/// Lists causes, or tells one.
pub(crate) fn run(wanted: &Causes, screen: &mut Screen) -> Outcome {
    let Some(id) = &wanted.id else {
        return list(wanted.json, screen);
    };
    let Some(cause) = Cause::from_id(id) else {
        return Err(unknown(id, screen.lang));
    };
    if wanted.json {
        screen.line(as_json(cause, screen.lang))?;
    } else {
        tell(cause, screen)?;
    }
    Ok(Exit::Done)
}

fn list(json: bool, screen: &mut Screen) -> Outcome {
    if json {
        let causes: Vec<Value> = Cause::ALL
            .iter()
            .map(|cause| as_json(*cause, screen.lang))
            .collect();
        screen.line(json!({ "causes": causes }))?;
        return Ok(Exit::Done);
    }
    let mut group = None;
    for &cause in Cause::ALL {
        if group.replace(cause.group()) != Some(cause.group()) {
            screen.heading(format_args!("\n{}", cause.group().as_str()))?;
        }
        let code = cause
            .own_close_code()
            .map(|code| code.to_string())
            .unwrap_or_default();
        let title = cause.words(screen.lang).title;
        screen.line(format_args!("  {:<26} {code:>4}  {title}", cause.id()))?;
    }
    Ok(Exit::Done)
}

/// One cause beside an answer, on standard error: title, sentence, fix.
pub(crate) fn explain(cause: Cause, screen: &Screen) {
    let said = cause.words(screen.lang);
    screen.note(said.title.bold());
    if !said.explain.is_empty() {
        screen.note(said.explain);
    }
    for fix in said.fix {
        screen.note(format_args!("{}: {fix}", words::fix(screen.lang)));
    }
}

/// One cause in full: title, sentence, fix, check.
pub(crate) fn tell(cause: Cause, screen: &mut Screen) -> io::Result<()> {
    let lang = screen.lang;
    let said = cause.words(lang);
    screen.line(format_args!("{}  {}", cause.id().bold(), said.title))?;
    // What Charla never answers itself has neither code nor status of its own.
    let facts = match cause.own_close_code() {
        Some(code) => words::code_and_retry(lang, code, cause.http_status(), advice(cause.retry(), lang)),
        None => words::retry(lang, advice(cause.retry(), lang)),
    };
    screen.line(facts.dimmed())?;
    remedy(said, screen)
}

/// The sentence, the fix and the check.
pub(crate) fn remedy(said: &Words, screen: &mut Screen) -> io::Result<()> {
    let lang = screen.lang;
    if !said.explain.is_empty() {
        screen.line(said.explain)?;
    }
    if !said.fix.is_empty() {
        screen.heading(format_args!("\n{}", words::fix(lang)))?;
    }
    for fix in said.fix {
        for line in fix.lines() {
            screen.line(format_args!("  {line}"))?;
        }
    }
    if !said.check.is_empty() {
        screen.heading(format_args!("\n{}", words::check(lang)))?;
        screen.line(format_args!("  {}", said.check))?;
    }
    Ok(())
}

fn advice(retry: Retry, lang: Lang) -> String {
    match retry {
        Retry::Refresh => words::retry_refresh(lang),
        Retry::Backoff => words::retry_backoff(lang),
        Retry::Wait => words::retry_wait(lang),
        Retry::Stop => words::retry_stop(lang),
        Retry::Resume => words::retry_resume(lang),
    }
}

/// The shape of `GET /api/v1/causes`.
pub(crate) fn as_json(cause: Cause, lang: Lang) -> Value {
    let said = cause.words(lang);
    json!({
        "id": cause.id(),
        "code": cause.own_close_code(),
        "status": cause.http_status(),
        "retry": cause.retry().as_str(),
        "side": cause.side().as_str(),
        "group": cause.group().as_str(),
        "title": said.title,
        "explain": said.explain,
        "fix": said.fix,
        "check": said.check,
    })
}

fn unknown(id: &str, lang: Lang) -> Failure {
    let ids = Cause::ALL.iter().map(|cause| cause.id());
    let text = match charla_server::settings::nearest(id, ids) {
        Some(near) => words::unknown_cause_near(lang, id, near),
        None => format!("{}; {}", words::unknown_cause(lang, id), words::causes_hint(lang)),
    };
    Failure::usage(text)
}
