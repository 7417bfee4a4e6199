//! Order, once, and what is refused.

use std::collections::HashSet;
use std::sync::Arc;

use charla_core::Draft;
use charla_server::store::{AppendError, Appended, Changed, Page, RefreshToken, StoreError};

use super::{Bench, author, draft, person, room, seqs, texts, user};

pub(crate) async fn numbers_have_no_gaps_under_twenty_appenders(bench: &Bench) {
    let tenant = bench.tenant().await;
    let rooms: Vec<_> = (0..3).map(|n| room(&tenant, &n.to_string())).collect();
    for room in &rooms {
        bench.store.put_chat(room, None).await.unwrap();
    }
    let appenders = (0..20).map(|n| {
        let rooms = &rooms;
        async move {
            let mut last = vec![0; rooms.len()];
            for i in 0..50 {
                let which = (n + i) % rooms.len();
                let stored = bench
                    .store_new(draft(&rooms[which], &format!("u{n}"), &format!("{n}.{i}")))
                    .await;
                assert!(
                    stored.seq > last[which],
                    "one appender's messages keep their order"
                );
                last[which] = stored.seq;
            }
        }
    });
    futures_util::future::join_all(appenders).await;
    let mut total = 0;
    for room in &rooms {
        let stored = bench.store.messages(room, Page::After(0), 2_000).await.unwrap();
        let expected: Vec<u64> = (1..=stored.len() as u64).collect();
        assert_eq!(seqs(&stored), expected);
        assert_eq!(
            bench.store.chat(room).await.unwrap().unwrap().last_seq,
            stored.len() as u64
        );
        let distinct: HashSet<_> = texts(&stored).into_iter().collect();
        assert_eq!(distinct.len(), stored.len());
        total += stored.len();
    }
    assert_eq!(total, 1_000);
}

