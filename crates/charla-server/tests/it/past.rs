//! The messages of before come over: from a Django's table in each kind of database, into both stores, as clients read them.

use charla_core::RoomKey;
use charla_server::application::Application;
use charla_server::past::{self, Import, Progress, Stop};
use charla_server::settings::LimitSettings;
use charla_server::store::{Page, Store};
use charla_wire::{TenantId, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::application::Site;
use crate::cluster::Cluster;
use crate::python;
use crate::serving::{Serving, room, tenant_id};

const QUERY: &str = "SELECT m.id, m.chat_id AS chat, m.author_id AS author, u.username AS author_name, m.text, m.data, m.sent_at
    FROM chat_message m JOIN auth_user u ON u.id = m.author_id ORDER BY m.sent_at, m.id";
/// The table's rows.
const ROWS: u64 = 1200;

/// Has Django make the table where it can, and makes it as Django does where it cannot.
async fn fill(site: &Site) -> Vec<Value> {
    match site {
        Site::Sqlite(folder) => django(&["sqlite", folder.path().join("db.sqlite3").to_str().unwrap()]),
        Site::Postgres(cluster, database) => {
            django(&["postgres", cluster.folder().to_str().unwrap(), database])
        }
        Site::Mariadb(_) => {
            let other = Site::sqlite().await;
            let rows = Box::pin(fill(&other)).await;
            site.run(
                "CREATE TABLE chat_message (id bigint AUTO_INCREMENT PRIMARY KEY, chat_id bigint NOT NULL,
                 author_id bigint, text longtext NOT NULL, data longtext CHECK (json_valid(data)),
                 sent_at datetime(6) NOT NULL) CHARACTER SET utf8mb4",
            )
            .await;
            let values: Vec<String> = rows.iter().map(values).collect();
            site.run(&format!("INSERT INTO chat_message VALUES {}", values.join(", ")))
                .await;
            rows
        }
    }
}

fn values(row: &Value) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let data = &row["data"];
    let data = if data.is_null() {
        "NULL".to_owned()
    } else {
        quoted(&data.to_string())
    };
    let (text, sent_at) = (row["text"].as_str().unwrap(), row["sent_at"].as_str().unwrap());
    let sent_at = sent_at.replace('T', " ").replace("+00:00", "");
    format!(
        "({}, {}, {}, {}, {data}, '{sent_at}')",
        row["id"],
        row["chat_id"],
        row["author_id"],
        quoted(text)
    )
}

fn django(arguments: &[&str]) -> Vec<Value> {
    python::run("past/table.py", arguments)
}

async fn import(application: &Application, store: &dyn Store, tenant: &TenantId, write: bool) -> Progress {
    let query = past::parse(QUERY, application.kind()).unwrap();
    let import = Import {
        application,
        store: Some(store),
        query: &query,
        limits: &LimitSettings::default(),
        now: charla_server::clock::system()(),
        write,
    };
    import.tenant(tenant, |_| {}).await.unwrap()
}

/// Begins, and is cut off once something is stored.
async fn cut_off(application: &Application, store: &dyn Store) {
    let query = past::parse(QUERY, application.kind()).unwrap();
    let import = Import {
        application,
        store: Some(store),
        query: &query,
        limits: &LimitSettings::default(),
        now: charla_server::clock::system()(),
        write: true,
    };
    let begun = Notify::new();
    let tenant = tenant_id("demo");
    tokio::select! {
        biased;
        () = begun.notified() => {}
        ended = import.tenant(&tenant, |_| begun.notify_one()) => panic!("{ended:?}"),
    }
}

fn counts(progress: &Progress) -> [u64; 5] {
    [
        progress.rows,
        progress.new,
        progress.known,
        progress.chats,
        progress.new_chats,
    ]
}

