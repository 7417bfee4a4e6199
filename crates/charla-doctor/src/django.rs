//! Reads a Django project's settings without running them: no Python is started, nothing of the project is carried out.
//!
//! A small reader of the Python that settings are written in: what it can tell is told with file and line, what it cannot is
//! told to be unknown, and nothing is guessed. The pure part takes texts and the environment; [`find`] only fetches the files,
//! each of bounded size, links followed, within the project's own folders. [`Settings`] holds secrets and prints none;
//! [`Settings::seen`] is what may be shown.

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of expressions are not what a rule is for"
)]
mod access;
mod address;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of expressions are not what a rule is for"
)]
mod asks;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of expressions are not what a rule is for"
)]
mod assigned;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of values are not what an operation is for"
)]
mod builtins;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of values are not what an operation is for"
)]
mod calls;
mod condition;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of expressions are not what a rule is for"
)]
mod consumer;
mod environment;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of values are not what an operation is for"
)]
mod eval;
mod expression;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of expressions are not what a rule is for"
)]
mod fields;
mod files;
mod filters;
mod group;
mod imports;
mod launch;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of values are not what an operation is for"
)]
mod layer;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of expressions are not what a rule is for"
)]
mod meaning;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of expressions are not what a rule is for"
)]
mod model;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of expressions are not what a rule is for"
)]
mod origin;
mod parse;
mod permission;
mod project;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of expressions are not what a rule is for"
)]
mod query;
mod route;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of values are not what an operation is for"
)]
mod routing;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of values are not what an operation is for"
)]
mod run;
mod settings;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of expressions are not what a rule is for"
)]
mod survey;
mod syntax;
#[cfg(test)]
mod tests;
mod token;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of expressions are not what a rule is for"
)]
mod tree;
mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use self::asks::{Asks, Read};
pub use self::consumer::{Consumer, Event, Purpose, Sends};
pub use self::fields::{FieldRole, Part};
pub use self::group::Template;
pub use self::launch::Launch;
pub use self::layer::Layer;
pub use self::model::{Field, Model, sql_name};
pub use self::origin::{Origin, Secret, SecretKind};
pub use self::route::{Route, RoutePart};
pub use self::settings::{Database, Jwt, Settings};
pub use self::survey::{Entry, Stored, StoredValue, Survey, survey};
pub use self::value::{Unknown, Value};

use self::environment::Environment;
use self::files::{Disk, Files, Held};
use self::routing::Routing;
use self::run::Reader;

/// Finds and reads a project's settings.
///
/// `given` is a folder with the project (or above or within it), or the settings file itself. `env` is the environment of the
/// server's process; none when it could not be seen, which makes what depends on it unknown or assumed. `module` is
/// `DJANGO_SETTINGS_MODULE` where somebody named it.
#[must_use]
pub fn find(given: &Path, env: Option<&BTreeMap<String, String>>, module: Option<&str>) -> Option<Settings> {
    read(&Disk, given, env, module)
}

/// A whole project from files that stand nowhere: for those who feed [`survey`] with nonsense.
#[doc(hidden)]
#[must_use]
pub fn survey_of(
    files: BTreeMap<PathBuf, String>,
    given: &Path,
    module: Option<&str>,
    env: Option<&str>,
) -> Option<Survey> {
    survey::of(&Held(files), given, module, env)
}

fn read(
    files: &dyn Files,
    given: &Path,
    env: Option<&BTreeMap<String, String>>,
    module: Option<&str>,
) -> Option<Settings> {
    let place = project::locate(files, given, env, module)?;
    let root = place.roots.first().cloned().unwrap_or_default();
    let mut environment = Environment::new(env);
    environment.beside(files, &root.join(".env"));
    let mut reader = Reader::new(files, place.roots, environment);
    let scope = reader.module(&place.file)?;
    let mut settings = Settings {
        file: place.file,
        root,
        from: place.from,
        names: scope.names,
        missing: Vec::new(),
        assumed: Vec::new(),
        routing: Routing::default(),
    };
    if let Some(asgi) = asgi(&reader, &settings) {
        settings.routing = routing::read(&reader, &asgi);
    }
    settings.missing = reader.missing;
    settings.assumed = reader.environment.assumed;
    Some(settings)
}

/// The file of `ASGI_APPLICATION`, else an asgi.py beside the settings or in the project.
fn asgi(reader: &Reader<'_>, settings: &Settings) -> Option<PathBuf> {
    let named = settings.text("ASGI_APPLICATION");
    let module = named
        .as_deref()
        .and_then(|named| named.rsplit_once('.'))
        .map(|(module, _)| module);
    let named = module.and_then(|module| reader.locate(&settings.file, module, 0));
    let beside = settings
        .file
        .ancestors()
        .skip(1)
        .take(3)
        .take_while(|folder| folder.starts_with(&settings.root));
    let mut candidates: Vec<PathBuf> = beside.map(|folder| folder.join("asgi.py")).collect();
    candidates.push(settings.root.join("asgi.py"));
    candidates.extend(
        reader
            .files
            .list(&settings.root)
            .into_iter()
            .map(|folder| folder.join("asgi.py")),
    );
    named.or_else(|| candidates.into_iter().find(|file| reader.files.is_file(file)))
}
