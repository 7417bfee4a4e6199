//! What statements assign, return and call, and how an expression is written.

use super::syntax::{Expr, ExprKind, Function, Stmt, StmtKind, root};
use super::tree::each;

/// What is assigned to a name in some statements; the first that is more than `None`.
pub(super) fn assigned<'t>(body: &'t [Stmt], name: &str) -> Option<&'t Expr> {
    set(
        body,
        &|target| matches!(&target.kind, ExprKind::Name(own) if own == name),
    )
}

pub(super) fn set_on_self<'t>(body: &'t [Stmt], name: &str) -> Option<&'t Expr> {
    set(
        body,
        &|target| matches!(&target.kind, ExprKind::Attribute(of, own) if own == name && root(of) == ["self"]),
    )
}

fn set<'t>(body: &'t [Stmt], is: &dyn Fn(&Expr) -> bool) -> Option<&'t Expr> {
    let mut found = None;
    body.iter().for_each(|stmt| {
        stmt.walk(&mut |stmt| {
            let StmtKind::Assign(targets, value) = &stmt.kind else {
                return;
            };
            for target in targets {
                let value = match (&target.kind, &value.kind) {
                    // `a, b = 1, 2`
                    (ExprKind::Tuple(names), ExprKind::Tuple(values)) if names.len() == values.len() => {
                        let mut pairs = names.iter().zip(values);
                        pairs
                            .find(|(name, _)| is(&name.value))
                            .map(|(_, value)| &value.value)
                    }
                    _ => is(target).then_some(value),
                };
                if let Some(value) = value.filter(|value| !matches!(value.kind, ExprKind::None)) {
                    found.get_or_insert(value);
                }
            }
        });
    });
    found
}

/// What a function returns, where it returns once.
pub(super) fn returned(function: &Function) -> Option<&Expr> {
    let mut all = Vec::new();
    function.body.iter().for_each(|stmt| {
        stmt.walk(&mut |stmt| {
            if let StmtKind::Return(value) = &stmt.kind {
                all.push(value.as_ref());
            }
        });
    });
    match all.as_slice() {
        [only] => *only,
        _ => None,
    }
}

/// An expression as it is written, in short.
pub(super) fn written(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Name(name) => name.clone(),
        ExprKind::None => "None".into(),
        ExprKind::Bool(value) => if *value { "True" } else { "False" }.into(),
        ExprKind::Number(text) => text.clone(),
        ExprKind::Text(text) => format!("{text:?}"),
        ExprKind::Attribute(of, name) => format!("{}.{name}", written(of)),
        ExprKind::Index(of, key) => format!("{}[{}]", written(of), written(key)),
        ExprKind::Call(called, arguments) => {
            let shown = arguments.iter().map(|argument| {
                let name = argument.name.as_ref().map(|name| format!("{name}="));
                format!("{}{}", name.unwrap_or_default(), written(&argument.value))
            });
            format!("{}({})", written(called), shown.collect::<Vec<_>>().join(", "))
        }
        ExprKind::Compare(a, operator, b) | ExprKind::Binary(a, operator, b) => {
            format!("{} {operator} {}", written(a), written(b))
        }
        ExprKind::And(a, b) => format!("{} and {}", written(a), written(b)),
        ExprKind::Or(a, b) => format!("{} or {}", written(a), written(b)),
        ExprKind::Not(of) => format!("not {}", written(of)),
        _ => "...".into(),
    }
}

/// Whether any call in some statements has this last name, and where.
pub(super) fn calls<'t>(body: &'t [Stmt], name: &str) -> Vec<&'t Expr> {
    let mut found = Vec::new();
    each(body, &mut |expr| {
        if let ExprKind::Call(called, _) = &expr.kind
            && let ExprKind::Attribute(_, own) | ExprKind::Name(own) = &called.kind
            && own == name
        {
            found.push(expr);
        }
    });
    found
}
