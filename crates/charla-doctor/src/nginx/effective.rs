//! What is in force for one request, as evidence: every directive with the file and line that sets it.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;

use super::locations::PASSES;
use super::logging::{access_log, error_log};
use super::proxying::{headers, others, upstream};
use super::servers::{self, Chosen};
use super::tree::{Config, Node};
use super::values::Values;
use super::walk::{End, Walk};
use crate::evidence::{Directive, NginxLocation, NginxSeen};

/// The release since which nginx proxies with HTTP/1.1 unless told otherwise.
const HTTP11_SINCE: [u32; 3] = [1, 29, 7];
/// Other directives that are kept.
const REST: usize = 64;

/// The request whose way is followed: a WebSocket's handshake.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// Over TLS.
    pub secure: bool,
    /// The name in `Host`, without port.
    pub host: &'a str,
    /// The port that was connected to.
    pub port: u16,
    /// The address that was connected to, where it is known.
    pub address: Option<IpAddr>,
    /// The path as it is sent, without query.
    pub path: &'a str,
    /// `Origin`.
    pub origin: &'a str,
}

/// What an nginx was built with.
#[derive(Debug, Clone, Copy)]
pub struct Defaults<'a> {
    /// `1.22.1`.
    pub version: Option<&'a str>,
    /// Where relative log paths start.
    pub prefix: &'a str,
    /// `--error-log-path`.
    pub error_log: &'a str,
    /// `--http-log-path`.
    pub access_log: &'a str,
}

impl Default for Defaults<'_> {
    fn default() -> Self {
        Self {
            version: None,
            prefix: "/usr/share/nginx",
            error_log: "/var/log/nginx/error.log",
            access_log: "/var/log/nginx/access.log",
        }
    }
}

/// What nginx does with a request.
#[must_use]
pub fn seen(config: &Config, from: &str, request: &Request<'_>, defaults: &Defaults<'_>) -> NginxSeen {
    let http = config.http();
    let chosen = servers::choose(http, request);
    let path = normalised(request.path);
    let walk = Walk::start(http, &chosen, values(http, request), &path);
    let mut seen = NginxSeen {
        from: from.to_owned(),
        version: defaults.version.map(str::to_owned),
        errors: config.errors.clone(),
        server_at: chosen.listen.or(chosen.server).map(Node::at).unwrap_or_default(),
        server_names: chosen
            .server
            .map(|server| {
                servers::names(server)
                    .into_iter()
                    .filter(|name| !name.is_empty())
                    .map(str::to_owned)
                    .collect()
            })
            .unwrap_or_default(),
        ..NginxSeen::default()
    };
    let top = |name: &'static str| config.root.named(name).last();
    let events = config.root.named("events").next();
    seen.worker_connections = events
        .and_then(|events| events.named("worker_connections").last())
        .map(Node::directive);
    seen.worker_processes = top("worker_processes").map(|node| node.arg(0).to_owned());
    seen.worker_rlimit_nofile = top("worker_rlimit_nofile").and_then(|node| node.arg(0).parse().ok());
    seen.worker_shutdown_timeout = top("worker_shutdown_timeout").map(Node::directive);
    seen.error_log = Some(error_log(&walk, &config.root, defaults));
    seen.access_log = Some(access_log(&walk, defaults));
    if chosen.server.is_some() {
        let location = location(&walk, &chosen, request, defaults);
        if location.upgrade.is_none() || location.proxy_pass.is_none() {
            seen.others = others(http, &walk);
        }
        seen.location = Some(location);
    }
    seen
}

fn values<'a>(http: &'a Node, request: &Request<'_>) -> Values<'a> {
    let mut values = Values::new(http);
    let scheme = if request.secure { "https" } else { "http" };
    let port = request.port.to_string();
    let usual = request.port == if request.secure { 443 } else { 80 };
    let host = if usual {
        request.host.to_owned()
    } else {
        format!("{}:{port}", request.host)
    };
    for (name, value) in [
        ("scheme", scheme),
        ("https", if request.secure { "on" } else { "" }),
        ("host", request.host),
        ("http_host", &host),
        ("server_port", &port),
        ("request_method", "GET"),
        ("server_protocol", "HTTP/1.1"),
        ("request_uri", request.path),
        ("http_upgrade", "websocket"),
        ("http_connection", "Upgrade"),
        ("http_sec_websocket_version", "13"),
        ("http_origin", request.origin),
        ("content_length", ""),
        ("content_type", ""),
        ("http2", ""),
    ] {
        values.set(name, value);
    }
    values
}

