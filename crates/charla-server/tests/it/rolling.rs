//! Nodes leave and come back one after the other, and nobody loses anything by it: a rolling restart.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use charla_server::node::Node;
use charla_server::settings::{Settings, StoreUrl};
use charla_wire::cause::retry_in_ms;
use futures_util::future::join_all;
use parking_lot::RwLock;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::bus::Bus;
use crate::cluster::Cluster;
use crate::serving::{Client, PATIENCE, Serving, soon, until, with_parameter};

/// People who talk and listen throughout.
const PEOPLE: usize = 24;
const NODES: usize = 3;

/// Where a balancer would send people now.
type Ready = Arc<RwLock<Vec<SocketAddr>>>;

fn shared(settings: &mut Settings, url: &StoreUrl, bus: &Bus) {
    settings.store.url = Some(url.clone());
    settings.broker.url = Some(bus.url());
    settings.limits.connections_per_user = usize::MAX;
    settings.limits.connections_per_address = usize::MAX;
    settings.limits.returns_per_second = 500;
    settings.limits.connects_per_second_per_address = 0;
    settings.limits.connects_per_second_per_user = 0;
    settings.limits.sends_per_second_per_user = 0;
}

/// What everybody talks by.
#[derive(Default)]
struct Talk {
    is_over: AtomicBool,
    /// Messages that were acknowledged.
    said: AtomicUsize,
    /// People who say nothing more.
    silent: AtomicUsize,
}

/// Somebody who sends, listens, and comes back wherever the balancer sends it.
struct Person {
    number: usize,
    token: String,
    ready: Ready,
    heard: Vec<(u64, String)>,
    acknowledged: Vec<(u64, String)>,
    returns: usize,
}