pub(crate) async fn the_sink_hears_in_commit_order(bench: &Bench) {
    let room = bench.room().await;
    let outcomes: Vec<_> = (0..500)
        .map(|n| bench.hand_over(draft(&room, "u", &n.to_string())))
        .collect();
    for (n, outcome) in outcomes.into_iter().enumerate() {
        match outcome.await.unwrap() {
            Ok(Appended::New(stored)) => {
                assert_eq!(stored.seq, n as u64 + 1, "handed over first, numbered first")
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(bench.heard(&room), (1..=500).collect::<Vec<u64>>());
}

pub(crate) async fn a_repeat_gets_the_same_number(bench: &Bench) {
    let room = bench.room().await;
    let first = draft(&room, "ana", "hola");
    let stored = bench.store_new(first.clone()).await;
    assert_eq!(stored.draft, first);
    assert_eq!(stored.sent_at, bench.now());
    bench.store_new(draft(&room, "ana", "hola")).await;
    bench.pass(5_000);
    assert_eq!(bench.append(first).await, Ok(Appended::Repeated(stored)));
    assert_eq!(bench.heard(&room), [1, 2]);
    assert_eq!(
        bench.store.messages(&room, Page::Latest, 10).await.unwrap().len(),
        2
    );
}

pub(crate) async fn repeats_inside_one_group_are_one_message(bench: &Bench) {
    let room = bench.room().await;
    let same = draft(&room, "ana", "once");
    let outcomes: Vec<_> = (0..300).map(|_| bench.hand_over(same.clone())).collect();
    let mut new = 0;
    for outcome in outcomes {
        match outcome.await.unwrap() {
            Ok(Appended::New(stored)) => {
                new += 1;
                assert_eq!(stored.seq, 1);
            }
            Ok(Appended::Repeated(stored)) => assert_eq!(stored.seq, 1),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(new, 1);
    assert_eq!(
        bench.store_new(draft(&room, "ana", "next")).await.seq,
        2,
        "a repeat uses up no number"
    );
}

pub(crate) async fn an_id_used_for_other_words_is_a_conflict(bench: &Bench) {
    let room = bench.room().await;
    let first = Draft {
        data: Some(r#"{"a":1}"#.into()),
        ..draft(&room, "ana", "hola")
    };
    bench.store_new(first.clone()).await;
    let others = [
        Draft {
            text: "adiós".into(),
            ..first.clone()
        },
        Draft {
            data: None,
            ..first.clone()
        },
        Draft {
            data: Some(r#"{"a":2}"#.into()),
            ..first.clone()
        },
    ];
    for other in others {
        assert_eq!(bench.append(other).await, Err(AppendError::IdConflict));
    }
    let kept = bench.store.messages(&room, Page::Latest, 10).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].draft, first);
}

pub(crate) async fn ids_are_each_authors_own(bench: &Bench) {
    let room = bench.room().await;
    let first = draft(&room, "ana", "hola");
    let other = Draft {
        author: author("bea"),
        ..first.clone()
    };
    assert_eq!(bench.store_new(first).await.seq, 1);
    assert_eq!(bench.store_new(other).await.seq, 2);
}

pub(crate) async fn a_changed_message_still_recognises_its_repeat(bench: &Bench) {
    let room = bench.room().await;
    let (edited, deleted) = (draft(&room, "ana", "one"), draft(&room, "ana", "two"));
    bench.store_new(edited.clone()).await;
    bench.store_new(deleted.clone()).await;
    bench
        .store
        .edit(&room, 1, &user("ana"), false, "uno")
        .await
        .unwrap();
    bench.store.delete(&room, 2, &user("ana"), false).await.unwrap();
    for (draft, seq) in [(edited, 1), (deleted, 2)] {
        match bench.append(draft).await {
            Ok(Appended::Repeated(stored)) => assert_eq!(stored.seq, seq),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) async fn an_unknown_chat_takes_nothing(bench: &Bench) {
    let here = bench.room().await;
    let nowhere = room(&here.tenant, "2");
    assert_eq!(
        bench.append(draft(&nowhere, "ana", "hola")).await,
        Err(AppendError::NoChat)
    );
    bench.store.put_chat(&nowhere, None).await.unwrap();
    assert_eq!(bench.store_new(draft(&nowhere, "ana", "hola")).await.seq, 1);
}

pub(crate) async fn a_closed_chat_takes_only_repeats(bench: &Bench) {
    let room = bench.room().await;
    let before = draft(&room, "ana", "before");
    let stored = bench.store_new(before.clone()).await;
    bench
        .store
        .close_chat(&room, &author("staff"), None)
        .await
        .unwrap();
    assert_eq!(
        bench.append(draft(&room, "ana", "after")).await,
        Err(AppendError::Closed)
    );
    assert_eq!(bench.append(before.clone()).await, Ok(Appended::Repeated(stored)));
    let other_words = Draft {
        text: "others".into(),
        ..before
    };
    assert_eq!(bench.append(other_words).await, Err(AppendError::IdConflict));
    bench.store.reopen_chat(&room).await.unwrap();
    assert_eq!(bench.store_new(draft(&room, "ana", "again")).await.seq, 2);
}

pub(crate) async fn words_come_back_as_they_went_in(bench: &Bench) {
    let room = bench.room().await;
    let long = "ñ".repeat(8 * 1024);
    let cases = [
        ("", Some(r#"{"only":"data"}"#)),
        ("'; DROP TABLE messages; --", None),
        (
            "\u{202e}right to left\u{1F468}\u{200D}\u{1F469}",
            Some("[1e400,\"\\u0000\"]"),
        ),
        ("line\r\nbreak\ttab", Some("null")),
        ("a\u{0}b\u{10FFFF}0", None),
        (long.as_str(), None),
    ];
    for (text, data) in cases {
        let sent = Draft {
            data: data.map(Arc::from),
            ..draft(&room, "ana@example.org", text)
        };
        let stored = bench.store_new(sent.clone()).await;
        let read = bench.store.messages(&room, Page::Latest, 1).await.unwrap();
        assert_eq!(read, [stored]);
        assert_eq!(read[0].draft, sent);
    }
}

pub(crate) async fn a_clock_that_steps_back_changes_no_order(bench: &Bench) {
    let room = bench.room().await;
    for (n, step) in [0, 3_600_000, -7_200_000, 1].into_iter().enumerate() {
        bench.pass(step);
        let stored = bench.store_new(draft(&room, "ana", &n.to_string())).await;
        assert_eq!(stored.seq, n as u64 + 1);
        assert_eq!(stored.sent_at, bench.now());
    }
    let read = bench.store.messages(&room, Page::After(0), 10).await.unwrap();
    assert_eq!(texts(&read), ["0", "1", "2", "3"]);
}

/// A task that fails stands between appends and other tasks, all handed over at once.
pub(crate) async fn one_failing_task_spares_its_group(bench: &Bench) {
    let room = bench.room().await;
    let token = |jti: &str| RefreshToken {
        jti: format!("{jti}{}", room.tenant),
        family: format!("family{}", room.tenant),
        user: person(&room.tenant, "ana"),
        expires_at: bench.now().plus_millis(1_000),
    };
    bench.store.put_refresh(token("a")).await.unwrap();
    let reader = user("reader");
    let before = bench.hand_over(draft(&room, "ana", "before"));
    let twice = bench.store.put_refresh(token("a"));
    let marked = bench.store.mark_read(&room, &reader, 1);
    let other = bench.store.put_refresh(token("b"));
    let after = bench.hand_over(draft(&room, "ana", "after"));
    assert!(matches!(twice.await, Err(StoreError::Internal(_))));
    assert_eq!(marked.await.unwrap(), Some(1));
    other.await.unwrap();
    for outcome in [before, after] {
        assert!(matches!(outcome.await.unwrap(), Ok(Appended::New(_))));
    }
    let read = bench.store.messages(&room, Page::After(0), 10).await.unwrap();
    assert_eq!(texts(&read), ["before", "after"]);
    let change = bench
        .store
        .edit(&room, 2, &user("ana"), false, "later")
        .await
        .unwrap();
    assert!(matches!(change, Changed::Done { rev: 1, .. }));
}
