//! `charla config`: check, show, default; and how every command reads its settings.

use std::path::PathBuf;

use charla_server::auth::{AuthSetupError, Verifier};
use charla_server::settings::{self, AuthSettings, Loaded, Place, Problem};
use owo_colors::OwoColorize as _;
use secrecy::SecretString;

use crate::args::{Config, ConfigCommand, Source};
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::Screen;
use crate::words;

/// The file that is read when none is named and it is here.
const FILE: &str = "charla.toml";

/// Runs one of the three.
pub(crate) fn run(wanted: Config, screen: &mut Screen) -> Outcome {
    match wanted.command {
        ConfigCommand::Check(source) => check(&source, screen),
        ConfigCommand::Show(source) => show(&source, screen),
        ConfigCommand::Default => {
            screen.raw(settings::default_file().as_bytes())?;
            Ok(Exit::Done)
        }
    }
}

/// The settings, or every mistake told.
pub(crate) fn resolve(source: &Source, screen: &Screen) -> Result<Loaded, Failure> {
    let loaded = settings::load(file(source).as_deref(), std::env::vars(), &source.set);
    loaded.map_err(|problems| told(&problems, screen))
}

/// Tells every mistake on standard error.
pub(crate) fn told(problems: &[Problem], screen: &Screen) -> Failure {
    for problem in problems {
        screen.note(problem.tell(screen.lang));
    }
    Failure::usage(words::settings_bad(screen.lang, problems.len()))
}

/// The settings file that is read, if any.
pub(crate) fn file(source: &Source) -> Option<PathBuf> {
    let here = || Some(PathBuf::from(FILE)).filter(|path| path.exists());
    source.config.clone().or_else(here)
}

fn check(source: &Source, screen: &mut Screen) -> Outcome {
    let loaded = settings::load(file(source).as_deref(), std::env::vars(), &source.set);
    let problems = match loaded.and_then(with_files) {
        Ok(loaded) => {
            if let Err(error) = try_keys(&loaded.settings.auth) {
                screen.line(format_args!("{}: {error}", place(source, screen)))?;
                return Ok(Exit::Failed);
            }
            screen.line(words::settings_good(screen.lang, place(source, screen)))?;
            return Ok(Exit::Done);
        }
        Err(problems) => problems,
    };
    for problem in &problems {
        screen.line(problem.tell(screen.lang))?;
    }
    Ok(Exit::Failed)
}

/// Settings whose files can be read, as a start reads them.
fn with_files(loaded: Loaded) -> Result<Loaded, Vec<Problem>> {
    let unreadable = loaded.unreadable_files();
    if unreadable.is_empty() {
        Ok(loaded)
    } else {
        Err(unreadable)
    }
}

/// Reads every key as a start would. A secret that the store would make stands in for itself.
fn try_keys(settings: &AuthSettings) -> Result<(), AuthSetupError> {
    let stand_in = || SecretString::from("-".repeat(32));
    let secret = settings.secret.clone().unwrap_or_else(stand_in);
    Verifier::new(settings, &secret).map(|_| ())
}

fn place(source: &Source, screen: &Screen) -> String {
    file(source).map_or_else(
        || words::settings_defaults(screen.lang),
        |path| path.display().to_string(),
    )
}

fn show(source: &Source, screen: &mut Screen) -> Outcome {
    let loaded = resolve(source, screen)?;
    let lines = loaded.shown();
    let width = lines.iter().map(|line| line.key.len()).max().unwrap_or(0);
    for line in lines {
        let value = line.value.unwrap_or_else(|| words::not_set(screen.lang));
        let place = format!("# {}", line.place.tell(screen.lang));
        if line.place == Place::Default {
            screen.line(format_args!("{:<width$} = {value}  {}", line.key, place.dimmed()))?;
        } else {
            screen.line(format_args!("{:<width$} = {}  {place}", line.key, value.bold()))?;
        }
    }
    Ok(Exit::Done)
}
