//! SQLite keeps the contract, and what is its own: the file, the lock, the disk.

use std::future::{Ready, ready};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use charla_server::publish::{Entry, Receipt};
use charla_server::settings::StoreSettings;
use charla_server::store::{AppendError, Page, Sqlite, Store, StoreError};
use charla_wire::TenantId;
use tokio::sync::mpsc;

use crate::store_contract::{Bench, clock, draft, room, store_contract};

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

fn refusal(path: &Path) -> String {
    match bench(path, ()) {
        Ok(_) => panic!("it opened"),
        Err(error) => error.to_string(),
    }
}

/// A look into the file past the store.
fn look(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path.join("charla.db")).unwrap()
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made").join("on the way");
    let (store, first) = bench(&path, ()).unwrap();
    let room = first.room().await;
    let stored = first.store_new(draft(&room, "ana", "hola")).await;
    store.close().await.unwrap();
    let (store, second) = bench(&path, ()).unwrap();
    assert_eq!(store.messages(&room, Page::Latest, 10).await.unwrap(), [stored]);
    assert_eq!(second.store_new(draft(&room, "ana", "otra")).await.seq, 2);
    let version: i64 = look(&path)
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 5);
}

#[tokio::test]
async fn the_folder_is_closed_to_other_users() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let _open = bench(&path, ()).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _first) = bench(folder.path(), ()).unwrap();
    let refused = refusal(folder.path());
    assert!(refused.contains("another charla has the store in"), "{refused}");
    store.close().await.unwrap();
    bench(folder.path(), ()).unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _bench) = bench(folder.path(), ()).unwrap();
    store.close().await.unwrap();
    look(folder.path())
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let refused = refusal(folder.path());
    assert!(refused.contains("newer charla (schema 99"), "{refused}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("charla.db"),
        "not a database at all".repeat(500),
    )
    .unwrap();
    let refused = refusal(folder.path());
    assert!(refused.contains("not a database"), "{refused}");
}

/// The lock of another program makes every group fail: nothing is stored, everybody is told, and
/// afterwards the numbers go on where they were.
#[tokio::test]
async fn a_group_that_cannot_begin_is_stored_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (store, bench) = bench(folder.path(), ()).unwrap();
    let room = bench.room().await;
    bench.store_new(draft(&room, "ana", "1")).await;
    let other = look(folder.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let again = draft(&room, "ana", "2");
    assert!(matches!(
        bench.append(again.clone()).await,
        Err(AppendError::Unavailable(_))
    ));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(bench.store_new(again).await.seq, 2);
    assert_eq!(bench.heard(&room), [1, 2]);
    store.ready().await.unwrap();
}

#[tokio::test]
async fn a_full_queue_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, committed) = mpsc::channel(1);
    let settings = StoreSettings {
        queue_max: 4,
        ..settings(folder.path())
    };
    let store = Sqlite::open(&settings, clock(&Arc::default()), sink).unwrap();
    let (group, mut groups) = mpsc::channel(16);
    store.on_commit(Box::new(move |_, _| group.try_send(()).unwrap()));
    let nowhere = room(&TenantId::parse("t").unwrap(), "1");
    let hand_over = || {
        let (waiter, _) = tokio::sync::oneshot::channel();
        store.append(Entry {
            draft: draft(&nowhere, "ana", "x"),
            receipt: Receipt::Waiter(waiter),
        })
    };
    // The sink has room for one group and nobody takes it, so that the writer waits with the second.
    for _ in 0..2 {
        hand_over().unwrap();
        groups.recv().await.unwrap();
    }
    for _ in 0..4 {
        hand_over().unwrap();
    }
    assert_eq!(store.waiting(), 4);
    assert!(matches!(hand_over(), Err(StoreError::Full)));
    assert!(matches!(
        store.put_chat(&nowhere, None).await,
        Err(StoreError::Full)
    ));
    drop(committed);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_is_carried_out() {
    let folder = tempfile::tempdir().unwrap();
    let (store, bench) = bench(folder.path(), ()).unwrap();
    let key = room(&bench.tenant().await, "1");
    drop(store.put_chat(&key, None));
    bench.store_new(draft(&key, "ana", "hola")).await;
}

#[tokio::test]
async fn the_hook_hears_of_every_group() {
    let folder = tempfile::tempdir().unwrap();
    let (store, bench) = bench(folder.path(), ()).unwrap();
    let room = bench.room().await;
    let stored = Arc::new(AtomicUsize::new(0));
    let heard = Arc::clone(&stored);
    store.on_commit(Box::new(move |messages, took| {
        assert!(took > Duration::ZERO);
        heard.fetch_add(messages, Ordering::SeqCst);
    }));
    let outcomes: Vec<_> = (0..50)
        .map(|n| bench.hand_over(draft(&room, "ana", &n.to_string())))
        .collect();
    for outcome in outcomes {
        outcome.await.unwrap().unwrap();
    }
    store.put_chat(&room, None).await.unwrap();
    assert_eq!(stored.load(Ordering::SeqCst), 51);
}
