//! Sweeping, epochs, and what is kept of one person.

use std::sync::Arc;
use std::time::Duration;

use charla_server::store::care::{Keep, Swept, Words};
use charla_server::store::webhooks::{Kinds, Letters, Outcome, Settled, Turn, Wanted};
use charla_server::store::{Notification, Page, RefreshToken, UserChange, UserState};
use charla_wire::Timestamp;
use serde_json::{Value, json};

use super::{Bench, author, draft, person, room, seqs, texts, user};

const DAY: i64 = 24 * 3600 * 1000;

fn older_than(since: Timestamp) -> Keep {
    Keep {
        since: Some(since),
        newest: None,
        settled: since,
    }
}

fn these(messages: u64) -> Swept {
    Swept::These { messages, next: None }
}

pub(crate) async fn the_oldest_go_and_numbers_go_on(bench: &Bench) {
    let room = bench.room().await;
    for text in ["1", "2", "3"] {
        bench.store_new(draft(&room, "ana", text)).await;
    }
    bench.pass(DAY);
    let noon = bench.now();
    bench.store_new(draft(&room, "ana", "4")).await;
    let swept = bench.store.sweep(&room.tenant, None, older_than(noon), 10).await;
    assert_eq!(swept.unwrap(), these(3));
    let left = bench.store.messages(&room, Page::Latest, 10).await.unwrap();
    assert_eq!(texts(&left), ["4"]);
    assert_eq!(bench.store_new(draft(&room, "ana", "5")).await.seq, 5);
    // Even when nothing is left.
    bench.pass(DAY);
    let swept = bench
        .store
        .sweep(&room.tenant, None, older_than(bench.now()), 10)
        .await;
    assert_eq!(swept.unwrap(), these(2));
    assert_eq!(bench.store_new(draft(&room, "ana", "6")).await.seq, 6);
    assert_eq!(bench.store.chat(&room).await.unwrap().unwrap().last_seq, 6);
}

pub(crate) async fn what_is_too_much_goes_once_it_is_settled(bench: &Bench) {
    let room = bench.room().await;
    for _ in 0..3 {
        bench.store_new(draft(&room, "ana", "old")).await;
    }
    bench.pass(DAY);
    let settled = bench.now();
    let repeated = draft(&room, "ana", "new");
    for draft in [repeated.clone(), draft(&room, "ana", "newer")] {
        bench.store_new(draft).await;
    }
    let keep = |settled| Keep {
        since: None,
        newest: Some(1),
        settled,
    };
    let sweep = async |settled| {
        bench
            .store
            .sweep(&room.tenant, None, keep(settled), 10)
            .await
            .unwrap()
    };
    assert_eq!(sweep(settled).await, these(3), "the others may be repeated yet");
    let again = bench.append(repeated).await.unwrap();
    assert!(
        matches!(&again, charla_server::store::Appended::Repeated(stored) if stored.seq == 4),
        "{again:?}"
    );
    bench.pass(DAY);
    assert_eq!(sweep(bench.now()).await, these(1));
    let left = bench.store.messages(&room, Page::Latest, 10).await.unwrap();
    assert_eq!(seqs(&left), [5]);
}

