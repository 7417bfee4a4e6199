//! How the application is started, as far as files beside it say: Procfile, units, compose files, scripts.

use std::path::{Path, PathBuf};

use super::files::Files;

/// Files that are looked at.
const FILES: usize = 200;

/// How it is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// `uvicorn`, `daphne`, `gunicorn`, `hypercorn`.
    pub server: String,
    /// The port; the server's default where none is given.
    pub port: u16,
    /// Whether the port was written there.
    pub written: bool,
    /// File and line.
    pub at: String,
}

/// Looks beside the project.
pub(super) fn find(files: &dyn Files, root: &Path) -> Option<Launch> {
    let mut found: Vec<Launch> = candidates(files, root)
        .into_iter()
        .filter_map(|file| in_text(&files.read(&file)?, &file))
        .collect();
    found.sort_by_key(|launch| !launch.written);
    found.into_iter().next()
}

fn candidates(files: &dyn Files, root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let folders = [
        "", "deploy", "docker", "scripts", "bin", "ops", "systemd", "compose", ".deploy",
    ];
    let above = root.parent().map(Path::to_owned);
    let bases = folders.iter().map(|folder| root.join(folder)).chain(above);
    for base in bases {
        for file in files.list(&base) {
            let name = file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .to_lowercase();
            let suits = [
                "procfile",
                "dockerfile",
                "makefile",
                "compose",
                "entrypoint",
                "run",
                "start",
                "supervisord",
            ]
            .iter()
            .any(|part| name.contains(part))
                || [".service", ".sh", ".conf.py"]
                    .iter()
                    .any(|end| name.ends_with(end));
            if suits && found.len() < FILES && files.is_file(&file) {
                found.push(file);
            }
        }
    }
    found
}

fn in_text(text: &str, file: &Path) -> Option<Launch> {
    // A command may go on over lines that end in a backslash.
    let joined = text.replace("\\\r\n", "  ").replace("\\\n", "  ");
    for (at, line) in joined.lines().enumerate() {
        if line.trim_start().starts_with('#') {
            continue;
        }
        let line = line.replace(['"', '\'', ',', '[', ']'], " ");
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(place) = words.iter().position(|word| {
            let name = word.rsplit('/').next().unwrap_or(word);
            matches!(name, "uvicorn" | "daphne" | "gunicorn" | "hypercorn")
        }) else {
            continue;
        };
        let server = words.get(place)?.rsplit('/').next()?.to_owned();
        let rest = words.get(place + 1..)?;
        // Its name alone is no command: `pip install uvicorn`.
        if !rest
            .iter()
            .any(|word| word.contains(':') && word.contains("asgi"))
        {
            continue;
        }
        let port = port(rest);
        return Some(Launch {
            server,
            port: port.unwrap_or(8000),
            written: port.is_some(),
            at: format!("{}:{}", file.display(), at + 1),
        });
    }
    None
}

fn port(words: &[&str]) -> Option<u16> {
    words.iter().enumerate().find_map(|(at, word)| {
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, value),
            None => (*word, words.get(at + 1).copied().unwrap_or_default()),
        };
        match flag {
            "--port" | "-p" => value.parse().ok(),
            "-b" | "--bind" => value.rsplit(':').next()?.parse().ok(),
            _ => None,
        }
    })
}
