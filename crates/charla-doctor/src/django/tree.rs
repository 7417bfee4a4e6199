//! The project's own Python: every module read once, and what is in it found by name.
//!
//! Migrations, tests, and what others wrote are left out. Bounded by files, folders and depth.

use std::path::{Path, PathBuf};

use super::files::Files;
use super::parse::parse_noting;
use super::syntax::{Class, Expr, ExprKind, Function, Stmt, StmtKind};

/// Modules that are read.
const MODULES: usize = 2_000;
/// Folders in folders.
const DEPTH: u32 = 8;
/// Folders that hold nothing of the application itself.
const SKIPPED: [&str; 12] = [
    "migrations",
    "tests",
    "test",
    "node_modules",
    "venv",
    "env",
    "site-packages",
    "__pycache__",
    "static",
    "staticfiles",
    "media",
    "templates",
];

/// One file of Python.
pub(super) struct Module {
    pub(super) file: PathBuf,
    pub(super) body: Vec<Stmt>,
    /// Lines that could not be read.
    pub(super) unread: Vec<u32>,
}

/// All of them.
pub(super) struct Tree {
    pub(super) modules: Vec<Module>,
}

/// Something in a module.
pub(super) struct In<'t, T> {
    pub(super) module: &'t Module,
    /// The line it begins on.
    pub(super) line: u32,
    pub(super) it: &'t T,
}

impl<T> Clone for In<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for In<'_, T> {}

impl Tree {
    pub(super) fn read(files: &dyn Files, root: &Path) -> Self {
        let mut found = Vec::new();
        collect(files, root, 0, &mut found);
        let modules = found.into_iter().filter_map(|file| {
            let (body, unread) = parse_noting(&files.read(&file)?);
            Some(Module { file, body, unread })
        });
        Self {
            modules: modules.collect(),
        }
    }

    /// Every class.
    pub(super) fn classes(&self) -> impl Iterator<Item = In<'_, Class>> {
        self.modules.iter().flat_map(|module| {
            let mut found = Vec::new();
            module.body.iter().for_each(|stmt| {
                stmt.walk(&mut |stmt| {
                    if let StmtKind::Class(class) = &stmt.kind {
                        found.push(In {
                            module,
                            line: stmt.line,
                            it: class,
                        });
                    }
                });
            });
            found
        })
    }

    /// A class by its name: one beside a module first.
    pub(super) fn class(&self, name: &str, beside: &Module) -> Option<In<'_, Class>> {
        let named = || self.classes().filter(|class| class.it.name == name);
        named()
            .find(|class| class.module.file == beside.file)
            .or_else(|| named().next())
    }

    /// A function of a module, by its name: one beside a module first.
    pub(super) fn function(&self, name: &str, beside: &Module) -> Option<In<'_, Function>> {
        let own = self.modules.iter().find(|module| module.file == beside.file);
        own.into_iter()
            .chain(&self.modules)
            .find_map(|module| function_in(module, &module.body, name))
    }

    /// A class and what of the project it derives from, nearest first.
    pub(super) fn line_of<'t>(&'t self, class: In<'t, Class>) -> Vec<In<'t, Class>> {
        let mut line = vec![class];
        let mut at = 0;
        while let Some(one) = line.get(at).copied() {
            at += 1;
            if line.len() > 20 {
                break;
            }
            for base in one.it.bases.iter().filter_map(Expr::last_name) {
                if let Some(base) = self.class(base, one.module)
                    && !line.iter().any(|known| std::ptr::eq(known.it, base.it))
                {
                    line.push(base);
                }
            }
        }
        line
    }

    /// A method of a class, its own or inherited.
    pub(super) fn method<'t>(
        &'t self,
        class: In<'t, Class>,
        name: &str,
    ) -> Option<(In<'t, Class>, In<'t, Function>)> {
        self.line_of(class)
            .into_iter()
            .find_map(|class| Some((class, function_in(class.module, &class.it.body, name)?)))
    }

    /// Every function with the class it is a method of.
    pub(super) fn functions(&self) -> Vec<(Option<In<'_, Class>>, In<'_, Function>)> {
        let mut found = Vec::new();
        for module in &self.modules {
            gather(module, None, &module.body, &mut found);
        }
        found
    }
}

fn gather<'t>(
    module: &'t Module,
    class: Option<In<'t, Class>>,
    body: &'t [Stmt],
    found: &mut Vec<(Option<In<'t, Class>>, In<'t, Function>)>,
) {
    for stmt in body {
        stmt.walk(&mut |stmt| match &stmt.kind {
            StmtKind::Def(function) => {
                let line = stmt.line;
                let it = function;
                found.push((class, In { module, line, it }));
                gather(module, class, &function.body, found);
            }
            StmtKind::Class(inner) => {
                let own = In {
                    module,
                    line: stmt.line,
                    it: inner,
                };
                gather(module, Some(own), &inner.body, found);
            }
            _ => {}
        });
    }
}

fn function_in<'t>(module: &'t Module, body: &'t [Stmt], name: &str) -> Option<In<'t, Function>> {
    let mut found = None;
    body.iter().for_each(|stmt| {
        stmt.walk(&mut |stmt| {
            if let StmtKind::Def(function) = &stmt.kind
                && function.name == name
            {
                found.get_or_insert(In {
                    module,
                    line: stmt.line,
                    it: function,
                });
            }
        });
    });
    found
}

fn collect(files: &dyn Files, folder: &Path, depth: u32, found: &mut Vec<PathBuf>) {
    for path in files.list(folder) {
        if found.len() >= MODULES {
            return;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let python = name.strip_suffix(".py");
        match python {
            Some(stem) if stem.starts_with("test_") || stem == "tests" || stem == "conftest" => {}
            Some(_) => {
                if files.is_file(&path) {
                    found.push(path);
                }
            }
            None => {
                let skipped = name.contains('.') || SKIPPED.contains(&name.as_ref());
                if !skipped && depth < DEPTH && !files.is_file(&path) {
                    collect(files, &path, depth + 1, found);
                }
            }
        }
    }
}

impl Module {
    /// `file:line`
    pub(super) fn at(&self, line: u32) -> String {
        format!("{}:{line}", self.file.display())
    }
}

impl<T> In<'_, T> {
    /// `file:line`
    pub(super) fn at(&self) -> String {
        self.module.at(self.line)
    }
}

/// Every expression of some statements, functions within left out.
pub(super) fn each<'t>(body: &'t [Stmt], see: &mut dyn FnMut(&'t Expr)) {
    for stmt in body {
        stmt.walk(&mut |stmt| {
            for expr in stmt.expressions() {
                expr.walk(see);
            }
        });
    }
}

/// What a call is given under a name.
pub(super) fn named<'t>(expr: &'t Expr, name: &str) -> Option<&'t Expr> {
    let ExprKind::Call(_, arguments) = &expr.kind else {
        return None;
    };
    let found = arguments
        .iter()
        .find(|argument| argument.name.as_deref() == Some(name));
    found.map(|argument| &argument.value)
}

/// The text of an expression that is one.
pub(super) fn text(expr: &Expr) -> Option<&str> {
    if let ExprKind::Text(text) = &expr.kind {
        Some(text)
    } else {
        None
    }
}
