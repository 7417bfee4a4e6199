//! The plug is pulled: while Redis is gone, frozen, restarted or emptied, nobody is cut off, and everything that was
//! acknowledged arrives everywhere once and in one order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{Shared, figure, readiness, send};
use crate::serving::{Client, Serving, until};

/// Between two messages of a speaker.
const PAUSE: Duration = Duration::from_millis(5);

/// Two people on two nodes who talk until they are told to stop.
pub(crate) struct Talk {
    stop: watch::Sender<bool>,
    acknowledged: Arc<AtomicU64>,
    speakers: Vec<JoinHandle<Vec<(u64, String)>>>,
}

impl Talk {
    async fn begin(nodes: &[(&Serving, &str)]) -> Self {
        let (stop, stopped) = watch::channel(false);
        let acknowledged = Arc::<AtomicU64>::default();
        let mut speakers = Vec::new();
        for (node, who) in nodes {
            let mut client = node.connect(who, "/ws/chat/5/").await;
            client.next_of("subscribed").await;
            let (stopped, acknowledged) = (stopped.clone(), Arc::clone(&acknowledged));
            let who = (*who).to_owned();
            speakers.push(tokio::spawn(async move {
                speak(&mut client, &who, &stopped, &acknowledged).await
            }));
        }
        Self {
            stop,
            acknowledged,
            speakers,
        }
    }

    /// Waits until so many more messages were acknowledged.
    pub(crate) async fn goes_on(&self, more: u64) {
        let goal = self.acknowledged.load(Ordering::Relaxed) + more;
        until("acknowledgements", || async {
            self.acknowledged.load(Ordering::Relaxed) >= goal
        })
        .await;
    }

    /// Everything that was acknowledged, in order.
    async fn end(self) -> Vec<(u64, String)> {
        self.stop.send_replace(true);
        let mut said = Vec::new();
        for speaker in self.speakers {
            said.extend(speaker.await.unwrap());
        }
        said.sort();
        said
    }
}

async fn speak(
    client: &mut Client,
    who: &str,
    stopped: &watch::Receiver<bool>,
    acknowledged: &AtomicU64,
) -> Vec<(u64, String)> {
    let mut said = Vec::new();
    while !*stopped.borrow() {
        let text = format!("{who} {}", said.len());
        said.push((send(client, &text).await, text));
        acknowledged.fetch_add(1, Ordering::Relaxed);
        // sleeps because people pause
        tokio::time::sleep(PAUSE).await;
    }
    said
}

/// Hears everything up to a number; panics if it is cut off.
async fn hear(client: &mut Client, upto: u64) -> Vec<(u64, String)> {
    let mut heard = Vec::new();
    while heard.last().is_none_or(|(seq, _)| *seq < upto) {
        let message = client.next_of("message").await;
        heard.push((
            message["seq"].as_u64().unwrap(),
            message["text"].as_str().unwrap().to_owned(),
        ));
    }
    heard
}

/// Has two people talk over two nodes while something happens to the bus, and two more listen to all of it.
async fn survives(what: impl AsyncFnOnce(&Shared, &Talk, &Serving)) -> u64 {
    survives_on(&Shared::start().await, what).await
}

/// The same on a bus of any kind; how many messages the store had to tell of.
pub(crate) async fn survives_on(shared: &Shared, what: impl AsyncFnOnce(&Shared, &Talk, &Serving)) -> u64 {
    let (here, there) = (shared.node().await, shared.node().await);
    let mut listeners = [
        here.connect("luis", "/ws/chat/5/").await,
        there.connect("ana", "/ws/chat/5/").await,
    ];
    for listener in &mut listeners {
        listener.next_of("subscribed").await;
    }
    let talk = Talk::begin(&[(&here, "ana"), (&there, "luis")]).await;
    talk.goes_on(50).await;
    what(shared, &talk, &there).await;
    readiness(&here, "ready").await;
    readiness(&there, "ready").await;
    talk.goes_on(50).await;
    let said = talk.end().await;
    let last = said.last().unwrap().0;
    assert_eq!(last, said.len() as u64, "numbered without gaps");
    for listener in &mut listeners {
        assert!(
            hear(listener, last).await == said,
            "everything once and in one order"
        );
    }
    figure(&here, "charla_gaps_repaired_total").await + figure(&there, "charla_gaps_repaired_total").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_killed_and_comes_back() {
    let repaired = survives(async |shared, talk, node| {
        shared.bus.kill();
        readiness(node, "degraded: broker_unavailable").await;
        assert_eq!(figure(node, "charla_broker_up").await, 0);
        talk.goes_on(100).await;
        // Who comes now is let in, and hears.
        let mut late = node.connect("ana", "/ws/chat/5/").await;
        late.next_of("subscribed").await;
        late.next_of("message").await;
        tokio::task::block_in_place(|| shared.bus.run());
    })
    .await;
    assert!(repaired > 0, "the store carried what the bus did not");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_freezes_with_its_connections_open() {
    let repaired = survives(async |shared, talk, node| {
        shared.bus.signal(Signal::STOP);
        readiness(node, "degraded: broker_unavailable").await;
        talk.goes_on(100).await;
        shared.bus.signal(Signal::CONT);
    })
    .await;
    assert!(repaired > 0, "the store carried what the bus did not");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_cuts_connections_and_forgets_everything() {
    survives(async |shared, talk, _| {
        for _ in 0..5 {
            shared.bus.command(&["FLUSHALL"]);
            talk.goes_on(20).await;
            shared.bus.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
            talk.goes_on(20).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_starts_without_its_bus() {
    let shared = Shared::start().await;
    shared.bus.kill();
    let node = Serving::start_with(|settings| {
        settings.store.url = Some(shared.url.clone());
        settings.broker.url = Some(shared.bus.url());
    })
    .await;
    readiness(&node, "degraded").await;
    let mut ana = node.connect("ana", "/ws/chat/5/").await;
    ana.say(&json!({"type": "send", "chat": "5", "id": Uuid::now_v7(), "text": "hola"}))
        .await;
    ana.next_of("ack").await;
    tokio::task::block_in_place(|| shared.bus.run());
    readiness(&node, "ready").await;
}
