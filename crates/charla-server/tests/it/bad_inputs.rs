//! What must not hurt: every bad input gets the outcome that it has to get, and the server goes on.
//!
//! The rows are numbered as in `docs/bad-inputs.md`, which is written from them (`CHARLA_BLESS=1`). Most run against one server in a process of its own, each row from an
//! address of its own and in a chat of its own; all run, and all that fail are named. At the end the process must live, serve
//! an honest client, hold little more memory than at the start, and have written one escaped line for each event.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::serving::process::{Process, raise_descriptors};
use crate::serving::profile::{ATTACKED, AUDIENCE, ISSUER, app_token};
use crate::serving::{Raw, Reply, until};

use rows::ROWS;

mod browser;
mod door;
mod frames;
mod limits;
mod rows;
mod speech;
mod tokens;

/// By how much the server's memory may have grown after all rows: twice what it was seen to be. Half of that is what 5,000
/// half-open handshakes take at once, and the allocator keeps; that it is used again, their row asserts.
const GROWTH_MAX: usize = 96 << 20;

const HEAD: &str = "\
# Bad inputs

What comes in from the world, what it has to get, and the test that sends it: `crates/charla-server/tests/it/bad_inputs/`. All rows are
tried by `cargo nextest run -p charla-server every_bad_input`, over real sockets against one server in a process of its own; at the
end the process lives, serves an honest client, has not grown, and has written one escaped line for each event. Written by that test.

*T* stands for a token that is refused: the upgrade is answered 101 and closed at once with 4401 and the cause; the preflight, and
`rejects = \"http\"`, say 401 with the same cause. Likewise 4403 and 403, 4404 and 404, 4429 and 429.

| row | input | outcome | where |
|---|---|---|---|
";
const TAIL: &str = "
That markup is inert in a page, row 43, is seen in a real browser besides: `tests/browser/chat.test.mjs` and `backend.test.mjs`. Who
would send all this, and what else stands against it, is in the [threat model](threat-model.md).
";

type Trial = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where and how a row is tried.
enum How {
    /// Beside others.
    Here(fn(Ground) -> Trial),
    /// After all others, alone: it needs the machine to itself.
    Alone(fn(Ground) -> Trial),
}

/// One row of the list.
struct Row {
    number: u8,
    input: &'static str,
    outcome: &'static str,
    trial: &'static str,
    how: How,
}

/// What the rows came to.
#[derive(Default)]
struct Tally {
    rows: usize,
    inputs: usize,
    answered: usize,
    failed: Vec<String>,
}

/// What a row stands on: the attacked server, and an address, a chat and a user of its own.
#[derive(Clone)]
struct Ground {
    number: u8,
    server: Arc<Process>,
    tried: Arc<AtomicUsize>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_input_gets_its_outcome() {
    raise_descriptors();
    let folder = tempfile::tempdir().unwrap();
    let server = Arc::new(Process::start(folder.path(), ATTACKED));
    let ground = |number| Ground {
        number,
        server: Arc::clone(&server),
        tried: Arc::default(),
    };
    ground(0).serves_honestly().await;
    let before = server.resident();
    let numbers: Vec<u8> = ROWS.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=51).collect::<Vec<u8>>(), "every row, in order");

    let mut running = Vec::new();
    let mut tally = Tally::default();
    for row in ROWS {
        if let How::Here(trial) = row.how {
            let ground = ground(row.number);
            let tried = Arc::clone(&ground.tried);
            running.push((row, tried, tokio::spawn(trial(ground))));
        }
    }
    for (row, tried, trial) in running {
        tally.add(row, &tried, trial.await);
    }
    for row in ROWS {
        if let How::Alone(trial) = row.how {
            let ground = ground(row.number);
            let tried = Arc::clone(&ground.tried);
            tally.add(row, &tried, tokio::spawn(trial(ground)).await);
        }
    }
    ground(0).serves_honestly().await;
    let grown = server.resident().saturating_sub(before);
    println!(
        "bad inputs: {} rows, {} inputs, {} of them got what they have to get; the server lives; resident memory {} KiB at \
         first, {} KiB more after",
        tally.rows,
        tally.inputs,
        tally.answered,
        before >> 10,
        grown >> 10
    );
    let log = server.log();
    let is_one_line = |line: &&String| line.contains(char::is_control) || line.contains("eyJ");
    let unclean: Vec<&String> = log.iter().filter(is_one_line).collect();
    assert!(
        tally.failed.is_empty(),
        "{} rows failed:\n{}",
        tally.failed.len(),
        tally.failed.join("\n")
    );
    assert_eq!((tally.rows, tally.answered), (51, tally.inputs), "all of them");
    assert!(grown < GROWTH_MAX, "the server has grown by {grown} bytes");
    assert_eq!(
        unclean,
        Vec::<&String>::new(),
        "lines with control characters or tokens"
    );
}

