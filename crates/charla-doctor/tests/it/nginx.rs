//! The resolver against nginx itself: every request is sent to a real one, and what it does must be what was foretold.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use charla_doctor::evidence::{NginxSeen, SourceKind, Target};
use charla_doctor::nginx::{Config, Defaults, Dump, Request, seen};
use charla_doctor::plan::Wanted;
use charla_doctor::probe::nginx::{Known, Looked, look};
use charla_doctor::probe::sockets;
use rustix::process::{Pid, Signal, kill_process};

const LOCATIONS: &str = include_str!("nginx/locations.conf");
const PROXIES: &str = include_str!("nginx/proxies.conf");

pub(crate) struct Nginx {
    child: Child,
    pub(crate) config: String,
    pub(crate) ports: Vec<u16>,
    pub(crate) folder: tempfile::TempDir,
}

impl Nginx {
    /// `{port}`, `{port1}` ... become free ports; ready when this returns.
    pub(crate) fn start(http: &str) -> Self {
        Self::run(http, "off", "")
    }

    /// `master`: with a master process and one worker.
    pub(crate) fn run(http: &str, master: &str, top: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let held: Vec<TcpListener> = (0..4)
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
            .collect();
        let ports: Vec<u16> = held
            .iter()
            .map(|listener| listener.local_addr().unwrap().port())
            .collect();
        let path = folder.path().display().to_string();
        let mut http = http.replace("{folder}", &path);
        for (index, port) in ports.iter().enumerate() {
            http = http.replace(&format!("{{port{index}}}"), &port.to_string());
        }
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {path}/{name};\n"))
            .collect();
        let config = format!(
            "daemon off;\nmaster_process {master};\npid {path}/pid;\nerror_log stderr notice;\n{top}\nevents {{ worker_connections 256; }}\nhttp {{\n{temporary}access_log off;\ndefault_type text/plain;\n{http}\n}}\n"
        );
        std::fs::write(folder.path().join("nginx.conf"), &config).unwrap();
        drop(held);
        let mut command = Command::new("nginx");
        command
            .arg("-c")
            .arg(folder.path().join("nginx.conf"))
            .arg("-p")
            .arg(folder.path());
        let mut child = command
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let ready = if master == "on" {
            "start worker process "
        } else {
            "event method"
        };
        loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("nginx did not start: {said:?}")
            };
            if line.contains(ready) {
                break;
            }
            said.push(line);
        }
        // Drained, or nginx would stand still on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            config,
            ports,
            folder,
        }
    }

    /// A master ends its workers at SIGTERM; killed, it would leave them.
    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .unwrap();
        kill_process(pid, signal).unwrap_or_default();
    }

    pub(crate) fn config(&self) -> Config {
        Config::of_dump(Dump::of(&[("/etc/nginx/nginx.conf", &self.config)]))
    }

    fn foretold(&self, port: u16, host: &str, path: &str) -> NginxSeen {
        let config = self.config();
        assert_eq!(config.errors, Vec::<String>::new());
        let request = Request {
            secure: false,
            host,
            port,
            address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            path,
            origin: "http://page.example",
        };
        let defaults = Defaults {
            version: Some("1.22.1"),
            ..Defaults::default()
        };
        seen(&config, "test", &request, &defaults)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        drop(self.child.wait());
    }
}

/// A handshake's status, `Location` and body.
fn ask(port: u16, host: &str, path: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\nOrigin: http://page.example\r\n\r\n").unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    let location = head
        .lines()
        .find_map(|line| line.strip_prefix("Location: "))
        .unwrap_or_default();
    (status, location.to_owned(), body.to_owned())
}

/// What the resolver says, in the words of what nginx would answer.
fn answer(seen: &NginxSeen) -> String {
    let Some(location) = &seen.location else {
        return "nothing".to_owned();
    };
    if location.adds_slash {
        return "301 slash".to_owned();
    }
    match &location.returns {
        Some(node) if node.name == "rewrite" => "30x".to_owned(),
        Some(node) => node.args.join(" "),
        None if location.proxy_pass.is_some() => "proxied".to_owned(),
        None => "files".to_owned(),
    }
}

