//! Carrying the write-ahead log over into the database, beside the writer, and keeping the log from growing for ever.
//!
//! SQLite would do it by itself inside a commit, which then takes ten times as long, and would swallow an
//! `fsync` that failed there. So a thread of its own does it, and looks.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;

use super::fault;

/// Pages in the log that are not in the database yet (of 4 KiB each) before they are carried over.
const CARRY_PAGES: i64 = 4_000;
/// Pages at which the writer itself makes the log start over: carried over or not, a log that is written
/// without a pause never does so by itself.
const RESTART_PAGES: i64 = 16_000;
/// How long readers may hold that up; then it is put off by another [`CARRY_PAGES`].
const RESTART_WITHIN: Duration = Duration::from_millis(20);

/// Why nothing is written any more, once that is so.
#[derive(Clone)]
pub(super) struct Ended(Arc<watch::Sender<Option<String>>>);

impl Ended {
    /// Nothing has ended yet; the other end hears of it.
    pub(super) fn new() -> (Self, watch::Receiver<Option<String>>) {
        let (sender, receiver) = watch::channel(None);
        (Self(Arc::new(sender)), receiver)
    }

    /// The reason, if there is one.
    pub(super) fn reason(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Ends writing for good.
    pub(super) fn end(&self, why: &str) {
        tracing::error!(
            why,
            "nothing is written any more; the server must be started again"
        );
        let reason = format!("writing has ended until a restart: {why}");
        self.0.send_replace(Some(reason));
    }

    /// Ends writing for good if the error asks for it.
    pub(super) fn look_at(&self, error: &rusqlite::Error) {
        if fault::ends_writing(error) {
            self.end(&error.to_string());
        }
    }
}

/// At the start: carries over what the last process left in the log, and begins an empty one.
///
/// If that process ended because of a failed `fsync`, the log may be in the kernel's memory and not on
/// the disk, and what was added to it now would be lost together with it.
pub(super) fn start_over(conn: &Connection) -> rusqlite::Result<()> {
    if checkpoint(conn, "TRUNCATE")?.busy {
        tracing::warn!("the write-ahead log is read by another program and cannot start over");
    }
    Ok(())
}

/// The thread that carries pages over, and when it is called for.
pub(super) struct Checkpoints {
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
    restart_at: i64,
}

/// What the log holds, or is left to hold.
struct Log {
    busy: bool,
    pages: i64,
    carried: i64,
}

impl Checkpoints {
    /// Starts the thread on a connection of its own.
    pub(super) fn start(conn: Connection, ended: Ended) -> std::io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("charla-carry".into())
            .spawn(move || carry(&conn, &woken, &ended))?;
        Ok(Self {
            wake,
            thread,
            restart_at: RESTART_PAGES,
        })
    }

    /// After a commit: sees to it that the log stays short. `conn` is the writer's, between transactions.
    pub(super) fn after_commit(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let log = checkpoint(conn, "NOOP")?;
        if log.pages >= self.restart_at {
            let patience = conn.busy_timeout(RESTART_WITHIN);
            let restarted = patience.and_then(|()| checkpoint(conn, "RESTART"));
            conn.busy_timeout(super::file::BUSY_TIMEOUT)?;
            self.restart_at = match restarted? {
                Log { busy: true, .. } => log.pages + CARRY_PAGES,
                Log { busy: false, .. } => RESTART_PAGES,
            };
        } else if log.pages - log.carried >= CARRY_PAGES {
            // Full means that it has been told already.
            let _ = self.wake.try_send(());
        }
        Ok(())
    }

    /// Ends the thread and carries over all that is left, unless writing has ended. `conn` is the writer's.
    pub(super) fn finish(self, conn: &Connection, ended: &Ended) {
        drop(self.wake);
        if self.thread.join().is_err() {
            tracing::error!("the thread that carries the write-ahead log over has panicked");
        }
        if ended.reason().is_some() {
            return;
        }
        match checkpoint(conn, "TRUNCATE") {
            Ok(Log { busy: false, .. }) => {}
            Ok(Log { busy: true, .. }) => {
                tracing::info!("the write-ahead log is still read; the next start empties it")
            }
            Err(error) => {
                tracing::error!(%error, "the write-ahead log could not be carried over; the next start does it")
            }
        }
    }
}

fn carry(conn: &Connection, woken: &Receiver<()>, ended: &Ended) {
    while woken.recv().is_ok() {
        if let Err(error) = checkpoint(conn, "PASSIVE") {
            tracing::error!(%error, "the write-ahead log could not be carried over");
            ended.look_at(&error);
        }
    }
}

fn checkpoint(conn: &Connection, mode: &str) -> rusqlite::Result<Log> {
    conn.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?
        .query_row([], |row| {
            Ok(Log {
                busy: row.get(0)?,
                pages: row.get(1)?,
                carried: row.get(2)?,
            })
        })
}
