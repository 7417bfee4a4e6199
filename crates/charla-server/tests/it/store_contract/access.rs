//! Keys, tokens, tickets, and the store's own health.

use charla_server::store::{ApiKey, Page, RefreshToken, Rotated, StoreError};
use uuid::Uuid;

use super::{Bench, draft, person};

fn unique() -> String {
    Uuid::new_v4().simple().to_string()
}

pub(crate) async fn api_keys_are_kept_by_their_hash(bench: &Bench) {
    let tenant = bench.tenant().await;
    let key = |tenant, label: &str| ApiKey {
        hash: unique(),
        tenant,
        label: label.into(),
        created_at: bench.now(),
    };
    let (ours, everywhere) = (key(Some(tenant.clone()), "shop"), key(None, "operator"));
    for key in [&ours, &everywhere] {
        bench.store.put_api_key(key.clone()).await.unwrap();
        assert_eq!(bench.store.api_key(&key.hash).await.unwrap(), Some(key.clone()));
    }
    assert_eq!(
        bench.store.api_keys(Some(&tenant)).await.unwrap(),
        std::slice::from_ref(&ours)
    );
    let all = bench.store.api_keys(None).await.unwrap();
    assert!(all.contains(&ours) && all.contains(&everywhere));
    assert!(bench.store.remove_api_key(&ours.hash).await.unwrap());
    assert!(!bench.store.remove_api_key(&ours.hash).await.unwrap());
    assert_eq!(bench.store.api_key(&ours.hash).await.unwrap(), None);
}

async fn family(bench: &Bench) -> RefreshToken {
    let token = RefreshToken {
        jti: unique(),
        family: unique(),
        user: person(&bench.tenant().await, "ana"),
        expires_at: bench.now().plus_millis(10_000),
    };
    bench.store.put_refresh(token.clone()).await.unwrap();
    token
}

fn next_of(token: &RefreshToken) -> RefreshToken {
    RefreshToken {
        jti: unique(),
        ..token.clone()
    }
}

pub(crate) async fn a_refresh_token_is_spent_once(bench: &Bench) {
    let first = family(bench).await;
    let second = next_of(&first);
    assert_eq!(
        bench
            .store
            .rotate_refresh(&first.jti, second.clone())
            .await
            .unwrap(),
        Rotated::Next
    );
    let third = next_of(&first);
    assert_eq!(
        bench
            .store
            .rotate_refresh(&second.jti, third.clone())
            .await
            .unwrap(),
        Rotated::Next
    );
    assert_eq!(
        bench
            .store
            .rotate_refresh("unknown", next_of(&first))
            .await
            .unwrap(),
        Rotated::Refused
    );
    let stolen = RefreshToken {
        user: person(&first.user.tenant, "bea"),
        ..next_of(&first)
    };
    assert_eq!(
        bench.store.rotate_refresh(&third.jti, stolen).await.unwrap(),
        Rotated::Refused
    );
    bench.pass(10_000);
    assert_eq!(
        bench
            .store
            .rotate_refresh(&third.jti, next_of(&first))
            .await
            .unwrap(),
        Rotated::Refused
    );
}

pub(crate) async fn reuse_ends_the_whole_family(bench: &Bench) {
    let first = family(bench).await;
    let other_login = RefreshToken {
        family: unique(),
        ..next_of(&first)
    };
    bench.store.put_refresh(other_login.clone()).await.unwrap();
    let second = next_of(&first);
    bench
        .store
        .rotate_refresh(&first.jti, second.clone())
        .await
        .unwrap();
    assert_eq!(
        bench
            .store
            .rotate_refresh(&first.jti, next_of(&first))
            .await
            .unwrap(),
        Rotated::Reused
    );
    for jti in [&first.jti, &second.jti] {
        assert_eq!(
            bench.store.rotate_refresh(jti, next_of(&first)).await.unwrap(),
            Rotated::Refused
        );
    }
    let next = next_of(&other_login);
    assert_eq!(
        bench.store.rotate_refresh(&other_login.jti, next).await.unwrap(),
        Rotated::Next
    );
}

pub(crate) async fn refresh_tokens_raced_are_spent_once(bench: &Bench) {
    let first = family(bench).await;
    let tries = (0..20).map(|_| bench.store.rotate_refresh(&first.jti, next_of(&first)));
    let outcomes = futures_util::future::join_all(tries).await;
    let count = |wanted| {
        outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Ok(got) if *got == wanted))
            .count()
    };
    assert_eq!(
        (
            count(Rotated::Next),
            count(Rotated::Reused),
            count(Rotated::Refused)
        ),
        (1, 1, 18)
    );
}

pub(crate) async fn a_log_out_ends_every_family_of_the_user(bench: &Bench) {
    let (mine, theirs) = (family(bench).await, family(bench).await);
    let again = RefreshToken {
        family: unique(),
        ..next_of(&mine)
    };
    bench.store.put_refresh(again.clone()).await.unwrap();
    bench.store.revoke_refresh(&mine.user).await.unwrap();
    for token in [&mine, &again] {
        let outcome = bench
            .store
            .rotate_refresh(&token.jti, next_of(token))
            .await
            .unwrap();
        assert_eq!(outcome, Rotated::Refused);
    }
    assert_eq!(
        bench
            .store
            .rotate_refresh(&theirs.jti, next_of(&theirs))
            .await
            .unwrap(),
        Rotated::Next
    );
}

