//! Copies of a store that is in use, put back: nothing that was acknowledged before is missing, and clients that know more
//! than the copy are not deaf.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use charla_server::clock;
use charla_server::node::Node;
use charla_server::settings::StoreSettings;
use charla_server::store::{Appended, Page, Store, backup};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::serving::{Serving, room};
use crate::store_contract::draft;

const WRITERS: usize = 8;
/// Acknowledged before a copy begins.
const BEFORE: usize = 400;

/// People who send without a pause, and what was acknowledged to them.
struct Talk {
    acked: Arc<Mutex<BTreeMap<u64, Uuid>>>,
    over: Arc<AtomicBool>,
    writers: JoinSet<()>,
}

impl Talk {
    /// Begins, and goes on in the background once enough is acknowledged.
    async fn begin(node: &Arc<Node>) -> Self {
        let mut talk = Self {
            acked: Arc::default(),
            over: Arc::default(),
            writers: JoinSet::new(),
        };
        let enough = Arc::new(tokio::sync::Notify::new());
        for _ in 0..WRITERS {
            let (node, acked, over) = (Arc::clone(node), Arc::clone(&talk.acked), Arc::clone(&talk.over));
            let enough = Arc::clone(&enough);
            talk.writers.spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let draft = draft(&room("demo", "5"), "ana", "hola");
                    let id = draft.id;
                    let Ok(Appended::New(stored)) = node.post(draft).await else {
                        panic!("a send is refused")
                    };
                    let mut acked = acked.lock();
                    acked.insert(stored.seq, id);
                    if acked.len() == BEFORE {
                        enough.notify_one();
                    }
                }
            });
        }
        crate::serving::soon("enough", enough.notified()).await;
        talk
    }

    fn acked(&self) -> BTreeMap<u64, Uuid> {
        self.acked.lock().clone()
    }

    /// Ends; all that was acknowledged.
    async fn end(mut self) -> BTreeMap<u64, Uuid> {
        self.over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.writers.join_next().await {
            ended.unwrap();
        }
        self.acked()
    }
}

async fn stored(store: &dyn Store) -> BTreeMap<u64, Uuid> {
    let mut found = BTreeMap::new();
    loop {
        let after = found.keys().next_back().copied().unwrap_or(0);
        let page = store
            .messages(&room("demo", "5"), Page::After(after), 500)
            .await
            .unwrap();
        if page.is_empty() {
            return found;
        }
        found.extend(page.iter().map(|message| (message.seq, message.draft.id)));
    }
}

/// What was acknowledged before is there, nothing else was made up, and there are no gaps.
fn assert_kept(found: &BTreeMap<u64, Uuid>, before: &BTreeMap<u64, Uuid>, all: &BTreeMap<u64, Uuid>) {
    assert!(before.len() >= BEFORE);
    for (seq, id) in before {
        assert_eq!(found.get(seq), Some(id), "message {seq} was acknowledged before");
    }
    for (seq, id) in found {
        assert_eq!(all.get(seq), Some(id), "message {seq} was never acknowledged");
    }
    assert!(
        found.keys().copied().eq(1..=found.len() as u64),
        "the numbers have gaps"
    );
}

async fn epoch(serving: &Serving) -> Value {
    let mut luis = serving.connect("luis", "/ws/chat/5/").await;
    let epoch = luis.next_of("subscribed").await["epoch"].clone();
    luis.leave().await;
    epoch
}

/// Numbers go on, and clients of the time before the copy are told to begin anew, whatever they knew.
async fn assert_serves(serving: &Serving, last: u64, gone_on_to: u64, former: &Value) {
    assert!(gone_on_to > last, "the store went on after the copy");
    let mut listeners = Vec::new();
    for (from, resumed) in [
        (format!("after={gone_on_to}&epoch={former}"), false),
        (format!("after={gone_on_to}"), false),
        (format!("after={}&epoch={former}", last - 1), false),
        (format!("after={}&epoch={}", last - 1, serving.node().epoch), true),
    ] {
        let mut luis = serving.connect("luis", &format!("/ws/chat/5/?{from}")).await;
        let subscribed = luis.next_of("subscribed").await;
        assert_eq!(subscribed["resumed"], resumed, "{from}");
        assert_eq!(subscribed["seq"], last, "{from}");
        assert_eq!(subscribed["epoch"], serving.node().epoch, "{from}");
        listeners.push(luis);
    }
    assert_ne!(*former, serving.node().epoch);
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let send = json!({"type": "send", "ref": 1, "id": Uuid::now_v7(), "text": "again"});
    assert_eq!(ana.ask(&send, "ack").await["seq"], last + 1);
    for mut luis in listeners {
        assert_eq!(luis.next_of("message").await["seq"], last + 1);
    }
}

