//! An application's endpoint that answers by hand: [`Receiver`].

use std::collections::HashSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use parking_lot::Mutex;
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::serving::soon;

/// What the tests' endpoints are told with.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Something that came.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub(crate) id: String,
    pub(crate) timestamp: String,
    pub(crate) signature: String,
    pub(crate) traceparent: Option<String>,
    pub(crate) body: String,
    pub(crate) json: Value,
}

impl Hook {
    /// One of its signatures is by this secret.
    pub(crate) fn check(&self, secret: &str) {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{}.{}.{}", self.id, self.timestamp, self.body).as_bytes());
        let own = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert!(self.signature.split(' ').any(|one| one == own), "{self:?}");
    }
}

/// What is answered.
#[derive(Debug, Clone)]
enum Says {
    /// A status, and more lines of the head.
    Status(u16, String),
    /// Nothing, as long as it is so.
    Nothing,
}

/// An endpoint.
pub(crate) struct Receiver {
    pub(crate) url: String,
    says: watch::Sender<Says>,
    /// What was answered 2xx.
    taken: watch::Sender<Vec<Hook>>,
    /// Everything that came.
    came: Arc<Mutex<Vec<Hook>>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("http://{}/charla/events", listener.local_addr().unwrap()),
            says: watch::Sender::new(Says::Status(204, String::new())),
            taken: watch::Sender::default(),
            came: Arc::default(),
        };
        let (says, taken) = (receiver.says.clone(), receiver.taken.clone());
        let came = Arc::clone(&receiver.came);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(answer(socket, says.subscribe(), taken.clone(), Arc::clone(&came)));
            }
        });
        receiver
    }

    pub(crate) fn says(&self, status: u16, lines: &str) {
        self.says.send_replace(Says::Status(status, lines.to_owned()));
    }

    pub(crate) fn says_nothing(&self) {
        self.says.send_replace(Says::Nothing);
    }

    /// Everything that came, taken or not.
    pub(crate) fn came(&self) -> Vec<Hook> {
        self.came.lock().clone()
    }

    /// What was taken, once it is so many.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Hook> {
        let mut taken = self.taken.subscribe();
        let what = format!("{count} webhooks");
        let enough = taken.wait_for(|hooks| hooks.len() >= count);
        soon(&what, enough).await.unwrap().clone()
    }

    /// The same, each once: what was on its way to somebody who died comes again.
    pub(crate) async fn wait_for_each(&self, count: usize) -> Vec<Hook> {
        let mut taken = self.taken.subscribe();
        let what = format!("{count} webhooks");
        let enough = taken.wait_for(|hooks| once(hooks).len() >= count);
        once(&soon(&what, enough).await.unwrap())
    }

    /// What was taken so far.
    pub(crate) fn taken(&self) -> Vec<Hook> {
        self.taken.borrow().clone()
    }
}

fn once(hooks: &[Hook]) -> Vec<Hook> {
    let mut seen = HashSet::new();
    let fresh = hooks.iter().filter(|hook| seen.insert(&hook.id));
    fresh.cloned().collect()
}

async fn answer(
    mut socket: TcpStream,
    mut says: watch::Receiver<Says>,
    taken: watch::Sender<Vec<Hook>>,
    came: Arc<Mutex<Vec<Hook>>>,
) {
    let mut read = Vec::new();
    loop {
        let Some(hook) = next(&mut socket, &mut read).await else {
            return;
        };
        came.lock().push(hook.clone());
        let said = says.wait_for(|says| matches!(says, Says::Status(..))).await;
        let Ok(said) = said.map(|said| said.clone()) else {
            return;
        };
        let Says::Status(status, lines) = said else { return };
        let reply = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n{lines}\r\n");
        let reply = if status == 204 {
            format!("HTTP/1.1 204 X\r\n{lines}\r\n")
        } else {
            reply
        };
        if socket.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
        if (200..300).contains(&status) {
            taken.send_modify(|hooks| hooks.push(hook));
        }
    }
}

async fn next(socket: &mut TcpStream, read: &mut Vec<u8>) -> Option<Hook> {
    loop {
        let text = String::from_utf8_lossy(read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let perhaps = |name: &str| {
                let mut lines = head.lines().filter_map(|line| line.split_once(": "));
                let found = lines.find(|(own, _)| own.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_owned())
            };
            let header = |name: &str| perhaps(name).unwrap();
            let length: usize = header("content-length").parse().unwrap();
            if body.len() >= length {
                assert!(head.starts_with("POST "), "{head}");
                let body = body[..length].to_owned();
                read.drain(..head.len() + 4 + length);
                return Some(Hook {
                    id: header("webhook-id"),
                    timestamp: header("webhook-timestamp"),
                    signature: header("webhook-signature"),
                    traceparent: perhaps("traceparent"),
                    json: serde_json::from_str(&body).unwrap(),
                    body,
                });
            }
        }
        if socket.read_buf(read).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}
