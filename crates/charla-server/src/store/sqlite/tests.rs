//! What only shows from inside: commits that fail, errors that end writing, and how queries find their rows.

use charla_core::Draft;
use rusqlite::ffi;
use uuid::Uuid;

use super::*;
use crate::clock;
use crate::publish::Receipt;
use crate::store::{AppendError, Appended};

type Outcome = oneshot::Receiver<Result<Appended, AppendError>>;

struct Ground {
    store: Sqlite,
    room: RoomKey,
    _folder: tempfile::TempDir,
}

async fn ground() -> Ground {
    let folder = tempfile::tempdir().unwrap();
    let settings = StoreSettings {
        path: folder.path().to_owned(),
        ..StoreSettings::default()
    };
    let (sink, mut committed) = mpsc::channel::<Vec<Committed>>(16);
    tokio::spawn(async move {
        while let Some(group) = committed.recv().await {
            for Committed { outcome, receipt } in group {
                #[allow(unreachable_patterns, reason = "other receipts wait elsewhere")]
                match receipt {
                    Receipt::Traced(_) => panic!("nothing is recorded here"),
                    Receipt::Waiter(waiter) => drop(waiter.send(outcome)),
                    other => panic!("{other:?}"),
                }
            }
        }
    });
    let store = Sqlite::open(&settings, clock::system(), sink).unwrap();
    let room = RoomKey {
        tenant: TenantId::parse("t").unwrap(),
        chat: ChatId::parse("1").unwrap(),
    };
    store.put_tenant(&room.tenant, "T").await.unwrap();
    store.put_chat(&room, None).await.unwrap();
    Ground {
        store,
        room,
        _folder: folder,
    }
}

impl Ground {
    fn append(&self, text: &str) -> Outcome {
        let (waiter, outcome) = oneshot::channel();
        let draft = Draft {
            room: self.room.clone(),
            id: Uuid::new_v4(),
            author: Author {
                id: UserId::parse("ana").unwrap(),
                name: "Ana".into(),
            },
            text: text.into(),
            data: None,
            attachments: Vec::new(),
        };
        let receipt = Receipt::Waiter(waiter);
        assert!(self.store.append(Entry { draft, receipt }).is_ok());
        outcome
    }

    /// Has everything that is handed over meanwhile share one group: the writer is held until `hold` is dropped.
    async fn hold(&self) -> std::sync::mpsc::SyncSender<()> {
        let (hold, held) = std::sync::mpsc::sync_channel::<()>(0);
        let (reached, at) = oneshot::channel::<()>();
        drop(self.store.write(move |_| {
            drop(reached);
            let _ = held.recv();
            Ok(())
        }));
        let _ = at.await;
        hold
    }

    async fn seqs(&self) -> Vec<Seq> {
        let messages = self
            .store
            .messages(&self.room, Page::After(0), 1_000)
            .await
            .unwrap();
        messages.iter().map(|message| message.seq).collect()
    }
}

async fn seq(outcome: Outcome) -> Seq {
    match outcome.await.unwrap() {
        Ok(Appended::New(stored)) => stored.seq,
        other => panic!("{other:?}"),
    }
}

