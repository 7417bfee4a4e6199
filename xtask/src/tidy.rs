//! `cargo xtask tidy`: the house rules that the compiler does not know.
//!
//! One rule, one file: its data and a pure function from what it looks at to faults. This file reads the
//! tree once, asks every rule and prints all faults, so that one run shows everything.

mod catalogue;
mod layers;
mod lengths;
mod papers;
mod patterns;
mod words;

use std::{fs, io, path::Path};

use crate::{causes, codegen};

/// A text file of the repository, with its path from the root.
struct Source {
    path: String,
    text: String,
}

/// What git ignores, and git itself.
const SKIPPED: &[&str] = &[".git", "node_modules", ".venv", ".run", "charla-data"];

/// Runs every rule.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    println!("\n$ cargo xtask tidy");
    let sources = read_tree(root).map_err(|error| format!("reading the tree: {error}"))?;
    let mut faults = layers::check(&layers::metadata(root)?);
    faults.extend(layers::check_sources(&sources));
    faults.extend(lengths::check(&sources));
    faults.extend(patterns::check(&sources));
    faults.extend(words::check(&sources));
    let table = causes::load(root)?;
    faults.extend(catalogue::check(&table));
    faults.extend(papers::check_links(&sources));
    faults.extend(papers::check_codes(&sources, &table));
    faults.extend(codegen::check(root)?);
    verdict(&faults)
}

/// No faults is success; otherwise all of them, one a line, and their number.
pub(crate) fn verdict(faults: &[String]) -> Result<(), String> {
    if faults.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n{} fault(s)", faults.join("\n"), faults.len()))
}

fn read_tree(root: &Path) -> io::Result<Vec<Source>> {
    let mut sources = Vec::new();
    read_folder(root, root, &mut sources)?;
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

/// What a file says; of a picture nothing, but it is there to be linked to.
fn text(path: &Path) -> Option<String> {
    if path.extension().is_some_and(|kind| kind == "png") {
        return Some(String::new());
    }
    fs::read_to_string(path).ok()
}

fn read_folder(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        if SKIPPED.contains(&name.as_str()) || folder == root && name.starts_with("target") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            read_folder(root, &path, sources)?;
        } else if entry.file_type()?.is_file()
            && let Some(text) = text(&path)
        {
            let path = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            sources.push(Source { path, text });
        }
    }
    Ok(())
}

#[cfg(test)]
fn source(path: &str, text: &str) -> Source {
    Source {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}
