//! `charla serve` under a supervisor: a socket that was passed in, words over `NOTIFY_SOCKET`, and restarts that
//! refuse nobody.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use charla_client::{Charla, Event, Policy};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::running::run;

/// How long anything may take before the test fails. Generous: a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// A supervisor's ears, at a path or under an abstract name.
struct Ears {
    socket: UnixDatagram,
    name: String,
    _folder: TempDir,
}

impl Ears {
    fn at_a_path() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self::of(socket, path.to_str().unwrap().to_owned(), folder)
    }

    fn with_a_name() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("charla-test-{}", charla_client::Uuid::now_v7());
        let socket = UnixDatagram::bind_addr(&UnixAddress::from_abstract_name(&name).unwrap()).unwrap();
        Self::of(socket, format!("@{name}"), folder)
    }

    fn of(socket: UnixDatagram, name: String, folder: TempDir) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket,
            name,
            _folder: folder,
        }
    }

    /// The next words.
    fn hear(&self) -> String {
        let mut words = [0; 4096];
        let length = self.socket.recv(&mut words).expect("words from the server");
        String::from_utf8(words[..length].to_vec()).unwrap()
    }

    /// The next words with this line among them.
    fn hear_of(&self, line: &str) -> String {
        loop {
            let words = self.hear();
            if words.lines().any(|told| told.starts_with(line)) {
                return words;
            }
        }
    }
}

/// A store with one person in one chat, and her token.
struct Store {
    folder: TempDir,
    token: String,
}

