//! SQLite keeps the contract, and what is its own: the file, the lock, the disk.

use std::future::{Ready, ready};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use charla_server::settings::StoreSettings;
use charla_server::store::{Sqlite, StoreError};
use tokio::sync::mpsc;

use crate::store_contract::{Bench, clock, store_contract};

/// Groups that may wait for the sink.
const SINK: usize = 16;

store_contract!(open);

fn open() -> Ready<Bench> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    ready(bench(&path, folder).unwrap().1)
}

fn settings(path: &Path) -> StoreSettings {
    StoreSettings {
        path: path.to_owned(),
        ..StoreSettings::default()
    }
}

/// Opens the store in a folder; `ground` is what must outlive it.
fn bench(path: &Path, ground: impl Send + Sync + 'static) -> Result<(Arc<Sqlite>, Bench), StoreError> {
    let now = Arc::new(AtomicI64::new(1_795_428_000_000));
    let (sink, committed) = mpsc::channel(SINK);
    let store = Arc::new(Sqlite::open(&settings(path), clock(&now), sink)?);
    let bench = Bench::new(Arc::clone(&store) as _, now, committed, ground);
    Ok((store, bench))
}
