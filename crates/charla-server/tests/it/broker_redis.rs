//! Several nodes on one PostgreSQL and one Redis: what happens on one is heard on the others.

use charla_server::settings::{BrokerUrl, Settings, StoreUrl};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bus::Bus;
use crate::cluster::Cluster;
use crate::serving::{Client, Serving, soon, until};

mod console;
mod deaths;
mod ends;
mod nodes;
mod people;
pub(crate) mod plug;
mod tenants;

/// A database and a bus for nodes to share.
pub(crate) struct Shared {
    bus: Bus,
    // Of that bus, or of another.
    broker: BrokerUrl,
    url: StoreUrl,
    address: String,
    _cluster: Cluster,
}

impl Shared {
    pub(crate) async fn start() -> Self {
        let (cluster, bus) = tokio::task::block_in_place(|| (Cluster::start(), Bus::start()));
        let database = cluster.database().await;
        Self {
            broker: bus.url(),
            bus,
            url: cluster.url(&database),
            address: cluster.address(&database),
            _cluster: cluster,
        }
    }

    /// With another bus between the nodes.
    pub(crate) async fn start_on(broker: BrokerUrl) -> Self {
        Self {
            broker,
            ..Self::start().await
        }
    }

    /// A node that hears from the others.
    async fn node(&self) -> Serving {
        self.node_called("charla").await
    }

    async fn node_called(&self, prefix: &str) -> Serving {
        self.node_with(|settings| prefix.clone_into(&mut settings.broker.prefix))
            .await
    }

    /// Nodes that know each other.
    pub(crate) async fn nodes<const N: usize>(&self, adjust: impl Fn(&mut Settings)) -> [Serving; N] {
        let mut nodes = Vec::new();
        for _ in 0..N {
            nodes.push(self.node_with(&adjust).await);
        }
        for node in &nodes {
            company(node, N - 1).await;
        }
        nodes
            .try_into()
            .unwrap_or_else(|_| unreachable!("as many as were started"))
    }

    pub(crate) async fn node_with(&self, adjust: impl FnOnce(&mut Settings)) -> Serving {
        let node = Serving::start_with(|settings| {
            settings.store.url = Some(self.url.clone());
            settings.broker.url = Some(self.broker.clone());
            adjust(settings);
            // Load tests send faster than people.
            settings.limits.sends_per_second = 1_000;
            settings.limits.send_burst = 1_000;
        })
        .await;
        readiness(&node, "ready").await;
        node
    }
}

/// Waits until a node knows so many others.
async fn company(node: &Serving, others: usize) {
    until("the other nodes", || async {
        node.node().peers().len() == others
    })
    .await;
}

/// Waits until somebody is let in and not sent away.
async fn stays(node: &Serving, user: &str) -> Client {
    soon("a connection that stays", async {
        loop {
            let mut client = node.connect(user, "/ws/chat/5/").await;
            if client.is_welcome().await {
                return client;
            }
        }
    })
    .await
}

/// Waits until so many nodes listen to a topic.
async fn listened_to(shared: &Shared, topic: &str, nodes: usize) {
    until(topic, || async {
        let told = shared.bus.command(&["PUBSUB", "NUMSUB", topic]);
        told.split_whitespace().last() == Some(&*nodes.to_string())
    })
    .await;
}

/// Of each kind the frames that came until now, and what they say of whom.
fn presence(frames: &[Value]) -> Vec<(String, String)> {
    let of_kind = frames.iter().filter(|frame| frame["type"] == "presence");
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    of_kind
        .map(|frame| (word(&frame["user"]["id"]), word(&frame["state"])))
        .collect()
}

