//! Finds a project's settings: from a folder or a file, the module's name, `manage.py` and `asgi.py`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::files::Files;
use super::parse::parse;
use super::syntax::{Expr, ExprKind, Stmt};

/// Where the settings are.
pub(super) struct Place {
    /// The settings' file.
    pub(super) file: PathBuf,
    /// Folders that modules are looked for in; the first is the project's.
    pub(super) roots: Vec<PathBuf>,
    /// How that became known.
    pub(super) from: String,
}

/// Finds them.
pub(super) fn locate(
    files: &dyn Files,
    given: &Path,
    env: Option<&BTreeMap<String, String>>,
    module: Option<&str>,
) -> Option<Place> {
    if files.is_file(given) {
        return Some(of_file(files, given));
    }
    let roots = candidates(files, given);
    let named = module.map(|module| (module.to_owned(), "the module's name that was given".to_owned()));
    let own = || {
        let module = env?.get("DJANGO_SETTINGS_MODULE")?;
        Some((module.clone(), "DJANGO_SETTINGS_MODULE of the process".to_owned()))
    };
    let named = named
        .or_else(own)
        .or_else(|| roots.iter().find_map(|root| named_in(files, root)));
    if let Some((module, from)) = named {
        for root in &roots {
            if let Some(file) = module_file(files, root, &module) {
                return Some(Place {
                    file,
                    roots: with_sources(root),
                    from,
                });
            }
        }
    }
    for root in &roots {
        let here = [
            root.join("settings.py"),
            root.join("settings").join("__init__.py"),
        ];
        let below = files.list(root).into_iter().flat_map(|folder| {
            [
                folder.join("settings.py"),
                folder.join("settings").join("production.py"),
                folder.join("settings").join("__init__.py"),
            ]
        });
        if let Some(file) = here.into_iter().chain(below).find(|file| files.is_file(file)) {
            let from = format!("the only settings in {}", root.display());
            return Some(Place {
                file,
                roots: with_sources(root),
                from,
            });
        }
    }
    None
}

/// A settings file: its project is where the packages around it end.
fn of_file(files: &dyn Files, file: &Path) -> Place {
    let mut root = file.parent().unwrap_or(Path::new("")).to_owned();
    while files.is_file(&root.join("__init__.py")) && root.pop() {}
    // Packages need no __init__.py: a manage.py tells as well.
    let above = root
        .ancestors()
        .take(3)
        .find(|folder| files.is_file(&folder.join("manage.py")));
    let root = above.map_or(root.clone(), Path::to_owned);
    Place {
        file: file.to_owned(),
        roots: with_sources(&root),
        from: "the file that was given".into(),
    }
}

fn with_sources(root: &Path) -> Vec<PathBuf> {
    ["", "src", "apps", "backend"]
        .iter()
        .map(|folder| {
            if folder.is_empty() {
                root.to_owned()
            } else {
                root.join(folder)
            }
        })
        .collect()
}

/// The folder, what is in it, and what it is in.
fn candidates(files: &dyn Files, given: &Path) -> Vec<PathBuf> {
    let mut roots = vec![given.to_owned()];
    let is_project = |folder: &Path| files.is_file(&folder.join("manage.py"));
    if !is_project(given) {
        let below = files.list(given);
        let deeper = below
            .iter()
            .filter(|folder| folder.ends_with("src") || folder.ends_with("backend"))
            .flat_map(|folder| files.list(folder));
        roots.extend(
            below
                .iter()
                .cloned()
                .chain(deeper)
                .filter(|folder| is_project(folder)),
        );
        roots.extend(
            given
                .ancestors()
                .skip(1)
                .take(3)
                .filter(|folder| is_project(folder))
                .map(Path::to_owned),
        );
    }
    roots
}

fn module_file(files: &dyn Files, root: &Path, module: &str) -> Option<PathBuf> {
    let path: PathBuf = module.split('.').collect();
    with_sources(root).into_iter().find_map(|base| {
        let module = base.join(&path).with_extension("py");
        let package = base.join(&path).join("__init__.py");
        [module, package].into_iter().find(|file| files.is_file(file))
    })
}

/// `os.environ.setdefault("DJANGO_SETTINGS_MODULE", "x.settings")` of manage.py or asgi.py; asgi.py is what a server loads.
fn named_in(files: &dyn Files, root: &Path) -> Option<(String, String)> {
    let mut scripts = vec![root.join("asgi.py")];
    scripts.extend(files.list(root).into_iter().map(|folder| folder.join("asgi.py")));
    scripts.push(root.join("manage.py"));
    scripts.push(root.join("wsgi.py"));
    scripts.into_iter().find_map(|script| {
        let text = files.read(&script)?;
        let (module, line) = parse(&text).iter().find_map(named)?;
        Some((module, format!("{}:{line}", script.display())))
    })
}

fn named(stmt: &Stmt) -> Option<(String, u32)> {
    let mut found = None;
    let mut see = |expr: &Expr| {
        if let ExprKind::Call(called, arguments) = &expr.kind
            && called.last_name() == Some("setdefault")
            && let [name, value] = arguments.as_slice()
            && matches!(&name.value.kind, ExprKind::Text(text) if text == "DJANGO_SETTINGS_MODULE")
            && let ExprKind::Text(module) = &value.value.kind
        {
            found = Some((module.clone(), expr.line));
        }
    };
    stmt.walk(&mut |stmt| {
        // manage.py does it in a function.
        if let super::syntax::StmtKind::Def(function) = &stmt.kind {
            function.body.iter().for_each(|stmt| {
                stmt.walk(&mut |stmt| {
                    stmt.expressions()
                        .iter()
                        .for_each(|expr| expr.walk(&mut |expr| see(expr)))
                })
            });
        }
        stmt.expressions()
            .iter()
            .for_each(|expr| expr.walk(&mut |expr| see(expr)));
    });
    found
}
