//! Names of groups, with places for the chat, the tenant and the user.

use super::meaning::{Frame, Meaning};
use super::model::Model;
use super::syntax::{Expr, ExprKind, StmtKind};
use super::tree::Tree;

/// A name with places for the chat, the tenant and the user: `{tenant}.chat_{chat}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The name.
    pub text: String,
    /// What in it could not be told, as it is written; `{?}` stands for it.
    pub unclear: Vec<String>,
    /// File and line.
    pub at: String,
}

/// What a group may be called: `for group in self.groups` has several.
pub(super) fn names_of<'t>(tree: &'t Tree, frame: &Frame<'t>, group: &'t Expr) -> Vec<Meaning> {
    let mut several = None;
    if let (ExprKind::Name(name), Some(function)) = (&group.kind, frame.function) {
        function.it.body.iter().for_each(|stmt| {
            stmt.walk(&mut |stmt| {
                if let StmtKind::For(names, of, _) = &stmt.kind
                    && names.len() == 1
                    && names.contains(name)
                {
                    several = several.take().or_else(|| tree.elements(frame, of));
                }
            });
        });
    }
    match several {
        Some((inner, items)) => items
            .iter()
            .map(|item| tree.meaning(&inner, &item.value))
            .collect(),
        None => vec![tree.meaning(frame, group)],
    }
}

/// A group's name with its places.
pub(super) fn template(meaning: &Meaning, models: &[Model], at: String) -> Template {
    let parts = if let Meaning::Join(parts) = meaning {
        parts.clone()
    } else {
        vec![meaning.clone()]
    };
    let mut out = Template {
        text: String::new(),
        unclear: Vec::new(),
        at,
    };
    for part in parts {
        if let Meaning::Text(text) = &part {
            out.text.push_str(text);
            continue;
        }
        match place(&part, models) {
            Some(place) => out.text.push_str(place),
            None => {
                out.text.push_str("{?}");
                out.unclear.push(shown(&part));
            }
        }
    }
    out
}

fn place(part: &Meaning, models: &[Model]) -> Option<&'static str> {
    match part {
        Meaning::Tenant => Some("{tenant}"),
        Meaning::User(_) => Some("{user}"),
        Meaning::Kwarg(name) => Some(place_of(name).unwrap_or("{chat}")),
        Meaning::Query(name) | Meaning::Event(Some(name)) | Meaning::Content(Some(name)) => place_of(name),
        Meaning::Row(model, _) => place_of(model),
        // `message.chat_id`, `chat.id`
        Meaning::Column(model, field) => {
            let to = models
                .iter()
                .find(|known| known.name == *model)
                .and_then(|model| model.field(field)?.to.clone());
            place_of(&to.unwrap_or_else(|| {
                if matches!(field.as_str(), "id" | "pk") {
                    model.clone()
                } else {
                    field.clone()
                }
            }))
        }
        // What a call answers is not told by what it is given.
        Meaning::Other(text) => place_of(text).filter(|_| !text.contains('(')),
        Meaning::Text(_)
        | Meaning::Event(None)
        | Meaning::Content(None)
        | Meaning::Claim(_)
        | Meaning::Join(_) => None,
    }
}

/// What a name names.
pub(super) fn place_of(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&["tenant", "schema"]) {
        Some("{tenant}")
    } else if has(&["user", "usuario", "destinatario", "recipient"]) {
        Some("{user}")
    } else if has(&[
        "chat",
        "room",
        "sala",
        "conversa",
        "oportunidad",
        "ticket",
        "thread",
        "hilo",
    ]) {
        Some("{chat}")
    } else {
        None
    }
}

fn shown(meaning: &Meaning) -> String {
    match meaning {
        Meaning::Other(text) | Meaning::Text(text) | Meaning::Kwarg(text) | Meaning::Query(text) => {
            text.clone()
        }
        Meaning::User(field) => format!("user.{}", field.as_deref().unwrap_or("")),
        Meaning::Tenant => "tenant".into(),
        Meaning::Event(field) => format!("event[{}]", field.as_deref().unwrap_or("")),
        Meaning::Content(field) => format!("content[{}]", field.as_deref().unwrap_or("")),
        Meaning::Claim(name) => format!("claims[{name}]"),
        Meaning::Row(model, _) => model.clone(),
        Meaning::Column(model, field) => format!("{model}.{field}"),
        Meaning::Join(parts) => parts.iter().map(shown).collect::<Vec<_>>().join(""),
    }
}