/// Decoded, with slashes merged and dots resolved, as locations see it.
fn normalised(path: &str) -> String {
    let decoded = percent_decode_str(path).decode_utf8_lossy().into_owned();
    let mut parts: Vec<&str> = Vec::new();
    for part in decoded.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let slash = !parts.is_empty()
        && (decoded.ends_with(['/']) || decoded.ends_with("/.") || decoded.ends_with("/.."));
    format!("/{}{}", parts.join("/"), if slash { "/" } else { "" })
}

fn location<'a>(
    walk: &Walk<'a>,
    chosen: &Chosen<'a>,
    request: &Request<'_>,
    defaults: &Defaults<'_>,
) -> NginxLocation {
    let none = Node::default();
    let level = walk.level().unwrap_or(&none);
    let (pattern, at) = name(walk.condition, level);
    let pass = passing(walk, "proxy_pass");
    let first = |name: &str| walk.effective(&[name]).first().copied();
    let all = |names: &[&str]| -> Vec<Directive> {
        walk.effective(names).into_iter().map(Node::directive).collect()
    };
    let read = first("proxy_read_timeout");
    let version = first("proxy_http_version");
    let seconds = |node: Option<&Node>| node.and_then(|node| seconds(node.arg(0))).unwrap_or(60.0);
    let mut found = NginxLocation {
        pattern,
        at,
        proxy_pass: pass.map(Node::directive),
        http_version: version.map_or_else(
            || default_http_version(defaults.version).to_owned(),
            |node| node.arg(0).to_owned(),
        ),
        http_version_at: version.map(Node::at),
        read_timeout_s: seconds(read),
        read_timeout_at: read.map(Node::at),
        send_timeout_s: seconds(first("proxy_send_timeout")),
        returns: match walk.end {
            End::Answered(node) => Some(node.directive()),
            End::AddSlash | End::Content | End::Loop => None,
        },
        adds_slash: walk.end == End::AddSlash,
        rewrites: walk.rewrites.iter().map(|node| node.directive()).collect(),
        through: walk.through.iter().map(|node| node.directive()).collect(),
        assumed: walk.assumed.iter().map(|node| node.directive()).collect(),
        other_pass: PASSES
            .iter()
            .filter(|name| **name != "proxy_pass")
            .find_map(|name| passing(walk, name))
            .map(Node::directive),
        header_buffers: first("large_client_header_buffers").map(Node::directive),
        limits: [all(&["limit_req"]), all(&["limit_conn"])].concat(),
        guards: guards(walk),
        http2: chosen.http2 || first("http2").is_some_and(|node| node.arg(0) == "on"),
        tls: chosen
            .listen
            .is_some_and(|listen| listen.args.iter().any(|arg| arg == "ssl")),
        ..NginxLocation::default()
    };
    if let Some(pass) = pass {
        headers(walk, &mut found);
        upstream(walk, pass, request, &mut found);
    } else if found.returns.is_none() && found.other_pass.is_none() {
        let own = ["try_files"]
            .iter()
            .filter_map(|name| level.named(name).next())
            .map(Node::directive);
        found.files = own
            .chain(all(&["alias", "root"]))
            .chain(all(&["index"]))
            .collect();
        if found.files.is_empty() {
            // nginx serves files from its own folder where nothing else is said.
            found.files.push(Directive {
                name: "root".to_owned(),
                args: vec!["html".to_owned()],
                at: String::new(),
            });
        }
    }
    found.rest = rest(walk);
    found
}

/// `location /ws/` and where it opens.
pub(super) fn name(condition: Option<&Node>, level: &Node) -> (String, String) {
    let node = condition.unwrap_or(level);
    let words = std::iter::once(level.name.as_str()).chain(level.args.iter().map(String::as_str));
    let mut text = words.collect::<Vec<_>>().join(" ");
    if let Some(condition) = condition {
        text = format!("{text}, if {}", condition.args.join(" "));
    }
    (text, node.at())
}

