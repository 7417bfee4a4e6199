//! Where the evening takes place: a server with its people and chats, made anew for each run.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::failure::{Failure, Outcome};
use crate::load::http;
use crate::process;
use crate::server::without_settings;

/// People, and chats of ten of them each.
pub(crate) const PEOPLE: usize = 500;
pub(crate) const CHATS: usize = 50;
/// Messages of each chat before anybody comes.
pub(crate) const HISTORY: u64 = 200;
/// Words of each: fifty pages of all of them are 8 MB, more than a socket's send buffer takes (`tcp_wmem`: 4 MiB at most). What the
/// kernel has taken does not wait for anybody as far as the server knows, and whoever does not read it is not slow.
const HISTORY_WORDS: usize = 100;
/// A chat that nobody is in, with what fills the store's cache.
pub(crate) const ARCHIVE: &str = "archive";
/// Messages that do: of this length, more than the 16 MiB that the store's writer keeps of its pages. Otherwise it would take an evening
/// to fill, and look like a leak meanwhile.
const LONG_MESSAGES: usize = 1_400;
const LONG: usize = 16_000;
/// Whose they all are.
const TENANT: &str = "soak";
/// What tokens are signed with.
const SECRET: &str = "a-key-of-the-soak-alone-0123456789abcdef";
/// Longer than any run.
const TOKEN_TTL: u64 = 3 * 24 * 3600;
/// How long the server may take to listen, or to end. Machines are busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A running server.
pub(crate) struct Town {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
    data: PathBuf,
    key: String,
}

