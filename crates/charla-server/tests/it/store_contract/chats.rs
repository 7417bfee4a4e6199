//! Chats, what stands in them, and who has read how far.

use charla_core::{RoomKey, Seq};
use charla_server::store::{Appended, Changed, Page};
use charla_wire::ChatId;

use super::{Bench, author, draft, person, room, seqs, texts, user};

pub(crate) async fn tenants_never_mix(bench: &Bench) {
    let (ours, theirs) = (bench.room().await, bench.room().await);
    assert_eq!(ours.chat, theirs.chat);
    let same = draft(&ours, "ana", "ours");
    let stored = bench.store_new(same.clone()).await;
    let there = bench
        .store_new(charla_core::Draft {
            room: theirs.clone(),
            text: "theirs".into(),
            ..same
        })
        .await;
    assert_eq!(
        (stored.seq, there.seq),
        (1, 1),
        "each chat counts for itself, each id is its chat's own"
    );
    bench.store.put_member(&ours, &user("ana")).await.unwrap();
    bench
        .store
        .close_chat(&theirs, &author("staff"), None)
        .await
        .unwrap();
    bench
        .store
        .edit(&theirs, 1, &user("ana"), false, "changed")
        .await
        .unwrap();

    let page = bench.store.messages(&ours, Page::Latest, 10).await.unwrap();
    assert_eq!(texts(&page), ["ours"]);
    assert_eq!(page[0].draft.room, ours);
    assert!(
        bench
            .store
            .changed_since(&ours, 0, 100, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(bench.store.chat(&ours).await.unwrap().unwrap().closed.is_none());
    those_among(bench, &ours, &theirs).await;
    assert_eq!(bench.store.members(&ours).await.unwrap().len(), 1);
    assert!(bench.store.members(&theirs).await.unwrap().is_empty());
    assert!(
        bench
            .store
            .user(&person(&theirs.tenant, "ana"))
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        bench
            .store
            .inbox(&person(&theirs.tenant, "ana"), false, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let agent = person(&theirs.tenant, "agent");
    let every = bench.store.inbox(&agent, true, 10).await.unwrap();
    assert_eq!(every.len(), 1);
    assert_eq!(every[0].chat.key, theirs);
    let listed = bench.store.chats(&ours.tenant, None, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].key, ours);
}

/// Chats asked for together.
async fn those_among(bench: &Bench, ours: &RoomKey, theirs: &RoomKey) {
    let nowhere = RoomKey {
        chat: ChatId::parse("nowhere").unwrap(),
        ..ours.clone()
    };
    for asked in [&[ours.clone(), nowhere, theirs.clone()][..], &[]] {
        let mut among = bench.store.chats_among(asked).await.unwrap();
        among.sort_by_key(|chat| chat.key != *ours);
        let expected: &[_] = if asked.is_empty() {
            &[]
        } else {
            &[(ours, 0), (theirs, 1)]
        };
        let found: Vec<_> = among.iter().map(|chat| (&chat.key, chat.rev)).collect();
        assert_eq!(
            found, expected,
            "each with its own revision, and none that is not there"
        );
    }
}

pub(crate) async fn a_chat_is_made_once_and_renamed(bench: &Bench) {
    let tenant = bench.tenant().await;
    let key = room(&tenant, "a");
    let (made, fresh) = bench.store.put_chat(&key, Some("Ventas")).await.unwrap().unwrap();
    assert!(fresh);
    assert_eq!((&*made.title, made.last_seq, made.rev), ("Ventas", 0, 0));
    assert_eq!(
        (made.created_at, made.customer, made.closed),
        (bench.now(), None, None)
    );
    let (same, fresh) = bench.store.put_chat(&key, None).await.unwrap().unwrap();
    assert!(!fresh);
    assert_eq!(&*same.title, "Ventas");
    let (renamed, fresh) = bench
        .store
        .put_chat(&key, Some("Soporte"))
        .await
        .unwrap()
        .unwrap();
    assert!(!fresh);
    assert_eq!(bench.store.chat(&key).await.unwrap(), Some(renamed));
    bench.store.put_chat(&room(&tenant, "b"), None).await.unwrap();
    bench.store.put_chat(&room(&tenant, "c"), None).await.unwrap();
    let after = ChatId::parse("a").unwrap();
    let rest = bench.store.chats(&tenant, Some(&after), 1).await.unwrap();
    assert_eq!(rest[0].key, room(&tenant, "b"));
    assert_eq!(rest.len(), 1);
    let nowhere = room(&charla_wire::TenantId::parse("no-such-tenant").unwrap(), "a");
    assert!(bench.store.put_chat(&nowhere, None).await.unwrap().is_none());
    assert!(bench.store.chat(&nowhere).await.unwrap().is_none());
}

pub(crate) async fn a_support_chat_is_one_whoever_asks(bench: &Bench) {
    let tenant = bench.tenant().await;
    let customer = person(&tenant, "42");
    let fresh: Vec<_> = (0..32)
        .map(|n| ChatId::parse(&format!("s{n}")).unwrap())
        .collect();
    let asked = fresh.iter().map(|id| bench.store.support_chat(&customer, id));
    let answers = futures_util::future::join_all(asked).await;
    let chats: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.unwrap().unwrap())
        .collect();
    assert_eq!(chats.iter().filter(|(_, fresh)| *fresh).count(), 1);
    let chat = &chats[0].0;
    assert!(chats.iter().all(|(other, _)| other == chat));
    assert_eq!(chat.customer, Some(customer.user.clone()));
    assert_eq!(bench.store.chats(&tenant, None, 100).await.unwrap().len(), 1);
    let members = bench.store.members(&chat.key).await.unwrap();
    assert_eq!(members.len(), 1, "the customer belongs to it");
    assert_eq!(members[0].user, customer.user);

    let other = bench
        .store
        .support_chat(&person(&tenant, "43"), &ChatId::parse("t").unwrap())
        .await;
    let (other, fresh) = other.unwrap().unwrap();
    assert!(fresh);
    assert_ne!(other.key, chat.key);
    let nobody = person(&charla_wire::TenantId::parse("no-such-tenant").unwrap(), "42");
    assert!(
        bench
            .store
            .support_chat(&nobody, &ChatId::parse("u").unwrap())
            .await
            .unwrap()
            .is_none()
    );
}

pub(crate) async fn closing_and_opening_say_who_did_it(bench: &Bench) {
    let room = bench.room().await;
    let staff = author("staff");
    let (chat, closed) = bench
        .store
        .close_chat(&room, &staff, Some("resuelto"))
        .await
        .unwrap()
        .unwrap();
    assert!(closed);
    let end = chat.closed.unwrap();
    assert_eq!(
        (end.by, end.at, end.reason.as_deref()),
        (staff.clone(), bench.now(), Some("resuelto"))
    );
    bench.pass(1_000);
    let (again, closed) = bench
        .store
        .close_chat(&room, &author("other"), None)
        .await
        .unwrap()
        .unwrap();
    assert!(!closed);
    assert_eq!(again.closed.unwrap().by, staff, "the first one to close it stays");
    let (open, opened) = bench.store.reopen_chat(&room).await.unwrap().unwrap();
    assert!(opened);
    assert_eq!(open.closed, None);
    assert!(!bench.store.reopen_chat(&room).await.unwrap().unwrap().1);
    let nowhere = super::room(&room.tenant, "nowhere");
    assert!(
        bench
            .store
            .close_chat(&nowhere, &staff, None)
            .await
            .unwrap()
            .is_none()
    );
    assert!(bench.store.reopen_chat(&nowhere).await.unwrap().is_none());
}

pub(crate) async fn pages_go_both_ways(bench: &Bench) {
    let room = bench.room().await;
    for n in 1..=10 {
        bench.store_new(draft(&room, "ana", &n.to_string())).await;
    }
    let cases: [(Page, usize, &[Seq]); 9] = [
        (Page::Latest, 3, &[8, 9, 10]),
        (Page::Latest, 100, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (Page::Before(8), 3, &[5, 6, 7]),
        (Page::Before(2), 3, &[1]),
        (Page::Before(1), 3, &[]),
        (Page::Before(Seq::MAX), 2, &[9, 10]),
        (Page::After(0), 2, &[1, 2]),
        (Page::After(8), 100, &[9, 10]),
        (Page::After(Seq::MAX), 100, &[]),
    ];
    for (page, limit, expected) in cases {
        let found = bench.store.messages(&room, page, limit).await.unwrap();
        assert_eq!(seqs(&found), expected, "{page:?} {limit}");
    }
    let nowhere = super::room(&room.tenant, "nowhere");
    assert!(
        bench
            .store
            .messages(&nowhere, Page::Latest, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

pub(crate) async fn edits_and_deletions_give_revisions(bench: &Bench) {
    let room = bench.room().await;
    for n in 1..=4 {
        bench.store_new(draft(&room, "ana", &n.to_string())).await;
    }
    let ana = user("ana");
    bench.pass(1_000);
    let edited = bench.store.edit(&room, 3, &ana, false, "tres").await.unwrap();
    let Changed::Done { rev: 1, message } = edited else {
        panic!("{edited:?}");
    };
    assert_eq!((&*message.draft.text, message.seq), ("tres", 3));
    assert_eq!((message.edited_at, message.deleted), (Some(bench.now()), false));
    let deleted = bench.store.delete(&room, 1, &ana, false).await.unwrap();
    let Changed::Done {
        rev: 2,
        message: gone,
    } = deleted
    else {
        panic!("{deleted:?}");
    };
    assert!(gone.deleted);
    assert_eq!((&*gone.draft.text, gone.draft.data.as_deref()), ("", None));
    let again = bench.store.edit(&room, 3, &ana, false, "3").await.unwrap();
    assert!(matches!(again, Changed::Done { rev: 3, .. }));
    assert_eq!(bench.store.chat(&room).await.unwrap().unwrap().rev, 3);

    let changes = |rev, up_to, limit| bench.store.changed_since(&room, rev, up_to, limit);
    assert_eq!(
        seqs(&changes(0, 4, 10).await.unwrap()),
        [1, 3],
        "each message once, oldest change first"
    );
    assert_eq!(seqs(&changes(2, 4, 10).await.unwrap()), [3]);
    assert_eq!(seqs(&changes(0, 2, 10).await.unwrap()), [1]);
    assert_eq!(seqs(&changes(0, 4, 1).await.unwrap()), [1]);
    assert!(changes(3, 4, 10).await.unwrap().is_empty());
    let numbered = bench.store.changes(&room, 0, 4, 10).await.unwrap();
    let revisions: Vec<_> = numbered
        .iter()
        .map(|(rev, message)| (*rev, message.seq))
        .collect();
    assert_eq!(revisions, [(2, 1), (3, 3)], "by the last change of each");
    let page = bench.store.messages(&room, Page::Latest, 10).await.unwrap();
    assert_eq!(texts(&page), ["", "2", "3", "4"], "a place is kept");

    for outcome in [
        bench.store.edit(&room, 1, &ana, true, "back").await.unwrap(),
        bench.store.delete(&room, 1, &ana, false).await.unwrap(),
        bench.store.edit(&room, 5, &ana, false, "none").await.unwrap(),
        bench.store.delete(&room, Seq::MAX, &ana, true).await.unwrap(),
        bench
            .store
            .delete(&super::room(&room.tenant, "nowhere"), 1, &ana, true)
            .await
            .unwrap(),
    ] {
        assert_eq!(outcome, Changed::NotFound);
    }
}

pub(crate) async fn only_the_author_or_staff_change_a_message(bench: &Bench) {
    let room = bench.room().await;
    bench.store_new(draft(&room, "ana", "hola")).await;
    let bea = user("bea");
    assert_eq!(
        bench.store.edit(&room, 1, &bea, false, "x").await.unwrap(),
        Changed::Forbidden
    );
    assert_eq!(
        bench.store.delete(&room, 1, &bea, false).await.unwrap(),
        Changed::Forbidden
    );
    assert_eq!(bench.store.chat(&room).await.unwrap().unwrap().rev, 0);
    let staff = bench.store.edit(&room, 1, &bea, true, "moderated").await.unwrap();
    let Changed::Done { message, .. } = staff else {
        panic!("{staff:?}");
    };
    assert_eq!(message.draft.author, author("ana"), "it stays its author's");
}

pub(crate) async fn read_markers_only_go_forward(bench: &Bench) {
    let room = bench.room().await;
    let (bea, carl) = (user("bea"), user("carl"));
    assert_eq!(
        bench.store.mark_read(&room, &bea, 5).await.unwrap(),
        None,
        "there is nothing to read yet"
    );
    for n in 1..=3 {
        bench.store_new(draft(&room, "ana", &n.to_string())).await;
    }
    let steps = [
        (2, Some(2)),
        (2, None),
        (1, None),
        (0, None),
        (Seq::MAX, Some(3)),
        (3, None),
    ];
    for (seq, moved) in steps {
        assert_eq!(
            bench.store.mark_read(&room, &bea, seq).await.unwrap(),
            moved,
            "to {seq}"
        );
    }
    assert_eq!(
        bench.store.mark_read(&room, &carl, 1).await.unwrap(),
        Some(1),
        "no member need one be"
    );
    let reads = bench.store.reads(&room).await.unwrap();
    assert_eq!(reads, [(user("ana"), 3), (bea.clone(), 3), (carl, 1)]);
    let nowhere = super::room(&room.tenant, "nowhere");
    assert_eq!(bench.store.mark_read(&nowhere, &bea, 1).await.unwrap(), None);
}

pub(crate) async fn writing_is_reading(bench: &Bench) {
    let room = bench.room().await;
    bench.store_new(draft(&room, "ana", "1")).await;
    let first = draft(&room, "bea", "2");
    bench.store_new(first.clone()).await;
    bench.store_new(draft(&room, "ana", "3")).await;
    assert!(matches!(bench.append(first).await, Ok(Appended::Repeated(_))));
    let reads = bench.store.reads(&room).await.unwrap();
    assert_eq!(reads, [(user("ana"), 3), (user("bea"), 2)]);
}

pub(crate) async fn members_come_and_go(bench: &Bench) {
    let room = bench.room().await;
    let (ana, bea) = (user("ana"), user("bea"));
    assert_eq!(bench.store.put_member(&room, &bea).await.unwrap(), Some(true));
    bench.pass(1_000);
    assert_eq!(bench.store.put_member(&room, &ana).await.unwrap(), Some(true));
    assert_eq!(bench.store.put_member(&room, &ana).await.unwrap(), Some(false));
    bench.store_new(draft(&room, "ana", "hola")).await;
    let members = bench.store.members(&room).await.unwrap();
    let seen: Vec<_> = members
        .iter()
        .map(|m| (m.user.as_str(), &*m.name, m.read_seq))
        .collect();
    assert_eq!(seen, [("ana", "ana", 1), ("bea", "bea", 0)]);
    assert_eq!(members[0].joined_at, bench.now());
    assert!(
        bench
            .store
            .user(&person(&room.tenant, "ana"))
            .await
            .unwrap()
            .is_some()
    );
    assert!(bench.store.remove_member(&room, &ana).await.unwrap());
    assert!(!bench.store.remove_member(&room, &ana).await.unwrap());
    assert_eq!(bench.store.members(&room).await.unwrap().len(), 1);
    assert!(
        bench.store.reads(&room).await.unwrap().is_empty(),
        "who left is not shown as a reader"
    );
    let nowhere = super::room(&room.tenant, "nowhere");
    assert_eq!(bench.store.put_member(&nowhere, &ana).await.unwrap(), None);
    assert!(!bench.store.remove_member(&nowhere, &ana).await.unwrap());
}

pub(crate) async fn the_inbox_shows_what_moved_last_first(bench: &Bench) {
    let tenant = bench.tenant().await;
    let me = person(&tenant, "me");
    let rooms: Vec<_> = ["a", "b", "c", "d"].iter().map(|id| room(&tenant, id)).collect();
    for room in &rooms {
        bench.store.put_chat(room, None).await.unwrap();
    }
    for room in &rooms[..3] {
        bench.store.put_member(room, &me.user).await.unwrap();
    }
    // The clock runs backwards meanwhile: what moved last is known all the same.
    for (which, text) in [(0, "1"), (1, "2"), (3, "not mine"), (0, "3")] {
        bench.pass(-1_000);
        bench.store_new(draft(&rooms[which], "ana", text)).await;
    }
    bench.store.mark_read(&rooms[0], &me.user, 1).await.unwrap();
    let inbox = bench.store.inbox(&me, false, 10).await.unwrap();
    let seen: Vec<_> = inbox
        .iter()
        .map(|line| {
            let last = line.last.as_ref().map(|message| &*message.draft.text);
            (
                line.chat.key.chat.as_str(),
                line.chat.last_seq,
                line.read_seq,
                last,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [("a", 2, 1, Some("3")), ("b", 1, 0, Some("2")), ("c", 0, 0, None)]
    );
    let short = bench.store.inbox(&me, false, 1).await.unwrap();
    assert_eq!(short, inbox[..1]);
    assert!(
        bench
            .store
            .inbox(&person(&tenant, "nobody"), false, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

pub(crate) async fn an_agents_inbox_shows_every_chat(bench: &Bench) {
    let tenant = bench.tenant().await;
    let agent = person(&tenant, "agent");
    for id in ["a", "b"] {
        bench.store.put_chat(&room(&tenant, id), None).await.unwrap();
    }
    bench.store_new(draft(&room(&tenant, "a"), "ana", "hola")).await;
    bench
        .store
        .mark_read(&room(&tenant, "a"), &agent.user, 1)
        .await
        .unwrap();
    let inbox = bench.store.inbox(&agent, true, 10).await.unwrap();
    let seen: Vec<_> = inbox
        .iter()
        .map(|line| (line.chat.key.chat.as_str(), line.read_seq))
        .collect();
    assert_eq!(seen, [("a", 1), ("b", 0)]);
    assert_eq!(bench.store.inbox(&agent, true, 1).await.unwrap(), inbox[..1]);
    assert!(bench.store.inbox(&agent, false, 10).await.unwrap().is_empty());
}