pub(crate) async fn revocations_last_until_their_time(bench: &Bench) {
    let (ours, theirs) = (bench.tenant().await, bench.tenant().await);
    let jti = unique();
    let until = bench.now().plus_millis(5_000);
    bench.store.revoke_token(&ours, &jti, until).await.unwrap();
    bench
        .store
        .revoke_token(&ours, &jti, until.plus_millis(-1_000))
        .await
        .unwrap();
    bench
        .store
        .revoke_token(&theirs, &jti, until.plus_millis(1_000))
        .await
        .unwrap();
    let mine = async || {
        let mut all = bench.store.revoked_tokens().await.unwrap();
        all.retain(|(_, revoked, _)| *revoked == jti);
        all
    };
    let later = (theirs.clone(), jti.clone(), until.plus_millis(1_000));
    assert_eq!(mine().await, [(ours, jti.clone(), until), later.clone()]);
    bench.pass(5_000);
    assert_eq!(mine().await, [later]);
}

pub(crate) async fn a_ticket_is_taken_once_under_a_race(bench: &Bench) {
    let hash = unique();
    let until = bench.now().plus_millis(30_000);
    bench
        .store
        .put_ticket(&hash, r#"{"user":"ana"}"#, until)
        .await
        .unwrap();
    // Looking takes nothing.
    for _ in 0..2 {
        let seen = bench.store.ticket(&hash).await.unwrap();
        assert_eq!(seen.as_deref(), Some(r#"{"user":"ana"}"#));
    }
    let takers = (0..50).map(|_| bench.store.take_ticket(&hash));
    let taken = futures_util::future::join_all(takers).await;
    let grants: Vec<_> = taken.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(grants, [r#"{"user":"ana"}"#]);
    for gone in [&*hash, "unknown"] {
        assert_eq!(bench.store.ticket(gone).await.unwrap(), None);
        assert_eq!(bench.store.take_ticket(gone).await.unwrap(), None);
    }
}

pub(crate) async fn a_ticket_is_no_good_after_its_time(bench: &Bench) {
    let (early, late) = (unique(), unique());
    for hash in [&early, &late] {
        bench
            .store
            .put_ticket(hash, "grant", bench.now().plus_millis(30_000))
            .await
            .unwrap();
    }
    bench.pass(29_999);
    assert_eq!(
        bench.store.take_ticket(&early).await.unwrap().as_deref(),
        Some("grant")
    );
    bench.pass(1);
    assert_eq!(bench.store.ticket(&late).await.unwrap(), None);
    assert_eq!(bench.store.take_ticket(&late).await.unwrap(), None);
}

pub(crate) async fn a_kept_value_is_made_once(bench: &Bench) {
    let name = unique();
    let makers = ["a", "b", "c"].map(|fresh| bench.store.keep(&name, fresh));
    let kept = futures_util::future::join_all(makers).await;
    let first = kept[0].clone().unwrap();
    assert!(kept.iter().all(|value| value.as_ref().unwrap() == &first));
    assert_eq!(bench.store.keep(&name, "d").await.unwrap(), first);
}

pub(crate) async fn values_are_set_together_and_found_by_their_beginning(bench: &Bench) {
    let mine = format!("{}%_", unique());
    let set = |values: &[(&str, Option<&str>)]| {
        let values = values
            .iter()
            .map(|(name, value)| (format!("{mine}{name}"), value.map(str::to_owned)));
        let values: std::sync::Arc<[_]> = values.collect();
        bench.store.set_kept(values)
    };
    set(&[("b", Some("1")), ("a", Some("2"))]).await.unwrap();
    set(&[("b", None), ("a", Some("3")), ("c", Some("ñ"))])
        .await
        .unwrap();
    let kept = bench.store.kept(&mine).await.unwrap();
    let named = |name: &str, value: &str| (format!("{mine}{name}"), value.to_owned());
    assert_eq!(kept, [named("a", "3"), named("c", "ñ")]);
    let room = bench.room().await;
    let before = bench.store.chat_count(&room.tenant).await.unwrap();
    let another = charla_core::RoomKey {
        chat: charla_wire::ChatId::parse("one-more").unwrap(),
        ..room
    };
    bench.store.put_chat(&another, None).await.unwrap();
    assert_eq!(bench.store.chat_count(&another.tenant).await.unwrap(), before + 1);
}

pub(crate) async fn it_says_that_it_is_ready(bench: &Bench) {
    bench.store.ready().await.unwrap();
}

pub(crate) async fn a_closed_store_refuses_writes(bench: &Bench) {
    let room = bench.room().await;
    let outcomes: Vec<_> = (0..100)
        .map(|n| bench.hand_over(draft(&room, "ana", &n.to_string())))
        .collect();
    bench.store.close().await.unwrap();
    for outcome in outcomes {
        assert!(outcome.await.unwrap().is_ok(), "what was taken is carried out");
    }
    let refused = bench.store.put_chat(&room, Some("late")).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert!(bench.store.ready().await.is_err());
    assert_eq!(
        bench
            .store
            .messages(&room, Page::After(0), 200)
            .await
            .unwrap()
            .len(),
        100
    );
    bench.store.close().await.unwrap();
}