/// The ids of those who are said to be there.
fn online(subscribed: &Value) -> Vec<String> {
    let people = subscribed["members_online"].as_array().unwrap();
    let mut ids: Vec<_> = people
        .iter()
        .map(|who| who["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

/// Waits until a node says so.
pub(crate) async fn readiness(node: &Serving, word: &str) {
    until(word, || async {
        let reply = node.http("GET", "/readyz", &[], b"").await;
        assert_eq!(reply.status, 200, "balancers keep sending: {reply:?}");
        String::from_utf8_lossy(&reply.body).starts_with(word)
    })
    .await;
}

async fn figure(node: &Serving, name: &str) -> u64 {
    let reply = node.http("GET", "/metrics", &[], b"").await;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let line = text.lines().find(|line| line.split(' ').next() == Some(name));
    line.unwrap_or_else(|| panic!("{name} in {text}"))
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

async fn send(client: &mut Client, text: &str) -> u64 {
    client
        .say(&json!({"type": "send", "chat": "5", "id": Uuid::now_v7(), "text": text}))
        .await;
    client.next_of("ack").await["seq"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_on_one_node_is_heard_on_the_other() {
    let shared = Shared::start().await;
    let (here, there) = (shared.node().await, shared.node().await);
    let mut ana = here.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    let mut luis = there.connect("luis", "/ws/chat/5/").await;
    luis.next_of("subscribed").await;
    assert_eq!(ana.next_of("presence").await["user"]["id"], "luis");
    ana.say(&json!({"type": "typing", "chat": "5", "on": true})).await;
    assert_eq!(luis.next_of("typing").await["user"]["id"], "ana");
    assert_eq!(send(&mut ana, "hola").await, 1);
    assert_eq!(luis.next_of("message").await["text"], "hola");
    ana.say(&json!({"type": "edit", "ref": 1, "chat": "5", "seq": 1, "text": "buenas"}))
        .await;
    assert_eq!(luis.next_of("edited").await["text"], "buenas");
    luis.say(&json!({"type": "read", "chat": "5", "seq": 1})).await;
    assert_eq!(ana.next_of("read").await["seq"], 1);
    for turn in 0..20 {
        let (speaker, listener) = if turn % 2 == 0 {
            (&mut ana, &mut luis)
        } else {
            (&mut luis, &mut ana)
        };
        let text = format!("turn {turn}");
        let seq = send(speaker, &text).await;
        let message = loop {
            let message = listener.next_of("message").await;
            if message["seq"] == seq {
                break message;
            }
        };
        assert_eq!(message["text"], text.as_str());
    }
    assert_eq!(figure(&here, "charla_broker_up").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_cut_off_wherever_it_is_connected() {
    let shared = Shared::start().await;
    let (here, there) = (shared.node().await, shared.node().await);
    let mut luis = there.connect("luis", "/ws/chat/5/").await;
    luis.next_of("subscribed").await;
    // A topic of a person is not waited for: the node is asked what it listens to.
    until("the person's topic", || async {
        shared
            .bus
            .command(&["PUBSUB", "NUMSUB", "charla:user:demo:luis"])
            .ends_with('1')
    })
    .await;
    here.node().disconnect(
        &crate::serving::user_key("demo", "luis"),
        None,
        charla_wire::Cause::UserBlocked,
    );
    let end = loop {
        if let Err(end) = luis.hear().await {
            break end;
        }
    };
    assert_eq!(end.0, 4403, "{end:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_listen_only_to_what_somebody_listens_to() {
    let shared = Shared::start().await;
    let node = shared.node().await;
    let rooms = || shared.bus.command(&["PUBSUB", "CHANNELS", "charla:room:*"]);
    assert_eq!(rooms(), "");
    let mut ana = node.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    assert_eq!(
        rooms(),
        "charla:room:demo:5",
        "before the client is told that it hears the chat"
    );
    drop(ana);
    until("the last one takes the topic along", || async {
        rooms().is_empty()
    })
    .await;
}

/// Two tenants on one database and one Redis: the same numbers of the same chats are not the same messages; a frame
/// that crossed would have the number that the other side waits for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_with_the_same_chats_and_people_do_not_hear_each_other() {
    let shared = Shared::start().await;
    let (here, there) = (shared.node().await, shared.node().await);
    let hour = std::time::Duration::from_secs(3600);
    let enter = async |node: &Serving, tenant: &str| {
        let token = node.token_of(tenant, "luis", hour).await;
        let path = format!("/ws/chat/5/?tenant={tenant}&token={token}");
        let mut client = Client::open(node.address, &path, &["charla.v1"]).await;
        client.next_of("subscribed").await;
        client
    };
    let (mut demo, mut acme) = (enter(&here, "demo").await, enter(&here, "acme").await);
    let (mut demo_there, mut acme_there) = (enter(&there, "demo").await, enter(&there, "acme").await);
    for turn in 1..=10 {
        assert_eq!(send(&mut demo, &format!("demo {turn}")).await, turn);
        assert_eq!(send(&mut acme, &format!("acme {turn}")).await, turn);
    }
    for (client, tenant) in [(&mut demo_there, "demo"), (&mut acme_there, "acme")] {
        let mut turn = 0;
        while turn < 10 {
            for frame in client.up_to("message").await {
                assert_eq!(frame["type"], "message", "{frame}");
                turn += 1;
                assert_eq!(frame["text"], format!("{tenant} {turn}"));
                assert_eq!(frame["seq"], turn);
            }
        }
    }
}
