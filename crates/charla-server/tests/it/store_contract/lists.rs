//! What lists of chats show of those that moved.

use charla_server::store::lists::Listed;

use super::{Bench, draft, room, user};

pub(crate) async fn lists_show_the_last_message_and_the_people(bench: &Bench) {
    let (mine, silent) = (bench.room().await, bench.room().await);
    let second = room(&mine.tenant, "second");
    bench.store.put_chat(&second, Some("Second")).await.unwrap();
    bench.store.put_member(&mine, &user("bea")).await.unwrap();
    bench.store.put_member(&mine, &user("carl")).await.unwrap();
    for (room, text) in [(&mine, "1"), (&second, "2"), (&mine, "3")] {
        bench.store_new(draft(room, "ana", text)).await;
    }
    bench.store.mark_read(&mine, &user("bea"), 1).await.unwrap();
    let asked = [
        mine.clone(),
        silent,
        room(&mine.tenant, "nowhere"),
        second.clone(),
    ];
    let mut listed = bench.store.listed(&asked).await.unwrap();
    listed.sort_by_key(|listed| listed.last.seq);
    let seen: Vec<_> = listed
        .iter()
        .map(|listed| (&listed.chat.key, listed.last.seq, &*listed.last.draft.text))
        .collect();
    assert_eq!(seen, [(&second, 1, "2"), (&mine, 2, "3")], "the others have none");
    let people = |listed: &Listed| {
        let mut people: Vec<_> = listed
            .people
            .iter()
            .map(|reader| (reader.user.to_string(), reader.read_seq, reader.is_member))
            .collect();
        people.sort();
        people
    };
    let person = |name: &str, read, is_member| (name.to_owned(), read, is_member);
    assert_eq!(people(&listed[0]), [person("ana", 1, false)]);
    assert_eq!(
        people(&listed[1]),
        [
            person("ana", 2, false),
            person("bea", 1, true),
            person("carl", 0, true)
        ]
    );
    assert_eq!(bench.store.listed(&[]).await.unwrap(), []);
}
