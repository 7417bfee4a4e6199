//! The servers that Charla is measured beside: how each is started, by whose word it is set so, and what it needs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::programs;
use crate::dialect::Dialect;
use crate::failure::Outcome;
use crate::scenario::Bench;
use crate::server::{Kind, Server};

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Peer {
    /// [`crate::floor`].
    Floor,
    /// Charla, with its durable store.
    Charla,
    /// [`crate::tungstenite`].
    Tungstenite,
    /// uWebSockets, as socketify brings it.
    Uws,
    /// nginx with Nchan.
    Nchan,
    /// The npm package `ws`.
    Ws,
    /// Socket.IO.
    SocketIo,
    /// Sockudo, which speaks Pusher's protocol.
    Sockudo,
    /// Django Channels on uvicorn, with the Redis layer.
    Channels,
    /// The same with the layer that uses Redis' own publish and subscribe.
    ChannelsPubsub,
}

impl Peer {
    /// In the order in which a round takes them and tables name them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Floor,
        Self::Charla,
        Self::Tungstenite,
        Self::Uws,
        Self::Nchan,
        Self::Ws,
        Self::SocketIo,
        Self::Sockudo,
        Self::Channels,
        Self::ChannelsPubsub,
    ];

    /// What tables and pictures call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Floor => "the floor",
            Self::Charla => "Charla",
            Self::Tungstenite => "tokio-tungstenite",
            Self::Uws => "uWebSockets",
            Self::Nchan => "Nchan",
            Self::Ws => "ws",
            Self::SocketIo => "Socket.IO",
            Self::Sockudo => "sockudo",
            Self::Channels => "Channels, Redis layer",
            Self::ChannelsPubsub => "Channels, Redis pub/sub layer",
        }
    }

    /// How it is set, and by whose word.
    pub(crate) const fn how(self) -> &'static str {
        match self {
            Self::Floor => "one thread, `epoll`, one `send()` a socket; nothing else",
            Self::Charla => {
                "`charla demo --no-limits`: token, membership, SQLite with `synchronous=FULL` before each delivery"
            }
            Self::Tungstenite => {
                "a task a connection, one `tokio::sync::broadcast` (tokio's and the library's examples); all cores"
            }
            Self::Uws => {
                "`subscribe` and `publish` of one topic, no compression (socketify's documentation); one thread; who sends is Python, \
                 the fan-out is uWebSockets' own"
            }
            Self::Nchan => {
                "`nchan_pubsub websocket`, messages in shared memory, `worker_processes auto` (README of Nchan, nginx' core module)"
            }
            Self::Ws => {
                "the README's server broadcast, no compression (its default), `bufferutil`; one process"
            }
            Self::SocketIo => {
                "WebSocket only, `io.emit`, the handshake's request let go (its page \"Performance tuning\"); one process, `ws` as engine"
            }
            Self::Sockudo => {
                "local adapter, no limits on the rate, no figures (its page \"Configuration\"); built for one node; messages are \
                 published over HTTP, as Pusher's are; all cores"
            }
            Self::Channels => {
                "the tutorial's asynchronous consumer without its JSON, `channels_redis.core`, one uvicorn worker with uvloop and \
                 httptools, Redis without persistence"
            }
            Self::ChannelsPubsub => "the same with `channels_redis.pubsub`",
        }
    }

    /// What a round's work is divided by: the slow ones would take hours for what others do in a second.
    pub(crate) const fn slowness(self) -> u64 {
        match self {
            Self::Floor | Self::Charla | Self::Tungstenite | Self::Uws => 1,
            Self::Nchan | Self::Ws | Self::SocketIo | Self::Sockudo => 2,
            Self::Channels | Self::ChannelsPubsub => 20,
        }
    }

    /// Connections up to which it is measured: Channels takes minutes for what others do in a second.
    pub(crate) const fn most(self) -> usize {
        match self {
            Self::Floor
            | Self::Charla
            | Self::Tungstenite
            | Self::Uws
            | Self::Nchan
            | Self::Ws
            | Self::SocketIo
            | Self::Sockudo => usize::MAX,
            Self::Channels | Self::ChannelsPubsub => 2_000,
        }
    }

    /// What is installed of it, in words; `Err` says what is missing.
    pub(crate) fn version(self, tools: &Tools) -> Result<String, String> {
        match self {
            Self::Floor | Self::Charla => Ok(env!("CARGO_PKG_VERSION").into()),
            Self::Tungstenite => Ok("0.30".into()),
            Self::Uws => tools.python_packages(&["socketify"]),
            Self::Ws => tools.node_package("ws"),
            Self::SocketIo => tools.node_package("socket.io"),
            Self::Nchan => programs::nchan_version(),
            Self::Sockudo => first_words(Command::new(tools.sockudo()).arg("--version"))
                .map(|said| said.trim_start_matches("sockudo ").to_owned())
                .ok_or_else(|| not_installed("sockudo")),
            Self::Channels | Self::ChannelsPubsub => {
                first_words(Command::new("redis-server").arg("--version"))
                    .ok_or("redis-server is not installed")?;
                tools.python_packages(&["channels", "channels_redis", "uvicorn"])
            }
        }
    }

    /// Starts it, on a free port.
    pub(crate) fn start(self, bench: &Bench, tools: &Tools) -> Outcome<Server> {
        match self {
            Self::Floor => bench.start(Kind::Floor),
            // Settled: memory is read of it too.
            Self::Charla => bench.start_settled(),
            Self::Tungstenite => programs::own("tungstenite"),
            Self::Uws => programs::uws(tools, bench.store()),
            Self::Ws => programs::node(
                tools,
                bench.store(),
                include_str!("../../peers/ws.cjs"),
                Dialect::Bare,
            ),
            Self::SocketIo => programs::node(
                tools,
                bench.store(),
                include_str!("../../peers/socket-io.cjs"),
                Dialect::SocketIo,
            ),
            Self::Nchan => programs::nchan(bench.store()),
            Self::Sockudo => programs::sockudo(tools, bench.store()),
            Self::Channels => {
                programs::channels(tools, bench.store(), "channels_redis.core.RedisChannelLayer")
            }
            Self::ChannelsPubsub => programs::channels(
                tools,
                bench.store(),
                "channels_redis.pubsub.RedisPubSubChannelLayer",
            ),
        }
    }
}

