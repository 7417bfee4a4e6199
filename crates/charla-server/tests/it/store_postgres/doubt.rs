//! A connection that breaks in the very moment of a commit: the sender is refused either way, and what was stored all
//! the same is told to everybody else, once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use charla_server::settings::StoreUrl;
use charla_server::store::{AppendError, Appended};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::bench;
use crate::cluster::{Cluster, address_in};
use crate::serving::until;
use crate::store_contract::draft;

/// Everything passes.
const OPEN: u8 = 0;
/// The next commit passes and its answer does not.
const LOSE_ANSWER: u8 = 1;
/// The next commit does not pass.
const LOSE_COMMIT: u8 = 2;

/// The name of the socket that a driver looks for in a folder.
const SOCKET: &str = ".s.PGSQL.5432";

/// Stands between the store and its database.
fn stand_between(folder: &Path, database: &Path, mode: Arc<AtomicU8>) {
    let listener = UnixListener::bind(folder.join(SOCKET)).unwrap();
    let there = database.join(SOCKET);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = UnixStream::connect(&there).await.unwrap();
            tokio::spawn(pass(client, server, Arc::clone(&mode)));
        }
    });
}

async fn pass(mut client: UnixStream, mut server: UnixStream, mode: Arc<AtomicU8>) {
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        tokio::select! {
            Ok(count @ 1..) = client.read(&mut asked) => {
                let bytes = &asked[..count];
                let commits = bytes.windows(6).any(|word| word == b"COMMIT");
                let now = if commits { mode.swap(OPEN, Ordering::SeqCst) } else { OPEN };
                if now == LOSE_COMMIT {
                    return;
                }
                server.write_all(bytes).await.unwrap();
                if now == LOSE_ANSWER {
                    drop(client);
                    // Reads what the server says to nobody until it has done what it was asked.
                    server.shutdown().await.unwrap();
                    while !matches!(server.read(&mut answered).await, Ok(0) | Err(_)) {}
                    return;
                }
            }
            Ok(count @ 1..) = server.read(&mut answered) => {
                if client.write_all(&answered[..count]).await.is_err() {
                    return;
                }
            }
            else => return,
        }
    }
}

async fn a_commit_is_cut(mode_of_cut: u8, is_stored: bool) {
    let cluster = Cluster::start();
    let database = cluster.database().await;
    let between = tempfile::tempdir().unwrap();
    let mode = Arc::new(AtomicU8::new(OPEN));
    stand_between(between.path(), cluster.folder(), Arc::clone(&mode));
    let url = StoreUrl::parse(&address_in(between.path(), &database)).unwrap();
    let node = bench(&url).await.unwrap();
    let room = node.room().await;
    assert_eq!(node.store_new(draft(&room, "ana", "before")).await.seq, 1);
    let said = draft(&room, "ana", "in doubt");
    mode.store(mode_of_cut, Ordering::SeqCst);
    let refused = node.append(said.clone()).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    if is_stored {
        // Nobody sends anything: the store finds out by itself and tells.
        until("told", || async { node.heard(&room) == [1, 2] }).await;
        match node.append(said).await {
            Ok(Appended::Repeated(stored)) => assert_eq!(stored.seq, 2),
            other => panic!("{other:?}"),
        }
    } else {
        assert_eq!(node.store_new(said).await.seq, 2);
    }
    assert_eq!(node.store_new(draft(&room, "bea", "after")).await.seq, 3);
    assert_eq!(node.heard(&room), [1, 2, 3]);
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_told_as_refused_and_found_again() {
    a_commit_is_cut(LOSE_ANSWER, true).await;
}

#[tokio::test]
async fn a_commit_that_never_arrived_is_stored_by_the_repeat() {
    a_commit_is_cut(LOSE_COMMIT, false).await;
}
