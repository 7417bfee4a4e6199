//! What an expression stands for in a chat: a part of the address, who is there, the tenant, a row of a table.
//!
//! Names are followed to what was assigned to them, in the function, on `self`, in the module; what cannot be followed stays
//! as it is written.

use std::collections::BTreeMap;

use super::assigned::{assigned, returned, set_on_self, written};
use super::syntax::{Argument, Class, Expr, ExprKind, Function, Item, Part, StmtKind, root};
use super::tree::{In, Module, Tree, text};

/// Names that lead to names.
const DEPTH: u32 = 12;

/// What it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A literal.
    Text(String),
    /// A named part of the address: `scope["url_route"]["kwargs"][name]`.
    Kwarg(String),
    /// A key of the address's query.
    Query(String),
    /// Who is there, or a field of theirs.
    User(Option<String>),
    /// The tenant, its schema.
    Tenant,
    /// A key of the event that a handler gets; all of it.
    Event(Option<String>),
    /// A key of what a client sent; all of it.
    Content(Option<String>),
    /// A key of a token's claims.
    Claim(String),
    /// A row of a model, by the key it was looked up with.
    Row(String, Option<Box<Self>>),
    /// A field of such a row.
    Column(String, String),
    /// Several, written one after the other.
    Join(Vec<Self>),
    /// As it is written.
    Other(String),
}

/// Where an expression stands.
#[derive(Clone)]
pub(super) struct Frame<'t> {
    pub(super) module: &'t Module,
    pub(super) class: Option<In<'t, Class>>,
    pub(super) function: Option<In<'t, Function>>,
    /// What its parameters stand for.
    pub(super) bound: BTreeMap<String, Meaning>,
}

impl Tree {
    /// Where a function's body stands; a consumer's methods know what they are given.
    pub(super) fn frame<'t>(&self, class: Option<In<'t, Class>>, function: In<'t, Function>) -> Frame<'t> {
        let mut bound = BTreeMap::new();
        for (name, _) in &function.it.parameters {
            let known = match (function.it.name.as_str(), name.as_str()) {
                (_, "event" | "evento") => Some(Meaning::Event(None)),
                ("receive" | "receive_json" | "websocket_receive", name) if name != "self" => {
                    Some(Meaning::Content(None))
                }
                _ => None,
            };
            if let Some(known) = known {
                bound.insert(name.clone(), known);
            }
        }
        Frame {
            module: function.module,
            class,
            function: Some(function),
            bound,
        }
    }

    pub(super) fn meaning(&self, frame: &Frame<'_>, expr: &Expr) -> Meaning {
        self.follow(frame, expr, 0)
    }

    pub(super) fn follow(&self, frame: &Frame<'_>, expr: &Expr, depth: u32) -> Meaning {
        let other = || Meaning::Other(written(expr));
        if depth >= DEPTH {
            return other();
        }
        let deeper = |expr: &Expr| self.follow(frame, expr, depth + 1);
        match &expr.kind {
            ExprKind::Text(text) | ExprKind::Number(text) => Meaning::Text(text.clone()),
            ExprKind::Format(parts) => joined(parts.iter().map(|part| match part {
                Part::Text(text) => Meaning::Text(text.clone()),
                Part::Value(value) => deeper(value),
            })),
            ExprKind::Binary(left, "+", right) => joined([deeper(left), deeper(right)]),
            ExprKind::Binary(left, "%", right) => {
                self.percent(frame, left, right, depth).unwrap_or_else(other)
            }
            ExprKind::Or(then, _) => deeper(then),
            // Of two names of a group, the one that says whose it is.
            ExprKind::Choice(_, then, otherwise) => match (deeper(then), deeper(otherwise)) {
                (then, otherwise) if has_tenant(&otherwise) && !has_tenant(&then) => otherwise,
                (then, _) => then,
            },
            ExprKind::Name(name) => self.name(frame, name, depth).unwrap_or_else(other),
            ExprKind::Attribute(of, name) => self.attribute(frame, of, name, depth).unwrap_or_else(other),
            ExprKind::Index(of, key) => match (text(key), &key.kind) {
                (Some(key), _) => part(deeper(of), key).unwrap_or_else(other),
                (None, ExprKind::Number(number)) => match (self.elements(frame, of), number.parse::<usize>())
                {
                    (Some((inner, items)), Ok(at)) => items
                        .get(at)
                        .map_or_else(other, |item| self.follow(&inner, &item.value, depth + 1)),
                    // `parse_qs(...)["tenant"][0]`
                    _ => deeper(of),
                },
                (None, ExprKind::Name(_)) => match deeper(key) {
                    Meaning::Text(key) => part(deeper(of), &key).unwrap_or_else(other),
                    _ => other(),
                },
                _ => other(),
            },
            ExprKind::Call(called, arguments) => self
                .call(frame, expr, called, arguments, depth)
                .unwrap_or_else(other),
            _ => other(),
        }
    }

