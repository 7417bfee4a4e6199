//! The Python environment of a process, and what is installed in it. Nothing of it is run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::evidence::Package;
use crate::probe::proc;

/// Distributions that decide how a WebSocket fares.
const MATTER: [&str; 22] = [
    "asgiref",
    "autobahn",
    "channels",
    "channels-redis",
    "daphne",
    "django",
    "django-tenants",
    "djangorestframework",
    "djangorestframework-simplejwt",
    "gunicorn",
    "hiredis",
    "httptools",
    "hypercorn",
    "msgpack",
    "psycopg",
    "pyjwt",
    "redis",
    "twisted",
    "uvicorn",
    "uvicorn-worker",
    "websockets",
    "wsproto",
];

/// Folders with installed distributions, the first to be searched first.
#[must_use]
pub fn site_packages(
    pid: Option<u32>,
    interpreter: Option<&str>,
    folder: Option<&Path>,
    environment: &BTreeMap<String, String>,
) -> Vec<PathBuf> {
    let foreign = pid.filter(|pid| proc::link(*pid, "root").is_some_and(|root| root.as_os_str() != "/"));
    let root = foreign.map_or_else(
        || PathBuf::from("/"),
        |pid| PathBuf::from(format!("/proc/{pid}/root")),
    );
    let executable = pid.and_then(|pid| proc::link(pid, "exe"));
    let mut found = Vec::new();
    for path in environment
        .get("PYTHONPATH")
        .into_iter()
        .flat_map(|paths| paths.split(':'))
    {
        let path = proc::reach(&root, Path::new(path));
        if path.is_absolute() && has_distributions(&path) {
            found.push(path);
        }
    }
    let mut prefixes = Vec::new();
    let base = folder.unwrap_or(Path::new("/"));
    // The interpreter as it was called: a virtual environment is where that stands, though the binary is elsewhere.
    if let Some(called) = interpreter.filter(|called| called.contains('/')) {
        prefixes.extend(prefix(&base.join(called)));
    }
    prefixes.extend(environment.get("VIRTUAL_ENV").map(PathBuf::from));
    prefixes.extend(environment.get("CONDA_PREFIX").map(PathBuf::from));
    prefixes.extend(executable.as_deref().and_then(prefix));
    let version = executable.as_deref().and_then(version);
    for prefix in prefixes {
        let prefix = proc::reach(&root, &prefix);
        let own = libraries(&prefix, version.as_deref());
        let isolated = is_isolated(&prefix);
        for folder in own {
            if !found.contains(&folder) {
                found.push(folder);
            }
        }
        if isolated && !found.is_empty() {
            break;
        }
    }
    found
}

/// `/srv/venv/bin/python` → `/srv/venv`.
fn prefix(interpreter: &Path) -> Option<PathBuf> {
    Some(interpreter.parent()?.parent()?.to_owned())
}

/// `python3.11` of `/usr/bin/python3.11`.
fn version(interpreter: &Path) -> Option<String> {
    let name = interpreter.file_name()?.to_str()?;
    (name.starts_with("python3.")).then(|| name.to_owned())
}

/// A virtual environment that does not look further: its `pyvenv.cfg` does not include the system's packages.
fn is_isolated(prefix: &Path) -> bool {
    let Ok(text) = fs::read_to_string(prefix.join("pyvenv.cfg")) else {
        return false;
    };
    !text
        .lines()
        .any(|line| line.replace(' ', "").to_lowercase() == "include-system-site-packages=true")
}

fn libraries(prefix: &Path, version: Option<&str>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for parent in ["lib", "lib64", "local/lib"].map(|name| prefix.join(name)) {
        let entries = fs::read_dir(&parent).into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| is_python(path, version))
            .collect();
        folders.sort();
        for folder in folders {
            found.extend(
                ["site-packages", "dist-packages"]
                    .map(|name| folder.join(name))
                    .into_iter()
                    .filter(|path| path.is_dir()),
            );
        }
    }
    found.dedup_by_key(|path| path.canonicalize().unwrap_or_else(|_| path.clone()));
    found
}

fn is_python(path: &Path, version: Option<&str>) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    match version {
        // Debian's own packages stand in `python3`, whatever the version.
        Some(version) => name == version || name == "python3",
        None => name.starts_with("python3"),
    }
}

fn has_distributions(folder: &Path) -> bool {
    let mut entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.any(|entry| distribution(&entry.file_name().to_string_lossy()).is_some())
}

/// Those distributions that matter; of two the one in the first folder.
#[must_use]
pub fn packages(folders: &[PathBuf]) -> Vec<Package> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for folder in folders {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let distribution = distribution(&name.to_string_lossy());
            if let Some((name, version)) = distribution.filter(|(name, _)| MATTER.contains(&name.as_str())) {
                found.entry(name).or_insert(version);
            }
        }
    }
    let found = found.into_iter().map(|(name, version)| Package { name, version });
    found.collect()
}

/// `channels_redis-4.3.0.dist-info` → `channels-redis`, `4.3.0` (names as PEP 503 writes them).
fn distribution(name: &str) -> Option<(String, String)> {
    let name = name
        .strip_suffix(".dist-info")
        .or_else(|| name.strip_suffix(".egg-info"))?;
    let (name, version) = name.split_once('-')?;
    // `name-1.0-py3.11.egg-info`
    let version = version.split_once("-py").map_or(version, |(version, _)| version);
    Some((name.to_lowercase().replace(['_', '.'], "-"), version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_one_way() {
        assert_eq!(
            distribution("channels_redis-4.3.0.dist-info"),
            Some(("channels-redis".to_owned(), "4.3.0".to_owned()))
        );
        assert_eq!(
            distribution("PyJWT-2.10.1.dist-info"),
            Some(("pyjwt".to_owned(), "2.10.1".to_owned()))
        );
        assert_eq!(
            distribution("redis-5.0-py3.11.egg-info"),
            Some(("redis".to_owned(), "5.0".to_owned()))
        );
        assert_eq!(distribution("redis"), None);
    }

    #[test]
    fn a_virtual_environment_hides_what_is_outside() {
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("lib/python3.11/site-packages");
        fs::create_dir_all(site.join("uvicorn-0.54.0.dist-info")).unwrap();
        fs::create_dir_all(site.join("pip-23.2.1.dist-info")).unwrap();
        fs::write(
            folder.path().join("pyvenv.cfg"),
            "include-system-site-packages = false\n",
        )
        .unwrap();
        let interpreter = folder.path().join("bin/python");
        let found = site_packages(
            Some(std::process::id()),
            interpreter.to_str(),
            None,
            &BTreeMap::new(),
        );
        // The tests' own binary is no Python, so that any version's folder counts.
        assert_eq!(found, [site]);
        assert_eq!(
            packages(&found),
            [Package {
                name: "uvicorn".to_owned(),
                version: "0.54.0".to_owned()
            }]
        );
    }
}
