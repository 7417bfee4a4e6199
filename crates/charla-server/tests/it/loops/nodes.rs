//! Three nodes on one PostgreSQL and one Redis, and a client that a balancer sends to each in turn.

use super::*;

struct Nodes {
    all: Vec<Serving>,
    bus: Bus,
    _cluster: Cluster,
}

impl Nodes {
    async fn start() -> Self {
        let (cluster, bus) = tokio::task::block_in_place(|| (Cluster::start(), Bus::start()));
        let url = cluster.url(&cluster.database().await);
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(Self::node(&url, &bus).await);
        }
        Self {
            all,
            bus,
            _cluster: cluster,
        }
    }

    async fn node(url: &StoreUrl, bus: &Bus) -> Serving {
        let adjust = |settings: &mut Settings| {
            settings.store.url = Some(url.clone());
            settings.broker.url = Some(bus.url());
        };
        let node = Serving::start_with(adjust).await;
        until("ready", || async {
            let reply = node.http("GET", "/readyz", &[], b"").await;
            String::from_utf8_lossy(&reply.body).starts_with("ready")
        })
        .await;
        node
    }

    async fn sum(&self, cause: &str) -> u64 {
        let mut sum = 0;
        for node in &self.all {
            sum += judged(node, cause).await;
        }
        sum
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_spread_over_three_nodes_is_one_loop() {
    let nodes = Nodes::start().await;
    let bad = expired(&nodes.all[0], "ana").await;
    // Seven each: no node alone would say a word.
    for attempt_nr in 0..21 {
        let (code, reason) = attempt(&nodes.all[attempt_nr % 3], &bad).await;
        assert_eq!(code, 4401, "{reason}");
    }
    for node in &nodes.all {
        until("every node sees the sum", || async {
            loops(node)
                .await
                .first()
                .is_some_and(|seen| seen["wait_until"].is_string())
        })
        .await;
    }
    let mut held = 0;
    for attempt_nr in 0..279 {
        let (code, reason) = attempt(&nodes.all[attempt_nr % 3], &bad).await;
        held += usize::from(code == 4413);
        assert!(code == 4413 || code == 4401, "{reason}");
    }
    // One a wait is judged, by each node at most: 5 s, 10 s, 20 s ... on a slow machine.
    let sum = nodes.sum("token_expired").await;
    assert_eq!(sum, 300 - held as u64);
    assert!((21..=33).contains(&sum), "{sum} of 300 were judged");
    println!("{sum} of 300 attempts over three nodes were judged");
    for node in &nodes.all {
        enters(node, PATH, &node.token("ana").await).await;
        let seen = loops(node).await;
        assert_eq!(seen[0]["cause"], "token_expired");
        assert!(seen[0]["count"].as_u64().unwrap() > 21, "{seen:?}");
    }
    // Without the bus each counts alone.
    tokio::task::block_in_place(|| nodes.bus.kill());
    let another = expired(&nodes.all[0], "luis").await;
    for node in &nodes.all {
        for _ in 0..20 {
            assert_eq!(attempt(node, &another).await.0, 4401);
        }
        assert_eq!(attempt(node, &another).await.0, 4413);
    }
}
