//! The resolver against nginx itself: every request is sent to a real one, and what it does must be what was foretold.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use charla_doctor::evidence::NginxSeen;
use charla_doctor::nginx::{Config, Defaults, Dump, Request, seen};

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
    pub(crate) fn start(http: &str, top: &str) -> Self {
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
            "daemon off;\nmaster_process off;\npid {path}/pid;\nerror_log stderr notice;\n{top}\nevents {{ worker_connections 256; }}\nhttp {{\n{temporary}access_log off;\ndefault_type text/plain;\n{http}\n}}\n"
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
        loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("nginx did not start: {said:?}")
            };
            if line.contains("event method") {
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
        drop(self.child.kill());
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
    let nginx = Nginx::start(LOCATIONS, "");
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
    let nginx = Nginx::start(PROXIES, "");
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
