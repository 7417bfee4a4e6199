//! NATS: one server, several, with TLS, with accounts.

use charla_server::broker::Broker as _;
use charla_server::settings::{BrokerSettings, BrokerUrl};
use tempfile::TempDir;

use super::tls::Authority;
use super::{Ear, Health, Stage, is_heard_again, is_refused, keeps_the_contract, said, topic};
use crate::bus::{Program, free_port};

pub(super) fn server(folder: &TempDir, text: &str) -> Program {
    let port = free_port();
    let file = folder.path().join(format!("{port}.conf"));
    std::fs::write(&file, format!("listen: \"127.0.0.1:{port}\"\n{text}\n")).unwrap();
    let options = format!("--config {}", file.display());
    tokio::task::block_in_place(|| Program::start("nats-server", port, &options))
}

fn url(who: &str, programs: &[&Program]) -> BrokerUrl {
    let places: Vec<String> = programs
        .iter()
        .map(|program| format!("127.0.0.1:{}", program.port))
        .collect();
    BrokerUrl::parse(&format!("nats://{who}{}", places.join(","))).unwrap()
}

pub(super) fn stage(folder: TempDir, who: &str, program: Program) -> Stage {
    Stage {
        url: url(who, &[&program]),
        programs: vec![program],
        settings: BrokerSettings::default(),
        _folder: folder,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let program = server(&folder, "");
    let stage = stage(folder, "", program);
    keeps_the_contract(&stage).await;
    // More than a server takes by default, and less than other buses do.
    let (here, mut there) = (Ear::open(&stage), Ear::open(&stage));
    here.is(Health::Alive).await;
    there.is(Health::Alive).await;
    there.follow(&topic("5")).await;
    here.broker.publish(said("5", &"x".repeat(2 * 1024 * 1024)));
    assert_eq!(there.word().await, "look: :room:demo:5");
    is_heard_again(&here, &mut there, "5").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_of_nats_needs_one_subject() {
    let folder = tempfile::tempdir().unwrap();
    let rights = r#"authorization { users: [
        { user: charla, password: "s3cret", permissions: { publish: "charla.>", subscribe: "charla.>" } }
        { user: mute, password: "s3cret", permissions: { publish: "other.>", subscribe: "charla.>" } }
        { user: deaf, password: "s3cret", permissions: { publish: "charla.>", subscribe: "charla.canary.>" } }
    ] }"#;
    let program = server(&folder, rights);
    let stage = stage(folder, "charla:s3cret@", program);
    keeps_the_contract(&stage).await;
    let program = stage.programs.first().unwrap();
    for (who, why) in [
        ("charla:wrong@", "auth"),
        ("", "auth"),
        ("mute:s3cret@", "permission"),
        ("deaf:s3cret@", "permission"),
    ] {
        is_refused(&url(who, &[program]), &stage.settings, why).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_stands_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let program = server(&folder, "authorization { token: \"t0ken\" }");
    let file = folder.path().join("token");
    std::fs::write(&file, "t0ken\n").unwrap();
    let settings = BrokerSettings {
        password_file: Some(file),
        ..BrokerSettings::default()
    };
    let ear = Ear::open_at(&url("", &[&program]), &settings);
    ear.is(Health::Alive).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_over_tls_carries_too() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let (certificate, key) = authority.signed("server", "localhost", |_| {});
    let program = server(
        &folder,
        &format!(
            "tls {{ cert_file: \"{}\", key_file: \"{}\" }}",
            certificate.display(),
            key.display()
        ),
    );
    let settings = BrokerSettings {
        ca_file: Some(authority.file()),
        ..BrokerSettings::default()
    };
    // Also where only the server asks for it.
    for scheme in ["tls", "nats"] {
        let url = BrokerUrl::parse(&format!("{scheme}://localhost:{}", program.port)).unwrap();
        let (here, mut there) = (Ear::open_at(&url, &settings), Ear::open_at(&url, &settings));
        there.follow(&topic("5")).await;
        is_heard_again(&here, &mut there, "5").await;
        is_refused(&url, &BrokerSettings::default(), "tls").await;
    }
}

/// Two servers that know each other, and one of them is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_server_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (free_port(), free_port());
    let cluster = |own: u16, other: u16| {
        format!("cluster {{ name: c, listen: \"127.0.0.1:{own}\", routes: [\"nats://127.0.0.1:{other}\"] }}")
    };
    let (first, second) = (server(&folder, &cluster(a, b)), server(&folder, &cluster(b, a)));
    let settings = BrokerSettings::default();
    let here = Ear::open_at(&url("", &[&first, &second]), &settings);
    let mut there = Ear::open_at(&url("", &[&second, &first]), &settings);
    there.follow(&topic("5")).await;
    here.is(Health::Alive).await;
    there.is(Health::Alive).await;
    first.kill();
    here.is(Health::Away).await;
    is_heard_again(&here, &mut there, "5").await;
}
