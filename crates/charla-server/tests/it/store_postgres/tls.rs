//! The store's own database over TLS: who is believed, and what is said of who is not.

use std::path::Path;

use charla_server::settings::{DatabaseTls, StoreSettings, StoreUrl};
use charla_server::store::Page;

use super::bench_with;
use crate::cluster::Cluster;
use crate::encrypted::{Encrypted, address};
use crate::store_contract::draft;

fn settings(tls: Option<DatabaseTls>, ca_file: Option<&Path>) -> StoreSettings {
    StoreSettings {
        tls,
        ca_file: ca_file.map(Path::to_owned),
        ..StoreSettings::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_the_store_says_is_encrypted_where_that_is_asked_for() {
    let server = Encrypted::start();
    let ca = server.authority.file();
    for (query, tls, ca_file, encrypted) in [
        ("", Some(DatabaseTls::VerifyFull), Some(&*ca), true),
        ("?sslmode=require", None, None, true),
        ("", Some(DatabaseTls::Require), None, true),
        ("", None, None, false),
        ("?sslmode=require", Some(DatabaseTls::Off), None, false),
    ] {
        let database = server.cluster.database().await;
        let url = format!("postgres://charla@{}/{database}{query}", server.address);
        let url = StoreUrl::parse(&url).unwrap();
        let bench = bench_with(&url, &settings(tls, ca_file)).await.unwrap();
        let room = bench.room().await;
        let stored = bench.store_new(draft(&room, "ana", "hola")).await;
        let read = bench.store.messages(&room, Page::Latest, 10).await.unwrap();
        assert_eq!(read, [stored]);
        // The writer's, the readers' and the one for hints.
        let of_ours = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
            WHERE application_name = 'charla' AND datname = $1";
        let watcher = server.cluster.client("postgres").await;
        let mut found = Vec::new();
        while found.len() < 3 {
            let rows = watcher.query(of_ours, &[&database]).await.unwrap();
            found = rows.iter().map(|row| row.get::<_, bool>(0)).collect();
        }
        assert!(
            found.iter().all(|ssl| *ssl == encrypted),
            "{tls:?} {query}: {found:?}"
        );
        bench.store.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_believed_is_not_spoken_to_and_what_to_do_is_said() {
    let server = Encrypted::start();
    let at = address();
    let plain = tokio::task::block_in_place(|| Cluster::start_with(&[&format!("listen_addresses={at}")]));
    let believes = settings(Some(DatabaseTls::VerifyFull), Some(&server.authority.file()));
    let of_browsers = settings(Some(DatabaseTls::VerifyFull), None);
    let [here, there] = [&server.address, &at].map(|at| format!("postgres://charla@{at}/postgres"));
    let elsewhere = format!(
        "postgres://charla@/postgres?host=db.example.org&hostaddr={}",
        server.address
    );
    assert_eq!(
        plain
            .client("postgres")
            .await
            .query("SHOW ssl", &[])
            .await
            .unwrap()[0]
            .get::<_, &str>(0),
        "off"
    );
    for (url, settings, words, advice) in [
        (&here, &of_browsers, "UnknownIssuer", "`store.ca_file`"),
        (
            &elsewhere,
            &believes,
            "not valid for name",
            "as the certificate does",
        ),
        (&there, &believes, "does not support TLS", "`ssl = on`"),
    ] {
        let Err(refused) = bench_with(&StoreUrl::parse(url).unwrap(), settings).await else {
            panic!("{url} was believed");
        };
        let told = refused.to_string();
        assert!(told.contains(words) && told.contains(advice), "{url}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_insists_says_so_and_we_say_how() {
    let server = Encrypted::letting_in("local all all trust\nhostssl all all all trust\n");
    let url = StoreUrl::parse(&format!("postgres://charla@{}/postgres", server.address)).unwrap();
    let Err(refused) = bench_with(&url, &StoreSettings::default()).await else {
        panic!("let in without TLS");
    };
    let told = refused.to_string();
    assert!(
        told.contains("no encryption") && told.contains("set `store.tls` to \"verify-full\""),
        "{told}"
    );
}
