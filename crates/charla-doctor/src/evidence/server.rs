//! Listeners, processes and units.

use serde::{Deserialize, Serialize};

/// Who serves, or should.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSeen {
    /// The port on which the application is expected: the URL's, or the proxy's upstream.
    pub expected_port: Option<u16>,
    /// How that port became known.
    pub expected_from: String,
    /// Whoever listens on that port; empty when nobody does.
    pub listeners: Vec<Listener>,
    /// Listeners on other ports that look like the application: an ASGI server, charla, node.
    pub elsewhere: Vec<Listener>,
    /// The process behind it: the first of `listeners`, else one that runs without listening.
    pub process: Option<ProcessSeen>,
    /// The path of the Unix socket on which it is expected instead of a port.
    pub expected_socket: Option<String>,
    /// Its workers or sisters: processes that share the socket.
    pub workers: Vec<u32>,
    /// Each process that answers on the socket: the workers, or the one process.
    pub serving: Vec<WorkerSeen>,
    /// Processes that look like the application and listen nowhere.
    pub not_listening: Vec<ProcessSeen>,
    /// A process of the application that was not there yet when the run began.
    pub newcomer: Option<ProcessSeen>,
    /// Its unit.
    pub unit: Option<UnitSeen>,
    /// Distributions in its Python environment that matter.
    pub packages: Vec<Package>,
    /// Where those were found.
    pub site_packages: Option<String>,
}

/// A listening socket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listener {
    /// `127.0.0.1:9001`, `0.0.0.0:9001`, `[::]:9001`, `unix:/run/app.sock`.
    pub address: String,
    /// The process, where it could be seen.
    pub pid: Option<u32>,
    /// Its command line, redacted.
    pub command: String,
    /// What it is.
    pub kind: Kind,
    /// Connections waiting to be accepted.
    pub queue: Option<u32>,
    /// How many may wait.
    pub backlog: Option<u32>,
    /// The most that waited while the doctor's own handshakes were on their way.
    pub queue_peak: Option<u32>,
    /// The queue grew shorter meanwhile: somebody accepts, however slowly.
    pub queue_fell: bool,
}

/// What a command line is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// uvicorn.
    Uvicorn,
    /// daphne.
    Daphne,
    /// hypercorn.
    Hypercorn,
    /// gunicorn with an ASGI worker.
    GunicornAsgi,
    /// gunicorn with a WSGI worker.
    GunicornWsgi,
    /// Django's `runserver`.
    Runserver,
    /// charla.
    Charla,
    /// Node.
    Node,
    /// nginx.
    Nginx,
    /// Redis or Valkey.
    Redis,
    /// PostgreSQL.
    Postgres,
    /// Anything else.
    #[default]
    Other,
}

/// A process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProcessSeen {
    /// Its id.
    pub pid: u32,
    /// Its command line, redacted.
    pub command: String,
    /// What it is.
    pub kind: Kind,
    /// The letter of /proc/PID/stat: `T` is stopped, `D` waits for a disk, `Z` is dead.
    pub state: String,
    /// Who runs it.
    pub user: Option<String>,
    /// Its working folder.
    pub folder: Option<String>,
    /// How long it has been running.
    pub age_s: Option<f64>,
    /// Resident memory.
    pub memory: Option<u64>,
    /// Open descriptors.
    pub descriptors: Option<u64>,
    /// How many it may have.
    pub descriptor_limit: Option<u64>,
    /// Share of one core over the time of the probe, 0 to 1.
    pub cpu: Option<f64>,
    /// Established TCP connections on its listening port.
    pub connections: Option<u64>,
    /// `--ws-ping-interval` and its like, in seconds, as the command line or the server's default has it.
    pub ping_interval_s: Option<f64>,
    /// `--ws-ping-timeout` likewise.
    pub ping_timeout_s: Option<f64>,
    /// `--ws-max-size` likewise, in bytes.
    pub max_message: Option<u64>,
    /// `--workers`.
    pub workers: Option<u32>,
    /// `--log-level`, where it hides what a doctor needs.
    pub log_level: Option<String>,
    /// The application it serves: `project.asgi:application`.
    pub module: Option<String>,
    /// `--limit-concurrency`: with more connections it answers 503.
    pub limit_concurrency: Option<u64>,
    /// `--limit-max-requests`: it ends after so many.
    pub limit_requests: Option<u64>,
    /// `--backlog`: how many may wait to be accepted, as far as `somaxconn` allows.
    pub backlog: Option<u64>,
    /// `--ws`: the WebSocket library that uvicorn is told to use; `none` serves no WebSockets.
    pub websockets: Option<String>,
    /// `--interface`, where it was given: with `wsgi` there are no WebSockets.
    pub interface: Option<String>,
    /// The class of gunicorn's workers, where it could be told.
    pub worker_class: Option<String>,
}

/// One process that answers on the socket.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerSeen {
    /// Its id.
    pub pid: u32,
    /// The letter of /proc/PID/stat.
    pub state: String,
    /// Open descriptors.
    pub descriptors: Option<u64>,
    /// How many it may have.
    pub descriptor_limit: Option<u64>,
    /// Share of one core over the time of the probe, 0 to 1.
    pub cpu: Option<f64>,
}

/// A systemd unit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnitSeen {
    /// `tenants-backend.service`.
    pub name: String,
    /// `active`, `failed`, `activating`.
    pub active: String,
    /// `running`, `auto-restart`, `dead`.
    pub sub: String,
    /// `success`, `exit-code`, `signal`, `oom-kill`, `start-limit-hit`.
    pub result: String,
    /// Restarts by systemd.
    pub restarts: Option<u64>,
    /// Exit code or signal of the last main process.
    pub exit_status: Option<i64>,
    /// `ExecStart`, redacted.
    pub exec: String,
    /// `Restart=`.
    pub restart_policy: String,
    /// `LimitNOFILE`.
    pub descriptor_limit: Option<u64>,
    /// The port that `ExecStart` names, or its server's default.
    pub port: Option<u16>,
    /// How it became known: `--unit`, the process' control group, a unit file.
    pub from: String,
    /// `LoadState`: `loaded`, `not-found`, `masked`; empty when systemd could not be asked and only the unit's file was read.
    pub load: String,
    /// `ExecMainCode` in words: `exited`, `killed`, `dumped`.
    pub exit_code: Option<String>,
    /// `MainPID`, when there is one.
    pub main_pid: Option<u32>,
}

/// An installed Python distribution.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Package {
    /// In lower case, `-` for `_`.
    pub name: String,
    /// As installed.
    pub version: String,
}

impl ServerSeen {
    /// The version of a distribution, if it is installed.
    #[must_use]
    pub fn package(&self, name: &str) -> Option<&str> {
        let found = self.packages.iter().find(|package| package.name == name);
        found.map(|package| package.version.as_str())
    }
}
