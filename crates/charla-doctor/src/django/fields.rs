//! Dicts that go through the layer and over the socket: their keys, and what each is for.

use super::assigned::assigned;
use super::meaning::{Frame, Meaning};
use super::syntax::{Expr, ExprKind, StmtKind};
use super::tree::{Tree, text};

/// Dicts in dicts, names that lead to names.
const DEPTH: u32 = 3;

/// What a field is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldRole {
    /// The words.
    Text,
    /// The author's name.
    Author,
    /// The author's id.
    AuthorId,
    /// The tenant.
    Tenant,
    /// Anything else.
    Data,
}

/// A field of an event, or of what goes over the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its key; `said.texto` where it stands in a dict within.
    pub key: String,
    /// What it is for.
    pub role: FieldRole,
}

/// Keys of a dict with what they stand for; those of a dict within behind a dot.
pub(super) fn dict(tree: &Tree, frame: &Frame<'_>, expr: &Expr, depth: u32) -> Vec<(String, Meaning)> {
    let mut out = Vec::new();
    match &expr.kind {
        ExprKind::Dict(rows) => {
            for (key, value) in rows {
                match key.as_ref().and_then(text) {
                    Some(key) => row(tree, frame, key, value, depth, &mut out),
                    None if key.is_none() && depth < DEPTH => out.extend(dict(tree, frame, value, depth + 1)),
                    None => {}
                }
            }
        }
        ExprKind::Call(called, arguments) if called.last_name() == Some("dict") => {
            for argument in arguments {
                if let Some(key) = &argument.name {
                    row(tree, frame, key, &argument.value, depth, &mut out);
                }
            }
        }
        // `{key: event[key] for key in ("text", "author")}`
        ExprKind::Comprehension {
            key: Some(key),
            element,
            names,
            of,
            ..
        } => {
            if let (ExprKind::Name(key), [name], ExprKind::Tuple(items) | ExprKind::List(items)) =
                (&key.kind, names.as_slice(), &of.kind)
                && key == name
            {
                for key in items.iter().filter_map(|item| text(&item.value)) {
                    let mut inner = frame.clone();
                    inner.bound.insert(name.clone(), Meaning::Text(key.to_owned()));
                    out.push((key.to_owned(), tree.meaning(&inner, element)));
                }
            }
        }
        ExprKind::Binary(left, "|", right) => {
            out.extend(dict(tree, frame, left, depth));
            out.extend(dict(tree, frame, right, depth));
        }
        ExprKind::Name(name) if depth < DEPTH => named(tree, frame, name, depth, &mut out),
        _ => {}
    }
    out
}

/// What was assigned to a name: `said = {...}`, then `said |= {...}`, `said["text"] = ...`
fn named(tree: &Tree, frame: &Frame<'_>, name: &str, depth: u32, out: &mut Vec<(String, Meaning)>) {
    let body = frame
        .function
        .map(|function| function.it.body.as_slice())
        .unwrap_or_default();
    if let Some(value) = assigned(body, name) {
        out.extend(dict(tree, frame, value, depth + 1));
    }
    // `said |= {...}`, `said["texto"] = ...`
    body.iter().for_each(|stmt| {
        stmt.walk(&mut |stmt| match &stmt.kind {
            StmtKind::Augment(target, "|", value)
                if matches!(&target.kind, ExprKind::Name(own) if own == name) =>
            {
                out.extend(dict(tree, frame, value, depth + 1));
            }
            StmtKind::Assign(targets, value) => {
                for target in targets {
                    if let ExprKind::Index(of, key) = &target.kind
                        && matches!(&of.kind, ExprKind::Name(own) if own == name)
                        && let Some(key) = text(key)
                    {
                        row(tree, frame, key, value, depth, out);
                    }
                }
            }
            _ => {}
        });
    });
}

fn row(
    tree: &Tree,
    frame: &Frame<'_>,
    key: &str,
    value: &Expr,
    depth: u32,
    out: &mut Vec<(String, Meaning)>,
) {
    let inner = if depth < DEPTH {
        dict(tree, frame, value, depth + 1)
    } else {
        Vec::new()
    };
    if inner.is_empty() {
        out.push((key.to_owned(), tree.meaning(frame, value)));
    } else {
        out.extend(
            inner
                .into_iter()
                .map(|(name, value)| (format!("{key}.{name}"), value)),
        );
    }
}

/// What a field is for, by what stands in it and by its name.
pub(super) fn role(key: &str, value: &Meaning) -> FieldRole {
    let name = key.rsplit('.').next().unwrap_or(key).to_lowercase();
    let is = |words: &[&str]| words.contains(&name.as_str());
    if is(&[
        "texto",
        "text",
        "message",
        "mensaje",
        "msg",
        "body",
        "content",
        "contenido",
        "cuerpo",
    ]) {
        return FieldRole::Text;
    }
    match value {
        Meaning::Tenant => return FieldRole::Tenant,
        Meaning::User(Some(field)) if field == "id" => return FieldRole::AuthorId,
        Meaning::User(_) => return FieldRole::Author,
        _ => {}
    }
    if is(&["tenant", "schema", "schema_name"]) {
        FieldRole::Tenant
    } else if is(&["autor_id", "author_id", "user_id", "usuario_id", "sender_id"]) {
        FieldRole::AuthorId
    } else if is(&[
        "autor",
        "author",
        "sender",
        "from",
        "usuario",
        "user",
        "username",
        "remitente",
    ]) {
        FieldRole::Author
    } else {
        FieldRole::Data
    }
}
