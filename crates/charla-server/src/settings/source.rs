//! Where values come from: the file, then `CHARLA_*` variables, then flags. Nothing is judged here but the keys' names.

use std::ops::Range;
use std::path::{Path, PathBuf};

use charla_wire::TenantId;
use toml_edit::{Document, Item, TableLike, Value};

use super::keys::{self, KEYS, Key, LISTS};
use super::near::nearest;
use super::problem::{Fault, Place, Problem};
use super::slot::Raw;
use super::tenant_limits::{TENANT_LIMITS, key_of_tenant, tenant};

/// A value given for a key, and where.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) key: &'static Key,
    pub(super) raw: Raw,
    pub(super) place: Place,
}

/// One entry of a list such as `[[auth.keys]]`: its fields, each with its place.
#[derive(Debug)]
pub(super) struct ForeignEntry {
    pub(super) place: Place,
    pub(super) fields: Vec<(String, Value, Place)>,
}

/// All that one source gave.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) given: Vec<Given>,
    /// The entries of the lists, each under its list's path.
    pub(super) listed: Vec<(&'static str, ForeignEntry)>,
    /// Figures of tenants of their own.
    pub(super) tenants: Vec<(TenantId, Given)>,
}

impl Layer {
    /// Takes out the entries of a list.
    pub(super) fn take_list(&mut self, list: &str) -> Vec<ForeignEntry> {
        let entries = self.listed.extract_if(.., |(of, _)| *of == list);
        entries.map(|(_, entry)| entry).collect()
    }
}

/// Variables that belong to the command line, not to the settings.
const OTHER_VARIABLES: [&str; 5] = [
    "CHARLA_CONFIG",
    "CHARLA_LANG",
    "CHARLA_KEY",
    "CHARLA_SERVER",
    "CHARLA_TOKEN",
];

struct FileReader<'a> {
    path: &'a Path,
    text: &'a str,
    layer: Layer,
    problems: &'a mut Vec<Problem>,
}

/// Reads the file.
pub(super) fn read_file(path: &Path, problems: &mut Vec<Problem>) -> Layer {
    let file = Place::File(path.to_owned());
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let error = error.to_string();
            problems.push(Problem::new(&file, Fault::Unreadable { error }));
            return Layer::default();
        }
    };
    let document = match Document::parse(text.as_str()) {
        Ok(document) => document,
        Err(error) => {
            let place = error.span().map_or(file, |span| line_of(path, &text, &span));
            let message = error.message().replace('\n', ", ");
            problems.push(Problem::new(&place, Fault::Syntax { message }));
            return Layer::default();
        }
    };
    let mut reader = FileReader {
        path,
        text: &text,
        layer: Layer::default(),
        problems,
    };
    reader.section("", document.as_table());
    reader.layer
}

fn line_of(path: &Path, text: &str, span: &Range<usize>) -> Place {
    let before = text.get(..span.start).unwrap_or(text);
    Place::Line(PathBuf::from(path), before.matches('\n').count() + 1)
}

