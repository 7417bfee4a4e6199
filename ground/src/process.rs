//! Programs of a run: each ended by its own id when dropped, with what it says in a file.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal};

use crate::failure::{Failure, Outcome};

/// How long a program may take to be ready, or to end. After a crash a database reads its log first; machines are busy.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a program may take to end when it is asked to.
const ENDED_WITHIN: Duration = Duration::from_secs(5);
/// Between two looks at a program.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Between two looks at what a program does.
const TRY_EVERY: Duration = Duration::from_millis(100);
/// How long a server may take to answer a question about itself.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);

/// A program that runs.
pub struct Running {
    child: Child,
    name: String,
    log: PathBuf,
    by_force: bool,
}

impl Running {
    /// Starts it, with what it says appended to `log`.
    pub fn start(command: &mut Command, log: impl Into<PathBuf>) -> Outcome<Self> {
        let log = log.into();
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
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it says.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until somebody listens on `port`, or the program ends.
    pub fn wait_for_port(&mut self, port: u16) -> Outcome<()> {
        self.wait_for_address(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// The same at any address.
    pub fn wait_for_address(&mut self, address: impl Into<SocketAddr>) -> Outcome<()> {
        let address = address.into();
        self.wait_until(&format!("listen at {address}"), || is_open(address))
    }

    /// Waits until one of its children calls itself so: the whole title.
    pub fn wait_for_child(&mut self, words: &str) -> Outcome<String> {
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
    pub fn wait_for_file(&mut self, file: &Path) -> Outcome<()> {
        self.wait_until(&format!("make {}", file.display()), || file.exists())
    }

    /// Waits until its log holds `words`.
    pub fn wait_for_words(&mut self, words: &str) -> Outcome<()> {
        self.wait_for_count(words, 1)
    }

    /// Waits until its log holds `words` so often.
    pub fn wait_for_count(&mut self, words: &str, times: usize) -> Outcome<()> {
        let log = self.log.clone();
        self.wait_until(&format!("say {words:?}"), || {
            read(&log).matches(words).count() >= times
        })
    }

    /// Waits until `is_so`, or the program ends.
    pub fn wait_until(&mut self, what: &str, is_so: impl Fn() -> bool) -> Outcome<()> {
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
    pub fn wait_for_end(&mut self) -> Outcome<()> {
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

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> Outcome<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Outcome<()> {
        Ok(rustix::process::kill_process(
            Pid::from_child(&self.child),
            signal,
        )?)
    }

    /// Asks it to end, and waits for that.
    pub fn terminate(&mut self) -> Outcome<()> {
        self.signal(Signal::TERM)?;
        self.wait_for_end()
    }

    /// Has it stand still, and waits until it does.
    pub fn freeze(&self) -> Outcome<String> {
        self.signal(Signal::STOP)?;
        until("a process that stands still", READY_WITHIN, || {
            match self.condition() {
                condition if condition == "T" => Ok(format!("process in state {condition}")),
                condition => Err(condition),
            }
        })
    }

    /// Ends it at once.
    pub fn kill(&mut self) -> Outcome<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// How many descriptors it may have from now on.
    pub fn limit_descriptors(&self, most: u64) -> Outcome<()> {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        rustix::process::prlimit(Some(Pid::from_child(&self.child)), Resource::Nofile, limit)?;
        Ok(())
    }

    /// When it is dropped it is not asked first.
    pub fn end_by_force(&mut self) {
        self.by_force = true;
    }

    /// `T` for one that was stopped, `S` or `R` for one that runs (proc(5)).
    fn condition(&self) -> String {
        let about = read(Path::new(&format!("/proc/{}/stat", self.pid())));
        let rest = about.rsplit(')').next().unwrap_or_default();
        rest.split_whitespace().next().unwrap_or("gone").to_owned()
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
pub fn output(command: &mut Command) -> Outcome<String> {
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

/// Looks until there is something to be seen: the proof that it is so.
pub fn until(
    expected: &str,
    within: Duration,
    mut look: impl FnMut() -> Result<String, String>,
) -> Outcome<String> {
    let deadline = Instant::now() + within;
    loop {
        match look() {
            Ok(proof) => return Ok(proof),
            Err(seen) if Instant::now() > deadline => {
                let expected = expected.to_owned();
                return Err(Failure::NotBroken { expected, seen });
            }
            Err(_) => thread::sleep(TRY_EVERY),
        }
    }
}

/// A port on which nobody listens.
pub fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether somebody listens.
#[must_use]
pub fn is_open(address: impl Into<SocketAddr>) -> bool {
    TcpStream::connect_timeout(&address.into(), ANSWERS_WITHIN).is_ok()
}

/// Says something to whoever listens there and reads what comes back, until `is_whole`, the end or [`ANSWERS_WITHIN`].
pub fn converse(
    address: impl Into<SocketAddr>,
    said: &[u8],
    is_whole: impl Fn(&[u8]) -> bool,
) -> Outcome<String> {
    let mut stream = TcpStream::connect_timeout(&address.into(), ANSWERS_WITHIN)?;
    stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
    stream.write_all(said)?;
    let mut heard = Vec::new();
    let mut part = [0; 16 * 1024];
    while !is_whole(&heard) {
        let count = stream.read(&mut part)?;
        if count == 0 {
            break;
        }
        heard.extend_from_slice(part.get(..count).unwrap_or_default());
    }
    Ok(String::from_utf8_lossy(&heard).into_owned())
}

/// A page over HTTP, head and all.
pub fn page(address: SocketAddrV4, path: &str) -> Outcome<String> {
    let asked = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    converse(address, asked.as_bytes(), |_| false)
}

/// A file's text, as far as there is one.
pub fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// The last words of a log.
pub fn tail(path: &Path) -> String {
    let text = read(path);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(6);
    lines.get(from..).unwrap_or_default().join(" / ")
}

/// Waits until a file holds `words`: the last line that does.
pub fn wait_for_words(path: &Path, words: &str) -> Outcome<String> {
    until(&format!("{words:?} in {}", path.display()), READY_WITHIN, || {
        let text = read(path);
        let line = text.lines().rev().find(|line| line.contains(words));
        line.map(str::to_owned).ok_or_else(|| tail(path))
    })
}

/// Makes a file and writes to it.
pub fn write(path: &Path, text: &str) -> Outcome<()> {
    Ok(fs::write(path, text)?)
}
