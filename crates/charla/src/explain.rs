//! `charla explain`: names the cause in pasted logs, or says what a code means.

use std::io;
use std::path::Path;

use charla_doctor::explain::{CodeMeaning, code, paste};
use charla_doctor::report::Report;
use charla_wire::Lang;
use owo_colors::OwoColorize as _;
use serde_json::json;

use crate::args::{Explain, Format};
use crate::doctor::{self, is_ascii};
use crate::exit::{Exit, Failure, MISUSED, Outcome};
use crate::screen::Screen;
use crate::spinner::Spinner;
use crate::words::doctor as words;

/// From this size on reading takes long enough to be watched, in bytes.
const WORTH_WATCHING: u64 = 32 << 20;

/// Reads and tells.
pub(crate) fn run(wanted: &Explain, screen: &mut Screen) -> Outcome {
    if let Some(meaning) = bare(&wanted.sources) {
        return mean(&meaning, wanted.telling.form(), screen);
    }
    let all = paste::size(&wanted.sources);
    let spinner = Spinner::new(is_ascii(wanted.telling));
    let (lang, bar) = (screen.lang, spinner.clone());
    let mut read = 0;
    let evidence = paste::read(&wanted.sources, io::stdin().lock(), move |bytes| {
        read += bytes;
        if all > WORTH_WATCHING {
            bar.say(&progress(lang, read, all));
        }
    });
    spinner.clear();
    let evidence = evidence.map_err(|why| Failure::Say(MISUSED, why.to_string()))?;
    doctor::tell(&Report::new(evidence, screen.lang, None), wanted.telling, screen)
}

/// The meaning of what is nothing but a code or an error's text, and no file.
fn bare(sources: &[String]) -> Option<CodeMeaning> {
    if sources
        .iter()
        .any(|source| source == "-" || Path::new(source).exists())
    {
        return None;
    }
    code(&sources.join(" "))
}

/// `[#####.....]  48 %  of 1024 MiB`.
fn progress(lang: Lang, read: u64, all: u64) -> String {
    const WIDTH: usize = 30;
    let percent = read.saturating_mul(100).checked_div(all).unwrap_or(100).min(100);
    let done = usize::try_from(percent).unwrap_or(100) * WIDTH / 100;
    let bar = format!("[{}{}]", "#".repeat(done), ".".repeat(WIDTH - done));
    words::reading(lang, bar, percent, all >> 20)
}

fn mean(meaning: &CodeMeaning, form: Format, screen: &mut Screen) -> Outcome {
    let lang = screen.lang;
    let (name, said) = (meaning.name.lang(lang), meaning.meaning.lang(lang));
    if form == Format::Json {
        let causes = meaning
            .causes
            .iter()
            .map(|cause| json!({"id": cause.id(), "title": cause.words(lang).title}));
        let causes: Vec<_> = causes.collect();
        screen.line(json!({"schema": 1, "code": meaning.code, "name": name, "meaning": said, "causes": causes, "next": meaning.next}))?;
        return Ok(Exit::Done);
    }
    screen.heading(format_args!("{}  {name}", meaning.code))?;
    screen.line(format_args!("  {said}"))?;
    if !meaning.causes.is_empty() {
        screen.heading(format_args!("\n{}", words::may_be(lang)))?;
    }
    for cause in &meaning.causes {
        screen.line(format_args!("  {:<26} {}", cause.id(), cause.words(lang).title))?;
    }
    if !meaning.next.is_empty() {
        screen.heading(format_args!("\n{}", words::run_next(lang)))?;
    }
    for line in &meaning.next {
        screen.line(format_args!("  {}", line.cyan()))?;
    }
    Ok(Exit::Done)
}