#[test]
fn the_location_is_the_one_that_nginx_takes() {
    let nginx = Nginx::start(LOCATIONS);
    let port = nginx.ports[0];
    let table = LOCATIONS
        .lines()
        .filter_map(|line| line.trim().strip_prefix("#? "));
    let (mut faults, mut answers, mut cases) = (Vec::new(), Vec::new(), 0);
    for line in table {
        let (host, path) = line.split_once(' ').unwrap();
        let foretold = answer(&nginx.foretold(port, host, path));
        let (status, location, body) = ask(port, host, path);
        let real = match status {
            200 if !body.is_empty() => format!("200 {body}"),
            301 if location.ends_with(&format!("{path}/")) => "301 slash".to_owned(),
            301 | 302 => "30x".to_owned(),
            404 | 403 => "files".to_owned(),
            status => status.to_string(),
        };
        if foretold != real {
            faults.push(format!("{line}: nginx says {real:?}, the resolver {foretold:?}"));
        }
        answers.push(real);
        cases += 1;
    }
    answers.sort();
    answers.dedup();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(
        cases >= 60 && answers.len() >= 35,
        "{cases} cases, {} answers",
        answers.len()
    );
}

#[test]
fn what_the_upstream_gets_is_what_was_foretold() {
    let nginx = Nginx::start(PROXIES);
    let port = nginx.ports[0];
    let table = PROXIES.lines().filter_map(|line| line.trim().strip_prefix("#? "));
    let (mut faults, mut cases) = (Vec::new(), 0);
    for line in table {
        let (host, path) = line.split_once(' ').unwrap();
        let seen = nginx.foretold(port, host, path);
        let location = seen.location.unwrap();
        // The upstream writes: request line's protocol, path, Upgrade, Connection, Host.
        let (status, _, body) = ask(port, host, path);
        let foretold = format!(
            "HTTP/{} {} {} {} {}",
            location.http_version,
            location.upstream_path.as_deref().unwrap_or(path),
            location.upgrade.as_deref().unwrap_or("-"),
            match location.connection.as_deref() {
                None => "close",
                Some("") => "-",
                Some(value) => value,
            },
            location.host.as_deref().unwrap_or("(default)"),
        );
        let mut real = body.clone();
        if location.host.is_none() {
            // `$proxy_host`, which is the upstream as written.
            let cut = real.rfind(' ').unwrap_or(0);
            real.replace_range(cut.., " (default)");
        }
        if status != 200 || real != foretold {
            faults.push(format!(
                "{line}: {status}, the upstream got {real:?}, foretold {foretold:?} by {}",
                location.pattern
            ));
        }
        cases += 1;
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(cases >= 18, "{cases}");
}

/// A small generator with a fixed seed: the same bytes at every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }
}