pub(crate) async fn a_sweep_goes_on_where_it_stopped(bench: &Bench) {
    let tenant = bench.tenant().await;
    let other = bench.room().await;
    bench.store_new(draft(&other, "ana", "another tenant's")).await;
    for chat in ["a", "b", "c"] {
        let room = room(&tenant, chat);
        bench.store.put_chat(&room, None).await.unwrap();
        for _ in 0..3 {
            bench.store_new(draft(&room, "ana", "x")).await;
        }
    }
    bench.pass(DAY);
    let (mut from, mut each) = (None, Vec::new());
    loop {
        let keep = older_than(bench.now());
        let swept = bench.store.sweep(&tenant, from.as_ref(), keep, 4).await.unwrap();
        let Swept::These { messages, next } = swept else {
            panic!("nobody else sweeps")
        };
        each.push(messages);
        from = next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(each, [4, 4, 1]);
    let spared = bench.store.messages(&other, Page::Latest, 10).await.unwrap();
    assert_eq!(spared.len(), 1);
}

pub(crate) async fn an_epoch_lasts_until_another_begins(bench: &Bench) {
    let first = bench.store.epoch().await.unwrap();
    bench.pass(DAY);
    assert_eq!(bench.store.epoch().await.unwrap(), first);
    let second = bench.store.begin_epoch().await.unwrap();
    assert!(second > first);
    // The clock stands still, or went back.
    bench.pass(-DAY);
    let third = bench.store.begin_epoch().await.unwrap();
    assert!(third > second);
    assert_eq!(bench.store.epoch().await.unwrap(), third);
}

pub(crate) async fn all_that_is_kept_of_somebody_is_found(bench: &Bench) {
    let room = bench.room().await;
    let ana = person(&room.tenant, "ana");
    bench.store.put_member(&room, &ana.user).await.unwrap();
    bench.store_new(draft(&room, "luis", "hello")).await;
    bench.store_new(draft(&room, "ana", "hola")).await;
    let expires_at = Timestamp::from_millis(bench.now().as_millis() + DAY);
    let token = RefreshToken {
        jti: "one".into(),
        family: "one".into(),
        user: ana.clone(),
        expires_at,
    };
    bench.store.put_refresh(token).await.unwrap();
    let traces = bench.store.traces(&ana).await.unwrap();
    assert_eq!(traces.memberships, [(room.chat.clone(), bench.now())]);
    assert_eq!(traces.reads, [(room.chat.clone(), 2)]);
    assert_eq!(traces.sessions, [expires_at]);
    let written = bench.store.written_by(&room, &ana.user, 0, 10).await.unwrap();
    assert_eq!(texts(&written), ["hola"]);
    let after = bench.store.written_by(&room, &ana.user, 2, 10).await.unwrap();
    assert!(after.is_empty());
}

pub(crate) async fn words_change_hands_or_go(bench: &Bench) {
    let room = bench.room().await;
    for (who, text) in [("ana", "1"), ("luis", "2"), ("ana", "3"), ("ana", "4")] {
        bench.store_new(draft(&room, who, text)).await;
    }
    let (ana, alias) = (user("ana"), user("erased-1"));
    let kept = bench
        .store
        .disown(&room, &ana, &alias, Words::Stay, 1)
        .await
        .unwrap();
    assert_eq!((kept[0].0, kept[0].1.seq), (1, 1));
    let gone = bench
        .store
        .disown(&room, &ana, &alias, Words::Go, 10)
        .await
        .unwrap();
    assert_eq!(gone.iter().map(|(rev, _)| *rev).collect::<Vec<_>>(), [2, 3]);
    let none = bench
        .store
        .disown(&room, &ana, &alias, Words::Go, 10)
        .await
        .unwrap();
    assert!(none.is_empty());
    let left = bench.store.messages(&room, Page::Latest, 10).await.unwrap();
    assert_eq!(texts(&left), ["1", "2", "", ""]);
    let authors: Vec<_> = left
        .iter()
        .map(|message| message.draft.author.id.as_str())
        .collect();
    assert_eq!(authors, ["erased-1", "luis", "erased-1", "erased-1"]);
    // Whoever comes back is told like of any change.
    let changed = bench.store.changed_since(&room, 0, 4, 10).await.unwrap();
    assert_eq!(seqs(&changed), [1, 3, 4]);
    assert!(changed[1].deleted && !changed[0].deleted);
}

pub(crate) async fn who_is_forgotten_leaves_an_id(bench: &Bench) {
    let room = bench.room().await;
    let ana = person(&room.tenant, "ana");
    let change = UserChange {
        name: Some("Ana López".into()),
        password: Some("a hash".into()),
        ..UserChange::default()
    };
    bench.store.put_user(&ana, change).await.unwrap();
    bench.store.put_member(&room, &ana.user).await.unwrap();
    bench.store_new(draft(&room, "ana", "hola")).await;
    let note = Notification {
        id: 0,
        kind: "note".into(),
        text: "for Ana".into(),
        url: None,
        data: None,
        created_at: bench.now(),
        read: false,
    };
    bench.store.notify(&ana, note).await.unwrap().unwrap();
    bench
        .store
        .close_chat(&room, &author("ana"), Some("done"))
        .await
        .unwrap();
    bench
        .store
        .forget(&ana, &user("erased-1"), Words::Go)
        .await
        .unwrap();
    assert_eq!(bench.store.traces(&ana).await.unwrap(), Default::default());
    assert!(bench.store.notifications(&ana, 10).await.unwrap().is_empty());
    let left = bench.store.user(&ana).await.unwrap().unwrap();
    assert_eq!(
        (&*left.name, left.state, left.password),
        ("erased-1", UserState::Deleted, None)
    );
    let closed = bench.store.chat(&room).await.unwrap().unwrap().closed.unwrap();
    assert_eq!((closed.by.id.as_str(), closed.reason), ("erased-1", None));
}

/// What is due for an endpoint, one behind the other; what becomes of each is `outcome`'s to say.
async fn sent(bench: &Bench, endpoint: &Arc<str>, most: usize, outcome: Outcome) -> Vec<Value> {
    let (mut sent, mut settled) = (Vec::new(), Vec::new());
    loop {
        let turn = Turn {
            endpoint: Arc::clone(endpoint),
            settled: std::mem::take(&mut settled),
            free: usize::from(sent.len() < most),
            lease: Duration::from_secs(60),
        };
        let taken = bench.store.webhook_turn(turn).await.unwrap();
        if taken.deliveries.is_empty() {
            return sent;
        }
        for delivery in taken.deliveries {
            sent.push(serde_json::from_str(&delivery.body).unwrap());
            settled.push(Settled {
                row: delivery.row,
                attempt: delivery.attempt,
                outcome: outcome.clone(),
            });
        }
    }
}

pub(crate) async fn who_is_forgotten_is_so_in_what_is_still_to_be_told(bench: &Bench) {
    let room = bench.room().await;
    let endpoint: Arc<str> = room.tenant.as_str().into();
    let wanted = Wanted {
        endpoints: vec![(Arc::clone(&endpoint), Kinds::all())],
        room: 100,
    };
    bench.store.hooks().listen([(room.tenant.clone(), wanted)].into());
    let ana = person(&room.tenant, "ana");
    for (who, text) in [("ana", "given up \u{0}"), ("ana", "waits"), ("luis", "says ana")] {
        let mut said = draft(&room, who, text);
        said.data = Some("{\"ana\":1}".into());
        bench.store_new(said).await;
    }
    bench.store.put_member(&room, &ana.user).await.unwrap();
    let by = author("ana");
    bench
        .store
        .close_chat(&room, &by, Some("ana says so"))
        .await
        .unwrap();
    let given_up = sent(bench, &endpoint, 1, Outcome::Dead("no".into())).await;
    assert_eq!(given_up[0]["data"]["text"], "given up \u{0}");
    bench
        .store
        .forget(&ana, &user("erased-1"), Words::Go)
        .await
        .unwrap();

    let of_tenant = Letters {
        tenant: Some(room.tenant.clone()),
        ..Letters::default()
    };
    let letters = bench.store.dead_letters(of_tenant, None, 10).await.unwrap();
    let [letter] = letters.as_slice() else {
        panic!("{letters:?}")
    };
    let letter: Value = serde_json::from_str(&letter.body).unwrap();
    let nobody = json!({"id": "erased-1", "name": "erased-1"});
    let told = sent(bench, &endpoint, 100, Outcome::Delivered).await;
    let kinds: Vec<&str> = told.iter().map(|one| one["type"].as_str().unwrap()).collect();
    let in_order = [
        "message.created",
        "message.created",
        "member.joined",
        "chat.closed",
    ];
    assert_eq!(kinds, in_order, "no event is lost");
    for one in [&letter, &told[0]] {
        let data = &one["data"];
        assert_eq!(
            (&data["author"], &data["text"], &data["data"]),
            (&nobody, &json!(""), &Value::Null)
        );
    }
    assert_eq!(
        (&letter["data"]["seq"], &told[0]["data"]["seq"]),
        (&json!(1), &json!(2))
    );
    let others = &told[1]["data"];
    assert_eq!(
        (&others["text"], &others["data"], &others["author"]["id"]),
        (&json!("says ana"), &json!({"ana": 1}), &json!("luis"))
    );
    assert_eq!(told[2]["data"]["user"], "erased-1");
    assert_eq!(
        (&told[3]["data"]["by"], &told[3]["data"]["reason"]),
        (&nobody, &Value::Null)
    );
    bench.store.hooks().listen([].into());
}
