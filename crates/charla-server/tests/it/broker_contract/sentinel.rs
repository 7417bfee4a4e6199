//! Redis behind three sentinels: the master is killed, moved, and taken away while it still answers.

use charla_server::settings::{BrokerSettings, BrokerUrl};
use tempfile::TempDir;

use super::tls::Authority;
use super::{Ear, Health, Stage, is_heard_again, is_refused, keeps_the_contract, topic, until};
use crate::bus::{Program, free_port};

/// What the sentinels call the master.
const MASTER: &str = "main";

/// Servers, the first of them the master, and sentinels who watch them.
pub(super) struct Watched {
    pub(super) servers: Vec<Program>,
    sentinels: Vec<Program>,
    // Where they are asked, and by which scheme.
    asked_at: Vec<u16>,
    scheme: &'static str,
    folder: TempDir,
}

impl Watched {
    pub(super) fn start(replicas: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut servers: Vec<Program> = Vec::new();
        for _ in 0..=replicas {
            let follows = servers.first().map_or_else(String::new, |master: &Program| {
                format!("--replicaof 127.0.0.1 {}", master.port)
            });
            servers.push(server(&folder, &follows));
        }
        let master = servers.first().unwrap();
        let sentinels: Vec<Program> = (0..3).map(|_| sentinel(&folder, master.port)).collect();
        Self {
            servers,
            asked_at: sentinels.iter().map(|sentinel| sentinel.port).collect(),
            scheme: "redis+sentinel",
            sentinels,
            folder,
        }
    }

    /// A master and a replica who speak TLS with each other, their sentinels and nodes.
    fn start_over_tls(authority: &Authority) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secured = |more: &str| {
            let port = free_port();
            let options = authority.options("--", port).join(" ");
            let options = format!("{options} --tls-replication yes {more}");
            (server(&folder, &options), port)
        };
        let (master, at) = secured("");
        let (replica, _) = secured(&format!("--replicaof 127.0.0.1 {at}"));
        let asked_at: Vec<u16> = (0..3).map(|_| free_port()).collect();
        let watching = |port: &u16| {
            let options = authority.options("", *port).join("\n");
            sentinel_with(&folder, at, 2, &format!("{options}\ntls-replication yes"))
        };
        Self {
            servers: vec![master, replica],
            sentinels: asked_at.iter().map(watching).collect(),
            asked_at,
            scheme: "rediss+sentinel",
            folder,
        }
    }

    pub(super) fn url(&self) -> BrokerUrl {
        let place = |port: &u16| format!("127.0.0.1:{port}");
        let places: Vec<String> = self.asked_at.iter().map(place).collect();
        BrokerUrl::parse(&format!("{}://{}/{MASTER}", self.scheme, places.join(","))).unwrap()
    }

    /// Waits until the sentinels know each other and the replicas.
    pub(super) async fn meets(&self) {
        let replicas = self.servers.len() - 1;
        until("the sentinels know each other", || async {
            self.sentinels.iter().all(|sentinel| {
                let known = sentinel.command(&["SENTINEL", "MASTER", MASTER]);
                let field = |name: &str| {
                    known
                        .lines()
                        .skip_while(|line| *line != name)
                        .nth(1)
                        .map(str::to_owned)
                };
                field("num-other-sentinels").as_deref() == Some("2")
                    && field("num-slaves") == Some(replicas.to_string())
            })
        })
        .await;
        for server in self.servers.iter().skip(1) {
            until("the replica has caught up", || async {
                server
                    .command(&["INFO", "replication"])
                    .contains("master_link_status:up")
            })
            .await;
        }
    }

    /// Two nodes on it.
    async fn nodes(&self) -> (Ear, Ear) {
        self.nodes_with(&BrokerSettings::default()).await
    }

    async fn nodes_with(&self, settings: &BrokerSettings) -> (Ear, Ear) {
        self.meets().await;
        let (here, there) = (
            Ear::open_at(&self.url(), settings),
            Ear::open_at(&self.url(), settings),
        );
        here.is(Health::Alive).await;
        there.is(Health::Alive).await;
        there.follow(&topic("5")).await;
        (here, there)
    }

    /// A server that has nothing to do with the others.
    pub(super) fn another(&self) -> Program {
        server(&self.folder, "")
    }

    /// Has the sentinels name another master. Nothing happens to the old one.
    pub(super) fn points_to(&self, other: &Program) {
        for sentinel in &self.sentinels {
            sentinel.command(&["SENTINEL", "REMOVE", MASTER]);
            let port = other.port.to_string();
            sentinel.command(&["SENTINEL", "MONITOR", MASTER, "127.0.0.1", &port, "2"]);
        }
    }

    /// How many nodes hear chat 5 over a server.
    pub(super) fn listeners(program: &Program) -> usize {
        let answer = program.command(&["PUBSUB", "NUMSUB", "charla:room:demo:5"]);
        answer.lines().last().unwrap().parse().unwrap()
    }

    /// Whether nodes are on a server.
    fn listens(program: &Program) -> bool {
        program
            .command(&["PUBSUB", "CHANNELS", "charla:room:*"])
            .contains("charla:room:demo:5")
    }
}

fn server(folder: &TempDir, more: &str) -> Program {
    let port = free_port();
    let options = format!(
        "--port {port} --bind 127.0.0.1 --repl-diskless-sync-delay 0 --dir {} --dbfilename {port}.rdb {more}",
        folder.path().display()
    );
    Program::start("redis-server", port, &options)
}

