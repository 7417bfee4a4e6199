//! PostgreSQL keeps the contract, and what is its own: many nodes on one database, and a server that comes and goes.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use charla_server::settings::{StoreSettings, StoreUrl};
use charla_server::store::{Page, Postgres, StoreError};
use tokio::sync::mpsc;

use crate::cluster::Cluster;
use crate::store_contract::{Bench, clock, draft, store_contract};

mod away;
mod doubt;
mod hard_times;
mod history;
mod nodes;
mod serving;
mod start;
mod tls;

/// Groups that may wait for the sink.
const SINK: usize = 16;

store_contract!(together Cluster::start, open_in);

async fn open_in(cluster: &Cluster) -> Bench {
    bench(&cluster.url("postgres")).await.unwrap()
}

/// Opens a store on a database.
async fn bench(url: &StoreUrl) -> Result<Bench, StoreError> {
    bench_with(url, &StoreSettings::default()).await
}

async fn bench_with(url: &StoreUrl, settings: &StoreSettings) -> Result<Bench, StoreError> {
    let now = Arc::new(AtomicI64::new(1_795_428_000_000));
    let (sink, committed) = mpsc::channel(SINK);
    let store = Postgres::open(url, settings, clock(&now), sink).await?;
    Ok(Bench::new(Arc::new(store), now, committed, ()))
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let cluster = Cluster::start();
    let url = cluster.url(&cluster.database().await);
    let first = bench(&url).await.unwrap();
    let room = first.room().await;
    let stored = first.store_new(draft(&room, "ana", "hola")).await;
    first.store.close().await.unwrap();
    let second = bench(&url).await.unwrap();
    let read = second.store.messages(&room, Page::Latest, 10).await.unwrap();
    assert_eq!(read, [stored]);
    assert_eq!(second.store_new(draft(&room, "ana", "otra")).await.seq, 2);
}