async fn all(store: &dyn Store, room: &RoomKey) -> Vec<charla_core::Stored> {
    store.messages(room, Page::After(0), 2000).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_of_before_comes_over_from_every_database_into_both_stores() {
    let cluster = tokio::task::block_in_place(Cluster::start);
    for site in Site::every().await {
        let rows = fill(&site).await;
        let application = site.application(|_| {});
        for in_postgres in [false, true] {
            let url = cluster.url(&cluster.database().await);
            let serving = Serving::start_with(|settings| {
                settings.store.url = in_postgres.then_some(url);
            })
            .await;
            comes_over(&site, &rows, &application, &serving).await;
        }
        site.run("DELETE FROM chat_message WHERE text = 'later'").await;
    }
}

async fn comes_over(site: &Site, rows: &[Value], application: &Application, serving: &Serving) {
    let store = &*serving.node().store;
    let (demo, five, six) = (tenant_id("demo"), room("demo", "5"), room("demo", "6"));
    let kind = application.kind();
    // Chat 5 is there, chat 6 is not.
    let dry = import(application, store, &demo, false).await;
    assert_eq!(counts(&dry), [ROWS, ROWS, 0, 2, 1], "{kind:?}");
    assert!(all(store, &five).await.is_empty() && store.chat(&six).await.unwrap().is_none());
    cut_off(application, store).await;
    let rest = import(application, store, &demo, true).await;
    assert_eq!((rest.rows, rest.new + rest.known), (ROWS, ROWS), "{kind:?}");
    assert!(rest.known >= 500 && rest.new > 0, "{kind:?}: {rest:?}");
    let again = import(application, store, &demo, true).await;
    assert_eq!(counts(&again), [ROWS, 0, ROWS, 2, 0], "{kind:?}");

    // Word for word, in order, without a gap.
    for (key, chat, author) in [(&five, 5, "ana"), (&six, 6, "luis")] {
        let stored = all(store, key).await;
        let expected: Vec<&Value> = rows.iter().filter(|row| row["chat_id"] == chat).collect();
        assert_eq!(stored.len(), expected.len());
        for (number, (stored, row)) in stored.iter().zip(expected).enumerate() {
            assert_eq!(stored.seq, number as u64 + 1);
            assert_eq!(*stored.draft.text, *row["text"].as_str().unwrap());
            assert_eq!(stored.draft.author.id.as_str(), row["author_id"].to_string());
            assert_eq!(&*stored.draft.author.name, author);
            let data = stored.draft.data.as_deref();
            assert_eq!(
                data.map_or(Value::Null, |data| serde_json::from_str(data).unwrap()),
                row["data"]
            );
            let said: jiff::Timestamp = row["sent_at"].as_str().unwrap().parse().unwrap();
            assert_eq!(stored.sent_at, Timestamp::from_millis(said.as_millisecond()));
        }
    }

    // As a client reads it, and speaks behind it.
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let subscribed = ana.next_of("subscribed").await;
    assert_eq!(subscribed["seq"], 600, "{subscribed}");
    let asked = json!({"type": "history", "ref": 1, "chat": "5", "before": 4, "limit": 10});
    let page = ana.ask(&asked, "history").await;
    assert_eq!(page["messages"][0]["text"], rows[0]["text"]);
    assert_eq!(page["messages"][0]["sent_at"], "2024-01-01T12:00:00.250Z");
    let said = json!({"type": "send", "chat": "5", "id": uuid::Uuid::now_v7(), "text": "now"});
    assert_eq!(ana.ask(&said, "ack").await["seq"], 601);

    // What the application stored meanwhile has a place in the chat where nobody spoke here, and none in the other.
    site.run(
        "INSERT INTO chat_message (id, chat_id, author_id, text, sent_at)
         VALUES (5001, 5, 42, 'later', '2024-06-01 08:00:00'), (5002, 6, 43, 'later', '2024-06-01 08:00:00'),
                (5003, 5, 42, 'later', '2024-06-02 08:00:00')",
    )
    .await;
    let late = import(application, store, &demo, true).await;
    assert_eq!((late.new, late.known, late.left_out), (1, ROWS, 2), "{kind:?}");
    assert_eq!(late.stopped_chats, 1);
    let stopped = &late.stopped[0];
    assert_eq!(stopped.chat, "5");
    assert!(matches!(stopped.why, Stop::Newer { .. }), "{:?}", stopped.why);
    assert_eq!(all(store, &five).await.len(), 601);
    assert_eq!(&*all(store, &six).await.last().unwrap().draft.text, "later");
    site.run("DELETE FROM chat_message WHERE text = 'later'").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_tenant_gets_the_rows_of_its_own_schema() {
    let site = Site::tenants().await;
    for schema in ["north", "south"] {
        site.run(&format!(
            "CREATE TABLE {schema}.chat_message (id bigint PRIMARY KEY, chat_id bigint, author_id integer, text text,
                 data jsonb, sent_at timestamptz);
             INSERT INTO {schema}.chat_message VALUES (1, 5, 42, 'of {schema}', NULL, '2024-01-01 08:00:00Z')"
        ))
        .await;
    }
    let serving = Serving::start().await;
    let store = &*serving.node().store;
    let application = site.application(|settings| settings.schema = Some("{tenant}".into()));
    assert!(application.has_schemas());
    for schema in ["north", "south"] {
        let tenant = tenant_id(schema);
        store.put_tenant(&tenant, schema).await.unwrap();
        let progress = import(&application, store, &tenant, true).await;
        assert_eq!(counts(&progress), [1, 1, 0, 1, 1]);
        let stored = all(store, &room(schema, "5")).await;
        assert_eq!(stored.len(), 1);
        assert_eq!(*stored[0].draft.text, format!("of {schema}"));
    }
    let query = past::parse(QUERY, application.kind()).unwrap();
    let import = Import {
        application: &application,
        store: Some(store),
        query: &query,
        limits: &LimitSettings::default(),
        now: charla_server::clock::system()(),
        write: true,
    };
    assert!(import.tenant(&tenant_id("west"), |_| {}).await.is_err());
}
