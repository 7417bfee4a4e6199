//! A PostgreSQL of the bench's own: as it comes, with commits that are on disk when they are acknowledged.
//!
//! PostgreSQL refuses to run as root: then it runs as the user that Debian's package made for it.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};

/// How long a server may take to start.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// How many were started, for their folders' names.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// A running server, ended and removed when dropped.
pub(crate) struct Database {
    folder: PathBuf,
    programs: PathBuf,
    owner: Option<(u32, u32)>,
    child: Mutex<Option<Child>>,
}

impl Database {
    /// Makes an empty one.
    pub(crate) fn start() -> Outcome<Self> {
        let folder = std::env::temp_dir().join(format!(
            "charla-bench-pg-{}-{}",
            std::process::id(),
            STARTED.fetch_add(1, Ordering::Relaxed)
        ));
        fs::create_dir_all(&folder)?;
        let owner = owner();
        if let Some((user, group)) = owner {
            chown(&folder, Some(user), Some(group))?;
        }
        let database = Self {
            folder,
            programs: programs()?,
            owner,
            child: Mutex::new(None),
        };
        let data = database.folder.join("data");
        let how = [
            "--username=charla",
            "--encoding=UTF8",
            "--locale=C",
            "--auth=trust",
            "--no-sync",
        ];
        database.done(database.program("initdb").args(how).arg(&data))?;
        let child = database
            .program("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&database.folder)
            .args(["-c", "listen_addresses="])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        *database.lock() = Some(child);
        let began = Instant::now();
        while !database
            .program("pg_isready")
            .arg("-q")
            .arg("-h")
            .arg(&database.folder)
            .status()?
            .success()
        {
            if began.elapsed() > STARTS_WITHIN {
                return Err(Failure::Server("PostgreSQL does not start".into()));
            }
            // sleeps because a server that comes up tells nobody
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(database)
    }

    /// Has it do this.
    pub(crate) fn sql(&self, sql: &str) -> Outcome<()> {
        let mut psql = self.program("psql");
        psql.args(["-q", "-U", "charla", "-d", "postgres", "-c", sql, "-h"])
            .arg(&self.folder);
        self.done(&mut psql)
    }

    /// Its address, for Charla's settings.
    pub(crate) fn url(&self) -> String {
        format!("postgres:///postgres?user=charla&host={}", self.folder.display())
    }

    /// The same in words of `key = value`, for the driver.
    pub(crate) fn words(&self) -> String {
        format!("host={} user=charla dbname=postgres", self.folder.display())
    }

    /// Ends it.
    pub(crate) fn stop(&self) {
        if let Some(mut child) = self.lock().take() {
            if let Some(pid) = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap_or(0)) {
                // One that ended meanwhile needs no signal.
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
            }
            let _ = child.wait();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.child
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(&self.folder).stdin(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    fn done(&self, command: &mut Command) -> Outcome<()> {
        let output = command.output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Failure::Server(format!(
            "PostgreSQL in {}: {said}",
            self.folder.display()
        )))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The newest server's programs, where Debian keeps them.
fn programs() -> Outcome<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    found.sort();
    let newest = found.pop().map(|(_, programs)| programs);
    newest.ok_or_else(|| Failure::Server("PostgreSQL is not installed".into()))
}

/// The user to be instead of root.
fn owner() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.starts_with("postgres:"))?;
    let mut fields = line.split(':').skip(2).map(str::parse);
    Some((fields.next()?.ok()?, fields.next()?.ok()?))
}
