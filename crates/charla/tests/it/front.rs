//! A server that is reached over a proxy's introduction, or over TLS of its own: what its log says of whoever is refused, and whether the
//! doctor names the cause.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::running::{Ran, charla, run};

/// A demo with its log in a file beside its data, where the doctor finds it too.
struct Front {
    child: Child,
    folder: tempfile::TempDir,
    said: Value,
}

impl Front {
    fn start(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut command = charla(&["demo", "--listen", "127.0.0.1:0", "--json", "--data"]);
        command.arg(data);
        for setting in settings {
            command.args(["--set", setting]);
        }
        let log = File::create(folder.path().join("charla.log")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let said = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { child, folder, said }
    }

    fn port(&self) -> u16 {
        let url = self.said["url"].as_str().unwrap().trim_end_matches('/');
        url.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("charla.log")).unwrap()
    }

    /// The address of a chat for Ana, at a port of this machine.
    fn chat(&self, scheme: &str, host: &str, port: u16, chat: &str) -> String {
        let users = self.said["users"].as_array().unwrap();
        let ana = users.iter().find(|user| user["id"] == "ana").unwrap();
        let token = ana["token"].as_str().unwrap();
        format!("{scheme}://{host}:{port}/ws/chat/{chat}/?token={token}")
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn behind_a_proxy() -> Front {
    Front::start(&[
        "server.proxy_protocol=true",
        "server.trusted_proxies=127.0.0.1/32",
    ])
}

/// Passes every connection on with a word about whose it is, as a proxy does.
fn proxy(to: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)) else {
                return;
            };
            server
                .write_all(b"PROXY TCP4 203.0.113.7 127.0.0.1 51000 80\r\n")
                .unwrap();
            pass(client.try_clone().unwrap(), server.try_clone().unwrap());
            pass(server, client);
        }
    });
    port
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        // Either side may hang up at any time.
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}

fn doctor(url: &str, more: &[&str]) -> Ran {
    let mut all = vec!["doctor", url, "--json"];
    all.extend(more);
    run(&all)
}

fn names(told: &Ran, cause: Option<&str>) -> Value {
    let json = told.json();
    let code = i32::from(cause.is_some());
    assert_eq!((told.code, json["cause"].as_str()), (code, cause), "{json}");
    json
}

#[test]
fn a_proxy_that_does_not_introduce_its_client_is_named_in_the_log() {
    let front = behind_a_proxy();
    for (begun, error) in [
        (
            "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
            "does not begin with a PROXY header",
        ),
        ("PROXY TCP4 203.0.113.7\r\n", "PROXY header"),
    ] {
        let before = front.log().lines().count();
        let mut client = TcpStream::connect(("127.0.0.1", front.port())).unwrap();
        client.write_all(begun.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // Ended with bytes unread, it may be reset.
        let _ = client.read_to_end(&mut answer);
        assert_eq!(answer, b"", "{begun:?}");
        let log = front.log();
        let line = log.lines().nth(before).unwrap_or_default();
        for words in [
            "WARN",
            "a trusted proxy's connection was refused",
            "server.proxy_protocol",
            "proxy=127.0.0.1",
            error,
        ] {
            assert!(line.contains(words), "{words:?} is not in {line:?}");
        }
    }
    let port = proxy(front.port());
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    client
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(front.log().matches("was refused").count(), 2, "{}", front.log());
}

#[test]
fn the_doctor_tells_a_server_that_demands_a_proxys_word() {
    let front = behind_a_proxy();
    let told = doctor(&front.chat("ws", "127.0.0.1", front.port(), "5"), &[]);
    let json = names(&told, Some("proxy_closed_silently"));
    assert_eq!(json["certainty"], "certain", "{json}");
    let fix = json["verdict"]["fix"].to_string();
    assert!(fix.contains("proxy_protocol on;"), "{fix}");
    let port = proxy(front.port());
    names(&doctor(&front.chat("ws", "127.0.0.1", port, "5"), &[]), None);
    let told = doctor(&front.chat("ws", "127.0.0.1", port, "999"), &[]);
    names(&told, Some("chat_not_found"));
}

/// An authority of a folder's own.
struct Authority(tempfile::TempDir);

impl Authority {
    fn new() -> Self {
        let authority = Self(tempfile::tempdir().unwrap());
        let config = "[ca]\ndefault_ca = own\n[own]\ndatabase = index\nnew_certs_dir = .\nrand_serial = yes\npolicy = any\n\
            default_md = sha256\nunique_subject = no\n[any]\ncommonName = supplied\n";
        fs::write(authority.0.path().join("ca.cnf"), config).unwrap();
        fs::write(authority.0.path().join("index"), "").unwrap();
        authority.openssl(&format!(
            "req -x509 -days 30 {KEY} -subj /CN=Root -keyout ca.key -out ca.pem"
        ));
        authority
    }

    fn openssl(&self, arguments: &str) {
        let ran = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(self.0.path())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }

    /// A server with a certificate for a name, that runs out at a time.
    fn serve(&self, name: &str, until: &str) -> Front {
        let path = self.0.path();
        fs::write(path.join("names"), format!("subjectAltName = DNS:{name}\n")).unwrap();
        self.openssl(&format!(
            "req {KEY} -subj /CN={name} -keyout key.pem -out asked.pem"
        ));
        self.openssl(&format!(
            "ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in asked.pem -extfile names -notext \
             -startdate 20200101000000Z -enddate {until} -out certificate.pem"
        ));
        let of = |key: &str, file: &str| format!("server.{key}={}", path.join(file).display());
        Front::start(&[
            &of("tls_cert_file", "certificate.pem"),
            &of("tls_key_file", "key.pem"),
        ])
    }

    fn file(&self) -> PathBuf {
        Path::join(self.0.path(), "ca.pem")
    }
}

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
const LONG: &str = "21000101000000Z";

#[test]
fn the_doctor_tells_what_is_wrong_with_a_servers_own_certificate() {
    let authority = Authority::new();
    let file = authority.file();
    let trusting = ["--ca-file", file.to_str().unwrap()];
    let good = authority.serve("localhost", LONG);
    let url = good.chat("wss", "localhost", good.port(), "5");
    names(&doctor(&url, &trusting), None);
    names(&doctor(&url, &[]), Some("tls_self_signed"));
    let plain = good.chat("ws", "localhost", good.port(), "5");
    names(&doctor(&plain, &trusting), Some("plain_on_tls_port"));
    let nowhere = good.chat("wss", "localhost", good.port(), "999");
    names(&doctor(&nowhere, &trusting), Some("chat_not_found"));
    drop(good);
    for (name, until, cause) in [
        ("chat.example.org", LONG, "tls_wrong_host"),
        ("localhost", "20200201000000Z", "tls_expired"),
    ] {
        let front = authority.serve(name, until);
        let url = front.chat("wss", "localhost", front.port(), "5");
        let json = names(&doctor(&url, &trusting), Some(cause));
        assert_eq!(json["certainty"], "certain", "{json}");
    }
}
