//! Running the binary: once to its end, or as a demo with a port of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The answer as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The answer's lines.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.out.lines().collect()
    }
}

/// The binary, in English and without anything of this machine's environment or folder.
pub(crate) fn charla(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_charla"));
    command
        .args(arguments)
        .env_clear()
        .env("LANG", "C.UTF-8")
        .current_dir("/");
    command
}

/// Runs to the end.
pub(crate) fn run(arguments: &[&str]) -> Ran {
    run_with(arguments, "")
}

/// Runs to the end with these lines on standard input.
pub(crate) fn run_with(arguments: &[&str], input: &str) -> Ran {
    run_with_bytes(arguments, input.as_bytes())
}

/// Runs to the end with these bytes on standard input, text or not.
pub(crate) fn run_with_bytes(arguments: &[&str], input: &[u8]) -> Ran {
    finish(&mut charla(arguments), input)
}

/// Runs a command to the end.
pub(crate) fn finish(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads no input may have ended before it is written.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A demo that listens. It ends with this value.
pub(crate) struct Demo {
    child: Child,
    /// The one line.
    pub(crate) said: Value,
}

impl Demo {
    /// With data that is gone at the end.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// On a folder that is kept.
    pub(crate) fn start_in(folder: &Path) -> Self {
        Self::start_with(&["--data", folder.to_str().unwrap()])
    }

    /// On a folder that is kept, where another has listened before.
    pub(crate) fn start_again(folder: &Path, address: &str) -> Self {
        Self::start_listening(address, &["--data", folder.to_str().unwrap()])
    }

    fn start_with(more: &[&str]) -> Self {
        Self::start_listening("127.0.0.1:0", more)
    }

    fn start_listening(address: &str, more: &[&str]) -> Self {
        let mut command = charla(&["demo", "--listen", address, "--json"]);
        let mut child = command.args(more).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let said = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { child, said }
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.said[field].as_str().unwrap()
    }

    /// Somebody's token.
    pub(crate) fn token(&self, user: &str) -> &str {
        let users = self.said["users"].as_array().unwrap();
        let user = users.iter().find(|known| known["id"] == user).unwrap();
        user["token"].as_str().unwrap()
    }

    /// Ends it as Ctrl-C does; the exit code.
    pub(crate) fn end(mut self) -> i32 {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // After `end` there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
