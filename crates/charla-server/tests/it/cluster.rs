//! A PostgreSQL server of a test's own: made in a temporary folder, reached by a socket in it, gone with it.
//!
//! PostgreSQL refuses to run as root: then it runs as the user that Debian's package made for it, or as nobody.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use charla_server::settings::StoreUrl;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// Where Debian and others keep a server's own programs, below their versions.
const PROGRAMS: [&str; 2] = ["/usr/lib/postgresql", "/usr/pgsql"];
/// How long a server may take to start. Generous: after a crash it reads its log first.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// Who the server runs as, if not as this user.
pub(crate) type Owner = Option<(u32, u32)>;

/// A running server; stopped when dropped.
pub(crate) struct Cluster {
    folder: TempDir,
    owner: Owner,
    options: Vec<String>,
    child: Mutex<Option<Child>>,
}

impl Cluster {
    /// Makes and starts one as it is by default: commits are flushed to the disk.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With settings of its own, as `name=value`.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        Self::made(&["--auth=trust"], options)
    }

    /// One that asks for the password of its one user, `charla`.
    pub(crate) fn start_locked(password: &str) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), password).unwrap();
        if let Some((user, group)) = owner() {
            chown(file.path(), Some(user), Some(group)).unwrap();
        }
        let name = format!("--pwfile={}", file.path().display());
        Self::made(&["--auth=scram-sha-256", &name], &[])
    }

    fn made(how: &[&str], options: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("charla-pg-").tempdir().unwrap();
        let owner = owner();
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let cluster = Self {
            folder,
            owner,
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            child: Mutex::default(),
        };
        let made = cluster
            .program("initdb")
            .args(["--username=charla", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .args(how)
            .arg(cluster.data())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        cluster.run();
        cluster
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// One of the server's own programs, by whom the server runs as, in the server's folder.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(programs().join(name));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    /// Starts the server, and waits until it lets people in.
    pub(crate) fn run(&self) {
        let deadline = Instant::now() + STARTS_WITHIN;
        let mut child = self.spawned();
        loop {
            let ready = self
                .program("pg_isready")
                .args(["--quiet", "--host"])
                .arg(self.folder.path())
                .status()
                .unwrap();
            if ready.success() {
                break;
            }
            assert!(Instant::now() < deadline, "{}", self.log());
            if child.try_wait().unwrap().is_some() {
                // Processes of one that was killed may hold its memory for a moment.
                child = self.spawned();
            }
            // sleeps because a server that comes up tells nobody
            std::thread::sleep(Duration::from_millis(50));
        }
        *self.child.lock() = Some(child);
    }

    fn spawned(&self) -> Child {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let mut server = self.program("postgres");
        server
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.folder.path());
        for option in ["listen_addresses=", "max_connections=60", "shared_buffers=32MB"] {
            server.args(["-c", option]);
        }
        for option in &self.options {
            server.args(["-c", option]);
        }
        let stdout = log.try_clone().unwrap();
        server.stdout(stdout).stderr(log).spawn().unwrap()
    }

    /// What the server wrote down.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Ends the server by a signal, and waits for its end: TERM lets nobody in and waits, INT cuts everybody off, QUIT leaves
    /// everything as it lies, and KILL asks nobody.
    pub(crate) fn stop(&self, signal: Signal) {
        if let Some(mut child) = self.child.lock().take() {
            kill_process(Pid::from_child(&child), signal).unwrap();
            child.wait().unwrap();
        }
    }

    /// Sends a signal to the server and to each of its processes, the one that begets others first.
    pub(crate) fn signal_all(&self, signal: Signal) {
        let Some(server) = self.child.lock().as_ref().map(Child::id) else {
            return;
        };
        let is_of_it = |pid: &u32| {
            let about = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // The name before it may have anything in it but ends with the last bracket (proc(5)).
            let parent = about
                .rsplit(')')
                .next()
                .and_then(|rest| rest.split_whitespace().nth(1));
            parent == Some(&server.to_string())
        };
        let signal_one = |pid: u32| {
            let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            // One that ended meanwhile needs none.
            let _ = kill_process(pid, signal);
        };
        signal_one(server);
        let processes = fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(is_of_it)
            .for_each(signal_one);
    }

    /// A database with nothing in it.
    pub(crate) async fn database(&self) -> String {
        let name = format!("d{}", Uuid::new_v4().simple());
        let made = self.client("postgres").await;
        made.batch_execute(&format!("CREATE DATABASE {name}"))
            .await
            .unwrap();
        name
    }

    /// The address of one of its databases.
    pub(crate) fn address(&self, database: &str) -> String {
        address_in(self.folder.path(), database)
    }

    /// The same, understood.
    pub(crate) fn url(&self, database: &str) -> StoreUrl {
        StoreUrl::parse(&self.address(database)).unwrap()
    }

    /// Its socket's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A look into a database past the store.
    pub(crate) async fn client(&self, database: &str) -> Client {
        let (client, driver) = tokio_postgres::connect(&self.address(database), NoTls)
            .await
            .unwrap();
        tokio::spawn(driver);
        client
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // One that was stopped would never end.
        self.signal_all(Signal::CONT);
        self.stop(Signal::QUIT);
    }
}

/// The address of a database behind a socket in a folder.
pub(crate) fn address_in(folder: &Path, database: &str) -> String {
    format!("postgres:///{database}?user=charla&host={}", folder.display())
}

/// The newest server's programs.
fn programs() -> PathBuf {
    let below = |root: &str| fs::read_dir(root).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = PROGRAMS
        .iter()
        .flat_map(|root| below(root))
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .filter(|(_, programs)| programs.join("postgres").exists())
        .collect();
    found.sort();
    let (_, newest) = found
        .pop()
        .expect("PostgreSQL is installed: `cargo xtask test` does it");
    newest
}

/// The user to be instead of root.
pub(crate) fn owner() -> Owner {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    ["postgres", "nobody"].iter().find_map(|name| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(str::parse);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    })
}
