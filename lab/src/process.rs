//! Programs of the lab: each ended by its own id when dropped, with what it says in a file.

use std::fs::{self, File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal};

use crate::failure::{Failure, Outcome};

/// How long a program may take to be ready. A Django starts in two seconds; machines are busy.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long a program may take to end when it is asked to.
const ENDED_WITHIN: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(15);

/// A program that runs.
pub(crate) struct Running {
    child: Child,
    name: String,
    log: PathBuf,
    by_force: bool,
}

impl Running {
    /// Starts it, with what it says appended to `log`.
    pub(crate) fn start(command: &mut Command, log: PathBuf) -> Outcome<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let file = OpenOptions::new().create(true).append(true).open(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .map_err(|error| Failure::NotStarted(format!("{name}: {error}")))?;
        Ok(Self {
            child,
            name,
            log,
            by_force: false,
        })
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it says.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until somebody listens on `port`, or the program ends.
    pub(crate) fn wait_for_port(&mut self, port: u16) -> Outcome<()> {
        self.wait_until(&format!("listen on {port}"), || is_open(port))
    }

    /// The same at another address.
    pub(crate) fn wait_for_address(&mut self, address: SocketAddr) -> Outcome<()> {
        let is_there = || TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok();
        self.wait_until(&format!("listen at {address}"), is_there)
    }

    /// Waits until one of its children calls itself so: the whole title.
    pub(crate) fn wait_for_child(&mut self, words: &str) -> Outcome<String> {
        let id = self.pid();
        let titles = || {
            let children = read(Path::new(&format!("/proc/{id}/task/{id}/children")));
            let titles = children
                .split_ascii_whitespace()
                .map(|child| read(Path::new(&format!("/proc/{child}/cmdline"))));
            titles
                .map(|title| title.trim_end_matches('\0').to_owned())
                .collect::<Vec<_>>()
        };
        let find = || titles().into_iter().find(|title| title.contains(words));
        self.wait_until(&format!("have a child that says {words:?}"), || find().is_some())?;
        Ok(find().unwrap_or_default())
    }

    /// Waits until a file is there.
    pub(crate) fn wait_for_file(&mut self, file: &Path) -> Outcome<()> {
        self.wait_until(&format!("make {}", file.display()), || file.exists())
    }

    /// Waits until its log holds `words`.
    pub(crate) fn wait_for_words(&mut self, words: &str) -> Outcome<()> {
        self.wait_for_count(words, 1)
    }

    /// Waits until its log holds `words` so often.
    pub(crate) fn wait_for_count(&mut self, words: &str, times: usize) -> Outcome<()> {
        let log = self.log.clone();
        self.wait_until(&format!("say {words:?}"), || {
            read(&log).matches(words).count() >= times
        })
    }

    fn wait_until(&mut self, what: &str, is_so: impl Fn() -> bool) -> Outcome<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while !is_so() {
            if let Some(status) = self.child.try_wait()? {
                let said = tail(&self.log);
                return Err(Failure::NotStarted(format!(
                    "{} ended with {status}: {said}",
                    self.name
                )));
            }
            if Instant::now() > deadline {
                let said = tail(&self.log);
                return Err(Failure::NotStarted(format!(
                    "{} did not {what}: {said}",
                    self.name
                )));
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Waits for its end.
    pub(crate) fn wait_for_end(&mut self) -> Outcome<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Err(Failure::NotStarted(format!(
                    "{} did not end: {}",
                    self.name,
                    tail(&self.log)
                )));
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Outcome<()> {
        Ok(rustix::process::kill_process(self.id()?, signal)?)
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn terminate(&mut self) -> Outcome<()> {
        self.signal(Signal::TERM)?;
        self.wait_for_end()
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) -> Outcome<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// How many descriptors it may have from now on.
    pub(crate) fn limit_descriptors(&self, most: u64) -> Outcome<()> {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        rustix::process::prlimit(Some(self.id()?), Resource::Nofile, limit)?;
        Ok(())
    }

    /// When it is dropped it is not asked first.
    pub(crate) fn end_by_force(&mut self) {
        self.by_force = true;
    }

    fn id(&self) -> Outcome<Pid> {
        let id = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        id.ok_or_else(|| Failure::NotStarted(format!("{} has no id", self.name)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.by_force {
            let _ = self.kill();
            return;
        }
        // Politely first: nginx and uvicorn end their workers. One that is frozen hears only this.
        let _ = self.signal(Signal::CONT);
        let _ = self.signal(Signal::TERM);
        let deadline = Instant::now() + ENDED_WITHIN;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// Runs a program to its end; what it printed on both ways out.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::NotStarted(format!("{name}: {error}")))?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    if done.status.success() {
        Ok(said)
    } else {
        Err(Failure::NotStarted(format!("{name}: {}: {said}", done.status)))
    }
}

/// A port on which nobody listens.
pub(crate) fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether somebody listens.
pub(crate) fn is_open(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
}

/// A file's text, as far as there is one.
pub(crate) fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// The last words of a log.
pub(crate) fn tail(path: &Path) -> String {
    let text = read(path);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(6);
    lines.get(from..).unwrap_or_default().join(" / ")
}

/// Waits until a file holds `words`.
pub(crate) fn wait_for_words(path: &Path, words: &str) -> Outcome<String> {
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        if let Some(line) = read(path).lines().rev().find(|line| line.contains(words)) {
            return Ok(line.to_owned());
        }
        if Instant::now() > deadline {
            return Err(Failure::NotBroken {
                expected: format!("{words:?} in {}", path.display()),
                seen: tail(path),
            });
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Makes a file and writes to it.
pub(crate) fn write(path: &Path, text: &str) -> Outcome<()> {
    use std::io::Write as _;
    Ok(File::create(path)?.write_all(text.as_bytes())?)
}
