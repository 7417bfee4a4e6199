//! SIGHUP at the real binary: limits hold at once, what only a start can change is named, and settings that are wrong change nothing.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::running::run;

/// How long something may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// Lines of the log that may wait to be looked at; the server waits where there are more.
const LINES_MAX: usize = 1_024;

struct Server {
    child: Child,
    lines: Receiver<String>,
    address: String,
    key: String,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let config = folder.join("charla.toml");
        let data = folder.join("data");
        let data = data.to_str().unwrap();
        run(&["tenant", "add", "acme", "--data", data]);
        let made = run(&[
            "key",
            "add",
            "operator",
            "--every-tenant",
            "--data",
            data,
            "--json",
        ]);
        let key: Value = serde_json::from_str(&made.out).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_charla"))
            .args(["serve", "--config"])
            .arg(&config)
            .env_clear()
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (told, lines) = sync_channel(LINES_MAX);
        let stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let Ok(line) = line else { return };
                if told.send(line).is_err() {
                    return;
                }
            }
        });
        let mut server = Self {
            child,
            lines,
            address: String::new(),
            key: key["secret"].as_str().unwrap().to_owned(),
        };
        let listening = server.logged("listening");
        let (_, address) = listening.split_once("address=").unwrap();
        address.split(' ').next().unwrap().clone_into(&mut server.address);
        server
    }

    /// The next line of the log with these words in it.
    fn logged(&self, words: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no line with {words:?}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    fn hang_up(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).unwrap();
    }

    /// What the API says of a limit: its value and where that is from.
    fn limit(&self, name: &str) -> (Value, String) {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "GET /api/v1/limits HTTP/1.1\r\nHost: charla\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            self.key
        );
        socket.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let figure = serde_json::from_str::<Value>(body).unwrap()["limits"][name].clone();
        let place = figure["place"].as_str().unwrap().rsplit('/').next().unwrap();
        (figure["value"].clone(), place.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn limits_are_read_again_and_what_is_wrong_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let write = |limits: &str, more: &str| {
        let text = format!(
            "[store]\npath = \"data\"\n[server]\nlisten = \"127.0.0.1:0\"\n{more}[limits]\n{limits}\n"
        );
        std::fs::write(folder.path().join("charla.toml"), text).unwrap();
    };
    write("subscriptions = 5", "");
    let server = Server::start(folder.path());
    let is = |value: u64, place: &str| (Value::from(value), place.to_owned());
    assert_eq!(server.limit("subscriptions"), is(5, "charla.toml:6"));

    write("subscriptions = 6\nconnections_per_tenant = 9", "");
    server.hang_up();
    server.logged("the limits in them hold from now on");
    assert_eq!(server.limit("subscriptions"), is(6, "charla.toml:6"));
    assert_eq!(server.limit("connections_per_tenant"), is(9, "charla.toml:7"));

    // Neither half of it: not what is right in a file that is wrong.
    write("subscriptions = 7\nsend_burst = 0", "");
    server.hang_up();
    let told = server.logged("send_burst");
    assert!(
        told.contains("charla.toml:7") && told.contains("allowed: 1 to"),
        "{told}"
    );
    server.logged("no setting was changed");
    assert_eq!(server.limit("subscriptions"), is(6, "charla.toml:6"));
    write("subscriptions = [7", "");
    server.hang_up();
    server.logged("is not TOML");
    server.logged("no setting was changed");
    assert_eq!(server.limit("subscriptions"), is(6, "charla.toml:6"));

    // What only a start can change is named, and the limits hold all the same.
    write("subscriptions = 8", "drain = \"7s\"\n");
    server.hang_up();
    let told = server.logged("waits for the next start");
    assert!(told.contains("server.drain"), "{told}");
    server.logged("the limits in them hold from now on");
    assert_eq!(server.limit("subscriptions"), is(8, "charla.toml:7"));
    assert_eq!(server.limit("connections_per_tenant"), is(0, "default"));
}