    /// The elements of a tuple or list, itself or what was assigned to a name or to `self`.
    pub(super) fn elements<'t>(
        &'t self,
        frame: &Frame<'t>,
        expr: &'t Expr,
    ) -> Option<(Frame<'t>, &'t [Item])> {
        let of = |expr: &'t Expr| match &expr.kind {
            ExprKind::Tuple(items) | ExprKind::List(items) => Some(items.as_slice()),
            _ => None,
        };
        if let Some(items) = of(expr) {
            return Some((frame.clone(), items));
        }
        match &expr.kind {
            ExprKind::Name(name) => {
                let value = assigned(&frame.function?.it.body, name)?;
                Some((frame.clone(), of(value)?))
            }
            ExprKind::Attribute(own, name) if root(own) == ["self"] => {
                for class in self.line_of(frame.class?) {
                    for stmt in &class.it.body {
                        let StmtKind::Def(function) = &stmt.kind else {
                            continue;
                        };
                        let items = set_on_self(&function.body, name).and_then(of);
                        if let Some(items) = items.filter(|items| !items.is_empty()) {
                            let function = In {
                                module: class.module,
                                line: stmt.line,
                                it: function,
                            };
                            return Some((self.frame(frame.class, function), items));
                        }
                    }
                }
                None
            }
            _ => None,
        }
    }

    fn name(&self, frame: &Frame<'_>, name: &str, depth: u32) -> Option<Meaning> {
        if let Some(known) = frame.bound.get(name) {
            return Some(known.clone());
        }
        if name == "scope" {
            return Some(Meaning::Other("scope".into()));
        }
        if let Some(function) = frame.function
            && let Some(value) = assigned(&function.it.body, name)
        {
            return Some(self.follow(frame, value, depth + 1));
        }
        let value = assigned(&frame.module.body, name)?;
        let outside = Frame {
            module: frame.module,
            class: None,
            function: None,
            bound: BTreeMap::new(),
        };
        Some(self.follow(&outside, value, depth + 1))
    }

    fn attribute(&self, frame: &Frame<'_>, of: &Expr, name: &str, depth: u32) -> Option<Meaning> {
        let own = matches!(&of.kind, ExprKind::Name(own) if own == "self");
        if own && !frame.bound.contains_key("self") {
            return match name {
                "scope" => Some(Meaning::Other("scope".into())),
                _ => self.own(frame, name, depth),
            };
        }
        part(self.follow(frame, of, depth + 1), name)
    }

    /// `self.name`: what is assigned to it in any method, or a property's answer.
    fn own(&self, frame: &Frame<'_>, name: &str, depth: u32) -> Option<Meaning> {
        let class = frame.class?;
        for class in self.line_of(class) {
            for stmt in &class.it.body {
                let found = match &stmt.kind {
                    StmtKind::Def(function) => {
                        let function = In {
                            module: class.module,
                            line: stmt.line,
                            it: function,
                        };
                        let inner = self.frame(frame.class, function);
                        let property = function.it.name == name;
                        let value = if property {
                            returned(function.it)
                        } else {
                            set_on_self(&function.it.body, name)
                        };
                        value.map(|value| self.follow(&inner, value, depth + 1))
                    }
                    _ => assigned(std::slice::from_ref(stmt), name).map(|value| {
                        self.follow(
                            &Frame {
                                function: None,
                                ..frame.clone()
                            },
                            value,
                            depth + 1,
                        )
                    }),
                };
                // `group = None` until it is known.
                if let Some(found) = found.filter(|found| *found != Meaning::Other("None".into())) {
                    return Some(found);
                }
            }
        }
        None
    }

    fn call(
        &self,
        frame: &Frame<'_>,
        expr: &Expr,
        called: &Expr,
        arguments: &[Argument],
        depth: u32,
    ) -> Option<Meaning> {
        if let Some(row) = self.row(frame, expr, depth) {
            return Some(row);
        }
        let first = arguments.first().map(|argument| &argument.value);
        let name = called.last_name()?;
        match (name, first) {
            ("parse_qs" | "parse_qsl", _) => return Some(Meaning::Other("query".into())),
            ("loads", Some(first)) => return Some(self.follow(frame, first, depth + 1)),
            ("AccessToken" | "UntypedToken" | "decode" | "get_validated_token", _)
                if !matches!(name, "decode") || arguments.len() > 1 =>
            {
                return Some(Meaning::Other("claims".into()));
            }
            (
                "str" | "int" | "quote" | "unquote" | "force_str" | "escape" | "slugify" | "dict",
                Some(first),
            ) => {
                return Some(self.follow(frame, first, depth + 1));
            }
            _ => {}
        }
        if let ExprKind::Attribute(of, method) = &called.kind {
            if matches!(method.as_str(), "strip" | "lower" | "decode" | "encode" | "hex") {
                return Some(self.follow(frame, of, depth + 1));
            }
            if method == "get"
                && let Some(key) = first.and_then(text)
            {
                return part(self.follow(frame, of, depth + 1), key);
            }
            if method == "format" {
                return self.formatted(frame, of, arguments, depth);
            }
        }
        self.answer(frame, called, arguments, depth)
    }

    /// What a function of the project answers, where it is one expression.
    fn answer(
        &self,
        frame: &Frame<'_>,
        called: &Expr,
        arguments: &[Argument],
        depth: u32,
    ) -> Option<Meaning> {
        let inner = self.entered(frame, called, arguments, depth)?;
        let value = returned(inner.function?.it)?;
        Some(self.follow(&inner, value, depth + 1))
    }

    /// The frame of a call of one of the project's own functions or methods.
    pub(super) fn entered<'t>(
        &'t self,
        frame: &Frame<'t>,
        called: &Expr,
        arguments: &[Argument],
        depth: u32,
    ) -> Option<Frame<'t>> {
        // `database_sync_to_async(f)(...)`, `sync_to_async(self.f)(...)`
        if let ExprKind::Call(wrapper, wrapped) = &called.kind
            && wrapper
                .last_name()
                .is_some_and(|name| name.ends_with("sync_to_async"))
        {
            return self.entered(frame, &wrapped.first()?.value, arguments, depth);
        }
        let mut bound = BTreeMap::new();
        let (class, function) = match &called.kind {
            ExprKind::Name(name) => (None, self.function(name, frame.module)?),
            ExprKind::Attribute(of, name) => {
                let own = matches!(&of.kind, ExprKind::Name(own) if own == "self");
                if own && !frame.bound.contains_key("self") {
                    let (_, function) = self.method(frame.class?, name)?;
                    (frame.class, function)
                } else {
                    match self.follow(frame, of, depth + 1) {
                        Meaning::Row(model, key) => {
                            let class = self.class(&model, frame.module)?;
                            let (_, function) = self.method(class, name)?;
                            bound.insert("self".into(), Meaning::Row(model, key));
                            (Some(class), function)
                        }
                        // `services.may_enter(...)`
                        Meaning::Other(_) if matches!(of.kind, ExprKind::Name(_)) => {
                            (None, self.function(name, frame.module)?)
                        }
                        _ => return None,
                    }
                }
            }
            _ => return None,
        };
        let mut places = function.it.parameters.iter().map(|(name, _)| name);
        let mut own = self.frame(class, function);
        for argument in arguments {
            let name = match &argument.name {
                Some(name) => Some(name),
                None => places.find(|name| !matches!(name.as_str(), "self" | "cls")),
            };
            if let Some(name) = name {
                let meaning = self.follow(frame, &argument.value, depth + 1);
                bound.insert(name.clone(), meaning);
            }
        }
        own.bound.extend(bound);
        Some(own)
    }

    fn percent(&self, frame: &Frame<'_>, left: &Expr, right: &Expr, depth: u32) -> Option<Meaning> {
        let values: Vec<&Expr> = match &right.kind {
            ExprKind::Tuple(items) => items.iter().map(|item| &item.value).collect(),
            _ => vec![right],
        };
        let mut values = values.into_iter();
        let mut parts = Vec::new();
        for (at, piece) in text(left)?.split('%').enumerate() {
            let mut piece = piece;
            if at > 0 {
                parts.push(self.follow(frame, values.next()?, depth + 1));
                piece = piece.strip_prefix(['s', 'd', 'i'])?;
            }
            parts.push(Meaning::Text(piece.to_owned()));
        }
        Some(joined(parts))
    }

    fn formatted(&self, frame: &Frame<'_>, of: &Expr, arguments: &[Argument], depth: u32) -> Option<Meaning> {
        let mut parts = Vec::new();
        let mut next = 0;
        let of = self.follow(frame, of, depth + 1);
        let Meaning::Text(pattern) = of else { return None };
        for (at, piece) in pattern.split('{').enumerate() {
            let mut piece = piece;
            if at > 0 {
                let (name, rest) = piece.split_once('}')?;
                let argument = match name.parse::<usize>() {
                    Ok(place) => arguments.get(place),
                    Err(_) if name.is_empty() => {
                        next += 1;
                        arguments.get(next - 1)
                    }
                    Err(_) => arguments
                        .iter()
                        .find(|argument| argument.name.as_deref() == Some(name)),
                };
                parts.push(self.follow(frame, &argument?.value, depth + 1));
                piece = rest;
            }
            parts.push(Meaning::Text(piece.to_owned()));
        }
        Some(joined(parts))
    }
}