/// A pass of the location itself: locations do not inherit it, an `if` does.
fn passing<'a>(walk: &Walk<'a>, name: &'a str) -> Option<&'a Node> {
    if walk.end != End::Content {
        return None;
    }
    let own = walk.condition.and_then(|condition| condition.named(name).next());
    own.or_else(|| {
        walk.level()
            .filter(|level| level.name == "location")
            .and_then(|level| level.named(name).next())
    })
}

fn guards(walk: &Walk<'_>) -> Vec<Directive> {
    let mut guards: Vec<&Node> = Vec::new();
    guards.extend(
        walk.effective(&["auth_basic"])
            .into_iter()
            .filter(|node| node.arg(0) != "off"),
    );
    guards.extend(
        walk.effective(&["auth_request"])
            .into_iter()
            .filter(|node| node.arg(0) != "off"),
    );
    guards.extend(
        walk.effective(&["auth_jwt"])
            .into_iter()
            .filter(|node| node.arg(0) != "off"),
    );
    guards.extend(walk.effective(&["allow", "deny"]));
    guards.extend(walk.effective(&["satisfy"]));
    guards.into_iter().map(Node::directive).collect()
}

/// Everything in force that has no place of its own.
fn rest(walk: &Walk<'_>) -> Vec<Directive> {
    const TOLD: [&str; 24] = [
        "proxy_pass",
        "proxy_http_version",
        "proxy_read_timeout",
        "proxy_send_timeout",
        "return",
        "rewrite",
        "try_files",
        "root",
        "alias",
        "index",
        "auth_basic",
        "auth_request",
        "allow",
        "deny",
        "satisfy",
        "limit_req",
        "limit_conn",
        "large_client_header_buffers",
        "listen",
        "server_name",
        "include",
        "if",
        "set",
        "break",
    ];
    let mut names: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for level in walk.levels() {
        let inner = level
            .children()
            .iter()
            .filter(|node| node.block.is_none() && !TOLD.contains(&node.name.as_str()));
        let fresh: Vec<&Node> = inner
            .filter(|node| !names.contains(&node.name.as_str()))
            .collect();
        names.extend(fresh.iter().map(|node| node.name.as_str()));
        found.extend(fresh.into_iter().map(Node::directive));
    }
    found.truncate(REST);
    found
}

/// `1.1` since 1.29.7, `1.0` before; nothing where the version is not known.
fn default_http_version(version: Option<&str>) -> &'static str {
    let Some(version) = version else { return "" };
    let numbers = version.split('.').map(|part| {
        part.chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
            .parse()
            .unwrap_or(0)
    });
    let numbers: Vec<u32> = numbers.collect();
    if numbers.as_slice() >= HTTP11_SINCE.as_slice() {
        "1.1"
    } else {
        "1.0"
    }
}

/// A time in nginx' syntax, in seconds: `60`, `60s`, `1m30s`, `500ms`, `1h`, `1d`, `1w`, `1M`, `1y`.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let mut total = 0.0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|char: char| !char.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let unit = after
            .find(|char: char| char.is_ascii_digit() || char == ' ')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        total += number
            * match unit {
                "" | "s" => 1.0,
                "ms" => 0.001,
                "m" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                "w" => 604_800.0,
                "M" => 2_592_000.0,
                "y" => 31_536_000.0,
                _ => return None,
            };
        rest = after.trim_start();
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_versions_and_paths() {
        for (text, expected) in [
            ("60", Some(60.0)),
            ("60s", Some(60.0)),
            ("1h 30m", Some(5_400.0)),
            ("1m30s", Some(90.0)),
            ("500ms", Some(0.5)),
            ("", None),
            ("s", None),
            ("3x", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        for (version, expected) in [
            ("1.22.1", "1.0"),
            ("1.29.6", "1.0"),
            ("1.29.7", "1.1"),
            ("1.31.0", "1.1"),
            ("2.0", "1.1"),
        ] {
            assert_eq!(default_http_version(Some(version)), expected, "{version}");
        }
        for (path, expected) in [
            ("/ws//chat/../5/", "/ws/5/"),
            ("/a%2Fb", "/a/b"),
            ("/", "/"),
            ("/../..", "/"),
            ("/a/.", "/a/"),
        ] {
            assert_eq!(normalised(path), expected, "{path}");
        }
    }
}