fn at(folder: &Path) -> StoreSettings {
    StoreSettings {
        path: folder.to_owned(),
        ..StoreSettings::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_a_file_that_is_written_to_has_all_that_was_acknowledged() {
    let serving = Serving::start().await;
    let former = epoch(&serving).await;
    let talk = Talk::begin(serving.node()).await;
    let before = talk.acked();
    let place = tempfile::tempdir().unwrap();
    let (from, to) = (at(serving.folder.path()), place.path().join("charla.backup"));
    let target = to.clone();
    let copied = tokio::task::spawn_blocking(move || backup::backup(&from, &target, &mut |_, _| {}));
    let copied = copied.await.unwrap().unwrap();
    let all = talk.end().await;
    assert!(copied.messages >= before.len() as u64 && copied.chats == 2);
    let beside: Vec<_> = std::fs::read_dir(place.path()).unwrap().collect();
    assert_eq!(beside.len(), 1, "one file is all: {beside:?}");
    // Twice: what is put back a second time is another store than the first.
    let mut epochs = vec![former.clone()];
    for _ in 0..2 {
        let again = tempfile::tempdir().unwrap();
        std::fs::copy(&to, again.path().join("charla.db")).unwrap();
        let restored = Serving::start_at(again, clock::system(), |_| {}).await;
        let found = stored(&*restored.node().store).await;
        assert_kept(&found, &before, &all);
        let last = found.len() as u64;
        assert_serves(&restored, last, all.len() as u64 + 100, &former).await;
        epochs.push(restored.node().epoch.into());
        // A restart is not a restoration.
        let folder = restored.drain().await;
        let same = Serving::start_at(folder, clock::system(), |_| {}).await;
        assert_eq!(epochs.last(), Some(&same.node().epoch.into()));
        same.drain().await;
    }
    epochs.dedup();
    assert_eq!(epochs.len(), 3, "{epochs:?}");
    serving.drain().await;
}

#[tokio::test]
async fn a_copy_is_refused_where_there_is_nothing_or_something() {
    let place = tempfile::tempdir().unwrap();
    let refused = |folder: &Path, file: &str| {
        let told = backup::backup(&at(folder), &place.path().join(file), &mut |_, _| {});
        told.unwrap_err().to_string()
    };
    assert!(refused(place.path(), "copy").contains("there is no store"));
    let serving = Serving::start().await;
    std::fs::write(place.path().join("copy"), "mine").unwrap();
    assert!(refused(serving.folder.path(), "copy").contains("cannot be written"));
    assert!(refused(serving.folder.path(), "no/such/folder").contains("cannot be written"));
    assert_eq!(std::fs::read(place.path().join("copy")).unwrap(), b"mine");
    let compacted = backup::compact(&at(serving.folder.path())).unwrap_err();
    assert!(compacted.to_string().contains("another charla"), "{compacted}");
    let folder = serving.drain().await;
    let (before, after) = backup::compact(&at(folder.path())).unwrap();
    assert!(after <= before && after > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_of_postgresql_is_put_back_likewise() {
    let cluster = Cluster::start();
    let (first, second) = (cluster.database().await, cluster.database().await);
    let url = cluster.url(&first);
    let serving = Serving::start_with(|settings| settings.store.url = Some(url)).await;
    let former = epoch(&serving).await;
    let talk = Talk::begin(serving.node()).await;
    let before = talk.acked();
    let run = |mut command: Command| {
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let program = |name: &str, arguments: &[&str]| {
        let mut command = cluster.program(name);
        command.arg("--host").arg(cluster.folder());
        command.args(["--username", "charla"]).args(arguments);
        command
    };
    run(program(
        "pg_dump",
        &["--format=custom", "--file=charla.dump", &first],
    ));
    let all = talk.end().await;
    run(program(
        "pg_restore",
        &["--exit-on-error", "--dbname", &second, "charla.dump"],
    ));
    serving.drain().await;
    let settings = StoreSettings {
        url: Some(cluster.url(&second)),
        ..StoreSettings::default()
    };
    let (sink, _committed) = tokio::sync::mpsc::channel(1);
    let store = charla_server::store::open(&settings, clock::system(), sink)
        .await
        .unwrap();
    store.begin_epoch().await.unwrap();
    let found = stored(&*store).await;
    store.close().await.unwrap();
    assert_kept(&found, &before, &all);
    let restored = Serving::start_with(|s| s.store.url = settings.url).await;
    assert_serves(&restored, found.len() as u64, all.len() as u64 + 100, &former).await;
    restored.drain().await;
}