impl Person {
    /// Connects to a node that is ready, from where it left off.
    async fn enter(&mut self) -> Client {
        let since = Instant::now();
        loop {
            assert!(since.elapsed() < PATIENCE, "{} is let in nowhere", self.number);
            let address = {
                let ready = self.ready.read();
                ready[(self.number + self.returns) % ready.len()]
            };
            self.returns += 1;
            let after = self.heard.last().map_or(0, |(seq, _)| *seq);
            let path = format!("/ws/chat/5/?after={after}");
            let path = with_parameter(&path, "token", &self.token);
            // A balancer may send somebody to a node in the moment in which it goes.
            if let Ok(socket) = TcpStream::connect(address).await
                && let Some(mut client) = Client::try_open_over(socket, address, &path, &["charla.v1"]).await
            {
                while let Ok(frame) = client.hear().await {
                    if frame["type"] == "subscribed" {
                        for message in frame["messages"].as_array().unwrap() {
                            self.note(message);
                        }
                        return client;
                    }
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// What it hears; a message twice, or one left out, panics.
    fn note(&mut self, message: &Value) {
        let seq = message["seq"].as_u64().unwrap();
        let before = self.heard.last().map_or(0, |(seq, _)| *seq);
        assert_eq!(seq, before + 1, "{} heard {message} after {before}", self.number);
        self.heard
            .push((seq, message["text"].as_str().unwrap().to_owned()));
    }

    /// Hears one frame; on the way out, waits as told and comes back. The acknowledged number, if it was that.
    async fn hear(&mut self, client: &mut Client) -> Option<u64> {
        match client.hear().await {
            Ok(frame) => {
                if frame["type"] == "message" {
                    self.note(&frame);
                }
                (frame["type"] == "ack").then(|| frame["seq"].as_u64().unwrap())
            }
            Err((code, reason)) => {
                assert_eq!(code, 1012, "nobody is cut off otherwise: {reason}");
                let delay = retry_in_ms(&reason).expect("when to come back");
                // sleeps because the server told it to
                tokio::time::sleep(Duration::from_millis(delay)).await;
                *client = self.enter().await;
                None
            }
        }
    }

    /// Says something until it is acknowledged.
    async fn say(&mut self, client: &mut Client, text: &str) {
        let id = Uuid::now_v7();
        let frame = json!({"type": "send", "chat": "5", "id": id, "text": text});
        loop {
            let entered = self.returns;
            if client.try_say(&frame).await {
                while self.returns == entered {
                    if let Some(seq) = self.hear(client).await {
                        self.acknowledged.push((seq, text.to_owned()));
                        return;
                    }
                }
            } else {
                self.hear(client).await;
            }
        }
    }

    async fn live(mut self, talk: Arc<Talk>) -> Self {
        let mut client = self.enter().await;
        while !talk.is_over.load(Ordering::Relaxed) {
            let text = format!("{} says {}", self.number, self.acknowledged.len());
            self.say(&mut client, &text).await;
            talk.said.fetch_add(1, Ordering::Relaxed);
            // sleeps because people pause
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        talk.silent.fetch_add(1, Ordering::Relaxed);
        // Everybody has said the last word when this is heard.
        while self.heard.last().is_none_or(|(_, text)| text != "the end") {
            self.hear(&mut client).await;
        }
        self
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_are_restarted_one_after_the_other() {
    let (cluster, bus) = tokio::task::block_in_place(|| (Cluster::start(), Bus::start()));
    let url = cluster.url(&cluster.database().await);
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        nodes.push(Serving::start_with(|settings| shared(settings, &url, &bus)).await);
    }
    let ready: Ready = Arc::new(RwLock::new(nodes.iter().map(|node| node.address).collect()));
    let talk = Arc::<Talk>::default();
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let person = Person {
            number,
            token: nodes[0].token("ana").await,
            ready: Arc::clone(&ready),
            heard: Vec::new(),
            acknowledged: Vec::new(),
            returns: 0,
        };
        people.push(tokio::spawn(person.live(Arc::clone(&talk))));
    }
    let goes_on = async || {
        let goal = talk.said.load(Ordering::Relaxed) + 10 * PEOPLE;
        until("people talk", || async {
            talk.said.load(Ordering::Relaxed) >= goal
        })
        .await;
    };
    for _ in 0..NODES {
        goes_on().await;
        let leaving = nodes.remove(0);
        // What /readyz does to a balancer.
        ready.write().retain(|address| *address != leaving.address);
        soon("the drain", leaving.drain()).await;
        goes_on().await;
        let fresh = Serving::start_with(|settings| shared(settings, &url, &bus)).await;
        ready.write().push(fresh.address);
        nodes.push(fresh);
    }
    goes_on().await;
    talk.is_over.store(true, Ordering::Relaxed);
    until("everybody to have finished", || async {
        talk.silent.load(Ordering::Relaxed) == PEOPLE
    })
    .await;
    let mut last = nodes[0].connect("ana", "/ws/chat/5/").await;
    last.ask(
        &json!({"type": "send", "chat": "5", "id": Uuid::now_v7(), "text": "the end"}),
        "ack",
    )
    .await;
    let people: Vec<Person> = soon("everybody", join_all(people))
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let heard = &people[0].heard;
    for person in &people {
        assert!(person.heard == *heard, "one order for everybody");
        assert!(person.returns >= 2, "{} was never sent away", person.number);
        for acknowledged in &person.acknowledged {
            assert!(heard.contains(acknowledged), "lost: {acknowledged:?}");
        }
    }
    let acknowledged: usize = people.iter().map(|person| person.acknowledged.len()).sum();
    assert_eq!(heard.len(), acknowledged + 1, "nothing twice");
    println!("{acknowledged} messages over {NODES} restarts");
}

/// The drain has an end, also where the store never answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_drain_time_is_the_end_also_of_a_store_that_hangs() {
    let cluster = tokio::task::block_in_place(Cluster::start);
    let url = cluster.url(&cluster.database().await);
    let node = Serving::start_with(|settings| {
        settings.store.url = Some(url.clone());
        settings.server.drain = Duration::from_secs(3);
    })
    .await;
    let mut ana = node.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    cluster.signal_all(rustix::process::Signal::STOP);
    let store = Arc::clone(&node.node().store);
    // Handed over to the writer at once; what a client says might be read too late for it to hang.
    let _asked = store.ready();
    soon("the drain", node.drain()).await;
    let why = store.ready().await.unwrap_err().to_string();
    assert!(
        !why.contains("stopped"),
        "the writer was not waited for, and still hangs: {why}"
    );
    cluster.signal_all(rustix::process::Signal::CONT);
}

/// A stopped writer is told from one that has nothing to do.
#[tokio::test]
async fn a_node_moves_until_its_writer_does_not() {
    let serving = Serving::start().await;
    let node: Arc<Node> = Arc::clone(serving.node());
    for _ in 0..2 {
        soon("signs of life", node.moves()).await;
    }
    node.store.close().await.unwrap();
    // sleeps because it is waited for that nothing happens: the other two have each made a step in this time
    let silent = tokio::time::timeout(Duration::from_secs(3), node.moves()).await;
    assert!(silent.is_err(), "no sign of life without a writer");
}
