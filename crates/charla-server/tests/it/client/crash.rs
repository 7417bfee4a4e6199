//! `kill -9` in the middle of sends: each is acknowledged once, in order, and whoever listens has each once.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use charla_client::{Bounds, ChatId, Place};
use futures_util::stream::{self, StreamExt as _};
use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use super::{client, next_message};
use crate::serving::process::Process;
use crate::serving::profile::{UNLIMITED, app_token};
use crate::serving::soon;

const SENDS: usize = 300;
/// Sends under way at once: fewer than the client takes without making anybody wait, since those who wait for a place are
/// woken in no order that was promised.
const UNDER_WAY: usize = 50;
/// Messages heard, after which the server is killed.
const KILLS: [u64; 4] = [1, 40, 150, 299];

/// An address that stays, before servers that come and go.
struct Relay {
    address: SocketAddr,
    server: Arc<Mutex<Option<SocketAddr>>>,
}

impl Relay {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server: Arc<Mutex<Option<SocketAddr>>> = Arc::default();
        let present = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let server = *present.lock().unwrap();
                tokio::spawn(async move {
                    // Without a server it is closed, as a proxy does.
                    if let Some(server) = server
                        && let Ok(mut onward) = TcpStream::connect(server).await
                    {
                        let _ = copy_bidirectional(&mut stream, &mut onward).await;
                    }
                });
            }
        });
        Self { address, server }
    }

    fn leads_to(&self, server: Option<SocketAddr>) {
        *self.server.lock().unwrap() = server;
    }
}

fn token() -> String {
    let exp = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() + 3600;
    app_token(&json!({"user_id": "talker", "name": "Talker", "tenant": "demo", "role": "agent", "exp": exp}))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_send_is_acknowledged_once_and_heard_once_whatever_dies() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::new().await;
    let bounds = Bounds {
        max_count: SENDS,
        ..Bounds::default()
    };
    let patient = charla_client::Policy {
        attempts: 1_000,
        first_delay: Duration::from_millis(10),
        max_delay: Duration::from_millis(50),
        calm: Duration::ZERO,
        ..charla_client::Policy::default()
    };
    let build = || {
        client(relay.address, "/ws/")
            .policy(patient.clone())
            .fixed_token(token())
    };
    let (talker, _unheard) = build().outbox(bounds).connect().unwrap();
    let (listener, mut events) = build().connect().unwrap();

    let mut server = Process::start(folder.path(), UNLIMITED);
    relay.leads_to(Some(server.address));
    let chat = ChatId::parse("5").unwrap();
    let beginning = Place {
        after: Some(0),
        ..Place::default()
    };
    soon("being let in", listener.subscribe(&chat, beginning))
        .await
        .unwrap();
    let sending = tokio::spawn({
        let (talker, chat) = (talker.clone(), chat.clone());
        async move {
            let sends = (0..SENDS).map(|number| talker.send(&chat, number.to_string()));
            stream::iter(sends).buffered(UNDER_WAY).collect::<Vec<_>>().await
        }
    });
    let mut heard = Vec::new();
    for kill_at in KILLS {
        while heard.len() < usize::try_from(kill_at).unwrap() {
            heard.push(next_message(&mut events).await);
        }
        relay.leads_to(None);
        server.kill();
        server = Process::start(folder.path(), UNLIMITED);
        relay.leads_to(Some(server.address));
    }
    while heard.len() < SENDS {
        heard.push(next_message(&mut events).await);
    }
    let expected: Vec<_> = (0..SENDS)
        .map(|number| (number as u64 + 1, number.to_string()))
        .collect();
    assert_eq!(heard, expected, "each once, in the order in which it was said");
    let acks = soon("every ack", sending).await.unwrap();
    let numbers: Vec<u64> = acks.into_iter().map(|ack| ack.unwrap().seq).collect();
    assert_eq!(numbers, (1..=SENDS as u64).collect::<Vec<_>>());
    // And nothing after it.
    let page = soon("history", async {
        loop {
            listener.connected().await.unwrap();
            // The last kill may come between the two.
            if let Ok(page) = listener.history(&chat, None, 1).await {
                return page;
            }
        }
    })
    .await;
    assert_eq!(page.json()["messages"][0]["seq"], SENDS);
}
