//! Where a secret comes from: a variable of the environment, the settings' own text, or elsewhere. Never the secret itself.

use super::settings::Settings;
use super::syntax::{Expr, ExprKind, StmtKind};
use super::tree::{Tree, text};

/// Names that lead to names.
const DEPTH: u32 = 6;

/// Which secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// What tokens are signed with: `SIGNING_KEY`, else `SECRET_KEY`.
    Signing,
    /// What tokens are verified with, where that is another key.
    Verifying,
    /// Django's `SECRET_KEY`.
    Django,
    /// The password of the default database.
    Database,
    /// `hosts` of the default layer.
    LayerHosts,
    /// `symmetric_encryption_keys` of the default layer.
    LayerKeys,
}

/// Where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A variable of the environment.
    Variable(String),
    /// It stands in the file.
    Literal,
    /// Somewhere else.
    Elsewhere,
}

/// A secret that the settings have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Which.
    pub kind: SecretKind,
    /// The setting: `SIMPLE_JWT["SIGNING_KEY"]`.
    pub setting: String,
    /// Where it comes from.
    pub origin: Origin,
    /// File and line.
    pub at: String,
}

/// Those that are there.
pub(super) fn secrets(tree: &Tree, settings: &Settings) -> Vec<Secret> {
    let wanted: [(SecretKind, &str, &[&str]); 6] = [
        (SecretKind::Signing, "SIMPLE_JWT", &["SIGNING_KEY"]),
        (SecretKind::Verifying, "SIMPLE_JWT", &["VERIFYING_KEY"]),
        (SecretKind::Django, "SECRET_KEY", &[]),
        (SecretKind::Database, "DATABASES", &["default", "PASSWORD"]),
        (
            SecretKind::LayerHosts,
            "CHANNEL_LAYERS",
            &["default", "CONFIG", "hosts"],
        ),
        (
            SecretKind::LayerKeys,
            "CHANNEL_LAYERS",
            &["default", "CONFIG", "symmetric_encryption_keys"],
        ),
    ];
    wanted
        .into_iter()
        .filter_map(|(kind, setting, keys)| {
            let at = settings.at(setting)?;
            // It is there, told or not.
            let value = settings.get(setting)?;
            let is_there = value.at(keys).is_some() || value.unknown().is_some();
            let expr = assignment(tree, at, setting)?;
            let origin = origin(tree, settings, expr, keys, 0)?;
            let named = keys.iter().map(|key| format!("[\"{key}\"]"));
            is_there.then(|| Secret {
                kind,
                setting: format!("{setting}{}", named.collect::<String>()),
                origin,
                at: at.to_owned(),
            })
        })
        .collect()
}

/// The statement that a setting was set by.
fn assignment<'t>(tree: &'t Tree, at: &str, setting: &str) -> Option<&'t Expr> {
    let (file, line) = at.rsplit_once(':')?;
    let line: u32 = line.parse().ok()?;
    let module = tree
        .modules
        .iter()
        .find(|module| module.file.display().to_string() == file)?;
    let mut found = None;
    let mut first = None;
    module.body.iter().for_each(|stmt| {
        stmt.walk(&mut |stmt| {
            if let StmtKind::Assign(targets, value) = &stmt.kind
                && targets
                    .iter()
                    .any(|target| matches!(&target.kind, ExprKind::Name(name) if name == setting))
            {
                first = Some(value);
                if targets.iter().any(|target| target.line == line) {
                    found = Some(value);
                }
            }
        });
    });
    // What was changed later by `SETTING["key"] = ...` has the line of the change.
    found.or(first)
}

fn origin(tree: &Tree, settings: &Settings, expr: &Expr, keys: &[&str], depth: u32) -> Option<Origin> {
    if depth > DEPTH {
        return Some(Origin::Elsewhere);
    }
    if let (Some((key, rest)), ExprKind::Dict(rows)) = (keys.split_first(), &expr.kind) {
        let found = rows
            .iter()
            .find(|(name, _)| name.as_ref().and_then(text) == Some(key));
        return origin(tree, settings, &found?.1, rest, depth + 1);
    }
    if let Some(variable) = variable(expr) {
        return Some(Origin::Variable(variable));
    }
    match &expr.kind {
        ExprKind::Text(text) if keys.is_empty() && !text.is_empty() => Some(Origin::Literal),
        ExprKind::Text(_) | ExprKind::None => None,
        ExprKind::List(items) | ExprKind::Tuple(items) => {
            let mut origins = items
                .iter()
                .filter_map(|item| origin(tree, settings, &item.value, keys, depth + 1));
            Some(origins.next().unwrap_or(Origin::Literal))
        }
        ExprKind::Name(name) => {
            let named = settings.at(name).and_then(|at| assignment(tree, at, name));
            match named {
                Some(expr) => origin(tree, settings, expr, keys, depth + 1),
                None => Some(Origin::Elsewhere),
            }
        }
        ExprKind::Number(_) | ExprKind::Dict(_) => Some(Origin::Literal),
        _ => Some(Origin::Elsewhere),
    }
}

/// The variable that an expression reads: `os.environ["X"]`, `os.getenv("X")`, `env("X")`, `config("X")`.
fn variable(expr: &Expr) -> Option<String> {
    const READERS: [&str; 14] = [
        "getenv", "get", "config", "env", "str", "string", "db", "db_url", "list", "url", "bytes", "cache",
        "get_env", "env_var",
    ];
    let mut found = None;
    expr.walk(&mut |expr| {
        let name = match &expr.kind {
            ExprKind::Index(of, key) if of.last_name() == Some("environ") => text(key),
            ExprKind::Call(called, arguments)
                if called.last_name().is_some_and(|name| READERS.contains(&name)) =>
            {
                arguments.first().and_then(|first| text(&first.value))
            }
            _ => None,
        };
        let is_name = |name: &&str| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        };
        if let Some(name) = name.filter(is_name) {
            found.get_or_insert_with(|| name.to_owned());
        }
    });
    found
}
