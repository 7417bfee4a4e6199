//! A Redis Cluster of three masters and their replicas: a master is lost, and slots move.

use charla_server::broker::Broker as _;
use charla_server::settings::{BrokerSettings, BrokerUrl};

use parking_lot::Mutex;

use super::redis::documented_user;
use super::tls::Authority;
use super::{Ear, Health, Stage, is_refused, keeps_the_contract, said, topic, until};
use crate::bus::{Program, free_port};

const SLOTS: usize = 16_384;

/// Servers of which the first three have the slots.
pub(super) fn cluster(servers: usize) -> Stage {
    cluster_with(servers, String::new)
}

/// The same, each server with more options.
fn cluster_with(servers: usize, more: impl Fn() -> String) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let programs: Vec<Program> = (0..servers)
        .map(|_| {
            let (port, bus) = (free_port(), free_port());
            let options = format!(
                "--port {port} --bind 127.0.0.1 --dir {} --dbfilename {port}.rdb --cluster-enabled yes \
                 --cluster-port {bus} --cluster-config-file {port}.conf --cluster-node-timeout 2000 \
                 --repl-diskless-sync-delay 0 --cluster-require-full-coverage no {}",
                folder.path().display(),
                more()
            );
            Program::start("redis-server", port, &options)
        })
        .collect();
    let first = programs.first().unwrap();
    for (at, program) in programs.iter().enumerate() {
        let bus = program.command(&["CONFIG", "GET", "cluster-port"]);
        let bus = bus.lines().last().unwrap().to_owned();
        program.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]);
        if at < 3 {
            let (from, to) = (at * SLOTS / 3, (at + 1) * SLOTS / 3 - 1);
            program.command(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]);
        }
        first.command(&["CLUSTER", "MEET", "127.0.0.1", &program.port.to_string(), &bus]);
    }
    let places: Vec<String> = programs
        .iter()
        .map(|program| format!("127.0.0.1:{}", program.port))
        .collect();
    Stage {
        url: BrokerUrl::parse(&format!("redis+cluster://{}", places.join(","))).unwrap(),
        programs,
        settings: BrokerSettings::default(),
        _folder: folder,
    }
}

