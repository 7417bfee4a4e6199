//! Whatever somebody hands over to be explained: files, folders, standard input, a text.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::evidence::{Evidence, SCHEMA, Skipped};
use crate::explain::Reader;
use crate::explain::opened::{BUFFER, opened};
use crate::text::{Text, both};

/// Files of a folder that are read, and how deep.
const FILES: usize = 2_000;
const DEPTH: usize = 8;
/// A larger file of a folder is read only when it is given by its name.
const HUGE: u64 = 4 << 30;
/// Endings of files that hold no log.
const OTHER: [&str; 22] = [
    "png", "jpg", "jpeg", "gif", "webp", "svg", "ico", "pdf", "zip", "xz", "zst", "bz2", "7z", "tar", "tgz",
    "db", "sqlite3", "so", "pyc", "woff", "woff2", "mp4",
];

/// Reads everything and sums it up. What is no file and no folder is a text itself.
///
/// `progress` is called now and then with the bytes that were read since, out of those that [`size`] counts.
///
/// # Errors
/// A source that was named and cannot be read. Files of a folder are passed over instead, with a word in
/// [`Evidence::skipped`].
pub fn read(
    sources: &[String],
    stdin: impl BufRead,
    progress: impl FnMut(u64) + Send + 'static,
) -> io::Result<Evidence> {
    let mut reader = Reader::new(false).with_progress(progress);
    let mut skipped = Vec::new();
    let mut stdin = Some(stdin);
    let mut texts = Vec::new();
    for source in sources {
        let path = Path::new(source);
        if source == "-" {
            if let Some(stdin) = stdin.take() {
                let from = opened(stdin).map_err(|error| named("-", &error))?;
                reader.read("-", None, from.text, None)?;
            }
        } else if path.is_dir() {
            for file in files(path, &mut skipped) {
                if let Err(error) = file_into(&mut reader, &file) {
                    skipped.push(passed_over(&file, Text::same(error.to_string())));
                }
            }
        } else if path.exists() || is_path(source) {
            file_into(&mut reader, path).map_err(|error| named(source, &error))?;
        } else {
            texts.push(source.as_str());
        }
    }
    if !texts.is_empty() {
        // Words that a shell split belong together.
        reader.read("text", None, texts.join(" ").as_bytes(), None)?;
    }
    Ok(Evidence {
        schema: SCHEMA,
        skipped,
        logs: reader.finish(),
        ..Evidence::default()
    })
}

/// Bytes that [`read`] is going to read, as far as files say: the whole of a progress bar.
#[must_use]
pub fn size(sources: &[String]) -> u64 {
    let of = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    let sizes = sources.iter().map(|source| {
        let path = Path::new(source);
        if path.is_dir() {
            files(path, &mut Vec::new()).iter().map(|file| of(file)).sum()
        } else {
            of(path)
        }
    });
    sizes.sum()
}

/// Whether a word that names nothing was meant as a file: it should have been there.
fn is_path(source: &str) -> bool {
    let path = Path::new(source);
    let ending = path.extension().and_then(|ending| ending.to_str());
    !source.contains(char::is_whitespace)
        && !source.contains("://")
        && !source.contains("::")
        && (source.starts_with(['/', '.', '~'])
            || matches!(ending, Some("log" | "txt" | "har" | "json" | "gz")))
}

fn file_into(reader: &mut Reader, path: &Path) -> io::Result<()> {
    let name = path.display().to_string();
    let from = opened(BufReader::with_capacity(BUFFER, File::open(path)?))?;
    let name = if from.packed {
        name.trim_end_matches(".gz")
    } else {
        &name
    };
    reader.read(name, None, from.text, None)
}

fn named(source: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{source}: {error}"))
}

/// The files of a folder that may hold a log, in order of their names.
fn files(folder: &Path, skipped: &mut Vec<Skipped>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(folder, 0, &mut found, skipped);
    found
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>, skipped: &mut Vec<Skipped>) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            skipped.push(passed_over(folder, Text::same(error.to_string())));
            return;
        }
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        // A link may lead in a circle, or out of the folder.
        let Ok(kind) = fs::symlink_metadata(&path) else {
            continue;
        };
        let ending = path
            .extension()
            .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        if hidden || kind.is_symlink() || ending.is_some_and(|ending| OTHER.contains(&ending.as_str())) {
            continue;
        }
        if kind.is_dir() {
            if depth < DEPTH {
                walk(&path, depth + 1, found, skipped);
            }
        } else if found.len() >= FILES {
            skipped.push(passed_over(
                &path,
                both!(
                    "{FILES} files were read already",
                    "ya se leyeron {FILES} ficheros"
                ),
            ));
            return;
        } else if kind.len() > HUGE {
            skipped.push(passed_over(
                &path,
                both!("it is larger than 4 GiB", "ocupa más de 4 GiB"),
            ));
        } else if kind.is_file() {
            found.push(path);
        }
    }
}

fn passed_over(path: &Path, why: Text) -> Skipped {
    let shown = path.display().to_string();
    Skipped {
        try_this: Some(format!("charla explain '{shown}'")),
        what: Text::same(shown),
        why,
    }
}
