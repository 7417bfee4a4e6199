//! One Redis: open to all, and with a user of few rights.

use charla_server::settings::{BrokerSettings, BrokerUrl};

use super::{Ear, Health, Stage, is_refused, keeps_the_contract, until};
use crate::bus::{Program, free_port};

fn plain() -> Stage {
    let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
    let options = format!("--port {port} --bind 127.0.0.1 --dir {}", folder.path().display());
    Stage {
        programs: vec![Program::start("redis-server", port, &options)],
        url: BrokerUrl::parse(&format!("redis://127.0.0.1:{port}")).unwrap(),
        settings: BrokerSettings::default(),
        _folder: folder,
    }
}

/// The user of `docs/nodes.md`, word for word: the line with this right.
pub(super) fn documented_user(right: &str) -> Vec<String> {
    let page = include_str!("../../../../../docs/nodes.md");
    let line = page
        .lines()
        .find(|line| line.starts_with("ACL SETUSER charla ") && line.split(' ').any(|word| word == right))
        .expect("the page has the line");
    let words = line.strip_prefix("ACL SETUSER ").unwrap();
    words
        .replace(">...", ">s3cret")
        .split(' ')
        .map(str::to_owned)
        .collect()
}

fn as_user(stage: &Stage, user: &str, password: &str) -> BrokerUrl {
    let port = stage.url.first().port;
    BrokerUrl::parse(&format!("redis://{user}:{password}@127.0.0.1:{port}")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_redis_keeps_the_contract() {
    let stage = tokio::task::block_in_place(plain);
    keeps_the_contract(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_user_has_all_rights_that_are_needed() {
    let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
    let rules = format!(
        "user default off\nuser {}\n",
        documented_user("+publish").join(" ")
    );
    let file = folder.path().join("users.acl");
    std::fs::write(&file, rules).unwrap();
    let options = format!(
        "--port {port} --bind 127.0.0.1 --dir {} --aclfile {}",
        folder.path().display(),
        file.display()
    );
    let programs = vec![tokio::task::block_in_place(|| {
        Program::start("redis-server", port, &options)
    })];
    let url = BrokerUrl::parse(&format!("redis://charla:s3cret@127.0.0.1:{port}")).unwrap();
    let stage = Stage {
        programs,
        url,
        settings: BrokerSettings::default(),
        _folder: folder,
    };
    keeps_the_contract(&stage).await;
    is_refused(&as_user(&stage, "charla", "wrong"), &stage.settings, "auth").await;
    let nobody = BrokerUrl::parse(&format!("redis://127.0.0.1:{port}")).unwrap();
    is_refused(&nobody, &stage.settings, "auth").await;
}

/// Each right taken away alone: never half a bus that looks whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_right_is_told() {
    let stage = tokio::task::block_in_place(plain);
    let redis = stage.programs.first().unwrap();
    for (user, less) in [
        ("mute", "-publish"),
        ("deaf", "-subscribe"),
        ("strange", "resetchannels &charla:canary:*"),
    ] {
        let mut words = documented_user("+publish");
        words[0] = user.to_owned();
        words.extend(less.split(' ').map(str::to_owned));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(
            redis.command(&[&["ACL", "SETUSER"], words.as_slice()].concat()),
            "OK"
        );
        is_refused(&as_user(&stage, user, "s3cret"), &stage.settings, "permission").await;
    }
    // A right that is taken away meanwhile.
    let mut words = documented_user("+publish");
    words[0] = "late".to_owned();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    redis.command(&[&["ACL", "SETUSER"], words.as_slice()].concat());
    let ear = Ear::open_at(&as_user(&stage, "late", "s3cret"), &stage.settings);
    ear.is(Health::Alive).await;
    redis.command(&["ACL", "SETUSER", "late", "-publish"]);
    ear.is(Health::Away).await;
    until("why", || async { ear.failures("permission") > 0 }).await;
    redis.command(&["ACL", "SETUSER", "late", "+publish"]);
    ear.is(Health::Alive).await;
}

/// Something else than Redis at the address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_told_apart() {
    let port = free_port();
    let options = format!("--addr 127.0.0.1 --port {port}");
    let _nats = tokio::task::block_in_place(|| Program::start("nats-server", port, &options));
    let url = BrokerUrl::parse(&format!("redis://127.0.0.1:{port}")).unwrap();
    is_refused(&url, &BrokerSettings::default(), "protocol").await;
    let nobody = BrokerUrl::parse(&format!("redis://127.0.0.1:{}", free_port())).unwrap();
    is_refused(&nobody, &BrokerSettings::default(), "unreachable").await;
}
