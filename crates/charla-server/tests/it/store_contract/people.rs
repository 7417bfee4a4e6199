//! Tenants, users, what the handshake asks, and notes to one person.

use charla_server::store::{Notification, Role, Standing, UserChange, UserState};
use charla_wire::{ChatId, TenantId, Timestamp};

use super::{Bench, person, room, user};

pub(crate) async fn tenants_and_users_are_made_and_changed(bench: &Bench) {
    let tenant = bench.tenant().await;
    let (renamed, fresh) = bench.store.put_tenant(&tenant, "Otro").await.unwrap();
    assert!(!fresh);
    assert_eq!(
        (&renamed.id, renamed.name.as_str(), renamed.created_at),
        (&tenant, "Otro", bench.now())
    );
    assert_eq!(bench.store.tenant(&tenant).await.unwrap(), Some(renamed.clone()));
    assert!(bench.store.tenants().await.unwrap().contains(&renamed));

    let ana = person(&tenant, "ana");
    let (plain, fresh) = bench
        .store
        .put_user(&ana, UserChange::default())
        .await
        .unwrap()
        .unwrap();
    assert!(fresh);
    assert_eq!(
        (&*plain.name, plain.role, plain.state),
        ("ana", Role::Member, UserState::Active)
    );
    assert_eq!((plain.password, plain.created_at), (None, bench.now()));
    let change = UserChange {
        name: Some("Ana López".into()),
        role: Some(Role::Agent),
        state: Some(UserState::Blocked),
        password: Some("$argon2id$".into()),
        tokens_valid_from: Some(Timestamp::from_millis(7)),
    };
    let (changed, fresh) = bench.store.put_user(&ana, change).await.unwrap().unwrap();
    assert!(!fresh);
    assert_eq!(
        (&*changed.name, changed.role, changed.state),
        ("Ana López", Role::Agent, UserState::Blocked)
    );
    assert_eq!(changed.password.as_deref(), Some("$argon2id$"));
    assert_eq!(changed.tokens_valid_from, Timestamp::from_millis(7));
    let (same, _) = bench
        .store
        .put_user(&ana, UserChange::default())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(same, changed, "what is not named stays");
    assert_eq!(bench.store.user(&ana).await.unwrap(), Some(changed));

    let nobody = person(&TenantId::parse("no-such-tenant").unwrap(), "ana");
    assert!(
        bench
            .store
            .put_user(&nobody, UserChange::default())
            .await
            .unwrap()
            .is_none()
    );
    assert!(bench.store.user(&nobody).await.unwrap().is_none());
}

pub(crate) async fn deleted_users_are_known_but_not_listed(bench: &Bench) {
    let tenant = bench.tenant().await;
    for id in ["ana", "bea", "carl", "dora"] {
        bench
            .store
            .put_user(&person(&tenant, id), UserChange::default())
            .await
            .unwrap();
    }
    let gone = UserChange {
        state: Some(UserState::Deleted),
        ..UserChange::default()
    };
    bench.store.put_user(&person(&tenant, "bea"), gone).await.unwrap();
    let ids = |users: Vec<charla_server::store::User>| -> Vec<String> {
        users.into_iter().map(|user| user.key.user.to_string()).collect()
    };
    assert_eq!(
        ids(bench.store.users(&tenant, None, 10).await.unwrap()),
        ["ana", "carl", "dora"]
    );
    assert_eq!(
        ids(bench.store.users(&tenant, Some(&user("ana")), 1).await.unwrap()),
        ["carl"]
    );
    let bea = bench.store.user(&person(&tenant, "bea")).await.unwrap().unwrap();
    assert_eq!(bea.state, UserState::Deleted);
}

pub(crate) async fn a_standing_is_everything_in_one_look(bench: &Bench) {
    let tenant = bench.tenant().await;
    let (ana, chat) = (person(&tenant, "ana"), ChatId::parse("5").unwrap());
    let key = room(&tenant, "5");
    let standing = |chat| bench.store.standing(&ana, chat);
    let stranger = standing(Some(&chat)).await.unwrap();
    assert_eq!(stranger.tenant.map(|tenant| tenant.id), Some(tenant.clone()));
    assert_eq!(
        (stranger.user, stranger.chat, stranger.member),
        (None, None, false)
    );

    bench.store.put_chat(&key, None).await.unwrap();
    bench.store.put_user(&ana, UserChange::default()).await.unwrap();
    let outside = standing(Some(&chat)).await.unwrap();
    assert_eq!(outside.user.map(|user| user.key), Some(ana.clone()));
    assert_eq!(
        (outside.chat.map(|chat| chat.key), outside.member),
        (Some(key.clone()), false)
    );
    bench.store.put_member(&key, &ana.user).await.unwrap();
    assert!(standing(Some(&chat)).await.unwrap().member);
    let without = standing(None).await.unwrap();
    assert_eq!((without.chat, without.member), (None, false));

    let elsewhere = person(&TenantId::parse("no-such-tenant").unwrap(), "ana");
    let nothing = Standing {
        tenant: None,
        user: None,
        chat: None,
        member: false,
    };
    assert_eq!(
        bench.store.standing(&elsewhere, Some(&chat)).await.unwrap(),
        nothing
    );
}

pub(crate) async fn notifications_are_numbered_within_the_tenant(bench: &Bench) {
    let tenant = bench.tenant().await;
    let (ana, bea) = (person(&tenant, "ana"), person(&tenant, "bea"));
    for someone in [&ana, &bea] {
        bench
            .store
            .put_user(someone, UserChange::default())
            .await
            .unwrap();
    }
    let note = |text: &str| Notification {
        id: 99,
        kind: "oportunidad".into(),
        text: text.into(),
        url: Some("/oportunidades/7".into()),
        data: Some(r#"{"n":1}"#.into()),
        created_at: Timestamp::default(),
        read: true,
    };
    let mut stored = Vec::new();
    for (someone, text) in [(&ana, "1"), (&bea, "2"), (&ana, "3")] {
        stored.push(bench.store.notify(someone, note(text)).await.unwrap().unwrap());
    }
    let ids: Vec<_> = stored.iter().map(|note| note.id).collect();
    assert_eq!(ids, [1, 2, 3]);
    let first = Notification {
        id: 1,
        created_at: bench.now(),
        read: false,
        ..note("1")
    };
    assert_eq!(stored[0], first);
    let (third, second) = (stored.remove(2), stored.remove(1));
    assert_eq!(
        bench.store.notifications(&ana, 10).await.unwrap(),
        [third.clone(), first.clone()]
    );
    assert_eq!(
        bench.store.notifications(&ana, 1).await.unwrap(),
        std::slice::from_ref(&third)
    );
    assert!(bench.store.read_notification(&ana, 1).await.unwrap());
    assert!(
        !bench.store.read_notification(&ana, 2).await.unwrap(),
        "that one is somebody else's"
    );
    assert!(!bench.store.read_notification(&ana, u64::MAX).await.unwrap());
    let read = Notification { read: true, ..first };
    assert_eq!(bench.store.notifications(&ana, 10).await.unwrap(), [third, read]);
    assert_eq!(bench.store.notifications(&bea, 10).await.unwrap(), [second]);
    assert!(
        bench
            .store
            .notify(&person(&tenant, "nobody"), note("4"))
            .await
            .unwrap()
            .is_none()
    );
}
