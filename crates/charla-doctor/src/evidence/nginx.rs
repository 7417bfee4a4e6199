//! The nginx in front: the configuration that really serves the path, and its logs.

use serde::{Deserialize, Serialize};

/// What nginx is told to do with the path.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NginxSeen {
    /// Where the configuration came from: `nginx -T`, or the main file.
    pub from: String,
    /// `1.22.1`.
    pub version: Option<String>,
    /// Why the configuration could not be read to its end: file:line and words.
    pub errors: Vec<String>,
    /// Whether an nginx runs and listens on the URL's port.
    pub running: Option<bool>,
    /// A file of it that was changed after nginx read it: what is in force may differ until a reload.
    pub changed_since_load: Option<String>,
    /// `listen` of the server block that answers, as file:line.
    pub server_at: String,
    /// Its `server_name`s.
    pub server_names: Vec<String>,
    /// The location that serves the path.
    pub location: Option<NginxLocation>,
    /// Locations that do proxy upgrades, when this one does not: (modifier and pattern, file:line, upstream).
    pub others: Vec<(String, String, String)>,
    /// `worker_connections`, with file:line.
    pub worker_connections: Option<Directive>,
    /// `worker_processes`.
    pub worker_processes: Option<String>,
    /// `worker_rlimit_nofile`.
    pub worker_rlimit_nofile: Option<u64>,
    /// `worker_shutdown_timeout`.
    pub worker_shutdown_timeout: Option<Directive>,
    /// Workers that are shutting down since a reload, from the process table.
    pub workers_shutting_down: u32,
    /// Open connections of all workers together, from /proc.
    pub connections: Option<u64>,
    /// The error log in force for the location.
    pub error_log: Option<NginxLog>,
    /// The access log in force for the location.
    pub access_log: Option<NginxLog>,
}

/// A log file of nginx.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NginxLog {
    /// Its path; `off` where it is off.
    pub path: String,
    /// `error`, `info`; the format's name for an access log.
    pub level: String,
    /// Whether it could be read.
    pub readable: bool,
    /// The file and line that say so.
    pub at: String,
}

/// A directive in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Directive {
    /// Its name.
    pub name: String,
    /// Its arguments, as written.
    pub args: Vec<String>,
    /// `/etc/nginx/sites-enabled/chat:12`.
    pub at: String,
}

/// The location that serves a path.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NginxLocation {
    /// `location /ws/`, `location ~ ^/ws/`; `server` where none matched.
    pub pattern: String,
    /// File and line of its opening.
    pub at: String,
    /// `proxy_pass`, with variables and upstream names as written.
    pub proxy_pass: Option<Directive>,
    /// Addresses behind it: `127.0.0.1:9001`, `unix:/run/app.sock`.
    pub upstreams: Vec<String>,
    /// The path that the upstream gets, where it is changed.
    pub upstream_path: Option<String>,
    /// What `Upgrade` is set to, when the handshake asks for `websocket`; none: it is not passed on.
    pub upgrade: Option<String>,
    /// What `Connection` is set to; none: `close`.
    pub connection: Option<String>,
    /// What `Host` is set to.
    pub host: Option<String>,
    /// `proxy_http_version` in force, with nginx's default for its version; empty where neither is known.
    pub http_version: String,
    /// Where that is set; none: the default.
    pub http_version_at: Option<String>,
    /// `proxy_read_timeout` in force, in seconds.
    pub read_timeout_s: f64,
    /// Where that is set; none: the default of 60 s.
    pub read_timeout_at: Option<String>,
    /// `proxy_send_timeout` in force, in seconds.
    pub send_timeout_s: f64,
    /// Where the headers in force are set; none: nowhere.
    pub headers_at: Option<String>,
    /// Where a wider level sets `Upgrade`, in vain: a nearer one sets other headers, and those replace all.
    pub headers_lost_at: Option<String>,
    /// `return`, or a `rewrite` that redirects, where the location answers by itself.
    pub returns: Option<Directive>,
    /// The path is sent back with a slash at its end (301), since only a proxied location with one has its name.
    pub adds_slash: bool,
    /// `rewrite`s that match the path.
    pub rewrites: Vec<Directive>,
    /// `try_files` and `error_page` that led to this location.
    pub through: Vec<Directive>,
    /// What could not be evaluated on the way and was taken as not matching: an `if` on a header that is not known, a
    /// regular expression that only PCRE reads.
    pub assumed: Vec<Directive>,
    /// `fastcgi_pass`, `uwsgi_pass`, `scgi_pass`, `grpc_pass`: handed to something that carries no WebSocket.
    pub other_pass: Option<Directive>,
    /// `try_files`, `root`, `alias`, `index`: the location serves files.
    pub files: Vec<Directive>,
    /// `auth_basic`, `auth_request`, `allow`, `deny`, `satisfy`.
    pub guards: Vec<Directive>,
    /// `limit_req`, `limit_conn`.
    pub limits: Vec<Directive>,
    /// `large_client_header_buffers` in force.
    pub header_buffers: Option<Directive>,
    /// The listener has `http2`.
    pub http2: bool,
    /// The listener has `ssl`.
    pub tls: bool,
    /// Every directive of this location and those inherited that is not above, for `--verbose`.
    pub rest: Vec<Directive>,
}
