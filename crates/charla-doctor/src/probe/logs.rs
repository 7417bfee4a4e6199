//! The logs beside a handshake: where each ended before it, and what came since.
//!
//! Files are marked, the handshake is made, and what was added meanwhile is fresh. A log that is rotated in between is read
//! from its beginning.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::evidence::{Skipped, SourceKind};
use crate::explain::Reader;
use crate::text::both;

/// History that is read of each file, in bytes: its last part.
const TAIL: u64 = 1 << 20;
/// What is read of what came since, in bytes: its first part. A server out of descriptors writes megabytes a second.
const FRESH: u64 = 1 << 20;
/// How often it is looked whether a log has grown.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A log that has grown is quiet after so long.
const QUIET_AFTER: Duration = Duration::from_millis(60);
/// A log that does not grow is not waited for longer.
const SETTLE_WITHIN: Duration = Duration::from_millis(250);

/// Files that are watched.
#[derive(Default)]
pub struct Watched {
    files: Vec<Watching>,
}

struct Watching {
    path: PathBuf,
    kind: Option<SourceKind>,
    before: u64,
    after: Option<u64>,
}

impl Watched {
    /// Marks where a file ends now. One that is named twice is read once.
    pub fn mark(&mut self, path: &Path, kind: Option<SourceKind>) {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if self.files.iter().any(|watching| watching.path == path) {
            return;
        }
        let before = length(&path);
        self.files.push(Watching {
            path,
            kind,
            before,
            after: None,
        });
    }

    /// Waits until what the handshake left has been written, and marks where each file ends then: later lines are left out.
    pub async fn settle(&mut self) {
        let lengths = |files: &[Watching]| {
            files
                .iter()
                .map(|watching| length(&watching.path))
                .collect::<Vec<_>>()
        };
        let began = Instant::now();
        let mut last: Vec<u64> = self.files.iter().map(|watching| watching.before).collect();
        let mut grown_at = None;
        while began.elapsed() < SETTLE_WITHIN {
            let now = lengths(&self.files);
            if now != last {
                grown_at = Some(Instant::now());
                last = now;
            }
            if grown_at.is_some_and(|at| at.elapsed() > QUIET_AFTER) {
                break;
            }
            sleep(LOOK_EVERY).await;
        }
        for watching in &mut self.files {
            watching.after = Some(length(&watching.path));
        }
    }

    /// Reads them; says which could not be read.
    pub fn read(&self, reader: &mut Reader) -> Vec<Skipped> {
        let read = |watching: &Watching| {
            let error = watching.read(reader).err()?;
            let path = watching.path.display();
            Some(Skipped {
                what: both!("the log {path}", "el registro {path}"),
                why: crate::text::Text::same(error.to_string()),
                try_this: Some(format!("sudo tail -n 200 {path} | charla explain -")),
            })
        };
        self.files.iter().filter_map(read).collect()
    }
}

impl Watching {
    fn read(&self, reader: &mut Reader) -> std::io::Result<()> {
        let mut file = File::open(&self.path)?;
        let end = self.after.unwrap_or(u64::MAX);
        // Shorter than before: rotated or emptied, so that all of it is new.
        let before = if length(&self.path) < self.before {
            0
        } else {
            self.before
        };
        let start = before.saturating_sub(TAIL);
        file.seek(SeekFrom::Start(start))?;
        let name = self.path.display().to_string();
        let part = file.take(end.min(before + FRESH).saturating_sub(start));
        reader.read(&name, self.kind, BufReader::new(part), Some(before - start))
    }
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::signs::Sign;

    const REFUSED: &str =
        "redis.exceptions.ConnectionError: Error 111 connecting to 127.0.0.1:6379. Connection refused.\n";

    #[tokio::test]
    async fn what_came_since_the_mark_is_fresh_and_what_comes_later_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("application.log");
        std::fs::write(&path, REFUSED).unwrap();
        let mut watched = Watched::default();
        watched.mark(&path, None);
        watched.mark(&path, None);
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(REFUSED.as_bytes()).unwrap();
        watched.settle().await;
        file.write_all(REFUSED.as_bytes()).unwrap();
        let mut reader = Reader::new(true);
        assert!(watched.read(&mut reader).is_empty());
        let logs = reader.finish();
        let seen = logs.sign(Sign::RedisRefused).unwrap();
        assert_eq!((seen.count, seen.fresh), (2, 1));
    }

    #[test]
    fn of_a_flood_only_the_first_part_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("application.log");
        std::fs::write(&path, "").unwrap();
        let mut watched = Watched::default();
        watched.mark(&path, None);
        let line = "ERROR asyncio socket.accept() out of system resource\n";
        let lines = FRESH / line.len() as u64 * 2;
        std::fs::write(&path, line.repeat(usize::try_from(lines).unwrap())).unwrap();
        let mut reader = Reader::new(true);
        assert!(watched.read(&mut reader).is_empty());
        let count = reader.finish().sign(Sign::TooManyFiles).unwrap().count;
        assert!(count > lines / 3 && count < lines * 2 / 3, "{count} of {lines}");
    }

    #[tokio::test]
    async fn a_log_that_cannot_be_read_is_named() {
        let mut watched = Watched::default();
        watched.mark(Path::new("/nowhere/application.log"), None);
        watched.settle().await;
        let skipped = watched.read(&mut Reader::new(true));
        assert_eq!(skipped.len(), 1);
        assert!(skipped[0].try_this.as_ref().unwrap().starts_with("sudo tail"));
    }
}
