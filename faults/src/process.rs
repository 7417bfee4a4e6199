//! Programs of a run: each ended by its own id when dropped, with what it says in a file.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::failure::{Failure, Outcome};

/// How long a program may take to be ready, or to end. After a crash a database reads its log first; machines are busy.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a server may take to answer a question about itself.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);

/// A program that runs.
pub(crate) struct Running {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Running {
    /// Starts it, with what it says appended to `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Outcome<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let file = OpenOptions::new().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .map_err(|error| Failure::NotStarted(format!("{name}: {error}")))?;
        Ok(Self {
            child,
            name,
            log: log.to_owned(),
        })
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `is_so`, or the program ends.
    pub(crate) fn wait_until(&mut self, what: &str, is_so: impl Fn() -> bool) -> Outcome<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while !is_so() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
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
                return Err(Failure::NotStarted(format!("{} did not end", self.name)));
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> Outcome<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Outcome<()> {
        Ok(rustix::process::kill_process(
            Pid::from_child(&self.child),
            signal,
        )?)
    }

    /// Has it stand still, and waits until it does.
    pub(crate) fn freeze(&self) -> Outcome<String> {
        self.signal(Signal::STOP)?;
        until("a process that stands still", READY_WITHIN, || {
            match self.condition() {
                condition if condition == "T" => Ok(format!("process in state {condition}")),
                condition => Err(condition),
            }
        })
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) -> Outcome<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
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
        // Politely first: nginx and PostgreSQL end their processes. One that is frozen hears only this.
        let _ = self.signal(Signal::CONT);
        let _ = self.signal(Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(5);
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.kill();
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

/// Looks until there is something to be seen: the fault's own proof.
pub(crate) fn until(
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
                return Err(Failure::NotHappened { expected, seen });
            }
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// A port on which nobody listens.
pub(crate) fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether somebody listens.
pub(crate) fn is_open(address: SocketAddrV4) -> bool {
    TcpStream::connect_timeout(&SocketAddr::V4(address), ANSWERS_WITHIN).is_ok()
}

/// Says something to whoever listens there and reads what comes back, until `is_whole`, the end or [`ANSWERS_WITHIN`].
pub(crate) fn converse(
    address: SocketAddrV4,
    said: &[u8],
    is_whole: impl Fn(&[u8]) -> bool,
) -> Outcome<String> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::V4(address), ANSWERS_WITHIN)?;
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
pub(crate) fn page(address: SocketAddrV4, path: &str) -> Outcome<String> {
    let asked = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    converse(address, asked.as_bytes(), |_| false)
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
