//! A whole store from SQLite through a file to PostgreSQL and out again: the same bytes; begun again, nothing twice;
//! damaged files and other content are refused.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use charla_core::{Draft, RoomKey};
use charla_server::settings::StoreSettings;
use charla_server::store::archive::lines::{FileError, Reader, Writer};
use charla_server::store::archive::{Loaded, Record};
use charla_server::store::attachments::KeptFile;
use charla_server::store::{ApiKey, Notification, Postgres, RefreshToken, Sqlite, Store, UserChange};
use charla_wire::{Attachment, Timestamp};
use serde_json::Value;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::store_contract::{Bench, author, clock, draft, person, room, user};

/// More than travel together.
const MESSAGES: usize = 1_203;

fn sqlite() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let settings = StoreSettings {
        path: folder.path().join("data"),
        ..StoreSettings::default()
    };
    let now = Arc::new(AtomicI64::new(1_795_428_000_000));
    let (sink, committed) = mpsc::channel(16);
    let store = Sqlite::open(&settings, clock(&now), sink).unwrap();
    Bench::new(Arc::new(store), now, committed, folder)
}

async fn postgres(cluster: &Cluster) -> Bench {
    let url = cluster.url(&cluster.database().await);
    let now = Arc::new(AtomicI64::new(1_795_428_000_000));
    let (sink, committed) = mpsc::channel(16);
    let store = Postgres::open(&url, &StoreSettings::default(), clock(&now), sink).await;
    Bench::new(Arc::new(store.unwrap()), now, committed, ())
}

