//! What a second and a third node cost and bring: deliveries a second and CPU a delivery of a chat whose members sit on one node,
//! on two, on three, and on one of three.
//!
//! Everything runs on one machine, clients too: what a second says here is that machine's; what CPU a delivery takes says more.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use charla_client::{Charla, Event, Place, Proxies};
use charla_ground::process::read;
use charla_ground::{Failure, Outcome};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::stack::Ground;
use crate::stack::node::Node;
use crate::world::{TENANTS, World, chat, rows, token};

/// Clients of one tenant, so that [`LISTENERS`] people are in the large chat.
const WORLD: World = World { clients: 274 };
/// People who listen, each with one connection.
const LISTENERS: usize = 240;
/// Of them so many speak, each again when it was acknowledged.
const SPEAKERS: usize = 24;
/// Messages of a round: no speaker says more at once than `limits.send_burst` allows.
const MESSAGES: usize = 600;
/// Rounds; their medians are told.
const ROUNDS: usize = 3;
/// How long a round may take.
const WITHIN: Duration = Duration::from_secs(120);
/// How often one tick of `/proc/PID/stat` comes on every Linux that this runs on (`USER_HZ`).
const TICKS_A_SECOND: f64 = 100.0;

/// Which nodes run, and which of them have the members.
const CASES: [(&str, usize, usize); 4] = [
    ("one node", 1, 1),
    ("two nodes, the members on both", 2, 2),
    ("three nodes, the members on all", 3, 3),
    ("three nodes, the members on one", 3, 1),
];

/// What came of a case: medians.
pub(crate) struct Row {
    what: &'static str,
    deliveries_a_second: f64,
    cpu_us: f64,
    bus_us: f64,
}

/// One round.
struct Round {
    seconds: f64,
    nodes: f64,
    bus: f64,
}

/// Measures every case, on nodes that are started one after the other.
pub(crate) fn measure(runtime: &Handle, folder: &Path, charla: &Path) -> Outcome<Vec<Row>> {
    let Ground {
        redis,
        postgres,
        common,
        ..
    } = Ground::lay(runtime, folder, charla)?;
    let mut nodes = Vec::new();
    let mut measured = Vec::new();
    for (what, running, with_members) in CASES {
        while nodes.len() < running {
            let index = nodes.len();
            let mut node = Node::new(&folder.join(format!("node{index}")), &common, index)?;
            node.run()?;
            if index == 0 {
                postgres.ask("charla", &rows(WORLD))?;
            }
            nodes.push(node);
        }
        let pids: Vec<u32> = nodes
            .iter_mut()
            .map(|node| Ok(node.process()?.pid()))
            .collect::<Outcome<_>>()?;
        let addresses: Vec<String> = nodes
            .iter()
            .take(with_members)
            .map(|node| format!("ws://{}/ws/", node.place))
            .collect();
        let crowd = runtime.block_on(Crowd::gather(&addresses))?;
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(crowd.round(runtime, &pids, redis.process()?.pid())?);
        }
        runtime.block_on(crowd.leave());
        measured.push(Row::of(what, &rounds));
    }
    Ok(measured)
}

/// The members of the large chat.
struct Crowd {
    clients: Vec<Charla>,
    heard: Arc<AtomicU64>,
}

