//! Whatever somebody hands over to be explained: files, folders, standard input, a text.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::evidence::{Evidence, SCHEMA, Skipped};
use crate::explain::Reader;
use crate::text::{Text, both};

/// One read from a file.
const BUFFER: usize = 256 * 1024;
/// Files of a folder that are read, and how deep.
const FILES: usize = 2_000;
const DEPTH: usize = 8;
/// A larger file of a folder is read only when it is given by its name.
const HUGE: u64 = 4 << 30;
/// A text in UTF-16 (as PowerShell writes it) is turned whole, up to this size.
const UTF16: u64 = 256 << 20;
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
                reader.read("-", None, stdin, None)?;
            }
        } else if path.is_dir() {
            for file in files(path, &mut skipped) {
                if let Err(error) = file_into(&mut reader, &file) {
                    skipped.push(passed_over(&file, Text::same(error.to_string())));
                }
            }
        } else if path.exists() || is_path(source) {
            file_into(&mut reader, path)
                .map_err(|error| io::Error::new(error.kind(), format!("{source}: {error}")))?;
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
    let mut from = BufReader::with_capacity(BUFFER, File::open(path)?);
    let start = from.fill_buf()?;
    if start.starts_with(&[0x1f, 0x8b]) {
        let inner = BufReader::with_capacity(BUFFER, MultiGzDecoder::new(from));
        return reader.read(name.trim_end_matches(".gz"), None, inner, None);
    }
    if start.starts_with(&[0xff, 0xfe]) {
        let text = utf16(from)?;
        return reader.read(&name, None, text.as_bytes(), None);
    }
    if memchr::memchr(0, start.get(..8_192).unwrap_or(start)).is_some() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no text"));
    }
    reader.read(&name, None, from, None)
}

fn utf16(from: impl io::Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(UTF16).read_to_end(&mut bytes)?;
    let units = bytes.get(2..).unwrap_or_default().chunks_exact(2);
    let units = units.filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)));
    Ok(char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect())
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