/// A key or an attribute of what something stands for.
fn part(of: Meaning, name: &str) -> Option<Meaning> {
    let tenant = |name: &str| matches!(name, "tenant" | "schema" | "schema_name" | "tenant_schema");
    Some(match of {
        Meaning::Event(None) => Meaning::Event(Some(name.to_owned())),
        Meaning::Content(None) => Meaning::Content(Some(name.to_owned())),
        Meaning::User(None) if tenant(name) => Meaning::Tenant,
        Meaning::User(None) => Meaning::User(Some(if name == "pk" { "id" } else { name }.to_owned())),
        Meaning::Row(_, Some(key)) if matches!(name, "id" | "pk") => *key,
        Meaning::Row(model, _) => Meaning::Column(model, name.to_owned()),
        Meaning::Tenant => Meaning::Tenant,
        Meaning::Other(of) => match (of.as_str(), name) {
            ("scope", "user") | ("request", "user") => Meaning::User(None),
            ("scope" | "connection" | "request", _) if tenant(name) => Meaning::Tenant,
            ("scope", "url_route") => Meaning::Other("route".into()),
            ("route", "kwargs") => Meaning::Other("kwargs".into()),
            ("kwargs", _) => Meaning::Kwarg(name.to_owned()),
            ("scope", "query_string" | "query_params") => Meaning::Other("query".into()),
            ("scope", "usuario") => Meaning::User(None),
            ("scope", _) => Meaning::Other(format!("scope.{name}")),
            ("query", _) => Meaning::Query(name.to_owned()),
            ("claims", _) => Meaning::Claim(name.to_owned()),
            _ => return None,
        },
        Meaning::Text(_)
        | Meaning::Kwarg(_)
        | Meaning::Query(_)
        | Meaning::User(Some(_))
        | Meaning::Event(Some(_))
        | Meaning::Content(Some(_))
        | Meaning::Claim(_)
        | Meaning::Column(..)
        | Meaning::Join(_) => return None,
    })
}

fn has_tenant(meaning: &Meaning) -> bool {
    match meaning {
        Meaning::Join(parts) => parts.iter().any(has_tenant),
        other => *other == Meaning::Tenant,
    }
}

fn joined(parts: impl IntoIterator<Item = Meaning>) -> Meaning {
    let mut out: Vec<Meaning> = Vec::new();
    for one in parts {
        let more = match one {
            Meaning::Join(more) => more,
            one => vec![one],
        };
        for one in more {
            match (out.last_mut(), one) {
                (_, Meaning::Text(text)) if text.is_empty() => {}
                (Some(Meaning::Text(before)), Meaning::Text(text)) => before.push_str(&text),
                (_, one) => out.push(one),
            }
        }
    }
    match (out.pop(), out.is_empty()) {
        (None, _) => Meaning::Text(String::new()),
        (Some(only), true) => only,
        (Some(last), false) => {
            out.push(last);
            Meaning::Join(out)
        }
    }
}