impl Crowd {
    /// Spreads them over the addresses, and waits until all are in the chat.
    async fn gather(addresses: &[String]) -> Outcome<Self> {
        let heard = Arc::new(AtomicU64::new(0));
        let mut clients = Vec::new();
        for (nth, address) in addresses.iter().cycle().take(LISTENERS).enumerate() {
            let user = WORLD.person(nth);
            let built = Charla::builder(address)
                .token(move |_| {
                    let token = token(TENANTS[0], &user);
                    async move { Ok(token) }
                })
                .proxies(Proxies::none())
                .connect();
            let (client, mut events) = built.map_err(|error| Failure::Missed(error.to_string()))?;
            let large = chat(0).ok_or_else(|| Failure::Missed("no name for a chat".to_owned()))?;
            let entered = client.subscribe(&large, Place::default()).await;
            entered.map_err(|refusal| Failure::Missed(format!("a listener: {refusal}")))?;
            let count = Arc::clone(&heard);
            tokio::spawn(async move {
                while let Some(event) = events.recv().await {
                    if matches!(event, Event::Message(_)) {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
            clients.push(client);
        }
        Ok(Self { clients, heard })
    }

    /// Everybody who speaks says its share, and everybody hears all of it.
    fn round(&self, runtime: &Handle, nodes: &[u32], bus: u32) -> Outcome<Round> {
        let before = self.heard.load(Ordering::Relaxed);
        let due = before + (MESSAGES * LISTENERS) as u64;
        let (nodes_before, bus_before) = (cpu_of(nodes), cpu_of(&[bus]));
        let began = Instant::now();
        runtime.block_on(self.speak())?;
        while self.heard.load(Ordering::Relaxed) < due {
            if began.elapsed() > WITHIN {
                let heard = self.heard.load(Ordering::Relaxed) - before;
                return Err(Failure::Missed(format!("{heard} deliveries of {}", due - before)));
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(Round {
            seconds: began.elapsed().as_secs_f64(),
            nodes: cpu_of(nodes) - nodes_before,
            bus: cpu_of(&[bus]) - bus_before,
        })
    }

    async fn speak(&self) -> Outcome<()> {
        let mut speakers = JoinSet::new();
        for client in self.clients.iter().take(SPEAKERS) {
            let client = client.clone();
            speakers.spawn(async move {
                let large = chat(0)?;
                for _ in 0..MESSAGES / SPEAKERS {
                    client
                        .send(&large, "a message of some forty characters, as people write")
                        .await
                        .ok()?;
                }
                Some(())
            });
        }
        while let Some(said) = speakers.join_next().await {
            said.ok()
                .flatten()
                .ok_or_else(|| Failure::Missed("a speaker was refused".to_owned()))?;
        }
        Ok(())
    }

    async fn leave(self) {
        for client in self.clients {
            client.close().await;
        }
    }
}

impl Row {
    fn of(what: &'static str, rounds: &[Round]) -> Self {
        let deliveries = (MESSAGES * LISTENERS) as f64;
        let median = |of: fn(&Round) -> f64| {
            let mut values: Vec<f64> = rounds.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(0.0)
        };
        Self {
            what,
            deliveries_a_second: deliveries / median(|round| round.seconds),
            cpu_us: median(|round| round.nodes) * 1e6 / deliveries,
            bus_us: median(|round| round.bus) * 1e6 / MESSAGES as f64,
        }
    }

    /// As a line of a table.
    pub(crate) fn line(&self) -> String {
        format!(
            "| {} | {:.0} | {:.1} | {:.0} |",
            self.what, self.deliveries_a_second, self.cpu_us, self.bus_us
        )
    }
}

/// The page of these figures.
pub(crate) fn page(rows: &[Row], machine: &str, build: &str) -> String {
    let table: Vec<String> = rows.iter().map(Row::line).collect();
    format!(
        "# What a node more costs\n\n\
         `cargo xtask faults --scale --write`, {}, on {machine}; {build}. One chat of {LISTENERS} people, {SPEAKERS} of whom speak, each again \
         when it was acknowledged; {MESSAGES} messages a round, medians of {ROUNDS} rounds. Nodes, clients, PostgreSQL and Redis share the \
         machine: deliveries a second are what it can do with all of them, and do not grow with the nodes. The nodes' CPU is theirs \
         together, storing and publishing included.\n\n\
         | | deliveries a second | nodes' CPU a delivery, us | Redis' CPU a message, us |\n|---|---|---|---|\n{}\n",
        jiff::Zoned::now().date(),
        table.join("\n")
    )
}

/// User and system seconds of some processes until now: fields 14 and 15 of `/proc/PID/stat`, after the name in parentheses.
fn cpu_of(pids: &[u32]) -> f64 {
    let of = |pid: &u32| {
        let stat = read(Path::new(&format!("/proc/{pid}/stat")));
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest).to_owned();
        let fields = after_name.split_whitespace().skip(11).take(2);
        fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS_A_SECOND
    };
    pids.iter().map(of).sum()
}
