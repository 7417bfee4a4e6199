//! Configuration files on this machine, bounded: no devices, no pipes, nothing large.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::nginx::{Files, matches_glob};
use crate::probe::proc::reach;

/// A single file of configuration.
const FILE: u64 = 4 << 20;
/// Entries of one folder that are looked at.
const ENTRIES: usize = 4_096;
/// `O_NONBLOCK`: opening a pipe that nobody writes must not wait.
const NONBLOCK: i32 = 0o4000;

/// Files below the root of a process.
pub(super) struct Disk {
    root: PathBuf,
    changed: Option<(f64, String)>,
}

impl Disk {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            changed: None,
        }
    }

    /// The newest change of any file that was read.
    pub(super) fn changed(self) -> Option<(f64, String)> {
        self.changed
    }
}

fn open(path: &Path) -> Result<fs::File, String> {
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(NONBLOCK)
        .open(path)
        .map_err(|error| error.to_string())?;
    let about = file.metadata().map_err(|error| error.to_string())?;
    if about.is_file() {
        Ok(file)
    } else {
        Err("not a file".to_owned())
    }
}

/// Whether a file may be read.
pub(super) fn is_readable(path: &Path) -> Result<(), String> {
    open(path).map(drop)
}

/// The text of a file.
pub(super) fn text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut part = open(path)?.take(FILE + 1);
    part.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > FILE {
        return Err(format!("larger than {FILE} bytes"));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Files for Disk {
    fn read(&mut self, path: &str) -> Result<String, String> {
        let reached = reach(&self.root, Path::new(path));
        let text = text(&reached)?;
        let changed = fs::metadata(&reached).and_then(|about| about.modified()).ok();
        let changed = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        if let Some(changed) = changed.map(|since| since.as_secs_f64())
            && self.changed.as_ref().is_none_or(|(newest, _)| changed > *newest)
        {
            self.changed = Some((changed, path.to_owned()));
        }
        Ok(text)
    }

    fn list(&mut self, pattern: &str) -> Result<Vec<String>, String> {
        let mut paths = vec![String::new()];
        let mut done = String::new();
        for part in pattern.split('/').skip(1) {
            done = format!("{done}/{part}");
            if !part.contains(['*', '?', '[']) {
                paths.iter_mut().for_each(|path| path.extend(["/", part]));
                continue;
            }
            let mut next = Vec::new();
            for folder in paths {
                let reached = reach(
                    &self.root,
                    Path::new(if folder.is_empty() { "/" } else { &folder }),
                );
                let entries = match fs::read_dir(&reached) {
                    Ok(entries) => entries,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error.to_string()),
                };
                let names = entries
                    .flatten()
                    .take(ENTRIES)
                    .map(|entry| entry.file_name().to_string_lossy().into_owned());
                next.extend(
                    names
                        .map(|name| format!("{folder}/{name}"))
                        .filter(|path| matches_glob(&done, path)),
                );
            }
            next.sort();
            paths = next;
        }
        paths.retain(|path| reach(&self.root, Path::new(path)).exists());
        Ok(paths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_listed_sorted_and_devices_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().display().to_string();
        for name in ["b/x.conf", "a/y.conf", "a/.z.conf", "a/no"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "a;").unwrap();
        }
        let mut disk = Disk::new(Path::new("/"));
        assert_eq!(
            disk.list(&format!("{base}/*/*.conf")).unwrap(),
            [format!("{base}/a/y.conf"), format!("{base}/b/x.conf")]
        );
        assert_eq!(
            disk.list(&format!("{base}/none/*.conf")).unwrap(),
            Vec::<String>::new()
        );
        assert_eq!(disk.read(&format!("{base}/a/no")).unwrap(), "a;");
        assert!(disk.read("/dev/zero").is_err() && disk.read(&base).is_err());
        assert!(disk.changed().is_some());
    }
}
