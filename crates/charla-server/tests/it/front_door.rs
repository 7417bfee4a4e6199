//! What stands before HTTP: TLS and its certificate, and the words of a proxy about whom it brings.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use charla_server::settings::Settings;
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::broker_contract::Authority;
use crate::bus::{Program, free_port};
use crate::serving::{Raw, Serving, soon, until};

/// The name in the certificates.
const NAME: &str = "chat.example";

static OLDER: [&SupportedProtocolVersion; 1] = [&version::TLS12];
static NEWER: [&SupportedProtocolVersion; 1] = [&version::TLS13];

/// Puts a new pair where the server looks for it.
fn renew(authority: &Authority, folder: &Path) {
    let (certificate, key) = authority.signed("new", NAME, |_| {});
    std::fs::rename(certificate, folder.join("used.pem")).unwrap();
    std::fs::rename(key, folder.join("used.key")).unwrap();
}

fn with_tls(folder: &Path, settings: &mut Settings) {
    settings.server.tls_cert_file = Some(folder.join("used.pem"));
    settings.server.tls_key_file = Some(folder.join("used.key"));
}

/// A client that believes the authority alone.
struct Caller {
    authority: std::path::PathBuf,
    versions: &'static [&'static SupportedProtocolVersion],
    alpn: Vec<Vec<u8>>,
}

impl Caller {
    fn of(authority: &Authority) -> Self {
        Self {
            authority: authority.file(),
            versions: rustls::DEFAULT_VERSIONS,
            alpn: Vec::new(),
        }
    }

    async fn try_over(&self, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(&self.authority).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols.clone_from(&self.alpn);
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from(NAME).unwrap();
        soon("TLS", connector.connect(name, socket)).await
    }

    async fn try_call(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        self.try_over(TcpStream::connect(address).await?).await
    }

    async fn call(&self, address: SocketAddr) -> TlsStream<TcpStream> {
        self.try_call(address).await.unwrap()
    }

    /// The certificate that the server shows.
    async fn shown(&self, address: SocketAddr) -> Vec<u8> {
        let stream = self.call(address).await;
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }
}

type Talk = WebSocketStream<TlsStream<TcpStream>>;

async fn talk(serving: &Serving, user: &str, stream: TlsStream<TcpStream>) -> Talk {
    let token = serving.token(user).await;
    let url = format!("wss://{NAME}/ws/chat/5/?token={token}&attempt=tls");
    let mut request = url.into_client_request().unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "charla.v1".parse().unwrap());
    let (talk, _) = soon("handshake", tokio_tungstenite::client_async(request, stream))
        .await
        .unwrap();
    talk
}

async fn say(talk: &mut Talk, text: &str) {
    let frame = json!({"type": "send", "ref": 1, "id": uuid::Uuid::new_v4(), "text": text});
    soon("write", talk.send(Message::text(frame.to_string())))
        .await
        .unwrap();
}

/// The next frame of a kind.
async fn next_of(talk: &mut Talk, kind: &str) -> Value {
    loop {
        let message = soon(kind, talk.next()).await.unwrap().unwrap();
        if let Message::Text(text) = message {
            let frame: Value = serde_json::from_str(&text).unwrap();
            if frame["type"] == kind {
                return frame;
            }
        }
    }
}

