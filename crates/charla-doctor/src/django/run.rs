//! Carries out a settings file as far as that can be told: assignments, conditions, imports within the project.
//!
//! Nothing of it runs: there is no Python here. What depends on anything but the text and the environment is a value of its
//! own, [`Unknown`], and what depends on that is unknown too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::environment::Environment;
use super::files::Files;
use super::parse::parse;
use super::syntax::{Expr, ExprKind, Function, Stmt, StmtKind, root};
use super::value::{Unknown, Value};

/// Statements and calls of one reading.
const STEPS: u32 = 50_000;
/// Modules that import modules, functions that call functions.
const DEPTH: u32 = 12;
/// Rounds of one loop.
const ROUNDS: usize = 200;

/// A value and where it was set.
#[derive(Clone)]
pub(super) struct Bound {
    /// What.
    pub(super) value: Value,
    /// File and line.
    pub(super) at: String,
}

/// Names of a module, and those of a function while it is called.
pub(super) struct Scope {
    pub(super) file: PathBuf,
    pub(super) names: BTreeMap<String, Bound>,
    pub(super) locals: Option<BTreeMap<String, Value>>,
}

/// How a block was left.
pub(super) enum Flow {
    Next,
    Return(Value),
    Raised,
}

/// Reads modules.
pub(super) struct Reader<'a> {
    pub(super) files: &'a dyn Files,
    /// Where modules are looked for.
    pub(super) roots: Vec<PathBuf>,
    pub(super) environment: Environment<'a>,
    steps: u32,
    pub(super) depth: u32,
    /// Modules that are being read, so that circles end.
    open: Vec<PathBuf>,
    /// `except` around what is being read: what is not there was reckoned with.
    handlers: u32,
    /// What could not be followed: `from x import *` at file:line.
    pub(super) missing: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(files: &'a dyn Files, roots: Vec<PathBuf>, environment: Environment<'a>) -> Self {
        Self {
            files,
            roots,
            environment,
            steps: 0,
            depth: 0,
            open: Vec::new(),
            handlers: 0,
            missing: Vec::new(),
        }
    }

    /// Reads one module's file.
    pub(super) fn module(&mut self, file: &Path) -> Option<Scope> {
        if self.depth >= DEPTH || self.open.iter().any(|open| open == file) {
            return None;
        }
        let text = self.files.read(file)?;
        let mut scope = Scope {
            file: file.to_owned(),
            names: BTreeMap::new(),
            locals: None,
        };
        self.open.push(file.to_owned());
        self.depth += 1;
        for stmt in parse(&text) {
            // What Python would stop at is told to be missing, and the rest is read all the same.
            self.block(&mut scope, std::slice::from_ref(&stmt));
        }
        self.depth -= 1;
        self.open.pop();
        Some(scope)
    }

    /// One more step; false when there were too many.
    pub(super) fn step(&mut self) -> bool {
        self.steps += 1;
        self.steps < STEPS
    }

    pub(super) fn block(&mut self, scope: &mut Scope, body: &[Stmt]) -> Flow {
        for stmt in body {
            if !self.step() {
                self.forget(scope, stmt);
                continue;
            }
            match self.statement(scope, stmt) {
                Flow::Next => {}
                left @ (Flow::Return(_) | Flow::Raised) => return left,
            }
        }
        Flow::Next
    }

    fn statement(&mut self, scope: &mut Scope, stmt: &Stmt) -> Flow {
        match &stmt.kind {
            StmtKind::Expr(value) => self.effect(scope, value),
            StmtKind::Assign(targets, value) => {
                let value = self.value(scope, value);
                for target in targets {
                    self.assign(scope, target, value.clone());
                }
            }
            StmtKind::Augment(target, operator, value) => {
                let before = self.value(scope, target);
                let value = self.value(scope, value);
                let after = self.binary(scope, before, operator, value, stmt.line);
                self.assign(scope, target, after);
            }
            StmtKind::If(branches) => return self.branches(scope, branches),
            StmtKind::For(names, of, body) => return self.rounds(scope, stmt, names, of, body),
            StmtKind::Try(body, handlers, otherwise, finally) => {
                self.handlers += u32::from(!handlers.is_empty());
                let tried = self.block(scope, body);
                self.handlers -= u32::from(!handlers.is_empty());
                let left = match (tried, handlers.first()) {
                    (Flow::Raised, Some(handler)) => self.block(scope, handler),
                    (Flow::Next, _) => self.block(scope, otherwise),
                    (left, _) => left,
                };
                return match left {
                    Flow::Next => self.block(scope, finally),
                    Flow::Return(_) | Flow::Raised => left,
                };
            }
            StmtKind::With(names, body) => {
                for name in names {
                    self.bind(scope, name, unknown(scope, stmt.line, None), stmt.line);
                }
                return self.block(scope, body);
            }
            StmtKind::Import(names) => {
                for (module, other) in names {
                    let (bound, known) = match other {
                        Some(other) => (other.as_str(), module.as_str()),
                        // `import a.b` binds a.
                        None => {
                            let first = module.split('.').next().unwrap_or(module);
                            (first, first)
                        }
                    };
                    self.environment.imported(module);
                    self.bind(scope, bound, Value::Known(known.to_owned()), stmt.line);
                }
            }
            StmtKind::From { module, level, names } => {
                return self.import(scope, stmt.line, module, *level, names.as_deref());
            }
            StmtKind::Def(function) => {
                let value = Value::Function(Arc::new(function.clone()));
                self.bind(scope, &function.name, value, stmt.line);
            }
            StmtKind::Return(value) => {
                let value = value
                    .as_ref()
                    .map_or(Value::None, |value| self.value(scope, value));
                return Flow::Return(value);
            }
            StmtKind::Raise => return Flow::Raised,
            StmtKind::Class(_) | StmtKind::Opaque(_) => self.forget(scope, stmt),
        }
        Flow::Next
    }

    fn branches(&mut self, scope: &mut Scope, branches: &[(Option<Expr>, Vec<Stmt>)]) -> Flow {
        for (at, (condition, body)) in branches.iter().enumerate() {
            let taken = condition
                .as_ref()
                .map_or(Some(true), |condition| self.value(scope, condition).truth());
            match taken {
                Some(true) => return self.block(scope, body),
                Some(false) => {}
                None => {
                    // Whatever any of the rest sets may be so or not.
                    for (_, body) in branches.iter().skip(at) {
                        body.iter().for_each(|stmt| self.forget(scope, stmt));
                    }
                    return Flow::Next;
                }
            }
        }
        Flow::Next
    }

    fn rounds(&mut self, scope: &mut Scope, stmt: &Stmt, names: &[String], of: &Expr, body: &[Stmt]) -> Flow {
        let of = self.value(scope, of);
        let items = match &of {
            Value::List(items) if of.unknown().is_none() && items.len() <= ROUNDS => items.clone(),
            _ => {
                self.forget(scope, stmt);
                return Flow::Next;
            }
        };
        for item in items {
            self.spread(scope, names, item, stmt.line);
            match self.block(scope, body) {
                Flow::Next => {}
                left @ (Flow::Return(_) | Flow::Raised) => return left,
            }
        }
        Flow::Next
    }

    /// Binds some names to the elements of a value, or one to all of it.
    pub(super) fn spread(&mut self, scope: &mut Scope, names: &[String], value: Value, line: u32) {
        if let [name] = names {
            self.bind(scope, name, value, line);
            return;
        }
        let items = value.list().unwrap_or_default();
        for (at, name) in names.iter().enumerate() {
            let item = items
                .get(at)
                .cloned()
                .unwrap_or_else(|| unknown(scope, line, None));
            self.bind(scope, name, item, line);
        }
    }

    #[expect(clippy::unused_self, reason = "it reads as one of the reader's moves")]
    pub(super) fn bind(&self, scope: &mut Scope, name: &str, value: Value, line: u32) {
        if let Some(locals) = &mut scope.locals {
            locals.insert(name.to_owned(), value);
            return;
        }
        let at = place(scope, line);
        scope.names.insert(name.to_owned(), Bound { value, at });
    }

    /// What a statement may have set is unknown from here on.
    fn forget(&self, scope: &mut Scope, stmt: &Stmt) {
        for name in stmt.binds() {
            let value = unknown(scope, stmt.line, None);
            self.bind(scope, name, value, stmt.line);
        }
        let mut stars = false;
        stmt.walk(&mut |inner| stars |= matches!(inner.kind, StmtKind::From { names: None, .. }));
        if stars {
            let at = place(scope, stmt.line);
            let name = format!("*{at}");
            let value = unknown(scope, stmt.line, None);
            scope.names.insert(name, Bound { value, at });
        }
    }

    pub(super) fn assign(&mut self, scope: &mut Scope, target: &Expr, value: Value) {
        match &target.kind {
            ExprKind::Name(name) => self.bind(scope, name, value, target.line),
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                let names: Vec<String> = items
                    .iter()
                    .flat_map(|item| root(&item.value))
                    .map(str::to_owned)
                    .collect();
                self.spread(scope, &names, value, target.line);
            }
            ExprKind::Index(of, key) => {
                let key = self.value(scope, key);
                let at = place(scope, target.line);
                let lost = unknown(scope, target.line, None);
                self.change(
                    scope,
                    of,
                    |slot| match slot {
                        Value::Dict(rows) if key.unknown().is_none() => Value::set(rows, key, value),
                        Value::List(items) => {
                            let slot = index_of(&key, items.len()).and_then(|index| items.get_mut(index));
                            if let Some(slot) = slot {
                                *slot = value;
                            }
                        }
                        slot => *slot = lost,
                    },
                    &at,
                );
            }
            // Attributes of modules and objects are no settings.
            _ => {}
        }
    }

    /// Changes the value at a place: `NAME`, `NAME["a"]["b"]`.
    pub(super) fn change(
        &mut self,
        scope: &mut Scope,
        target: &Expr,
        change: impl FnOnce(&mut Value),
        at: &str,
    ) {
        let mut keys = Vec::new();
        let mut of = target;
        while let ExprKind::Index(inner, key) = &of.kind {
            keys.push(self.value(scope, key));
            of = inner;
        }
        let ExprKind::Name(name) = &of.kind else { return };
        let local = scope.locals.as_mut().and_then(|locals| locals.get_mut(name));
        let mut slot = match local {
            Some(local) => local,
            None => match scope.names.get_mut(name) {
                Some(bound) => {
                    at.clone_into(&mut bound.at);
                    &mut bound.value
                }
                None => return,
            },
        };
        for key in keys.into_iter().rev() {
            slot = match slot {
                Value::Dict(rows) => {
                    if !rows.iter().any(|(known, _)| known.same(&key) == Some(true)) {
                        Value::set(rows, key.clone(), Value::Dict(Vec::new()));
                    }
                    match rows.iter_mut().find(|(known, _)| known.same(&key) == Some(true)) {
                        Some((_, value)) => value,
                        None => return,
                    }
                }
                Value::List(items) => {
                    match index_of(&key, items.len()).and_then(|index| items.get_mut(index)) {
                        Some(slot) => slot,
                        None => return,
                    }
                }
                _ => return,
            };
        }
        change(slot);
    }

    fn import(
        &mut self,
        scope: &mut Scope,
        line: u32,
        module: &str,
        level: u32,
        names: Option<&[(String, Option<String>)]>,
    ) -> Flow {
        self.environment.imported(module);
        let found = self.locate(&scope.file, module, level);
        let ours = found.is_some() || level > 0;
        let read = found.and_then(|file| self.module(&file));
        match (names, read) {
            (None, Some(read)) => {
                let public = read.names.into_iter().filter(|(name, _)| !name.starts_with('_'));
                scope.names.extend(public);
            }
            (None, None) => {
                if self.handlers == 0 {
                    self.missing.push(format!(
                        "from {}{module} import * at {}",
                        ".".repeat(usize::try_from(level).unwrap_or(0)),
                        place(scope, line)
                    ));
                }
                return Flow::Raised;
            }
            (Some(names), read) => {
                for (name, other) in names {
                    let bound = other.as_deref().unwrap_or(name);
                    let value = match &read {
                        Some(read) => read.names.get(name).map(|bound| bound.value.clone()),
                        None => None,
                    };
                    let value = value.or_else(|| {
                        let module = self.locate(&scope.file, &format!("{module}.{name}"), level)?;
                        Some(Value::Known(format!("module:{}", module.display())))
                    });
                    let missing = read.is_none() && ours && value.is_none();
                    let value = value.unwrap_or_else(|| {
                        if ours {
                            unknown(scope, line, None)
                        } else {
                            Value::Known(format!("{module}.{name}"))
                        }
                    });
                    self.bind(scope, bound, value, line);
                    if missing {
                        return Flow::Raised;
                    }
                }
            }
        }
        Flow::Next
    }

    /// The file of a module: relative to a file, or under one of the roots.
    pub(super) fn locate(&self, from: &Path, module: &str, level: u32) -> Option<PathBuf> {
        let relative: PathBuf = module.split('.').filter(|part| !part.is_empty()).collect();
        let bases: Vec<PathBuf> = if level == 0 {
            self.roots.clone()
        } else {
            let up = usize::try_from(level).unwrap_or(usize::MAX);
            vec![from.ancestors().nth(up)?.to_owned()]
        };
        let candidates = bases.iter().flat_map(|base| {
            let package = base.join(&relative).join("__init__.py");
            let module = base.join(&relative).with_extension("py");
            if relative.as_os_str().is_empty() {
                [package.clone(), package]
            } else {
                [module, package]
            }
        });
        candidates.into_iter().find(|file| self.files.is_file(file))
    }

    /// Calls a function of the settings' own.
    pub(super) fn call(
        &mut self,
        scope: &mut Scope,
        function: &Function,
        given: Vec<(Option<String>, Value)>,
        line: u32,
    ) -> Value {
        if self.depth >= DEPTH || !self.step() {
            return unknown(scope, line, None);
        }
        let mut locals = BTreeMap::new();
        for (name, default) in &function.parameters {
            let value = match default {
                Some(default) => self.value(scope, default),
                None => unknown(scope, line, None),
            };
            locals.insert(name.clone(), value);
        }
        let mut places = function.parameters.iter().map(|(name, _)| name);
        for (name, value) in given {
            if let Some(name) = name.or_else(|| places.next().cloned()) {
                locals.insert(name, value);
            }
        }
        let outer = scope.locals.replace(locals);
        self.depth += 1;
        let left = self.block(scope, &function.body);
        self.depth -= 1;
        scope.locals = outer;
        match left {
            Flow::Next => Value::None,
            Flow::Return(value) => value,
            Flow::Raised => unknown(scope, line, None),
        }
    }
}

/// Where a list's element is.
pub(super) fn index_of(key: &Value, length: usize) -> Option<usize> {
    let Value::Int(number) = key else { return None };
    let length = i64::try_from(length).ok()?;
    usize::try_from(if *number < 0 { length + number } else { *number }).ok()
}

/// `file:line`
pub(super) fn place(scope: &Scope, line: u32) -> String {
    format!("{}:{line}", scope.file.display())
}

/// A value that cannot be told.
pub(super) fn unknown(scope: &Scope, line: u32, needs: Option<String>) -> Value {
    Value::Unknown(Unknown {
        at: place(scope, line),
        needs,
    })
}