impl FileReader<'_> {
    fn place(&self, span: Option<Range<usize>>) -> Place {
        span.map_or_else(
            || Place::File(self.path.to_owned()),
            |span| line_of(self.path, self.text, &span),
        )
    }

    fn section(&mut self, prefix: &str, table: &dyn TableLike) {
        for (name, item) in table.iter() {
            let path = if prefix.is_empty() {
                name.to_owned()
            } else {
                format!("{prefix}.{name}")
            };
            let place = self.place(table.key(name).and_then(toml_edit::Key::span));
            if let Some((list, fields)) = LISTS.iter().find(|(list, _)| *list == path) {
                self.list(list, fields, item, &place);
            } else if path == TENANT_LIMITS {
                self.tenants(item, &place);
            } else if let Some(key) = keys::find(&path) {
                self.value(key, item, place);
            } else if !keys::is_section(&path) {
                self.problems.push(Problem::new(&place, unknown(&path)));
            } else if let Some(inner) = item.as_table_like() {
                self.section(&path, inner);
            } else {
                self.problems
                    .push(Problem::new(&place, Fault::NotASection { section: path }));
            }
        }
    }

    fn value(&mut self, key: &'static Key, item: &Item, place: Place) {
        if let Some(value) = item.as_value() {
            let raw = Raw::Toml(value.clone());
            self.layer.given.push(Given { key, raw, place });
        } else {
            let fault = Fault::NotAllowed {
                key: key.path.into(),
                given: None,
                rule: key.rule,
            };
            self.problems.push(Problem::new(&place, fault));
        }
    }

    /// `[limits.tenants.acme]`.
    fn tenants(&mut self, item: &Item, place: &Place) {
        let Some(tenants) = item.as_table_like() else {
            let section = TENANT_LIMITS.to_owned();
            return self
                .problems
                .push(Problem::new(place, Fault::NotASection { section }));
        };
        for (name, item) in tenants.iter() {
            let place = self.place(tenants.key(name).and_then(toml_edit::Key::span));
            let Some(figures) = item.as_table_like() else {
                let section = format!("{TENANT_LIMITS}.{name}");
                self.problems
                    .push(Problem::new(&place, Fault::NotASection { section }));
                continue;
            };
            let id = match tenant(name) {
                Ok(id) => id,
                Err(fault) => {
                    self.problems.push(Problem::new(&place, fault));
                    continue;
                }
            };
            for (name, item) in figures.iter() {
                let place = self.place(figures.key(name).and_then(toml_edit::Key::span));
                match (key_of_tenant(id.as_str(), name), item.as_value()) {
                    (Ok(key), Some(value)) => {
                        let raw = Raw::Toml(value.clone());
                        self.layer.tenants.push((id.clone(), Given { key, raw, place }));
                    }
                    (Ok(_), None) => {
                        let section = format!("{TENANT_LIMITS}.{id}.{name}");
                        let fault = Fault::UnknownKey {
                            key: section,
                            near: None,
                        };
                        self.problems.push(Problem::new(&place, fault));
                    }
                    (Err(fault), _) => self.problems.push(Problem::new(&place, fault)),
                }
            }
        }
    }

    fn list(&mut self, list: &'static str, fields: &[&'static str], item: &Item, place: &Place) {
        if let Some(tables) = item.as_array_of_tables() {
            for table in tables {
                let place = self.place(table.span());
                self.entry(list, fields, table, place);
            }
        } else if let Some(array) = item
            .as_array()
            .filter(|array| array.iter().all(Value::is_inline_table))
        {
            for value in array {
                let place = self.place(value.span());
                if let Some(table) = value.as_inline_table() {
                    self.entry(list, fields, table, place);
                }
            }
        } else {
            let key = list.into();
            self.problems.push(Problem::new(place, Fault::FileOnly { key }));
        }
    }

    fn entry(&mut self, list: &'static str, known: &[&'static str], table: &dyn TableLike, place: Place) {
        let mut fields = Vec::new();
        for (name, item) in table.iter() {
            let at = self.place(table.key(name).and_then(toml_edit::Key::span));
            match item.as_value() {
                Some(value) if known.contains(&name) => {
                    fields.push((name.to_owned(), value.clone(), at));
                }
                _ => {
                    let near = nearest(name, known.iter().copied());
                    let fault = Fault::UnknownKey {
                        key: format!("{list}.{name}"),
                        near: near.map(|near| format!("{list}.{near}")),
                    };
                    self.problems.push(Problem::new(&at, fault));
                }
            }
        }
        self.layer.listed.push((list, ForeignEntry { place, fields }));
    }
}

fn unknown(path: &str) -> Fault {
    let sections = keys::SECTIONS.iter().map(|(section, _)| *section);
    let known = KEYS
        .iter()
        .map(|key| key.path)
        .chain(LISTS.iter().map(|(list, _)| *list))
        .chain(sections);
    Fault::UnknownKey {
        key: path.to_owned(),
        near: nearest(path, known).map(str::to_owned),
    }
}

/// Reads `CHARLA_*` out of the environment.
pub(super) fn read_variables(
    variables: impl Iterator<Item = (String, String)>,
    problems: &mut Vec<Problem>,
) -> Layer {
    let mut variables: Vec<_> = variables
        .filter(|(name, value)| {
            name.starts_with("CHARLA_")
                && !OTHER_VARIABLES.contains(&name.as_str())
                && !is_service_link(name, value)
        })
        .collect();
    variables.sort();
    let mut layer = Layer::default();
    for (name, value) in variables {
        let place = Place::Variable(name.clone());
        if let Some(key) = KEYS.iter().find(|key| key.variable() == name) {
            let raw = Raw::Text(value);
            layer.given.push(Given { key, raw, place });
            continue;
        }
        let names: Vec<_> = KEYS.iter().map(Key::variable).collect();
        let near = nearest_variable(&name, &names);
        problems.push(Problem::new(&place, Fault::UnknownKey { key: name, near }));
    }
    layer
}

fn nearest_variable(name: &str, names: &[String]) -> Option<String> {
    nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
}

/// Whether Kubernetes put it there for a service that is called `charla` too.
fn is_service_link(name: &str, value: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.contains("_PORT")
            && (value.contains("://") || name.contains("_TCP") || name.contains("_UDP")))
}

/// The tenant and the name of `limits.tenants.acme.subscriptions`.
fn tenant_flag(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix(TENANT_LIMITS)?
        .strip_prefix('.')?
        .split_once('.')
}

/// Reads `--set key=value` pairs.
pub(super) fn read_flags(flags: &[(String, String)], problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::default();
    for (path, value) in flags {
        let place = Place::Flag(path.clone());
        if let Some(key) = keys::find(path) {
            let raw = Raw::Text(value.clone());
            layer.given.push(Given { key, raw, place });
        } else if let Some((name, key)) = tenant_flag(path) {
            match tenant(name).and_then(|id| Ok((id, key_of_tenant(name, key)?))) {
                Ok((id, key)) => {
                    let raw = Raw::Text(value.clone());
                    layer.tenants.push((id, Given { key, raw, place }));
                }
                Err(fault) => problems.push(Problem::new(&place, fault)),
            }
        } else if LISTS.iter().any(|(list, _)| list == path) {
            let key = path.clone();
            problems.push(Problem::new(&place, Fault::FileOnly { key }));
        } else {
            problems.push(Problem::new(&place, unknown(path)));
        }
    }
    layer
}
