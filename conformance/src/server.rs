//! The server that is tried: `charla demo` as a process of its own, ended when dropped.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::peer::Place;

/// A running server.
pub(crate) struct Server {
    child: Child,
    // Removed with it.
    _folder: TempDir,
    /// How to reach it.
    pub(crate) place: Place,
}

impl Server {
    /// Starts this program with compression on; every other setting is its default but the limits of speed.
    pub(crate) fn start(program: &Path) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("charla-conformance-").tempdir();
        let folder = folder.map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            // They are settings.
            if name.to_string_lossy().starts_with("CHARLA_") {
                command.env_remove(name);
            }
        }
        command
            .args(["demo", "--listen", "127.0.0.1:0", "--json", "--no-limits"])
            .args(["--set", "compression.enabled=true", "--data"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let mut line = String::new();
        if let Some(stdout) = &mut child.stdout {
            BufReader::new(stdout)
                .read_line(&mut line)
                .map_err(|error| error.to_string())?;
        }
        let Some(place) = place(&line, child.id()) else {
            // What is not used is ended; it may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("{} printed {line:?}", program.display()));
        };
        Ok(Self {
            child,
            _folder: folder,
            place,
        })
    }

    /// Whether it has survived so far.
    pub(crate) fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

fn place(line: &str, pid: u32) -> Option<Place> {
    let said: Value = serde_json::from_str(line).ok()?;
    let url = said.get("ws_url")?.as_str()?.strip_prefix("ws://")?;
    let (authority, path) = url.split_once('/')?;
    Some(Place {
        address: authority.parse().ok()?,
        pid,
        path: format!("/{path}"),
        token: said.get("users")?.get(0)?.get("token")?.as_str()?.to_owned(),
    })
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