async fn refused(outcome: Outcome) {
    let outcome = outcome.await.unwrap();
    assert!(matches!(outcome, Err(AppendError::Unavailable(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_commit_that_fails_stores_nothing_and_tells_everybody() {
    let ground = ground().await;
    assert_eq!(seq(ground.append("1")).await, 1);
    let hold = ground.hold().await;
    let before = ground.append("before");
    // A reference to nothing that is only looked at by COMMIT.
    let culprit = ground.store.write(|w| {
        w.conn.pragma_update(None, "defer_foreign_keys", true)?;
        w.conn.execute(
            "INSERT INTO members (chat, tenant, user, joined_at) VALUES (99, 't', 'x', 0)",
            [],
        )
    });
    let bystander = ground.store.keep("name", "value");
    let after = ground.append("after");
    drop(hold);
    refused(before).await;
    refused(after).await;
    assert!(matches!(culprit.await, Err(StoreError::Unavailable(_))));
    assert!(matches!(bystander.await, Err(StoreError::Unavailable(_))));
    assert_eq!(ground.seqs().await, [1]);
    assert_eq!(ground.store.keep("name", "other").await.unwrap(), "other");
    assert_eq!(
        seq(ground.append("2")).await,
        2,
        "the next group goes on where the last good one ended"
    );
    ground.store.ready().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_until_there_is_room() {
    let ground = ground().await;
    let limit = |pages: i64| {
        ground.store.write(move |w| {
            w.conn
                .pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0))
        })
    };
    // Asked for too few, SQLite answers with what there is: the file may not grow from now on.
    limit(1).await.unwrap();
    let long = "x".repeat(16 * 1024);
    let mut stored = 0;
    let refusal = loop {
        match ground.append(&long).await.unwrap() {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 100, "the file grows beyond its limit");
    };
    assert!(matches!(refusal, AppendError::Unavailable(_)), "{refusal:?}");
    let full = ground.append(&long).await.unwrap();
    assert!(full.is_err(), "it stays full");
    assert_eq!(
        ground.seqs().await,
        (1..=stored).collect::<Vec<Seq>>(),
        "reads are still served"
    );
    limit(1_000_000).await.unwrap();
    assert_eq!(seq(ground.append(&long)).await, stored + 1);
    ground.store.ready().await.unwrap();
}

#[tokio::test]
async fn a_failed_fsync_ends_writing_for_good() {
    let ground = ground().await;
    assert_eq!(seq(ground.append("1")).await, 1);
    let failed = ground.store.write::<(), _>(|_| {
        let error = ffi::Error::new(ffi::SQLITE_IOERR_FSYNC);
        Err(rusqlite::Error::SqliteFailure(error, None))
    });
    assert!(matches!(failed.await, Err(StoreError::Unavailable(_))));
    let reason = ground.store.ended().await;
    assert!(reason.contains("until a restart"), "{reason}");
    refused(ground.append("2")).await;
    assert!(matches!(
        ground.store.keep("a", "b").await,
        Err(StoreError::Unavailable(_))
    ));
    assert!(matches!(
        ground.store.ready().await,
        Err(StoreError::Unavailable(_))
    ));
    assert_eq!(ground.seqs().await, [1], "reads are still served");
}

/// The steps that SQLite takes for a query.
fn plan(conn: &rusqlite::Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    statement.raw_query().mapped(|row| row.get(3)).collect()
}

#[tokio::test]
async fn no_list_is_found_by_walking_a_table() {
    let ground = ground().await;
    for sql in chats::LISTS.iter().chain(messages::LISTS).copied() {
        let plan = ground
            .store
            .readers
            .read(move |conn| plan(conn, sql))
            .await
            .unwrap();
        assert!(!plan.is_empty());
        // The common table expression is a list of at most `limit` rows.
        let walks = |step: &&String| step.starts_with("SCAN") && *step != "SCAN mine";
        assert_eq!(plan.iter().find(walks), None, "{sql}\n{plan:#?}");
        let sorts = plan.iter().filter(|step| step.contains("TEMP B-TREE")).count();
        assert_eq!(
            sorts > 0,
            sql == chats::LISTS[0],
            "only a member's own chats are sorted\n{plan:#?}"
        );
    }
}

#[tokio::test]
async fn what_has_expired_is_forgotten() {
    let ground = ground().await;
    let now = (ground.store.clock)();
    for n in 0..40 {
        ground
            .store
            .put_ticket(&n.to_string(), "grant", now.plus_millis(-1))
            .await
            .unwrap();
        ground
            .store
            .revoke_token(&ground.room.tenant, &n.to_string(), now.plus_millis(-1))
            .await
            .unwrap();
    }
    let left = ground.store.readers.read(|conn| {
        conn.query_row(
            "SELECT (SELECT count(*) FROM tickets) + (SELECT count(*) FROM revoked_tokens)",
            [],
            |row| row.get::<_, i64>(0),
        )
    });
    assert_eq!(left.await.unwrap(), 2, "only the last of each");
}
