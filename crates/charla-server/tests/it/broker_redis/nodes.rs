//! What the operator is told of the nodes: each by itself, and what carries happenings when the bus does not.

use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::Shared;
use crate::serving::{Serving, tenant_id, until};

/// What a node answers to somebody with a key: the operator's, or one of a tenant.
async fn nodes(node: &Serving, tenant: Option<&str>) -> (u16, Value) {
    let auth = &node.node().auth;
    let tenant = tenant.map(tenant_id);
    let (key, _) = auth.api_keys.create(tenant, "nodes", auth.now()).await.unwrap();
    let line = format!("Authorization: Bearer {}", key.expose_secret());
    let reply = node.http("GET", "/api/v1/nodes", &[&line], b"").await;
    (reply.status, serde_json::from_slice(&reply.body).unwrap())
}

async fn bus(node: &Serving) -> Value {
    nodes(node, None).await.1["bus"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_sees_the_nodes_and_what_carries() {
    let shared = Shared::start().await;
    let [here, there] = shared.nodes(|_| {}).await;
    let mut ana = there.connect("ana", "/ws/chat/5/").await;
    ana.next_of("subscribed").await;
    until("the other node says whom it has", || async {
        nodes(&here, None).await.1["nodes"][1]["connections"] == 1
    })
    .await;
    let (status, list) = nodes(&here, None).await;
    assert_eq!(status, 200);
    let [own, other] = list["nodes"].as_array().unwrap().as_slice() else {
        panic!("{list}");
    };
    assert_eq!((&own["this"], &other["this"]), (&true.into(), &false.into()));
    assert_eq!(own["connections"], 0);
    for (node, serving) in [(own, &here), (other, &there)] {
        let name = node["name"].as_str().unwrap();
        assert!(name.ends_with(&format!(":{}", serving.address.port())), "{name}");
        assert_eq!(node["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(
            (&node["store_up"], &node["leaving"]),
            (&true.into(), &false.into())
        );
    }
    assert!(
        own["heard_at"].is_null() && other["heard_at"].is_string(),
        "{list}"
    );
    let carried = |bus: &Value| (bus["alive"].clone(), bus["carried_by"].clone());
    let before = bus(&here).await;
    assert_eq!(before["kind"], "redis");
    assert_eq!(carried(&before), (true.into(), "bus".into()));

    shared.bus.kill();
    until("PostgreSQL carries", || async {
        carried(&bus(&here).await) == (false.into(), "postgresql".into())
    })
    .await;
    let (_, list) = nodes(&here, None).await;
    assert_eq!(list["nodes"].as_array().unwrap().len(), 2, "nobody is forgotten");
    assert!(list["bus"]["since"].as_str() > before["since"].as_str());
    tokio::task::block_in_place(|| shared.bus.run());
    until("the bus carries again", || async {
        carried(&bus(&here).await) == (true.into(), "bus".into())
    })
    .await;

    let (status, problem) = nodes(&here, Some("demo")).await;
    assert_eq!((status, &problem["cause"]), (403, &"forbidden".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_alone_says_so() {
    let alone = Serving::start().await;
    let (_, list) = nodes(&alone, None).await;
    assert_eq!(list["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&list["bus"]["kind"], &list["bus"]["since"]),
        (&"none".into(), &Value::Null)
    );
    assert!(list["nodes"][0]["name"].is_string());
}