impl Town {
    /// Fills a store and has this program serve it.
    pub(crate) fn open(program: &Path, folder: &Path) -> Outcome<Self> {
        let data = folder.join("data");
        fs::create_dir_all(&data)?;
        let charla = |words: &[&str]| -> Outcome<Vec<u8>> {
            let done = without_settings(program)
                .args(words)
                .arg("--data")
                .arg(&data)
                .output()?;
            if done.status.success() {
                return Ok(done.stdout);
            }
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            Err(Failure::Server(format!("charla {}: {said}", words.join(" "))))
        };
        charla(&["tenant", "add", TENANT])?;
        let key: Value =
            serde_json::from_slice(&charla(&["key", "add", "soak", "--tenant", TENANT, "--json"])?)?;
        fill(&data)?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let config = folder.join("charla.toml");
        fs::write(
            &config,
            format!(
                "[server]\nlisten = \"{address}\"\ndrain = \"2s\"\n[store]\npath = {data:?}\n[auth]\nsecret = \"{SECRET}\"\n\
                 [limits]\nconnections_per_address = 5000\nconnects_per_second_per_address = 0\nconnects_per_second_per_user = 0\n[log]\nfilter = \"warn\"\n"
            ),
        )?;
        let log = fs::File::create(folder.join("server.log"))?;
        let child = without_settings(program)
            .args(["serve", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut town = Self {
            child,
            address,
            folder: folder.to_owned(),
            data,
            key: key
                .get("secret")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
        };
        town.wait("did not listen", |town| TcpStream::connect(town.address).is_ok())?;
        town.fill_cache()?;
        Ok(town)
    }

    fn fill_cache(&self) -> Outcome<()> {
        let body = json!({ "author": "u0", "text": "x".repeat(LONG) }).to_string();
        let request = format!(
            "POST /api/v1/chats/{ARCHIVE}/messages HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            self.key,
            body.len()
        );
        for _ in 0..LONG_MESSAGES {
            let (status, said) = http::ask(self.address, request.as_bytes())?;
            if status != "201" {
                let said = String::from_utf8_lossy(&said).into_owned();
                return Err(Failure::Server(format!(
                    "a message was answered {status}: {said}"
                )));
            }
        }
        Ok(())
    }

    fn wait(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) -> Outcome<()> {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            if self.child.try_wait()?.is_some() || Instant::now() > deadline {
                let said = fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
                return Err(Failure::Server(format!("charla serve {what}: {said}")));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its store's folder.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// User and system time until now.
    pub(crate) fn cpu(&self) -> Outcome<Duration> {
        process::cpu(self.pid())
    }

    /// The head of somebody's handshake, who has heard up to `after` and its changes up to `rev`.
    pub(crate) fn handshake(&self, person: usize, after: Option<(u64, u64)>) -> Vec<u8> {
        self.handshake_with(person, &token(person), after)
    }

    /// The same with a token of one's own.
    pub(crate) fn handshake_with(&self, person: usize, token: &str, after: Option<(u64, u64)>) -> Vec<u8> {
        let chat = chat(person);
        let query = after.map_or(String::new(), |(seq, rev)| format!("?after={seq}&rev={rev}"));
        format!(
            "GET /ws/chat/{chat}/{query} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: charla.v1, bearer.{token}\r\n\r\n",
            self.address
        )
        .into_bytes()
    }

    /// One of the calls that an application makes; whether it was answered well.
    pub(crate) fn call(&self, turn: usize) -> Outcome<bool> {
        let person = turn % PEOPLE;
        let (path, bearer) = match turn % 4 {
            0 => (
                format!("/api/v1/chats/{}/messages?limit=50", chat(person)),
                self.key.clone(),
            ),
            1 => (format!("/ws/chat/{}/", chat(person)), token(person)),
            2 => ("/api/v1/me/chats".to_owned(), token(person)),
            _ => (
                format!("/api/v1/chats/{}/members", chat(person)),
                self.key.clone(),
            ),
        };
        let (status, _) = self.ask(&path, &bearer)?;
        Ok(status == "200")
    }

    fn ask(&self, path: &str, bearer: &str) -> Outcome<(String, Vec<u8>)> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {bearer}\r\nConnection: close\r\n\r\n",
            self.address
        );
        http::ask(self.address, request.as_bytes())
    }

    fn metrics(&self) -> Outcome<String> {
        let (_, body) = self.ask("/metrics", "")?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Connections that it counts.
    pub(crate) fn connections(&self) -> Outcome<u64> {
        let metrics = self.metrics()?;
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix("charla_connections "));
        let count = line.and_then(|count| count.trim().parse().ok());
        count.ok_or_else(|| Failure::Server("no charla_connections in /metrics".into()))
    }

    /// Connections that ended, by cause.
    pub(crate) fn closes(&self) -> Outcome<BTreeMap<String, u64>> {
        let mut closes = BTreeMap::new();
        for line in self
            .metrics()?
            .lines()
            .filter(|line| line.starts_with("charla_closes_total{"))
        {
            let cause = line
                .split("cause=\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            let count = line
                .rsplit(' ')
                .next()
                .and_then(|count| count.parse::<u64>().ok());
            if let (Some(cause), Some(count)) = (cause, count) {
                *closes.entry(cause.to_owned()).or_default() += count;
            }
        }
        Ok(closes)
    }

    /// Has the server end by itself.
    pub(crate) fn end(&mut self) -> Outcome<()> {
        rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(Failure::Server(format!("charla serve ended with {status}"))),
                None if Instant::now() > deadline => {
                    return Err(Failure::Server("charla serve did not end".into()));
                }
                None => std::thread::sleep(LOOK_EVERY),
            }
        }
    }

    /// Removes all that the run left.
    pub(crate) fn remove(&self) {
        // What is left of a run that went well is of no use to anybody.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        // It has ended already when all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The chat that somebody is in.
pub(crate) fn chat(person: usize) -> String {
    format!("c{}", person % CHATS)
}

/// People, chats and a history, as rows: thousands of calls would say the same more slowly.
fn fill(data: &Path) -> Outcome<()> {
    let mut store = rusqlite::Connection::open(data.join("charla.db"))?;
    let rows = store.transaction()?;
    for person in 0..PEOPLE {
        rows.execute(
            "INSERT INTO users (tenant, id, name, role, state, tokens_valid_from, created_at) \
             VALUES (?1, ?2, ?3, 'member', 'active', 0, 0)",
            (TENANT, format!("u{person}"), format!("Person {person}")),
        )?;
    }
    let history = i64::try_from(HISTORY).unwrap_or(i64::MAX);
    for number in 0..CHATS {
        let moved = i64::try_from(number + 1).unwrap_or(i64::MAX);
        rows.execute(
            "INSERT INTO chats (tenant, chat, title, last_seq, moved, created_at) VALUES (?1, ?2, ?2, ?3, ?4, 0)",
            (TENANT, chat(number), history, moved),
        )?;
        let id = rows.last_insert_rowid();
        for person in (number..PEOPLE).step_by(CHATS) {
            rows.execute(
                "INSERT INTO members (chat, tenant, user, joined_at) VALUES (?1, ?2, ?3, 0)",
                (id, TENANT, format!("u{person}")),
            )?;
        }
        for seq in 1..=history {
            let uuid = [[0_u8; 8], (id << 32 | seq).to_be_bytes()].concat();
            rows.execute(
                "INSERT INTO messages (chat, seq, id, author, author_name, text, sent_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)",
                (id, seq, uuid, format!("u{number}"), format!("Person {number}"), "before ".repeat(HISTORY_WORDS)),
            )?;
        }
    }
    rows.execute(
        "INSERT INTO chats (tenant, chat, title, moved, created_at) VALUES (?1, ?2, ?2, ?3, 0)",
        (TENANT, ARCHIVE, history),
    )?;
    rows.execute(
        "INSERT INTO members (chat, tenant, user, joined_at) VALUES (?1, ?2, 'u0', 0)",
        (rows.last_insert_rowid(), TENANT),
    )?;
    Ok(rows.commit()?)
}

/// Somebody's token.
fn token(person: usize) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let claims = json!({
        "token_type": "access", "exp": now + TOKEN_TTL, "iat": now, "jti": format!("soak-{person}"),
        "user_id": format!("u{person}"), "tenant": TENANT, "name": format!("Person {person}"),
    });
    signed(&claims)
}

fn signed(claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = json!({"alg": "HS256", "typ": "JWT", "kid": "charla"});
    let signed = format!("{}.{}", encode(&head), encode(claims));
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()) else {
        return String::new();
    };
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// A token that nobody signed.
pub(crate) fn wrong_token(person: usize, turn: u64) -> String {
    let good = token(person);
    let (unsigned, _) = good.rsplit_once('.').unwrap_or_default();
    format!(
        "{unsigned}.{}",
        URL_SAFE_NO_PAD.encode(turn.to_be_bytes().repeat(4))
    )
}
