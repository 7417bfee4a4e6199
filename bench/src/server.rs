//! Servers under test: each a process of its own on a loopback port, ended when dropped.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::dialect::Dialect;
use crate::failure::{Failure, Outcome};
use crate::load::http;
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
    dialect: Dialect,
    child: Child,
    /// What it needs beside itself, as Redis; its use counts as the server's.
    helpers: Vec<Child>,
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
        let mut server = Self::stranger(Dialect::BareChat, child, Vec::new(), address);
        server.started_in = start.elapsed();
        Ok(server)
    }

    /// Somebody else's server, with what it needs beside itself.
    pub(crate) fn stranger(dialect: Dialect, child: Child, helpers: Vec<Child>, address: SocketAddr) -> Self {
        let demo = Demo {
            chat: "5".into(),
            ..Demo::default()
        };
        Self {
            dialect,
            child,
            helpers,
            address,
            demo,
            key: String::new(),
            folder: None,
            started_in: Duration::ZERO,
        }
    }

    /// Charla as it was started elsewhere, with its people's tokens and a back end's key.
    pub(crate) fn node(child: Child, address: SocketAddr, tokens: &[(&str, String)], key: &str) -> Self {
        let mut node = Self::stranger(Dialect::Charla, child, Vec::new(), address);
        node.demo.users = tokens
            .iter()
            .map(|(id, token)| DemoUser {
                id: (*id).to_owned(),
                token: token.clone(),
            })
            .collect();
        node.key = key.to_owned();
        node
    }

    /// The same, with a folder that goes when it does.
    pub(crate) fn in_folder(mut self, folder: PathBuf) -> Self {
        self.folder = Some(folder);
        self
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
        Self::charla_set(program, folder, &[])
    }

    /// The same with settings of its own, as `key=value`.
    pub(crate) fn charla_set(program: &Path, folder: PathBuf, settings: &[&str]) -> Outcome<Self> {
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
            .args(settings.iter().flat_map(|setting| ["--set", *setting]))
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
            dialect: Dialect::Charla,
            child,
            helpers: Vec::new(),
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

    /// How it is spoken to.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// User and system time until now, of all its processes and of what it needs beside itself.
    pub(crate) fn cpu(&self) -> Outcome<Duration> {
        let mut all = Duration::ZERO;
        for child in std::iter::once(&self.child).chain(&self.helpers) {
            for pid in process::family(child.id()) {
                all += process::cpu(pid)?;
            }
        }
        Ok(all)
    }

    /// Resident bytes of the same; what processes share counts once.
    pub(crate) fn memory(&self) -> Outcome<u64> {
        let mut all = 0;
        for child in std::iter::once(&self.child).chain(&self.helpers) {
            for pid in process::family(child.id()) {
                all += process::proportional(pid)?;
            }
        }
        Ok(all)
    }

    /// The access token of the demo's user of this id; empty where there are none.
    pub(crate) fn token(&self, name: &str) -> &str {
        let user = self.demo.users.iter().find(|user| user.id == name);
        user.map_or("", |user| user.token.as_str())
    }

    /// The head of a WebSocket handshake by `user`; `path` may end in a query.
    pub(crate) fn handshake(&self, user: &str, path: &str) -> Vec<u8> {
        let protocol = match self.dialect {
            Dialect::Charla => format!(
                "Sec-WebSocket-Protocol: charla.v1, bearer.{}\r\n",
                self.token(user)
            ),
            Dialect::Bare | Dialect::BareChat | Dialect::SocketIo | Dialect::Pusher => String::new(),
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
        self.handshake("ana", &self.dialect.path(&self.demo.chat))
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
}

impl Drop for Server {
    fn drop(&mut self) {
        // Workers of some end only when their master is asked to.
        let workers = process::family(self.child.id());
        for child in std::iter::once(&mut self.child).chain(&mut self.helpers) {
            let _ = child.kill();
            let _ = child.wait();
        }
        process::end(workers.get(1..).unwrap_or_default());
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
pub(crate) fn first_line(child: &mut Child) -> Outcome<String> {
    let mut line = String::new();
    if let Some(stdout) = &mut child.stdout {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    Ok(line)
}
