//! A database that is there and does not answer, one that has no connection left, and one behind TCP.

use charla_server::settings::StoreUrl;
use charla_server::store::{AppendError, Appended, Page};
use rustix::process::Signal;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use tokio_postgres::Client;

use super::bench;
use crate::cluster::Cluster;
use crate::serving::until;
use crate::store_contract::{draft, seqs};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_database_refuses_and_goes_on_when_it_thaws() {
    let cluster = Cluster::start();
    let node = bench(&cluster.url(&cluster.database().await)).await.unwrap();
    let room = node.room().await;
    assert_eq!(node.store_new(draft(&room, "ana", "before")).await.seq, 1);
    cluster.signal_all(Signal::STOP);
    let said = draft(&room, "ana", "meanwhile");
    let refused = node.append(said.clone()).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    cluster.signal_all(Signal::CONT);
    until("thawed", || async {
        matches!(
            node.append(said.clone()).await,
            Ok(Appended::New(stored) | Appended::Repeated(stored)) if stored.seq == 2
        )
    })
    .await;
    assert_eq!(node.store_new(draft(&room, "ana", "after")).await.seq, 3);
    let stored = node.store.messages(&room, Page::After(0), 9).await.unwrap();
    assert_eq!(seqs(&stored), [1, 2, 3]);
    until("told", || async { node.heard(&room) == [1, 2, 3] }).await;
}

async fn take_all(cluster: &Cluster, taken: &mut Vec<Client>) {
    while let Ok((client, driver)) =
        tokio_postgres::connect(&cluster.address("postgres"), tokio_postgres::NoTls).await
    {
        tokio::spawn(driver);
        taken.push(client);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_without_a_connection_left_refuses_and_goes_on() {
    let cluster = Cluster::start_with(&["max_connections=12"]);
    let database = cluster.database().await;
    let node = bench(&cluster.url(&database)).await.unwrap();
    let room = node.room().await;
    assert_eq!(node.store_new(draft(&room, "ana", "before")).await.seq, 1);
    let mut taken = Vec::new();
    take_all(&cluster, &mut taken).await;
    assert!(!taken.is_empty());
    // What the store has, it keeps: only when that is lost as well, nothing is left for it.
    assert_eq!(node.store_new(draft(&room, "ana", "still")).await.seq, 2);
    let end =
        format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{database}'");
    taken[0].batch_execute(&end).await.unwrap();
    take_all(&cluster, &mut taken).await;
    let said = draft(&room, "ana", "meanwhile");
    let refused = node.append(said.clone()).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    assert!(node.store.ready().await.is_err());
    drop(taken);
    until("let in", || async {
        matches!(
            node.append(said.clone()).await,
            Ok(Appended::New(stored) | Appended::Repeated(stored)) if stored.seq == 3
        )
    })
    .await;
    assert_eq!(node.heard(&room), [1, 2, 3]);
}

#[tokio::test]
async fn a_database_is_reached_by_tcp() {
    let cluster = Cluster::start();
    let database = cluster.database().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let socket = cluster.folder().join(".s.PGSQL.5432");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = UnixStream::connect(&socket).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    let url = StoreUrl::parse(&format!("postgres://charla@127.0.0.1:{port}/{database}")).unwrap();
    let node = bench(&url).await.unwrap();
    let room = node.room().await;
    assert_eq!(node.store_new(draft(&room, "ana", "hola")).await.seq, 1);
    node.store.ready().await.unwrap();
}
