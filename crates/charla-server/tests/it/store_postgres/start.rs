//! The first moment: migrations, and what keeps a store from starting.

use charla_server::settings::{StoreSettings, StoreUrl};
use charla_server::store::{self, Schema};
use futures_util::future::join_all;

use super::{bench, bench_with};
use crate::cluster::{Cluster, address_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_migrate_once() {
    let cluster = Cluster::start();
    let database = cluster.database().await;
    let settings = StoreSettings {
        url: Some(cluster.url(&database)),
        ..StoreSettings::default()
    };
    let empty = store::schema(&settings).await.unwrap();
    assert_eq!((empty.found, empty.newest), (0, 5));
    let url = cluster.url(&database);
    for opened in join_all((0..6).map(|_| bench(&url))).await {
        opened.unwrap().store.ready().await.unwrap();
    }
    let applied = cluster
        .client(&database)
        .await
        .query("SELECT version FROM charla_schema", &[])
        .await
        .unwrap();
    assert_eq!(applied.len(), 5);
    let full = Schema { found: 5, newest: 5 };
    assert_eq!(store::schema(&settings).await.unwrap(), full);
    assert_eq!(
        store::migrate(&settings).await.unwrap(),
        full,
        "there is nothing left to do"
    );
}

async fn refusal(url: &str, settings: &StoreSettings) -> String {
    let url = StoreUrl::parse(url).unwrap();
    match bench_with(&url, settings).await {
        Ok(_) => panic!("it opened"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let cluster = Cluster::start();
    let database = cluster.database().await;
    bench(&cluster.url(&database)).await.unwrap();
    let past = cluster.client(&database).await;
    past.batch_execute("INSERT INTO charla_schema (version) VALUES (99)")
        .await
        .unwrap();
    let refused = refusal(&cluster.address(&database), &StoreSettings::default()).await;
    assert!(refused.contains("newer charla (schema 99"), "{refused}");
}

#[tokio::test]
async fn a_server_that_cannot_be_used_is_told_with_what_to_do() {
    let cluster = Cluster::start_locked("s3cret");
    let folder = cluster.folder().to_owned();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret\n").unwrap();
    let plain = StoreSettings::default();
    let right = StoreSettings {
        password_file: Some(file.path().to_owned()),
        ..StoreSettings::default()
    };
    let here = address_in(&folder, "postgres");
    let cases = [
        (here.clone(), &plain, "give the password in `store.password_file`"),
        (
            format!("{here}&password=wr0ng"),
            &plain,
            "check the password of charla",
        ),
        (address_in(&folder, "nowhere"), &right, "createdb --owner=charla"),
        (
            format!("{here}&sslmode=require"),
            &right,
            "`store.tls` to \"off\"",
        ),
        (address_in(file.path(), "postgres"), &right, "`pg_isready` tells"),
    ];
    for (address, settings, wanted) in cases {
        let told = refusal(&address, settings).await;
        assert!(told.contains(wanted), "{told}");
        assert!(!told.contains("s3cret") && !told.contains("wr0ng"), "{told}");
    }
    let missing = StoreSettings {
        password_file: Some(folder.join("none")),
        ..StoreSettings::default()
    };
    let told = refusal(&here, &missing).await;
    assert!(told.contains("store.password_file"), "{told}");
    let url = StoreUrl::parse(&here).unwrap();
    bench_with(&url, &right)
        .await
        .unwrap()
        .store
        .ready()
        .await
        .unwrap();
}

#[tokio::test]
async fn commits_that_are_not_flushed_are_refused() {
    let cluster = Cluster::start_with(&["fsync=off"]);
    let told = refusal(&cluster.address("postgres"), &StoreSettings::default()).await;
    assert!(told.contains("fsync is off"), "{told}");
}

#[tokio::test]
async fn a_database_that_commits_lightly_is_overruled() {
    let cluster = Cluster::start_with(&[
        "synchronous_commit=off",
        "default_transaction_isolation=serializable",
    ]);
    let database = cluster.database().await;
    let store = bench(&cluster.url(&database)).await.unwrap();
    // What the store's own sessions have, it asks itself: opening is the proof.
    store.store.ready().await.unwrap();
}
