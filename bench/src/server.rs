//! Servers under test: each a process of its own on a loopback port, ended when dropped.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::failure::{Failure, Outcome};
use crate::load::message::Ids;
use crate::load::{Event, http, message};
use crate::process;

/// Which server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// [`crate::floor`].
    Floor,
    /// [`crate::plain`].
    Plain,
    /// `charla demo`.
    Charla,
}

/// A running server.
pub(crate) struct Server {
    kind: Kind,
    child: Child,
    address: SocketAddr,
    demo: Demo,
    /// A back end's key, if one was made.
    key: String,
    folder: Option<PathBuf>,
    started_in: Duration,
}

/// What `charla demo --json` prints.
#[derive(Deserialize, Default)]
struct Demo {
    ws_url: String,
    chat: String,
    users: Vec<DemoUser>,
}

/// What `charla key add --json` prints.
#[derive(Deserialize)]
struct AddedKey {
    secret: String,
}

/// A ready user of the demo.
#[derive(Deserialize)]
struct DemoUser {
    id: String,
    token: String,
}

impl Server {
    /// Starts the floor or the bare JSON route.
    pub(crate) fn reference(kind: Kind) -> Outcome<Self> {
        let start = Instant::now();
        let name = if kind == Kind::Plain { "plain" } else { "floor" };
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(name).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let line = first_line(&mut child)?;
        let address = line
            .trim()
            .parse()
            .map_err(|_| Failure::Server(format!("{name} printed {line:?}")))?;
        let demo = Demo {
            chat: "5".into(),
            ..Demo::default()
        };
        Ok(Self {
            kind,
            child,
            address,
            demo,
            key: String::new(),
            folder: None,
            started_in: start.elapsed(),
        })
    }

    /// The same as [`Server::charla`], with a back end's key, so that chats can be made.
    pub(crate) fn charla_with_key(program: &Path, folder: PathBuf) -> Outcome<Self> {
        let charla = |words: &[&str]| -> Outcome<Vec<u8>> {
            let done = without_settings(program)
                .args(words)
                .arg("--data")
                .arg(&folder)
                .output()?;
            if done.status.success() {
                return Ok(done.stdout);
            }
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            Err(Failure::Server(format!("charla {}: {said}", words.join(" "))))
        };
        charla(&["tenant", "add", "demo"])?;
        let added = charla(&["key", "add", "bench", "--tenant", "demo", "--json"])?;
        let key: AddedKey = serde_json::from_slice(&added)?;
        let mut server = Self::charla(program, folder)?;
        server.key = key.secret;
        Ok(server)
    }

