//! Python as much of it as settings are written in: what the parser makes and the reader carries out.

/// An expression and its line.
#[derive(Clone)]
pub(super) struct Expr {
    pub(super) line: u32,
    pub(super) kind: ExprKind,
}

/// Kinds of expressions.
#[derive(Clone)]
pub(super) enum ExprKind {
    Name(String),
    None,
    Bool(bool),
    Number(String),
    Text(String),
    /// An f-string.
    Format(Vec<Part>),
    /// `[...]`, with what is starred.
    List(Vec<Item>),
    Tuple(Vec<Item>),
    Set(Vec<Item>),
    /// A key is missing for `**other`.
    Dict(Vec<(Option<Expr>, Expr)>),
    Attribute(Box<Expr>, String),
    Index(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, Option<Box<Expr>>, Option<Box<Expr>>),
    Call(Box<Expr>, Vec<Argument>),
    Binary(Box<Expr>, &'static str, Box<Expr>),
    Not(Box<Expr>),
    Minus(Box<Expr>),
    /// `~x`
    Invert(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    /// `a < b`, `in`, `not in`, `is`, `is not`.
    Compare(Box<Expr>, &'static str, Box<Expr>),
    /// `then if condition else other`.
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `[element for names in of if condition]`; a dict's has a key.
    Comprehension {
        key: Option<Box<Expr>>,
        element: Box<Expr>,
        names: Vec<String>,
        of: Box<Expr>,
        condition: Option<Box<Expr>>,
    },
    /// What is not carried out: lambdas and the like.
    Opaque,
}

/// A part of an f-string.
#[derive(Clone)]
pub(super) enum Part {
    Text(String),
    Value(Expr),
}

/// An element of a display.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) starred: bool,
    pub(super) value: Expr,
}

/// An argument of a call.
#[derive(Clone)]
pub(super) struct Argument {
    pub(super) name: Option<String>,
    /// `*list` or `**dict`.
    pub(super) starred: bool,
    pub(super) value: Expr,
}

/// A statement and its line.
#[derive(Clone)]
pub(super) struct Stmt {
    pub(super) line: u32,
    pub(super) kind: StmtKind,
}

/// Kinds of statements.
#[derive(Clone)]
pub(super) enum StmtKind {
    Expr(Expr),
    Assign(Vec<Expr>, Expr),
    /// `target += value`.
    Augment(Expr, &'static str, Expr),
    /// Branches in order; the last may be without condition.
    If(Vec<(Option<Expr>, Vec<Stmt>)>),
    For(Vec<String>, Expr, Vec<Stmt>),
    /// Body, handlers, else, finally.
    Try(Vec<Stmt>, Vec<Vec<Stmt>>, Vec<Stmt>, Vec<Stmt>),
    With(Vec<String>, Vec<Stmt>),
    /// `import a.b as c`.
    Import(Vec<(String, Option<String>)>),
    /// `from ..a import b as c`; no names for `*`.
    From {
        module: String,
        level: u32,
        names: Option<Vec<(String, Option<String>)>>,
    },
    Def(Function),
    Class(Class),
    Return(Option<Expr>),
    Raise,
    /// Something that is not read, and the names that it binds.
    Opaque(Vec<String>),
}

/// A function of the settings' own.
#[derive(Clone)]
pub struct Function {
    pub(super) name: String,
    pub(super) parameters: Vec<(String, Option<Expr>)>,
    pub(super) body: Vec<Stmt>,
}

/// A class: a consumer, a model, a middleware.
#[derive(Clone)]
pub(super) struct Class {
    pub(super) name: String,
    /// What it derives from.
    pub(super) bases: Vec<Expr>,
    pub(super) body: Vec<Stmt>,
}

impl Expr {
    /// Every expression in it, itself first.
    pub(super) fn walk<'a>(&'a self, see: &mut dyn FnMut(&'a Self)) {
        see(self);
        match &self.kind {
            ExprKind::Name(_)
            | ExprKind::None
            | ExprKind::Bool(_)
            | ExprKind::Number(_)
            | ExprKind::Text(_)
            | ExprKind::Opaque => {}
            ExprKind::Format(parts) => {
                for part in parts {
                    if let Part::Value(value) = part {
                        value.walk(see);
                    }
                }
            }
            ExprKind::List(items) | ExprKind::Tuple(items) | ExprKind::Set(items) => {
                items.iter().for_each(|item| item.value.walk(see));
            }
            ExprKind::Dict(rows) => {
                for (key, value) in rows {
                    key.iter().for_each(|key| key.walk(see));
                    value.walk(see);
                }
            }
            ExprKind::Attribute(of, _) | ExprKind::Not(of) | ExprKind::Minus(of) | ExprKind::Invert(of) => {
                of.walk(see)
            }
            ExprKind::Index(a, b)
            | ExprKind::Binary(a, _, b)
            | ExprKind::And(a, b)
            | ExprKind::Or(a, b)
            | ExprKind::Compare(a, _, b) => {
                a.walk(see);
                b.walk(see);
            }
            ExprKind::Slice(of, from, to) => {
                of.walk(see);
                from.iter().chain(to).for_each(|end| end.walk(see));
            }
            ExprKind::Call(called, arguments) => {
                called.walk(see);
                arguments.iter().for_each(|argument| argument.value.walk(see));
            }
            ExprKind::Choice(a, b, c) => [a, b, c].into_iter().for_each(|part| part.walk(see)),
            ExprKind::Comprehension {
                key,
                element,
                of,
                condition,
                ..
            } => {
                key.iter().for_each(|key| key.walk(see));
                element.walk(see);
                of.walk(see);
                condition.iter().for_each(|condition| condition.walk(see));
            }
        }
    }

    /// The last name of `a.b.c`.
    pub(super) fn last_name(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Name(name) | ExprKind::Attribute(_, name) => Some(name),
            ExprKind::Call(called, _) => called.last_name(),
            ExprKind::None
            | ExprKind::Bool(_)
            | ExprKind::Number(_)
            | ExprKind::Text(_)
            | ExprKind::Format(_)
            | ExprKind::List(_)
            | ExprKind::Tuple(_)
            | ExprKind::Set(_)
            | ExprKind::Dict(_)
            | ExprKind::Index(..)
            | ExprKind::Slice(..)
            | ExprKind::Binary(..)
            | ExprKind::Not(_)
            | ExprKind::Minus(_)
            | ExprKind::Invert(_)
            | ExprKind::And(..)
            | ExprKind::Or(..)
            | ExprKind::Compare(..)
            | ExprKind::Choice(..)
            | ExprKind::Comprehension { .. }
            | ExprKind::Opaque => None,
        }
    }
}

impl Stmt {
    /// Every statement in it, itself first.
    pub(super) fn walk<'a>(&'a self, see: &mut dyn FnMut(&'a Self)) {
        see(self);
        let blocks: Vec<&[Self]> = match &self.kind {
            StmtKind::If(branches) => branches.iter().map(|(_, body)| body.as_slice()).collect(),
            StmtKind::For(_, _, body) | StmtKind::With(_, body) => vec![body],
            StmtKind::Try(body, handlers, otherwise, finally) => {
                let mut blocks: Vec<&[Self]> = vec![body, otherwise, finally];
                blocks.extend(handlers.iter().map(Vec::as_slice));
                blocks
            }
            StmtKind::Expr(_)
            | StmtKind::Assign(..)
            | StmtKind::Augment(..)
            | StmtKind::Import(_)
            | StmtKind::From { .. }
            | StmtKind::Def(_)
            | StmtKind::Class(_)
            | StmtKind::Return(_)
            | StmtKind::Raise
            | StmtKind::Opaque(_) => Vec::new(),
        };
        for block in blocks {
            block.iter().for_each(|stmt| stmt.walk(see));
        }
    }

    /// The expressions that stand in it itself.
    pub(super) fn expressions(&self) -> Vec<&Expr> {
        match &self.kind {
            StmtKind::Expr(value) | StmtKind::For(_, value, _) => vec![value],
            StmtKind::Assign(targets, value) => targets.iter().chain([value]).collect(),
            StmtKind::Augment(target, _, value) => vec![target, value],
            StmtKind::If(branches) => branches
                .iter()
                .filter_map(|(condition, _)| condition.as_ref())
                .collect(),
            StmtKind::Return(value) => value.iter().collect(),
            StmtKind::Try(..)
            | StmtKind::With(..)
            | StmtKind::Import(_)
            | StmtKind::From { .. }
            | StmtKind::Def(_)
            | StmtKind::Class(_)
            | StmtKind::Raise
            | StmtKind::Opaque(_) => Vec::new(),
        }
    }

    /// Names that carrying it out would bind or change.
    pub(super) fn binds(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.walk(&mut |stmt| match &stmt.kind {
            StmtKind::Assign(targets, _) => targets.iter().for_each(|target| names.extend(root(target))),
            StmtKind::Augment(target, _, _) => names.extend(root(target)),
            StmtKind::For(bound, _, _) | StmtKind::With(bound, _) | StmtKind::Opaque(bound) => {
                names.extend(bound.iter().map(String::as_str))
            }
            StmtKind::Import(bound)
            | StmtKind::From {
                names: Some(bound), ..
            } => {
                names.extend(bound.iter().map(|(name, other)| other.as_deref().unwrap_or(name)));
            }
            StmtKind::Def(function) => names.push(&function.name),
            StmtKind::Class(class) => names.push(&class.name),
            // `DATABASES.update(...)`
            StmtKind::Expr(Expr {
                kind: ExprKind::Call(called, _),
                ..
            }) => names.extend(root(called)),
            StmtKind::Expr(_)
            | StmtKind::If(_)
            | StmtKind::Try(..)
            | StmtKind::From { names: None, .. }
            | StmtKind::Return(_)
            | StmtKind::Raise => {}
        });
        names
    }
}

/// The name at the root of `NAME["a"].b`.
pub(super) fn root(target: &Expr) -> Vec<&str> {
    match &target.kind {
        ExprKind::Name(name) => vec![name],
        ExprKind::Attribute(of, _) | ExprKind::Index(of, _) => root(of),
        ExprKind::Tuple(items) | ExprKind::List(items) => {
            items.iter().flat_map(|item| root(&item.value)).collect()
        }
        ExprKind::None
        | ExprKind::Bool(_)
        | ExprKind::Number(_)
        | ExprKind::Text(_)
        | ExprKind::Format(_)
        | ExprKind::Set(_)
        | ExprKind::Dict(_)
        | ExprKind::Slice(..)
        | ExprKind::Call(..)
        | ExprKind::Binary(..)
        | ExprKind::Not(_)
        | ExprKind::Minus(_)
        | ExprKind::Invert(_)
        | ExprKind::And(..)
        | ExprKind::Or(..)
        | ExprKind::Compare(..)
        | ExprKind::Choice(..)
        | ExprKind::Comprehension { .. }
        | ExprKind::Opaque => Vec::new(),
    }
}