fn sentinel(folder: &TempDir, master: u16) -> Program {
    sentinel_with(folder, master, 2, "")
}

fn sentinel_with(folder: &TempDir, master: u16, quorum: usize, more: &str) -> Program {
    let port = free_port();
    let file = folder.path().join(format!("sentinel-{port}.conf"));
    let text = format!(
        "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {MASTER} 127.0.0.1 {master} {quorum}\n\
         sentinel down-after-milliseconds {MASTER} 1000\nsentinel failover-timeout {MASTER} 3000\n{more}\n",
        folder.path().display()
    );
    std::fs::write(&file, text).unwrap();
    Program::start("redis-server", port, &format!("{} --sentinel", file.display()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_behind_sentinels_keeps_the_contract() {
    let watched = tokio::task::block_in_place(|| Watched::start(0));
    drop(watched.nodes().await);
    let url = watched.url();
    // Sentinels that see their only master leave and come back go on naming it.
    let stage = Stage {
        programs: watched.servers,
        url: url.clone(),
        settings: BrokerSettings::default(),
        _folder: watched.folder,
    };
    keeps_the_contract(&stage).await;
    let unknown = BrokerUrl::parse(&url.shown().replace(MASTER, "other")).unwrap();
    is_refused(&unknown, &stage.settings, "no_master").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_becomes_the_master() {
    let watched = tokio::task::block_in_place(|| Watched::start(1));
    let (here, mut there) = watched.nodes().await;
    let (master, replica) = (&watched.servers[0], &watched.servers[1]);
    assert!(Watched::listens(master));
    master.kill();
    here.is(Health::Away).await;
    is_heard_again(&here, &mut there, "5").await;
    assert!(Watched::listens(replica));
    // It comes back, is told that it is a replica now, and is needed again. By a death, not by `SENTINEL FAILOVER`: with both alive a
    // sentinel that is late to hear of the new master makes it a replica once more, and half a minute goes by without any.
    tokio::task::block_in_place(|| master.run());
    until("the old master follows the new one", || async {
        master
            .command(&["INFO", "replication"])
            .contains("master_link_status:up")
    })
    .await;
    replica.kill();
    here.is(Health::Away).await;
    is_heard_again(&here, &mut there, "5").await;
    assert!(Watched::listens(master));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_and_their_servers_speak_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let believing = BrokerSettings {
        ca_file: Some(authority.file()),
        ..BrokerSettings::default()
    };
    let watched = tokio::task::block_in_place(|| Watched::start_over_tls(&authority));
    let (here, mut there) = watched.nodes_with(&believing).await;
    let (master, replica) = (&watched.servers[0], &watched.servers[1]);
    assert!(Watched::listens(master));
    is_refused(&watched.url(), &BrokerSettings::default(), "no_master").await;
    master.kill();
    here.is(Health::Away).await;
    is_heard_again(&here, &mut there, "5").await;
    assert!(Watched::listens(replica));
}

/// Two nodes on two masters would each hear their own canaries, and not each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_still_answers_is_left() {
    let watched = tokio::task::block_in_place(|| Watched::start(0));
    let (here, mut there) = watched.nodes().await;
    let new = tokio::task::block_in_place(|| watched.another());
    let old = &watched.servers[0];
    watched.points_to(&new);
    until("the nodes have moved", || async {
        Watched::listens(&new) && !Watched::listens(old)
    })
    .await;
    is_heard_again(&here, &mut there, "5").await;
    assert!(here.failures("not_master") > 0 && there.failures("not_master") > 0);
    assert_eq!(old.command(&["PING"]), "PONG", "nothing happened to the old one");
}

/// One sentinel is behind the times, and another is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_starts_with_what_the_newest_sentinel_says() {
    let watched = tokio::task::block_in_place(|| Watched::start(1));
    let (here, there) = watched.nodes().await;
    drop((here, there));
    let [first, second, third] = watched.sentinels.as_slice() else {
        panic!("there are three");
    };
    // The first sleeps through a failover: what it says when it wakes up is what it knew before.
    let replica = &watched.servers[1];
    first.signal(rustix::process::Signal::STOP);
    until("a failover begins", || async {
        second.command(&["SENTINEL", "FAILOVER", MASTER]) == "OK"
    })
    .await;
    until("the failover is done", || async {
        third
            .command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER])
            .ends_with(&replica.port.to_string())
    })
    .await;
    // Asked while one of them does not answer at all.
    let ear = Ear::open_at(&watched.url(), &BrokerSettings::default());
    ear.is(Health::Alive).await;
    ear.follow(&topic("5")).await;
    assert!(Watched::listens(replica));
    first.signal(rustix::process::Signal::CONT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_have_a_password_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let (master, guarded) = tokio::task::block_in_place(|| {
        let master = server(&folder, "");
        let guarded = sentinel_with(&folder, master.port, 1, "requirepass s3cret");
        (master, guarded)
    });
    let url = format!("redis+sentinel://127.0.0.1:{}/{MASTER}", guarded.port);
    let url = BrokerUrl::parse(&url).unwrap();
    is_refused(&url, &BrokerSettings::default(), "no_master").await;
    let file = folder.path().join("password");
    std::fs::write(&file, "s3cret\n").unwrap();
    let settings = BrokerSettings {
        sentinel_password_file: Some(file),
        ..BrokerSettings::default()
    };
    let ear = Ear::open_at(&url, &settings);
    ear.is(Health::Alive).await;
    ear.follow(&topic("5")).await;
    assert!(Watched::listens(&master));
}
