//! What `asgi.py` routes: whether WebSockets go anywhere, under which origin validator, and to which patterns.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::parse::parse;
use super::run::Reader;
use super::syntax::{Argument, Expr, ExprKind, Part, Stmt, StmtKind};

/// Files that are read from `asgi.py` on.
const FILES: usize = 40;
/// Routes told.
const ROUTES: usize = 100;

/// What was found.
#[derive(Default)]
pub(super) struct Routing {
    /// `asgi.py`.
    pub(super) file: Option<PathBuf>,
    /// Somewhere a `ProtocolTypeRouter` has `websocket`.
    pub(super) websocket: bool,
    /// The name of the origin validator around it.
    pub(super) validator: Option<String>,
    /// Patterns as written, with file and line.
    pub(super) routes: Vec<(String, String)>,
}

/// Reads `asgi.py` and what of the project it imports.
pub(super) fn read(reader: &Reader<'_>, asgi: &Path) -> Routing {
    let mut routing = Routing {
        file: Some(asgi.to_owned()),
        ..Routing::default()
    };
    let mut seen = BTreeSet::new();
    let mut waiting = vec![asgi.to_owned()];
    while let Some(file) = waiting.pop() {
        if seen.len() >= FILES || !seen.insert(file.clone()) {
            continue;
        }
        let Some(text) = reader.files.read(&file) else {
            continue;
        };
        let body = parse(&text);
        waiting.extend(imports(reader, &file, &body));
        let mut nested = Vec::new();
        let mut see = |stmt: &Stmt| {
            for expr in stmt.expressions() {
                expr.walk(&mut |expr| look(expr, &file, &mut nested, &mut routing));
            }
        };
        body.iter().for_each(|stmt| stmt.walk(&mut |stmt| see(stmt)));
    }
    routing
}

fn imports(reader: &Reader<'_>, file: &Path, body: &[Stmt]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    body.iter().for_each(|stmt| {
        stmt.walk(&mut |stmt| match &stmt.kind {
            StmtKind::Import(names) => found.extend(
                names
                    .iter()
                    .filter_map(|(module, _)| reader.locate(file, module, 0)),
            ),
            StmtKind::From { module, level, names } => {
                found.extend(reader.locate(file, module, *level));
                for (name, _) in names.iter().flatten() {
                    let inner = if module.is_empty() {
                        name.clone()
                    } else {
                        format!("{module}.{name}")
                    };
                    found.extend(reader.locate(file, &inner, *level));
                }
            }
            StmtKind::Expr(_)
            | StmtKind::Assign(..)
            | StmtKind::Augment(..)
            | StmtKind::If(_)
            | StmtKind::For(..)
            | StmtKind::Try(..)
            | StmtKind::With(..)
            | StmtKind::Def(_)
            | StmtKind::Class(_)
            | StmtKind::Return(_)
            | StmtKind::Raise
            | StmtKind::Opaque(_) => {}
        });
    });
    found
}

/// `nested`: patterns that were told already, under the prefix of an outer one.
fn look(expr: &Expr, file: &Path, nested: &mut Vec<*const Expr>, routing: &mut Routing) {
    let ExprKind::Call(called, arguments) = &expr.kind else {
        return;
    };
    let name = called.last_name().unwrap_or_default();
    if name == "ProtocolTypeRouter" {
        let websocket = arguments.iter().find_map(|argument| websocket(&argument.value));
        routing.websocket |= websocket.is_some();
    }
    if name.ends_with("OriginValidator") {
        routing.validator.get_or_insert_with(|| name.to_owned());
    }
    if is_pattern(name) && !nested.contains(&std::ptr::from_ref(expr)) {
        patterns(arguments, expr.line, "", file, nested, routing);
    }
}

fn is_pattern(name: &str) -> bool {
    matches!(name, "path" | "re_path" | "url")
}

fn patterns(
    arguments: &[Argument],
    line: u32,
    prefix: &str,
    file: &Path,
    nested: &mut Vec<*const Expr>,
    routing: &mut Routing,
) {
    let (Some(first), Some(target)) = (arguments.first(), arguments.get(1)) else {
        return;
    };
    let Some(text) = written(&first.value) else { return };
    let pattern = format!("{prefix}{text}");
    let mut inner = Vec::new();
    let mut consumer = false;
    target.value.walk(&mut |expr| {
        if let ExprKind::Call(called, arguments) = &expr.kind {
            let name = called.last_name().unwrap_or_default();
            consumer |= name == "as_asgi";
            if is_pattern(name) {
                inner.push((std::ptr::from_ref(expr), arguments, expr.line));
            }
        }
    });
    for (expr, arguments, line) in &inner {
        if !nested.contains(expr) {
            nested.push(*expr);
            patterns(arguments, *line, &pattern, file, nested, routing);
        }
    }
    if inner.is_empty() && consumer && routing.routes.len() < ROUTES {
        routing
            .routes
            .push((pattern, format!("{}:{line}", file.display())));
    }
}

/// What a dict has under `websocket`.
fn websocket(expr: &Expr) -> Option<&Expr> {
    let ExprKind::Dict(rows) = &expr.kind else {
        return None;
    };
    let found = rows.iter().find(|(key, _)| {
        let key = key.as_ref().map(|key| &key.kind);
        matches!(key, Some(ExprKind::Text(text)) if text == "websocket")
    });
    found.map(|(_, value)| value)
}

/// A string as it is written: what an f-string puts in stands in braces.
fn written(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Text(text) => Some(text.clone()),
        ExprKind::Format(parts) => {
            let parts = parts.iter().map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Value(value) => format!("{{{}}}", value.last_name().unwrap_or("...")),
            });
            Some(parts.collect())
        }
        _ => None,
    }
}
