//! Redis on a port of its own, and words with it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use charla_ground::process::Running;
use charla_ground::{Failure, Outcome};

use crate::lab::Lab;

/// A Redis that runs.
pub(crate) struct Redis {
    /// Its process.
    pub(crate) running: Running,
    /// Where it listens.
    pub(crate) port: u16,
    /// Its data.
    pub(crate) folder: PathBuf,
}

impl Redis {
    /// Starts one that keeps nothing, with more settings.
    pub(crate) fn start(lab: &mut Lab, port: u16, more: &[&str]) -> Outcome<Self> {
        let folder = lab.new_folder("redis")?;
        Self::start_in(folder, port, more)
    }

    /// Starts one on a folder that may have data.
    pub(crate) fn start_in(folder: PathBuf, port: u16, more: &[&str]) -> Outcome<Self> {
        let mut command = Command::new("redis-server");
        command.args([
            "--bind",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--appendonly",
            "no",
        ]);
        if !more.contains(&"--save") {
            command.args(["--save", ""]);
        }
        command.args(more).current_dir(&folder);
        let mut running = Running::start(&mut command, folder.join("redis.log"))?;
        if more.contains(&"--key-load-delay") {
            running.wait_for_port(port)?;
        } else {
            running.wait_for_words("Ready to accept connections")?;
        }
        Ok(Self {
            running,
            port,
            folder,
        })
    }

    /// What it answers, in its own notation.
    pub(crate) fn ask(&self, words: &[&str]) -> Outcome<String> {
        ask(self.port, words)
    }

    /// The address as settings have it.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }
}

/// Says one command to the Redis on a port; empty for no answer within a second.
pub(crate) fn ask(port: u16, words: &[&str]) -> Outcome<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut said = format!("*{}\r\n", words.len());
    for word in words {
        said += &format!("${}\r\n{word}\r\n", word.len());
    }
    stream.write_all(said.as_bytes())?;
    let mut answer = vec![0; 64 * 1024];
    let count = stream.read(&mut answer).unwrap_or(0);
    answer.truncate(count);
    Ok(String::from_utf8_lossy(&answer).trim_end().to_owned())
}

/// That the Redis on a port answers `words` with something that holds `expected`.
pub(crate) fn prove(port: u16, words: &[&str], expected: &str) -> Outcome<String> {
    let answer = ask(port, words)?;
    if answer.contains(expected) {
        let short: String = answer.replace("\r\n", " ").chars().take(60).collect();
        Ok(format!("Redis answers {}: {short}", words.join(" ")))
    } else {
        Err(Failure::NotBroken {
            expected: format!("{expected:?} from Redis"),
            seen: answer,
        })
    }
}