/// Something of everything that a store keeps.
async fn fill(bench: &Bench) {
    let store = &*bench.store;
    let tenant = bench.tenant().await;
    let other = bench.tenant().await;
    for tenant in [&tenant, &other] {
        let first = room(tenant, "1");
        store.put_chat(&first, Some("Ñandú \0 \u{10FFFF}")).await.unwrap();
        store.put_chat(&room(tenant, "empty"), None).await.unwrap();
        for who in ["ana", "luis"] {
            store.put_member(&first, &user(who)).await.unwrap();
        }
        let change = UserChange {
            password: Some("$argon2id$v=19$hash".into()),
            ..UserChange::default()
        };
        store.put_user(&person(tenant, "ana"), change).await.unwrap();
        for n in 0..MESSAGES {
            let said = Draft {
                data: (n % 7 == 0).then(|| r#"{"b": 1, "a":  "é"}"#.into()),
                ..draft(
                    &first,
                    if n % 2 == 0 { "ana" } else { "luis" },
                    &format!("{n} \0 \" hola"),
                )
            };
            bench.store_new(said).await;
        }
        store
            .edit(&first, 3, &user("ana"), true, "other words")
            .await
            .unwrap();
        store.delete(&first, 4, &user("ana"), true).await.unwrap();
        store.mark_read(&first, &user("luis"), 9).await.unwrap();
        bench.store_new(with_a_file(store, &first).await).await;
        store
            .close_chat(&first, &author("ana"), Some("done"))
            .await
            .unwrap();
        let note = Notification {
            id: 0,
            kind: "order".into(),
            text: "sent".into(),
            url: None,
            data: Some("{}".into()),
            created_at: bench.now(),
            read: false,
        };
        store.notify(&person(tenant, "luis"), note).await.unwrap();
        let far = Timestamp::from_millis(bench.now().as_millis() + 86_400_000);
        let key = ApiKey {
            hash: format!("hash of {tenant}"),
            tenant: Some(tenant.clone()),
            label: "back end".into(),
            created_at: bench.now(),
        };
        store.put_api_key(key).await.unwrap();
        let token = RefreshToken {
            jti: format!("jti of {tenant}"),
            family: "f".into(),
            user: person(tenant, "ana"),
            expires_at: far,
        };
        store.put_refresh(token).await.unwrap();
        store.revoke_token(tenant, "refused", far).await.unwrap();
    }
    store.keep("secret", "s3cret").await.unwrap();
}

/// A message with a file that is there.
async fn with_a_file(store: &dyn Store, room: &RoomKey) -> Draft {
    let file = KeptFile {
        room: room.clone(),
        user: user("ana"),
        attachment: Attachment {
            id: Uuid::new_v4(),
            name: "\u{10FFFF}\" ñ.pdf".into(),
            media_type: "application/pdf".into(),
            bytes: 3,
        },
        created_at: Timestamp::from_millis(1),
        uploaded: false,
        seq: None,
    };
    store.announce(file.clone(), None).await.unwrap();
    assert!(store.uploaded(&file.key()).await.unwrap());
    Draft {
        attachments: vec![file.attachment],
        ..draft(room, "ana", "")
    }
}

async fn records(store: &dyn Store) -> Vec<Record> {
    let (sink, mut batches) = mpsc::channel(1);
    let taken = async {
        let mut records = Vec::new();
        while let Some(batch) = batches.recv().await {
            records.extend(batch);
        }
        records
    };
    let (dumped, records) = tokio::join!(store.dump(sink), taken);
    dumped.unwrap();
    records
}

async fn file(store: &dyn Store) -> Vec<u8> {
    let mut writer = Writer::begin(Vec::new()).unwrap();
    for record in records(store).await {
        writer.add(&record).unwrap();
    }
    writer.end().unwrap().1
}

fn read(file: &[u8]) -> Result<Vec<Record>, FileError> {
    let mut reader = Reader::begin(file)?;
    let mut records = Vec::new();
    while let Some(record) = reader.record()? {
        records.push(record);
    }
    Ok(records)
}

async fn load(store: &dyn Store, records: &[Record]) -> usize {
    let mut total = 0;
    for batch in records.chunks(500) {
        match store.load(batch.to_vec()).await.unwrap() {
            Loaded::All { new } => total += new,
            Loaded::Differs { place } => panic!("{:?}", batch[place]),
        }
    }
    total
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_goes_from_sqlite_to_postgres_and_back_unchanged() {
    let cluster = Cluster::start();
    let here = sqlite();
    fill(&here).await;
    let exported = file(&*here.store).await;
    let all = read(&exported).unwrap();
    assert!(all.len() > 2 * MESSAGES + 20, "{}", all.len());
    let there = postgres(&cluster).await;
    // A part of it first, as an import leaves it that was interrupted.
    let part = all.len() / 2 + 1;
    assert_eq!(load(&*there.store, &all[..part]).await, part);
    assert_eq!(
        load(&*there.store, &all).await,
        all.len() - part,
        "only what is missing"
    );
    assert_eq!(load(&*there.store, &all).await, 0, "nothing twice");
    assert!(file(&*there.store).await == exported, "the same bytes");
    let back = sqlite();
    assert_eq!(load(&*back.store, &all[..part]).await, part);
    assert_eq!(load(&*back.store, &all).await, all.len() - part);
    assert!(file(&*back.store).await == exported, "the same bytes");
    // Life goes on behind what came: numbers, notes and the order of chats.
    for bench in [&there, &back] {
        let tenant = bench.store.tenants().await.unwrap().remove(0).id;
        let first = room(&tenant, "1");
        bench.store.reopen_chat(&first).await.unwrap();
        assert_eq!(
            bench.store_new(draft(&first, "ana", "next")).await.seq,
            MESSAGES as u64 + 2
        );
        bench
            .store_new(draft(&room(&tenant, "empty"), "ana", "first"))
            .await;
        let inbox = bench.store.inbox(&person(&tenant, "ana"), true, 9).await.unwrap();
        let order: Vec<_> = inbox.iter().map(|line| line.chat.key.chat.to_string()).collect();
        assert_eq!(order, ["empty", "1"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_content_is_refused_and_left() {
    let cluster = Cluster::start();
    let here = sqlite();
    fill(&here).await;
    let all = records(&*here.store).await;
    for bench in [postgres(&cluster).await, sqlite()] {
        load(&*bench.store, &all).await;
        let before = file(&*bench.store).await;
        for place in [0, 2, all.len() / 2, all.len() - 1] {
            let mut changed = all[place].clone();
            let last = changed.values.len() - 1;
            changed.values[last] = match &changed.values[last] {
                Value::String(_) => "other".into(),
                Value::Bool(flag) => (!flag).into(),
                Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => 77.into(),
            };
            let refused = bench.store.load(vec![all[0].clone(), changed]).await.unwrap();
            let refused_at = Loaded::Differs { place: 1 };
            assert_eq!(refused, refused_at, "{:?}", all[place]);
        }
        // A message of a chat that is not there.
        let message = all
            .iter()
            .find(|record| record.table.name() == "messages")
            .unwrap();
        let mut lost = message.clone();
        lost.values[1] = "nowhere".into();
        let refused = bench.store.load(vec![lost]).await.unwrap();
        assert_eq!(refused, Loaded::Differs { place: 0 });
        assert!(file(&*bench.store).await == before, "nothing was changed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_is_refused_with_its_line() {
    let here = sqlite();
    fill(&here).await;
    let whole = String::from_utf8(file(&*here.store).await).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let told = |text: String| read(text.as_bytes()).unwrap_err().to_string();
    let without = |gone: usize| {
        let kept = lines.iter().enumerate().filter(|(at, _)| *at != gone);
        kept.map(|(_, line)| format!("{line}\n")).collect::<String>()
    };
    let at = lines.iter().position(|line| line.contains(" hola")).unwrap();
    let flipped = whole.replacen(" hola", " hole", 1);
    let end = lines.iter().position(|line| line.contains("chat_end")).unwrap();
    assert!(told(flipped).starts_with(&format!("line {}: chat 1 of tenant", end + 1)));
    assert!(told(without(at)).starts_with(&format!("line {end}: chat 1 of tenant")));
    assert!(told(without(end)).contains("has no end"));
    assert!(told(without(1)).contains("lines are missing"));
    assert!(told(without(lines.len() - 1)).starts_with("it is cut off after line"));
    assert!(told(whole[..whole.len() / 2].to_owned()).starts_with("it is cut off after line"));
    assert!(told(without(0)).contains("not an export"));
    assert!(told(format!("{whole}{{}}\n")).contains("something behind the end"));
    let broken = whole.replacen("{\"table\":\"users\"", "{\"table\"\"users\"", 1);
    assert!(told(broken).contains("no JSON at column"));
    let renamed = whole.replacen("\"s3cret\"", "\"s3creT\"", 1);
    assert!(told(renamed).contains("hash of the file"));
    assert!(told("{\"charla_export\":2}\n".into()).contains("format 2"));
    assert!(told(String::new()).contains("not an export"));
}
