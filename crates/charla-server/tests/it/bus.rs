//! A Redis server of a test's own: on a free port, without a file on the disk, gone with the test.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use charla_server::settings::BrokerUrl;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};

mod program;

pub(crate) use program::{Program, free_port};

/// How long a server may take to start. Generous: a loaded machine is slow.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A running server; killed when dropped.
pub(crate) struct Bus {
    port: u16,
    options: Vec<String>,
    folder: tempfile::TempDir,
    child: Mutex<Option<Child>>,
}

impl Bus {
    /// Starts one.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With options of its own.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let bus = Self {
            port: free.local_addr().unwrap().port(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            folder: tempfile::tempdir().unwrap(),
            child: Mutex::default(),
        };
        drop(free);
        bus.run();
        bus
    }

    /// Starts it, again after [`Bus::kill`], and waits until it answers.
    pub(crate) fn run(&self) {
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(self.folder.path())
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed: `cargo xtask test` does it");
        *self.child.lock() = Some(child);
        let deadline = Instant::now() + STARTS_WITHIN;
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(Instant::now() < deadline, "redis-server does not start");
            // sleeps because a server that comes up tells nobody
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it without a word.
    pub(crate) fn kill(&self) {
        if let Some(mut child) = self.child.lock().take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let child = self.child.lock();
        kill_process(Pid::from_child(child.as_ref().unwrap()), signal).unwrap();
    }

    /// Has an operator's command carried out; the answer.
    pub(crate) fn command(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(words)
            .output()
            .expect("redis-cli comes with redis-server");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Its address, with who we are there before an `@`.
    pub(crate) fn url_for(&self, who: &str) -> BrokerUrl {
        BrokerUrl::parse(&format!("redis://{who}127.0.0.1:{}", self.port)).unwrap()
    }

    /// Its address.
    pub(crate) fn url(&self) -> BrokerUrl {
        self.url_for("")
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.kill();
    }
}
