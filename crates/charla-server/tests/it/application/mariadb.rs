//! A MariaDB server of a test's own: made in a temporary folder, on a free port, gone with it.

use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::chown;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable as _;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};

use crate::bus::free_port;

/// How long a server may take to start. Generous: a loaded machine is slow.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// A running server; stopped when dropped.
pub(crate) struct Mariadb {
    folder: tempfile::TempDir,
    port: u16,
    options: Vec<String>,
    child: Mutex<Option<Child>>,
}

impl Mariadb {
    /// Makes and starts one with an empty database `app`, where everybody may do everything.
    pub(crate) fn start() -> Self {
        Self::start_with(Vec::new())
    }

    /// With options of its own.
    pub(crate) fn start_with(options: Vec<String>) -> Self {
        let folder = tempfile::Builder::new().prefix("charla-mdb-").tempdir().unwrap();
        if let Some(owner) = owner() {
            chown(folder.path(), Some(owner), None).unwrap();
        }
        let made = Command::new("mariadb-install-db")
            // Several at once would take each other's temporary tables away.
            .env("TMPDIR", folder.path())
            .args([
                "--no-defaults",
                "--skip-test-db",
                "--auth-root-authentication-method=normal",
            ])
            .arg(format!("--datadir={}", folder.path().join("data").display()))
            .args(as_user())
            .stdin(Stdio::null())
            .output()
            .expect("MariaDB is installed: `cargo xtask test` does it");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let server = Self {
            folder,
            port: free_port(),
            options,
            child: Mutex::default(),
        };
        std::fs::create_dir(server.folder.path().join("data").join("app")).unwrap();
        if let Some(owner) = owner() {
            chown(server.folder.path().join("data").join("app"), Some(owner), None).unwrap();
        }
        server.run_again();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("mysql://root@127.0.0.1:{}/app", self.port)
    }

    /// Starts it, and waits until it lets people in.
    pub(crate) fn run_again(&self) {
        let folder = self.folder.path();
        let child = Command::new("mariadbd")
            .env("TMPDIR", folder)
            .args([
                "--no-defaults",
                "--skip-grant-tables",
                "--bind-address=127.0.0.1",
                "--skip-log-bin",
            ])
            .arg(format!("--datadir={}", folder.join("data").display()))
            .arg(format!("--socket={}", folder.join("socket").display()))
            .arg(format!("--port={}", self.port))
            .args(&self.options)
            .args(as_user())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("MariaDB is installed: `cargo xtask test` does it");
        *self.child.lock() = Some(child);
        let deadline = Instant::now() + STARTS_WITHIN;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(Instant::now() < deadline, "MariaDB does not start");
            // sleeps because a server that comes up tells nobody
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it without a word.
    pub(crate) fn stop(&self) {
        if let Some(mut child) = self.child.lock().take() {
            kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
            child.wait().unwrap();
        }
    }

    /// Statements, one after the other.
    pub(crate) async fn run(&self, sql: &str) {
        let mut conn = mysql_async::Conn::from_url(self.url()).await.unwrap();
        conn.query_drop(sql).await.unwrap();
        conn.disconnect().await.unwrap();
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        self.stop();
    }
}

/// MariaDB refuses to run as root: then it runs as the user that Debian's package made for it.
pub(super) fn owner() -> Option<u32> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("mysql:"))?;
    line.split(':').nth(2)?.parse().ok()
}

fn as_user() -> Option<&'static str> {
    owner().map(|_| "--user=mysql")
}