impl Store {
    fn with_ana() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        for command in [
            &["tenant", "add", "demo"][..],
            &["user", "add", "ana", "--tenant", "demo"],
            &["chat", "add", "5", "--member", "ana", "--tenant", "demo"],
        ] {
            let done = run(&[command, &["--data", data]].concat());
            assert_eq!(done.code, 0, "{done:?}");
        }
        let issued = run(&[
            "token", "issue", "ana", "--ttl", "1h", "--tenant", "demo", "--data", data,
        ]);
        let token = issued.out.trim().to_owned();
        assert_eq!(token.split('.').count(), 3, "{issued:?}");
        Self { folder, token }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// A server in a process of its own; killed when dropped.
struct Serving(Child);

impl Serving {
    /// As systemd starts it: the socket is descriptor 3, and the process knows that it is meant.
    fn start(store: &Store, socket: Option<&TcpListener>, ears: &Ears, more: &[(&str, &str)]) -> Self {
        let script = match socket {
            Some(_) => r#"LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=charla exec "$0" "$@" 3<&0 0</dev/null"#,
            None => r#"exec "$0" "$@""#,
        };
        let stdin = match socket {
            Some(socket) => Stdio::from(OwnedFd::from(socket.try_clone().unwrap())),
            None => Stdio::null(),
        };
        let place = format!("store.path={}", store.path().display());
        let child = Command::new("/bin/sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_charla"), "serve"])
            .args(["--listen", "127.0.0.1:0", "--set", &place])
            .args(["--set", "origins.allow_missing=true", "--set", "log.filter=warn"])
            .env_clear()
            .env("NOTIFY_SOCKET", &ears.name)
            .envs(more.iter().copied())
            .current_dir("/")
            .stdin(stdin)
            .spawn()
            .unwrap();
        Self(child)
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// SIGTERM, and the end: the exit code.
    fn leave(self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Waits for the end: the exit code.
    fn end(mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // One that has left is not there any more.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_supervisor_hears_how_it_goes() {
    let store = Store::with_ana();
    for ears in [Ears::at_a_path(), Ears::with_a_name()] {
        let serving = Serving::start(&store, None, &ears, &[]);
        assert_eq!(ears.hear(), "READY=1", "first of all, and not before it serves");
        assert_eq!(ears.hear(), "STATUS=serving, connections: 0");
        serving.signal(Signal::TERM);
        let last = ears.hear_of("STOPPING=1");
        // 25 s to drain, 5 s to end.
        assert_eq!(
            last,
            "STOPPING=1\nEXTEND_TIMEOUT_USEC=30000000\nSTATUS=serving, connections: 0"
        );
        assert_eq!(serving.end(), Some(0));
    }
}

#[test]
fn only_the_watched_process_gives_signs_of_life() {
    let store = Store::with_ana();
    let ears = Ears::at_a_path();
    let serving = Serving::start(&store, None, &ears, &[("WATCHDOG_USEC", "400000")]);
    for _ in 0..3 {
        ears.hear_of("WATCHDOG=1");
    }
    assert_eq!(serving.leave(), Some(0));
    // A watchdog that watches somebody else hears nothing.
    let serving = Serving::start(
        &store,
        None,
        &ears,
        &[("WATCHDOG_USEC", "400000"), ("WATCHDOG_PID", "1")],
    );
    ears.hear_of("READY=1");
    serving.signal(Signal::TERM);
    loop {
        let words = ears.hear();
        assert!(!words.contains("WATCHDOG"), "{words}");
        if words.starts_with("STOPPING=1") {
            break;
        }
    }
}

#[test]
fn what_is_passed_in_must_be_a_listening_socket() {
    let store = Store::with_ana();
    let place = format!("store.path={}", store.path().display());
    for (count, expected) in [("1", "not a socket"), ("2", "2 sockets were passed")] {
        let output = Command::new("/bin/sh")
            .args(["-c", r#"LISTEN_PID=$$ exec "$0" "$@" 3</dev/null 4</dev/null"#])
            .args([env!("CARGO_BIN_EXE_charla"), "serve", "--set", &place])
            .env_clear()
            .env("LISTEN_FDS", count)
            .current_dir("/")
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

/// Clients that come one after the other without a pause, each with a connection of its own.
struct Visitors {
    stop: Arc<AtomicBool>,
    served: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Visitors {
    fn come(address: SocketAddr, token: &str) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let served = Arc::<AtomicU64>::default();
        let visit = |path: String| {
            let (stop, served) = (Arc::clone(&stop), Arc::clone(&served));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let answer = ask(address, &path);
                    assert!(answer.starts_with("HTTP/1.1 "), "{answer:?}");
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let threads = vec![
            visit("/healthz".into()),
            visit("/healthz".into()),
            visit(format!("/ws/chat/5/?tenant=demo&token={token}")),
            visit(format!("/ws/chat/5/?tenant=demo&token={token}")),
        ];
        Self {
            stop,
            served,
            threads,
        }
    }

    /// Waits until so many more were served.
    fn go_on(&self, more: u64) {
        let goal = self.served.load(Ordering::Relaxed) + more;
        let since = std::time::Instant::now();
        while self.served.load(Ordering::Relaxed) < goal {
            assert!(since.elapsed() < PATIENCE, "nobody is served any more");
            assert!(
                self.threads.iter().all(|thread| !thread.is_finished()),
                "somebody was refused"
            );
            // sleeps because the visitors tell nobody
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends them home; how many were served. Panics if one of them was refused.
    fn leave(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.served.load(Ordering::Relaxed)
    }
}

/// One request over a connection of its own; a connection that is refused, reset or closed without an answer panics.
fn ask(address: SocketAddr, path: &str) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

/// Whoever sends, sends until it is acknowledged, and comes back by itself.
async fn talk(address: SocketAddr, token: &str, stop: &AtomicBool, sent: &AtomicU64) -> Vec<(u64, String)> {
    let policy = Policy {
        attempts: 1_000,
        first_delay: Duration::from_millis(20),
        max_delay: Duration::from_millis(200),
        ..Policy::default()
    };
    let (ana, mut events) = Charla::builder(format!("ws://{address}/ws/chat/5/?tenant=demo"))
        .policy(policy)
        .fixed_token(token)
        .connect()
        .unwrap();
    let chat = charla_client::ChatId::parse("5").unwrap();
    let mut said = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let text = format!("message {}", said.len());
        let ack = tokio::time::timeout(PATIENCE, ana.send(&chat, &text))
            .await
            .expect("an acknowledgement")
            .unwrap();
        said.push((ack.seq, text));
        sent.store(said.len() as u64, Ordering::Relaxed);
    }
    let mut heard = Vec::new();
    while heard.len() < said.len() {
        let event = tokio::time::timeout(PATIENCE, events.recv()).await;
        if let Event::Message(message) = event.expect("every message is heard").unwrap() {
            heard.push((message.seq(), message.text().to_owned()));
        }
    }
    assert_eq!(heard, said, "once and in order");
    said
}

#[test]
fn a_restart_refuses_nobody() {
    let store = Store::with_ana();
    let ears = Ears::at_a_path();
    // Held by the test as systemd holds it: nobody else closes it.
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut serving = Serving::start(&store, Some(&socket), &ears, &[]);
    ears.hear_of("READY=1");
    let visitors = Visitors::come(address, &store.token);
    let (stop, sent) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let talking = {
        let (stop, sent, token) = (Arc::clone(&stop), Arc::clone(&sent), store.token.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(talk(address, &token, &stop, &sent))
        })
    };
    for _ in 0..3 {
        visitors.go_on(200);
        assert_eq!(serving.leave(), Some(0));
        serving = Serving::start(&store, Some(&socket), &ears, &[]);
        let before = sent.load(Ordering::Relaxed);
        visitors.go_on(200);
        while sent.load(Ordering::Relaxed) <= before {
            visitors.go_on(1);
        }
    }
    stop.store(true, Ordering::Relaxed);
    let said = talking.join().unwrap();
    let served = visitors.leave();
    println!("{served} visitors and {} messages over 3 restarts", said.len());
    assert_eq!(serving.leave(), Some(0));
    let data = store.path().to_str().unwrap();
    let history = run(&["chat", "show", "5", "--json", "--tenant", "demo", "--data", data]).json();
    assert_eq!(
        history["seq"].as_u64(),
        Some(said.len() as u64),
        "what was acknowledged is there: {history}"
    );
}

/// The same by systemd's own tool, where the machine has it.
#[test]
fn systemd_passes_the_socket() {
    let store = Store::with_ana();
    let ears = Ears::at_a_path();
    let place = format!("store.path={}", store.path().display());
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let started = Command::new("systemd-socket-activate")
        .args(["--listen", &address.to_string()])
        .args(["-E", &format!("NOTIFY_SOCKET={}", ears.name)])
        .args([env!("CARGO_BIN_EXE_charla"), "serve", "--set", &place])
        .args(["--set", "log.filter=warn"])
        .spawn();
    let serving = Serving(started.expect("systemd is installed: `cargo xtask test` does it"));
    let since = std::time::Instant::now();
    // The first connection is what makes it start the server.
    while TcpStream::connect(address).is_err() {
        assert!(
            since.elapsed() < PATIENCE,
            "systemd-socket-activate does not listen"
        );
        // sleeps because it tells nobody that it does
        std::thread::sleep(Duration::from_millis(20));
    }
    ears.hear_of("READY=1");
    assert!(ask(address, "/healthz").ends_with("ok\n"));
    assert_eq!(serving.leave(), Some(0));
}
