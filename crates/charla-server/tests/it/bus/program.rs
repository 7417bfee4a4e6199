//! A server program of a test's own: on a free port, ended by its own process id.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use uuid::Uuid;

/// How long a server may take to start. Generous: a loaded machine is slow.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A running program; killed when dropped.
pub(crate) struct Program {
    name: &'static str,
    /// Where it listens.
    pub(crate) port: u16,
    arguments: Vec<String>,
    child: Mutex<Option<Child>>,
}

/// Ports below those that the kernel gives to whoever asks for any (`net.ipv4.ip_local_port_range`): one of them stays its
/// program's own while that is down.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A port that nobody has at this moment.
pub(crate) fn free_port() -> u16 {
    loop {
        let drawn = Uuid::new_v4().as_u128() % PORTS.len() as u128;
        let port = PORTS.start + u16::try_from(drawn).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

impl Program {
    /// Starts one on a port; the words are one line.
    pub(crate) fn start(name: &'static str, port: u16, arguments: &str) -> Self {
        Self::start_with(name, port, arguments.split_whitespace())
    }

    /// The same, with words that may be empty.
    pub(crate) fn start_with<'a>(
        name: &'static str,
        port: u16,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let program = Self {
            name,
            port,
            arguments: arguments.into_iter().map(str::to_owned).collect(),
            child: Mutex::default(),
        };
        program.run();
        program
    }

    /// Starts it, again after [`Program::kill`], and waits until it answers.
    pub(crate) fn run(&self) {
        let child = Command::new(self.name)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}: `cargo xtask test` installs it", self.name));
        *self.child.lock() = Some(child);
        let deadline = Instant::now() + STARTS_WITHIN;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(Instant::now() < deadline, "{} does not start", self.name);
            // sleeps because a server that comes up tells nobody
            std::thread::sleep(Duration::from_millis(20));
        }
        let ended = self
            .child
            .lock()
            .as_mut()
            .and_then(|child| child.try_wait().unwrap());
        assert!(
            ended.is_none(),
            "{} ended, and another program has its port",
            self.name
        );
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

    /// Has an operator's command carried out by a Redis; the answer.
    pub(crate) fn command(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(words)
            .output()
            .expect("redis-cli comes with redis-server");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}