/// Waits until every server knows every other and the slots are served.
pub(super) async fn meets(stage: &Stage) {
    until("the cluster meets", || async {
        stage.programs.iter().all(|program| {
            let info = program.command(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok")
                && info.contains("cluster_slots_assigned:16384")
                && info.contains(&format!("cluster_known_nodes:{}", stage.programs.len()))
        })
    })
    .await;
}

fn id(program: &Program) -> String {
    program.command(&["CLUSTER", "MYID"])
}

/// A chat in each third of the slots.
fn chats(stage: &Stage) -> Vec<String> {
    let first = stage.programs.first().unwrap();
    (0..3)
        .map(|third| {
            (0..)
                .map(|number| format!("chat{number}"))
                .find(|chat| slot(first, chat) * 3 / SLOTS == third)
                .unwrap()
        })
        .collect()
}

fn slot(program: &Program, chat: &str) -> usize {
    let name = format!("charla:room:demo:{chat}");
    program.command(&["CLUSTER", "KEYSLOT", &name]).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_keeps_the_contract() {
    let stage = tokio::task::block_in_place(|| cluster(3));
    meets(&stage).await;
    keeps_the_contract(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_shard_speaks_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let ports = Mutex::new(Vec::new());
    let secured = || {
        let port = free_port();
        ports.lock().push(port);
        let options = authority.options("--", port).join(" ");
        format!("{options} --tls-cluster yes --tls-replication yes")
    };
    let mut stage = tokio::task::block_in_place(|| cluster_with(3, secured));
    meets(&stage).await;
    // The first is enough: it says where the others are.
    let first = format!("rediss+cluster://127.0.0.1:{}", ports.lock()[0]);
    stage.url = BrokerUrl::parse(&first).unwrap();
    is_refused(&stage.url, &stage.settings, "tls").await;
    stage.settings.ca_file = Some(authority.file());
    let (here, mut there) = (Ear::open(&stage), Ear::open(&stage));
    here.is(Health::Alive).await;
    there.is(Health::Alive).await;
    for (chat, shard) in chats(&stage).iter().zip(&stage.programs) {
        there.follow(&topic(chat)).await;
        assert!(shard.command(&["PUBSUB", "SHARDCHANNELS"]).contains(chat));
        here.broker.publish(said(chat, chat));
        assert_eq!(there.word().await, *chat);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_shard_has_its_own_topics() {
    let stage = tokio::task::block_in_place(|| cluster(3));
    meets(&stage).await;
    let (here, mut there) = (Ear::open(&stage), Ear::open(&stage));
    here.is(Health::Alive).await;
    there.is(Health::Alive).await;
    for (chat, shard) in chats(&stage).iter().zip(&stage.programs) {
        there.follow(&topic(chat)).await;
        let name = format!("charla:room:demo:{chat}");
        assert_eq!(
            shard.command(&["PUBSUB", "SHARDCHANNELS", "charla:room:*"]),
            name,
            "on this shard, and nothing else"
        );
        here.broker.publish(said(chat, chat));
        assert_eq!(there.word().await, *chat);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_user_has_the_rights_for_a_cluster() {
    let mut stage = tokio::task::block_in_place(|| cluster(3));
    meets(&stage).await;
    let words = documented_user("+spublish");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for program in &stage.programs {
        assert_eq!(
            program.command(&[&["ACL", "SETUSER"], words.as_slice()].concat()),
            "OK"
        );
    }
    let place = stage.url.first();
    stage.url = BrokerUrl::parse(&format!("redis+cluster://charla:s3cret@{place}")).unwrap();
    let (here, mut there) = (Ear::open(&stage), Ear::open(&stage));
    here.is(Health::Alive).await;
    there.is(Health::Alive).await;
    for chat in &chats(&stage) {
        there.follow(&topic(chat)).await;
        here.broker.publish(said(chat, chat));
        assert_eq!(there.word().await, *chat);
        there.broker.leave(&topic(chat));
    }
    // A right that is missed on one shard only.
    stage.programs[2].command(&["ACL", "SETUSER", "charla", "-spublish"]);
    here.is(Health::Away).await;
    until("why", || async { here.failures("permission") > 0 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_move_and_their_topics_follow() {
    let stage = tokio::task::block_in_place(|| cluster(3));
    meets(&stage).await;
    let (here, mut there) = (Ear::open(&stage), Ear::open(&stage));
    let chats = chats(&stage);
    for chat in &chats {
        there.follow(&topic(chat)).await;
    }
    here.is(Health::Alive).await;
    there.is(Health::Alive).await;
    let (from, to) = (&stage.programs[0], &stage.programs[2]);
    let slot = slot(from, &chats[0]).to_string();
    to.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(from)]);
    from.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(to)]);
    for program in [to, from, &stage.programs[1]] {
        program.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &id(to)]);
    }
    let name = format!("charla:room:demo:{}", chats[0]);
    until("the topic is where the slot is", || async {
        to.command(&["PUBSUB", "SHARDCHANNELS", "charla:room:*"])
            .contains(&name)
    })
    .await;
    there.is(Health::Alive).await;
    // The node that speaks learns of it when it says something there, at the latest; what it says then is lost.
    let heard = Mutex::new(&mut there);
    until("words arrive", || async {
        here.broker.publish(said(&chats[0], "moved"));
        heard.lock().heard.try_recv().is_ok()
    })
    .await;
    here.is(Health::Alive).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_is_lost_and_its_replica_takes_over() {
    let stage = tokio::task::block_in_place(|| cluster(6));
    meets(&stage).await;
    for (at, replica) in stage.programs.iter().enumerate().skip(3) {
        let master = id(&stage.programs[at - 3]);
        until("the replica takes its place", || async {
            replica.command(&["CLUSTER", "REPLICATE", &master]) == "OK"
        })
        .await;
        until("the replica has caught up", || async {
            replica
                .command(&["INFO", "replication"])
                .contains("master_link_status:up")
        })
        .await;
    }
    let (here, mut there) = (Ear::open(&stage), Ear::open(&stage));
    let chats = chats(&stage);
    for chat in &chats {
        there.follow(&topic(chat)).await;
    }
    here.is(Health::Alive).await;
    there.is(Health::Alive).await;
    stage.programs[0].kill();
    here.is(Health::Away).await;
    there.is(Health::Away).await;
    // The other shards go on.
    here.broker.publish(said(&chats[1], "meanwhile"));
    assert_eq!(there.word().await, "meanwhile");
    here.is(Health::Alive).await;
    there.is(Health::Alive).await;
    for chat in &chats {
        here.broker.publish(said(chat, chat));
        assert_eq!(there.word().await, *chat);
    }
}