impl Tally {
    /// One row's outcome; `tried` inputs, of which none counts as answered if one was not.
    fn add(&mut self, row: &Row, tried: &AtomicUsize, outcome: Result<(), tokio::task::JoinError>) {
        let tried = tried.load(Ordering::SeqCst);
        self.rows += 1;
        self.inputs += tried;
        match verdict(row, outcome) {
            None if tried == 0 => self.failed.push(format!("row {}: nothing was tried", row.number)),
            None => self.answered += tried,
            Some(words) => self.failed.push(words),
        }
    }
}

#[test]
fn the_list_is_written_down() {
    let mut page = HEAD.to_owned();
    for row in ROWS {
        let (file, trial) = row.trial.split_once("::").unwrap();
        let cell = |text: &str| text.replace('|', "\\|");
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "| {} | {} | {} | `{}.rs`: `{}` |",
            row.number,
            cell(row.input),
            cell(row.outcome),
            file.trim(),
            trial.trim()
        );
    }
    page.push_str(TAIL);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/bad-inputs.md");
    if std::env::var_os("CHARLA_BLESS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        written, page,
        "docs/bad-inputs.md: write it anew with CHARLA_BLESS=1"
    );
}

/// A failed row's own words.
fn verdict(row: &Row, outcome: Result<(), tokio::task::JoinError>) -> Option<String> {
    let panic = outcome.err()?.into_panic();
    let words = panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
    Some(format!(
        "row {}: {}: {}",
        row.number,
        row.input,
        words.unwrap_or_default()
    ))
}

/// Seconds since 1970.
fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

impl Ground {
    /// So many inputs more were tried.
    fn tries(&self, inputs: usize) {
        self.tried.fetch_add(inputs, Ordering::SeqCst);
    }

    /// The address that the row comes from.
    fn ip(&self) -> IpAddr {
        Ipv4Addr::new(127, 0, 2, self.number).into()
    }

    /// The row's chat.
    fn chat(&self) -> String {
        format!("row-{}", self.number.max(1))
    }

    /// What the application says of the row's user: of support, so that every chat is open to it.
    fn claims(&self) -> Value {
        json!({
            "user_id": format!("row-{}", self.number), "name": "Row", "tenant": "demo", "role": "agent",
            "iss": ISSUER, "aud": AUDIENCE, "iat": now(), "exp": now() + 3600,
        })
    }

