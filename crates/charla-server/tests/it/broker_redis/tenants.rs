//! Two tenants with the same chats and the same people on the same nodes, one database and one Redis: not one frame
//! crosses, of any kind.

use std::time::Duration;

use charla_server::store::{Notification, UserChange};
use charla_wire::{Cause, Timestamp};
use serde_json::{Value, json};

use super::{Shared, listened_to, send};
use crate::serving::{Client, Serving, room, user_key};

/// The last message of each tenant, behind everything else.
const LAST: &str = "the end";
/// What each tenant's record must hold for its silence about the other to mean anything.
const KINDS: [&str; 8] = [
    "welcome",
    "subscribed",
    "presence",
    "typing",
    "message",
    "read",
    "inbox",
    "notification",
];

/// Names everything of a tenant so that its frames tell whose they are.
async fn furnish(node: &Serving, tenant: &str) {
    let store = &node.node().store;
    let five = room(tenant, "5");
    store
        .put_chat(&five, Some(&format!("Five of {tenant}")))
        .await
        .unwrap();
    for user in ["ana", "luis"] {
        let key = user_key(tenant, user);
        let change = UserChange {
            name: Some(format!("{user} of {tenant}")),
            ..UserChange::default()
        };
        store.put_user(&key, change).await.unwrap();
        store.put_member(&five, &key.user).await.unwrap();
    }
}

/// What a tenant's people heard, and who they are.
struct Side {
    tenant: &'static str,
    ana: Client,
    luis: Client,
    listed: Client,
    record: Vec<Value>,
}

impl Side {
    async fn enter(nodes: [&Serving; 2], tenant: &'static str) -> Self {
        let [one, two] = nodes;
        let connect = async |node: &Serving, user: &str, path: &str| {
            let token = node.token_of(tenant, user, Duration::from_secs(3600)).await;
            let path = format!("{path}?token={token}");
            Client::open(node.address, &path, &["charla.v1"]).await
        };
        let mut listed = connect(two, "luis", "/ws/").await;
        let mut record = listed.up_to("welcome").await;
        let mut luis = connect(two, "luis", "/ws/chat/5/").await;
        record.extend(luis.up_to("subscribed").await);
        let mut ana = connect(one, "ana", "/ws/chat/5/").await;
        record.extend(ana.up_to("subscribed").await);
        Self {
            tenant,
            ana,
            luis,
            listed,
            record,
        }
    }

    async fn act(&mut self, node: &Serving) {
        let tenant = self.tenant;
        self.ana
            .say(&json!({"type": "typing", "chat": "5", "on": true}))
            .await;
        for turn in 0..5 {
            send(&mut self.ana, &format!("{turn} of {tenant}")).await;
        }
        self.luis
            .say(&json!({"type": "read", "chat": "5", "seq": 3}))
            .await;
        let note = Notification {
            id: 0,
            kind: "order".into(),
            text: format!("a note of {tenant}"),
            url: None,
            data: None,
            created_at: Timestamp::default(),
            read: false,
        };
        let luis = user_key(tenant, "luis");
        node.node().notify(&luis, note).await.unwrap().unwrap();
        self.record.extend(self.luis.up_to("notification").await);
        self.record.extend(self.ana.up_to("read").await);
    }

    /// Hears until what was said last, by the other way round.
    async fn conclude(&mut self) {
        send(&mut self.ana, &format!("{LAST} of {}", self.tenant)).await;
        loop {
            self.record.extend(self.luis.up_to("message").await);
            if said_last(self.record.last()) {
                break;
            }
        }
        while !self.record.iter().any(|frame| {
            frame["type"] == "inbox"
                && frame["preview"]
                    .as_str()
                    .is_some_and(|text| text.starts_with(LAST))
        }) {
            self.record.extend(self.listed.up_to("inbox").await);
        }
        self.record.extend(self.ana.heard().await);
    }

    fn kinds(&self) -> Vec<&str> {
        let heard = |kind: &&str| self.record.iter().any(|frame| frame["type"] == *kind);
        KINDS.into_iter().filter(heard).collect()
    }

    /// Frames that speak of a tenant.
    fn of(&self, tenant: &str) -> Vec<&Value> {
        let names = |frame: &&Value| frame.to_string().contains(tenant);
        self.record.iter().filter(names).collect()
    }
}

fn said_last(frame: Option<&Value>) -> bool {
    frame
        .and_then(|frame| frame["text"].as_str())
        .is_some_and(|text| text.starts_with(LAST))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_one_frame_crosses_between_tenants() {
    let shared = Shared::start().await;
    let [one, two] = shared.nodes(|_| {}).await;
    for tenant in ["demo", "acme"] {
        furnish(&one, tenant).await;
    }
    let mut demo = Side::enter([&one, &two], "demo").await;
    let mut acme = Side::enter([&one, &two], "acme").await;
    for tenant in ["demo", "acme"] {
        listened_to(&shared, &format!("charla:tenant:{tenant}"), 1).await;
    }
    demo.act(&one).await;
    acme.act(&one).await;
    // One after the other, so that what one said has arrived before the other's record ends.
    demo.conclude().await;
    acme.conclude().await;
    demo.conclude().await;
    for (side, other) in [(&demo, "acme"), (&acme, "demo")] {
        assert_eq!(
            side.kinds(),
            KINDS,
            "the record sees every kind of {}",
            side.tenant
        );
        let own = side.of(side.tenant).len();
        assert!(own > KINDS.len() + 5, "the names tell: {own}");
        assert_eq!(side.of(other), Vec::<&Value>::new(), "in {}", side.tenant);
        let messages = side.record.iter().filter(|frame| frame["type"] == "message");
        assert!(messages.clone().count() > 5);
        for frame in messages {
            assert!(frame.to_string().contains(side.tenant), "{frame}");
        }
    }
    // A good-bye to one tenant's luis is none to the other's.
    let luis = user_key("demo", "luis");
    one.node().disconnect(&luis, None, Cause::UserBlocked);
    for client in [&mut demo.luis, &mut demo.listed] {
        assert_eq!(client.end().await.0, 4403);
    }
    acme.conclude().await;
    assert_eq!(acme.of("demo"), Vec::<&Value>::new());
}
