//! The application's PostgreSQL: a server of the bench's own with as many users as people knock, each with a chat.
//!
//! PostgreSQL refuses to run as root: then it runs as the user that Debian's package made for it.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};

/// How long a server may take to start.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// A running server, ended and removed when dropped.
pub(super) struct Database {
    folder: PathBuf,
    programs: PathBuf,
    owner: Option<(u32, u32)>,
    child: Mutex<Option<Child>>,
}

impl Database {
    /// Makes one, with the tables that Django makes.
    pub(super) fn start(people: usize) -> Outcome<Self> {
        let folder = std::env::temp_dir().join(format!("charla-bench-pg-{}", std::process::id()));
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
        let sql = format!(
            "CREATE TABLE auth_user (id integer PRIMARY KEY, username varchar(150) NOT NULL, is_staff boolean NOT NULL,
                 is_active boolean NOT NULL);
             CREATE TABLE chat_chat (id bigint PRIMARY KEY, customer_id integer NOT NULL);
             INSERT INTO auth_user SELECT n, 'user' || n, false, true FROM generate_series(1, {people}) n;
             INSERT INTO chat_chat SELECT n, n FROM generate_series(1, {people}) n;
             ANALYZE"
        );
        let mut psql = database.program("psql");
        psql.args(["-q", "-U", "charla", "-d", "postgres", "-c", &sql, "-h"])
            .arg(&database.folder);
        database.done(&mut psql)?;
        Ok(database)
    }

    /// Settings that ask it, as the preset does; `also` stands before the condition.
    pub(super) fn settings(&self, also: &str) -> String {
        format!(
            "[application]\ndatabase_url = \"postgres:///postgres?user=charla&host={}\"\n[authority]\nkind = \"sql\"\nquery = '''\n\
             SELECT c.id IS NOT NULL AS chat_exists, (u.is_staff OR c.customer_id = u.id) AS allowed,\n\
             CASE WHEN u.is_staff THEN 'agent' ELSE 'member' END AS role, u.username AS name, c.id AS chat_id, u.id AS user_id\n\
             FROM auth_user u LEFT JOIN chat_chat c ON c.id = :chat WHERE {also} u.id = :user AND u.is_active'''\n",
            self.folder.display()
        )
    }

    /// Ends it.
    pub(super) fn stop(&self) {
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
