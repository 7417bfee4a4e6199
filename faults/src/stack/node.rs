//! One node: `charla serve` with a settings file, on a network of its own.

use std::fs;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::process::Command;

use charla_ground::process::{self, Running, page};
use charla_ground::{Failure, Outcome};
use rustix::process::Signal;

use crate::network::Network;
use crate::world::KEY;

/// How long a person who lost the connection still counts as present, in seconds. Shorter than by default, so that whoever
/// looks for ghosts need not wait.
pub(crate) const LINGER_SECONDS: u64 = 2;

/// What steps a process' clock and leaves the rest of the machine alone (Debian's package `faketime`).
const FAKETIME: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

/// What all nodes have in common.
#[derive(Clone)]
pub(crate) struct Common {
    /// The program that is tried.
    pub(crate) charla: PathBuf,
    pub(crate) network: Network,
    pub(crate) store: String,
    pub(crate) broker: String,
}

/// A node, running or not.
pub(crate) struct Node {
    index: usize,
    common: Common,
    folder: PathBuf,
    pub(crate) place: SocketAddrV4,
    running: Option<Running>,
}

impl Node {
    /// The `index`th node, not started yet.
    pub(crate) fn new(folder: &Path, common: &Common, index: usize) -> Outcome<Self> {
        fs::create_dir_all(folder)?;
        let place = common.network.place(common.network.node(index), 9001)?;
        let node = Self {
            index,
            common: common.clone(),
            folder: folder.to_owned(),
            place,
            running: None,
        };
        fs::write(node.config(), node.settings(&common.broker))?;
        Ok(node)
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn run(&mut self) -> Outcome<()> {
        let mut command = self.command();
        self.started(&mut command)
    }

    /// Starts it with a clock of its own, and what the clock is told in a file; see [`Node::step_clock`].
    pub(crate) fn run_with_clock(&mut self) -> Outcome<()> {
        let library = FAKETIME.iter().find(|file| Path::new(file).exists());
        let lacking = || Failure::Lacking("the package faketime".to_owned());
        let library = library.ok_or_else(lacking)?;
        self.step_clock("+0")?;
        let mut command = self.command();
        command
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", self.clock())
            .env("FAKETIME_CACHE_DURATION", "1")
            // Waits and timers go by the steady clock, which nobody steps.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        self.started(&mut command)
    }

    /// Puts its clock forward or back, as in `+1h`.
    pub(crate) fn step_clock(&self, by: &str) -> Outcome<()> {
        Ok(fs::write(self.clock(), format!("{by}\n"))?)
    }

    fn clock(&self) -> PathBuf {
        self.folder.join("clock")
    }

    fn command(&self) -> Command {
        let program = self.common.charla.display().to_string();
        let mut command = self.common.network.command(self.index, &program);
        without_settings(&mut command);
        command
            .args(["serve", "--config"])
            .arg(self.config())
            .current_dir(&self.folder);
        command
    }

    fn started(&mut self, command: &mut Command) -> Outcome<()> {
        let mut running = Running::start(command, self.log())?;
        running.wait_until("become ready", || self.readiness().starts_with("200"))?;
        self.running = Some(running);
        Ok(())
    }

    /// Its process.
    pub(crate) fn process(&mut self) -> Outcome<&mut Running> {
        let none = || Failure::NotStarted(format!("node {} does not run", self.index));
        self.running.as_mut().ok_or_else(none)
    }

    /// Whether it runs, or is meant to.
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Asks it to leave, and waits until it has.
    pub(crate) fn leave(&mut self) -> Outcome<()> {
        let running = self.process()?;
        running.signal(Signal::TERM)?;
        running.wait_for_end()?;
        self.running = None;
        Ok(())
    }

    /// Status and words of `/readyz`; `no answer` for none.
    pub(crate) fn readiness(&self) -> String {
        let page = page(self.place, "/readyz").unwrap_or_default();
        let status = page.split(' ').nth(1).unwrap_or("no answer").to_owned();
        let body = page.split("\r\n\r\n").nth(1).unwrap_or_default();
        format!("{status} {}", body.trim())
    }

    /// One of its figures; `None` while it does not answer.
    pub(crate) fn figure(&self, name: &str) -> Option<u64> {
        let page = page(self.place, "/metrics").ok()?;
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.trim().parse().ok()
    }

    /// What it has said.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("charla.log")
    }

    fn config(&self) -> PathBuf {
        self.folder.join("charla.toml")
    }

    /// Has it use another bus from its next start on.
    ///
    /// # Errors
    /// [`Failure::Lacking`] when the program knows no such address.
    pub(crate) fn use_bus(&self, url: &str) -> Outcome<()> {
        fs::write(self.config(), self.settings(url))?;
        let mut check = Command::new(&self.common.charla);
        without_settings(&mut check);
        check.args(["config", "check", "--config"]).arg(self.config());
        if process::output(&mut check).is_ok() {
            return Ok(());
        }
        fs::write(self.config(), self.settings(&self.common.broker))?;
        let scheme = url.split(':').next().unwrap_or_default();
        Err(Failure::Lacking(format!(
            "this charla knows no {scheme}:// address"
        )))
    }

    fn settings(&self, broker: &str) -> String {
        let hub = self.common.network.hub();
        format!(
            "[server]\nlisten = \"{}\"\ntrusted_proxies = [\"{hub}/32\"]\ndrain = \"10s\"\n\n\
             [auth]\nsecret = \"{KEY}\"\n\n[store]\nurl = \"{}\"\n\n[broker]\nurl = \"{broker}\"\n\n\
             [limits]\nconnections_per_address = 10000\nconnects_per_second_per_address = 0\nconnects_per_second_per_user = 0\n\n\
             [liveness]\nping_after = \"10s\"\npong_within = \"5s\"\npresence_linger = \"{LINGER_SECONDS}s\"\n\n\
             [metrics]\nallow = [\"{hub}/32\"]\n",
            self.place, self.common.store
        )
    }
}

/// The environment may have settings of somebody else's.
fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CHARLA_") {
            command.env_remove(name);
        }
    }
}
