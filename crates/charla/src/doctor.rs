//! `charla doctor`: finds the cause behind a failing WebSocket and tells it; collects evidence, and judges collected evidence.

use std::path::Path;
use std::time::Instant;

use charla_doctor::evidence::Evidence;
use charla_doctor::plan::Wanted;
use charla_doctor::report::terminal::{Style, terminal};
use charla_doctor::report::{Ending, Report, github, json, markdown, nagios};
use charla_doctor::{bundle, probe};
use charla_wire::Lang;

use crate::args::{Collect, Doctor, DoctorCommand, Format, Telling};
use crate::exit::{Exit, Failure, MISUSED, Outcome, runtime};
use crate::screen::Screen;
use crate::spinner::Spinner;
use crate::words::doctor as words;

/// Looks, or reads a bundle, and tells.
pub(crate) fn run(wanted: &Doctor, screen: &mut Screen) -> Outcome {
    if let Some(DoctorCommand::Collect(wanted)) = &wanted.command {
        return collect(wanted, screen);
    }
    let target = wanted.target.as_deref();
    if let Some(evidence) = target
        .map(|target| bundled(target, screen.lang))
        .transpose()?
        .flatten()
    {
        return tell(&Report::new(evidence, screen.lang, None), wanted.telling, screen);
    }
    let asked = asked(target, wanted.look.wanted(target), screen.lang)?;
    let spinner = Spinner::new(is_ascii(wanted.telling));
    let runtime = runtime()?;
    let Some(every) = wanted.watch else {
        let report = runtime.block_on(look(&asked, screen.lang, &spinner));
        return tell(&report, wanted.telling, screen);
    };
    runtime.block_on(watch(&asked, every, wanted.telling, &spinner, screen))
}

/// An address, or something else to look at, must be named.
fn asked(target: Option<&str>, wanted: Wanted, lang: Lang) -> Result<Wanted, Failure> {
    if target.is_none() && !wanted.names_anything() {
        return Err(Failure::Say(MISUSED, words::address_or_bundle(lang)));
    }
    if let Some(target) = target {
        probe::target(target).map_err(|why| {
            let why = crate::words::trouble::address(lang, &why);
            Failure::Say(
                MISUSED,
                crate::words::bad_address(lang, charla_doctor::redact::redact(target), why),
            )
        })?;
    }
    Ok(wanted)
}

async fn look(wanted: &Wanted, lang: Lang, spinner: &Spinner) -> Report {
    let began = Instant::now();
    let say = |doing: &charla_doctor::text::Text| spinner.say(doing.lang(lang));
    let evidence = spinner.while_doing(probe::look(wanted, &say)).await;
    Report::new(evidence, lang, Some(began.elapsed().as_secs_f64()))
}

/// The evidence in a bundle, if that is what the file is; an address is no file.
fn bundled(target: &str, lang: Lang) -> Result<Option<Evidence>, Failure> {
    let path = Path::new(target);
    if !path.is_file() {
        return Ok(None);
    }
    let failed = |why: String| Failure::Say(MISUSED, words::cannot_read(lang, path.display(), why));
    let bytes = std::fs::read(path).map_err(|why| failed(why.to_string()))?;
    bundle::read(&bytes)
        .map(Some)
        .map_err(|why| failed(why.to_string()))
}

fn collect(wanted: &Collect, screen: &mut Screen) -> Outcome {
    let target = wanted.target.as_deref();
    let asked = asked(target, wanted.look.wanted(target), screen.lang)?;
    let report = runtime()?.block_on(look(&asked, screen.lang, &Spinner::new(false)));
    let bytes = bundle::write(&report.evidence, concat!("charla ", env!("CARGO_PKG_VERSION")));
    let bytes = bytes.map_err(|why| Failure::failed(why.to_string()))?;
    if wanted.output.as_os_str() == "-" {
        screen.raw(&bytes)?;
        return Ok(Exit::Done);
    }
    let file = wanted.output.display();
    std::fs::write(&wanted.output, &bytes)
        .map_err(|why| Failure::failed(words::cannot_read(screen.lang, &file, why)))?;
    screen.line(words::collected(screen.lang, &file, bytes.len()))?;
    screen.line(words::judge_elsewhere(screen.lang, &file))?;
    Ok(Exit::Done)
}

/// Looks again and again; tells in full what changed. Ends with Ctrl-C, by the last verdict's exit code.
async fn watch(
    wanted: &Wanted,
    every: std::time::Duration,
    telling: Telling,
    spinner: &Spinner,
    screen: &mut Screen,
) -> Outcome {
    let mut last: Option<(Option<charla_wire::Cause>, Ending)> = None;
    let mut exit = Exit::Done;
    loop {
        let report = tokio::select! {
            report = look(wanted, screen.lang, spinner) => report,
            _ = tokio::signal::ctrl_c() => return Ok(exit),
        };
        let now = (
            report.verdict.cause.as_ref().map(|(cause, _)| *cause),
            report.ending(),
        );
        let time = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
        if last.replace(now) == Some(now) {
            screen.line(words::still(screen.lang, time, name(&report)))?;
            for (_, seen) in report
                .evidence
                .logs
                .signs
                .iter()
                .filter(|(_, seen)| seen.fresh > 0)
            {
                if let Some(quote) = seen.quotes.last() {
                    screen.line(format_args!(
                        "    {}: {}",
                        quote.at,
                        crate::screen::plain(&quote.line)
                    ))?;
                }
            }
        } else {
            screen.line(words::changed(screen.lang, time))?;
            exit = tell(&report, telling, screen)?;
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            _ = tokio::signal::ctrl_c() => return Ok(exit),
        }
    }
}

fn name(report: &Report) -> String {
    match (&report.verdict.cause, report.ending()) {
        (Some((cause, _)), _) => cause.id().to_owned(),
        (None, Ending::Unknown) => words::unknown(report.lang),
        (None, _) => words::healthy(report.lang),
    }
}

/// Tells a report in the form asked for.
pub(crate) fn tell(report: &Report, telling: Telling, screen: &mut Screen) -> Outcome {
    let code = report.ending().exit_code();
    match telling.form() {
        Format::Json => screen.line(json::json(report, telling.verbose))?,
        Format::Nagios => {
            let (line, code) = nagios(report);
            screen.line(line)?;
            return Ok(Exit::Doctor(code));
        }
        Format::Github => screen.line(github(report))?,
        Format::Markdown => screen.line(markdown(report).trim_end())?,
        Format::Text => {
            let style = Style {
                short: telling.short,
                verbose: telling.verbose,
                ascii: is_ascii(telling),
                ..Style::default()
            };
            screen.line(terminal(report, style).trim_end())?;
        }
    }
    Ok(Exit::Doctor(code))
}

/// The first of the locale's variables that is set decides (POSIX, 8.2); none set is the C locale.
pub(crate) fn is_ascii(telling: Telling) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty());
    let utf8 = locale.is_none_or(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    telling.ascii || !utf8
}
