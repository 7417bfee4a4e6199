//! The environment variables that settings ask for: the process's own, and what `.env` files add to them.

use std::collections::BTreeMap;
use std::path::Path;

use super::files::Files;

/// What is known of a variable.
pub(super) enum Variable {
    /// Its value.
    Set(String),
    /// It is not set.
    Unset,
    /// The process's environment could not be seen: it may be set.
    Hidden,
}

/// The variables.
pub(super) struct Environment<'a> {
    /// The process's own; none when they could not be seen.
    process: Option<&'a BTreeMap<String, String>>,
    /// What the settings load themselves.
    loaded: BTreeMap<String, String>,
    /// `.env` beside `manage.py`, which only counts where the process's environment is hidden: systemd and containers load
    /// it without the settings saying so.
    beside: BTreeMap<String, String>,
    /// python-decouple reads its file by itself.
    decouple: bool,
    /// Defaults that were taken although the process's environment is hidden.
    pub(super) assumed: Vec<String>,
}

impl<'a> Environment<'a> {
    pub(super) fn new(process: Option<&'a BTreeMap<String, String>>) -> Self {
        Self {
            process,
            loaded: BTreeMap::new(),
            beside: BTreeMap::new(),
            decouple: false,
            assumed: Vec::new(),
        }
    }

    /// Reads the file beside `manage.py`.
    pub(super) fn beside(&mut self, files: &dyn Files, file: &Path) {
        if let Some(text) = files.read(file) {
            self.beside = variables(&text);
        }
    }

    /// Loads a file, as `load_dotenv` does: what is set already stays.
    pub(super) fn load(&mut self, files: &dyn Files, file: &Path) -> bool {
        let Some(text) = files.read(file) else {
            return false;
        };
        for (name, value) in variables(&text) {
            self.loaded.entry(name).or_insert(value);
        }
        true
    }

    /// Loads the first `.env` (or `settings.ini`) from a file's folder upwards.
    pub(super) fn load_above(&mut self, files: &dyn Files, file: &Path) {
        for folder in file.ancestors().skip(1).take(5) {
            if self.load(files, &folder.join(".env")) || self.load(files, &folder.join("settings.ini")) {
                return;
            }
        }
    }

    /// Notes an import: python-decouple's is all that it takes.
    pub(super) fn imported(&mut self, module: &str) {
        self.decouple |= module == "decouple";
    }

    /// Whether python-decouple is used, and has not looked for its file yet.
    pub(super) fn take_decouple(&mut self) -> bool {
        std::mem::take(&mut self.decouple)
    }

    /// Looks one up.
    pub(super) fn get(&self, name: &str) -> Variable {
        let own = self.process.and_then(|process| process.get(name));
        if let Some(value) = own.or_else(|| self.loaded.get(name)) {
            return Variable::Set(value.clone());
        }
        match (self.process, self.beside.get(name)) {
            (Some(_), _) => Variable::Unset,
            (None, Some(value)) => Variable::Set(value.clone()),
            (None, None) => Variable::Hidden,
        }
    }
}

/// `NAME=value`, with `export`, quotes and comments, as `.env` files have them.
pub(super) fn variables(text: &str) -> BTreeMap<String, String> {
    let rows = text.lines().filter_map(|line| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=')?;
        let name = name.trim();
        if name.is_empty() || name.starts_with('#') || name.contains(' ') {
            return None;
        }
        Some((name.to_owned(), unquoted(value.trim())))
    });
    rows.collect()
}

fn unquoted(value: &str) -> String {
    for quote in ['"', '\''] {
        if let Some((inner, _)) = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
            return inner.to_owned();
        }
    }
    let end = value.find(" #").unwrap_or(value.len());
    value.get(..end).unwrap_or(value).trim_end().to_owned()
}
