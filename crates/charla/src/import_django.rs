//! `charla import-django`: the settings for taking Charla in under a Django Channels project, and what goes with them.
//!
//! The doctor's reader reads; here is written. No secret is copied, nothing is written over unless asked, and what was
//! written is loaded as a start would load it.

use std::fs;
use std::path::{Path, PathBuf};

use charla_doctor::django::{self, Survey};
use charla_wire::Lang;
use owo_colors::OwoColorize as _;

use crate::args::ImportDjango;
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::{Screen, plain};
use crate::words::import_django as say;

mod application;
mod around;
mod bridge;
mod check;
mod cutover;
mod history;
mod paper;
mod server;
mod tenancy;
mod tokens;

use self::cutover::Cutover;
use self::paper::{Paper, Row, State};
use self::tenancy::Tenancy;

/// The settings.
const FILE: &str = "charla.toml";

/// What is written.
struct Written {
    files: Vec<(&'static str, String)>,
    rows: Vec<Row>,
    questions: usize,
    variables: Vec<(String, String)>,
    doctor: String,
}

/// Reads, writes, checks and tells.
pub(crate) fn run(wanted: &ImportDjango, screen: &mut Screen) -> Outcome {
    let lang = screen.lang;
    let given = wanted.project.canonicalize();
    let Ok(given) = given else {
        return Err(Failure::usage(say::no_folder(lang, wanted.project.display())));
    };
    let env = match &wanted.env_file {
        Some(file) => {
            let unread = |error| Failure::usage(say::not_readable(lang, file.display(), error));
            Some(fs::read_to_string(file).map_err(unread)?)
        }
        None => None,
    };
    let survey = django::survey(&given, wanted.settings.as_deref(), env.as_deref());
    let Some(survey) = survey else {
        return Err(Failure::usage(say::no_project(lang, given.display())));
    };
    let written = write_up(&survey, lang);
    keep(wanted, &written, lang)?;
    tell(&survey, &written, screen)?;
    let names: Vec<&str> = written.files.iter().map(|(name, _)| *name).collect();
    screen.line("")?;
    screen.line(say::written(lang, wanted.out.display(), names.join(", ")))?;
    let file = wanted.out.join(FILE);
    let text = written
        .files
        .first()
        .map(|(_, text)| text.as_str())
        .unwrap_or_default();
    let mistakes = check::mistakes(text, &file, &written.variables, lang)
        .map_err(|error| Failure::failed(say::not_written(lang, std::env::temp_dir().display(), error)))?;
    for mistake in &mistakes {
        screen.line(mistake)?;
    }
    if !mistakes.is_empty() {
        return Err(Failure::failed(say::check_bad(lang, mistakes.len())));
    }
    screen.line(say::check_good(lang))?;
    screen.line(match written.questions {
        0 => say::no_questions(lang),
        count => say::questions(lang, count),
    })?;
    screen.line("")?;
    screen.heading(say::next(lang))?;
    screen.line(say::next_read(lang))?;
    screen.line(say::next_check(lang, wanted.out.display()))?;
    screen.line(say::next_doctor(lang, &written.doctor))?;
    Ok(Exit::Done)
}

fn write_up(survey: &Survey, lang: Lang) -> Written {
    let root = survey.settings.root().to_owned();
    let seen = survey.settings.seen();
    let mut paper = Paper::new(lang, &root);
    let name = root.file_name().unwrap_or_default().to_string_lossy();
    paper.note(&say::head(lang, name));
    if !seen.assumed.is_empty() {
        let names: Vec<String> = seen.assumed.iter().map(|at| paper.place(at)).collect();
        paper.note(&say::assumed(lang, names.join(", ")));
    }
    if !survey.unread.is_empty() {
        let places: Vec<String> = survey.unread.iter().map(|at| paper.place(at)).collect();
        paper.ask(&say::not_read(lang, places.join(", ")));
    }
    let lost: Vec<String> = seen
        .unknown
        .iter()
        .filter(|row| row.starts_with("from ") || row.starts_with("an import "))
        .map(|row| paper.place(row))
        .collect();
    if !lost.is_empty() {
        paper.ask(&say::not_followed(lang, lost.join(", ")));
    }
    let settings = paper.place(&seen.settings);
    paper.row(say::row_settings(lang), State::Found, settings);
    consumers(&mut paper, survey);
    let tenancy = Tenancy::of(survey);
    server::server(&mut paper, survey, &tenancy);
    server::origins(&mut paper, survey);
    tokens::auth(&mut paper, survey);
    application::application(&mut paper, survey, &tenancy);
    bridge::bridge(&mut paper, survey, &tenancy);
    server::store(&mut paper, survey);
    server::plain(&mut paper, survey);
    server::log(&mut paper);
    let moved = around::moved(survey);
    let doctor = doctor(survey, &moved, &tenancy);
    let place = |at: &str| at.replace(&format!("{}/", root.display()), "");
    let bridged = survey
        .settings
        .layer()
        .is_some_and(|layer| layer.backend.contains("channels_redis"));
    let cutover = Cutover {
        lang,
        survey,
        moved: &moved,
        variables: &paper.variables,
        files: &paper.files,
        questions: paper.questions,
        doctor: &doctor,
        bridged,
    };
    let page = cutover.page();
    let (questions, variables) = (paper.questions, paper.variables.clone());
    let service = around::service(&variables);
    let (settings, rows) = paper.finish();
    Written {
        files: vec![
            (FILE, settings),
            ("nginx.conf", around::nginx(lang, survey)),
            ("nginx-locations.conf", around::locations(lang, survey, &place)),
            ("charla.service", service),
            ("charla.socket", around::socket(survey)),
            ("CUTOVER.md", page),
        ],
        rows,
        questions,
        variables,
        doctor,
    }
}

/// Routes and consumers, told before anything else.
fn consumers(paper: &mut Paper<'_>, survey: &Survey) {
    let lang = paper.lang;
    let routes: Vec<String> = survey.routes.iter().map(django::Route::shown).collect();
    let names: Vec<&str> = survey
        .consumers
        .iter()
        .map(|consumer| consumer.name.as_str())
        .collect();
    for bare in survey.consumers.iter().filter(|consumer| consumer.bare) {
        let at = paper.place(&bare.at);
        paper.ask(&say::bare_consumer(lang, &bare.name, at));
    }
    if routes.is_empty() && names.is_empty() {
        paper.ask(&say::no_channels(lang));
    }
    let state = |empty: bool| if empty { State::Absent } else { State::Found };
    let open = survey.routes.iter().any(|route| route.parts.is_none());
    let of_routes = if open {
        State::Open
    } else {
        state(routes.is_empty())
    };
    paper.row(say::row_routes(lang), of_routes, routes.join(" "));
    paper.row(say::row_consumers(lang), state(names.is_empty()), names.join(" "));
}

/// The doctor's command line for this project.
fn doctor(survey: &Survey, moved: &[around::Moved], tenancy: &Tenancy) -> String {
    let example = moved.first().map_or("/ws/chat/5/", |one| one.example.as_str());
    let (scheme, host) = match server::public_host(survey) {
        Some(host) => ("wss", host),
        None => ("ws", format!("127.0.0.1:{}", server::port(survey))),
    };
    let tenant = match tenancy {
        Tenancy::Schemas => "&tenant=TENANT",
        Tenancy::Named { .. } if !survey.asks.tenants.is_empty() => "&tenant=TENANT",
        Tenancy::Named { .. } | Tenancy::One(_) => "",
    };
    format!(
        "charla doctor '{scheme}://{host}{example}?token=TOKEN{tenant}' --django {} --nginx-conf /etc/nginx/nginx.conf",
        survey.settings.root().display()
    )
}

/// Writes the files, or none of them.
fn keep(wanted: &ImportDjango, written: &Written, lang: Lang) -> Result<(), Failure> {
    let there: Vec<String> = written
        .files
        .iter()
        .map(|(name, _)| wanted.out.join(name))
        .filter(|path| path.exists())
        .map(|path| path.display().to_string())
        .collect();
    if !there.is_empty() && !wanted.force {
        return Err(Failure::usage(say::is_there(lang, there.join(", "))));
    }
    let failed = |path: &Path, error| Failure::failed(say::not_written(lang, path.display(), error));
    fs::create_dir_all(&wanted.out).map_err(|error| failed(&wanted.out, error))?;
    for (name, text) in &written.files {
        let path: PathBuf = wanted.out.join(name);
        fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

/// The summary.
fn tell(survey: &Survey, written: &Written, screen: &mut Screen) -> Result<(), Failure> {
    let lang = screen.lang;
    screen.heading(plain(&survey.settings.root().display().to_string()))?;
    let width = written
        .rows
        .iter()
        .map(|row| row.what.chars().count())
        .max()
        .unwrap_or(0);
    let states = [
        say::state_found(lang),
        say::state_open(lang),
        say::state_absent(lang),
    ];
    let wide = states
        .iter()
        .map(|state| state.chars().count())
        .max()
        .unwrap_or(0);
    for row in &written.rows {
        let state = match row.state {
            State::Found => say::state_found(lang),
            State::Open => say::state_open(lang),
            State::Absent => say::state_absent(lang),
        };
        let state = format!("{state:<wide$}");
        let state = match row.state {
            State::Found => state.green().to_string(),
            State::Open => state.yellow().to_string(),
            State::Absent => state.dimmed().to_string(),
        };
        let line = format!("  {:<width$}  {state}  {}", row.what, plain(&row.detail));
        screen.line(line.trim_end())?;
    }
    Ok(())
}