    /// The row's claims with one changed, or without it if the value is null.
    fn claims_with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        let object = claims.as_object_mut().unwrap();
        object.remove(name);
        if !value.is_null() {
            object.insert(name.into(), value);
        }
        claims
    }

    /// A good token.
    fn token(&self) -> String {
        self.token_with(&self.claims())
    }

    /// A token of the application with these claims.
    fn token_with(&self, claims: &Value) -> String {
        app_token(claims)
    }

    /// The row's chat with a token.
    fn path(&self, token: &str) -> String {
        format!("/ws/chat/{}/?token={token}", self.chat())
    }

    /// A connection to try something with.
    async fn raw(&self) -> Raw {
        self.tries(1);
        Raw::open_from(self.ip(), self.server.address).await
    }

    /// An upgraded client of `charla.v1`, subscribed to the row's chat.
    async fn client(&self) -> Raw {
        self.client_at(&self.path(&self.token())).await
    }

    /// An upgraded client of `charla.v1` in a chat.
    async fn client_at(&self, path: &str) -> Raw {
        let mut raw = self.raw().await;
        raw.upgrade(path, &["Sec-WebSocket-Protocol: charla.v1"]).await;
        raw.next_of("subscribed").await;
        raw
    }

    /// A healthy handshake, a message and its acknowledgement.
    async fn serves_honestly(&self) {
        let mut client = self.client().await;
        let id = uuid::Uuid::new_v4();
        let send = json!({"type": "send", "ref": 1, "id": id, "text": "honest"});
        client.say(&send).await;
        assert_eq!(client.next_of("ack").await["ref"], 1);
    }

    /// The handshake is refused: 101 and a close frame of this code and cause; and the preflight says the same by its status.
    /// The close frame's reason.
    async fn refused(&self, path: &str, headers: &[&str], code: u16, cause: &str) -> String {
        let mut raw = self.raw().await;
        raw.upgrade(path, headers).await;
        let (found, reason) = raw.end().await;
        let words = (found, reason.split(':').next().unwrap());
        assert_eq!(
            words,
            (code, cause),
            "{reason} for {}",
            &path[..path.len().min(200)]
        );
        self.logged(&[cause]).await;
        let reply = self.http("GET", path, headers, b"").await;
        let body = reply.json();
        assert_eq!(
            (reply.status, &body["cause"]),
            (code - 4000, &json!(cause)),
            "preflight: {body}"
        );
        reason
    }

    /// One HTTP request, from the row's address.
    async fn http(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Reply {
        let mut raw = self.raw().await;
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{lines}\r\n"
        );
        raw.write(head.as_bytes()).await;
        raw.write(body).await;
        raw.reply().await
    }

    /// These bytes get this status, and the connection is closed.
    async fn answered(&self, request: &[u8], status: u16) -> Reply {
        let mut raw = self.raw().await;
        raw.write(request).await;
        let reply = raw.reply().await;
        let shown = String::from_utf8_lossy(&request[..request.len().min(100)]).into_owned();
        assert_eq!(
            reply.status,
            status,
            "{shown}: {}",
            String::from_utf8_lossy(&reply.body)
        );
        reply
    }

    /// A connected client that sends these bytes is closed with code and cause, and a line says so.
    async fn closed(&self, frames: &[u8], code: u16, cause: &str) {
        let mut client = self.client().await;
        client.write(frames).await;
        let shown = &frames[..frames.len().min(24)];
        let (found, reason) = client.end().await;
        assert_eq!(
            (found, reason.split(':').next().unwrap()),
            (code, cause),
            "{reason} for {shown:02x?}"
        );
        self.logged(&[cause, "initiator=server"]).await;
    }

    /// The server has written a line about the row's address with these words.
    async fn logged(&self, words: &[&str]) {
        let address = format!("address={}", self.ip());
        let is_it = |line: &String| {
            line.split(' ').any(|word| word == address) && words.iter().all(|word| line.contains(word))
        };
        until(&format!("a line with {words:?} and {address}"), || async {
            self.server.log().iter().any(is_it)
        })
        .await;
    }

    /// Lines that the server wrote about the row's address.
    fn lines(&self) -> Vec<String> {
        let address = format!("address={}", self.ip());
        let mut log = self.server.log();
        log.retain(|line| line.split(' ').any(|word| word == address));
        log
    }
}

/// How long something took.
async fn timed<T>(event: impl Future<Output = T>) -> (T, Duration) {
    let began = std::time::Instant::now();
    let value = event.await;
    (value, began.elapsed())
}
