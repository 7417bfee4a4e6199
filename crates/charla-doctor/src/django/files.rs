//! The only file access of the reader: small text files, read whole.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// A longer file is not read.
const BYTES: u64 = 512 * 1024;

/// Where files come from.
pub(super) trait Files {
    /// The text of a file; none when there is none, or it is too long.
    fn read(&self, path: &Path) -> Option<String>;
    /// Whether there is such a file.
    fn is_file(&self, path: &Path) -> bool;
    /// What is in a folder, sorted; at most some hundred.
    fn list(&self, folder: &Path) -> Vec<PathBuf>;
}

/// The machine's.
pub(super) struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> Option<String> {
        // A pipe or device would wait for somebody.
        if !self.is_file(path) {
            return None;
        }
        let mut bytes = Vec::new();
        fs::File::open(path)
            .ok()?
            .take(BYTES + 1)
            .read_to_end(&mut bytes)
            .ok()?;
        let short = u64::try_from(bytes.len()).is_ok_and(|length| length <= BYTES);
        short.then(|| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn is_file(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|found| found.is_file())
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.take(500).map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }
}

/// Files that are no machine's.
#[derive(Default)]
pub(super) struct Held(pub(super) std::collections::BTreeMap<PathBuf, String>);

impl Files for Held {
    fn read(&self, path: &Path) -> Option<String> {
        self.0.get(path).cloned()
    }

    fn is_file(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let under = self.0.keys().filter_map(|path| {
            let first = path.strip_prefix(folder).ok()?.components().next()?;
            Some(folder.join(first))
        });
        let mut paths: Vec<PathBuf> = under.collect();
        paths.dedup();
        paths
    }
}
