//! `kill -9` at any moment loses no acknowledged message, doubles none and leaves no gap.
//!
//! The test runs this binary again as a child that appends for as long as it lives and says what was acknowledged.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use charla_core::{Draft, RoomKey, Seq};
use charla_server::clock;
use charla_server::settings::{StoreSettings, StoreUrl};
use charla_server::store::{self, Appended, Committed, Page, Store};
use charla_wire::TenantId;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::store_contract::{answer, draft, room, seqs};

/// Where the child finds its store: a folder, or the address of a database.
const PLACE: &str = "CHARLA_TEST_STORE";
/// What stands before each line that says what was acknowledged.
const ACKED: &str = "acked";
const CHATS: usize = 3;
const WRITERS: usize = 8;
const ROUNDS: usize = 12;

/// What a child said: number, id and writer of a message of each chat.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Acked {
    chat: usize,
    seq: Seq,
    id: Uuid,
    writer: usize,
}

fn chat(number: usize) -> RoomKey {
    room(&TenantId::parse("killed").unwrap(), &number.to_string())
}

fn message(chat_number: usize, writer: usize, id: Uuid) -> Draft {
    Draft {
        id,
        ..draft(&chat(chat_number), &format!("u{writer}"), &id.to_string())
    }
}

async fn open(place: &str) -> Arc<dyn Store> {
    let (sink, mut committed) = mpsc::channel::<Vec<Committed>>(16);
    tokio::spawn(async move {
        while let Some(group) = committed.recv().await {
            for one in group {
                answer(one.receipt, one.outcome);
            }
        }
    });
    let settings = StoreSettings {
        path: place.into(),
        url: StoreUrl::parse(place),
        ..StoreSettings::default()
    };
    store::open(&settings, clock::system(), sink).await.unwrap()
}

#[tokio::test]
async fn a_killed_server_has_everything_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    kill_again_and_again(folder.path().to_str().unwrap()).await;
}

#[tokio::test]
async fn a_killed_server_left_everything_in_postgresql() {
    let cluster = Cluster::start();
    kill_again_and_again(&cluster.address(&cluster.database().await)).await;
}

async fn kill_again_and_again(place: &str) {
    let mut acked: HashMap<Uuid, Acked> = HashMap::new();
    for round in 0..ROUNDS {
        // A random moment: after this many acknowledgements, at once in the first round.
        let after = Uuid::new_v4().as_u128() as usize % 300 * round.min(1);
        for one in run_and_kill(place, after) {
            let before = acked.insert(one.id, one.clone());
            assert!(
                before.is_none_or(|before| before == one),
                "one id, one number: {one:?}"
            );
        }
        check(place, &acked).await;
    }
    assert!(
        acked.len() > ROUNDS,
        "the children hardly wrote anything: {}",
        acked.len()
    );
}

fn run_and_kill(place: &str, after: usize) -> Vec<Acked> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store_kill::child", "--ignored", "--nocapture"])
        .env(PLACE, place)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .split(b'\n')
        .map(Result::unwrap);
    let mut acked = Vec::new();
    while acked.len() < after {
        let line = lines.next().expect("the child writes until it is killed");
        acked.extend(parse(&line));
    }
    child.kill().unwrap();
    acked.extend(lines.filter_map(|line| parse(&line)));
    child.wait().unwrap();
    acked
}

/// A line that was cut off says nothing: an id that is not whole is no id.
fn parse(line: &[u8]) -> Option<Acked> {
    let words: Vec<_> = std::str::from_utf8(line).ok()?.split(' ').collect();
    let [ACKED, chat, writer, seq, id] = words[..] else {
        return None;
    };
    Some(Acked {
        chat: chat.parse().ok()?,
        seq: seq.parse().ok()?,
        id: id.parse().ok()?,
        writer: writer.parse().ok()?,
    })
}

async fn check(place: &str, acked: &HashMap<Uuid, Acked>) {
    let store = open(place).await;
    let mut stored = HashMap::new();
    for number in 0..CHATS {
        let messages = store
            .messages(&chat(number), Page::After(0), usize::MAX)
            .await
            .unwrap();
        assert_eq!(
            seqs(&messages),
            (1..=messages.len() as Seq).collect::<Vec<_>>(),
            "gapless"
        );
        for message in messages {
            let id = message.draft.id;
            assert!(
                stored.insert(id, (number, message.seq)).is_none(),
                "{id} is there twice"
            );
        }
    }
    for one in acked.values() {
        assert_eq!(stored.get(&one.id), Some(&(one.chat, one.seq)), "{one:?}");
    }
    // A client that was not told yet, or lost the answer, sends again and gets the same number.
    for one in acked.values().take(20) {
        let again = message(one.chat, one.writer, one.id);
        match append(&*store, again).await {
            Appended::Repeated(stored) => assert_eq!(stored.seq, one.seq),
            Appended::New(stored) => panic!("stored again: {stored:?}"),
        }
    }
    store.close().await.unwrap();
}

async fn append(store: &dyn Store, draft: Draft) -> Appended {
    let (waiter, outcome) = tokio::sync::oneshot::channel();
    let entry = charla_server::publish::Entry {
        draft,
        receipt: charla_server::publish::Receipt::Waiter(waiter),
    };
    store.append(entry).unwrap();
    outcome.await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs as a child of the test above, until it is killed"]
async fn child() {
    let place = std::env::var(PLACE).expect("only as a child");
    let store = open(&place).await;
    store
        .put_tenant(&TenantId::parse("killed").unwrap(), "Killed")
        .await
        .unwrap();
    for number in 0..CHATS {
        store.put_chat(&chat(number), None).await.unwrap();
    }
    let writers = (0..WRITERS).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for turn in writer.. {
                let (number, id) = (turn % CHATS, Uuid::new_v4());
                let (Appended::New(stored) | Appended::Repeated(stored)) =
                    append(&*store, message(number, writer, id)).await;
                println!("{ACKED} {number} {writer} {} {id}", stored.seq);
            }
        })
    });
    futures_util::future::join_all(writers).await;
}
