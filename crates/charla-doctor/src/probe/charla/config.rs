//! A `charla.toml` and the `CHARLA_*` variables over it: only what the doctor looks at, and none of the server's own rules.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use toml::{Table, Value};

use crate::token::Key;

/// The largest file that is read, in bytes.
const FILE_MAX: u64 = 256 * 1024;
/// The server's own default (`store.path`).
const STORE_FOLDER: &str = "charla-data";
/// The database in that folder.
const STORE_FILE: &str = "charla.db";

/// What a Charla server is set to. Has no `Debug`: it holds secrets.
#[derive(Clone, Default)]
pub struct Config {
    /// The file, as it was given.
    pub path: String,
    /// `server.listen`: `127.0.0.1:9001`.
    pub listen: Option<String>,
    /// The store's address, with its password: `postgres://...` or the path of a SQLite file.
    pub store: String,
    /// `broker.url`, with its password.
    pub broker: Option<String>,
    /// `[[auth.keys]]` and `auth.secret`.
    pub keys: Vec<Key>,
    /// What could not be read: key and reason.
    pub faults: Vec<String>,
}

/// Reads a file, and the variables of the server's process over it.
///
/// # Errors
/// Those of the file, or where it is no TOML; without a word of its contents.
pub fn read(path: &Path, variables: &BTreeMap<String, String>) -> io::Result<Config> {
    if fs::metadata(path)?.len() > FILE_MAX {
        return Err(io::Error::other("larger than 256 KiB"));
    }
    let text = fs::read_to_string(path)?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(1, |before| before.matches('\n').count() + 1);
        io::Error::other(format!("no TOML: line {line}"))
    })?;
    Ok(understood(path, &table, variables))
}

fn understood(path: &Path, table: &Table, variables: &BTreeMap<String, String>) -> Config {
    let mut reader = Reader {
        folder: path.parent().unwrap_or(Path::new("")).to_owned(),
        table,
        variables,
        faults: Vec::new(),
    };
    let listen = reader.text("server", "listen");
    let store = match reader.text("store", "url") {
        Some(url) => {
            let password = reader.file("store", "password_file");
            password.map_or(url.clone(), |password| {
                let separator = if url.contains('?') { '&' } else { '?' };
                format!(
                    "{url}{separator}password={}",
                    utf8_percent_encode(&password, NON_ALPHANUMERIC)
                )
            })
        }
        None => {
            let folder = reader
                .path("store", "path")
                .unwrap_or_else(|| reader.folder.join(STORE_FOLDER));
            folder.join(STORE_FILE).display().to_string()
        }
    };
    let broker = reader.text("broker", "url").map(|url| {
        match (reader.file("broker", "password_file"), url.split_once("://")) {
            (Some(password), Some((scheme, rest))) => {
                let password = utf8_percent_encode(&password, NON_ALPHANUMERIC);
                let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
                format!("{scheme}://{user}:{password}@{rest}")
            }
            (Some(_) | None, _) => url,
        }
    });
    let keys = reader.keys(path);
    Config {
        path: path.display().to_string(),
        listen,
        store,
        broker,
        keys,
        faults: reader.faults,
    }
}

struct Reader<'a> {
    folder: PathBuf,
    table: &'a Table,
    variables: &'a BTreeMap<String, String>,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn in_file(&self, section: &str, name: &str) -> Option<&str> {
        self.table.get(section)?.get(name)?.as_str()
    }

    fn variable(&self, section: &str, name: &str) -> Option<&String> {
        self.variables.get(&format!(
            "CHARLA_{}_{}",
            section.to_uppercase(),
            name.to_uppercase()
        ))
    }

    fn text(&self, section: &str, name: &str) -> Option<String> {
        let variable = self.variable(section, name).cloned();
        variable
            .or_else(|| self.in_file(section, name).map(str::to_owned))
            .filter(|text| !text.is_empty())
    }

    /// In the file, paths start at the file's own folder.
    fn path(&self, section: &str, name: &str) -> Option<PathBuf> {
        let variable = self.variable(section, name).map(PathBuf::from);
        variable.or_else(|| Some(self.folder.join(self.in_file(section, name)?)))
    }

    /// What stands in the file that a setting names.
    fn file(&mut self, section: &str, name: &str) -> Option<String> {
        let path = self.path(section, name)?;
        self.read(&format!("{section}.{name}"), &path)
    }

    fn read(&mut self, key: &str, path: &Path) -> Option<String> {
        let small = fs::metadata(path).is_ok_and(|about| about.is_file() && about.len() <= FILE_MAX);
        match fs::read_to_string(path) {
            Ok(text) if small => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
            Ok(_) => None,
            Err(error) => {
                self.faults.push(format!("{key} {}: {error}", path.display()));
                None
            }
        }
    }

    fn keys(&mut self, path: &Path) -> Vec<Key> {
        let mut keys = Vec::new();
        let own = self
            .table
            .get("auth")
            .and_then(Value::as_table)
            .cloned()
            .unwrap_or_default();
        let shown = path.display();
        if let Some(secret) = self.secret("auth", &own) {
            let key = self.key("auth.secret", &secret, format!("auth.secret in {shown}"));
            keys.extend(key.map(|key| key.with_algorithm(Some("HS256".into()))));
        }
        for (index, entry) in own
            .get("keys")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
        {
            let Some(entry) = entry.as_table() else { continue };
            let name = format!("auth.keys[{index}]");
            let Some(text) = self.secret(&name, entry) else {
                continue;
            };
            let word = |field: &str| entry.get(field).and_then(Value::as_str).map(str::to_owned);
            let key = self.key(&name, &text, format!("{name} in {shown}"));
            keys.extend(key.map(|key| key.with_algorithm(word("algorithm")).with_id(word("kid"))));
        }
        keys
    }

    fn key(&mut self, name: &str, text: &str, from: String) -> Option<Key> {
        let key = Key::parse(text, from);
        key.map_err(|error| self.faults.push(format!("{name}: {error}")))
            .ok()
    }

    /// A secret or public key, given here, in a file, or in a variable of the server's process.
    fn secret(&mut self, name: &str, entry: &Table) -> Option<String> {
        let word = |field: &str| entry.get(field).and_then(Value::as_str);
        if let Some(text) = word("secret").or(word("public_key")) {
            return Some(text.to_owned());
        }
        if let Some(path) = word("secret_file").or(word("public_key_file")) {
            let path = self.folder.join(path);
            return self.read(name, &path);
        }
        let variable = word("secret_env")?;
        let value = self.variables.get(variable).cloned();
        if value.is_none() {
            self.faults.push(format!(
                "{name}: the variable {variable} of the server's process is not known"
            ));
        }
        value
    }
}
