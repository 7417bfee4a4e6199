//! A Redis of a test's own: on a free port, in a folder of its own, gone with the test.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to start. Generous: a loaded machine is slow.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A running server; killed when dropped.
pub(crate) struct Bus {
    pub(crate) port: u16,
    pub(crate) folder: tempfile::TempDir,
    child: Child,
}

impl Bus {
    /// Starts one with options of its own.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), options)
    }

    /// The same with what a folder holds.
    pub(crate) fn start_in(folder: tempfile::TempDir, options: &[&str]) -> Self {
        let port = free_port();
        let child = Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--dir",
            ])
            .arg(folder.path())
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let bus = Self { port, folder, child };
        let deadline = Instant::now() + STARTS_WITHIN;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < deadline, "redis-server does not start");
            // sleeps because a server that comes up tells nobody
            std::thread::sleep(Duration::from_millis(20));
        }
        bus
    }

    /// The address of database 0.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Has a command carried out; the answer.
    pub(crate) fn command(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(words)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Asks until the answer is the one that is waited for.
    pub(crate) fn until(&self, words: &[&str], is: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + STARTS_WITHIN;
        while !is(&self.command(words)) {
            assert!(Instant::now() < deadline, "{words:?}: {}", self.command(words));
            // sleeps because Redis tells nobody of it
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port where nobody listens.
pub(crate) fn free_port() -> u16 {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    free.local_addr().unwrap().port()
}