    /// Starts `charla demo` with a store in `folder`, a new one if there is none.
    pub(crate) fn charla(program: &Path, folder: PathBuf) -> Outcome<Self> {
        std::fs::create_dir_all(&folder)?;
        let log = folder.join("stderr.log");
        let start = Instant::now();
        let mut child = without_settings(program)
            .args([
                "demo",
                "--listen",
                "127.0.0.1:0",
                "--json",
                "--no-limits",
                "--data",
            ])
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log)?)
            .spawn()
            .map_err(|error| Failure::Server(format!("{}: {error}", program.display())))?;
        let line = first_line(&mut child)?;
        let started_in = start.elapsed();
        let parsed = serde_json::from_str::<Demo>(&line).ok().and_then(|demo| {
            let authority = demo.ws_url.split_once("://")?.1;
            let address = authority.split('/').next()?.parse().ok()?;
            Some((demo, address))
        });
        let Some((demo, address)) = parsed else {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            let _ = child.kill();
            let _ = child.wait();
            return Err(Failure::Server(format!(
                "charla demo printed {line:?} and said {said}"
            )));
        };
        Ok(Self {
            kind: Kind::Charla,
            child,
            address,
            demo,
            key: String::new(),
            folder: Some(folder),
            started_in,
        })
    }

    /// Ends Charla and starts it on the same store. A first start hashes passwords for its guests, which leaves tens of
    /// MiB free in the process: what connections take would come out of that and not be seen.
    pub(crate) fn again(mut self, program: &Path) -> Outcome<Self> {
        let folder = self.folder.take().unwrap_or_default();
        let key = std::mem::take(&mut self.key);
        drop(self);
        let mut server = Self::charla(program, folder)?;
        server.key = key;
        Ok(server)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// From the start of its process to its word that it listens.
    pub(crate) fn started_in(&self) -> Duration {
        self.started_in
    }

    /// The chat that everybody is in.
    pub(crate) fn chat(&self) -> &str {
        &self.demo.chat
    }

    /// Where its store is, if it has one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// User and system time until now.
    pub(crate) fn cpu(&self) -> Outcome<Duration> {
        process::cpu(self.pid())
    }

    /// The access token of the demo's user of this id; empty where there are none.
    pub(crate) fn token(&self, name: &str) -> &str {
        let user = self.demo.users.iter().find(|user| user.id == name);
        user.map_or("", |user| user.token.as_str())
    }

    /// The head of a WebSocket handshake by `user`; `path` may end in a query.
    pub(crate) fn handshake(&self, user: &str, path: &str) -> Vec<u8> {
        let protocol = match self.kind {
            Kind::Floor | Kind::Plain => String::new(),
            Kind::Charla => format!(
                "Sec-WebSocket-Protocol: charla.v1, bearer.{}\r\n",
                self.token(user)
            ),
        };
        format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n",
            self.address
        )
        .into_bytes()
    }

    /// The handshake of a listener of the chat that everybody is in.
    pub(crate) fn listener(&self) -> Vec<u8> {
        self.handshake("ana", &format!("/ws/chat/{}/", self.demo.chat))
    }

    /// Makes chats that the agent may enter; their ids.
    pub(crate) fn chats(&self, count: usize) -> Outcome<Vec<String>> {
        let ids: Vec<String> = (0..count).map(|number| format!("bench-{number}")).collect();
        for id in &ids {
            let request = format!(
                "PUT /api/v1/chats/{id} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
                 Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}",
                self.address, self.key
            );
            let (status, body) = http::ask(self.address, request.as_bytes())?;
            if !status.starts_with('2') {
                return Err(Failure::Server(format!(
                    "PUT chat: {status} {}",
                    String::from_utf8_lossy(&body)
                )));
            }
        }
        Ok(ids)
    }

    /// Its own figures, in Prometheus' text form.
    pub(crate) fn metrics(&self) -> Outcome<String> {
        let request = format!(
            "GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        );
        let (status, body) = http::ask(self.address, request.as_bytes())?;
        if status != "200" {
            return Err(Failure::Server(format!("/metrics: {status}")));
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// A preflight by `user`.
    pub(crate) fn preflight(&self, user: &str) -> Vec<u8> {
        let (chat, token) = (self.chat(), self.token(user));
        format!(
            "GET /ws/chat/{chat}/ HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\r\n",
            self.address
        )
        .into_bytes()
    }

    /// A masked frame that makes it deliver message `number` to the listeners of `chat`.
    pub(crate) fn message(&self, chat: &str, number: u64, length: usize) -> Vec<u8> {
        match self.kind {
            Kind::Floor | Kind::Plain => message::send_to_floor(chat, number, length),
            Kind::Charla => message::send(chat, Ids::TimeOrdered, number, length),
        }
    }

    /// Whether a connection may be used from this event on.
    pub(crate) fn is_ready(&self, event: &Event<'_>) -> bool {
        match (self.kind, event) {
            (Kind::Floor | Kind::Plain, Event::Open) => true,
            (Kind::Charla, Event::Text(payload)) => message::kind(payload) == b"subscribed",
            (Kind::Floor | Kind::Plain | Kind::Charla, Event::Open | Event::Text(_) | Event::Closed(_)) => {
                false
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// The program, to be run with its defaults whatever the environment says: it reads `CHARLA_*` as settings.
pub(crate) fn without_settings(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CHARLA_") {
            command.env_remove(name);
        }
    }
    command
}

/// What a server says once it listens; empty if it ends without a word. The pipe stays open: it may say more.
fn first_line(child: &mut Child) -> Outcome<String> {
    let mut line = String::new();
    if let Some(stdout) = &mut child.stdout {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    Ok(line)
}
