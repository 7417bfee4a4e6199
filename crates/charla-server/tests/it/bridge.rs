//! Charla beside the real `channels_redis`: what is said through one is heard through the other, once and in order.

use charla_server::settings::{
    BridgeSettings, ChannelLayer, DialectPreset, EventKind, EventSettings, GroupName, GroupSettings,
    RedisUrl, Serializer, Settings,
};
use serde_json::{Value, json};

use crate::bus::Bus;
use crate::serving::{Client, Serving, until};

mod capacity;
mod channels;
mod kinds;
mod nodes;
mod outages;
mod tenants;
mod ways;

use channels::Channels;

const GROUP: &str = "demo.chat_5";

fn group(name: &str, tenant: Option<&str>, field: Option<&str>) -> GroupSettings {
    GroupSettings {
        name: GroupName::parse(name).unwrap(),
        tenant: tenant.map(crate::serving::tenant_id),
        tenant_field: field.map(str::to_owned),
    }
}

fn event(name: &str, kind: EventKind, fields: &[(&'static str, &str)]) -> EventSettings {
    let named = |(what, name): &(&'static str, &str)| (*what, (*name).to_owned());
    EventSettings {
        name: name.into(),
        kind,
        fields: fields.iter().map(named).collect(),
        kept: None,
    }
}

/// The bridge of an application with the groups and events of the guide, but for the tenant in the names.
fn bridge(buses: &[&Bus], layer: ChannelLayer) -> BridgeSettings {
    BridgeSettings {
        layer: Some(layer),
        hosts: buses
            .iter()
            .map(|bus| RedisUrl::parse(&address(bus)).unwrap())
            .collect(),
        groups: vec![
            group("{tenant}.chat_{chat}", None, None),
            group("notificaciones_{user}", Some("demo"), None),
        ],
        events: vec![
            event("chat_message", EventKind::Message, &[("tenant", "tenant")]),
            event("nueva_notificacion", EventKind::Notification, &[]),
            event("chat_closed", EventKind::ChatClosed, &[]),
            event("chat.escribiendo", EventKind::Event, &[]),
            event("mensaje_editado", EventKind::Edited, &[]),
        ],
        ..BridgeSettings::default()
    }
}

fn address(bus: &Bus) -> String {
    format!("redis://127.0.0.1:{}/0", bus.port)
}

fn adjust(settings: &mut Settings, bridge: BridgeSettings) {
    settings.plain.dialect = DialectPreset::ChannelsEs;
    settings.bridge = bridge;
    // Load tests send faster than people.
    settings.limits.sends_per_second = 100_000;
    settings.limits.send_burst = 100_000;
    settings.limits.outbox_bytes = 64 * 1024 * 1024;
}

/// A node with a bridge that leads somewhere.
async fn node(bridge: BridgeSettings) -> Serving {
    let node = Serving::start_with(|settings| adjust(settings, bridge)).await;
    figure_is(&node, "charla_bridge_up", 1).await;
    node
}

async fn figure(node: &Serving, name: &str) -> u64 {
    let reply = node.http("GET", "/metrics", &[], b"").await;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let line = text.lines().find(|line| line.split(' ').next() == Some(name));
    line.map_or(0, |line| line.split(' ').nth(1).unwrap().parse().unwrap())
}

async fn figure_is(node: &Serving, name: &str, value: u64) {
    until(name, || async { figure(node, name).await == value }).await;
}

async fn dropped(node: &Serving, reason: &str) -> u64 {
    figure(
        node,
        &format!("charla_bridge_dropped_total{{reason=\"{reason}\"}}"),
    )
    .await
}

/// Somebody of `demo` who hears the chat in `charla.v1`.
async fn listener(node: &Serving, user: &str) -> Client {
    let mut client = node.connect(user, "/ws/chat/5/").await;
    client.next_of("subscribed").await;
    client
}

/// Waits until somebody reads what is published: in that layer nothing is kept before.
fn is_read(bus: &Bus, layer: ChannelLayer) -> bool {
    layer == ChannelLayer::Core || bus.command(&["PUBSUB", "NUMPAT"]) != "0"
}

fn said(author: &str, text: &str) -> Value {
    json!({"type": "chat_message", "autor": author, "texto": text, "oportunidad_id": 7, "tenant": "demo"})
}

fn frame(author: &str, text: &str) -> Value {
    let mut frame = said(author, text);
    frame.as_object_mut().unwrap().remove("type");
    frame
}

async fn both_ways(layer: ChannelLayer, serializer: Serializer, keys: &[&str]) {
    let bus = tokio::task::block_in_place(Bus::start);
    let (folder, mut settings) = (tempfile::tempdir().unwrap(), bridge(&[&bus], layer));
    settings.serializer = serializer;
    if !keys.is_empty() {
        let path = folder.path().join("keys");
        std::fs::write(&path, keys.join("\n")).unwrap();
        settings.keys_file = Some(path);
    }
    let node = node(settings).await;
    let (word, format) = (
        if layer == ChannelLayer::Core {
            "core"
        } else {
            "pubsub"
        },
        if serializer == Serializer::Json {
            "json"
        } else {
            "msgpack"
        },
    );
    // The application's first key is our second: any decrypts.
    let theirs: Vec<&&str> = keys.iter().rev().collect();
    let mut channels = Channels::start(&json!({
        "layer": word, "hosts": [address(&bus)], "serializer_format": format, "symmetric_encryption_keys": theirs,
    }));
    let consumer = channels.consumer(GROUP);
    let mut luis = listener(&node, "luis").await;
    let mut ana = node.connect_plain("ana", "/ws/chat/5/").await;
    until("a reader", || async { is_read(&bus, layer) }).await;

    // The plain dialect has no word for having entered: hearing oneself is one.
    ana.say(&json!({"texto": "¿sí?", "oportunidad_id": 7})).await;
    assert_eq!(ana.next().await, frame("Ana", "¿sí?"));
    assert_eq!(luis.next_of("message").await["seq"], 1);
    let mut heard = channels.receive_many(&consumer, 1);
    channels.send(GROUP, &said("Pedro", "¡hola!"));
    assert_eq!(ana.next().await, frame("Pedro", "¡hola!"));
    let told = luis.next_of("message").await;
    assert_eq!(
        (&told["seq"], &told["author"]),
        (&json!(2), &json!({"id": "~Pedro", "name": "Pedro"}))
    );
    assert_eq!(told["data"], json!({"oportunidad_id": 7}));
    heard.extend(channels.receive_many(&consumer, 1));
    // Twice the same words are two messages; and nothing of ours has come back before them.
    channels.send(GROUP, &said("Pedro", "ok"));
    channels.send(GROUP, &said("Pedro", "ok"));
    for seq in [3, 4] {
        assert_eq!(ana.next().await, frame("Pedro", "ok"));
        assert_eq!(luis.next_of("message").await["seq"], seq);
    }
    heard.extend(channels.receive_many(&consumer, 2));
    let expected = [
        ("Ana", "¿sí?"),
        ("Pedro", "¡hola!"),
        ("Pedro", "ok"),
        ("Pedro", "ok"),
    ];
    assert_eq!(heard, expected.map(|(author, text)| said(author, text)));
    assert_eq!(figure(&node, "charla_bridge_received_total").await, 3);
    assert_eq!(figure(&node, "charla_bridge_lost_total").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_msgpack() {
    both_ways(ChannelLayer::Core, Serializer::Msgpack, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_msgpack_encrypted() {
    both_ways(ChannelLayer::Core, Serializer::Msgpack, &["clave", "otra"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_json() {
    both_ways(ChannelLayer::Core, Serializer::Json, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_json_encrypted() {
    both_ways(ChannelLayer::Core, Serializer::Json, &["clave"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pubsub_msgpack() {
    both_ways(ChannelLayer::PubSub, Serializer::Msgpack, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pubsub_msgpack_encrypted() {
    both_ways(ChannelLayer::PubSub, Serializer::Msgpack, &["clave", "otra"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pubsub_json() {
    both_ways(ChannelLayer::PubSub, Serializer::Json, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pubsub_json_encrypted() {
    both_ways(ChannelLayer::PubSub, Serializer::Json, &["clave"]).await;
}
