//! `kill -9` in the middle of 2,000 sends from 20 clients, several times over: after each restart everything acknowledged is
//! there once, in one order, and every client that resumes has each message exactly once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::serving::process::Process;
use crate::serving::profile::{UNLIMITED, app_token};
use crate::serving::{Client, soon};

const CLIENTS: usize = 20;
const EACH: usize = 100;
const TOTAL: usize = CLIENTS * EACH;
/// Sends of one client on their way at once.
const WINDOW: usize = 5;
/// Acknowledgements after which the server is killed: at the very start, early, often, and just before the end.
const KILLS: [usize; 8] = [1, 60, 333, 700, 1_000, 1_350, 1_700, 1_990];

/// One client's memory, which outlives its connections.
struct Talker {
    token: String,
    /// What it wants to say, in order.
    ids: Vec<Uuid>,
    acked: HashMap<Uuid, u64>,
    /// The ids of messages 1, 2, 3 and so on, as it heard them.
    heard: Vec<Uuid>,
}

/// What all of them count together.
#[derive(Default)]
struct Count {
    acked: AtomicUsize,
    moved: Notify,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_comes_back_with_all_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let count = Arc::new(Count::default());
    let mut talkers: Vec<Talker> = Vec::new();
    let mut acked_before: HashMap<Uuid, u64> = HashMap::new();
    for kill_at in KILLS.into_iter().map(Some).chain([None]) {
        let server = Process::start(folder.path(), UNLIMITED);
        if talkers.is_empty() {
            talkers.extend((0..CLIENTS).map(|_| Talker::new(&token())));
        }
        let talking = talkers.into_iter().map(|talker| {
            let (address, count) = (server.address, Arc::clone(&count));
            tokio::spawn(talker.talk(address, count))
        });
        let talking: Vec<_> = talking.collect();
        if let Some(kill_at) = kill_at {
            soon("acknowledgements", async {
                while count.acked.load(Ordering::SeqCst) < kill_at {
                    count.moved.notified().await;
                }
            })
            .await;
            server.kill();
            talkers = join_all(talking).await.into_iter().map(Result::unwrap).collect();
        } else {
            talkers = join_all(talking).await.into_iter().map(Result::unwrap).collect();
            check(&talkers, server.address).await;
        }
        for (id, seq) in talkers.iter().flat_map(|talker| &talker.acked) {
            let before = acked_before.insert(*id, *seq);
            assert!(
                before.is_none_or(|before| before == *seq),
                "one id, one number, for ever: {id}"
            );
        }
    }
    assert_eq!(acked_before.len(), TOTAL);
}

/// What is stored, what was acknowledged and what each client heard are the same.
async fn check(talkers: &[Talker], address: SocketAddr) {
    let stored = everything(&talkers[0].token, address).await;
    assert_eq!(stored.len(), TOTAL, "each once");
    let numbers: HashMap<Uuid, u64> = stored.iter().copied().zip(1..).collect();
    assert_eq!(numbers.len(), TOTAL, "no id twice");
    for (who, talker) in talkers.iter().enumerate() {
        assert_eq!(talker.acked.len(), EACH, "client {who}");
        for (id, seq) in &talker.acked {
            assert_eq!(numbers.get(id), Some(seq), "client {who}");
        }
        assert_eq!(
            talker.heard, stored,
            "client {who} has each exactly once, in the one order"
        );
    }
}

/// The chat from its beginning, as somebody new hears it.
async fn everything(token: &str, address: SocketAddr) -> Vec<Uuid> {
    let mut reader = connect(address, token, 0).await.unwrap();
    let mut ids = Vec::new();
    let mut before: Option<u64> = None;
    reader.next_of("subscribed").await;
    loop {
        let page = json!({"type": "history", "ref": 1, "before": before, "limit": 200});
        let page = reader.ask(&page, "history").await;
        let messages = page["messages"].as_array().unwrap();
        before = messages.first().map(|oldest| oldest["seq"].as_u64().unwrap());
        ids.splice(0..0, messages.iter().map(id_of));
        if page["more"] == false {
            return ids;
        }
    }
}

fn id_of(frame: &Value) -> Uuid {
    frame["id"].as_str().unwrap().parse().unwrap()
}

/// A token of the application for somebody of support.
fn token() -> String {
    let exp = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() + 3600;
    app_token(&json!({"user_id": "talker", "name": "Talker", "tenant": "demo", "role": "agent", "exp": exp}))
}

/// A connection that resumes after a message; `None` when the server is gone.
async fn connect(address: SocketAddr, token: &str, after: usize) -> Option<Client> {
    let socket = TcpStream::connect(address).await.ok()?;
    let path = format!("/ws/chat/5/?token={token}&after={after}");
    Client::try_open_over(socket, address, &path, &["charla.v1"]).await
}

impl Talker {
    fn new(token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ids: (0..EACH).map(|_| Uuid::new_v4()).collect(),
            acked: HashMap::new(),
            heard: Vec::new(),
        }
    }

    /// Talks until all is said and heard, or the server is gone.
    async fn talk(mut self, address: SocketAddr, count: Arc<Count>) -> Self {
        let Some(mut client) = connect(address, &self.token, self.heard.len()).await else {
            return self;
        };
        let mut unsaid: Vec<Uuid> = self.ids.clone();
        unsaid.retain(|id| !self.acked.contains_key(id));
        unsaid.reverse();
        let mut on_the_way = 0;
        while self.acked.len() < EACH || self.heard.len() < TOTAL {
            while on_the_way < WINDOW {
                let Some(id) = unsaid.pop() else { break };
                let send = json!({"type": "send", "ref": 1, "id": id, "text": id.to_string()});
                if !client.try_say(&send).await {
                    return self;
                }
                on_the_way += 1;
            }
            let Ok(frame) = client.hear().await else {
                return self;
            };
            match frame["type"].as_str().unwrap() {
                "ack" => {
                    on_the_way -= 1;
                    self.acked.insert(id_of(&frame), frame["seq"].as_u64().unwrap());
                    count.acked.fetch_add(1, Ordering::SeqCst);
                    count.moved.notify_one();
                }
                "subscribed" => {
                    assert_eq!(frame["resumed"], true, "{frame}");
                    for message in frame["messages"].as_array().unwrap() {
                        self.hears(message);
                    }
                }
                "message" => self.hears(&frame),
                "error" => panic!("{frame}"),
                _ => {}
            }
        }
        self
    }

    fn hears(&mut self, message: &Value) {
        assert_eq!(message["seq"], self.heard.len() + 1, "the next one, once");
        self.heard.push(id_of(message));
    }
}
