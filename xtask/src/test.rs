//! `cargo xtask test`: every check and every test, cheapest first.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use crate::{
    fmt,
    install::{self, Tools},
    run::{cargo, on_path, run, target},
    tidy,
};

/// Folders whose `*.test.js` and `*.test.mjs` files need nothing but Node.
const JS_FOLDERS: &[&str] = &["js", "web"];

/// The folder whose tests start real servers and browsers.
const END_TO_END: &str = "tests";

pub(crate) fn run_all(root: &Path, install: bool) -> Result<(), String> {
    let started = Instant::now();
    install::everything(root, install)?;
    let tools = install::tools(root);
    fmt::check(root)?;
    tidy::run(root)?;
    run(cargo(root).args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "--deny",
        "warnings",
    ]))?;
    run(cargo(root).args(["build", "--workspace", "--bins", "--locked"]))?;
    rust_tests(root, &tools)?;
    js_tests(root, JS_FOLDERS, &tools)?;
    js_tests(root, &[END_TO_END], &tools)?;
    println!("\nall green after {} s", started.elapsed().as_secs());
    Ok(())
}

fn rust_tests(root: &Path, tools: &Tools) -> Result<(), String> {
    let own = tools.cargo.join("bin/cargo-nextest");
    let mut nextest = if on_path("cargo-nextest") {
        cargo(root)
    } else {
        Command::new(own)
    };
    nextest
        .current_dir(root)
        .args(["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]);
    run(&mut nextest)?;
    run(cargo(root).args(["test", "--doc", "--workspace", "--locked"]))
}

fn js_tests(root: &Path, folders: &[&str], tools: &Tools) -> Result<(), String> {
    let mut files = Vec::new();
    for folder in folders {
        find_tests(&root.join(folder), &mut files).map_err(|error| format!("{folder}: {error}"))?;
    }
    if files.is_empty() {
        println!("\nno JavaScript tests in {}", folders.join(", "));
        return Ok(());
    }
    files.sort();
    let mut node = Command::new(tools.node_program());
    // Named one by one: Node 18, 20 and 22 understand a folder in three different ways.
    node.current_dir(root).args(["--test", "--test-concurrency=1"]);
    node.args(files.iter().map(|file| file.strip_prefix(root).unwrap_or(file)));
    run(with_tools(&mut node, root, tools))
}

/// What JavaScript tests may rely on: `CHARLA_BIN`, `CHARLA_TOOLS_NODE` (a folder with `node_modules`),
/// `CHARLA_TOOLS_PYTHON` (one with `bin/python`) and npm's programs on the path.
pub(crate) fn with_tools<'a>(command: &'a mut Command, root: &Path, tools: &Tools) -> &'a mut Command {
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(tools.programs().into_iter().chain(env::split_paths(&path)));
    if let Ok(path) = path {
        command.env("PATH", path);
    }
    command
        .env("CHARLA_BIN", target(root).join("debug/charla"))
        .env("CHARLA_TOOLS_NODE", &tools.node)
        .env("CHARLA_TOOLS_PYTHON", &tools.python)
        .env("NODE_PATH", tools.node.join("node_modules"))
}

fn find_tests(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && name != "node_modules" {
            find_tests(&path, files)?;
        } else if name.ends_with(".test.js") || name.ends_with(".test.mjs") {
            files.push(path);
        }
    }
    Ok(())
}