/// Where `cargo xtask bench --install` puts what peers are made of.
pub(crate) struct Tools {
    /// Holds `node_modules` and a virtual environment.
    folder: PathBuf,
}

impl Tools {
    /// Beside the folder that the program was built into, if nobody says otherwise.
    pub(crate) fn new(folder: Option<&Path>) -> Outcome<Self> {
        let folder = match folder {
            Some(folder) => folder.to_owned(),
            None => {
                let program = std::env::current_exe()?;
                let target = program.ancestors().nth(2).unwrap_or(Path::new("."));
                target.join("tools").join("bench")
            }
        };
        Ok(Self { folder })
    }

    /// Where Node looks for packages.
    pub(crate) fn node_modules(&self) -> PathBuf {
        self.folder.join("node_modules")
    }

    /// The interpreter that has Channels and uvicorn.
    pub(crate) fn python(&self) -> PathBuf {
        self.folder.join("python/bin/python")
    }

    /// The program of sockudo.
    pub(crate) fn sockudo(&self) -> PathBuf {
        self.folder.join("cargo/bin/sockudo")
    }

    fn node_package(&self, name: &str) -> Result<String, String> {
        let file = self.node_modules().join(name).join("package.json");
        let text = std::fs::read_to_string(file).map_err(|_| not_installed(name))?;
        let package: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let version = package.get("version").and_then(|version| version.as_str());
        let node = first_words(Command::new("node").arg("--version")).ok_or("node is not installed")?;
        Ok(format!("{} on Node {node}", version.unwrap_or("?")))
    }

    fn python_packages(&self, names: &[&str]) -> Result<String, String> {
        let list = names.join(" ");
        let ask = "import importlib.metadata as m, sys; print(', '.join(n + ' ' + m.version(n) for n in sys.argv[1].split()))";
        first_words(Command::new(self.python()).args(["-c", ask, &list])).ok_or_else(|| not_installed(&list))
    }
}

fn not_installed(what: &str) -> String {
    format!("{what} is not installed: `cargo xtask bench --install`")
}

/// What a program prints, in one line; nothing if it fails.
pub(super) fn first_words(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let said = if output.stdout.is_empty() {
        output.stderr
    } else {
        output.stdout
    };
    let line = String::from_utf8_lossy(&said).lines().next()?.trim().to_owned();
    output.status.success().then_some(line)
}
