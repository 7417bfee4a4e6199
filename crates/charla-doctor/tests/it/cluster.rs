//! A PostgreSQL server of a test's own: made in a temporary folder, reached by a socket in it, gone with it.
//!
//! PostgreSQL refuses to run as root: then it runs as the user that Debian's package made for it, or as nobody.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// Where Debian and others keep a server's own programs, below their versions.
const PROGRAMS: [&str; 2] = ["/usr/lib/postgresql", "/usr/pgsql"];
/// How long a server may take to start.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// A running server; stopped when dropped.
pub(crate) struct Cluster {
    folder: TempDir,
    child: Child,
}

impl Cluster {
    /// Makes and starts one that asks its one user, `charla`, for a password, and takes four connections.
    pub(crate) fn start(password: &str) -> Self {
        Self::start_as(password, None)
    }

    /// The same on a port of loopback as well, where it takes TLS alone.
    pub(crate) fn start_secure(password: &str, port: u16) -> Self {
        Self::start_as(password, Some(port))
    }

    fn start_as(password: &str, port: Option<u16>) -> Self {
        let folder = tempfile::Builder::new().prefix("charla-pg-").tempdir().unwrap();
        let file = folder.path().join("password");
        fs::write(&file, password).unwrap();
        let owner = owner();
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group)).unwrap();
            chown(&file, Some(user), Some(group)).unwrap();
        }
        let program = |name: &str| {
            let mut command = Command::new(programs().join(name));
            command.current_dir(folder.path()).stdin(Stdio::null());
            if let Some((user, group)) = owner {
                command.uid(user).gid(group);
            }
            command
        };
        let made = program("initdb")
            .args([
                "--username=charla",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--auth=scram-sha-256",
            ])
            .arg(format!("--pwfile={}", file.display()))
            .arg(folder.path().join("data"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let log = File::create(folder.path().join("log")).unwrap();
        let mut server = program("postgres");
        server
            .arg("-D")
            .arg(folder.path().join("data"))
            .arg("-k")
            .arg(folder.path());
        if let Some(port) = port {
            secure(&folder.path().join("data"), owner);
            server.args(["-c", "ssl=on", "-c", "listen_addresses=127.0.0.1"]);
            server.args(["-p", &port.to_string()]);
        } else {
            server.args(["-c", "listen_addresses="]);
        }
        for option in [
            "max_connections=6",
            "superuser_reserved_connections=0",
            "shared_buffers=16MB",
            "fsync=off",
        ] {
            server.args(["-c", option]);
        }
        let child = server
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let cluster = Self { folder, child };
        let deadline = Instant::now() + STARTS_WITHIN;
        loop {
            let mut ready = Command::new(programs().join("pg_isready"));
            let ready = ready
                .arg("--quiet")
                .arg("--host")
                .arg(cluster.folder.path())
                .args(["--port", &port.unwrap_or(5432).to_string()])
                .status()
                .unwrap();
            if ready.success() {
                return cluster;
            }
            let log = fs::read_to_string(cluster.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "{log}");
            // sleeps because a server that comes up tells nobody
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The address of one of its databases.
    pub(crate) fn url(&self, database: &str, password: &str) -> String {
        format!(
            "postgres://charla:{password}@/{database}?host={}",
            self.folder.path().display()
        )
    }

    /// The folder of its socket.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends a signal to the server and to each of its processes, the one that begets others first.
    pub(crate) fn signal_all(&self, signal: Signal) {
        let server = self.child.id();
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
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // One that was stopped would never end.
        self.signal_all(Signal::CONT);
        let _ = kill_process(Pid::from_child(&self.child), Signal::QUIT);
        let _ = self.child.wait();
    }
}

/// A certificate of its own, and nobody let in over TCP without TLS.
fn secure(data: &Path, owner: Option<(u32, u32)>) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let rules = fs::read_to_string(data.join("pg_hba.conf")).unwrap();
    let files = [
        ("server.crt", made.cert.pem()),
        ("server.key", made.signing_key.serialize_pem()),
        ("pg_hba.conf", rules.replace("\nhost ", "\nhostssl ")),
    ];
    for (name, text) in files {
        let file = data.join(name);
        fs::write(&file, text).unwrap();
        // A key that others may read is refused.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        if let Some((user, group)) = owner {
            chown(&file, Some(user), Some(group)).unwrap();
        }
    }
}

/// A connection of a test's own.
pub(crate) async fn client(url: &str) -> Client {
    let (client, driver) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(driver);
    client
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
fn owner() -> Option<(u32, u32)> {
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