async fn status(stream: &mut TlsStream<TcpStream>, path: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    soon("answer", stream.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_certificate_is_renewed_and_nobody_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    renew(&authority, folder.path());
    let serving = Serving::start_with(|settings| with_tls(folder.path(), settings)).await;
    let (address, node) = (serving.address, Arc::clone(serving.node()));
    let caller = Caller::of(&authority);
    let mut ana = talk(&serving, "ana", caller.call(address).await).await;
    next_of(&mut ana, "subscribed").await;
    let first = caller.shown(address).await;

    // A certificate without its key: the former pair stays.
    let (stranger, _) = authority.signed("stranger", NAME, |_| {});
    let used = folder.path().join("used.pem");
    let good = std::fs::read(&used).unwrap();
    std::fs::copy(stranger, &used).unwrap();
    node.reload_certificates();
    assert_eq!(caller.shown(address).await, first);
    std::fs::write(&used, b"half of a").unwrap();
    node.reload_certificates();
    assert_eq!(caller.shown(address).await, first);
    // One that is over: likewise.
    let (over, key) = authority.signed("over", NAME, |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let former_key = std::fs::read(folder.path().join("used.key")).unwrap();
    std::fs::rename(over, &used).unwrap();
    std::fs::rename(key, folder.path().join("used.key")).unwrap();
    node.reload_certificates();
    assert_eq!(caller.shown(address).await, first);
    std::fs::write(&used, good).unwrap();
    std::fs::write(folder.path().join("used.key"), former_key).unwrap();
    node.reload_certificates();
    assert_eq!(caller.shown(address).await, first);

    renew(&authority, folder.path());
    node.reload_certificates();
    assert_ne!(caller.shown(address).await, first, "the new one is shown");
    let long = "ñ".repeat(8_000);
    say(&mut ana, &long).await;
    assert_eq!(
        next_of(&mut ana, "message").await["text"],
        long,
        "who was there still is"
    );
    let metrics = node.metrics.encode();
    assert!(
        metrics.contains("charla_tls_certificate_days_left{certificate=\"server\"}"),
        "{metrics}"
    );
}

#[tokio::test]
async fn the_files_are_looked_at_without_being_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    renew(&authority, folder.path());
    let serving = Serving::start_with(|settings| with_tls(folder.path(), settings)).await;
    let caller = Caller::of(&authority);
    let first = caller.shown(serving.address).await;
    renew(&authority, folder.path());
    until("the new certificate", || async {
        caller.shown(serving.address).await != first
    })
    .await;
}

#[tokio::test]
async fn versions_and_protocols_are_those_of_today() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    renew(&authority, folder.path());
    let serving = Serving::start_with(|settings| with_tls(folder.path(), settings)).await;
    for versions in [&OLDER, &NEWER] {
        let mut caller = Caller::of(&authority);
        caller.versions = versions;
        assert_eq!(
            status(&mut caller.call(serving.address).await, "/healthz").await,
            200
        );
        caller.alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = caller.call(serving.address).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
        let mut talking = talk(&serving, "luis", stream).await;
        say(&mut talking, "encrypted").await;
        next_of(&mut talking, "ack").await;
        caller.alpn = vec![b"h2".to_vec()];
        assert!(caller.try_call(serving.address).await.is_err(), "no HTTP/2 here");
    }
    // Whoever speaks in the clear is not answered in the clear.
    let mut raw = Raw::open(serving.address).await;
    raw.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let heard = raw.rest().await;
    assert!(!heard.starts_with(b"HTTP"), "{heard:?}");
}

#[tokio::test]
async fn a_hello_that_never_ends_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    renew(&authority, folder.path());
    let serving = Serving::start_with(|settings| {
        with_tls(folder.path(), settings);
        settings.server.handshake_timeout = Duration::from_millis(300);
    })
    .await;
    for begun in [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[]] {
        let mut raw = Raw::open(serving.address).await;
        raw.write(begun).await;
        raw.rest().await;
    }
}

#[tokio::test]
async fn whoever_reads_nothing_over_tls_is_a_slow_consumer() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    renew(&authority, folder.path());
    let serving = Serving::start_with(|settings| {
        with_tls(folder.path(), settings);
        settings.limits.sends_per_second = 0;
    })
    .await;
    let caller = Caller::of(&authority);
    let mut slow = talk(&serving, "luis", caller.call(serving.address).await).await;
    next_of(&mut slow, "subscribed").await;
    let mut ana = talk(&serving, "ana", caller.call(serving.address).await).await;
    next_of(&mut ana, "subscribed").await;
    let mut sent = 0;
    while !serving
        .node()
        .metrics
        .encode()
        .contains("cause=\"slow_consumer\"")
    {
        assert!(sent < 4_000, "nobody was cut");
        say(&mut ana, &format!("{sent} {}", "x".repeat(sent * 37 % 16_000))).await;
        next_of(&mut ana, "ack").await;
        sent += 1;
    }
    // What it had been handed is whole and in order, to the last byte before the good-bye or the cut.
    let mut heard = 0;
    while let Some(Ok(message)) = soon("the end", slow.next()).await {
        let Message::Text(text) = message else { continue };
        let frame: Value = serde_json::from_str(&text).unwrap();
        if frame["type"] == "message" {
            let words = frame["text"].as_str().unwrap();
            assert_eq!(words.split(' ').next(), Some(&*heard.to_string()));
            heard += 1;
        }
    }
    assert!(heard > 0 && heard < sent, "{heard} of {sent}");
}

/// Who is served figures: 203.0.113.7 alone.
fn figures_for_one(settings: &mut Settings) {
    settings.metrics.allow = vec!["203.0.113.7/32".parse().unwrap()];
    settings.server.proxy_protocol = true;
    settings.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    settings.server.handshake_timeout = Duration::from_millis(500);
}

fn ask(before: &[u8], lines: &str) -> Vec<u8> {
    let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n");
    [before, request.as_bytes()].concat()
}

fn binary(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([command, family]);
    header.extend(u16::try_from(addresses.len()).unwrap().to_be_bytes());
    header.extend(addresses);
    header
}