#[test]
fn mutilated_configurations_are_read_to_their_end() {
    let mut dice = Dice(0x5eed_1234_abcd_0001);
    let whole = format!("http {{ {LOCATIONS} {PROXIES} }}")
        .replace("{port0}", "80")
        .replace("{port1}", "9001");
    let pieces: [&[u8]; 12] = [
        b"{",
        b"}",
        b";",
        b"\"",
        b"'",
        b"\\",
        b"$",
        b"${",
        b"#",
        b"\xff\xfe",
        b"location ~ (",
        b"include nginx.conf;",
    ];
    for _ in 0..300 {
        let mut bytes = whole.clone().into_bytes();
        for _ in 0..=dice.below(24) {
            let at = dice.below(bytes.len());
            match dice.below(3) {
                0 => bytes[at] = u8::try_from(dice.below(256)).unwrap(),
                1 => {
                    let piece = pieces[dice.below(pieces.len())];
                    bytes.splice(at..at, piece.iter().copied());
                }
                _ => {
                    let end = (at + dice.below(200)).min(bytes.len());
                    bytes.drain(at..end);
                }
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let config = Config::of_dump(Dump::of(&[("/n/nginx.conf", &text)]));
        for (host, path) in [
            ("a.test", "/ws/5/"),
            ("rewrite.test", "/loop/"),
            ("files.test", "/spa/"),
            ("p.test", "/moved/5/"),
        ] {
            let request = Request {
                host,
                port: 80,
                path,
                ..Request::default()
            };
            let seen = seen(&config, "test", &request, &Defaults::default());
            assert!(seen.errors.len() <= 32);
        }
    }
}

fn target(port: u16, path: &str) -> Target {
    Target {
        host: "127.0.0.1".to_owned(),
        port,
        path: path.to_owned(),
        local: true,
        ..Target::default()
    }
}

async fn look_at(wanted: &Wanted, target: &Target) -> Looked {
    let known = Known {
        address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        listening: sockets::listening(),
        again: "charla doctor ws://127.0.0.1/".to_owned(),
    };
    look(wanted, target, &known).await
}

const SITE: &str = "
    error_log {folder}/error.log info;
    access_log {folder}/access.log;
    server {
        listen 127.0.0.1:{port0};
        location /ws/ {
            proxy_pass http://127.0.0.1:{port1};
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_read_timeout 5s;
        }
    }";

#[tokio::test]
async fn the_nginx_of_a_port_is_found_with_its_configuration_and_logs() {
    let nginx = Nginx::run(SITE, "off", "");
    let looked = look_at(&Wanted::default(), &target(nginx.ports[0], "/ws/5/")).await;
    let seen = looked.seen.unwrap();
    let file = nginx.folder.path().join("nginx.conf").display().to_string();
    assert_eq!((seen.from.as_str(), seen.running), (file.as_str(), Some(true)));
    assert!(seen.version.is_some(), "{seen:?}");
    assert_eq!(seen.changed_since_load, None);
    let location = seen.location.unwrap();
    assert_eq!(
        (location.pattern.as_str(), location.read_timeout_s),
        ("location /ws/", 5.0)
    );
    assert_eq!(location.upstreams, [format!("127.0.0.1:{}", nginx.ports[1])]);
    assert!(location.at.starts_with(&file), "{}", location.at);
    let log = |name: &str, kind| (nginx.folder.path().join(name), Some(kind));
    assert_eq!(
        looked.logs,
        [
            log("error.log", SourceKind::NginxError),
            log("access.log", SourceKind::NginxAccess)
        ]
    );
    assert_eq!(seen.error_log.unwrap().level, "info");
    assert!(looked.skipped.is_empty() && looked.found.len() == 1);

    // Another port: no nginx has a part in it.
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let looked = look_at(
        &Wanted::default(),
        &target(other.local_addr().unwrap().port(), "/ws/5/"),
    )
    .await;
    assert!(looked.seen.is_none(), "{looked:?}");

    // Given by its path, for a host that is elsewhere.
    let wanted = Wanted {
        nginx_conf: Some(nginx.folder.path().join("nginx.conf")),
        ..Wanted::default()
    };
    let elsewhere = Target {
        local: false,
        ..target(nginx.ports[0], "/ws/5/")
    };
    let seen = look_at(&wanted, &elsewhere).await.seen.unwrap();
    assert_eq!(
        (seen.running, seen.location.unwrap().pattern),
        (None, "location /ws/".to_owned())
    );
}

#[tokio::test]
async fn a_reload_that_waits_for_its_connections_is_seen() {
    let nginx = Nginx::run(SITE, "on", "worker_processes 1; worker_shutdown_timeout 4m;");
    let upstream = TcpListener::bind((Ipv4Addr::LOCALHOST, nginx.ports[1])).unwrap();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, nginx.ports[0])).unwrap();
    write!(stream, "GET /ws/5/ HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let held = upstream.accept().unwrap();
    nginx.signal(Signal::HUP);
    let at = target(nginx.ports[0], "/ws/5/");
    let mut looked = look_at(&Wanted::default(), &at).await.seen.unwrap();
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while looked.workers_shutting_down == 0 && std::time::Instant::now() < until {
        looked = look_at(&Wanted::default(), &at).await.seen.unwrap();
    }
    assert_eq!(looked.workers_shutting_down, 1);
    assert_eq!(looked.worker_shutdown_timeout.unwrap().args, ["4m"]);
    assert!(
        looked.connections.is_some_and(|count| count >= 2),
        "{:?}",
        looked.connections
    );
    drop(held);
}
