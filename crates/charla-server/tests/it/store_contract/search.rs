//! Messages by their words.

use charla_core::RoomKey;
use charla_server::store::care::{Keep, Words};
use charla_server::store::search::Query;

use super::{Bench, draft, seqs, user};

async fn take_all_in(bench: &Bench, room: &RoomKey) {
    while !bench.store.take_in(room, 100).await.unwrap().all {}
}

async fn found(bench: &Bench, room: &RoomKey, words: &str) -> Vec<u64> {
    let query = Query::parse(words).unwrap();
    seqs(&bench.store.find(room, &query, None, 100).await.unwrap())
}

pub(crate) async fn words_are_found_without_accents(bench: &Bench) {
    let (room, other) = (bench.room().await, bench.room().await);
    for text in [
        "¿Dónde está el CAFÉ?",
        "la cafetería, mañana",
        "nothing of the kind",
        "It's OR'd \"quoted\" & '#1':*",
        "👋",
    ] {
        bench.store_new(draft(&room, "ana", text)).await;
    }
    bench.store_new(draft(&other, "ana", "café elsewhere")).await;
    assert!(
        found(bench, &room, "cafe").await.is_empty(),
        "nothing was taken in"
    );
    take_all_in(bench, &room).await;
    take_all_in(bench, &other).await;
    for (words, expected) in [
        ("cafe", vec![2, 1]),
        ("CAFÉ", vec![2, 1]),
        ("cafe donde", vec![1]),
        ("donde cafe", vec![1]),
        ("manana caf", vec![2]),
        ("caf manana", vec![]),
        ("mañ", vec![2]),
        ("or", vec![4]),
        ("\"quoted\" NEAR", vec![]),
        ("quoted 1", vec![4]),
        ("of AND the", vec![]),
        ("elsewhere", vec![]),
    ] {
        assert_eq!(found(bench, &room, words).await, expected, "{words}");
    }
    assert_eq!(found(bench, &other, "cafe").await, [1]);
    let query = Query::parse("cafe").unwrap();
    let before = bench.store.find(&room, &query, Some(2), 10).await.unwrap();
    assert_eq!(seqs(&before), [1]);
    let one = bench.store.find(&room, &query, None, 1).await.unwrap();
    assert_eq!(seqs(&one), [2]);
}

pub(crate) async fn changes_are_found_as_they_are(bench: &Bench) {
    let room = bench.room().await;
    for text in ["uno", "dos", "tres", "cuatro", "cinco"] {
        bench.store_new(draft(&room, "ana", text)).await;
    }
    take_all_in(bench, &room).await;
    let ana = user("ana");
    bench.store.edit(&room, 1, &ana, false, "seis dos").await.unwrap();
    bench.store.delete(&room, 2, &ana, false).await.unwrap();
    assert_eq!(found(bench, &room, "dos").await, [1]);
    assert_eq!(found(bench, &room, "uno").await, [0_u64; 0]);
    // What came later is taken in with the next question.
    bench.store_new(draft(&room, "ana", "dos otra vez")).await;
    bench
        .store
        .edit(&room, 6, &ana, false, "dos otra más")
        .await
        .unwrap();
    take_all_in(bench, &room).await;
    assert_eq!(found(bench, &room, "dos").await, [6, 1]);
    assert_eq!(found(bench, &room, "mas").await, [6]);
    let alias = user("erased-1");
    bench
        .store
        .disown(&room, &ana, &alias, Words::Go, 3)
        .await
        .unwrap();
    assert_eq!(found(bench, &room, "dos").await, [6]);
    bench.pass(1);
    let keep = Keep {
        since: Some(bench.now()),
        newest: None,
        settled: bench.now(),
    };
    bench.store.sweep(&room.tenant, None, keep, 100).await.unwrap();
    assert!(found(bench, &room, "dos").await.is_empty());
    bench.store_new(draft(&room, "ana", "dos")).await;
    take_all_in(bench, &room).await;
    assert_eq!(found(bench, &room, "dos").await, [7]);
}

pub(crate) async fn a_chat_is_taken_in_from_its_end(bench: &Bench) {
    let room = bench.room().await;
    for _ in 0..5 {
        bench.store_new(draft(&room, "ana", "hola")).await;
    }
    assert!(!bench.store.take_in(&room, 2).await.unwrap().all);
    assert_eq!(found(bench, &room, "hola").await, [5, 4]);
    // Something newer comes first.
    bench.store_new(draft(&room, "ana", "hola")).await;
    assert!(!bench.store.take_in(&room, 2).await.unwrap().all);
    assert_eq!(found(bench, &room, "hola").await, [6, 5, 4]);
    assert!(!bench.store.take_in(&room, 2).await.unwrap().all);
    assert!(bench.store.take_in(&room, 2).await.unwrap().all);
    assert_eq!(found(bench, &room, "hola").await, [6, 5, 4, 3, 2, 1]);
    assert!(bench.store.take_in(&room, 2).await.unwrap().all);
}