#[tokio::test]
async fn a_proxys_word_about_its_client_is_taken() {
    let serving = Serving::start_with(figures_for_one).await;
    let seven = [203, 0, 113, 7, 127, 0, 0, 1, 0xc0, 1, 1, 187];
    let mapped = [
        "::ffff:203.0.113.7"
            .parse::<std::net::Ipv6Addr>()
            .unwrap()
            .octets()
            .as_slice(),
        &[0; 16],
        &[0xc0, 1, 1, 187],
    ]
    .concat();
    for (header, lines, expected) in [
        (
            b"PROXY TCP4 203.0.113.7 127.0.0.1 51000 443\r\n".to_vec(),
            "",
            200,
        ),
        (
            b"PROXY TCP4 203.0.113.8 127.0.0.1 51000 443\r\n".to_vec(),
            "",
            404,
        ),
        (binary(0x21, 0x11, &seven), "", 200),
        (binary(0x21, 0x21, &mapped), "", 200),
        // The proxy itself, which looks whether we live.
        (binary(0x20, 0, &[]), "", 404),
        (b"PROXY UNKNOWN\r\n".to_vec(), "", 404),
        // What the client says of itself behind it, it says itself.
        (
            b"PROXY TCP4 203.0.113.8 127.0.0.1 51000 443\r\n".to_vec(),
            "X-Forwarded-For: 203.0.113.7\r\n",
            404,
        ),
    ] {
        let mut raw = Raw::open(serving.address).await;
        raw.write(&ask(&header, lines)).await;
        assert_eq!(raw.reply().await.status, expected, "{header:?} {lines}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_that_says_nothing_of_its_client_is_refused() {
    let serving = Serving::start_with(figures_for_one).await;
    let long = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat();
    for begun in [
        &ask(b"", "")[..],
        b"PROXY TCP4 203.0.113.7 127.0.0.1 51000\r\n",
        &long,
        b"PROXY TCP4 203.0.11",
        &binary(0x21, 0x11, &[0; 4]),
        &binary(0x2f, 0x11, &[0; 12]),
        &binary(0x21, 0x11, &[0; 60_000])[..40],
        b"",
    ] {
        let mut raw = Raw::open(serving.address).await;
        raw.write(begun).await;
        assert_eq!(raw.rest().await, b"", "{begun:?}");
    }
}

#[tokio::test]
async fn nobody_else_may_say_where_it_comes_from() {
    let serving = Serving::start_with(|settings| {
        figures_for_one(settings);
        settings.server.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    })
    .await;
    let mut raw = Raw::open(serving.address).await;
    raw.write(&ask(b"", "")).await;
    assert_eq!(raw.reply().await.status, 404, "served as what it is");
    let mut raw = Raw::open(serving.address).await;
    raw.write(&ask(b"PROXY TCP4 203.0.113.7 127.0.0.1 51000 443\r\n", ""))
        .await;
    assert_eq!(raw.reply().await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_passes_connections_on_with_their_address() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    renew(&authority, folder.path());
    let serving = Serving::start_with(|settings| {
        figures_for_one(settings);
        settings.metrics.allow = vec!["127.0.7.7/32".parse().unwrap()];
        with_tls(folder.path(), settings);
        settings.server.handshake_timeout = Duration::from_secs(20);
    })
    .await;
    let port = free_port();
    let at = folder.path().display();
    let configuration = format!(
        "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\ndaemon off;\nmaster_process off;\npid {at}/pid;\nerror_log {at}/error.log;\n\
         events {{}}\nstream {{ server {{ listen 127.0.0.1:{port}; proxy_pass {}; proxy_protocol on; }} }}\n",
        serving.address
    );
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, configuration).unwrap();
    let options = format!("-p {at} -c {}", file.display());
    let _nginx = tokio::task::block_in_place(|| Program::start("nginx", port, &options));
    let caller = Caller::of(&authority);
    for (from, expected) in [("127.0.7.7", 200), ("127.0.7.8", 404)] {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        let socket = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
        let mut stream = caller.try_over(socket).await.unwrap();
        assert_eq!(status(&mut stream, "/metrics").await, expected, "{from}");
    }
    let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let stream = caller.try_over(socket).await.unwrap();
    let mut ana = talk(&serving, "ana", stream).await;
    say(&mut ana, "through nginx").await;
    assert_eq!(next_of(&mut ana, "message").await["text"], "through nginx");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let (certificate, key) = authority.signed("a", NAME, |_| {});
    let (_, other) = authority.signed("b", NAME, |_| {});
    let absent = folder.path().join("absent.pem");
    for (certificate, key, said) in [
        (&absent, &key, "`server.tls_cert_file`"),
        (&certificate, &absent, "`server.tls_key_file`"),
        (&key, &key, "there is no certificate in it"),
        (&certificate, &certificate, "there is no private key in it"),
        (&certificate, &other, "do not fit"),
    ] {
        let mut settings = crate::serving::settings(folder.path());
        settings.server.tls_cert_file = Some(certificate.clone());
        settings.server.tls_key_file = Some(key.clone());
        let error = match charla_server::Server::start(settings).await {
            Ok(_) => panic!("started with {certificate:?} and {key:?}"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(said), "{error}");
        assert!(!error.contains("PRIVATE"), "{error}");
    }
}
