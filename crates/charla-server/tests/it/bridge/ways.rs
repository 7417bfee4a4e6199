//! The way to the Redis of Channels: encrypted, with a password, and as a user who may do what `docs/bridge.md` lists and no more.

use charla_server::settings::BrokerUrl;

use super::*;
use crate::broker_contract::tls::Authority;
use crate::broker_redis::readiness;

const PASSWORD: &str = "s3cret";

fn host(url: &str) -> RedisUrl {
    RedisUrl::parse(url).unwrap()
}

/// Once each way.
async fn is_heard_both_ways(node: &Serving, channels: &mut Channels, bus: &Bus, layer: ChannelLayer) {
    let consumer = channels.consumer(GROUP);
    let mut ana = node.connect_plain("ana", "/ws/chat/5/").await;
    until("a reader", || async { is_read(bus, layer) }).await;
    // The plain dialect has no word for having entered: hearing oneself is one, and then the group is joined, too.
    ana.say(&json!({"texto": "sí", "oportunidad_id": 7})).await;
    assert_eq!(ana.next().await, frame("Ana", "sí"));
    assert_eq!(channels.receive(&consumer), said("Ana", "sí"));
    channels.send(GROUP, &said("Pedro", "hola"));
    assert_eq!(ana.next().await, frame("Pedro", "hola"));
    assert_eq!(channels.receive(&consumer), said("Pedro", "hola"));
}

/// Both sides over TLS, to a Redis that asks for a password and for a client's certificate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_with_a_password_and_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, port) = (Authority::new(folder.path()), crate::bus::free_port());
    let options = authority.options("--", port).join(" ");
    let options: Vec<&str> = options.split(' ').collect();
    let strict = ["--tls-auth-clients", "yes", "--requirepass", PASSWORD];
    let bus = tokio::task::block_in_place(|| Bus::start_with(&[options.as_slice(), &strict].concat()));
    let password_file = folder.path().join("password");
    std::fs::write(&password_file, format!("{PASSWORD}\n")).unwrap();
    let (certificate, key) = authority.signed("client", "charla", |_| {});
    let mut settings = bridge(&[&bus], ChannelLayer::Core);
    settings.hosts = vec![host(&format!("rediss://127.0.0.1:{port}/2"))];
    settings.password_file = Some(password_file);
    settings.ca_file = Some(authority.file());

    let without = Serving::start_with(|own| adjust(own, settings.clone())).await;
    let failures = "charla_bridge_failures_total{cause=\"bridge_unavailable\"}";
    until("a refusal", || async { figure(&without, failures).await > 0 }).await;
    readiness(&without, "degraded: bridge_unavailable").await;

    settings.cert_file = Some(certificate.clone());
    settings.key_file = Some(key.clone());
    let node = node(settings).await;
    let address = format!(
        "rediss://:{PASSWORD}@127.0.0.1:{port}/2?ssl_ca_certs={}&ssl_certfile={}&ssl_keyfile={}",
        authority.file().display(),
        certificate.display(),
        key.display()
    );
    let mut channels = Channels::start(&json!({"layer": "core", "hosts": [address]}));
    is_heard_both_ways(&node, &mut channels, &bus, ChannelLayer::Core).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_told() {
    let bus = tokio::task::block_in_place(|| Bus::start_with(&["--requirepass", PASSWORD]));
    let mut settings = bridge(&[&bus], ChannelLayer::PubSub);
    settings.hosts = vec![host(&format!("redis://:wrong@127.0.0.1:{}/0", bus.port))];
    let node = Serving::start_with(|own| adjust(own, settings)).await;
    let failures = "charla_bridge_failures_total{cause=\"redis_auth\"}";
    until("a refusal", || async { figure(&node, failures).await > 0 }).await;
    readiness(&node, "degraded: bridge_unavailable").await;
}

/// What the page grants for a layer, word by word.
fn documented(layer: ChannelLayer) -> Vec<String> {
    let own = match layer {
        ChannelLayer::Core => "+zpopmin",
        ChannelLayer::PubSub => "+psubscribe",
    };
    let page = include_str!("../../../../../docs/bridge.md");
    let line = page
        .lines()
        .filter_map(|line| line.strip_prefix("ACL SETUSER charla "))
        .find(|line| line.split(' ').any(|word| word == own))
        .expect("the page has the line");
    line.replace(">...", ">s3cret")
        .split(' ')
        .map(str::to_owned)
        .collect()
}

fn grant(bus: &Bus, words: &[String]) {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let command = [&["ACL", "SETUSER", "charla", "reset"], words.as_slice()].concat();
    assert_eq!(bus.command(&command), "OK", "{words:?}");
    bus.command(&["ACL", "LOG", "RESET"]);
}

fn as_user(bus: &Bus, layer: ChannelLayer) -> BridgeSettings {
    let mut settings = bridge(&[bus], layer);
    let url = BrokerUrl::parse(&format!("redis://charla:{PASSWORD}@127.0.0.1:{}", bus.port)).unwrap();
    settings.hosts = vec![RedisUrl { url, database: 1 }];
    settings
}

/// The line is enough, from the start to the end of a node: Redis notes everything that it denies.
async fn is_enough(layer: ChannelLayer, word: &str) {
    let bus = tokio::task::block_in_place(Bus::start);
    grant(&bus, &documented(layer));
    let node = node(as_user(&bus, layer)).await;
    let address = format!("redis://127.0.0.1:{}/1", bus.port);
    let mut channels = Channels::start(&json!({"layer": word, "hosts": [address]}));
    is_heard_both_ways(&node, &mut channels, &bus, layer).await;
    readiness(&node, "ready").await;
    node.drain().await;
    assert_eq!(bus.command(&["ACL", "LOG"]), "", "denied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_user_has_all_rights_that_are_needed() {
    is_enough(ChannelLayer::Core, "core").await;
    is_enough(ChannelLayer::PubSub, "pubsub").await;
}

/// Each word that grants something, left out alone, is missed; and, but for the last thing a node does, told.
async fn is_no_more(layer: ChannelLayer, word: &str) {
    let bus = tokio::task::block_in_place(Bus::start);
    let all = documented(layer);
    let granting = |word: &&String| word.starts_with(['+', '~', '&']);
    let address = format!("redis://127.0.0.1:{}/1", bus.port);
    let mut channels = Channels::start(&json!({"layer": word, "hosts": [address]}));
    channels.consumer(GROUP);
    for left_out in all.iter().filter(granting) {
        let rest: Vec<String> = all.iter().filter(|word| *word != left_out).cloned().collect();
        grant(&bus, &rest);
        let node = Serving::start_with(|own| adjust(own, as_user(&bus, layer))).await;
        let mut ana = node.connect_plain("ana", "/ws/chat/5/").await;
        ana.say(&json!({"texto": "sí", "oportunidad_id": 7})).await;
        ana.next().await;
        channels.send(GROUP, &said("Pedro", "hola"));
        let is_denied = || async { !bus.command(&["ACL", "LOG"]).is_empty() };
        if left_out == "+del" {
            figure_is(&node, "charla_bridge_up", 1).await;
        } else {
            until(left_out, is_denied).await;
            readiness(&node, "degraded: bridge_unavailable").await;
        }
        node.drain().await;
        assert!(is_denied().await, "{left_out} is not needed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_user_has_no_more_rights_than_core_needs() {
    is_no_more(ChannelLayer::Core, "core").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_user_has_no_more_rights_than_pubsub_needs() {
    is_no_more(ChannelLayer::PubSub, "pubsub").await;
}
