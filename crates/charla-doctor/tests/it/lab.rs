//! Real servers on free loopback ports, each ended by its own handle.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use tempfile::TempDir;

/// A small ASGI application: refuses a bad token, blocks its event loop when told to.
const APPLICATION: &str = r#"
import time
async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b"not here"})
        return
    await receive()
    query = scope["query_string"]
    if b"block" in query:
        # sleeps because a blocked event loop is what it is about.
        time.sleep(3)
    if b"bad" in query:
        await send({"type": "websocket.close", "code": 4401})
        return
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass
"#;

/// Lines of a server that wait to be read.
const LINES_WAITING: usize = 1_024;
/// How long a Python server may take to start on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The Python with uvicorn and daphne.
pub(crate) fn python() -> PathBuf {
    let given = std::env::var_os("CHARLA_TOOLS_PYTHON").map(PathBuf::from);
    let own = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools/python"));
    given.unwrap_or_else(own).join("bin/python")
}

/// A process of a test, killed when it is dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) port: u16,
    pub(crate) folder: TempDir,
    lines: Receiver<String>,
}

impl Server {
    /// `python ARGUMENTS` in a folder with the application in `app.py`; `{port}` stands for its port. Waits for a line with
    /// `ready` in it.
    pub(crate) fn python(arguments: &[&str], ready: &str) -> Self {
        Self::python_with(arguments, &[], ready)
    }

    /// The same with variables in its environment.
    pub(crate) fn python_with(arguments: &[&str], environment: &[(&str, &str)], ready: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("app.py"), APPLICATION).unwrap();
        let port = free_port();
        let arguments = arguments
            .iter()
            .map(|argument| argument.replace("{port}", &port.to_string()));
        let mut command = Command::new(python());
        command
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(folder.path());
        command
            .env("PYTHONUNBUFFERED", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = sync_channel(LINES_WAITING);
        let streams: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for stream in streams {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        let server = Self {
            child,
            port,
            folder,
            lines,
        };
        server.wait_for(ready);
        server
    }

    /// Waits for a line with these words.
    pub(crate) fn wait_for(&self, words: &str) {
        let mut said = Vec::new();
        loop {
            let line = self.lines.recv_timeout(READY_WITHIN);
            let Ok(line) = line else {
                panic!("never said {words:?}:\n{}", said.join("\n"));
            };
            if line.contains(words) {
                return;
            }
            said.push(line);
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `STOP`, `CONT`, `TERM`, to this process alone.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.pid().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // In order first: workers end with their parent.
        let pid = self.pid().to_string();
        for name in ["-CONT", "-TERM"] {
            let _ = Command::new("kill")
                .args([name, &pid])
                .stderr(Stdio::null())
                .status();
        }
        let _ = self.child.wait();
    }
}
